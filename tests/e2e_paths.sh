#!/usr/bin/env bash
# Cases of `model: paths`: data from NetCDF and CSV files, paths.nc, figures, the report, and what is refused.
# With HEADFLOW_FULL=1 the hidden-Markov task on all its seeds.
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "${BASH_SOURCE[0]}")/e2e.sh"

# The reference problem as a NetCDF file, and as two CSV files.
check 'the reference problem is written' "$python" - "$tests/data/paths-l1-h3.json" <<'END'
import json, sys
import netCDF4, numpy as np

problem = json.load(open(sys.argv[1]))
sets = {"": (problem["inputs"], problem["attention"][0], problem["labels"]),
        "test_": (problem["test_inputs"], problem["test_attention"][0], np.sign(problem["gp"]["mean"]))}
with netCDF4.Dataset("reference.nc", "w") as file:
    for name, length in {"example": 12, "test_example": 4, "feature": 5, "token": 4, "head_1": 3, "key": 4}.items():
        file.createDimension(name, length)
    for prefix, (inputs, attention, labels) in sets.items():
        example = prefix + "example"
        file.createVariable(prefix + "inputs", "f8", (example, "feature", "token"))[:] = inputs
        file.createVariable(prefix + "attention_1", "f8", (example, "head_1", "key"))[:] = attention
        file.createVariable(prefix + "labels", "f8", (example,))[:] = labels

row = lambda values: " ".join(repr(float(value)) for value in values)
with open("examples.csv", "w") as examples, open("attention.csv", "w") as weights:
    examples.write("set,label,tokens\n")
    weights.write("set,example,layer,head,weights\n")
    for prefix, (inputs, attention, labels) in sets.items():
        name = "test" if prefix else "train"
        for p, (input, label) in enumerate(zip(inputs, labels)):
            examples.write(f"{name},{label},{';'.join(row(token) for token in np.transpose(input))}\n")
            for h in range(3):
                weights.write(f"{name},{p + 1},1,{h + 1},{row(attention[p][h])}\n")
END
cat >case.yaml <<'END'
name: reference
title: The reference problem
model: paths
data: {file: reference.nc}
network: {heads: [3], widths: [[8, 6], 100], variances: [1.1, 1.2, 0.8], temperature: 0.05}
prune: true
END

returns 0 run ./case.yaml --quiet --json -o netcdf
check 'the last line is JSON' "$python" -c 'import json; s = json.loads(open(".out").read().splitlines()[-1])
assert s["model"] == "paths" and s["networks"][0]["width"] == 8 and s["networks"][2]["width"] is None
assert 0 < s["networks"][0]["residual"] <= 1e-12'
check 'paths.nc has the solution, the predictor, the scores and pruning of the reference' "$python" - "$tests/data/paths-l1-h3.json" <<'END'
import json, sys
import netCDF4, numpy as np

reference = json.load(open(sys.argv[1]))
file = netCDF4.Dataset("netcdf/paths.nc")
def close(found, expected, tolerance=1e-8):
    found, expected = np.asarray(found), np.asarray(expected)
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max(), (found, expected)
close(file["order_parameter_1"][0, 0], reference["solution"]["U"][0])
close(file["readout_variance"][0, 0], reference["solution"]["u_a"])
close(file["entropy"][0, 0] + file["energy"][0, 0], reference["solution"]["S"], 1e-12)
close(file["mean"][0, 0], reference["renormalised"]["mean"])
close(file["variance"][0, 0], reference["renormalised"]["variance"])
close(file["mean"][0, 2], reference["gp"]["mean"], 1e-12)
close(file["variance"][0, 2], reference["gp"]["variance"], 1e-12)
close(file["kernel"][0, 0][0], reference["kernel_first_row"])
close(file["score"][0, 0], [row[2] for row in reference["head_scores"]])
close(file["alignment"][0, 2][:3], reference["alignment_first3"]["gp"], 1e-10)
close(np.sort(np.linalg.eigvalsh(file["kernel"][0, 0]))[::-1], file["eigenvalue"][0, 0], 1e-12)
labels, mean = file["test_label"][0], file["mean"][0, 0]
assert file["accuracy"][0, 0] == np.mean(np.sign(mean) == labels)
close(file["error"][0, 0], np.mean((mean - labels) ** 2), 1e-12)
assert np.isinf(file["width"][2]).all() and file["width"][1, 1] == 100
assert list(file["pruned_head"][0, 0]) == [-1, 2, 1]  # scores 1, 0.98, 0.82
assert file["pruned_accuracy"][0, 0, 0] == file["accuracy"][0, 0]
END
returns 0 run ./case.yaml --set 'data={file: examples.csv, attention: attention.csv}' -o csv
says '^ +8,6 +'
says '^ +100 +'
says '^ +infinite'
check 'CSV files give the same' "$python" -c 'import netCDF4, numpy as np
a, b = (netCDF4.Dataset(f"{name}/paths.nc") for name in ("netcdf", "csv"))
for name in ("order_parameter_1", "mean", "variance", "kernel"):
    assert np.abs(a[name][:] - b[name][:]).max() <= 1e-12 * np.abs(a[name][:]).max(), name'
