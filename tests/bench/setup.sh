# Sourced by run.sh and counting.sh, which set $top: builds the programs, finds or makes Pythons. All of it stands below
# build/bench.
# shellcheck shell=sh disable=SC2154 # top is the script's
LC_ALL=C
export LC_ALL
# Both are sometimes set for the sake of other programs, and would choose the BLAS's kernels.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE CDPATH
OPENBLAS_NUM_THREADS=1
export OPENBLAS_NUM_THREADS
build=$top/build/bench

say()
{
    echo "bench: $*" >&2
}

# quietly COMMAND...: says nothing but when it fails
quietly()
{
    "$@" >"$temporary/log" 2>&1 || {
        tail -n 40 "$temporary/log" >&2
        say "this failed: $*"
        return 1
    }
}

# build_program TARGET CMAKE_OPTION...
build_program()
{
    target=$1
    shift
    sh "$top/cmake/bootstrap.sh" cmake make gcc libc6-dev libopenblas-dev libjansson-dev zlib1g-dev || return 1
    fresh=
    if [ -f "$build/program/CMakeCache.txt" ] &&
        ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$top/tests/bench" "$build/program/CMakeCache.txt"; then
        fresh=--fresh # the tree was copied or moved
    fi
    quietly cmake $fresh -S "$top/tests/bench" -B "$build/program" "$@" &&
        quietly cmake --build "$build/program" --target "$target" --parallel
}

# knows PYTHON MODULE...
knows()
{
    python=$1
    shift
    for module in "$@"; do
        "$python" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$module') is None)" 2>/dev/null ||
            return 1
    done
}

# enough_room GIBIBYTES
enough_room()
{
    [ "$(df -Pk "$build" | awk 'NR == 2 { print int($4 / 1048576) }')" -ge "$1" ]
}

# pip_install VENV PACKAGE...
pip_install()
{
    pip=$1/bin/pip
    shift
    "$pip" install --quiet --disable-pip-version-check "$@" >&2
}

# install_torch VENV: from its CPU-only index, where that can be reached, as the wheels of PyPI take 5 GB
install_torch()
{
    pip_install "$1" --retries 1 --timeout 20 --index-url https://download.pytorch.org/whl/cpu numpy torch 2>/dev/null &&
        return
    enough_room 14 || { say "torch of PyPI needs 14 GB of disk while it is installed" && return 1; }
    say "installing torch from PyPI, 5 GB"
    pip_install "$1" numpy torch
}

# find_python RIVAL: prints the interpreter that has it: that of BENCH_PYTHON_TF1, _TORCH or _ONNXRUNTIME if there is
# one, else that of a venv, made here if need be, else, for torch, Debian's.
find_python()
{
    rival=$1
    case $rival in
    tf1) given=${BENCH_PYTHON_TF1:-} needed="numpy tensorflow" ;;
    torch) given=${BENCH_PYTHON_TORCH:-} needed="numpy torch" ;;
    onnxruntime) given=${BENCH_PYTHON_ONNXRUNTIME:-} needed="numpy onnx onnxruntime" ;;
    *) return 1 ;;
    esac
    venv=$build/venv-$rival
    # shellcheck disable=SC2086 # a word for each module
    if [ -n "$given" ]; then
        knows "$given" $needed && echo "$given" && return
        say "$given has not all of: $needed"
        return 1
    elif knows "$venv/bin/python" $needed; then
        echo "$venv/bin/python"
        return
    fi
    say "making a venv for $rival"
    rm -rf "$venv"
    sh "$top/cmake/bootstrap.sh" python3 python3-venv && mkdir -p "$build" && python3 -m venv "$venv" &&
        case $rival in
        tf1) pip_install "$venv" tensorflow-cpu tf_keras ;;
        torch) install_torch "$venv" ;;
        onnxruntime) pip_install "$venv" numpy onnx onnxruntime ;;
        esac
    # shellcheck disable=SC2086
    if knows "$venv/bin/python" $needed; then
        echo "$venv/bin/python"
    elif knows /usr/bin/python3 $needed; then
        say "taking the system's $rival"
        echo /usr/bin/python3
    else
        say "$rival cannot be installed"
        return 1
    fi
}

temporary=$(mktemp -d)
TMPDIR=$temporary # of the benchmark's workers
export TMPDIR
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
