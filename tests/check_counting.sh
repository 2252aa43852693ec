#!/bin/sh
# The counting program: every cell learns, in one layer and in two; wrong options are refused before any work; models are
# saved and used; training that was interrupted goes on to the same result.
# Usage: check_counting.sh PROGRAM, or a wrapper's words and then the program. Prints TAP.
set -u
more=
in_place=
work=
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

# learns CELL LAYERS PROGRAM..., with more options in $more: three of four sequences of 8 bits that it has not seen; always saying 4 gets one of four
# shellcheck disable=SC2016
learns()
{
    cell=$1
    layers=$2
    shift 2
    # shellcheck disable=SC2086 # options of one word
    "$@" --bits 8 --batch 16 --epochs 40 --units 16 --learning-rate 0.01 --threads 2 --cache none --quiet \
        --cell "$cell" --layers "$layers" $more >"$out" || { cat "$out" && return 1; }
    awk -v cell="$cell" -v layers="$layers" '
    { print }
    END { exit !(match($0, "^result cell=" cell " units=16 layers=" layers " ") && match($0, / test_accuracy=[0-9.]+/) &&
                 substr($0, RSTART + 15, RLENGTH - 15) >= 0.75) }' "$out"
}

# refuses REASON OPTIONS_OF_ONE_WORD PROGRAM...
# shellcheck disable=SC2086
refuses()
{
    reason=$1
    options=$2
    shift 2
    "$@" $options >"$out" 2>&1
    status=$?
    cat "$out"
    [ "$status" -eq 2 ] && [ "$(cat "$out")" = "counting: $reason" ]
}

# fails REASON OPTIONS_OF_ONE_WORD PROGRAM...: one line on standard error that ends with the reason, and nothing else
# shellcheck disable=SC2086
fails()
{
    reason=$1
    options=$2
    shift 2
    "$@" --bits 6 --batch 16 --units 4 --epochs 2 --cache none --quiet $options >"$out" 2>"$work/said" </dev/null
    status=$?
    cat "$out" "$work/said"
    [ "$status" -eq 1 ] && [ ! -s "$out" ] && [ "$(wc -l <"$work/said")" -eq 1 ] || return 1
    case $(cat "$work/said") in
    "counting: "*"$reason") ;;
    *) return 1 ;;
    esac
}

# is_an_error OPTIONS_OF_ONE_WORD PROGRAM...: with status 1
# shellcheck disable=SC2086
is_an_error()
{
    options=$1
    shift
    "$@" --bits 4 --batch 4 --cache none --quiet $options
    [ $? -eq 1 ]
}

# is_not_heard OPTIONS_OF_ONE_WORD PROGRAM...: with one line that says so
# shellcheck disable=SC2086
is_not_heard()
{
    options=$1
    shift
    printf '01\n' | "$@" --bits 6 --batch 8 --units 4 --epochs 1 --cache none --quiet $options 2>"$out" >/dev/full
    status=$?
    cat "$out"
    [ "$status" -eq 1 ] && [ "$(grep -vc '^epoch' "$out")" -eq 1 ] && grep -q 'counting: standard output cannot' "$out"
}

# predicts STATUS ANSWERS OPTIONS_OF_ONE_WORD PROGRAM...: reads 1, an empty line, 0101 and 111111 from standard input
# shellcheck disable=SC2086
predicts()
{
    status=$1
    expected=$2
    options=$3
    shift 3
    printf '1\n\n0101\n111111\n' | "$@" $options >"$out"
    [ $? -eq "$status" ] || return
    cat "$out"
    [ "$(cat "$out")" = "$expected" ]
}

# write_model FILE INPUTS UNITS RETURN: a basic_rnn whose weights are all 0
write_model()
{
    kernel=$((4 * ($2 + $3) * $3))
    header="{\"__metadata__\":{\"lstm.format\":\"model\",\"lstm.version\":\"1\",\"lstm.model\":\"{\\\"input_size\\\":$2,\
\\\"layers\\\":[{\\\"type\\\":\\\"rnn\\\",\\\"return\\\":\\\"$4\\\",\\\"cell\\\":{\\\"type\\\":\\\"basic_rnn\\\",\\\"num_units\\\":$3}}]}\"},\
\"rnn/basic_rnn_cell/kernel\":{\"dtype\":\"F32\",\"shape\":[$(($2 + $3)),$3],\"data_offsets\":[0,$kernel]},\
\"rnn/basic_rnn_cell/bias\":{\"dtype\":\"F32\",\"shape\":[$3],\"data_offsets\":[$kernel,$((kernel + 4 * $3))]}}"
    # The length in two bytes and six zeros; printf's format has them as octal numbers.
    # shellcheck disable=SC2059
    {
        printf "$(printf '\\%03o\\%03o' $((${#header} % 256)) $((${#header} / 256)))"
        head -c 6 /dev/zero
        printf '%s' "$header"
        head -c $((kernel + 4 * $3)) /dev/zero
    } >"$1"
}

