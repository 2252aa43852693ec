#include "platform.h"

#define WIN32_LEAN_AND_MEAN
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

void *lstm__platform_allocate(size_t size, size_t alignment)
{
    return _aligned_malloc(size ? size : 1, alignment);
}

void lstm__platform_release(void *memory)
{
    _aligned_free(memory);
}

void lstm__memory_forget(void)
{
    errno = 0;
}

bool lstm__memory_ran_out(void)
{
    return errno == ENOMEM;
}

bool lstm__file_error_is_memory(int error)
{
    return error == ERROR_NOT_ENOUGH_MEMORY || error == ERROR_OUTOFMEMORY;
}

const char *lstm__file_error(int error, char *text, size_t size)
{
    const DWORD english = MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US);
    const DWORD options = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
    if (error == LSTM__NO_REGULAR_FILE || error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND) {
        snprintf(text, size, error == LSTM__NO_REGULAR_FILE ? "not a regular file" : "No such file or directory");
        return text;
    }
    size_t length = FormatMessageA(options, NULL, (DWORD)error, english, text, (DWORD)size, NULL);
    while (length && strchr(".\r\n ", text[length - 1]))
        text[--length] = '\0';
    if (!length)
        snprintf(text, size, "error %d of Windows", error);
    return text;
}

/* A name that Windows has given, or a path for it, in the other encoding. NULL: GetLastError says why. */
static char *narrow(const wchar_t *wide)
{
    const int size = WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, wide, -1, NULL, 0, NULL, NULL);
    char *text = size ? malloc((size_t)size) : NULL;
    if (text)
        WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, wide, -1, text, size, NULL, NULL);
    else if (size)
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return text;
}

static wchar_t *widen(const char *text)
{
    const int size = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    wchar_t *wide = size ? malloc((size_t)size * sizeof *wide) : NULL;
    if (wide)
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, size);
    else if (size)
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    return wide;
}

/* The path with its drive and all folders and behind \\?\, as which it may have 32767 characters and not 260 only; with
 * room for `more` characters and the end behind. */
static wchar_t *whole_path(const char *path, size_t more)
{
    static const wchar_t any[] = L"\\\\?\\", share[] = L"\\\\?\\UNC";
    wchar_t *given = widen(path), *whole = NULL;
    const DWORD size = given && *given ? GetFullPathNameW(given, 0, NULL, NULL) : 0;
    if (given && !*given)
        SetLastError(ERROR_PATH_NOT_FOUND);
    const size_t prefix = sizeof share / sizeof *share - 1;
    if (size && !(whole = malloc((prefix + size + more) * sizeof *whole)))
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    if (whole && !GetFullPathNameW(given, size, whole + prefix, NULL)) {
        free(whole);
        whole = NULL;
    }
    free(given);
    if (!whole)
        return NULL;
    const wchar_t *full = whole + prefix;
    const bool is_share = full[0] == L'\\' && full[1] == L'\\', is_device = is_share && wcschr(L".?", full[2]);
    const wchar_t *start = is_device ? L"" : is_share ? share : any;
    const size_t skipped = is_share && !is_device ? 1 : 0, length = wcslen(start); /* one of the two backslashes */
    memmove(whole + length, full + skipped, (wcslen(full + skipped) + 1) * sizeof *whole);
    memcpy(whole, start, length * sizeof *whole);
    return whole;
}

/* Everybody else may read, replace and remove the file meanwhile. */
static HANDLE open_file(const wchar_t *path, DWORD access, DWORD creation)
{
    const DWORD shared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    return CreateFileW(path, access, shared, NULL, creation, FILE_ATTRIBUTE_NORMAL, NULL);
}

static bool is_folder(DWORD attributes)
{
    return attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_DIRECTORY;
}

/* Windows keeps handles within 32 bits, as 32-bit programs share them. */
static HANDLE handle_of(int file)
{
    return (HANDLE)(intptr_t)file;
}

