#!/usr/bin/env bash
# Checkpoints: a run that was killed or interrupted goes on to the bytes of one that was not; what is refused.
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "$(readlink -f "$0")")/e2e.sh"

# Everything in a file but what the clock says.
content() { ncdump "$1" | grep -vE ':(history|solver_seconds)'; }
same() { cmp <(content "$1") <(content "$2"); }

# ended FOLDER SIGNAL CODE RUN...: a run that gets a signal once it has left a checkpoint.
ended() {
  local folder=$1 signal=$2 wanted=$3 code=0
  shift 3
  "$program" run "$@" --quiet -o "$folder" 2>.err >.out </dev/null &
  local victim=$!
  for _ in {1..600}; do
    [[ -e $folder/solution.nc.checkpoint ]] && break
    sleep 0.01
  done
  kill -s "$signal" $victim
  wait $victim 2>/dev/null || code=$?
  check "$signal ends a run with $wanted" test "$code" -eq "$wanted"
  check '  leaves a checkpoint' test -s "$folder/solution.nc.checkpoint"
  check '  and no solution' test ! -e "$folder/solution.nc"
}

# ---- in simulated time: the same bytes ---------------------------------------------------------------------
cold=(retrieval --set 'grid.cells=[48,48]' --set time.rtol=1e-9 --set time.outputs=9 --set checkpoint.every=0.25)
returns 0 run "${cold[@]}" --quiet -o straight
for file in straight/solution.nc.checkpoint straight/solution.nc.journal straight/solution.nc.part; do leaves_no "$file"; done
ended killed KILL 137 "${cold[@]}"
returns 0 run "${cold[@]}" -o killed --resume
check '  from the checkpoint' grep -qE 'going on from the checkpoint at t = [0-9]' .err
check '  to the content of a straight run' same killed/solution.nc straight/solution.nc
for file in killed/solution.nc.checkpoint killed/solution.nc.journal killed/solution.nc.part; do leaves_no "$file"; done
ended interrupted INT 130 "${cold[@]}"
check '  and says how to go on' grep -qE \
  "^headflow: interrupted by SIGINT; to go on from t = [0-9.]+: headflow run retrieval --set 'grid.cells=\[48,48\]' .* -o interrupted --resume$" .err
leaves_no interrupted/solution.nc.part
sed -E 's/.*: headflow (run .*)/\1/' .err >'command.txt'
check '  in a line for the shell' bash -c "'$program' $(cat command.txt) --quiet"
check '  which comes to the content of a straight run' same interrupted/solution.nc straight/solution.nc

warm=(gibbs --set 'grid.cells=[24,24]' --set time.rtol=1e-8 --set time.outputs=5 --set time.end=6 --set checkpoint.every=1)
returns 0 run "${warm[@]}" --quiet -o warm
ended warm_killed KILL 137 "${warm[@]}"
returns 0 run "${warm[@]}" --quiet -o warm_killed --resume
check '  with a temperature as well' same warm_killed/solution.nc warm/solution.nc

# ---- deterministic: the whole file, byte by byte ------------------------------------------------------------
bytes=(retrieval --quiet --set 'grid.cells=[24,24]' --set deterministic=true)
# deterministic FOLDER ARGUMENT...: on one thread and on two, of OpenBLAS as well
deterministic() {
  local folder=$1
  shift
  OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 returns 0 run "$@" -o "$folder"1
  OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 returns 0 run "$@" -o "$folder"2
  check '  with the same bytes on one thread and two' cmp "$folder"1/solution.nc "$folder"2/solution.nc
}
deterministic bytes "${bytes[@]}"
deterministic qkv qkv --quiet --set time.end=0.1 --set time.outputs=3 --set deterministic=true
deterministic specialise specialise --quiet --set time.end=0.05 --set time.outputs=3 --set deterministic=true

# ---- by the clock: a checkpoint at the signal, and none of it in a run that is left alone ------------------
clock=(retrieval --set 'grid.cells=[128,128]' --set time.rtol=1e-10 --set time.outputs=9)
returns 0 run "${clock[@]}" --quiet -o alone
returns 0 run "${clock[@]}" --quiet -o often --set checkpoint.seconds=0.05
# the one difference is the line of the case that says how often
check '  which checkpoints by the clock leave as it is' cmp \
  <(content often/solution.nc | sed '1,/^data:/d') <(content alone/solution.nc | sed '1,/^data:/d')
