#!/bin/sh
# Teaches a network to count in several processes: sh examples/distributed/run.sh [--ranks N] [options]
# Installs Open MPI if it is missing, builds, and runs N processes (2) on this machine. The options are those of the
# counting program, and some more; --help lists them. Works from any directory.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
build=$top/build/distributed

# Take --ranks out of the words; the others keep their order.
ranks=2
words=$#
while [ "$words" -gt 0 ]; do
    word=$1
    shift
    words=$((words - 1))
    case $word in
    --ranks=*) ranks=${word#--ranks=} ;;
    --ranks)
        ranks=${1-}
        if [ "$words" -gt 0 ]; then
            shift
            words=$((words - 1))
        fi
        ;;
    *) set -- "$@" "$word" ;;
    esac
done
case $ranks in
0* | *[!0-9]* | '' | ?????*)
    echo "run.sh: --ranks takes a whole number from 1 to 9999, not '$ranks'" >&2
    exit 2
    ;;
esac

sh "$top/cmake/bootstrap.sh" cmake make gcc libc6-dev libopenblas-dev libjansson-dev zlib1g-dev libopenmpi-dev \
    openmpi-bin

# quietly COMMAND...: says nothing but when it fails
quietly()
{
    "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        echo "run.sh: this failed: $*" >&2
        exit 1
    }
}

# A build of another folder, in a tree that was copied or moved, is of no use.
fresh=
source=$top/examples/distributed
if [ -f "$build/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$source" "$build/CMakeCache.txt"; then
    fresh=--fresh
fi

cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
quietly cmake $fresh -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release
quietly cmake --build "$build" --target distributed --parallel "$cores"
rm -f "$log"
trap - EXIT INT TERM

# Open MPI: more processes than cores are fine, so is root, and threads are not to share one core.
OMPI_MCA_rmaps_base_oversubscribe=1
OMPI_MCA_hwloc_base_binding_policy=none
OMPI_ALLOW_RUN_AS_ROOT=1
OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_hwloc_base_binding_policy OMPI_ALLOW_RUN_AS_ROOT \
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
threads=$((cores / ranks))
[ "$threads" -gt 0 ] || threads=1
exec mpirun --quiet -n "$ranks" "$build/distributed" --cache "$top/build/synthetic_dataset.bin" --threads "$threads" "$@"
