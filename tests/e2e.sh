# shellcheck shell=bash
# The harness of the end-to-end tests: bash tests/e2e_<what>.sh PROGRAM. It stands in an empty folder of its own,
# removed at the end, and prints TAP. Use: returns CODE ARGUMENT..., then says / complains PATTERN about what that
# call printed; check LABEL COMMAND...; finish.
set -uo pipefail

program=$(readlink -f "${1:?the path of headflow}")
tests=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
export HEADFLOW_CASES=$tests/../cases
python=/usr/bin/python3 # Debian's, which has the packages: another may come first on PATH
[[ -x $python ]] || python=python3

work=$(mktemp -d) && cd "$work" || exit 1
checks=0 finished=
trap '[[ -n $finished ]] || echo "Bail out! the script ended early"; cd /; rm -rf "$work"' EXIT

# check LABEL COMMAND...: passes when the command succeeds; what it prints is shown when it does not.
check() {
  local label=$1 file
  shift
  checks=$((checks + 1))
  if "$@" &>.check; then
    printf 'ok %d - %s\n' "$checks" "$label"
  else
    printf 'not ok %d - %s\n' "$checks" "$label"
    for file in .check .out .err; do # of the check, and of the last call of the program
      [[ ! -s $file ]] || tail -n 5 "$file" | sed "s/^/# $file: /"
    done
  fi
}

# returns CODE ARGUMENT...: run the program; its exit code must be CODE.
returns() {
  local wanted=$1 code=0
  shift
  "$program" "$@" >.out 2>.err </dev/null || code=$?
  check "headflow $* exits with $wanted" test "$code" -eq "$wanted"
}

# The last call printed PATTERN (extended, any case) on standard output; on standard error, as its only line.
says() { check "  and says $1" grep -qiE -- "$1" .out; }
complains() { check "  and complains in one line of $1" one_line "$1"; }
one_line() { [[ $(wc -l <.err) -eq 1 ]] && grep -qiE -- "$1" .err; }

# Nothing of this name was left behind.
leaves_no() { check "  and leaves no $1" test ! -e "$1"; }

# skip WHY: leave the whole script out.
skip() {
  printf '1..0 # SKIP %s\n' "$1"
  finished=yes
  exit 0
}

finish() {
  printf '1..%d\n' "$checks"
  finished=yes
}
