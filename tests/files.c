#include "files.h"

#include "testing.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "lstm_tests_XXXXXX";
static bool made;

/* Calls visit for each file of the folder. */
static size_t for_each_file(int (*visit)(const char *path))
{
    size_t count = 0;
    DIR *directory = opendir(folder);
    ck_assert_ptr_nonnull(directory);
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

static void remove_folder(void)
{
    chmod(folder, 0700);
    for_each_file(remove);
    rmdir(folder);
}

const char *test_folder(void)
{
    if (!made) {
        ck_assert_ptr_nonnull(mkdtemp(folder));
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
    memcpy(bytes + 8, header, length);
    for (size_t k = 0; k < data_size; k++)
        bytes[8 + length + k] = (unsigned char)k;
    *size = 8 + length + data_size;
    return bytes;
}
