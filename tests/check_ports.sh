#!/bin/sh
# Other machines: cross-compiles the library with its tests and runs them, by an emulator where this machine needs one.
# Usage: sh tests/check_ports.sh [--bits] [TARGET...]. Targets: arm64 i386 s390x musl windows; all by default.
#        sh tests/check_ports.sh --msan
#
#   --bits   only that each of its instruction sets gives the bits of this machine's; prints TAP
#   --msan   only compiles what the preset msan links with: for this machine, by Clang's memory sanitizer
#
# Jansson, zlib and Check are compiled from Debian's sources, for they are packaged for few of these. What is built stands
# below build/ports/; a target whose compiler, emulator or sources cannot be had is skipped and says why.
# The last line without --bits is "N passed, N failed".
set -u
LC_ALL=C.UTF-8 # Wine has no files whose names the locale lacks
export LC_ALL
cd "$(dirname "$0")/.." || exit 1
root=$(pwd)
ports=$root/build/ports
jobs=$(nproc 2>/dev/null || echo 2)
passed=0
failed=0
number=0
# Wine: one home for all targets and no talk.
WINEPREFIX=$ports/wine
WINEDEBUG=-all
export WINEPREFIX WINEDEBUG

bits_only=
if [ "${1:-}" = --bits ]; then
    bits_only=yes
    shift
fi
if [ "${1:-}" = --msan ]; then
    set -- msan
elif [ $# -eq 0 ]; then
    set -- arm64 i386 s390x musl windows
fi

# choose TARGET: triplet, emulator (a list for CMake), the Debian packages, and the instruction sets as lstm_isa counts them
choose()
{
    options=
    flags=
    isas=2
    case $1 in
    arm64)
        triplet=aarch64-linux-gnu
        emulator="qemu-aarch64;-L;/usr/$triplet"
        packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
        isas="2 5"
        ;;
    i386)
        triplet=i686-linux-gnu
        packages="gcc-i686-linux-gnu libc6-dev-i386-cross"
        if [ "$(uname -m)" = x86_64 ]; then # which runs it, but has not its C library where programs look for it
            emulator="/usr/$triplet/lib/ld-linux.so.2;--library-path;/usr/$triplet/lib"
        else
            emulator="qemu-i386;-L;/usr/$triplet"
            packages="$packages qemu-user"
        fi
        ;;
    s390x)
        triplet=s390x-linux-gnu
        emulator="qemu-s390x;-L;/usr/$triplet"
        packages="gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user"
        ;;
    musl)
        triplet=$(uname -m)-linux-musl
        emulator=
        packages=musl-tools
        ;;
    windows)
        triplet=x86_64-w64-mingw32
        emulator=wine
        packages="gcc-mingw-w64-x86-64 wine64 wine"
        options=-DCMAKE_EXE_LINKER_FLAGS=-static
        isas="2 3 4"
        ;;
    msan)
        triplet=
        packages=clang
        flags="-fsanitize=memory -fno-omit-frame-pointer"
        ;;
    *)
        echo "check_ports.sh: no target $1" >&2
        exit 2
        ;;
    esac
    compiler=${triplet:+$triplet-gcc}
    compiler=${compiler:-clang}
    prefix=$ports/$1/prefix
    build=$ports/$1/build
    log=$ports/$1/log
}

# fetch: Debian's sources, by a package list of our own; the machine's own lists need not have sources.
fetch()
{
    [ -f "$ports/source/complete" ] && return 0
    command -v apt-get >/dev/null 2>&1 || return 1
    rm -rf "$ports/source"
    mkdir -p "$ports/source/lists/partial" "$ports/source/cache/archives/partial"
    (
        cd "$ports/source" || exit 1
        release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
        echo "deb-src http://deb.debian.org/debian ${release:-stable} main" >sources.list
        apt="apt-get -q -o Dir::Etc::SourceList=$ports/source/sources.list -o Dir::Etc::SourceParts=/nonexistent
            -o Dir::State::Lists=$ports/source/lists -o Dir::Cache=$ports/source/cache"
        # shellcheck disable=SC2086 # words
        $apt update && $apt source --download-only jansson zlib check || exit 1
        for archive in *.orig.tar.*; do
            tar xf "$archive" || exit 1
        done
        touch complete
    ) >"$ports/source/log" 2>&1
}

