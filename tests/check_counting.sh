#!/bin/sh
# The counting program: every cell learns, in one layer and in two, and wrong options are refused before any work.
# Usage: check_counting.sh PROGRAM, or a wrapper's words and then the program. Prints TAP.
set -u
LC_ALL=C
export LC_ALL
OPENBLAS_NUM_THREADS=1 # tests run side by side
export OPENBLAS_NUM_THREADS
more=

# learns CELL LAYERS PROGRAM..., with more options in $more: three of four sequences of 8 bits that it has not seen; always saying 4 gets one of four
# shellcheck disable=SC2016
learns()
{
    cell=$1
    layers=$2
    shift 2
    # shellcheck disable=SC2086 # options of one word
    "$@" --bits 8 --batch 16 --epochs 40 --units 16 --learning-rate 0.01 --threads 2 --cache none --quiet \
        --cell "$cell" --layers "$layers" $more >"$work" || { cat "$work" && return 1; }
    awk -v cell="$cell" -v layers="$layers" '
    { print }
    END { exit !(match($0, "^result cell=" cell " units=16 layers=" layers " ") && match($0, / test_accuracy=[0-9.]+/) &&
                 substr($0, RSTART + 15, RLENGTH - 15) >= 0.75) }' "$work"
}

# refuses REASON OPTIONS_OF_ONE_WORD PROGRAM...
# shellcheck disable=SC2086
refuses()
{
    reason=$1
    options=$2
    shift 2
    "$@" $options >"$work" 2>&1
    status=$?
    cat "$work"
    [ "$status" -eq 2 ] && [ "$(cat "$work")" = "counting: $reason" ]
}

work=$(mktemp) || exit 1
log=$(mktemp) || exit 1
trap 'rm -f "$work" "$log"' EXIT
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
for layers in 1 2; do
    for cell in basic_rnn basic_lstm lstm gru cudnn_compatible_gru layer_norm_basic_lstm coupled_input_forget_lstm; do
        check "$cell learns to count in layers: $layers" learns "$cell" "$layers" "$@"
    done
done
for more in "rmsprop" "momentum --learning-rate 0.2" "nesterov --learning-rate 0.2 --clip-norm 1" \
    "adagrad --learning-rate 0.2" "adadelta --learning-rate 10" "gradient_descent --learning-rate 1 --clip-norm 1"; do
    more="--optimizer $more"
    check "it learns with $more" learns lstm 1 "$@"
done
check "a cell that is not there is refused" refuses "--cell 'gruu' is unknown" '--cell gruu' "$@"
check "0 layers are refused" refuses "--layers takes a positive whole number, not '0'" '--layers 0' "$@"
check "1001 layers are refused" refuses '--layers goes from 1 to 1000' '--layers 1001' "$@"
for option in --save --model --predict --checkpoint --checkpoint-every --resume; do
    check "$option is refused" refuses "$option is not available yet" "$option 1" "$@"
done
check "other optimizers are refused" refuses "--optimizer 'ftrl' is unknown" '--optimizer ftrl' "$@"
echo "1..$number"
[ "$failures" -eq 0 ]
