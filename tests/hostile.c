/* lstm-run with files and words that are wrong in every way: one line that names what is wrong, status 1 (2 for usage),
 * no output, no crash, no more memory than the files justify.
 * Usage: hostile CHANGES LSTM_RUN: beside the cases of hostile_cases.c so many random changes of a model and of inputs.
 * Prints TAP. */
#define _GNU_SOURCE /* wait4 */
#include "hostile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zlib.h>

enum { MOST_WORDS = 12, LINE = 1000, SECONDS = 60 };

/* Memory that a run may take beyond that of a good one: something, and so much for each byte of its files. A JSON
 * parser makes 32 bytes and more of "1,". */
static const long some_kilobytes = 2048, for_each_byte = 40;

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(memory_sanitizer)
enum { MEASURED = false }; /* a sanitizer takes memory of its own */
#else
enum { MEASURED = true };
#endif

static const char *lstm_run;
static long good_kilobytes; /* 0: memory is not looked at */
static int number, failures;
static char why[2 * LINE]; /* the last run was not as it should have been */

static void *reserve(size_t size)
{
    void *memory = calloc(size + 1, 1);
    if (!memory)
        exit(EXIT_FAILURE);
    return memory;
}

static void put(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

/* A line of TAP. */
static void check(bool good, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%sok %d - ", good ? "" : "not ", ++number);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    if (!good)
        printf("# %s\n", why);
    failures += !good;
    fflush(stdout);
}

/* ---- one run ---- */

typedef struct outcome {
    int status;     /* of the exit; -1: it crashed, or was stopped */
    long kilobytes; /* its peak */
    char said[LINE];
} outcome;

static outcome run(char *const *words)
{
    outcome o = {.status = -1};
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit time = {SECONDS, SECONDS};
        setrlimit(RLIMIT_CPU, &time);
        const int out = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600),
                  err = open("err", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (out >= 0 && err >= 0 && dup2(out, 1) >= 0 && dup2(err, 2) >= 0)
            execv(lstm_run, words);
        _exit(127);
    }
    int state;
    struct rusage usage;
    if (child < 0 || wait4(child, &state, 0, &usage) != child)
        exit(EXIT_FAILURE);
    if (WIFEXITED(state))
        o.status = WEXITSTATUS(state);
    o.kilobytes = usage.ru_maxrss;
    FILE *err = fopen("err", "rb");
    o.said[err ? fread(o.said, 1, sizeof o.said - 1, err) : 0] = '\0';
    if (err)
        fclose(err);
    return o;
}

static bool wrong(const outcome *o, const char *what)
{
    snprintf(why, sizeof why, "%s: status %d, %ld KB, said: %s", what, o->status, o->kilobytes, o->said);
    for (char *c = why; *c; c++)
        *c = *c == '\n' ? '|' : *c;
    return false;
}

/* Whether there is an output, or what was to become one. */
static bool output_is_there(void)
{
    DIR *folder = opendir(".");
    bool found = false;
    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        found = found || strstr(entry->d_name, "output");
    if (folder)
        closedir(folder);
    return found;
}

static bool one_line(const char *text)
{
    const char *end = strchr(text, '\n');
    return !strncmp(text, "lstm-run: ", 10) && end && !end[1];
}

/* Run, and look at all that every run has to be like. bytes: of its files. */
static bool behaves(char *const *words, size_t bytes, outcome *o)
{
    *o = run(words);
    const bool output = output_is_there();
    remove("output");
    if (o->status < 0 || o->status > 2)
        return wrong(o, "it did not end by itself");
    if (o->status && (!one_line(o->said) || output))
        return wrong(o, output ? "there is an output" : "not one line");
    if (!o->status && *o->said)
        return wrong(o, "it succeeded and complained");
    for (const char *c = o->said; *c; c++)
        if ((unsigned char)*c < ' ' && *c != '\n')
            return wrong(o, "a control character");
    if (good_kilobytes && o->kilobytes > good_kilobytes + some_kilobytes + for_each_byte * (long)bytes / 1024)
        return wrong(o, "too much memory");
    return true;
}

