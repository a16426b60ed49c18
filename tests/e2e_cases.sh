#!/usr/bin/env bash
# Every named case keeps mass, sign and energy, on fewer cells than its own; with HEADFLOW_FULL=1 on its own cells.
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "${BASH_SOURCE[0]}")/e2e.sh"

declare -A cells=([translate]='[64]' [ridge]='[64]' [retrieval]='[64,64]' [qkv]='[24,24,32]' [stable]='[64,64]'
  [saddle]='[64,64]' [contract]='[64,64]' [specialise]='[20,20,24]' [gibbs]='[48,48]' [angle]='[64,64]'
  [words]='[64,64]')

keeps() {
  "$python" - .out <<'END'
import json, sys

summary = json.loads(open(sys.argv[1]).read().splitlines()[-1])
print(summary)
assert summary["mass_error"] <= 1e-12
assert summary["minimum"] >= -1e-10
assert summary["energy_balance"] <= 1e-8
END
}

for path in "$HEADFLOW_CASES"/*.yaml; do
  name=$(basename "$path" .yaml)
  ! grep -q '^model:' "$path" || continue # not of heads: e2e_tokens.sh, e2e_paths.sh
  [[ $name != words || -r /usr/share/dict/words ]] || continue
  grid=(--set "grid.cells=${cells[$name]:-}")
  [[ ${HEADFLOW_FULL:-} != 1 ]] || grid=()
  returns 0 run "$name" --quiet --json --set time.rtol=1e-8 --set time.atol=1e-10 ${grid[@]+"${grid[@]}"} -o "$name"
  check '  and keeps mass, sign and energy' keeps
done

finish