# cross SOURCE BUILD CMAKE_OPTION...: configure for the chosen target
cross()
{
    source=$1
    binary=$2
    shift 2
    if [ -n "$triplet" ]; then
        set -- "-DCMAKE_TOOLCHAIN_FILE=$root/cmake/cross.cmake" "-DLSTM_TRIPLET=$triplet" "$@"
    else
        set -- "-DCMAKE_C_COMPILER=$compiler" "$@"
    fi
    PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig cmake -S "$source" -B "$binary" -Wno-dev "-DCMAKE_PREFIX_PATH=$prefix" \
        "-DCMAKE_INSTALL_PREFIX=$prefix" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_BUILD_TYPE=Release "$@"
}

# install LIBRARY CMAKE_OPTION...: static, for the chosen target
install()
{
    library=$1
    shift
    cross "$(echo "$ports/source/$library"-[0-9]*)" "$ports/$target/$library" -DBUILD_SHARED_LIBS=OFF \
        -DCMAKE_POSITION_INDEPENDENT_CODE=ON "$@" &&
        cmake --build "$ports/$target/$library" --parallel "$jobs" --target install
}

# shellcheck disable=SC2086 # flags are words
# need: what the library and its tests are linked with. Debian's zlib has no build for Windows, but needs none.
need()
{
    [ -f "$prefix/complete" ] && return 0
    rm -rf "$prefix"
    mkdir -p "$prefix/include" "$prefix/lib" "$ports/$target/zlib"
    (
        cd "$ports/$target/zlib" &&
            $compiler $flags -O2 -fPIC -DHAVE_UNISTD_H -c "$ports"/source/zlib-*/[acditguz]*.c &&
            ar rcs "$prefix/lib/libz.a" ./*.o &&
            cp "$ports"/source/zlib-*/zlib.h "$ports"/source/zlib-*/zconf.h "$prefix/include/"
    ) && install jansson "-DCMAKE_C_FLAGS=$flags" -DJANSSON_BUILD_DOCS=OFF -DJANSSON_WITHOUT_TESTS=ON -DJANSSON_EXAMPLES=OFF &&
        install check -DCHECK_ENABLE_TESTS=OFF -DHAVE_SUBUNIT=OFF "-DCMAKE_C_FLAGS=$flags -D__USE_MINGW_ANSI_STDIO=1" &&
        rm -f "$prefix"/lib/libcheck.so* "$prefix"/lib/libcheck.dll.a && touch "$prefix/complete"
}

# missing: why the chosen target cannot be built or run here; nothing if it can
missing()
{
    for tool in "$compiler" ${emulator:+"${emulator%%;*}"}; do
        command -v "$tool" >/dev/null 2>&1 || echo "there is no $tool (Debian: $packages)"
    done
    fetch || echo "Debian's sources of jansson, zlib and check cannot be had: $ports/source/log"
}

# run PROGRAM ARGUMENT...: on the chosen target
run()
{
    # shellcheck disable=SC2046 # words
    set -- $(echo "$emulator" | tr ';' ' ') "$@"
    "$@"
}

# report STATUS DESCRIPTION [FILE]: a line of TAP, with the file if it failed
report()
{
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok $number - $2"
    else
        failed=$((failed + 1))
        echo "not ok $number - $2"
        tail -n 40 "$3" | sed 's/^/# /'
    fi
}

