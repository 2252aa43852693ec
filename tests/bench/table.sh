#!/bin/sh
# Puts the tables of CSV files, and the machine that this is run on, into docs/performance.md, below "## Results".
# Usage: sh tests/bench/table.sh FILE.csv...
set -eu
LC_ALL=C
export LC_ALL
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
document=$top/docs/performance.md
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# A row for each case and cell, a column for each rival: how many times as long it takes.
# shellcheck disable=SC2016
tables()
{
    awk -F, '
    $1 == "case" { next }
    {
        if (!(($8) in threads_seen)) {
            threads_seen[$8]
            threads[++thread_count] = $8
        }
        key = $8 SUBSEP $1 SUBSEP $3
        if (!(key in shape)) {
            shape[key] = $4 ", " $5 ", " $6 ", " $7
            keys[++key_count] = key
        }
        if ($9 == "liblstm") {
            time[key] = span($12, $13, $14)
            share[key] = sprintf("%.1f %%", 100 * $17)
            isa = $11
        } else {
            ratio[key, $9] = sprintf("%.2f", $18)
            if (!(($8, $9) in rival_seen)) {
                rival_seen[$8, $9]
                rivals[$8, ++rival_count[$8]] = $9
            }
            version[$9] = $10
        }
        peak[$8] = $16 > peak[$8] ? $16 : peak[$8]
    }
    function span(median, least, most)
    {
        if (median < 0.1)
            return sprintf("%.3g µs (%.3g to %.3g)", 1e3 * median, 1e3 * least, 1e3 * most)
        return sprintf("%.3g ms (%.3g to %.3g)", median, least, most)
    }
    END {
        for (n = 1; n <= thread_count; n++) {
            t = threads[n]
            printf("\n### %s thread%s\n\nFMA peak: %.1f GFLOP/s. Kernels of liblstm: %s. Rivals:", t, t > 1 ? "s" : "",
                peak[t], isa)
            for (r = 1; r <= rival_count[t]; r++)
                printf("%s %s %s", r > 1 ? "," : "", rivals[t, r], version[rivals[t, r]])
            printf ".\n\n| Case | Cell | T, B, I, H | liblstm | Of the peak |"
            for (r = 1; r <= rival_count[t]; r++)
                printf " %s |", rivals[t, r]
            printf "\n|---|---|---|---|---|"
            for (r = 1; r <= rival_count[t]; r++)
                printf "---|"
            printf "\n"
            for (k = 1; k <= key_count; k++) {
                key = keys[k]
                split(key, part, SUBSEP)
                if (part[1] != t)
                    continue
                printf "| `%s` | %s | %s | %s | %s |", part[2], part[3], shape[key], time[key], share[key]
                for (r = 1; r <= rival_count[t]; r++)
                    printf " %s |", (key, rivals[t, r]) in ratio ? ratio[key, rivals[t, r]] : "-"
                printf "\n"
            }
        }
    }' "$@"
}

{
    echo
    echo "Our time is the median, with the least and the most of the turns; the columns of the rivals hold the ratio."
    echo
    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE "$top/build/bench/program/bench" --describe | sed 's/^/* /'
    tables "$@"
    echo
} >"$temporary/results"
awk -v results="$temporary/results" '
/^## / { inside = 0 }
!inside { print }
/^## Results$/ {
    inside = 1
    while ((getline line <results) > 0)
        print line
}' "$document" >"$temporary/document"
cat "$temporary/document" >"$document"
