#!/bin/sh
# Makes sure that the named Debian packages, or what they are wanted for, are there.
# Usage: sh cmake/bootstrap.sh PACKAGE...
#
# Packages that are missing are installed with apt-get, as root or through sudo; nothing is asked, and apt is not called
# when nothing is missing. Where there is no apt, one line says what to install.
set -u

say()
{
    echo "bootstrap: $*" >&2
}

# compiles PROGRAM_TEXT
compiles()
{
    command -v cc >/dev/null 2>&1 && echo "$1" | cc -E -x c - >/dev/null 2>&1
}

# is_there PACKAGE: dpkg has it, or what it is wanted for is there anyhow
is_there()
{
    if command -v dpkg-query >/dev/null 2>&1; then
        status=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)
        [ "$status" = installed ] && return 0
    fi
    case $1 in
    gcc) command -v cc >/dev/null 2>&1 ;;
    g++) command -v c++ >/dev/null 2>&1 ;;
    pkgconf) command -v pkg-config >/dev/null 2>&1 ;;
    ninja-build) command -v ninja >/dev/null 2>&1 ;;
    cmake | make | valgrind | doxygen) command -v "$1" >/dev/null 2>&1 ;;
    libc6-dev) compiles '#include <stdlib.h>' ;;
    libjansson-dev) compiles '#include <jansson.h>' ;;
    zlib1g-dev) compiles '#include <zlib.h>' ;;
    openmpi-bin) command -v mpirun >/dev/null 2>&1 ;;
    libopenmpi-dev) command -v mpicc >/dev/null 2>&1 ;;
    check) pkg-config --exists check 2>/dev/null ;;
    # A BLAS may be in any of many places and its CMake module knows them: where apt cannot help, let that one look.
    lib*blas*) ! command -v apt-get >/dev/null 2>&1 ;;
    *) false ;;
    esac
}

missing=
for package in "$@"; do
    is_there "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    say "please install what Debian calls:$missing"
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root="env"
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n env"
else
    say "please run as root: apt-get install -y --no-install-recommends$missing"
    exit 1
fi

# apt_get ARGUMENT...
apt_get()
{
    $as_root DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        "$@" </dev/null >&2
}

say "installing:$missing"
apt_get update || apt_get update || say "apt-get update failed; trying with the package lists that are here"
# The names are to be split into words.
# shellcheck disable=SC2086
if ! apt_get install --no-install-recommends $missing; then
    say "could not install:$missing"
    exit 1
fi