int lstm__file_open(const char *path, int *file, uint64_t *size)
{
    LARGE_INTEGER bytes = {0};
    wchar_t *whole = whole_path(path, 0);
    if (!whole)
        return (int)GetLastError();
    const bool folder = is_folder(GetFileAttributesW(whole));
    HANDLE handle = folder ? INVALID_HANDLE_VALUE : open_file(whole, GENERIC_READ, OPEN_EXISTING);
    int error = folder ? LSTM__NO_REGULAR_FILE : handle == INVALID_HANDLE_VALUE ? (int)GetLastError() : 0;
    free(whole);
    if (error)
        return error;
    if (GetFileType(handle) != FILE_TYPE_DISK)
        error = LSTM__NO_REGULAR_FILE;
    else if (!GetFileSizeEx(handle, &bytes))
        error = (int)GetLastError();
    if (error) {
        CloseHandle(handle);
        return error;
    }
    *file = (int)(intptr_t)handle;
    *size = (uint64_t)bytes.QuadPart;
    return 0;
}

void lstm__file_close(int file)
{
    CloseHandle(handle_of(file));
}

/* What one call may be asked for: its counts have 32 bits. */
enum { AT_ONCE = 1 << 30 };

int lstm__file_read(int file, void *bytes, size_t size, size_t *got)
{
    size_t done = 0;
    while (done < size) {
        const size_t left = size - done;
        DWORD count;
        if (!ReadFile(handle_of(file), (char *)bytes + done, left < AT_ONCE ? (DWORD)left : AT_ONCE, &count, NULL))
            return (int)GetLastError();
        if (count == 0)
            break;
        done += count;
    }
    *got = done;
    return 0;
}

static int write_pieces(HANDLE file, const lstm__piece *pieces, size_t count)
{
    for (size_t k = 0; k < count; k++)
        for (size_t done = 0; done < pieces[k].size;) {
            const size_t left = pieces[k].size - done;
            DWORD wrote;
            if (!WriteFile(file, (const char *)pieces[k].bytes + done, left < AT_ONCE ? (DWORD)left : AT_ONCE, &wrote,
                           NULL))
                return (int)GetLastError();
            done += wrote;
        }
    return 0;
}

enum { NAME = 64 }; /* the characters of a temporary name, and more */

/* Create a file of a name of its own in the folder that target's first `folder` characters name. */
static HANDLE create_beside(const wchar_t *target, size_t folder, wchar_t *temporary)
{
    enum { TRIES = 100 };
    HANDLE file = INVALID_HANDLE_VALUE;
    memcpy(temporary, target, folder * sizeof *target);
    for (unsigned k = 0; k < TRIES; k++) {
        LARGE_INTEGER now;
        QueryPerformanceCounter(&now);
        swprintf(temporary + folder, NAME, L".lstm-%lx-%lx-%llx", GetCurrentProcessId(), GetCurrentThreadId(),
                 (unsigned long long)now.QuadPart + k);
        file = open_file(temporary, GENERIC_WRITE, CREATE_NEW);
        if (file != INVALID_HANDLE_VALUE || GetLastError() != ERROR_FILE_EXISTS)
            break;
    }
    return file;
}

/* While somebody has the target open a replacement may be refused: readers, and programs that look at every new file, are
 * soon done. A reader that opens it again and again leaves it closed for moments only, so many tries come soon, and then
 * they come ever more slowly, for a second in all, or some where clocks are coarse. */
