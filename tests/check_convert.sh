#!/bin/sh
# examples/convert: models of every source become files that compute the same; the rest is refused by name.
# Usage: check_convert.sh SOURCE_DIR WORK_DIR [LSTM_RUN [voice]]. With LSTM_RUN, the program runs every file too. With
# "voice" it is only a public voice-activity model's recurrent part that is converted and run: its weights, which are not
# in this tree, are fetched inside the package silero-vad. Prints TAP.
#
# LSTM_PYTHON: Pythons that may have the packages, apart by spaces. A source whose package none of them has is left out:
#   python3 -m venv /opt/convert-venv
#   /opt/convert-venv/bin/pip install numpy safetensors torch tensorflow-cpu==2.15.1 onnx==1.16.2 onnxruntime
set -u
LC_ALL=C
export LC_ALL
source=$1
work=$2
lstm_run=${3:-}
pythons=${LSTM_PYTHON:-/opt/convert-venv/bin/python python3 /usr/bin/python3}
OPENBLAS_NUM_THREADS=1 # tests run side by side
OMP_NUM_THREADS=1
TF_NUM_INTRAOP_THREADS=1
TF_NUM_INTEROP_THREADS=1
TF_CPP_MIN_LOG_LEVEL=3
PYTHONDONTWRITEBYTECODE=1
export OPENBLAS_NUM_THREADS OMP_NUM_THREADS TF_NUM_INTRAOP_THREADS TF_NUM_INTEROP_THREADS TF_CPP_MIN_LOG_LEVEL
export PYTHONDONTWRITEBYTECODE

rm -rf "$work"
mkdir -p "$work" || exit 1
number=0
failures=0

# python_with PACKAGE...: the first Python that has them all
python_with()
{
    for python in $pythons; do
        "$python" -c 'import importlib.util, sys
sys.exit(not all(getattr(importlib.util.find_spec(name), "origin", None) for name in sys.argv[1:]))' "$@" \
            2>"$work/log" && return
    done
    false
}

# cases NAME PACKAGE...: the lines of tests/convert/NAME_cases.py, numbered
cases()
{
    name=$1
    shift
    if ! python_with numpy "$@"; then
        echo "# $name: left out, for no Python of $pythons has numpy and $*"
        return
    fi
    status=0
    "$python" "$source/tests/convert/${name}_cases.py" "$work" "$lstm_run" >"$work/lines" 2>"$work/log" || status=1
    while IFS= read -r line; do
        case $line in
        "ok - "*)
            number=$((number + 1))
            echo "ok $number - ${line#ok - }"
            ;;
        "not ok - "*)
            number=$((number + 1))
            failures=$((failures + 1))
            status=0
            echo "not ok $number - ${line#not ok - }"
            ;;
        *) echo "$line" ;;
        esac
    done <"$work/lines"
    if [ "$status" -ne 0 ]; then
        number=$((number + 1))
        failures=$((failures + 1))
        echo "not ok $number - $name: the cases ran to their end"
        sed 's/^/# /' "$work/log"
    fi
}

if [ "${4:-}" = voice ]; then
    if ! { python_with pip && "$python" -m pip download --quiet --no-deps --dest "$work" silero-vad==6.2.3; } \
        >"$work/log" 2>&1; then
        echo "ok 1 - a voice-activity model # SKIP the package silero-vad cannot be fetched: $(tail -n 1 "$work/log")"
        echo "1..1"
        exit 0
    fi
    cases voice_onnx onnx onnxruntime
    cases voice_torch torch
else
    cases reference numpy
    cases torch torch
    cases keras tensorflow
    cases tf1 tensorflow
    cases onnx onnx
fi
if [ -n "$lstm_run" ]; then
    cases run numpy
fi
echo "1..$number"
[ "$failures" -eq 0 ]
