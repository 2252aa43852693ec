#!/bin/sh
# Runs check_report.py where there is a Python.
# Usage: check_report.sh PROGRAM, or a wrapper's words and then the program. Prints TAP.
set -u

if ! command -v python3 >/dev/null 2>&1 || ! python3 -c '' 2>/dev/null; then
    echo "ok 1 - the report # SKIP there is no python3"
    echo "1..1"
    exit 0
fi
exec python3 "$(dirname "$0")/check_report.py" "$@"
