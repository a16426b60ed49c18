#!/usr/bin/env bash
# `verify`: its table, its files and its verdict. And what a run leaves behind when it is killed, or done twice.
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "${BASH_SOURCE[0]}")/e2e.sh"

# ---- a study that passes

returns 0 verify ridge -o ridge
says '^cells +risk order'
for cells in 32 64 128; do
  says "^$cells +[0-9]"
done
says "^the reference's"
check 'verify.nc is there' test -s ridge/verify.nc
found() { [[ -n $(find "$1" -name "*.$2" -size +0) ]]; }
returns 0 figures ridge
for format in svg pdf png gp dat; do
  check "  and leaves .$format files" found ridge "$format"
done

returns 0 verify ridge --quiet --json --levels 4 --nodes 8 --set 'scheme.flux=upwind' -o json
check '--quiet is quiet' test ! -s .err
check 'the last line is JSON with an error and an order for each grid' "$python" - .out <<'END'
import json, math, sys

summary = json.loads(open(sys.argv[1]).read().splitlines()[-1])
print(summary)
grids = summary["grids"]
assert summary["passed"] is True and summary["flux"] == "upwind" and summary["expected_order"] == 1
assert [grid["cells"] for grid in grids] == [[16], [32], [64], [128]]
assert grids[0]["risk_order"] is None
for coarse, fine in zip(grids, grids[1:]):
    order = math.log2(coarse["risk_error"] / fine["risk_error"])
    assert abs(order - fine["risk_order"]) < 1e-12
assert abs(grids[-1]["risk_order"] - 1) < 0.1
END

returns 0 verify gibbs --quiet --markdown --set 'grid.cells=[24,24]' --set time.end=5 -o markdown
says '^## gibbs'
says 'Richardson'
says '^\| 24 x 24 \| 5 \|'

# ---- a study that does not: exit 3, one line, and its file

returns 3 verify saddle --quiet --nodes 8 --set 'grid.cells=[24,24]' -o saddle
complains 'saddle: observed order'
check 'verify.nc is there' test -s saddle/verify.nc

# ---- bad calls: exit 2, nothing left behind

for wrong in '--levels 1' '--levels 9' '--levels few' '--nodes 0' '--nodes 1e3' '--nodes' '--marksdown' '--levels 8'; do
  # shellcheck disable=SC2086
  returns 2 verify ridge --quiet $wrong -o wrong
  leaves_no wrong/verify.nc
done
returns 2 run ridge --markdown -o wrong
complains 'markdown'
returns 4 verify ridge --quiet -o .out/below
complains '\.out'

# ---- a run that is killed leaves the older file as it was, or none, and the next one is not disturbed

slow=(--quiet --set 'grid.cells=[768,768]' --set time.end=100)
killed() {
  local pid tries=0
  "$program" run retrieval "${slow[@]}" -o "$1" </dev/null &
  pid=$!
  until compgen -G "$1/*.part" >/dev/null; do
    ((tries++ < 300)) && kill -0 "$pid" && sleep 0.1 || return
  done
  sleep 1 # in the middle of it
  kill -KILL "$pid" && ! wait "$pid"
}
check 'a run is killed' killed none
leaves_no none/solution.nc
returns 0 run retrieval --quiet --set 'grid.cells=[32,32]' -o none
check 'the next run in the same folder writes its file' ncdump -h none/solution.nc
check '  and tidies up' test "$(ls none)" = solution.nc
cp none/solution.nc older.nc
check 'a run over an older file is killed' killed none
check '  which stays as it was, byte by byte' cmp older.nc none/solution.nc
check '  and readable' ncdump -h none/solution.nc

# ---- the same run twice gives the same numbers, bit by bit

numbers() { ncdump -p 9,17 -v "$2" "$1/solution.nc" | sed '1,/^data:/d'; }
same() { [[ -n $(numbers "$1" "$3" | tail -n +2) ]] && cmp <(numbers "$1" "$3") <(numbers "$2" "$3"); }
for run in first second; do
  returns 0 run angle --quiet --set 'grid.cells=[32,32]' -o "$run"
done
for variable in density logits risk; do
  check "  and the same $variable" same first second "$variable"
done

finish
