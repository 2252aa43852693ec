#include "folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char folder_name[] = "lstm_faults_XXXXXX";

static void visit(void (*each)(const char *name, void *user), void *user)
{
    DIR *folder = opendir(folder_name);
    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            each(entry->d_name, user);
    if (folder)
        closedir(folder);
}

const char *folder_path(const char *name)
{
    static char path[sizeof folder_name + 300];
    snprintf(path, sizeof path, "%s/%s", folder_name, name);
    return path;
}

static void remove_file(const char *name, void *user)
{
    (void)user;
    remove(folder_path(name));
}

void folder_empty(void)
{
    visit(remove_file, NULL);
}

static void remove_folder(void)
{
    folder_empty();
    rmdir(folder_name);
}

bool folder_make(void)
{
    return mkdtemp(folder_name) && !atexit(remove_folder);
}

const unsigned char *folder_read(const char *name, size_t *size)
{
    static unsigned char bytes[MOST_BYTES];
    FILE *file = fopen(folder_path(name), "rb");
    *size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    return bytes;
}

/* FNV-1a. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t k = 0; k < size; k++)
        hash = (hash ^ ((const unsigned char *)bytes)[k]) * 1099511628211u;
    return hash;
}

typedef struct sum {
    uint64_t all;
    bool temporary;
} sum;

static void add_file(const char *name, void *user)
{
    sum *s = user;
    size_t size;
    const unsigned char *bytes = folder_read(name, &size);
    s->all += mix(mix(14695981039346656037u, name, strlen(name) + 1), bytes, size);
    s->temporary = s->temporary || name[0] == '.';
}

uint64_t folder_sum(bool *temporary)
{
    sum s = {0};
    visit(add_file, &s);
    *temporary = s.temporary;
    return s.all;
}