check 'JSON tells networks apart' "$python" -c 'import json, subprocess, sys
out = subprocess.run([sys.argv[1], "run", "./case.yaml", "--set", "network.widths=[[8,6],[8,9]]", "-q", "--json", "-o", "apart"],
                     capture_output=True, text=True, check=True).stdout
assert [n.get("widths") for n in json.loads(out)["networks"]] == [[8, 6], [8, 9], None], out' "$program"
returns 0 figures apart
check 'and so do maps and legends' grep -q "8,6.*8,9" <(tr '\n' ' ' <apart/figures/paths_pruning.gp)
check 'and the axis of accuracies' grep -q "xtics ('8,6' 1, '8,9' 2)" apart/figures/paths_accuracy.gp
check 'named cases stand in columns' test "$("$program" list | grep -cE '^.{19} [A-Z]')" -eq "$("$program" list | wc -l)"
returns 0 run ./case.yaml --set starts=3 -q -o several
check 'three starts find one minimum' "$python" -c 'import netCDF4
file = netCDF4.Dataset("several/paths.nc")
assert 0 < file["start_spread"][0, 0] < 1e-8 and file["evaluations"][0, 0] > 30'

# ---- labels that are no signs: an error, no accuracy

check 'a problem with other labels is written' "$python" -c 'import netCDF4, shutil
shutil.copy("reference.nc", "real.nc")
netCDF4.Dataset("real.nc", "a")["test_labels"][:] = [0, 0.7, -1, 1]'
returns 0 run ./case.yaml --set data.file=real.nc --json -o real
says 'no accuracy, of signs'
says '^ +8,6 +none '
check 'nor in paths.nc, nor in JSON' "$python" -c 'import json, netCDF4, numpy as np
file = netCDF4.Dataset("real/paths.nc")
for name in ("accuracy", "pruned_accuracy"): assert np.isnan(np.ma.filled(file[name][:], np.nan)).all()
assert np.isfinite(file["error"][:]).all()
assert [n["accuracy"] for n in json.loads(open(".out").read().splitlines()[-1])["networks"]] == [None] * 3'
returns 0 figures real
check 'figures of the accuracy are left out, others are not' test ! -e real/figures/paths_accuracy.svg -a ! -e real/figures/paths_pruning.svg -a -s real/figures/paths_alignment.svg
returns 0 report real
check 'and the page says so' grep -q 'no accuracy of signs' real/report.html

# ---- temperature 0: ten examples of six features have a kernel with four paths and with two, none with one

check 'a problem at temperature 0 is written' "$python" - <<'END'
import netCDF4, numpy as np

random = np.random.default_rng(11)
sizes = {"example": 10, "test_example": 30, "feature": 6, "token": 5, "key": 5, "query": 5, "head_1": 2, "head_2": 2}
with netCDF4.Dataset("cold.nc", "w") as file:
    for name, length in sizes.items():
        file.createDimension(name, length)
    for example in ("example", "test_example"):
        prefix, count = example[:-7], sizes[example]
        file.createVariable(prefix + "inputs", "f8", (example, "feature", "token"))[:] = random.standard_normal((count, 6, 5))
        file.createVariable(prefix + "labels", "f8", (example,))[:] = random.choice([-1.0, 1.0], count)
        for layer in "12":
            attention = np.exp(2 * random.standard_normal((count, 2, 5, 5)))
            file.createVariable(f"{prefix}attention_{layer}", "f8", (example, "head_" + layer, "key", "query"))[:] = (
                attention / attention.sum(axis=2, keepdims=True))
END
cold=(run ./case.yaml -q --set data.file=cold.nc --set 'network.heads=[2,2]' --set 'network.widths=[7,20]' --set network.variances=1
  --set network.temperature=0)
