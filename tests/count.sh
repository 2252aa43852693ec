#!/bin/sh
# Prints "passed failed" over the single tests in a JUnit file of ctest's. A test that ran Check counts as many as Check
# says, one that printed TAP as many as its lines say, any other as one; one that failed counts at least one failure.
# Usage: sh count.sh JUNIT_FILE
LC_ALL=C
export LC_ALL
# shellcheck disable=SC2016
awk '
function finish()
{
    if (!open)
        return
    if (status == "run" && good + bad == 0 && !checked)
        good = 1
    if (status != "run" && bad == 0 || good + bad == 0)
        bad++
    passed += good
    failed += bad
    open = 0
}
/<testcase / {
    finish()
    open = 1
    good = bad = checked = 0
    status = $0
    sub(/^.* status="/, "", status)
    sub(/".*$/, "", status)
}
{ sub(/^.*<system-out>/, "") }
/^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ {
    checked = 1
    gsub(/[^0-9 ]/, "")
    good += $2 - $3 - $4
    bad += $3 + $4
}
/^ok [0-9]+ - / { good++ }
/^not ok [0-9]+ - / { bad++ }
END { finish(); print passed + 0, failed + 0 }' "$1"
