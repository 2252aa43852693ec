#include "files.h"

#include "safetensors.h"
#include "testing.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef _WIN32
#include <direct.h>
#endif

static char folder[] = "lstm_tests_XXXXXX";
static bool made;

static bool make_folder(void)
{
#ifdef _WIN32
    unsigned number = (unsigned)getpid(), tries = 0;
    do /* one may be there, of a process that was ended */
        snprintf(folder + strlen(folder) - 6, 7, "%06x", (number + tries) & 0xFFFFFF);
    while (_mkdir(folder) && ++tries < 1000);
    return tries < 1000;
#else
    return mkdtemp(folder) != NULL;
#endif
}

/* Calls visit for each file of the folder. */
static size_t for_each_file(int (*visit)(const char *path))
{
    size_t count = 0;
    DIR *directory = opendir(folder);
    if (!directory) /* ck_assert may not be called at the process's end */
        ck_abort_msg("%s cannot be read", folder);
    for (const struct dirent *entry; (entry = readdir(directory));) {
        char path[sizeof folder + 300];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        count++;
        if (visit)
            visit(path);
    }
    closedir(directory);
    return count;
}

void remove_files(void)
{
    if (made)
        for_each_file(remove);
}

static void remove_folder(void)
{
    chmod(folder, 0700);
    remove_files();
    rmdir(folder);
}

const char *test_folder(void)
{
    if (!made) {
        ck_assert(make_folder());
        made = true;
        atexit(remove_folder);
    }
    return folder;
}

const char *test_path(const char *name)
{
    static char paths[4][sizeof folder + 300];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", test_folder(), name);
    return path;
}

size_t count_files(void)
{
    return for_each_file(NULL);
}

enum { MOST_NAMES = 32, NAME = 128 };
static char names_found[MOST_NAMES][NAME];
static size_t found;

static int note_name(const char *path)
{
    ck_assert_uint_lt(found, MOST_NAMES);
    snprintf(names_found[found++], NAME, "%s", path + strlen(folder) + 1);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

void list_files(char *names, size_t size)
{
    size_t used = 0;
    found = 0;
    for_each_file(note_name);
    qsort(names_found, found, NAME, compare_names);
    *names = '\0';
    for (size_t k = 0; k < found && used < size; k++)
        used += (size_t)snprintf(names + used, size - used, "%s ", names_found[k]);
}

void swap_to_file_order(void *bytes, size_t unit, size_t count)
{
    if (!lstm__is_little_endian())
        lstm__swap_bytes(unit, bytes, unit * count);
}

void put_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "%s cannot be written", path);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

unsigned char *get_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = test_allocate(*size + 1, 1);
    ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

unsigned char *safetensors_bytes(const char *header, size_t data_size, size_t *size)
{
    const size_t length = strlen(header);
    unsigned char *bytes = test_allocate(8 + length + data_size, 1);
    for (size_t k = 0; k < 8; k++)
        bytes[k] = (unsigned char)((uint64_t)length >> 8 * k);
    memcpy(bytes + 8, header, length); /* NOLINT(bugprone-not-null-terminated-result): data follow */
    for (size_t k = 0; k < data_size; k++)
        bytes[8 + length + k] = (unsigned char)k;
    *size = 8 + length + data_size;
    return bytes;
}