# result FILE: its last line without the seconds
result()
{
    tail -n 1 "$1" | sed 's/ train_seconds=[^ ]* seconds=[^ ]*//'
}

# trains NAME PROGRAM...: with more options in $more; what it prints, saves and reports goes to NAME.txt, .model and .html
# shellcheck disable=SC2086
trains()
{
    name=$1
    shift
    $in_place "$@" --bits 7 --batch 16 --units 8 --layers 2 --epochs 61 --clip-norm 1 --threads 2 --cache none --quiet \
        --save "$work/$name.model" --report "$work/$name.html" $more >"$work/$name.txt"
}

# is_interrupted PROGRAM...: after it has written a checkpoint
is_interrupted()
{
    more="--checkpoint $work/checkpoint $option"
    rm -f "$work/checkpoint"
    in_place='exec' # $! is to be the program
    trains early "$@" &
    in_place=
    while [ ! -e "$work/checkpoint" ]; do
        kill -0 $! && sleep 0.01 || return 1
    done
    kill -INT $!
    wait $!
    status=$?
    cat "$work/early.txt"
    [ "$status" -eq 130 ] && grep -q '^result ' "$work/early.txt" && ! grep '^epoch 61/61' "$work/early.txt"
}

# goes_on PROGRAM...: to the same result
goes_on()
{
    more="--resume $work/checkpoint --checkpoint $work/checkpoint $option"
    trains late "$@" || return 1
    cat "$work/late.txt"
    [ "$(result "$work/late.txt")" = "$(result "$work/whole.txt")" ] &&
        cmp "$work/late.model" "$work/whole.model" && same_curves
}

same_curves()
{
    for name in whole late; do
        grep -A 1 'class="curve"' "$work/$name.html" >"$work/$name.curves"
    done
    [ -s "$work/whole.curves" ] && cmp "$work/whole.curves" "$work/late.curves"
}

# only_evaluates PROGRAM...
only_evaluates()
{
    more="--resume $work/checkpoint $option"
    trains late "$@" || return 1
    cat "$work/late.txt"
    ! grep '^epoch' "$work/late.txt" && [ "$(result "$work/late.txt")" = "$(result "$work/whole.txt")" ] &&
        cmp "$work/late.model" "$work/whole.model" && same_curves
}

out=$work/out
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
check "other optimizers are refused" refuses "--optimizer 'ftrl' is unknown" '--optimizer ftrl' "$@"

# Which options stand beside each other.
check "--predict takes a model" refuses '--predict needs --model FILE' '--predict 01' "$@"
check "--model takes --predict" refuses '--model is for --predict, which is not there' '--model a' "$@"
check "sequences are 0 and 1" refuses "--predict takes a sequence of 0 and 1, not '012'" '--predict 012 --model a' "$@"
check "a sequence is not empty" refuses "--predict takes a sequence of 0 and 1, not ''" '--predict= --model a' "$@"
for option in --save --checkpoint --resume --report; do
    check "--predict writes nothing by $option" refuses "--predict does not train: $option has no place beside it" \
        "--predict --model a $option b" "$@"
done
check "--checkpoint-every takes --checkpoint" refuses '--checkpoint-every needs --checkpoint FILE' \
    '--checkpoint-every 3' "$@"
check "a model does not replace its checkpoint" refuses '--save and --checkpoint name the same file' \
    '--save a --checkpoint a' "$@"
for option in --save --checkpoint --resume --report; do
    check "the data set does not replace what $option names" refuses '--cache names the file of another option' \
        "$option a" "$@" --cache a
done
for option in --save --checkpoint --resume; do
    check "$option is refused for a cell without a model file" refuses \
        "$option: a model file cannot hold the cell coupled_input_forget_lstm" "--cell coupled_input_forget_lstm $option a" "$@"