/* Whether it fails with that status, and says what is wrong and where. */
static bool refuses(char *const *words, size_t bytes, int status, const char *what, const char *where)
{
    outcome o;
    if (!behaves(words, bytes, &o))
        return false;
    return (o.status == status && strstr(o.said, what) && strstr(o.said, where)) || wrong(&o, what);
}

#define RUN(...) ((char *[]){"lstm-run", __VA_ARGS__, NULL})

/* ---- files ---- */

typedef struct image {
    unsigned char *bytes;
    size_t size, data; /* data: where they begin */
} image;

/* Weights, inputs and states are zeros, a bias and what comes of it are 1, lengths are 2 and 4. */
static void fill(unsigned char *data, size_t size, bool is_model)
{
    const float one = 1.0f;
    const size_t ones[] = {0, 244, 248, 252, 268};
    memset(data, 0, size);
    for (size_t k = 0; is_model && k < sizeof ones / sizeof *ones; k++)
        if (ones[k] + sizeof one <= size)
            memcpy(data + ones[k], &one, sizeof one);
    if (size > 240)
        data[240] = 2; /* of 3 steps */
    if (!is_model && size > 104) {
        data[96] = 2;
        data[104] = 4;
    }
}

static image make(const char *header, size_t length, size_t data, bool is_model)
{
    image i = {.size = 8 + length + data, .data = 8 + length};
    i.bytes = reserve(i.size);
    for (size_t k = 0; k < 8; k++)
        i.bytes[k] = (unsigned char)((uint64_t)length >> 8 * k);
    memcpy(i.bytes + 8, header, length);
    fill(i.bytes + i.data, data, is_model);
    return i;
}

static void make_edited(const hostile_edit *edit, const char *header, size_t data, image *made)
{
    const char *found = edit->find ? strstr(header, edit->find) : header;
    if (!found) {
        fprintf(stderr, "hostile: %s: %s is not in %s\n", edit->what, edit->find, header);
        exit(EXIT_FAILURE);
    }
    const size_t before = (size_t)(found - header), cut = strlen(edit->find ? edit->find : header);
    char *text = reserve(strlen(header) + strlen(edit->replace));
    memcpy(text, header, before);
    sprintf(text + before, "%s%s", edit->replace, found + cut);
    *made = make(text, strlen(text), (size_t)((long)data + edit->more), header == hostile_model);
    free(text);
}

/* ---- the cases ---- */

/* A model is refused in every mode, by its name. */
static bool model_is_refused(const char *said, size_t bytes)
{
    char *const *const modes[] = {RUN("bad", "inputs", "output"), RUN("--chunk", "1", "bad", "inputs", "output"),
                                  RUN("--describe", "bad"), RUN("--selftest", "bad")};
    for (size_t k = 0; k < sizeof modes / sizeof *modes; k++)
        if (!refuses(modes[k], bytes, 1, said, "\"bad\""))
            return false;
    return true;
}

static void check_edits(const hostile_edit *edit, const char *header, size_t data, const char *kind)
{
    for (; edit->what; edit++) {
        image i;
        make_edited(edit, header, data, &i);
        put("bad", i.bytes, i.size);
        bool good;
        if (header == hostile_inputs)
            good = refuses(RUN("model", "bad", "output"), i.size, 1, edit->words, "") &&
                   refuses(RUN("--chunk", "3", "model", "bad", "output"), i.size, 1, edit->words, "");
        else if (kind[0] == 's')
            good = refuses(RUN("--selftest", "bad"), i.size, 1, edit->words, "\"bad\"");
        else
            good = model_is_refused(edit->words, i.size);
        check(good, "%s: %s", kind, edit->what);
        free(i.bytes);
    }
}

