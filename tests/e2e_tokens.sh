#!/usr/bin/env bash
# `model: tokens`: the named cases by run, verify, limit, figures and report; plateaus of the metastable circle; and
# what is refused. With HEADFLOW_FULL=1 on their own cells and to their own ends.
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "${BASH_SOURCE[0]}")/e2e.sh"

# summary EXPRESSION: of the last line of the last call, a JSON object, as s
summary() {
  "$python" - .out "$1" <<'END'
import json, math, sys

s = json.loads(open(sys.argv[1]).read().splitlines()[-1])
print(s)
assert eval(sys.argv[2])
END
}

kept='s["mass_error"] <= 1e-12 and s["energy_balance"] <= 1e-6 and s["model"] == "tokens"'

# ---- the circle

returns 0 run circle-uniform -o uniform
says 'energy balance .*promised'
check 'modes grow at k^2 I_k/I_0' "$python" - uniform/solution.nc <<'END'
import netCDF4, numpy, scipy.special, sys

with netCDF4.Dataset(sys.argv[1]) as d:
    time, amplitude = d["time"][:], d["amplitude"][:]
    for k in range(1, 9):
        expected = k**2 * scipy.special.iv(k, 5) / scipy.special.iv(0, 5)
        seen = numpy.log(amplitude[20, k - 1] / amplitude[0, k - 1]) / time[20]
        print(k, seen, expected)
        assert abs(seen - expected) < 2e-4 * expected
END
returns 0 run circle-cluster --quiet --json --set time.rtol=1e-10 --set time.atol=1e-12 --set scheme.flux=duality7 --set 'grid.cells=[64]' --set time.end=0.5 -o cluster
check '  and keeps mass and energy' summary "$kept"
check '  and agrees with tokens in NumPy and SciPy' "$python" - cluster/solution.nc <<'END'
import netCDF4, numpy, scipy.integrate, sys

n, beta = 64, 2
theta = 2 * numpy.pi * (numpy.arange(n) + 0.3) / n
weight = (1 + 0.4 * numpy.cos(theta) + 0.3 * numpy.sin(theta) + 0.25 * numpy.cos(2 * theta)) / n


def kernel(x):
    return weight * numpy.exp(beta * numpy.cos(x[:, None] - x[None, :]))


def velocity(_, x):
    k = kernel(x)
    return -beta * (k * numpy.sin(x[:, None] - x[None, :])).sum(1) / k.sum(1)