done

# Files that cannot be written or read are found before the work.
for option in --save --checkpoint; do
    check "$option into a folder that is not there fails" fails 'No such file or directory' "$option $work/no/a" "$@"
    check "$option to a folder fails" fails 'Is a directory' "$option $work" "$@"
done
check "nothing is left of it" [ "$(find "$work" -name '.counting*')" = '' ]
check "--resume from no file fails" fails 'No such file or directory' "--resume $work/no" "$@"
check "--predict with no file fails" fails 'No such file or directory' "--predict --model $work/no" "$@"

# Models.
printf '1\n0101\n111111\n' |
    "$@" --bits 6 --batch 8 --units 8 --epochs 20 --cache none --quiet --save "$work/model" --prompt >"$out"
answers=$(grep ': predicted' "$out")
check "three sequences are answered after training" [ "$(echo "$answers" | wc -l)" -eq 3 ]
check "a saved model gives the same answers" predicts 0 "$answers" "--predict --model $work/model" "$@"
check "--predict takes a sequence" predicts 0 "$(echo "$answers" | tail -n 1)" "--model $work/model --predict 111111" "$@"
check "and so after a =" predicts 0 "$(echo "$answers" | head -n 1)" "--predict=1 --model $work/model" "$@"
write_model "$work/other" 1 5 last
answers='0001: predicted 0 (probability 0.2000), true 1
0101: predicted 0 (probability 0.2000), true 2'
check "a sequence that is too long is refused" fails 'a sequence of 5 bits is too long: the network counts in 4' \
    "--model $work/other --predict 01010" "$@"
check "a model from elsewhere says how many bits, and more are a failure" predicts 1 "$answers" "--model $work/other --predict" "$@"
write_model "$work/wide" 2 5 last
check "one that reads two numbers is refused" fails 'the model reads 2 numbers at a time, not one bit' \
    "--predict --model $work/wide" "$@"
write_model "$work/long" 1 5 sequence
check "one that answers at every step is refused" fails \
    'the model gives an output at every step, not one for a sequence' "--predict --model $work/long" "$@"
for units in 1 26; do
    write_model "$work/outputs" 1 $units last
    check "one with outputs: $units is refused" fails "the model's $units outputs are not the counts in 1 to 24 bits" \
        "--predict --model $work/outputs" "$@"
done
if [ -c /dev/full ]; then
    check "a model that cannot be written is an error" is_an_error '--save /dev/full' "$@"
    for option in --help --quiet --prompt "--model $work/model --predict 01" "--model $work/model --predict"; do
        check "answers that cannot be written are one: $option" is_not_heard "$option" "$@"
    done
fi

# Checkpoints.
for option in "--checkpoint-every 7" "--checkpoint-every 4 --optimizer momentum" "--optimizer adadelta --cell gru"; do
    # --checkpoint-every has no meaning in the run that is not disturbed.
    more=$(echo "$option" | sed 's/--checkpoint-every [0-9]*//')
    check "a run that is not disturbed ends" trains whole "$@"
    check "Ctrl-C ends one with $option" is_interrupted "$@"
    check "it goes on to the same result" goes_on "$@"
done
option=$more
check "a run that is done is only evaluated" only_evaluates "$@"
check "a checkpoint is a model" "$@" --model "$work/checkpoint" --predict 0110100
recipe="--bits 7 --batch 16 --units 8 --layers 2 --epochs 61 --clip-norm 1 --optimizer adadelta --cell gru"
for option in "units 8 9" "layers 2 3" "bits 7 8" "batch 16 17" "epochs 61 62" "train 102 101" "seed 1 2" \
    "clip-norm 1 0.5" "learning-rate 0.001 0.1" "optimizer adadelta adam" "cell gru lstm"; do
    name=${option%% *}
    values=${option#* }
    check "another --$name is refused" fails " was made with --$name ${values% *}, not ${values#* }" \
        "$recipe --$name ${values#* } --resume $work/checkpoint" "$@"
done
check "a model is no checkpoint" fails 'is no checkpoint of this program: it does not say what --cell was' \
    "--resume $work/model" "$@"
head -c 5000 "$work/checkpoint" >"$work/short"
check "half a checkpoint is refused" is_an_error "$recipe --resume $work/short" "$@"
finish
