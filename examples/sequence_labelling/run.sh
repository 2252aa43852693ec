#!/bin/sh
# Builds what is needed and teaches a network to put spaces back:
#     sh examples/sequence_labelling/run.sh [options] [FILE...]
# Without FILEs it learns from the English texts that a Debian machine has. The options are those of the program; --help
# lists them. Works from any directory.
set -eu
LC_ALL=C # sort
export LC_ALL

top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
build=$top/build
text=$build/sequence_labelling.txt

# Licences, copyright notices, the manuals of GNU programs, the documentation of Perl: each if it is there.
# shellcheck disable=SC2016
collect()
{
    find /usr/share/common-licenses /usr/share/doc /usr/share/info /usr/share/perl -type f \
        \( -path '/usr/share/common-licenses/*' -o -name copyright -o -path '/usr/share/info/*.gz' -o -name '*.pod' \) \
        -print0 2>/dev/null | sort -z | xargs -0 sh -c '
            for file; do
                gzip -cdf "$file"
                echo
            done' sh | sed -e '/^File: .*Node:/d' -e 's/^=[a-z]*[0-9]*//'
}

sh "$top/cmake/build_example.sh" sequence_labelling
collect >"$text"
exec "$build/examples/sequence_labelling/sequence_labelling" --text "$text" \
    --best "$build/sequence_labelling.safetensors" "$@"
