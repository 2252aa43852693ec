#!/bin/sh
# Runs recompute_counting.py where there is a Python with NumPy.
# Usage: check_recompute.sh PROGRAM, or a wrapper's words and then the program. Prints TAP.
set -u
OPENBLAS_NUM_THREADS=1 # tests run side by side
export OPENBLAS_NUM_THREADS

if ! command -v python3 >/dev/null 2>&1 || ! python3 -c 'import numpy' 2>/dev/null; then
    echo "ok 1 - the result computed anew # SKIP there is no python3 with numpy"
    echo "1..1"
    exit 0
fi
exec python3 "$(dirname "$0")/recompute_counting.py" "$@"
