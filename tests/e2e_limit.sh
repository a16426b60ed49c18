#!/usr/bin/env bash
# `optimum` and `limit`: printed numbers against closed forms and values found elsewhere, verdicts, files, figures,
# and what is refused.
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "${BASH_SOURCE[0]}")/e2e.sh"

# json EXPRESSION...: all hold of the object on the last line of standard output, called s; near(a, b, tolerance).
cat >.json.py <<'END'
import json, math, sys

s = json.loads(open(sys.argv[1]).read().splitlines()[-1])
def near(a, b, tolerance):
    return abs(a - b) <= tolerance
for expression in sys.argv[2:]:
    if not eval(expression):
        sys.exit(f"not so: {expression}; {json.dumps(s)[:2000]}")
END
json() { "$python" .json.py .out "$@"; }
narrow() { ! grep -qE '^.{111}' .out; } # lines that fit a page

# ---- the minimum -----------------------------------------------------------------------------------------

returns 0 optimum stable -o stable
says '^ +1\.0000000000 +0\.1600112675 +0\.4874980273 '
says 'least risk +0\.66060618[0-9]* nat'
check '  in lines of 110 columns at most' narrow
check '  and writes optimum.nc' test -s stable/optimum.nc
returns 0 optimum stable --quiet --json -o stable
check 'stable: one head, to all its digits' json 'near(s["risk"], 0.660606184578, 1e-11)' 's["gap"] <= 1e-10' \
  'len(s["atoms"]) == 1' 'near(s["atoms"][0]["position"][0], 0.1600112675, 1e-9)' 'not s["wall_limited"]' \
  'near(s["atoms"][0]["position"][1], 0.4874980273, 1e-9)' 's["atoms"][0]["wall"] == ["none", "none"]'

# the minimum in closed form: the two-class entropy of labels flipped with probability 0.1 cannot be undercut
returns 0 optimum retrieval --quiet --json -o retrieval
check 'retrieval: the entropy of the labels' json \
  'near(s["risk"], -0.9 * math.log(0.9) - 0.1 * math.log(0.1), 1e-10)' 's["gap"] <= 1e-10'

# one value, no ridge: the head that reaches furthest, at the wall; log(1 + exp(-4))
returns 0 optimum translate -o translate
says 'v upper'
says 'wall-limited: the minimum of the box, not of the unbounded problem'
returns 0 optimum translate --quiet --json -o translate
check 'translate: held by the wall' json 's["wall_limited"]' 's["atoms"][0]["wall"] == ["upper"]' \
  'near(s["risk"], math.log1p(math.exp(-4)), 1e-12)'

returns 0 optimum saddle --quiet --json -o saddle
check 'saddle: one head, away from 0' json 's["gap"] <= 1e-10' 's["risk"] < 0.6' 'near(sum(a["mass"] for a in s["atoms"]), 1, 1e-12)'
returns 0 optimum specialise --quiet --json -o specialise
check 'specialise: two groups, below the best single head' json 's["gap"] <= 1e-10' 'len(s["atoms"]) == 2' \
  's["risk"] < 0.47082229 - 0.01'
returns 0 optimum saddle --quiet --json --gap 1e-6 -o coarse
check 'the gap is as asked for' json 's["gap"] <= 1e-6'

returns 3 optimum stable --quiet --json --gap 1e-300 -o unreached
complains 'gap .*1e-300 was asked for'
check '  and keeps what was found' json 'near(s["risk"], 0.660606184578, 1e-11)'
check '  in its file' test -s unreached/optimum.nc

returns 0 optimum specialise --gap 0.5 -o coarse
says 'least risk +0\.[0-9]{4,} nat'
returns 0 optimum gibbs --set 'grid.cells=[8,8]' -o coarse
says 'as h -> 0 +not known: the grid does not resolve the density'
returns 0 optimum gibbs -o gibbs
says 'as h -> 0 +0\.55885474'
returns 0 optimum gibbs --quiet --json -o gibbs
check 'gibbs: the least free energy as h goes to 0' json 'near(s["free_energy_continuum"], 0.558854746, 2e-9)' \
  's["gap"] <= 1e-10' 'near(s["free_energy"], s["risk"] + 0.05 * s["entropy"], 1e-12)'

# ---- stationary Dirac measures of a case -----------------------------------------------------------------

