#!/usr/bin/env bash
# Several processes: bash tests/e2e_ranks.sh PROGRAM TEST_RANKS. Output and messages come once and the exit code is
# the documented one; ensembles have the content that one process gives; what ends one process ends all.
test_ranks=$(readlink -f "${2:?the path of test-ranks}") # before the folder changes
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "$(readlink -f "$0")")/e2e.sh"

command -v mpirun >/dev/null || skip 'mpirun is missing'
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_orte_tmpdir_base=$work # not where another mpirun tidies up
export LSAN_OPTIONS=detect_leaks=0 # OpenMPI keeps memory to the end
export OMP_NUM_THREADS=1

# together N CODE ARGUMENT...: the same as `returns` on N processes. mpirun adds lines of its own to a failure.
together() {
  local count=$1 wanted=$2 code=0
  shift 2
  mpirun -n "$count" "$program" "$@" >.out 2>.err </dev/null || code=$?
  check "on $count processes headflow $* exits with $wanted" test "$code" -eq "$wanted"
}

# The last call complained once, of PATTERN.
complains_once() { check "  and complains once of $1" once '^headflow: ([^t]|t[^h])' .err "$1"; }
once() { [[ $(grep -cE -- "$1" "$2") -eq 1 ]] && grep -E -- "$1" "$2" | grep -qiE -- "$3"; }
says_once() { check "  and says once $1" once "$1" .out "$1"; }

content() { ncdump "$1" | grep -v ':history'; }
same() { cmp <(content "$1") <(content "$2"); }

# A process is no more, or soon.
gone() {
  for _ in {1..200}; do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.02
  done
  return 1
}

# ---- what is said once -------------------------------------------------------------------------------------
together 3 0 --version
says_once '^headflow [0-9]'
together 3 0 --help
says_once '^usage: headflow VERB'
together 2 0 compare --help
says_once '^usage: headflow compare'
together 2 0 list
says_once '^retrieval '
together 2 2
complains_once 'headflow: no verb'
together 2 2 rnu retrieval
complains_once 'unknown verb rnu'
for verb in compare optimum limit verify figures report; do
  together 2 2 "$verb" retrieval
  complains_once "$verb runs on one process; start it without mpirun"
done
together 2 2 sgd retreival
complains_once 'retreival'
together 2 2 sgd retrieval --set particles.heads=[0] -o out
complains_once 'particles.heads'
leaves_no out
together 3 3 sgd ridge --quiet --set regularisation.ridge=1e9 -o diverges
complains_once 'diverges at t = '
: >file
together 2 4 sgd retrieval --quiet -o file/out
complains_once '\bfile\b'
together 1 0 run translate --quiet -o alone
check '  and one process under mpirun runs all' test -s alone/solution.nc

# ---- one density over several processes --------------------------------------------------------------------
cat >agree.py <<'END'
"""agree.py A B: whether all variables of two files differ by 1e-12 at most, relative where they exceed 1."""
import sys
import numpy
from netCDF4 import Dataset
a, b = (Dataset(path) for path in sys.argv[1:])
assert a.variables.keys() == b.variables.keys() and len(a.variables) > 20
for name, variable in a.variables.items():
    x, y = variable[:], b[name][:]
    assert x.shape == y.shape, name
    if x.dtype.kind == 'f':
        assert numpy.ma.count_masked(x) == numpy.ma.count_masked(y), name
        if numpy.ma.count(x) > 0:
            assert abs(x - y).max() <= 1e-12 * max(1, abs(x).max()), name
    else:
        assert (x == y).all(), name
END
for given in 'retrieval 2 grid.cells=[48,40] error=estimate' 'qkv 4 grid.cells=[16,14,12] scheme.flux=duality7' \
  'gibbs 3 grid.cells=[24,24] time.end=1'; do
  read -r name count sets <<<"$given"
  # shellcheck disable=SC2086
  options=(run "$name" $(printf -- '--set %s ' $sets) --set time.outputs=5 --json)
  returns 0 "${options[@]}" -o "run1$name" --quiet
  together "$count" 0 "${options[@]}" -o "run$name"
  says_once '^  wrote run'
  says_once '"case": "'"$name"
  check '  and agrees with one process to 1e-12' "$python" agree.py "run1$name/solution.nc" "run$name/solution.nc"
done
together 2 2 run translate -o refused
complains_once 'without attention axes cannot be divided; expected 1'
together 4 2 run retrieval --set grid.cells=[8,24] --set scheme.flux=muscl --set error=estimate -o refused
complains_once 'error estimate.* expected at most 1'
leaves_no refused
together 2 3 run retrieval --quiet --set time.rtol=1e-19 --set time.atol=1e-30 -o refused
complains_once 'below rounding'

