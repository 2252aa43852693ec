#!/bin/sh
# The whole default run of examples/counting (20 bits, 128 at a time, an LSTM of 50 units, Adam, 3 epochs) beside the
# same recipe in other libraries, one after the other: the same data in the same order.
# Usage: sh tests/bench/counting.sh [--threads N] [--rivals LIST] [--quick]
#   --threads N     of every library (1)
#   --rivals LIST   of tf1 and torch, with commas between; or none (none)
#   --quick         one epoch of 100,000 sequences
set -u
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
# shellcheck source=tests/bench/setup.sh
. "$top/tests/bench/setup.sh"

refuse()
{
    sed -n 's/^# Usage: /usage: /p; s/^#   --/  --/p' "$top/tests/bench/counting.sh" >&2
    exit 2
}

threads=1
rivals=none
recipe=
while [ $# -gt 0 ]; do
    case $1 in
    --quick) recipe="--epochs 1 --train 100000" ;;
    --threads | --rivals)
        [ $# -gt 1 ] || refuse
        [ "$1" = --threads ] && threads=$2 || rivals=$2
        shift
        ;;
    *) refuse ;;
    esac
    shift
done
case $threads in
'' | *[!0-9]* | 0*) refuse ;;
esac

build_program counting_bench || exit 1
OMP_NUM_THREADS=$threads
export OMP_NUM_THREADS
cache=$build/synthetic_dataset.bin
# The seconds of training, without the looks at the test set, after which it is 99.9 % right; - if that never happens. On
# one thread they are CPU time, but for the example, whose clock is the one on the wall.
echo "library      version          threads  sequences/s    seconds  seconds to 99.9   accuracy"

# The example itself looks at the test set once, at the end.
# shellcheck disable=SC2086 # two words an option
sh "$top/examples/counting/run.sh" --threads "$threads" --cache "$cache" --quiet $recipe >"$temporary/example" || exit 1
awk '/^result / {
    for (k = 2; k <= NF; k++) {
        split($k, pair, "=")
        value[pair[1]] = pair[2]
    }
    sequences = int(value["train"] / value["batch"]) * value["batch"] * value["epochs"]
    goal = value["test_accuracy"] >= 0.999 ? "<= " value["train_seconds"] : "-"
    printf "%-12s %-16s %7d %12.0f %10.1f %16s %9.3f %%\n", "the example", value["isa"], value["threads"],
        sequences / value["train_seconds"], value["train_seconds"], goal, 100 * value["test_accuracy"]
}' "$temporary/example"

# shellcheck disable=SC2086
"$build/program/counting_bench" --cache "$cache" --threads "$threads" $recipe || exit 1
for rival in $(echo "$rivals" | tr ',' ' '); do
    case $rival in
    none) continue ;;
    tf1 | torch) ;;
    *) refuse ;;
    esac
    # shellcheck disable=SC2086
    if python=$(find_python "$rival"); then
        "$python" "$top/tests/bench/rivals/counting_$rival.py" --cache "$cache" --threads "$threads" $recipe \
            2>"$temporary/log" || { tail -n 20 "$temporary/log" >&2 && say "$rival failed" && exit 1; }
    else
        say "$rival is left out"
    fi
done
