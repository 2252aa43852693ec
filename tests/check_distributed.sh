#!/bin/sh
# The counting program in several processes: it does what one does, and its ordered sums have the same bits.
# Usage: check_distributed.sh SOURCE_DIR WORK_DIR CMAKE C_COMPILER COUNTING. Prints TAP.
set -u
source=$1
work=$2
cmake=$3
cc=$4
counting=$5
# shellcheck source=tests/tap.sh
. "$source/tests/tap.sh"

if ! command -v mpirun >/dev/null 2>&1 || ! command -v mpicc >/dev/null 2>&1; then
    skip "training in several processes" "there is no mpirun, or no mpicc"
    finish
    exit
fi
# As examples/distributed/run.sh has it.
OMPI_MCA_rmaps_base_oversubscribe=1
OMPI_MCA_hwloc_base_binding_policy=none
OMPI_ALLOW_RUN_AS_ROOT=1
OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_hwloc_base_binding_policy OMPI_ALLOW_RUN_AS_ROOT \
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM

builds()
{
    "$cmake" -S "$source/examples/distributed" -B "$work/build" -DCMAKE_C_COMPILER="$cc" &&
        "$cmake" --build "$work/build" --parallel 2 --target distributed
}

# A batch of 17 has shards of different sizes.
task="--bits 8 --batch 17 --epochs 40 --units 16 --learning-rate 0.01 --threads 1 --cache none --quiet"

# trains RANKS NAME OPTION...: what it prints and saves goes to NAME.txt and NAME.model
# shellcheck disable=SC2086
trains()
{
    ranks=$1
    name=$2
    shift 2
    mpirun --quiet -n "$ranks" "$work/build/distributed" $task --save "$work/$name.model" "$@" >"$work/$name.txt" &&
        cat "$work/$name.txt" && tail -n 1 "$work/$name.txt" | grep -q "^result .* ranks=$ranks\$"
}

# value KEY NAME
value()
{
    tail -n 1 "$work/$2.txt" | tr ' ' '\n' | sed -n "s/^$1=//p"
}

# same NAME NAME
same()
{
    cmp "$work/$1.model" "$work/$2.model"
}

# shellcheck disable=SC2086
one_process()
{
    "$counting" $task --save "$work/counting.model" >"$work/counting.txt"
}

# learns NAME: as well as one process; sums in another order change little
learns()
{
    for key in train_loss test_loss; do
        echo "$key $(value "$key" counting) $(value "$key" "$1")"
    done | awk '{ print } { if (($2 - $3) ^ 2 > 0.05 ^ 2) bad = 1 } END { exit bad }' &&
        awk -v accuracy="$(value test_accuracy "$1")" 'BEGIN { exit !(accuracy >= 0.75) }'
}

# ordered_is_sharded RANKS
ordered_is_sharded()
{
    trains "$1" ordered --ordered && trains 1 sharded --shards "$1" && same ordered sharded
}

# gradient_is_whole RANKS: one step of plain descent with a rate that makes it visible, and the same test loss
gradient_is_whole()
{
    descent="--optimizer gradient_descent --learning-rate 1 --epochs 3"
    # shellcheck disable=SC2086
    trains 1 whole $descent && trains "$1" parts $descent || return 1
    [ "$(value test_loss whole)" = "$(value test_loss parts)" ] &&
        [ "$(value train_loss whole)" = "$(value train_loss parts)" ] &&
        [ "$(value lab_metric whole)" = "$(value lab_metric parts)" ]
}

goes_on()
{
    trains 2 undisturbed --ordered || return 1
    rm -f "$work/checkpoint"
    # shellcheck disable=SC2086
    mpirun --quiet -n 2 "$work/build/distributed" $task --ordered --checkpoint "$work/checkpoint" --checkpoint-every 3 &
    while [ ! -e "$work/checkpoint" ]; do
        kill -0 $! && sleep 0.01 || return 1
    done
    kill -TERM $!
    wait $!
    trains 2 resumed --ordered --resume "$work/checkpoint" && same undisturbed resumed
}

# refuses REASON RANKS OPTION...
refuses()
{
    reason=$1
    ranks=$2
    shift 2
    mpirun --quiet -n "$ranks" "$work/build/distributed" "$@" >"$work/said" 2>&1
    status=$?
    cat "$work/said"
    [ "$status" -eq 2 ] && [ "$(cat "$work/said")" = "$reason" ]
}

run_refuses()
{
    sh "$source/examples/distributed/run.sh" --bits 4 "$@"
    [ $? -eq 2 ]
}

check "it builds" builds
check "one process trains" one_process
check "one rank trains" trains 1 rank
check "it has the bits of one process" same counting rank
check "two ranks train" trains 2 ranks
check "they learn as much" learns ranks
for ranks in 2 3 5; do
    check "the ordered sum of $ranks ranks has the bits of $ranks shards in one process" ordered_is_sharded $ranks
done
check "the gradient is that of the whole batch" gradient_is_whole 3
check "training that was interrupted goes on to the same bits" goes_on
check "shards are for one process" refuses \
    'distributed: --shards is for one process; here are 2, and each has a shard' 2 --shards 2
check "a batch has a sequence for each rank" refuses \
    'distributed: --batch 2 is less than a sequence for each of 3 ranks' 3 --bits 4 --batch 2
check "the counting program's options are refused as by itself" refuses \
    "counting: --units takes a positive whole number, not 'x'" 2 --units x
check "0 ranks are refused" run_refuses --ranks 0
check "ranks take a number" run_refuses --ranks
finish
