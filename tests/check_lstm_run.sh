#!/bin/sh
# lstm-run: the same bits in every mode, and one line for all that is wrong.
# Usage: check_lstm_run.sh MAKE_FILES [WRAPPER...] LSTM_RUN, both of which the wrapper runs. Prints TAP.
set -u
make_files=$1
shift
work=
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
cd "$work" || exit 1
make=$work/make
{
    printf '#!/bin/sh\nexec'
    left=$#
    for word; do
        left=$((left - 1))
        [ "$left" -eq 0 ] || printf " '%s'" "$word"
    done
    printf " '%s' \"\$@\"\n" "$make_files"
} >"$make"
chmod +x "$make"

# gives_same_bits GRAPH "BATCH TIME WIDTH" "LEAF_WIDTHS" COMMAND...
# shellcheck disable=SC2086 # numbers in one word
gives_same_bits()
{
    graph=$1
    set -- "$2" "$3" "$@"
    sizes=$1
    leaves=$2
    shift 5
    "$make" model "$graph" model || return
    for leaves in "" "$leaves"; do
        "$make" inputs $sizes inputs $leaves && "$@" model inputs first || return
        for mode in "--threads 2" "--chunk 1" "--chunk=7" "--chunk 99999999999999999999 --threads 3"; do
            "$@" model $mode inputs second && cmp first second || return
        done
    done
}

rnn()
{
    echo "{\"input_size\": 3, \"layers\": [{\"type\": \"rnn\", $2\"cell\": $1}$3]}"
}

# cell TYPE MORE
cell()
{
    echo "{\"type\": \"$1\", \"num_units\": 5$2}"
}
dense=', {"type": "dense", "units": 4, "activation": "softmax"}'
sizes="70 20 3"
check "basic_rnn" gives_same_bits "$(rnn "$(cell basic_rnn '')" '' '')" "$sizes" "5" "$@"
check "basic_lstm" gives_same_bits "$(rnn "$(cell basic_lstm '')" '' "$dense")" "$sizes" "5 5" "$@"
check "lstm, the last output" gives_same_bits "$(rnn "$(cell lstm '')" '"return": "last", ' "$dense")" "$sizes" "5 5" "$@"
check "lstm with every option" gives_same_bits \
    "$(rnn "$(cell lstm ', "use_peepholes": true, "cell_clip": 1, "num_proj": 2, "proj_clip": 0.5')" '' '')" "$sizes" \
    "5 2" "$@"
check "gru" gives_same_bits "$(rnn "$(cell gru '')" '' "$dense")" "$sizes" "5" "$@"
check "cudnn_compatible_gru" gives_same_bits "$(rnn "$(cell cudnn_compatible_gru '')" '' '')" "$sizes" "5" "$@"
check "layer_norm_basic_lstm" gives_same_bits "$(rnn "$(cell layer_norm_basic_lstm '')" '' '')" "$sizes" "5 5" "$@"
check "multi_rnn and residual" gives_same_bits "$(rnn "{\"type\": \"multi_rnn\", \"cells\": [$(cell gru ''), {\"type\":
    \"residual\", \"cell\": $(cell lstm '')}]}" '' "$dense")" "$sizes" "5 5 5" "$@"
check "dense layers alone" gives_same_bits \
    '{"input_size": 3, "layers": [{"type": "dense", "units": 2}, {"type": "dense", "units": 4, "scope": "b"}]}' \
    "$sizes" "" "$@"
check "no rows" gives_same_bits "$(rnn "$(cell lstm '')" '' "$dense")" "0 20 3" "5 5" "$@"
check "no steps" gives_same_bits "$(rnn "$(cell lstm '')" '"return": "last", ' "$dense")" "70 0 3" "5 5" "$@"

# says STATUS WORDS COMMAND...: the status, one line with those words, and an output that is as it was
says()
{
    wanted=$1
    words=$2
    shift 2
    echo before >output
    "$@" >out 2>err
    status=$?
    cat out err
    [ "$status" -eq "$wanted" ] && [ "$(wc -l <err)" -eq 1 ] && grep -qF -e "$words" err && [ ! -s out ] &&
        [ "$(cat output)" = before ] && [ -z "$(find . -name 'output?*')" ]
}

