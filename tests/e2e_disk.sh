#!/usr/bin/env bash
# A disk that is full, a file that may not grow, a folder that is read-only or goes away: one line with the reason,
# exit code 4, the file that was there as it was, nothing half-written beside it; and before anything is computed.
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "$(readlink -f "$0")")/e2e.sh"
export HDF5_USE_FILE_LOCKING=FALSE

small=(retrieval --quiet --set 'grid.cells=[48,48]' --set time.outputs=9)
particles=(retrieval --quiet --set 'particles.heads=[64]' --set 'particles.seeds=4' --set 'particles.step=[0.1]')

# unchanged FOLDER: the old files alone, as they were.
unchanged() { check '  and the old file stays, alone' diff -r "$1" before; }

# ---- two runs into one folder: without the locks of HDF5 and with them ---------------------------------------
for locking in FALSE TRUE; do
  HDF5_USE_FILE_LOCKING=$locking "$program" run circle-split --quiet --set 'grid.cells=[900]' --set time.end=50 -o two &
  victim=$!
  for _ in {1..600}; do
    [[ -s two/solution.nc.part ]] && break
    sleep 0.01
  done
  HDF5_USE_FILE_LOCKING=$locking returns 4 run circle-split --quiet --set time.end=0.1 -o two
  complains 'two/solution.nc.part: another run is writing this file$'
  kill -KILL $victim
  wait $victim 2>/dev/null
  HDF5_USE_FILE_LOCKING=$locking returns 0 run circle-split --quiet --set time.end=0.1 -o two
  rm -r two
done
mkdir two && mkfifo two/solution.nc.part
returns 4 run circle-split --quiet -o two
complains 'two/solution.nc.part: cannot write: not a file$'

# ---- a file that may not grow: RLIMIT_FSIZE, in KiB ----------------------------------------------------------
returns 0 run "${small[@]}" -o limited
returns 0 sgd "${particles[@]}" -o limited
cp -r limited before
# 1: where files begin. 60, 150: on the way. One KiB less than the file: at the end.
for kib in 1 60 150 $(($(stat -c %s limited/solution.nc) / 1024)); do
  (ulimit -f "$kib" && "$program" run "${small[@]}" --set time.outputs=9 -o limited >.out 2>.err </dev/null)
  check "a limit of $kib KiB on files ends run with 4" test $? -eq 4
  complains '^headflow: limited/solution.nc.*: File too large$'
  unchanged limited
done
for kib in 1 20 100; do
  (ulimit -f "$kib" && "$program" sgd "${particles[@]}" -o limited >.out 2>.err </dev/null)
  check "a limit of $kib KiB on files ends sgd with 4" test $? -eq 4
  complains '^headflow: limited/particles.nc.*: File too large$'
  rm -f limited/particles.nc.journal # the members that fitted are kept
  unchanged limited
done
(ulimit -f 20 && "$program" figures limited/solution.nc >.out 2>.err </dev/null)
check 'a limit of 20 KiB on files ends figures with 4' test $? -eq 4
check '  in one line' test "$(wc -l <.err)" -eq 1

# ---- a full disk ---------------------------------------------------------------------------------------------
mkdir full
if mount -t tmpfs -o size=400k none full 2>/dev/null; then
  trap 'umount -l "$work/full"; [[ -n $finished ]] || echo "Bail out! the script ended early"; cd /; rm -rf "$work"' EXIT
  returns 0 run "${small[@]}" --set 'grid.cells=[16,16]' -o full
  rm -rf before && cp -r full before
  returns 4 run "${small[@]}" -o full
  complains '^headflow: full/solution.nc.*: No space left on device$'
  unchanged full
  returns 4 sgd "${particles[@]}" --set 'particles.heads=[1024]' -o full
  complains '^headflow: full/particles.nc.*: No space left on device$'
  rm -f full/particles.nc.journal
  head -c 1000000 /dev/zero >full/filler 2>/dev/null
  returns 4 optimum retrieval --quiet -o full
  complains '^headflow: full/optimum.nc.*: No space left on device$'
  returns 4 report full --quiet
  complains '^headflow: full/report.html: .*No space left on device$'
  rm -f full/filler
  unchanged full
  # ---- and a read-only one, which is told before anything is computed
  mount -o remount,ro full
  for call in "run retrieval" "sgd retrieval" "optimum retrieval" "limit retrieval" "verify retrieval" "report full/solution.nc" \
    "limit full/solution.nc" "figures full/solution.nc"; do
    # shellcheck disable=SC2086
    returns 4 $call -o full/new
    complains '^headflow: full.*: Read-only file system$'
  done
  unchanged full
else
  echo '# no tmpfs may be mounted here: a full disk is left out'
fi

# ---- what is no folder, before anything is computed ----------------------------------------------------------
: >file
for call in "run retrieval" "sgd retrieval" "optimum retrieval" "limit retrieval" "verify retrieval" \
  "report limited/solution.nc" "limit limited/solution.nc" "compare limited/solution.nc limited/particles.nc"; do
  # shellcheck disable=SC2086
  returns 4 $call -o file/out
  complains '^headflow: file: cannot write there: not a folder$'
done
mkdir -p taken/solution.nc
returns 4 run retrieval -o taken
complains '^headflow: taken/solution.nc: cannot write: a folder$'
if [[ $(id -u) -eq 0 ]] && command -v setpriv >/dev/null; then # root may write everywhere
  mkdir shut && chmod 755 . shut
  code=0
  setpriv --reuid 65534 --clear-groups "$program" run retrieval -o shut/new >.out 2>.err </dev/null || code=$?
  check 'run into a folder of someone else ends with 4' test "$code" -eq 4
  complains '^headflow: shut: cannot write there: Permission denied$'
fi

# ---- a folder that goes away ---------------------------------------------------------------------------------
# vanishes FILE WORDS OPTION...: the folder is removed once a run has left FILE in it.
vanishes() {
  local file=$1 words=$2 code=0
  shift 2
  "$program" run retrieval --quiet --set 'grid.cells=[64,64]' --set time.rtol=1e-9 "$@" -o gone >.out 2>.err </dev/null &
  local run=$!
  for _ in {1..600}; do
    [[ -s gone/$file ]] && break
    sleep 0.01
  done
  kill -STOP $run
  rm -rf gone
  kill -CONT $run
  wait $run || code=$?
  check 'a folder that goes away ends run with 4' test "$code" -eq 4
  complains "$words"
}
vanishes solution.nc.part '^headflow: gone/solution.nc.*: No such file or directory$'
vanishes solution.nc.checkpoint '^headflow: gone/solution.nc.*: (removed while it was written; .*|No such file or directory)$' \
  --set checkpoint.every=0.2
leaves_no gone

finish