# compare_bits: tests/bits.c on both machines, with each instruction set of the target
compare_bits()
{
    for isa in $isas; do
        run "$build/tests/bits$suffix" "$isa" 2>"$ports/$target/isa" | tr -d '\r' >"$ports/$target/there"
        if grep -q 'is not available' "$ports/$target/isa"; then
            report 0 "$target, instruction set $isa # SKIP this machine runs none of it"
            continue
        fi
        cmp "$ports/here" "$ports/$target/there" >"$log" 2>&1
        report $? "$target, $(tr -d '\r' <"$ports/$target/isa" | grep kernels), gives the bits of this machine" "$log"
    done
}

# test_target: all that ctest runs there
test_target()
{
    start=$(date +%s)
    ctest --test-dir "$build" -LE tree --parallel "$jobs" --timeout 3600 --output-on-failure --output-junit junit.xml \
        --test-output-size-passed 10000000 --test-output-size-failed 10000000 >"$log" 2>&1
    # shellcheck disable=SC2046 # two words
    set -- $(sh tests/count.sh "$build/junit.xml")
    passed=$((passed + $1))
    failed=$((failed + $2))
    [ "$2" -eq 0 ] || grep -E ':[FE]:|^not ok|Failed|Not Run|Timeout' "$log"
    echo "$target: $1 passed, $2 failed ($(($(date +%s) - start)) s)"
}

build_bits_here()
{
    cmake -S "$root" -B "$ports/here.build" -DCMAKE_BUILD_TYPE=Release -DLSTM_BLAS=none -DLSTM_BUILD_EXAMPLES=OFF \
        -DLSTM_INSTALL=OFF && cmake --build "$ports/here.build" --parallel "$jobs" --target bits &&
        "$ports/here.build/tests/bits" 2 >"$ports/here"
}

mkdir -p "$ports"
if [ "$*" = msan ]; then
    target=msan
    choose $target
    mkdir -p "$ports/$target"
    reason=$(missing)
    if [ -n "$reason" ]; then
        echo "left out: $reason"
        exit 77
    fi
    # shellcheck disable=SC2086 # words
    if ! { need && $compiler $flags -O1 -fPIC -c tests/msan_stat.c -o "$prefix/lib/msan_stat.o" &&
        ar rcs "$prefix/lib/libmsan_stat.a" "$prefix/lib/msan_stat.o"; } >"$log" 2>&1; then
        tail -n 40 "$log"
        exit 1
    fi
    echo "built in ${prefix#"$root"/}"
    exit 0
fi
if ! build_bits_here >"$ports/here.log" 2>&1; then
    tail "$ports/here.log"
    echo "0 passed, 1 failed"
    exit 1
fi
for target in "$@"; do
    choose "$target"
    mkdir -p "$ports/$target"
    reason=$(missing)
    if [ -n "$reason" ]; then
        number=$((number + 1))
        echo "ok $number - $target # SKIP $reason" | tr '\n' ' '
        echo
        continue
    fi
    suffix=
    [ "$target" != windows ] || suffix=.exe
    need >"$log" 2>&1 && cross "$root" "$build" -DLSTM_BLAS=none -DLSTM_WERROR=ON \
        "-DCMAKE_CROSSCOMPILING_EMULATOR=$emulator" "-DLSTM_TEST_WRAPPER=$emulator" \
        -DLSTM_TEST_TIMEOUT_MULTIPLIER=500 ${options:+"$options"} >>"$log" 2>&1 &&
        cmake --build "$build" --parallel "$jobs" ${bits_only:+--target bits} >>"$log" 2>&1
    status=$?
    report $status "$target builds" "$log"
    [ $status -eq 0 ] || continue
    # Windows looks for a DLL beside the program and where this says.
    WINEPATH=$(echo "Z:$build" | sed 's,/,\\,g')
    export WINEPATH
    compare_bits
    [ -n "$bits_only" ] || test_target
done
if [ -n "$bits_only" ]; then
    echo "1..$number"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