# tensors FILE HEADER BYTES: a file with such a header and as many zero bytes of data
# shellcheck disable=SC2059 # the format is the eight bytes of a length
tensors()
{
    length=$(printf '%s' "$2" | wc -c)
    printf "$(printf '\\%03o\\%03o' $((length % 256)) $((length / 256)))\\0\\0\\0\\0\\0\\0" >"$1"
    printf '%s' "$2" >>"$1"
    head -c "$3" /dev/zero >>"$1"
}
x='"inputs": {"dtype": "F32", "shape": [2, 4, 3], "data_offsets": [0, 96]}'

# refuses WORDS HEADER BYTES COMMAND...: such an input
refuses()
{
    words=$1
    tensors bad "$2" "$3"
    shift 3
    says 1 "$words" "$@" model bad output
}

"$make" model "$(rnn "$(cell lstm '')" '' '')" model
"$make" inputs 4 6 3 inputs
tensors good "{$x}" 96
check "the plainest input is taken" "$@" model good second
tensors none '{"inputs": {"dtype": "F32", "shape": [65536, 0, 3], "data_offsets": [0, 0]}}' 0
check "many rows without steps are taken" "$@" model none second
check "too many are not" refuses 'at most 65536 rows' \
    '{"inputs": {"dtype": "F32", "shape": [65537, 0, 3], "data_offsets": [0, 0]}}' 0 "$@"
check "misnamed inputs" refuses '"input" that is of no use; it may have "inputs"' "$(echo "{$x}" | sed s/inputs/input/)" 96 "$@"
check "no inputs" refuses 'no tensor "inputs"' '{}' 0 "$@"
check "a tensor of another name" refuses '"more"' "{$x, \"more\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [96, 100]}}" 100 "$@"
check "inputs of rank 2" refuses '"inputs" has the shape [8, 3]' \
    '{"inputs": {"dtype": "F32", "shape": [8, 3], "data_offsets": [0, 96]}}' 96 "$@"
check "inputs of another width" refuses 'expected [batch, time, 3]' \
    '{"inputs": {"dtype": "F32", "shape": [2, 6, 2], "data_offsets": [0, 96]}}' 96 "$@"
check "inputs that are integers" refuses 'I64' \
    '{"inputs": {"dtype": "I64", "shape": [1, 4, 3], "data_offsets": [0, 96]}}' 96 "$@"
check "lengths that are floats" refuses '"sequence_length" is F32' \
    "{$x, \"sequence_length\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [96, 104]}}" 104 "$@"
check "too few lengths" refuses 'expected [2]' \
    "{$x, \"sequence_length\": {\"dtype\": \"I32\", \"shape\": [1], \"data_offsets\": [96, 100]}}" 100 "$@"
check "one leaf of two" refuses '"initial_state.1" is missing' \
    "{$x, \"initial_state.0\": {\"dtype\": \"F32\", \"shape\": [2, 5], \"data_offsets\": [96, 136]}}" 136 "$@"
check "the second leaf alone" refuses '"initial_state.0" is missing' \
    "{$x, \"initial_state.1\": {\"dtype\": \"F32\", \"shape\": [2, 5], \"data_offsets\": [96, 136]}}" 136 "$@"
check "a leaf too many" refuses '"initial_state.2"' \
    "{$x, \"initial_state.2\": {\"dtype\": \"F32\", \"shape\": [2, 5], \"data_offsets\": [96, 136]}}" 136 "$@"
check "a leaf of another width" refuses 'expected [2, 5]' \
    "{$x, \"initial_state.0\": {\"dtype\": \"F32\", \"shape\": [2, 4], \"data_offsets\": [96, 128]}}" 128 "$@"
check "a leaf of another dtype" refuses '"initial_state.0" is F64' \
    "{$x, \"initial_state.0\": {\"dtype\": \"F64\", \"shape\": [2, 5], \"data_offsets\": [96, 176]}}" 176 "$@"
