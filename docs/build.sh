#!/bin/sh
# Makes the site of the reference and the guide with Doxygen: sh docs/build.sh [FOLDER]; build/docs/html is the default.
# A warning is a failure.
set -eu
source=$(dirname "$0")/..
output=${1:-$source/build/docs}
if ! command -v doxygen >/dev/null 2>&1; then
    echo "docs: there is no doxygen; Debian's package is of that name" >&2
    exit 1
fi
mkdir -p "$output"
output=$(cd "$output" && pwd)
cd "$source"
LSTM_DOCS_VERSION=$(sed -n 's/^#define LSTM_VERSION_STRING "\(.*\)"/\1/p' include/lstm/version.h)
LSTM_DOCS_OUTPUT=$output
export LSTM_DOCS_VERSION LSTM_DOCS_OUTPUT
doxygen docs/Doxyfile
echo "$output/html/index.html"
