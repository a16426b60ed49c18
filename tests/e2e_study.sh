#!/usr/bin/env bash
# What the comparison is for, in numbers: the powers of N and of the step, predictions, bounds and the static bound
# at full size. A study of minutes: with HEADFLOW_FULL=1 alone.
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "$(readlink -f "$0")")/e2e.sh"

[[ -n ${HEADFLOW_FULL:-} ]] || skip 'a study of minutes; HEADFLOW_FULL=1 runs it'

# compares CASE NAME OPTION...: train and compare; the JSON goes to NAME.json.
compares() {
  local case=$1 name=$2
  shift 2
  [[ -e $case/solution.nc ]] || returns 0 run "$case" --quiet --set scheme.flux=duality7 -o "$case"
  returns 0 sgd "$case" --quiet -o "$case" "$@"
  # the distances in all coordinates have tests of their own: here as few atoms and as much blur as is quick
  returns 0 compare "$case/solution.nc" "$case/particles.nc" --json --pairs 100 --epsilon 10
  tail -n 1 .out >"$name.json"
  rm "$case/particles.nc"
}

# holds NAME EXPRESSION: true of `e`, the ensembles, `s`, the slopes of the coupling error, and `f`, the static bound.
holds() {
  "$python" - "$1.json" "$2" <<'END'
import json, math, sys

summary = json.load(open(sys.argv[1]))
e, f = summary["ensembles"], summary["static"]
s = [slope for slope in summary["slopes"] if slope["of"] == "coupling"]
bounds = ("pathwise", "expected", "leading", "classical")
for k in e:
    print(k["heads"], k["step"], k["batch"], k["coupling"], k["coupling_predicted"], [k["slack_" + b] for b in bounds])
print(s, f)
inside = lambda k: k["coupling"]["lower"] <= k["coupling_predicted"]["value"] <= k["coupling"]["upper"]
bounded = lambda: not any(k["violated_" + b] for k in e for b in bounds)
assert eval(sys.argv[2]), sys.argv[2]
END
}

# N^(-1/2), with steps that are small against the errors of finite N; the leading order holds from N = 64 on
all='particles.heads=[16,64,256,1024,4096]'
compares ridge ridge --set "$all" --set 'particles.step=[0.005]' --set 'particles.batch=[full]' --set particles.seeds=40
compares retrieval retrieval --set "$all" --set 'particles.step=[0.02]' --set 'particles.batch=[full]' \
  --set particles.seeds=40
for case in ridge retrieval; do
  check "$case: slope in N is -1/2 within 0.05" holds "$case" 'len(s) == 1 and abs(s[0]["measured"]["value"] + 0.5) < 0.05'
  check '  and is predicted so' holds "$case" 'abs(s[0]["predicted"] + 0.5) < 0.01'
  check '  the predictions lie in the intervals of the measurements' holds "$case" 'all(inside(k) for k in e[1:])'
  check '  every bound holds at every time' holds "$case" 'bounded()'
  check '  heads drawn from the density: leading order within the intervals' holds "$case" \
    'all(k["measured"]["lower"] <= k["leading"] <= k["measured"]["upper"] for k in f)'
  check '  and never above the bound by more than them' holds "$case" \
    'len(f) == 5 and all(k["measured"]["lower"] <= k["bound"] for k in f)'
done

# epsilon^(1/2) by minibatches, epsilon by whole ones
compares retrieval batches --set 'particles.heads=[4096]' --set 'particles.step=[0.2,0.1,0.05,0.025]' \
  --set 'particles.batch=[8]' --set particles.seeds=40
check 'b = 8: the coupling error is within 20 % of the prediction for all steps' holds batches \
  'len(e) == 4 and all(abs(k["coupling"]["value"] / k["coupling_predicted"]["value"] - 1) < 0.2 for k in e)'
check '  and nearly a square root of the step' holds batches 'abs(s[0]["measured"]["value"] - 0.5) < 0.1'
compares ridge whole --set 'particles.heads=[16384]' --set 'particles.step=[0.2,0.1,0.05]' \
  --set 'particles.batch=[full]' --set particles.seeds=8
check 'whole batches: order 1 in the step' holds whole 'abs(s[0]["measured"]["value"] - 1) < 0.05'
compares retrieval whole --set 'particles.heads=[65536]' --set 'particles.step=[0.8,0.4,0.2]' \
  --set 'particles.batch=[full]' --set particles.seeds=3
check '  on retrieval within what finite N leaves' holds whole \
  'abs(s[0]["measured"]["value"] - s[0]["predicted"]) < 0.1 and s[0]["predicted"] > 0.85'

# every bound at every time; the pathwise one is within a factor of 10 of what it bounds
for case in stable saddle qkv words; do
  compares "$case" "$case" --set 'particles.heads=[16,256]' --set 'particles.step=[0.1]'
  check "$case: every bound holds at every time" holds "$case" 'bounded()'
done
for case in retrieval stable; do
  check "$case: the pathwise bound is within a factor of 10" holds "$case" \
    'all(k["coupling_bound_pathwise"] < 10 * k["coupling"]["value"] for k in e if k["batch"] == "full")'
done
finish
