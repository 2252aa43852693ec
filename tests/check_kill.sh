#!/bin/sh
# The counting program, killed at random moments while it writes checkpoints every few steps: each time the checkpoint that
# is there loads, and the run that goes on from it ends as one that nothing has disturbed.
# Usage: check_kill.sh ROUNDS PROGRAM, or a wrapper's words and then the program. Prints TAP.
set -u
rounds=$1
shift
in_place=
work=
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

# trains OPTIONS_OF_ONE_WORD PROGRAM...
# shellcheck disable=SC2086
trains()
{
    options=$1
    shift
    $in_place "$@" --bits 10 --units 8 --batch 16 --epochs 4 --threads 1 --cache none --quiet $options
}

# result FILE: its last line without the seconds
result()
{
    tail -n 1 "$1" | sed 's/ train_seconds=[^ ]* seconds=[^ ]*//'
}

# is_killed PROGRAM...: after a random part of the time that a run takes
is_killed()
{
    rm -f "$work/checkpoint"
    moment=$(od -A n -N 2 -t u2 /dev/urandom | awk -v all="$milliseconds" '{ printf "%.3f", $1 / 65536 * all / 1000 }')
    in_place='exec' # $! is to be the program
    trains "$writes" "$@" >"$work/killed.txt" &
    in_place=
    sleep "$moment"
    kill -KILL $!
    wait $!
    status=$?
    echo "after $moment s: status $status"
    if [ "$status" -eq 137 ] && [ -e "$work/checkpoint" ]; then
        halves=$((halves + 1))
    fi
}

# goes_on PROGRAM...: from the checkpoint; from the beginning if the first one was not yet written
goes_on()
{
    is_killed "$@"
    from=
    if [ -e "$work/checkpoint" ]; then
        "$@" --predict 0110100101 --model "$work/checkpoint" || return 1
        from="--resume $work/checkpoint"
    fi
    trains "$writes $from --save $work/late.model" "$@" >"$work/late.txt" || return 1
    cat "$work/late.txt"
    [ "$(result "$work/late.txt")" = "$(result "$work/whole.txt")" ] && cmp "$work/late.model" "$work/whole.model"
}

writes="--checkpoint $work/checkpoint --checkpoint-every 3"
trains "--save $work/whole.model" "$@" >"$work/whole.txt"
start=$(date +%s%N)
check "a run that writes checkpoints ends" trains "$writes" "$@"
milliseconds=$((($(date +%s%N) - start) / 1000000))
halves=0
round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    check "round $round: killed, it goes on to the same result" goes_on "$@"
done
check "some were killed halfway ($halves of $rounds)" [ "$halves" -gt 0 ]
finish
