#!/bin/sh
# The counting program on a disk that is full: it says so, its old checkpoint stays whole, and nothing else is left behind.
# Usage: check_full_disk.sh PROGRAM, or a wrapper's words and then the program. Prints TAP.
set -u
work=
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

# trains OPTIONS_OF_ONE_WORD PROGRAM...
# shellcheck disable=SC2086
trains()
{
    options=$1
    shift
    "$@" --bits 10 --units 8 --batch 16 --epochs 4 --threads 1 --cache none --quiet $options
}

# says_so OPTIONS_OF_ONE_WORD PROGRAM...: in one line, without a result
says_so()
{
    trains "$@" >"$work/out" 2>"$work/said"
    status=$?
    cat "$work/out" "$work/said"
    [ "$status" -eq 1 ] && [ "$(wc -l <"$work/said")" -eq 1 ] && grep -q '^counting: .*No space left' "$work/said" &&
        ! grep -q '^result' "$work/out"
}

disk=$work/disk
mkdir "$disk"
if ! mount -t tmpfs -o size=64k tmpfs "$disk" 2>"$log"; then
    skip "a full disk" "no tmpfs can be mounted here: $(head -n 1 "$log")"
    finish
    exit
fi
trap 'umount "$disk" && rm -rf "$work"' EXIT
check "there is room for a checkpoint" trains "--checkpoint $disk/checkpoint" "$@"
cp "$disk/checkpoint" "$work/old"
cat /dev/zero >"$disk/fill" 2>/dev/null
check "a checkpoint that has no room is an error" says_so "--checkpoint $disk/checkpoint --checkpoint-every 7" "$@"
check "the old one is whole" cmp "$disk/checkpoint" "$work/old"
check "a model that has no room is an error" says_so "--save $disk/model" "$@"
check "nothing else is left" [ "$(find "$disk" -type f | sort | tr '\n' ' ')" = "$disk/checkpoint $disk/fill " ]
check "one can go on from the old one" trains "--resume $disk/checkpoint" "$@"
finish
