#!/usr/bin/env bash
# The verbs sgd and compare as a user calls them: the same content with one thread and two, and after a kill;
# tables and JSON; what is refused and how.
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "$(readlink -f "$0")")/e2e.sh"

# Everything in a file but the date.
content() { ncdump "$1" | grep -v ':history'; }
same() { cmp <(content "$1") <(content "$2"); }

# ---- threads, kill, resume ---------------------------------------------------------------------------------
small=(--quiet --set 'particles.heads=[16,64]' --set particles.seeds=8 --set 'particles.step=[0.05]')
export OMP_NUM_THREADS=1
returns 0 sgd retrieval "${small[@]}" -o one
export OMP_NUM_THREADS=2
returns 0 sgd retrieval "${small[@]}" -o two
check 'one thread and two give the same content' same one/particles.nc two/particles.nc
leaves_no two/particles.nc.journal

# killed when the journal holds a member or more, but not all of them
long=(--set 'particles.heads=[64]' --set particles.seeds=40 --set 'particles.step=[0.002]' --set 'particles.batch=[full]')
"$program" sgd retrieval "${long[@]}" --quiet -o killed &
victim=$!
for _ in {1..600}; do
  size=$(stat -c %s killed/particles.nc.journal 2>/dev/null || echo 0)
  ((size > 100000)) && break
  sleep 0.02
done
kill -9 $victim
wait $victim 2>/dev/null
check 'a killed run leaves its journal' test -e killed/particles.nc.journal
check '  and no particles.nc' test ! -e killed/particles.nc
returns 0 sgd retrieval "${long[@]}" -o killed
check '  and is gone on with' grep -qE 'going on: [1-9][0-9]* of 40 members were there' .err
returns 0 sgd retrieval "${long[@]}" --quiet -o straight
check '  to the content of a straight run' same killed/particles.nc straight/particles.nc
leaves_no killed/particles.nc.journal

# ---- ended by a signal: in order, with the command that goes on ---------------------------------------------
for signal in 'INT 130' 'TERM 143'; do
  read -r name wanted <<<"$signal"
  "$program" sgd retrieval "${long[@]}" --quiet -o "ended$name" 2>.err >.out </dev/null &
  victim=$!
  for _ in {1..600}; do
    (($(stat -c %s "ended$name/particles.nc.journal" 2>/dev/null || echo 0) > 100000)) && break
    sleep 0.01
  done
  kill -s "$name" $victim
  code=0
  wait $victim 2>/dev/null || code=$?
  check "SIG$name ends sgd with $wanted" test "$code" -eq "$wanted"
  complains "^headflow: interrupted by SIG$name; to go on from [1-9][0-9]* of 40 members: headflow sgd retrieval --set .* -o ended$name\$"
  sed -E 's/.*: headflow (sgd .*)/\1/' .err >'command.txt'
  check '  in a line for the shell' bash -c "'$program' $(cat command.txt) --quiet"
  check '  which comes to the content of a straight run' same "ended$name/particles.nc" straight/particles.nc
done

# ---- compare -----------------------------------------------------------------------------------------------
returns 0 run retrieval --quiet --set 'grid.cells=[64,64]' --set scheme.flux=duality7 -o one
returns 0 compare one/solution.nc one/particles.nc --json --epsilon 1 --pairs 20000
says 'retrieval: .*queried key'
says '4 ensembles of heads against duality7'
says '16 +0.05 +full +8 +8 '
says "the grid's own error"
says '"coupling_predicted": \{"value": '
check '  whose last line is JSON' bash -c "tail -n 1 .out | '$python' -m json.tool"
check '  and writes chaos.nc beside the solution' test -s one/chaos.nc
returns 0 compare one/solution.nc one/particles.nc --quiet --epsilon 1 --pairs 20000 -o elsewhere/deep
check '  or where it is told to' test -s elsewhere/deep/chaos.nc

# The heads of an ensemble as CSV: the same numbers, and what a file does not say can be told.
returns 0 sgd retrieval --quiet --set 'particles.heads=[16]' --set particles.seeds=3 --set 'particles.step=[0.1]' \
  --set 'particles.batch=[full]' -o csv