assert abs(weight @ kernel(theta).sum(1) - 2.49994455) < 5e-9
end = scipy.integrate.solve_ivp(velocity, (0, 0.5), theta, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
with netCDF4.Dataset(sys.argv[1]) as d:
    energy, mean = numpy.exp(beta) * d["energy"][-1], d["mean"][-1]
print(energy, weight @ kernel(end).sum(1), mean, weight @ numpy.cos(end))
assert abs(energy - weight @ kernel(end).sum(1)) < 1e-8
assert abs(mean[0] - weight @ numpy.cos(end)) < 1e-8 and abs(mean[1] - weight @ numpy.sin(end)) < 1e-8
END
returns 0 verify circle-cluster --set 'grid.cells=[128]' --set time.end=0.5
says '^128 +[0-9.e-]+ +[12]\.'
returns 0 verify circle-cluster --json --quiet --levels 2 --set 'grid.cells=[64]' --set time.end=0.5 --set scheme.flux=duality7 --set time.rtol=1e-11 --set time.atol=1e-13
check '  and ends within 1e-9 of the tokens' summary 's["grids"][1]["energy_error"] < 1e-9 and s["uncertainty"] < 1e-11'
strong=(circle-cluster --quiet --json --set 'tokens.interaction=[[36,0],[0,1]]' --set time.end=0.02)
returns 0 verify "${strong[@]}" --levels 2 --nodes 512 --set 'grid.cells=[128]' --set scheme.flux=duality7 --set time.rtol=1e-10 --set time.atol=1e-12
check '  and strong interactions end within 1e-7 of the tokens' summary 's["grids"][1]["energy_error"] < 1e-7'
returns 0 run "${strong[@]}" --set 'tokens.interaction=[[300,0],[0,1]]' -o strong
check '  and do not stall the time steps' summary 's["steps"] < 3000'
returns 3 run "${strong[@]}" --set tokens.attention=unnormalised --set 'tokens.interaction=[[300,0],[0,1]]' -o strong
complains 'lower tokens.interaction'
returns 3 verify circle-split --quiet --levels 2 --set 'grid.cells=[32]' --set scheme.flux=duality7
complains 'observed order|uncertain'
returns 0 run circle-split --quiet --json -o split
check '  and keeps mass and energy' summary "$kept"
check '  and two clusters on the axis remain' summary 's["relative_energy"] > 0.5 and abs(s["mean"][1]) < 0.02 and s["setback"] <= 1e-9'

end=200
[[ ${HEADFLOW_FULL:-} != 1 ]] || end=1800
returns 0 run circle-metastable --quiet --json --set time.end=$end --set time.outputs=$((end + 1)) -o metastable
check '  and keeps mass and energy' summary "$kept and s['energy_balance'] <= 1e-7"
check '  and passes the plateaus of uniform, three and two clusters' "$python" - metastable/solution.nc <<'END'
import netCDF4, numpy, sys

with netCDF4.Dataset(sys.argv[1]) as d:
    time, energy = d["time"][:], d["energy"][:]
plateaus = [(0.18354, 2), (1 / 3 + 2 / 3 * numpy.exp(-7.5), 100), (5 / 9, 20)] + ([(1, 100)] if time[-1] > 1700 else [])
for level, least in plateaus:
    length = numpy.sum(abs(energy - level) < 2e-3 * level)
    print(level, length)
    assert length >= least
assert numpy.all(numpy.diff(energy) > -1e-8)
END
check '  from which two clusters depart as two tokens of their masses do' "$python" - metastable/solution.nc <<'END'
import netCDF4, numpy, scipy.integrate, sys

beta = 5
with netCDF4.Dataset(sys.argv[1]) as d:
    time, mean, second = d["time"][:].data, d["mean"][:].data, d["second"][:].data
# masses m and 1 - m, an angle apart, by the first two moments: 1 - 2 p (1 - cos), 1 - 4 p sin^2, p = m (1 - m)
first = (mean**2).sum(1)
twice = (second[:, 0, 0] - second[:, 1, 1]) ** 2 + 4 * second[:, 0, 1] ** 2
cosine = (1 - twice) / (1 - first) / 2 - 1
p, apart = (1 - first) / (1 - cosine) / 2, numpy.arccos(numpy.clip(cosine, -1, 1))


def rate(_, angle, m):
    near, far = numpy.exp(beta), numpy.exp(beta * numpy.cos(angle))
    return -beta * numpy.sin(angle) * far * ((1 - m) / (m * near + (1 - m) * far) + m / ((1 - m) * near + m * far))


for now in [185] + [400, 800, 1200] * (time[-1] > 1700):
    k = int(numpy.searchsorted(time, now))
    m = (1 - numpy.sqrt(1 - 4 * p[k])) / 2
    seen = (apart[k + 5] - apart[k - 5]) / (time[k + 5] - time[k - 5])
    print(now, m, seen / rate(0, apart[k], m) - 1)
    assert abs(seen / rate(0, apart[k], m) - 1) < 1e-4
if time[-1] > 1700:
    k = int(numpy.searchsorted(time, 300))
    met = lambda t, angle, m: angle[0] - numpy.pi / 2
    path = scipy.integrate.solve_ivp(rate, (time[k], 2000), [apart[k]], "DOP853", args=((1 - numpy.sqrt(1 - 4 * p[k])) / 2,),
                                     events=met, rtol=1e-10, atol=1e-12)
    last = int(numpy.argmax(apart < numpy.pi / 2))
    print(path.t_events[0], time[last])
    assert time[last - 1] - 0.5 < path.t_events[0][0] < time[last] + 0.5
END

# ---- the sphere

returns 0 run sphere-cluster --quiet --json -o sphere
check '  and keeps mass and energy' summary "$kept"
returns 0 verify sphere-cluster --json --quiet --levels 2 --set 'grid.cells=[32]' --set scheme.flux=duality5 --set time.end=0.5
check '  at fifth order' summary 's["grids"][1]["energy_order"] > 4.65'
coarse=(--set 'grid.cells=[16,32]' --set time.end=1)
[[ ${HEADFLOW_FULL:-} != 1 ]] || coarse=()
returns 0 run sphere-anisotropic --quiet --json ${coarse[@]+"${coarse[@]}"} -o anisotropic
check '  and keeps mass and energy' summary "$kept"
returns 0 run sphere-cluster --set 'grid.cells=[12,16]' --set time.end=0.2 -o whole
says 'solves them in one dimension'

# ---- limit, figures, report

returns 0 limit circle-uniform
says 'mode k grows at'
says 'lowest E/e.* 0.18354081[0-9]+: the uniform state'
returns 0 limit circle-uniform --set 'tokens.interaction=[[3,-4],[4,3]]'
says 'D turns by 0.927295, mode k grows at'
check '  at the rates of 5 I times e^{-ik alpha}' "$python" - .out <<'END'
import scipy.special, sys

lines = open(sys.argv[1]).read().splitlines()
first = next(k for k, line in enumerate(lines) if "D turns by" in line) + 1
seen = [complex(*z) for z in zip(map(float, lines[first].split()), map(float, lines[first + 2].split()))]
for k in range(1, 9):
    expected = k**2 * scipy.special.iv(k, 5) / scipy.special.iv(0, 5) * ((3 - 4j) / 5) ** k
    print(k, seen[k - 1], expected)
    assert abs(seen[k - 1] - expected) < 1e-5 * abs(expected)
END
says 'E/e.* of the uniform state +0.18354081[0-9]+'
returns 0 limit circle-split --json
says 'the uniform state is not stationary'
says 'two equal antipodal clusters on \(1, 0\): stable'
says 'two equal antipodal clusters on \(0, 1\): not stable'
returns 0 limit circle-split --set 'tokens.interaction=[[2,0],[0,1.93]]'
says 'two equal antipodal clusters on \(1, 0\): not stable'
returns 0 limit circle-cluster
says 'one cluster on \(1, 0\): neutral \(it can turn\)'
says 'two equal antipodal clusters on \(1, 0\): not stable'
returns 0 limit split
says 'the solution at t = 4'
for folder in uniform anisotropic; do
  returns 0 figures $folder
  returns 0 report $folder
  check '  and leaves a page with figures' grep -q '<svg' $folder/report.html
done
for figure in uniform/figures/tokens_{density,energy,growth} anisotropic/figures/tokens_{sphere,energy}; do
  check "  and draws $figure" test -s $figure.svg -a -s $figure.pdf -a -s $figure.png
done

# ---- a signal, which leaves nothing

code=0
timeout --preserve-status -s TERM 2 "$program" run circle-cluster --quiet --set time.rtol=1e-13 --set time.atol=1e-15 \
  --set 'grid.cells=[16384]' -o stopped >.out 2>.err || code=$?
check 'SIGTERM ends a run with 143' test $code -eq 143
complains 'interrupted at t = .* of '
check '  and leaves no file' test -z "$(ls -A stopped)"

# ---- what is refused

refuses() { # PATTERN ARGUMENT...
  local pattern=$1
  shift
  returns 2 "$@" -o refused
  complains "$pattern"
  leaves_no refused
}
refuses 'sgd: circle-uniform is of tokens.*run, verify, limit, figures, report' sgd circle-uniform
refuses 'run: --resume is not for tokens; expected one of --set, --output, --quiet, --json' run circle-uniform --resume
refuses 'verify: --output is not for tokens' verify circle-uniform
refuses 'limit: --output is not for tokens' limit circle-uniform --starts 3
refuses 'scheme.*unknown flux' run circle-uniform --set scheme.flux=duality9
refuses 'interactions: unknown key, did you mean' run circle-uniform --set tokens.interactions=1
refuses '2 x 2' run circle-uniform --set 'tokens.interaction=[[1,2]]'
refuses 'attention.*softmax, unnormalised' run circle-uniform --set tokens.attention=linear
refuses 'falls to -' run circle-uniform --set 'initial.sine=[2]'
refuses '}: initial: the density is -7 on average.*expected a mean > 0' run circle-uniform --set 'initial={quadratic: [[-10,0],[0,-6]]}'
refuses 'interaction: of norm 301; expected' run circle-uniform --set 'tokens.interaction=[[301,0],[0,1]]'
refuses 'legendre.*for the sphere' run circle-uniform --set 'initial.legendre=[0.2]'
refuses 'symmetric about the third axis' run sphere-anisotropic --set 'grid.cells=[16]'
refuses 'unknown model.*expected one of heads, tokens' run circle-uniform --set model=token
refuses 'tokens; expected one of heads|unknown key' run retrieval --set model=tokens

finish
