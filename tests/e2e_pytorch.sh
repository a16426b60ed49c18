#!/usr/bin/env bash
# docs/compare-pytorch.md is true: its script trains the heads that headflow trains, and `compare` takes what it writes.
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "${BASH_SOURCE[0]}")/e2e.sh"

"$python" -c 'import numpy, torch, netCDF4' || skip 'python3-torch and python3-netcdf4 are not installed'
export OMP_NUM_THREADS=1

# The script, as the page says to save it; and how the tests read what it writes.
# shellcheck disable=SC2016 # backquotes of Markdown
sed -n '/^```python/,/^```$/{/^```/!p}' "$tests/../docs/compare-pytorch.md" >heads.py
trains() { "$python" heads.py "$@"; }
cat >holds.py <<'END'
"""holds.py EXPRESSION FILE...: fail unless it is true of f, the files; theta(file) is (seed, time, head, coordinate)."""
import sys
import netCDF4
import numpy as np

def theta(file):
    group = next(iter(file.groups.values()), file)
    return np.asarray(group["theta"])

def rate(file):
    """Mean rate of change of every coordinate until the second output."""
    return (theta(file)[:, 1] - theta(file)[:, 0]) / (file["time"][1] - file["time"][0])

f = [netCDF4.Dataset(path) for path in sys.argv[2:]]
print(sys.argv[1], "is false:", [(theta(file).shape, np.abs(rate(file)).max()) for file in f])
sys.exit(not eval(sys.argv[1]))
END
holds() { "$python" holds.py "$@"; }

# ---- the same heads, the same gradient

returns 0 sgd retrieval --quiet --set 'particles.heads=[32]' --set 'particles.step=[0.05]' \
  --set 'particles.batch=[full]' --set particles.seeds=2 --set time.end=0.1 --set time.outputs=3 -o same
from=(--heads 32 --init same/particles.nc --end 0.1 --outputs 3)
check 'the script trains the same heads' trains "${from[@]}" --seeds 2 same.nc
check '  from the same places' holds 'np.array_equal(theta(f[0])[:, 0], theta(f[1])[:, 0])' same/particles.nc same.nc
check '  which move' holds 'np.abs(rate(f[0])).max(axis=(1, 2)).min() > 0.01' same/particles.nc
check '  with the same gradient' holds 'np.abs(rate(f[0]) - rate(f[1])).max() < 1e-12' same/particles.nc same.nc
check '  and two steps later are at the same places' \
  holds 'np.abs(theta(f[0]) - theta(f[1])).max() < 1e-13' same/particles.nc same.nc

# ---- positions between two updates, minibatches

check 'the script trains with a longer step' trains "${from[@]}" --seeds 2 --step 0.1 long.nc
check '  and half a step is half the way' \
  holds 'np.abs(theta(f[0])[:, 1] - theta(f[0])[:, ::2].mean(axis=1)).max() < 1e-15' long.nc
check '  with the same gradient' holds 'np.abs(rate(f[0]) - rate(f[1])).max() < 1e-12' same/particles.nc long.nc
check 'the script trains with minibatches' trains "${from[@]}" --seeds 2 --batch 8 minibatch.nc
check '  of another gradient' holds 'np.abs(rate(f[0]) - rate(f[1])).max() > 1e-3' same/particles.nc minibatch.nc
check '  and says so' holds 'f[0].batch == 8 and f[0].step == 0.05 and f[1].batch == 0' minibatch.nc same.nc

# ---- against the density

# within_band: the coupling error that `compare --json` printed lies in the band that it predicts.
within_band() {
  "$python" - .out <<'END'
import json, sys

summary = json.loads(open(sys.argv[1]).read().splitlines()[-1])
print(summary)
ensemble, = summary["ensembles"]
measured, predicted = ensemble["coupling"], ensemble["coupling_predicted"]
assert 0 < predicted["lower"] < measured["value"] < predicted["upper"]
END
}

returns 0 run retrieval --quiet -o density
check 'the script trains 4 seeds of 256 heads' trains --heads 256 --seeds 4 --step 0.05 heads.nc
check '  in 33 outputs until t = 8' holds 'theta(f[0]).shape == (4, 33, 256, 2) and f[0]["time"][-1] == 8' heads.nc
check '  from within the bump' holds 'np.abs(theta(f[0])[:, 0] - 0.5).max() < 1.5' heads.nc
check '  with its mean and variance, within 5 sigma' holds \
  'abs(theta(f[0])[:, 0].mean() - 0.5) < 0.05 and abs(theta(f[0])[:, 0].var() / (1.5**2 / 11) - 1) < 0.14' heads.nc
check '  whose axes have names' holds 'list(f[0]["coordinate"][:]) == ["a", "v"]' heads.nc
returns 0 compare density/solution.nc heads.nc --quiet --json
check '  and the coupling error is as predicted' within_band

finish
