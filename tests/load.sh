#!/bin/sh
# Hours of load: streams over models that are swapped under them, in one process (load.c), and beside it training that is
# killed at random moments and goes on from its checkpoints (check_kill.sh), again and again until the time is over.
# Usage: load.sh SECONDS LOAD COUNTING. Prints TAP; the last line has the figures. 3600 is an hour.
set -u
LC_ALL=C
export LC_ALL
seconds=$1
load=$2
counting=$3
tests=$(dirname "$0")
folder=$(mktemp -d) || exit 1
log=$folder/log
load_process=
trap '[ -z "$load_process" ] || kill "$load_process" 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
# shellcheck source=tests/tap.sh
. "$tests/tap.sh"

mkdir "$folder/checkpoints"
end=$(($(date +%s) + seconds))
"$load" "$seconds" "$folder/checkpoints" >"$folder/load.txt" 2>&1 &
load_process=$!
: >"$folder/kills.txt"
while [ "$(date +%s)" -lt "$end" ]; do
    sh "$tests/check_kill.sh" 20 "$counting" >>"$folder/kills.txt" 2>&1
done
wait "$load_process"
status=$?
load_process=
figures=$(tail -n 1 "$folder/load.txt")
cat "$folder/load.txt"
grep -A 20 '^not ok' "$folder/kills.txt"
kills=$(grep -c '^ok [0-9]* - round' "$folder/kills.txt")
halfway=$(sed -n 's/^.*some were killed halfway (\([0-9]*\) of.*$/\1/p' "$folder/kills.txt" | awk '{ sum += $1 } END { print sum + 0 }')
lost=$(grep -c '^not ok' "$folder/kills.txt")
check "no bit differs and the memory is flat" [ "$status" -eq 0 ]
check "no checkpoint is lost" [ "$lost" -eq 0 ]
check "some were killed" [ "$halfway" -gt 0 ]
left=$(find "$folder/checkpoints" -name '.*' -type f | wc -l)
check "no temporary file is left" [ "$left" -eq 0 ]
echo "1..$number"
echo "$figures; $kills runs killed, $halfway of them halfway, $lost lost"
[ "$failures" -eq 0 ]
