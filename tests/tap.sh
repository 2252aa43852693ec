# Sourced by the script tests: a check a line, as TAP. $work is the script's folder, which is emptied here; set to nothing, it
# becomes one that goes with the script.
# shellcheck shell=sh
LC_ALL=C
OPENBLAS_NUM_THREADS=1 # tests run side by side
export LC_ALL OPENBLAS_NUM_THREADS
if [ -n "$work" ]; then
    rm -rf "$work"
    mkdir -p "$work" || exit 1
else
    work=$(mktemp -d) || exit 1
    trap 'rm -rf "$work"' EXIT
fi
log=$work/log # what a command says
number=0
failures=0

# check DESCRIPTION COMMAND...
check()
{
    number=$((number + 1))
    description=$1
    shift
    if "$@" >"$log" 2>&1; then
        echo "ok $number - $description"
    else
        failures=$((failures + 1))
        echo "not ok $number - $description"
        sed 's/^/# /' "$log"
    fi
}

# skip DESCRIPTION REASON
skip()
{
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# The last command of the script, or the last before it exits.
finish()
{
    echo "1..$number"
    [ "$failures" -eq 0 ]
}
