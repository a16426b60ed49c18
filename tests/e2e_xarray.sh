#!/usr/bin/env bash
# xarray opens what a run writes as it is: axes, coordinates, attributes (tests/xarray_reads.py says what is looked at).
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "${BASH_SOURCE[0]}")/e2e.sh"

"$python" -c 'import numpy, xarray, netCDF4' || skip 'python3-xarray and python3-netcdf4 are not installed'

reads() { "$python" "$tests/xarray_reads.py" "$1"; }

returns 0 run translate --quiet -o translate
check 'xarray reads translate' reads translate/solution.nc
returns 0 run retrieval --quiet --set 'grid.cells=[32,32]' -o retrieval
check 'xarray reads retrieval' reads retrieval/solution.nc

finish