# ---- a run that is ended goes on -----------------------------------------------------------------------------
kept=(run retrieval --set 'grid.cells=[40,32]' --set time.rtol=1e-8 --set time.outputs=5 --set checkpoint.every=0.2)
data() { ncdump "$1" | sed '1,/^data:/d'; }
together 2 0 "${kept[@]}" --quiet -o whole
for signal in TERM KILL; do
  # shellcheck disable=SC2016
  mpirun -n 2 bash -c 'echo $$ >"rank.$OMPI_COMM_WORLD_RANK"; exec "$@"' bash \
    "$program" "${kept[@]}" --quiet -o "ended$signal" >.out 2>.err </dev/null &
  launcher=$!
  for _ in {1..600}; do
    [[ -e ended$signal/solution.nc.checkpoint ]] && break
    sleep 0.01
  done
  code=0 # a signal to mpirun reaches the processes after a second: to one of them, then
  kill -s "$signal" "$(<rank.1)"
  wait "$launcher" || code=$?
  check "SIG$signal to one of two processes ends the run" test "$code" -ne 0
  check '  and leaves a checkpoint, no solution' test -s "ended$signal/solution.nc.checkpoint" -a ! -e "ended$signal/solution.nc"
  [[ $signal == KILL ]] || complains_once 'interrupted by SIG(TERM|INT); to go on from t = [0-9.]+: headflow run retrieval'
  cp -r "ended$signal" "again$signal"
  together 2 0 "${kept[@]}" -o "ended$signal" --resume
  check '  from the checkpoint' grep -qE 'going on from the checkpoint at t = [0-9]' .err
  check '  to the bytes of a run that was not ended' cmp <(data "ended$signal/solution.nc") <(data whole/solution.nc)
done
together 3 0 "${kept[@]}" --quiet -o againKILL --resume
check '  and on another number of processes to 1e-12' "$python" agree.py againKILL/solution.nc whole/solution.nc

# ---- ensembles ---------------------------------------------------------------------------------------------
small=(--set 'particles.heads=[16,64]' --set particles.seeds=8 --set 'particles.step=[0.05]')
returns 0 sgd retrieval --quiet "${small[@]}" -o one
for count in 2 3; do
  together "$count" 0 sgd retrieval "${small[@]}" --json -o "many$count"
  says_once '^wrote many'
  says_once '"members_resumed": 0'
  check '  and gives the content of one process' same one/particles.nc "many$count/particles.nc"
  leaves_no "many$count/particles.nc.journal"
done

# A process is killed when the journal holds a member or more, but not all of them: the other goes too, soon.
long=(--set 'particles.heads=[64]' --set particles.seeds=40 --set 'particles.step=[0.002]' --set 'particles.batch=[full]')
returns 0 sgd retrieval "${long[@]}" --quiet -o straight
for victim in 1 0; do
  rm -f rank.0 rank.1
  # shellcheck disable=SC2016
  mpirun -n 2 bash -c 'echo $$ >"rank.$OMPI_COMM_WORLD_RANK"; exec "$@"' bash \
    "$program" sgd retrieval "${long[@]}" --quiet -o "killed$victim" >.out 2>.err </dev/null &
  launcher=$!
  for _ in {1..600}; do
    size=$(stat -c %s "killed$victim/particles.nc.journal" 2>/dev/null || echo 0)
    ((size > 100000)) && break
    sleep 0.02
  done
  kill -9 "$(<"rank.$victim")"
  code=0
  wait "$launcher" || code=$?
  check "kill -9 of process $victim ends mpirun" test "$code" -ne 0
  check '  and the other process' gone "$(<"rank.$((1 - victim))")"
  check '  and leaves a journal' test -s "killed$victim/particles.nc.journal"
  together $((3 - victim)) 0 sgd retrieval "${long[@]}" -o "killed$victim"
  check '  with which other processes go on' grep -qE 'going on: [1-9][0-9]* of 40 members were there' .err
  check '  to the content of a straight run' same "killed$victim/particles.nc" straight/particles.nc
done

# ---- one process alone fails -------------------------------------------------------------------------------
# in test-ranks, where the others wait for a sum that it never joins; status 2 is a numerical failure
code=0
mpirun -n 3 "$test_ranks" alone 2 >.out 2>.err </dev/null || code=$?
check 'a failure of one process alone ends all, with its code' test "$code" -eq 3
complains_once 'rank 2 fails alone'

# in headflow, which gives one of them no room for a member
if [[ ! $(nm -D "$program" 2>/dev/null) =~ __asan ]]; then # whose address space is larger than any limit
  code=0
  # shellcheck disable=SC2016
  mpirun -n 2 bash -c '((OMPI_COMM_WORLD_RANK == 0)) || ulimit -v 800000; exec "$@"' bash "$program" sgd retrieval \
    --quiet --set 'particles.heads=[1000000]' --set particles.seeds=4 --set particles.step=[8] -o room \
    >.out 2>.err </dev/null || code=$?
  check 'out of memory on one process ends all' test "$code" -eq 4
  complains_once 'memory'
fi

finish