check "a format that is not known" refuses 'lstm.format' "{\"__metadata__\": {\"lstm.format\": \"x\", \"lstm.version\": \"1\"}, $x}" 96 "$@"
tensors bad "{$x, \"sequence_length\": {\"dtype\": \"I32\", \"shape\": [2], \"data_offsets\": [96, 104]}}" 100
printf '\007\000\000\000' >>bad
check "a length past the time" says 1 '"sequence_length" of row 1 is 7, expected 0 to 4' "$@" model bad output

check "an input that is not there" says 1 nowhere "$@" model nowhere output
check "a model that is not there" says 1 nowhere "$@" nowhere inputs output
check "an input that is a folder" says 1 '/dev' "$@" model /dev output
check "a model without a graph" says 1 'no graph' "$@" inputs inputs output
head -c 200 model >cut
check "a model that is cut off" says 1 'cut' "$@" cut inputs output
check "the input as output" says 1 'inputs' "$@" model inputs inputs
check "the model as output" says 1 'model' "$@" model inputs ./model
check "a folder that is not there" says 1 nowhere "$@" model inputs nowhere/output
check "a device that is full" says 1 /dev/full "$@" model inputs /dev/full
check "a device is written as it stands" "$@" model inputs /dev/null
"$make" model "{\"input_size\": 3, \"layers\": [{\"type\": \"bidirectional_rnn\", \"forward\": $(cell gru ''),
    \"backward\": $(cell gru '')}]}" both
check "a bidirectional model runs" "$@" both inputs second
check "a bidirectional model in chunks" says 1 bidirectional "$@" --chunk 3 both inputs output

for words in "" "model" "model inputs" "model inputs output more" "--chunk" "--chunk 0 model inputs output" \
    "--chunk 1.5 model inputs output" "--chunk -1 model inputs output" "--threads 1025 model inputs output" \
    "--thread 2 model inputs output" "--help=3" "-x" "--describe" "--describe model inputs" \
    "--describe --selftest model"; do
    # shellcheck disable=SC2086
    check "wrong usage: $words" says 2 lstm-run "$@" $words
done
check "--help" "$@" model --help
check "--version" "$@" --version
describes()
{
    said=$("$@" --describe model) && echo "$said" | grep -qF '"num_units": 5' &&
        echo "$said" | grep -qxF 'tensor rnn/lstm_cell/kernel [8, 20] F32' &&
        echo "$said" | grep -qxF 'parameters 180' && echo "$said" | grep -qxF 'multiply-adds 160'
}
check "--describe" describes "$@"

# Names that a terminal would obey, and self-tests that pass; weights, inputs and outputs are zeros.
graph='{\"input_size\": 3, \"layers\": [{\"type\": \"dense\", \"units\": 1, \"use_bias\": false}]}'
tensors odd "{\"__metadata__\": {\"lstm.format\": \"model\", \"lstm.version\": \"1\", \"lstm.model\": \"$graph\"}"',
    "dense/kernel": {"dtype": "F32", "shape": [3, 1], "data_offsets": [0, 12]},
    "selftest/0/inputs": {"dtype": "F32", "shape": [1, 1, 3], "data_offsets": [12, 24]},
    "selftest/0/outputs": {"dtype": "F32", "shape": [1, 1, 1], "data_offsets": [24, 28]},
    "checkpoint/\u009b\u001b\u00e4": {"dtype": "U8", "shape": [0], "data_offsets": [28, 28]}}' 28
escapes()
{
    "$@" --describe odd | grep -xF "$(printf 'tensor checkpoint/\\x9b\\x1b\303\244 [0] U8')"
}
check "--describe prints no control characters" escapes "$@"

# is_not_heard COMMAND...: an error, in one line
is_not_heard()
{
    "$@" 2>err >/dev/full
    status=$?
    cat err
    [ "$status" -eq 1 ] && [ "$(cat err)" = "lstm-run: standard output cannot be written" ]
}
if [ -c /dev/full ]; then
    for words in --help --version "--describe odd" "--selftest odd"; do
        # shellcheck disable=SC2086
        check "no room for what it prints: $words" is_not_heard "$@" $words
    done
fi
check "no self-tests" says 1 'no self-tests' "$@" --selftest model
check "a self-test of a file without a graph" says 1 'no graph' "$@" --selftest inputs
finish