returns 0 "${cold[@]}" -o cold
check 'heads whose kernel is not definite have no accuracy, and those before do' "$python" -c 'import netCDF4, numpy as np
file = netCDF4.Dataset("cold/paths.nc")
pruned = np.ma.filled(file["pruned_accuracy"][0], np.nan)
assert np.isfinite(pruned[:2, :2]).all() and np.isnan(pruned[:2, 2]).all(), pruned
assert (file["residual"][0, :2] <= 1e-12).all()'
returns 0 figures cold
check 'the points are left out' grep -qE '^2 -?nan -?nan$' cold/figures/paths_pruning.dat

# ---- the same on one thread and on two

for threads in 1 2; do
  OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads returns 0 run ./case.yaml -q -o "threads-$threads"
done
check 'threads do not matter' "$python" -c 'import netCDF4, numpy as np
a, b = (netCDF4.Dataset(f"threads-{n}/paths.nc") for n in (1, 2))
assert np.abs(a["order_parameter_1"][:] - b["order_parameter_1"][:]).max() < 1e-11'

# ---- the hidden-Markov task, figures, report

seeds=2 widths='[10,1000]'
[[ -z ${HEADFLOW_FULL:-} ]] || seeds=20 widths='[10,30,100,300,1000]'
returns 0 run hidden-markov --set "data.seeds=$seeds" --set "network.widths=$widths" -o markov
says 'infinite'
cp .out markov.out
check "  accuracy falls with the width, by 8 points or more ($seeds seeds)" "$python" - <<'END'
import netCDF4, numpy as np

file = netCDF4.Dataset("markov/paths.nc")
mean = 100 * file["accuracy"][:].mean(axis=0)
print(mean, 100 * file["accuracy"][:].std(axis=0, ddof=1))
assert (np.diff(mean) < 0).all() and mean[0] - mean[-1] >= 8
spread = 3 * 100 * file["accuracy"][:].std(axis=0, ddof=1).max()
assert abs(mean[0] - 96) < spread and abs(mean[-1] - 83) < spread
order = file["order_parameter_1"][:, 0].mean(axis=0)
off = np.abs(order - np.diag(np.diag(order)))
assert set(np.unravel_index(off.argmax(), off.shape)) == {0, 2}
assert (file["residual"][:, :-1] <= 1e-12).all()
END
check '  and the table has its means and standard deviations' "$python" - <<'END'
import netCDF4, re, numpy as np

accuracy = 100 * np.asarray(netCDF4.Dataset("markov/paths.nc")["accuracy"][:])
rows = re.findall(r"^ +(?:\d+|infinite) +([\d.]+) \(sd ([\d.]+)\)", open("markov.out").read(), re.M)
expected = np.column_stack([accuracy.mean(axis=0), accuracy.std(axis=0, ddof=1)])
assert len(rows) == accuracy.shape[1] and (expected[:, 1] > 0.1).any(), rows
assert np.abs(np.array(rows, float) - expected).max() <= 0.0051, (rows, expected)
END
returns 0 figures markov
for figure in order accuracy alignment pruning; do
  for format in svg pdf png gp dat; do
    check "  and leaves paths_$figure.$format" test -s "markov/figures/paths_$figure.$format"
  done
done
returns 0 report markov
check '  and leaves a page with four drawings' test "$(grep -c '<svg' markov/report.html)" -eq 4
check '  which is well-formed but for void elements' "$python" -c 'import re, xml.dom.minidom
text = open("markov/report.html").read().replace("<!DOCTYPE html>", "").replace("<html", "<html xmlns:xlink=\"x\"")
xml.dom.minidom.parseString(re.sub(r"<(meta|br)([^>]*)>", r"<\1\2/>", text))'
returns 0 report markov/paths.nc -q -o elsewhere
check '  elsewhere, too' test -s elsewhere/report.html

# ---- 600 examples, 64 paths: two minutes of processor, one on two cores, and room for the features twice

large() {
  local TIMEFORMAT=%U seconds
  seconds=$( { time "$program" run ./large.yaml -q -o large; } 2>&1) && echo "$seconds s" &&
    "$python" -c "import sys; sys.exit(float('$seconds') > 120)"
}
if [[ -n ${HEADFLOW_FULL:-} ]]; then
  check 'a large problem is written' "$python" - <<'END'
import netCDF4, numpy as np