static int move_over(const wchar_t *temporary, const wchar_t *target)
{
    enum { TRIES = 640, TRIES_PER_MILLISECOND = 256 };
    DWORD error = 0;
    for (int k = 0; k < TRIES; k++) {
        if (MoveFileExW(temporary, target, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
            return 0;
        error = GetLastError();
        if (error != ERROR_ACCESS_DENIED && error != ERROR_SHARING_VIOLATION)
            break;
        Sleep((DWORD)(k / TRIES_PER_MILLISECOND));
    }
    return (int)error;
}

static int replace(const wchar_t *target, const lstm__piece *pieces, size_t count)
{
    const size_t folder = (size_t)(wcsrchr(target, L'\\') - target) + 1;
    wchar_t *temporary = malloc((folder + NAME) * sizeof *temporary);
    if (!temporary)
        return ERROR_NOT_ENOUGH_MEMORY;
    HANDLE file = create_beside(target, folder, temporary);
    int error = file == INVALID_HANDLE_VALUE ? (int)GetLastError() : 0;
    if (!error) {
        error = write_pieces(file, pieces, count);
        if (!error && !FlushFileBuffers(file))
            error = (int)GetLastError();
        if (!CloseHandle(file) && !error)
            error = (int)GetLastError();
        if (!error)
            error = move_over(temporary, target);
        if (error)
            DeleteFileW(temporary);
    }
    free(temporary);
    return error;
}

/* Replace a file that is there and open, at the end of all links to it; or write to what is no regular file. */
static int write_over(HANDLE old, const lstm__piece *pieces, size_t count)
{
    if (GetFileType(old) != FILE_TYPE_DISK) {
        const int error = write_pieces(old, pieces, count);
        return CloseHandle(old) || error ? error : (int)GetLastError();
    }
    const DWORD size = GetFinalPathNameByHandleW(old, NULL, 0, 0);
    wchar_t *target = size ? malloc((size + 1) * sizeof *target) : NULL;
    int error = size ? ERROR_NOT_ENOUGH_MEMORY : (int)GetLastError();
    if (target)
        error = GetFinalPathNameByHandleW(old, target, size + 1, 0) ? 0 : (int)GetLastError();
    CloseHandle(old);
    if (!error)
        error = replace(target, pieces, count);
    free(target);
    return error;
}

int lstm__file_write(const char *path, const lstm__piece *pieces, size_t count)
{
    wchar_t *target = whole_path(path, 0);
    if (!target)
        return (int)GetLastError();
    const DWORD attributes = GetFileAttributesW(target);
    int error = LSTM__NO_REGULAR_FILE;
    if (attributes != INVALID_FILE_ATTRIBUTES && attributes & FILE_ATTRIBUTE_READONLY) {
        error = ERROR_ACCESS_DENIED;
    } else if (!is_folder(attributes)) {
        HANDLE old = open_file(target, GENERIC_WRITE, OPEN_EXISTING);
        error = (int)GetLastError();
        if (old != INVALID_HANDLE_VALUE)
            error = write_over(old, pieces, count);
        else if (error == ERROR_FILE_NOT_FOUND)
            error = replace(target, pieces, count);
    }
    free(target);
    return error;
}

size_t lstm__folder_length(const char *path)
{
    size_t length = strlen(path);
    while (length && !strchr("/\\:", path[length - 1]))
        length--;
    return length;
}

int lstm__folder_list(const char *path, void (*each)(void *user, const char *name), void *user)
{
    WIN32_FIND_DATAW entry;
    wchar_t *pattern = whole_path(path, 2);
    if (!pattern)
        return (int)GetLastError();
    const wchar_t *last = pattern + wcslen(pattern) - 1;
    wcscat(pattern, *last == L'\\' ? L"*" : L"\\*");
    HANDLE search = FindFirstFileW(pattern, &entry);
    DWORD error = search == INVALID_HANDLE_VALUE ? GetLastError() : 0;
    free(pattern);
    if (error)
        return (int)error;
    do {
        char *name = narrow(entry.cFileName);
        if (!name && (error = GetLastError()) != ERROR_NO_UNICODE_TRANSLATION)
            break; /* a name that is no UTF-16 is none that anybody asks for */
        error = 0;
        if (name)
            each(user, name);
        free(name);
    } while (FindNextFileW(search, &entry));
    if (!error)
        error = GetLastError();
    FindClose(search);
    return error == ERROR_NO_MORE_FILES ? 0 : (int)error;
}

int lstm__file_remove(const char *path)
{
    wchar_t *whole = whole_path(path, 0);
    const int error = whole && DeleteFileW(whole) ? 0 : (int)GetLastError();
    free(whole);
    return error;
}