/* What the first eight bytes say. */
static void check_prefixes(const image *model)
{
    const uint64_t length = model->data - 8;
    const uint64_t lengths[] = {0,
                                1,
                                length - 1,
                                length + 1,
                                model->size - 8,
                                model->size - 7,
                                model->size,
                                100000000,
                                100000001,
                                (uint64_t)1 << 32 | length,
                                INT64_MAX,
                                UINT64_MAX};
    image i = make(hostile_model, (size_t)length, HOSTILE_MODEL_DATA, true);
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        for (size_t byte = 0; byte < 8; byte++)
            i.bytes[byte] = (unsigned char)(lengths[k] >> 8 * byte);
        put("bad", i.bytes, i.size);
        check(model_is_refused("header", i.size), "model: a header of %" PRIu64 " bytes", lengths[k]);
    }
    free(i.bytes);
}

/* Cut where something ends or begins: brackets, quotes, commas, tensors; and in the first bytes. */
static void check_cuts(const image *good, const char *kind, char *const *words)
{
    size_t cuts = 0;
    bool fine = true;
    for (size_t size = 0; size < good->size && fine; size++) {
        const bool at_end = size < 12 || size + 2 > good->data;
        if (at_end ? size > 12 && size % 4 == 2 : !strchr("{}[]\",:", good->bytes[size]) || size % 3)
            continue;
        put("bad", good->bytes, size);
        fine = refuses(words, good->size, 1, "\"bad\"", "");
        cuts++;
    }
    check(fine, "%s: cut at %zu places", kind, cuts);
}

/* One to three bytes changed at random: refused, or taken for what they say; data with a checksum are refused. */
static void check_changes(const image *good, size_t changes, const char *kind, char *const *words, bool is_sealed)
{
    unsigned char *bytes = reserve(good->size);
    uint64_t state = 1;
    bool fine = true;
    size_t taken = 0;
    for (size_t change = 0; change < changes && fine; change++) {
        outcome o;
        memcpy(bytes, good->bytes, good->size);
        for (size_t k = 0; k <= change % 3; k++) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            const size_t from = is_sealed ? good->data : 0;
            /* A sealed file has data. NOLINTNEXTLINE(clang-analyzer-core.DivideZero) */
            bytes[from + (state >> 33) % (good->size - from)] ^= (unsigned char)(1 + (state >> 20) % 255);
        }
        if (!memcmp(bytes, good->bytes, good->size))
            continue;
        put("bad", bytes, good->size);
        fine = is_sealed ? refuses(words, good->size, 1, "lstm.checksum", "\"bad\"") : behaves(words, good->size, &o);
        taken += !is_sealed && fine && !o.status;
    }
    check(fine, "%s: changed at random %zu times, of which %zu are taken", kind, changes, taken);
    free(bytes);
}

#define GRAPH(text) "{\"__metadata__\":{\"lstm.format\":\"model\",\"lstm.version\":\"1\",\"lstm.model\":\"" text

