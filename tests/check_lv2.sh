#!/bin/sh
# The LV2 plug-in of examples/lv2: it is valid, gives the bits that lstm-run gives in whatever blocks, learns its sound, and
# withstands what a host might do. Needs lv2-dev, lilv-utils and sordi; without them one line says that it is skipped.
# Usage: check_lv2.sh SOURCE_DIR BUILD_DIR WORK_DIR CMAKE C_COMPILER. Prints TAP.
set -u
source=$1
build=$2
work=$3
cmake=$4
cc=$5
unset DESTDIR LD_LIBRARY_PATH PKG_CONFIG_PATH
# shellcheck source=tests/tap.sh
. "$source/tests/tap.sh"

for tool in lv2_validate sord_validate lv2apply lv2bench nm; do
    if ! command -v $tool >/dev/null 2>&1; then
        skip "the LV2 plug-in" "there is no $tool (Debian: lv2-dev lilv-utils sordi)"
        finish
        exit
    fi
done

cd "$work" || exit 1
tools=$work/build
bundle=$tools/lv2/lstm_overdrive.lv2
plugin=$bundle/lstm_overdrive.so
LV2_PATH=$tools/lv2:/usr/lib/lv2
export LV2_PATH

builds()
{
    "$cmake" --install "$build" --prefix "$work/prefix" &&
        "$cmake" -S "$source/examples/lv2" -B "$tools" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$work/prefix" \
            -DCMAKE_C_FLAGS=-Werror && "$cmake" --build "$tools" --parallel
}
check "it builds with the library installed, and no warning" builds
[ "$failures" -eq 0 ] || { finish || exit; }

# validates TTL: lv2_validate's exit status does not tell
validates()
{
    lv2_validate "$bundle/manifest.ttl" "$1" >said 2>&1
    cat said
    grep -q '^Found 0 errors' said
}
fails()
{
    ! "$@"
}
check "lv2_validate finds nothing wrong" validates "$bundle/lstm_overdrive.ttl"
sed '/lv2:symbol "in"/d' "$bundle/lstm_overdrive.ttl" >faulty.ttl
check "lv2_validate would find a port without a symbol" fails validates faulty.ttl
shows_one_symbol()
{
    said=$(nm -D --defined-only "$plugin" | awk '{ print $3 }') && echo "$said" && [ "$said" = lv2_descriptor ]
}
check "the plug-in shows nothing but its descriptor" shows_one_symbol

"$tools/make_signals" dry.wav wet.wav 1 7 # a round that the committed model has not heard
# lstm_run_gives IN.wav OUT.wav
lstm_run_gives()
{
    "$tools/convert" inputs "$1" inputs && "$work/prefix/bin/lstm-run" "$bundle/model.safetensors" inputs outputs &&
        "$tools/convert" wav outputs "$2"
}
check "lstm-run runs the model" lstm_run_gives dry.wav wanted.wav
gives_bits_of_lstm_run()
{
    lv2apply -i dry.wav -o applied.wav urn:liblstm:overdrive && "$tools/convert" compare applied.wav wanted.wav
}
check "lv2apply gives the bits of lstm-run" gives_bits_of_lstm_run
same_bits_in_blocks()
{
    "$tools/host" "$plugin" "$bundle/" dry.wav out.wav "$1" && "$tools/convert" compare out.wav wanted.wav
}
for block in 1 63 64 65 4096; do
    check "the same bits in place, in blocks of $block" same_bits_in_blocks $block
done
knobs_turn()
{
    lv2apply -i dry.wav -o louder.wav -c level 6 urn:liblstm:overdrive && ! "$tools/convert" compare louder.wav wanted.wav
}
check "a knob changes the sound" knobs_turn
sounds_as_the_circuit()
{
    said=$("$tools/host" "$plugin" "$bundle/" dry.wav out.wav 64 wet.wav) && echo "$said" &&
        echo "$said" | awk '/^error-to-signal/ { bad = $7 + 0 >= 1 || $10 + 0 >= 1; found = 1 } END { exit bad || !found }'
}
check "the error-to-signal ratios are below 1 %" sounds_as_the_circuit
check "lv2bench runs it" lv2bench -n 48000 urn:liblstm:overdrive

# silence FILE FIRST_SAMPLE: a second of it, but for the four bytes of the first sample
# shellcheck disable=SC2059 # bytes in octal
silence()
{
    {
        printf 'RIFF\044\356\002\000WAVEfmt \020\000\000\000\003\000\001\000\200\273\000\000\000\356\002\000\004\000\040\000'
        printf "data\\000\\356\\002\\000$2"
        head -c 191996 /dev/zero
    } >"$1"
}
forgets()
{
    silence silent.wav '\0\0\0\0' && silence bad.wav "$1" && "$tools/host" "$plugin" "$bundle/" silent.wav a.wav 64 &&
        "$tools/host" "$plugin" "$bundle/" bad.wav b.wav 64 && "$tools/convert" compare a.wav b.wav
}
check "a NaN is silence" forgets '\000\000\300\177'
check "so is an infinity" forgets '\000\000\200\377'
check "so is the largest float" forgets '\377\377\177\177'

# refuses WORDS: with the bundle's model replaced by the file `model`, or by none
refuses()
{
    rm -rf other.lv2
    mkdir other.lv2
    [ ! -f model ] || cp model other.lv2/model.safetensors
    "$tools/host" "$plugin" "$work/other.lv2/" dry.wav refused.wav 64 2>said
    status=$?
    cat said
    [ "$status" -eq 1 ] && [ "$(wc -l <said)" -eq 1 ] && grep -qF "model.safetensors: " said && grep -qF "$1" said
}
check "no model: no instance, and a line" refuses "model.safetensors"
head -c 1000 "$bundle/model.safetensors" >model
check "a model that is cut off" refuses "model.safetensors"
cp inputs model
check "a file without a graph" refuses "no graph"

learns()
{
    "$tools/train" dry.wav wet.wav model 4 1 && "$work/prefix/bin/lstm-run" --describe model | grep -qF 'parameters 101'
}
check "training makes a model" learns
check "which the plug-in runs" sh -c "cp model other.lv2/model.safetensors && '$tools/host' '$plugin' other.lv2/ dry.wav out.wav 64"
check "silence is refused" fails "$tools/train" silent.wav silent.wav model
head -c 100 dry.wav >short.wav
check "recordings of different lengths are refused" fails "$tools/train" dry.wav short.wav model
check "recordings that are too short are refused" fails "$tools/train" short.wav short.wav model
check "what is no WAV file is refused" fails "$tools/train" model model refused
check "a folder for a WAV file is refused" fails "$tools/train" "$work" "$work" refused

finish
