# Sourced by the script tests: a check a line, as TAP. $log: a file of the script's for what a command says.
# shellcheck shell=sh disable=SC2154 # log is the script's
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
