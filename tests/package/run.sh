#!/bin/sh
# Installs the library, moves it to another prefix, and uses it from there and as a subdirectory, as other people's
# projects do. Usage: run.sh SOURCE_DIR BUILD_DIR WORK_DIR CMAKE C_COMPILER [CMAKE_OPTION...]. Prints TAP.
set -u
source=$1
build=$2
work=$3
cmake=$4
cc=$5
shift 5
package=$source/tests/package
prefix=$work/moved
unset LD_LIBRARY_PATH DESTDIR PKG_CONFIG_PATH
# shellcheck source=tests/tap.sh
. "$source/tests/tap.sh"

install_and_move()
{
    DESTDIR=$work/stage "$cmake" --install "$build" --prefix /opt/first/lstm && mv "$work/stage/opt/first/lstm" "$prefix" &&
        [ -z "$(find "$work/stage" ! -type d)" ] && rm -rf "$work/stage"
}

names_no_other_place()
{
    ! grep -rIlF -e "$build" -e "$source" -e "$work" -e /opt/first "$prefix"
}

# build_project SOURCE BUILD CMAKE_OPTION...
build_project()
{
    project=$1
    tree=$2
    shift 2
    "$cmake" -S "$project" -B "$tree" -DCMAKE_C_COMPILER="$cc" -DCMAKE_BUILD_TYPE=Release "$@" &&
        "$cmake" --build "$tree" --parallel
}

# says_version COMMAND...
says_version()
{
    said=$("$@") && echo "$said" && [ "$said" = "liblstm $version" ]
}

# needs_library PROGRAM
needs_library()
{
    readelf -d "$1" | grep -q 'NEEDED.*liblstm\.so\.0'
}
needs_no_library()
{
    [ -x "$1" ] && ! needs_library "$1"
}

# compile_by_pkg_config PROGRAM; what pkg-config prints is quoted for a shell, hence eval
compile_by_pkg_config()
{
    program=$1
    eval "set -- $(pkg-config --cflags --libs lstm)"
    "$cc" -o "$program" "$package/consumer.c" "$@"
}
compile_static_by_pkg_config()
{
    program=$1
    eval "set -- $(pkg-config --cflags lstm) $(pkg-config --static --libs lstm | sed 's/-llstm/-l:liblstm.a/')"
    "$cc" -o "$program" "$package/consumer.c" "$@"
}

installs_its_own_only()
{
    DESTDIR=$work/stage "$cmake" --install "$1" --prefix /usr && find "$work/stage" ! -type d &&
        [ "$(find "$work/stage" ! -type d -exec basename '{}' ';' | sort | tr '\n' ' ')" = "shared_c static_c " ] &&
        rm -rf "$work/stage"
}

version=$(sed -n 's/^#define LSTM_VERSION_STRING "\(.*\)"/\1/p' "$source/include/lstm/version.h")

check "installs under DESTDIR and moves" install_and_move
check "no installed text names the place it was built in or for" names_no_other_place

tree=$work/find_package
check "find_package: builds" build_project "$package/find_package" "$tree" -DCMAKE_PREFIX_PATH="$prefix" "$@"
for program in shared_c static_c shared_cxx static_cxx; do
    check "find_package: $program runs" says_version "$tree/$program"
done
check "find_package: shared_c is linked with the shared library" needs_library "$tree/shared_c"
check "find_package: static_c is not" needs_no_library "$tree/static_c"

for example in counting custom_cell sequence_labelling; do
    check "find_package: examples/$example builds by itself" \
        build_project "$source/examples/$example" "$work/$example" -DCMAKE_PREFIX_PATH="$prefix" "$@"
done
check "find_package: the counting program counts" \
    "$work/counting/counting" --bits 6 --batch 8 --epochs 1 --threads 1 --cache none --quiet

config=$(find "$prefix" -name lstm.pc)
PKG_CONFIG_PATH=${config%/*}
export PKG_CONFIG_PATH
libraries=${config%/pkgconfig/*}
check "pkg-config: knows the version" pkg-config --exists "lstm = $version"
check "pkg-config: a cc line links the shared library" compile_by_pkg_config "$work/shared_c"
check "pkg-config: shared_c runs" says_version env LD_LIBRARY_PATH="$libraries" "$work/shared_c"
check "pkg-config: a cc line links the static library" compile_static_by_pkg_config "$work/static_c"
check "pkg-config: static_c runs" says_version "$work/static_c"
check "pkg-config: static_c is not linked with the shared library" needs_no_library "$work/static_c"

for way in OFF ON; do
    name=add_subdirectory
    [ $way = OFF ] || name=FetchContent
    tree=$work/subdirectory_$way
    check "$name: builds and leaves its parent alone" \
        build_project "$package/subdirectory" "$tree" -DCMAKE_BUILD_TYPE=Debug -DUSE_FETCHCONTENT=$way \
        -DLSTM_SOURCE="$source" "$@"
    check "$name: shared_c runs" says_version "$tree/shared_c"
    check "$name: static_c runs" says_version "$tree/static_c"
    check "$name: installs what the parent installs" installs_its_own_only "$tree"
done

finish