cat >to_csv.py <<'END'
import netCDF4, sys
file = netCDF4.Dataset(sys.argv[1])
theta = file["N16_step0.1_batchfull/theta"][:]
with open(sys.argv[2], "w") as out:
    print("time,seed,a,head,v", file=out)
    for s, t, i in ((s, t, i) for s in range(3) for t in range(33) for i in range(16)):
        print(f"{float(file['time'][t])!r},{s},{float(theta[s, t, i, 0])!r},{i},{float(theta[s, t, i, 1])!r}", file=out)
END
if "$python" -c 'import netCDF4' 2>/dev/null; then
  "$python" to_csv.py csv/particles.nc heads.csv
  returns 0 compare one/solution.nc csv/particles.nc --json --epsilon 1 --pairs 20000
  sed -n '$p' .out >from_nc
  returns 0 compare one/solution.nc heads.csv --step 0.1 --batch full --json --epsilon 1 --pairs 20000
  sed -n '$p' .out >from_csv
  check '  heads as CSV give the same numbers as NetCDF' cmp from_nc from_csv
  returns 0 compare one/solution.nc heads.csv --epsilon 1 --pairs 20000
  says '16 +- +- '
fi

# ---- refused -----------------------------------------------------------------------------------------------
returns 2 sgd gibbs
complains 'temperature: 0.05; expected 0'
returns 2 sgd ridge --momentum 0.9
complains 'plain SGD'
returns 2 sgd ridge --adam
complains 'plain SGD'
returns 2 sgd ridge --set particles.momentum=0.9
complains 'particles.momentum: refused: .*plain SGD'
returns 3 sgd ridge --quiet --set regularisation.ridge=1e9 -o diverges
complains 'diverges at t = .*smaller particles.step'
returns 2 compare one/solution.nc
complains 'no PARTICLES'
returns 4 compare nowhere.nc one/particles.nc
complains 'nowhere.nc: cannot read'
returns 4 compare one/solution.nc nowhere.nc
complains 'nowhere.nc: cannot read'
returns 4 compare one/particles.nc one/particles.nc
complains 'one/particles.nc: '
returns 4 compare one/solution.nc one/solution.nc
complains 'one/solution.nc: '
head -c 20000 one/particles.nc >truncated.nc
returns 4 compare one/solution.nc truncated.nc
complains 'truncated.nc: not a NetCDF file, or damaged'
: >empty.csv
returns 2 compare one/solution.nc empty.csv
complains 'empty.csv: '
printf 'seed,time,head,a,v\n0,0,0,0.1,nan\n' >nan.csv
returns 2 compare one/solution.nc nan.csv
complains 'nan.csv:2: .*v'
printf 'seed,time,head,a,w\n0,0,0,0.1,0.2\n' >names.csv
returns 2 compare one/solution.nc names.csv
complains 'names.csv:1: '
printf 'seed,time,head,a,v\n0,0,0,0.1,0.2\n0,0.3,0,0.1,0.2\n' >times.csv
returns 2 compare one/solution.nc times.csv
complains 't = 0.3; expected only output times of the solution'
printf 'seed,time,head,a,v\n0,0,0,0.1,0.2\n0,0.25,0,0.1,0.2\n0,0.25,1,0.1,0.2\n' >shape.csv
returns 2 compare one/solution.nc shape.csv
complains 'shape.csv'
returns 0 sgd stable --quiet --set 'particles.heads=[16]' --set particles.seeds=2 --set 'particles.step=[0.1]' \
  --set time.end=8 -o other
returns 2 compare one/solution.nc other/particles.nc
complains 'other/particles.nc: heads of another problem than the solution.s, case retrieval'
returns 0 run gibbs --quiet --set 'grid.cells=[24,24]' --set time.end=1 -o warm
printf 'seed,time,head,a,v\n0,0,0,0.1,0.2\n' >one.csv
returns 2 compare warm/solution.nc one.csv
complains 'temperature 0.05; expected 0'

finish