check '  and there is something to compare' test "$(content alone/solution.nc | sed '1,/^data:/d' | wc -c)" -gt 100000
ended clock TERM 143 "${clock[@]}" --set checkpoint.seconds=0.05
returns 0 run "${clock[@]}" --set checkpoint.seconds=0.05 --quiet --json -o clock --resume
check '  and within the tolerance of a straight run' "$python" - alone/solution.nc clock/solution.nc <<'END'
import netCDF4, sys
a, b = (netCDF4.Dataset(name)["risk"][:] for name in sys.argv[1:])
sys.exit(not abs(a - b).max() < 1e-8)
END

# ---- the line to go on, of a long call; comments that look like overrides ----------------------------------
long=()
for _ in {1..40}; do long+=(--set 'heads.value.base=[[0.25, 0], [0, 0.25]]'); done
ended long INT 130 "${cold[@]}" "${long[@]}"
complains 'to go on from t = [0-9.]+: the same command with --resume$'
{ cat "$HEADFLOW_CASES/retrieval.yaml" && printf '# --set time.end=3\n'; } >commented.yaml
commented=(commented.yaml "${cold[@]:1}")
ended commented KILL 137 "${commented[@]}"
sed -i 's/end: *8/end: 5/' commented.yaml
returns 2 run "${commented[@]}" -o commented --resume
complains 'of another case: time.end was .8., now .5.'
returns 0 run "${cold[@]}" --set 'grid.cells=[16,16]' -o commented
check '  and says that a checkpoint is discarded' grep -q 'commented/solution.nc.checkpoint: discarded; --resume' .err

# ---- data that changed ---------------------------------------------------------------------------------------
cp "$tests"/data/corpus.* .
corpus=(corpus.yaml --set 'grid.cells=[64,64]' --set time.rtol=1e-10 --set checkpoint.every=0.25)
ended corpus KILL 137 "${corpus[@]}"
sed -i 's/,18$/,19/' corpus.csv
returns 2 run "${corpus[@]}" -o corpus --resume
complains 'the data that the case reads have changed'

# ---- a promise that is broken: atol far above rtol is more than the balance allows ---------------------------
returns 3 run retrieval --quiet --set 'grid.cells=[32,32]' --set time.rtol=1e-10 --set time.atol=1e-4 -o broken
complains 'energy balance [0-9.e-]+; promised <= 1e-10: lower time.rtol'
check '  and the solution is there, to look at' test -s broken/solution.nc

# ---- what is refused, and what is not there ----------------------------------------------------------------
ended other KILL 137 "${cold[@]}"
returns 2 run "${cold[@]}" --set ridge.no=1 -o other --resume
returns 2 run "${cold[@]}" --set time.end=7 --set 'grid.cells=[48,46]' -o other --resume
complains 'other/solution.nc.checkpoint: of another case: grid.cells\[1\] was .48., now .46.; time.end was .8., now .7.'
check '  and the checkpoint stays' test -s other/solution.nc.checkpoint
cp -r other intact
returns 0 run "${cold[@]}" --quiet -o intact --resume
check '  with all that it needs' same intact/solution.nc straight/solution.nc
printf 'x' | dd of=other/solution.nc.checkpoint bs=1 seek=4000 conv=notrunc status=none
head -c 3000 other/solution.nc.checkpoint >torn && cp torn other/solution.nc.checkpoint
returns 4 run "${cold[@]}" -o other --resume
complains 'not a NetCDF file, or damaged'
returns 0 run stable --set 'grid.cells=[16,16]' -o fresh --resume
check '  from the beginning where there is no checkpoint' grep -q 'no checkpoint: beginning at t = 0' .err
returns 2 sgd retrieval --resume
complains 'unknown option --resume'

# ---- two runs into one folder ------------------------------------------------------------------------------
"$program" run "${cold[@]}" --set time.rtol=1e-10 --quiet -o shared 2>first &
victim=$!
for _ in {1..600}; do
  [[ -e shared/solution.nc.journal ]] && break
  sleep 0.01
done
sleep 0.1
returns 4 run "${cold[@]}" -o shared
complains 'shared/solution.nc.journal: another run is writing this file'
kill -TERM $victim
wait $victim
check 'and the first does not notice' grep -q '^headflow: interrupted by SIGTERM' first

finish
