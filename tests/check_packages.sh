#!/bin/sh
# The source's tarball builds without a network, and the Debian packages made of it hold what they should and work.
# Usage: check_packages.sh SOURCE_DIR BUILD_DIR WORK_DIR CMAKE [--root]. Prints TAP.
#
# --root: the packages are compiled as they are shipped, and installed into an empty Debian (by debootstrap: as root, with a
# network), run there and removed. Otherwise they are compiled quickly, and unpacked.
set -u
source=$1
build=$2
work=$3
cmake=$4
mode=${5-}
unset DESTDIR LD_LIBRARY_PATH PKG_CONFIG_PATH
umask 022
# shellcheck source=tests/tap.sh
. "$source/tests/tap.sh"

for tool in dpkg-deb dpkg-shlibdeps file pkg-config; do
    if ! command -v $tool >/dev/null 2>&1; then
        skip "Debian packages" "there is no $tool (Debian: dpkg-dev, file, pkgconf)"
        finish
        exit
    fi
done
mkdir "$work/packages" "$work/root"
version=$(sed -n 's/^#define LSTM_VERSION_STRING "\(.*\)"/\1/p' "$source/include/lstm/version.h")
tree=$work/lstm-$version
triple=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
library=usr/lib/$triple

# offline COMMAND...: without a network, where that may be said
offline()
{
    if unshare -n true 2>/dev/null; then
        unshare -n "$@"
    elif unshare -rn true 2>/dev/null; then
        unshare -rn "$@"
    else
        "$@"
    fi
}

make_tarball()
{
    "${cmake%cmake}cpack" --config "$build/CPackSourceConfig.cmake" -B "$work" && tar -C "$work" -xzf "$tree.tar.gz"
}
has_what_git_has()
{
    (cd "$source" && git ls-files --cached --others --exclude-standard | sort) >"$work/in_git" &&
        (cd "$tree" && find . ! -type d | sed 's|^\./||' | sort) >"$work/in_tarball" &&
        diff "$work/in_git" "$work/in_tarball"
}

build_packages()
{
    (
        cd "$tree" || exit 1
        if [ "$mode" = --root ]; then
            set --
        else
            set -- -DCMAKE_BUILD_TYPE=None "-DCMAKE_C_FLAGS=-O1"
        fi
        offline "$cmake" --preset debian "$@" && offline "$cmake" --build --preset debian --parallel 2 &&
            offline "${cmake%cmake}cpack" --preset debian -B "$work/packages"
    )
}