/* Headers with something in them many times over. */
static void check_long_headers(void)
{
    static const struct {
        const char *what, *begin, *again;
        size_t times;
        const char *end, *said;
    } cases[] = {
        {"brackets", "", "[", 1000000, "", "nests more than"},
        {"brackets in the graph", GRAPH(""), "[", 100000, "\"}}", "brackets nest deeper than"},
        {"layers", GRAPH("{\\\"input_size\\\":1,\\\"layers\\\":[1"), ",1", 500000, "]}\"}}",
         "\"layers\" has to be a list of 1 to 4096"},
        {"cells",
         GRAPH("{\\\"input_size\\\":1,\\\"layers\\\":[{\\\"type\\\":\\\"rnn\\\",\\\"cell\\\":{\\\"type\\\":"
               "\\\"multi_rnn\\\",\\\"cells\\\":[1"),
         ",1", 500000, "]}}]}\"}}", "cells[0]: it is no object"},
        {"axes", "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,0],\"shape\":[0", ",1", 500000, "]}}", "no graph"},
        {"letters", "{\"", "a", 1000000, "\":{\"dtype\":\"U8\",\"data_offsets\":[0,0],\"shape\":[0]}}", "no graph"},
        {"digits", "{\"a\":", "9", 1000000, "}", "JSON header cannot be read"},
        {"large numbers", "{\"a\":[1", ",9999999999999999999", 50000, "]}", "tensor \"a\" has no dtype"},
        {"spaces", "", " ", 1000000, "", "JSON header cannot be read"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const size_t each = strlen(cases[k].again), times = cases[k].times;
        char *text = reserve(strlen(cases[k].begin) + times * each + strlen(cases[k].end));
        size_t length = (size_t)sprintf(text, "%s", cases[k].begin);
        for (size_t n = 0; n < times; n++, length += each)
            memcpy(text + length, cases[k].again, each);
        length += (size_t)sprintf(text + length, "%s", cases[k].end);
        const image i = make(text, length, 0, true);
        put("bad", i.bytes, i.size);
        check(model_is_refused(cases[k].said, i.size), "model: a header of %zu %s", times, cases[k].what);
        free(i.bytes);
        free(text);
    }
}

/* What is no regular file, or leads to one that is read. */
static void check_places(void)
{
    put("empty", "", 0);
    if (mkfifo("fifo", 0600) || symlink("loop", "loop") || symlink("model", "alias") || link("inputs", "twin"))
        perror("hostile");
    static const char *const cases[][5] = {
        {"empty", "inputs", "output", "empty", "fewer than 8 bytes"},
        {"model", "empty", "output", "empty", "fewer than 8 bytes"},
        {"fifo", "inputs", "output", "fifo", "not a regular file"},
        {"model", "fifo", "output", "fifo", "not a regular file"},
        {"/dev/zero", "inputs", "output", "/dev/zero", "not a regular file"},
        {"model", "/dev/null", "output", "/dev/null", "not a regular file"},
        {".", "inputs", "output", "\".\"", "Is a directory"},
        {"loop", "inputs", "output", "loop", "symbolic links"},
        {"", "inputs", "output", "\"\"", "No such file"},
        {"model", "", "output", "\"\"", "No such file"},
        {"model", "inputs", "", "\"\"", "No such file"},
        {"model", "inputs", ".", "\".\"", "directory"},
        {"model", "inputs", "model/output", "model/output", "Not a directory"},
        {"model", "inputs", "alias", "alias", "is one of the files"},
        {"model", "inputs", "twin", "twin", "is one of the files"},
        {"inputs", "model", "output", "inputs", "no graph"},
        {"model", "model", "output", "dense/", "of no use"},
        {"a\nb\x1B[31m", "inputs", "output", "a\\x0ab\\x1b[31m", "No such file"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char words[3][16];
        for (size_t w = 0; w < 3; w++)
            snprintf(words[w], sizeof words[w], "%s", cases[k][w]);
        check(refuses(RUN(words[0], words[1], words[2]), 100, 1, cases[k][4], cases[k][3]), "place: case %zu, %s", k,
              cases[k][4]);
    }
}

static void check_usages(void)
{
    for (size_t k = 0; hostile_usages[k][0]; k++) {
        char text[200], *words[MOST_WORDS] = {"lstm-run"};
        size_t count = 1;
        snprintf(text, sizeof text, "%s", hostile_usages[k][0]);
        for (char *word = strtok(text, " "); word && count + 1 < MOST_WORDS; word = strtok(NULL, " "))
            words[count++] = word;
        check(refuses(words, 0, 2, hostile_usages[k][1], ""), "usage: case %zu", k);
    }
}

/* Lengths that are out of range, of either type. */
static void check_lengths(void)
{
    static const int64_t lengths[] = {-1, 5, INT64_MIN, INT64_MAX, (int64_t)1 << 32};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        image i = make(hostile_inputs, strlen(hostile_inputs), HOSTILE_INPUTS_DATA, false);
        char said[100];
        for (size_t byte = 0; byte < 8; byte++)
            i.bytes[i.data + 104 + byte] = (unsigned char)((uint64_t)lengths[k] >> 8 * byte);
        put("bad", i.bytes, i.size);
        snprintf(said, sizeof said, "\"sequence_length\" of row 1 is %" PRId64 ", expected 0 to 4", lengths[k]);
        check(refuses(RUN("model", "bad", "output"), i.size, 1, said, ""), "inputs: a length of %" PRId64, lengths[k]);
        free(i.bytes);
    }
}

/* Long sequences through a wide layer: memory goes with the files, not with steps times units. */
static void check_long_sequences(void)
{
    static const char graph[] = GRAPH(
        "{\\\"input_size\\\":1,\\\"layers\\\":[{\\\"type\\\":\\\"rnn\\\",\\\"cell\\\":{\\\"type\\\":"
        "\\\"basic_rnn\\\",\\\"num_units\\\":96}},{\\\"type\\\":\\\"dense\\\",\\\"units\\\":1,"
        "\\\"use_bias\\\":false}]}\"},") "\"rnn/basic_rnn_cell/"
                                         "kernel\":{\"dtype\":\"F32\",\"shape\":[97,96],\"data_offsets\":[0,37248]},"
                                         "\"rnn/basic_rnn_cell/"
                                         "bias\":{\"dtype\":\"F32\",\"shape\":[96],\"data_offsets\":[37248,37632]},"
                                         "\"dense/"
                                         "kernel\":{\"dtype\":\"F32\",\"shape\":[96,1],\"data_offsets\":[37632,38016]}"
                                         "}";
    static const char header[] = "{\"inputs\":{\"dtype\":\"F32\",\"shape\":[64,8192,1],\"data_offsets\":[0,2097152]}}";
    image model = make(graph, strlen(graph), 38016, true), inputs = make(header, strlen(header), 2097152, false);
    outcome o;
    put("wide", model.bytes, model.size);
    put("long", inputs.bytes, inputs.size);
    const size_t bytes = model.size + inputs.size;
    free(model.bytes);
    free(inputs.bytes);
    check(behaves(RUN("wide", "long", "output"), bytes, &o) && !o.status, "memory: long sequences");
    check(behaves(RUN("--chunk", "8192", "wide", "long", "output"), bytes, &o) && !o.status, "memory: a long chunk");
}

/* The same of a model that cannot stream: it is refused. */
static void check_both_ends(void)
{
#define BASIC "{\\\"type\\\":\\\"basic_rnn\\\",\\\"num_units\\\":1}"
    static const struct {
        const char *name, *shape;
        size_t floats;
    } tensors[] = {{"dense/kernel", "1,20000", 20000},
                   {"bidirectional_rnn/fw/basic_rnn_cell/kernel", "20001,1", 20001},
                   {"bidirectional_rnn/fw/basic_rnn_cell/bias", "1", 1},
                   {"bidirectional_rnn/bw/basic_rnn_cell/kernel", "20001,1", 20001},
                   {"bidirectional_rnn/bw/basic_rnn_cell/bias", "1", 1},
                   {"selftest/0/inputs", "1,20000,1", 20000},
                   {"selftest/0/outputs", "1,20000,1", 20000}};
    static const char sequence[] = "{\"inputs\":{\"dtype\":\"F32\",\"shape\":[1,20000,1],\"data_offsets\":[0,80000]}}";
    char header[2000] = GRAPH("{\\\"input_size\\\":1,\\\"layers\\\":[{\\\"type\\\":\\\"dense\\\",\\\"units\\\":20000,"
                              "\\\"use_bias\\\":false},{\\\"type\\\":\\\"bidirectional_rnn\\\",\\\"forward\\\":" BASIC
                              ",\\\"backward\\\":" BASIC ",\\\"merge\\\":\\\"sum\\\"}]}\"}");
    size_t data = 0, length = strlen(header);
    for (size_t k = 0; k < sizeof tensors / sizeof *tensors; data += tensors[k++].floats * sizeof(float))
        length +=
            (size_t)sprintf(header + length, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                            tensors[k].name, tensors[k].shape, data, data + tensors[k].floats * sizeof(float));
    length += (size_t)sprintf(header + length, "}");
    const image model = make(header, length, data, true), inputs = make(sequence, strlen(sequence), 80000, false);
    put("bad", model.bytes, model.size);
    put("long", inputs.bytes, inputs.size);
    check(refuses(RUN("--selftest", "bad"), model.size, 1, "far more memory than the file", "\"bad\": selftest/0"),
          "memory: a long self-test in both directions");
    check(refuses(RUN("bad", "long", "output"), model.size + inputs.size, 1, "far more memory than the files", "bad"),
          "memory: long sequences in both directions");
    free(model.bytes);
    free(inputs.bytes);
}

/* The model and the inputs are good, and what they take is what all others are measured by. */
static void check_good(void)
{
    outcome o;
    char *const *const modes[] = {RUN("--chunk", "3", "model", "inputs", "output"), RUN("--describe", "model"),
                                  RUN("--selftest", "model"), RUN("--selftest", "sealed"),
                                  RUN("model", "inputs", "output")};
    long most = 0;
    for (size_t k = 0; k < sizeof modes / sizeof *modes; k++) {
        check(behaves(modes[k], 0, &o) && !o.status, "the good model and its inputs, mode %zu", k);
        most = o.kilobytes > most ? o.kilobytes : most;
    }
    good_kilobytes = MEASURED ? most : 0;
}

/* The good model with the checksum of its data. */
static image make_sealed(const image *model)
{
    char metadata[60], *sealed = reserve(model->size + sizeof metadata);
    snprintf(metadata, sizeof metadata, "{\"lstm.checksum\":\"crc32:%08lx\",",
             crc32_z(0, model->bytes + model->data, HOSTILE_MODEL_DATA));
    const char *place = strchr(hostile_model + 1, '{');
    sprintf(sealed, "%.*s%s%s", (int)(place - hostile_model), hostile_model, metadata, place + 1);
    image made = make(sealed, strlen(sealed), HOSTILE_MODEL_DATA, true);
    free(sealed);
    return made;
}

static void check_all(size_t changes)
{
    const image model = make(hostile_model, strlen(hostile_model), HOSTILE_MODEL_DATA, true),
                sealed = make_sealed(&model);
    const image inputs = make(hostile_inputs, strlen(hostile_inputs), HOSTILE_INPUTS_DATA, false);
    char *const *const as_model = RUN("bad", "inputs", "output"), *const *const as_inputs =
                                                                      RUN("model", "bad", "output");
    put("model", model.bytes, model.size);
    put("sealed", sealed.bytes, sealed.size);
    put("inputs", inputs.bytes, inputs.size);
    check_good();
    check_edits(hostile_models, hostile_model, HOSTILE_MODEL_DATA, "model");
    check_edits(hostile_selftests, hostile_model, HOSTILE_MODEL_DATA, "self-test");
    check_edits(hostile_input_edits, hostile_inputs, HOSTILE_INPUTS_DATA, "inputs");
    check_lengths();
    check_prefixes(&model);
    check_cuts(&model, "model", as_model);
    check_cuts(&inputs, "inputs", as_inputs);
    check_changes(&model, changes, "model", as_model, false);
    check_changes(&model, changes / 4, "self-test", RUN("--selftest", "bad"), false);
    check_changes(&sealed, changes / 4, "model with a checksum, data", as_model, true);
    check_changes(&inputs, changes, "inputs", as_inputs, false);
    check_long_headers();
    check_long_sequences();
    check_both_ends();
    check_places();
    check_usages();
    free(model.bytes);
    free(sealed.bytes);
    free(inputs.bytes);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/lstm_hostile_XXXXXX", command[sizeof folder + 10];
    if (argc != 3 || !(lstm_run = realpath(argv[2], NULL)) || !mkdtemp(folder) || chdir(folder)) {
        perror("hostile");
        return 2;
    }
    setenv("OPENBLAS_NUM_THREADS", "1", 1); /* tests run side by side */
    check_all(strtoul(argv[1], NULL, 10));
    printf("1..%d\n", number);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) || failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