returns 0 limit stable -o stable
says '0\.660606184578 .* stable +a +0\.1600112675 +0\.18453299 +0\.21361116$'
says '^ +v +0\.4874980273 +0\.35285204 +0\.38528535$'
check '  in lines of 110 columns at most' narrow
returns 0 limit contract --quiet --json --starts 40 -o contract
check 'contract: rates 2/15 and 2/3' json 's["starts"] == 40' 'len(s["diracs"]) == 1' \
  's["diracs"][0]["stability"] == "stable"' \
  'near(s["diracs"][0]["motion_rates"][0], 2 / 15, 1e-10)' 'near(s["diracs"][0]["motion_rates"][1], 2 / 3, 1e-10)' \
  'near(s["diracs"][0]["monotonicity"], 2 / 15, 1e-10)' 'near(s["diracs"][0]["risk"], math.log(2), 1e-14)'
returns 0 limit saddle --quiet --json -o saddle
check 'saddle: at 0 growth 1/6, decay 11/30' json \
  '[d for d in s["diracs"] if max(map(abs, d["atoms"][0]["position"])) < 1e-9 and d["stability"] == "unstable"
    and near(d["motion_rates"][0], -1 / 6, 1e-10) and near(d["motion_rates"][1], 11 / 30, 1e-10)]' \
  'all(d["risk"] >= s["minimum"] - s["minimum_gap"] for d in s["diracs"])'
returns 0 limit retrieval --set 'regularisation.ridge=0' -o retrieval
says 'stationary Dirac measures in the box'
says 'ridge 0: a value coordinate'
says 'all label distributions are matched'
check '  and writes limit.nc' test -s retrieval/limit.nc

# without attention and ridge A is the zero matrix wherever the Dirac is: here at log 9, the log odds of the label
cat >flat.yaml <<'END'
name: flat
title: A value alone
data: {events: [{tokens: [[1]], label: [0.9, 0.1]}]}
heads:
  attention: {form: affine, coordinates: [], base: [[0]], basis: []}
  value: {coordinates: [v], base: [[0], [0]], basis: [[[0.5], [-0.5]]]}
initial:
  v: {bump: {center: 0, radius: 1}}
grid: {lower: [-2], upper: [4], cells: [64]}
time: {end: 2}
END
returns 0 limit ./flat.yaml -o flat
says 'degenerate +v +2\.1972245773 +0\.00000000'
says 'ridge 0: a value coordinate'

# ---- of a solution ---------------------------------------------------------------------------------------

returns 0 run stable --quiet --set 'grid.cells=[64,64]' --set scheme.flux=duality7 --set time.end=30 --set time.outputs=61 -o stable
returns 0 limit stable/solution.nc
says 'the stationary measure that the solution goes to: 1 atom, stable'
says 'the minimiser of the risk'
says '^theorem +hypothesis conclusion +evidence'
says 'measured  range, window$'
says 'the mean at 0\.38528535 is driven by the spread, at 2 lambda_min\(A\) = 0\.36906598'
check '  in lines of 110 columns at most' narrow
check '  and writes limit.nc beside it' test stable/limit.nc -nt stable/solution.nc
returns 0 limit stable/solution.nc --quiet --json -o elsewhere
check 'stable: its goal is the minimiser, and its rates are those of the linearised flow' json \
  'len(s["goal"]["atoms"]) == 1' 's["goal"]["residual"] <= 1e-12' 's["goal"]["gap"] <= 1e-9' \
  'near(s["goal"]["atoms"][0]["position"][0], 0.1600112675, 1e-9)' \
  'near(s["approach"]["limit"], 0.660606184578, 1e-9)' 'not s["approach"]["extrapolated"]' \
  'all(near(r["measured"]["value"], r["promised"], 0.02 * r["promised"])
    for of in ("spread", "mean") for r in [r for r in s["local_rates"] if r["of"] == of][:1])' \
  's["arrives"]' '{"spread", "mean"} == {r["of"] for r in s["local_rates"]}' 'len(s["verdicts"]) >= 6' \
  'all(v["concluded"] != "no" for v in s["verdicts"] if v["assumed"] == "yes")'
check '  where it is told to' test -s elsewhere/limit.nc
returns 0 limit ./stable -o elsewhere
says 'the stationary measure that the solution goes to: 1 atom, stable'
returns 0 run saddle --quiet --set 'grid.cells=[64,64]' -o short
returns 0 limit short
says 'a stationary measure beside the solution: '
says 'not reached: R is still 0\.'
returns 0 limit saddle -o short
says 'wrote short/limit.nc, in the place of a solution.s'
returns 0 run translate --quiet --set 'grid.cells=[64]' --set time.end=60 -o walls
returns 0 limit walls
says '^WARNING: 0\.[0-9]+ of the mass is at the walls of the box'

