#!/usr/bin/env bash
# docs/reference.md is true: the flow map, recomputed, gives the values that the page states, to the digits it states.
# (`gibbs`, whose reference is an extrapolation of grids, within the errors of the coarser grids used here; `angle` and
# `specialise` take minutes and are left to docs/make-reference.)
# usage: tests/e2e_reference.sh PROGRAM
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "$0")/e2e.sh" "$1"

# section CASE OPTION...: recompute a section of the page; the grids do not matter here. Exit code 3 says that the order
# is not reached on them.
section() {
  "$program" verify "$@" --levels 2 --markdown --quiet -o out >"$1.md" 2>.err </dev/null || (($? == 3))
}
# agrees CASE UNITS: every value differs by at most UNITS in the last decimal that both tables state.
agrees() {
  "$python" - "$tests/../docs/reference.md" "$1.md" "$1" "$2" <<'END'
import sys

def values(path, case):
    """The rows of a case's first table: lists of decimal strings."""
    rows, inside = [], False
    for line in open(path, encoding="utf-8"):
        if line.startswith("## "):
            inside = line.strip() == f"## {case}"
        elif inside and line.startswith("Errors of the grids"):
            break
        elif inside and line.startswith("|") and line[2].isdigit():
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return rows

page, ours = values(sys.argv[1], sys.argv[3]), values(sys.argv[2], sys.argv[3])
assert len(page) == len(ours) == 5, "five times"
for stated, found in zip(page, ours):
    assert len(stated) == len(found)
    for a, b in zip(stated, found):
        decimals = min(len(x.partition(".")[2]) for x in (a, b))
        assert abs(float(a) - float(b)) <= float(sys.argv[4]) * 10.0**-decimals + 1e-15, (a, b)
END
}

for case in translate ridge; do
  check "$case: recomputed" section "$case" --set 'grid.cells=[32]' --nodes 24
  check "$case: the page agrees" agrees "$case" 2
done
for case in contract retrieval saddle stable; do
  check "$case: recomputed" section "$case" --set 'grid.cells=[16,16]' --nodes 24
  check "$case: the page agrees" agrees "$case" 2
done
check 'qkv: recomputed' section qkv --set 'grid.cells=[8,8,8]' --nodes 12
check 'qkv: the page agrees' agrees qkv 2
check 'gibbs: recomputed' section gibbs --set 'grid.cells=[48,48]'
check 'gibbs: the page agrees' agrees gibbs 9
if [[ -e /usr/share/dict/words ]]; then
  check 'words: recomputed' section words --set 'grid.cells=[16,16]' --nodes 12
  check 'words: the page agrees' agrees words 2
fi
finish
