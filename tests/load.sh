#!/bin/sh
# Hours of load: streams over models that are swapped under them, in one process (load.c), and beside it training that is
# killed at random moments and goes on from its checkpoints (check_kill.sh), again and again until the time is over.
# Usage: load.sh SECONDS LOAD COUNTING. Prints TAP; the last line has the figures. 3600 is an hour.
set -u
seconds=$1
load=$2
counting=$3
tests=$(dirname "$0")
load_process=
work=
# shellcheck source=tests/tap.sh
. "$tests/tap.sh"
trap '[ -z "$load_process" ] || kill "$load_process" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

mkdir "$work/checkpoints"
end=$(($(date +%s) + seconds))
"$load" "$seconds" "$work/checkpoints" >"$work/load.txt" 2>&1 &
load_process=$!
: >"$work/kills.txt"
while [ "$(date +%s)" -lt "$end" ]; do
    sh "$tests/check_kill.sh" 20 "$counting" >>"$work/kills.txt" 2>&1
done
wait "$load_process"
status=$?
load_process=
figures=$(tail -n 1 "$work/load.txt")
cat "$work/load.txt"
grep -A 20 '^not ok' "$work/kills.txt"
kills=$(grep -c '^ok [0-9]* - round' "$work/kills.txt")
halfway=$(sed -n 's/^.*some were killed halfway (\([0-9]*\) of.*$/\1/p' "$work/kills.txt" | awk '{ sum += $1 } END { print sum + 0 }')
lost=$(grep -c '^not ok' "$work/kills.txt")
check "no bit differs and the memory is flat" [ "$status" -eq 0 ]
check "no checkpoint is lost" [ "$lost" -eq 0 ]
check "some were killed" [ "$halfway" -gt 0 ]
left=$(find "$work/checkpoints" -name '.*' -type f | wc -l)
check "no temporary file is left" [ "$left" -eq 0 ]
echo "1..$number"
echo "$figures; $kills runs killed, $halfway of them halfway, $lost lost"
[ "$failures" -eq 0 ]