returns 0 run saddle --quiet --set 'grid.cells=[64,64]' --set time.end=60 --set time.outputs=61 -o saddle
returns 0 limit saddle/solution.nc
says 'stationary and not optimal: its risk is above the least by 0\.'
returns 0 limit saddle/solution.nc --quiet --json
check 'saddle: at rest, and not at the minimum' json 's["goal"]["risk"] > s["minimum"] + 1e-3' 's["goal"]["gap"] > 1e-3' \
  's["goal"]["residual"] <= 1e-12' 'len(s["goal"]["atoms"]) >= 2'

returns 0 run ridge --quiet --set time.end=20 -o ridge
returns 0 limit ridge/solution.nc --quiet --json
check 'ridge: the spread decays with the ridge' json \
  'near([r for r in s["local_rates"] if r["of"] == "spread"][0]["promised"], 0.25, 1e-12)' \
  'near([r for r in s["local_rates"] if r["of"] == "spread"][0]["measured"]["value"], 0.25, 0.01)'
returns 0 run gibbs --quiet --set 'grid.cells=[48,48]' -o gibbs
returns 0 limit gibbs/solution.nc
says 'least free energy'
says 'the stationary measure is the Gibbs density'
says 'with a temperature only a density is at rest'
says 'F_inf 0\.559'

# ---- figures and readers ---------------------------------------------------------------------------------

figures() {
  local name format
  for name in "${@:2}"; do
    for format in svg pdf png gp dat; do test -s "$1/figures/$name.$format" || return; done
  done
}
returns 0 figures stable
check '  and leaves those of all files' figures stable optimum approach lojasiewicz density risk
returns 0 figures specialise/optimum.nc
check '  and leaves that of three coordinates' figures specialise optimum
returns 0 figures gibbs
check '  and leaves those with a temperature' figures gibbs optimum approach lojasiewicz

if "$python" -c 'import xarray, netCDF4' 2>/dev/null; then
  cat >reads.py <<'END'
import sys
import xarray as xr

for path in sys.argv[1:]:
    with xr.open_dataset(path) as data:
        data.load()
        assert data.attrs["Conventions"] == "CF-1.10" and data.attrs["case"], path
        for name, variable in data.variables.items():
            assert variable.attrs.get("long_name"), (path, name)
            assert variable.dtype.kind not in "fi" or variable.attrs.get("units"), (path, name)
        if "atom_mass" in data:
            assert abs(float(data.atom_mass.sum()) - 1) < 1e-12, path
            assert data.potential.dims == tuple(map(str, data.coordinate.values)), path
        if "theorem" in data.coords:
            assert len(str(data.evidence.sel(theorem=data.theorem[0]).values)) > 0, path
END
  check 'xarray opens the files as they are' "$python" reads.py {stable,specialise,translate,gibbs}/optimum.nc \
    {stable,saddle,contract,retrieval,flat,gibbs,ridge}/limit.nc
fi

# ---- bad calls: one line, nothing left behind ------------------------------------------------------------

for wrong in 'optimum stable --gap 0' 'optimum stable --gap none' 'optimum stable --starts 3' 'limit stable --starts 0' 'optimum' \
  'limit' 'limit stable --levels 3' 'optimum stable extra' 'limit nosuchcase'; do
  # shellcheck disable=SC2086
  returns 2 $wrong --quiet -o wrong
  complains '.'
  leaves_no wrong
done
returns 2 limit stable/solution.nc --set time.end=3
complains 'option --set: stable/solution.nc is a solution'
returns 4 limit nowhere.nc
complains 'nowhere.nc: cannot read'
returns 4 limit stable/optimum.nc -o wrong
complains 'stable/optimum.nc: holds no density'
returns 4 figures stable/limit.nc -o .out/below
complains '\.out'
mkdir idle
cp contract/limit.nc idle
returns 4 figures idle
complains 'idle/limit\.nc: nothing to draw: it is of a case, not of a solution'
returns 4 figures contract/limit.nc -o wrong
complains 'nothing to draw: it is of a case'
head -c 20000 stable/solution.nc >truncated.nc
returns 4 limit truncated.nc -o wrong
complains 'truncated.nc: not a NetCDF file, or damaged'
returns 4 optimum ridge --quiet -o .out/below
complains '\.out'
returns 4 limit ridge --quiet -o .out/below
complains '\.out'
leaves_no wrong

finish
