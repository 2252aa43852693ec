#!/bin/sh
# Builds the LV2 plug-in, has Debian's LV2 tools check and run it, and prints how well and how fast it works:
#     sh examples/lv2/run.sh [--train]
# --train teaches the network anew, for a few minutes, in place of taking examples/lv2/model.safetensors. The bundle is then
# build/lv2/plugin/lv2/lstm_overdrive.lv2. Works from any directory.
set -eu
LC_ALL=C
export LC_ALL

train=
case ${1-} in
--train) train=yes ;;
'') ;;
*)
    echo "usage: sh examples/lv2/run.sh [--train]" >&2
    exit 2
    ;;
esac

top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
build=$top/build/lv2
plugin=$build/plugin
bundle=$plugin/lv2/lstm_overdrive.lv2
uri=urn:liblstm:overdrive

sh "$top/cmake/bootstrap.sh" cmake make gcc libc6-dev libjansson-dev zlib1g-dev lv2-dev lilv-utils sordi
mkdir -p "$build"
log=$build/build.log

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
if [ -f "$build/lstm/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$top" "$build/lstm/CMakeCache.txt"; then
    fresh=--fresh
fi
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
quietly cmake $fresh -S "$top" -B "$build/lstm" -DCMAKE_BUILD_TYPE=Release -DLSTM_BLAS=none \
    -DLSTM_BUILD_TESTS=OFF -DLSTM_BUILD_EXAMPLES=OFF
quietly cmake --build "$build/lstm" --parallel "$jobs"
quietly cmake --install "$build/lstm" --prefix "$build/prefix"
quietly cmake $fresh -S "$top/examples/lv2" -B "$plugin" -DCMAKE_PREFIX_PATH="$build/prefix" -DCMAKE_BUILD_TYPE=Release
quietly cmake --build "$plugin" --parallel "$jobs"

cd "$build"
"$plugin/make_signals" dry.wav wet.wav
if [ -n "$train" ]; then
    "$plugin/train" dry.wav wet.wav "$bundle/model.safetensors"
else
    cp "$top/examples/lv2/model.safetensors" "$bundle/"
fi

# Its exit status does not tell.
said=$(lv2_validate "$bundle/manifest.ttl" "$bundle/lstm_overdrive.ttl" 2>&1) || true
case $said in
*"Found 0 errors"*) echo "lv2_validate: nothing wrong" ;;
*)
    echo "$said" >&2
    exit 1
    ;;
esac
for block in 16 1024; do
    "$plugin/host" "$bundle/lstm_overdrive.so" "$bundle/" dry.wav out.wav $block
done
"$plugin/host" "$bundle/lstm_overdrive.so" "$bundle/" dry.wav out.wav 64 wet.wav

LV2_PATH=$plugin/lv2:/usr/lib/lv2
export LV2_PATH
lv2apply -i dry.wav -o applied.wav $uri
"$plugin/convert" inputs dry.wav inputs.safetensors
"$build/prefix/bin/lstm-run" "$bundle/model.safetensors" inputs.safetensors outputs.safetensors
"$plugin/convert" wav outputs.safetensors run.wav
printf 'lv2apply and lstm-run: '
"$plugin/convert" compare applied.wav run.wav
lv2bench -n 480000 $uri | awk '{ printf "lv2bench: %s s for 10 s of sound, %.2f %% of one core\n", $1, 10 * $1 }'