# package_has PACKAGE FILE...
package_has()
{
    package=$1
    shift
    dpkg-deb -c "$work/packages/$package"_*.deb | sed 's/ -> .*//; s|^.* \./||' >"$work/content" || return 1
    for file in "$@" "usr/share/doc/$package/copyright" "usr/share/doc/$package/changelog.gz" \
        "usr/share/doc/$package/changelog.Debian.gz"; do
        grep -qxF "$file" "$work/content" || { echo "$package lacks $file" && return 1; }
    done
}
# field PACKAGE FIELD PATTERN
field()
{
    dpkg-deb -f "$work/packages/$1"_*.deb "$2" | tee -a "$log" | grep -qE "$3"
}
control()
{
    dpkg-deb -I "$work/packages/$1"_*.deb "$2" | tee -a "$log" | grep -qxF "$3"
}
is_clean_for_lintian()
{
    if [ "$(id -u)" -eq 0 ]; then
        set -- --allow-root
    else
        set --
    fi
    lintian "$@" --fail-on error,warning "$work"/packages/*.deb
}

unpack()
{
    for package in "$work"/packages/*.deb; do
        dpkg-deb -x "$package" "$work/root" || return 1
    done
}
tool_runs()
{
    LD_LIBRARY_PATH="$work/root/$library" "$work/root/usr/bin/lstm-run" --version | grep -F "$version"
}
program_builds_and_runs()
{
    # shellcheck disable=SC2046 # flags are words
    cc "$source/tests/package/consumer.c" -o "$work/consumer" \
        $(PKG_CONFIG_PATH="$work/root/$library/pkgconfig" pkg-config --cflags --libs lstm) &&
        LD_LIBRARY_PATH="$work/root/$library" "$work/consumer" | grep -xF "liblstm $version"
}

# In an empty Debian. What others the packages want is there before; they come and go.
make_root()
{
    wanted=$(for package in "$work"/packages/*.deb; do
        dpkg-deb -f "$package" Depends
    done | tr ',' '\n' | sed 's/|.*//; s/(.*//; s/ //g' | grep -v -e '^liblstm' | sort -u | tr '\n' ',')
    rm -rf "$work/root" && debootstrap --variant=minbase --include="${wanted}gcc,libc6-dev,pkgconf" bookworm "$work/root" &&
        mkdir "$work/root/packages" && cp "$work"/packages/*.deb "$source/tests/package/consumer.c" "$work/root/packages"
}
files_of_root()
{
    (cd "$work/root" && find . -xdev ! -path './var/lib/dpkg/*' ! -path './var/log/*' ! -path './var/cache/*' \
        ! -path './etc/ld.so.cache' ! -path './packages*' | sort)
}
in_root()
{
    DEBIAN_FRONTEND=noninteractive chroot "$work/root" "$@"
}
installs()
{
    files_of_root >"$work/before" && in_root sh -c 'dpkg -i /packages/*.deb' && in_root dpkg --audit &&
        in_root sh -c 'ldconfig -p | grep liblstm.so.0'
}
runs()
{
    in_root lstm-run --version | grep -F "$version" &&
        in_root sh -c 'cc /packages/consumer.c -o /packages/consumer $(pkg-config --cflags --libs lstm) && /packages/consumer' |
        grep -xF "liblstm $version"
}
is_removed_without_a_trace()
{
    in_root dpkg --purge lstm-tools liblstm-dev liblstm0 && files_of_root >"$work/after" && diff "$work/before" "$work/after" &&
        ! in_root sh -c 'ldconfig -p | grep liblstm'
}

check "the source makes a tarball" make_tarball
if [ -e "$source/.git" ] && command -v git >/dev/null 2>&1; then
    check "the tarball has what git has" has_what_git_has
fi
check "the packages are built from it without a network" build_packages
check "liblstm0 has its files" package_has liblstm0 "$library/liblstm.so.0" "$library/liblstm.so.$version"
check "liblstm-dev has its files" package_has liblstm-dev usr/include/lstm/lstm.h "$library/liblstm.so" "$library/liblstm.a" \
    "$library/pkgconfig/lstm.pc" "$library/cmake/lstm/lstmConfig.cmake"
check "lstm-tools has its files" package_has lstm-tools usr/bin/lstm-run usr/share/man/man1/lstm-run.1.gz
check "liblstm0 depends on what it is linked with" field liblstm0 Depends 'libblas3.*libc6.*libjansson4.*zlib1g'
check "lstm-tools depends on its liblstm0" field lstm-tools Depends "liblstm0 \(= $version-"
check "liblstm-dev depends on its liblstm0" field liblstm-dev Depends "liblstm0 \(= $version-"
check "liblstm0 has ldconfig run" control liblstm0 triggers "activate-noawait ldconfig"
check "what is linked with liblstm0 wants its minor version" control liblstm0 shlibs \
    "liblstm 0 liblstm0 (>= $version), liblstm0 (<< 0.$(($(echo "$version" | cut -d. -f2) + 1))~)"
if command -v lintian >/dev/null 2>&1; then
    check "lintian finds neither errors nor warnings" is_clean_for_lintian
else
    skip "lintian finds neither errors nor warnings" "there is no lintian"
fi
if [ "$mode" != --root ]; then
    check "the packages unpack" unpack
    check "lstm-run runs" tool_runs
    check "a program is compiled with them and runs" program_builds_and_runs
elif [ "$(id -u)" -eq 0 ] && command -v debootstrap >/dev/null 2>&1; then
    check "there is an empty Debian" make_root
    check "the packages are installed in it" installs
    check "a command and a program run in it" runs
    check "the packages are removed from it without a trace" is_removed_without_a_trace
    rm -rf "$work/root"
else
    skip "the packages work in an empty Debian" "needs root and debootstrap"
fi
finish
