#!/bin/sh
# Prints the table of docs/cells.md: how well each cell learns to count, in one layer and in two. It takes a minute or
# two for each line. sh examples/counting/table.sh [options]: those of the program, other than --cell and --layers.
set -eu

folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
output=$(mktemp)
trap 'rm -f "$output"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# line FILE: what a run printed, as a line of the table
# shellcheck disable=SC2016
line()
{
    awk '
    / weights, / && !weights { weights = $0; sub(/ weights, .*$/, "", weights); sub(/^.* /, "", weights) }
    $1 == "result" {
        for (i = 2; i <= NF; i++) {
            split($i, pair, "=")
            value[pair[1]] = pair[2]
        }
    }
    END {
        if (weights == "" || !("test_accuracy" in value))
            exit 1
        printf "| `%s` | %d | %d | %.3f %% | %.0f |\n", value["cell"], value["layers"], weights,
            100 * value["test_accuracy"], value["seconds"]
    }' "$1"
}

echo '| Cell | Layers | Weights | Test accuracy | Seconds |'
echo '|---|---|---|---|---|'
for layers in 1 2; do
    for cell in basic_rnn basic_lstm lstm gru cudnn_compatible_gru layer_norm_basic_lstm coupled_input_forget_lstm; do
        sh "$folder/run.sh" "$@" --cell "$cell" --layers "$layers" --quiet >"$output"
        line "$output"
    done
done