random = np.random.default_rng(7)
sizes = {"example": 600, "test_example": 4, "feature": 231, "token": 20, "key": 20, "query": 20, "head_1": 8, "head_2": 8}
with netCDF4.Dataset("large.nc", "w") as file:
    for name, length in sizes.items():
        file.createDimension(name, length)
    for example in ("example", "test_example"):
        prefix, count = example[:-7], sizes[example]
        inputs = random.standard_normal((count, 231, 20))
        file.createVariable(prefix + "inputs", "f8", (example, "feature", "token"))[:] = inputs
        file.createVariable(prefix + "labels", "f8", (example,))[:] = random.choice([-1.0, 1.0], count)
        for layer in ("1", "2"):
            attention = np.exp(2 * random.standard_normal((count, 8, 20, 20)))
            attention /= attention.sum(axis=2, keepdims=True)
            dims = (example, "head_" + layer, "key", "query")
            file.createVariable(f"{prefix}attention_{layer}", "f8", dims)[:] = attention
END
  cat >large.yaml <<'END'
name: large
title: 600 examples and 64 paths
model: paths
data: {file: large.nc}
network: {heads: [8, 8], widths: [100], temperature: 0.01}
END
  check 'and solved in time' large
fi

# ---- a signal, which leaves nothing

code=0
timeout --preserve-status -s INT 1 "$program" run hidden-markov --quiet -o stopped >.out 2>.err || code=$?
check 'SIGINT ends a run with 130' test $code -eq 130
complains 'interrupted at network [0-9] of 6, seed [0-9]+ of 20'
check '  and leaves no file' test -z "$(ls -A stopped)"

# ---- what is refused: one line, nothing left behind

refused() { # CODE PATTERN OPTION...
  local code=$1 pattern=$2
  shift 2
  returns "$code" run ./case.yaml -q -o wrong "$@"
  complains "$pattern"
  leaves_no wrong/paths.nc
}
refused 2 'run: --resume is not for paths; expected one of --set, --output, --quiet, --json' --resume
refused 2 'network.heads.*found .0.' --set 'network.heads=[0]'
refused 2 'network.variances.*list of 3' --set 'network.variances=[1,1]'
refused 2 'network.temperature' --set 'network.temperature=-1'
refused 2 'network.readout.*last, first, mean' --set network.readout=second
refused 2 'network.*paths' --set 'network.heads=[300]'
refused 4 "attention_1' is for 3 heads.*expected 2" --set 'network.heads=[2]' --set network.variances=1 --set 'network.widths=[9]'
refused 4 "attention_1' has other dimensions; expected .*query" --set 'network.heads=[3,2]' --set network.variances=1 --set 'network.widths=[9]'
refused 4 'cannot read' --set data.file=none.nc
refused 2 'either generator or file' --set data.generator=hidden-markov
refused 2 'data.seeds.*does not use it' --set data.seeds=3
refused 2 'attention.*missing' --set data.file=examples.csv
refused 2 'two layers of two heads' --set 'data={generator: hidden-markov}'
refused 2 'unknown key' --set grid.cells=3
refused 2 'unknown model' --set model=path
check 'a file whose attention is no distribution is written' "$python" -c 'import netCDF4, shutil
shutil.copy("reference.nc", "broken.nc")
netCDF4.Dataset("broken.nc", "a")["attention_1"][4, 1, 2] += 0.25'
refused 2 'example 5, layer 1, head 2, query 1 sums to 1.25' --set data.file=broken.nc
check 'a file with two equal examples is written' "$python" -c 'import netCDF4, shutil
shutil.copy("reference.nc", "equal.nc")
file = netCDF4.Dataset("equal.nc", "a")
for name in ("inputs", "attention_1"): file[name][3] = file[name][7]'
refused 3 'seed 1, width 8,6: .*not positive definite.*temperature > 0' --set data.file=equal.nc --set network.temperature=0
sed '5s/;/,/' examples.csv >torn.csv
refused 2 'torn.csv:5: .*too many fields' --set 'data={file: torn.csv, attention: attention.csv}'
sed '$d' attention.csv >short.csv
refused 2 'short.csv: no attention of test example 4, layer 1, head 3' --set 'data={file: examples.csv, attention: short.csv}'
returns 2 optimum ./case.yaml
complains 'optimum: .*is of paths, which it is not for; expected one of run, figures, report'
truncate -s 5000 netcdf/paths.nc
returns 4 figures netcdf/paths.nc
complains 'damaged'

finish
