/* Files on Windows: paths in UTF-8 and of any length, what cannot be replaced, and what is no file. */
#include "files.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static const size_t shape[] = {3};
static const float ones[] = {1, 1, 1}, twos[] = {2, 2, 2};

static lstm_status save(const char *path, const float *data)
{
    const lstm_tensor tensor = {"rnn/bias", LSTM_DTYPE_F32, 1, shape, data, sizeof ones};
    return lstm_safetensors_save(NULL, path, NULL, 0, &tensor, 1);
}

/* The first number of a file that was saved so. */
static float read_number(const char *path)
{
    lstm_safetensors *file;
    lstm_tensor tensor;
    float values[3];
    ck_ok(lstm_safetensors_open(NULL, path, &file));
    ck_ok(lstm_safetensors_tensor(file, 0, &tensor));
    ck_ok(lstm_tensor_floats(&tensor, 3, values));
    lstm_safetensors_destroy(file);
    return values[0];
}

START_TEST(a_path_is_utf_8)
{
    const char *path = test_path("gew\xC3\xB6hnlich \xE2\x82\xAC \xF0\x9F\x8E\xB5");
    wchar_t wide[MAX_PATH];
    ck_ok(save(path, ones));
    ck_ok(save(path, twos));
    ck_assert_float_eq(read_number(path), 2.0f);
    swprintf(wide, MAX_PATH, L"%hs\\gew\u00F6hnlich \u20AC \U0001F3B5", test_folder());
    ck_assert(DeleteFileW(wide));
    ck_assert_int_eq(save(test_path("\xFF"), ones), LSTM_ERR_IO); /* no UTF-8 */
    ck_assert_uint_eq(count_files(), 0);
}
END_TEST

START_TEST(a_path_may_be_longer_than_260_characters)
{
    enum { LEVELS = 8, LEVEL = 60 };
    static wchar_t wide[LEVELS + 1][1024];
    static char path[1024];
    lstm_safetensors *file;
    GetFullPathNameW(L".", 900, wide[0], NULL);
    swprintf(wide[0] + wcslen(wide[0]), 100, L"\\%hs", test_folder());
    snprintf(path, sizeof path, "%s", test_folder());
    for (int k = 0; k < LEVELS; k++) {
        swprintf(wide[k + 1], 1024, L"%ls%ls\\%0*d", k ? L"" : L"\\\\?\\", wide[k], LEVEL, k);
        snprintf(path + strlen(path), sizeof path - strlen(path), "%s%0*d", k % 2 ? "/" : "\\", LEVEL, k);
        ck_assert(CreateDirectoryW(wide[k + 1], NULL));
    }
    char *end = path + strlen(path);
    uint64_t number = 7, step = 0;
    lstm_checkpoint *checkpoint;
    ck_ok(lstm_checkpoint_create(NULL, &checkpoint));
    ck_ok(lstm_checkpoint_add_u64(checkpoint, "number", &number, 1));
    strcpy(end, "\\run");
    for (uint64_t k = 1; k < 5; k++)
        ck_ok(lstm_checkpoint_save_step(checkpoint, path, k, 1));
    number = 8;
    ck_ok(lstm_checkpoint_load_latest(checkpoint, path, &step));
    ck_assert_uint_eq(number, 7);
    lstm_checkpoint_destroy(checkpoint);
    strcpy(end, "\\run-3.safetensors"); /* of all but the last the files are gone */
    ck_fails(lstm_safetensors_open(NULL, path, &file), LSTM_ERR_IO, "No such file");
    wcscpy(wide[0], wide[LEVELS]);
    wcscat(wide[0], L"\\run-4.safetensors");
    ck_assert(DeleteFileW(wide[0]));
    for (int k = LEVELS; k > 0; k--)
        ck_assert(RemoveDirectoryW(wide[k])); /* nothing else was in there */
}
END_TEST

START_TEST(a_file_that_is_open_elsewhere_is_replaced_or_stays_as_it_was)
{
    ck_ok(save(test_path("x"), ones));
    HANDLE shared = CreateFileA(test_path("x"), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                NULL, OPEN_EXISTING, 0, NULL);
    const lstm_status status = save(test_path("x"), twos); /* as the version of Windows has it */
    CloseHandle(shared);
    ck_assert_float_eq(read_number(test_path("x")), status ? 1.0f : 2.0f);
    ck_ok(save(test_path("x"), ones));
    HANDLE alone = CreateFileA(test_path("x"), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
    ck_fails(save(test_path("x"), twos), LSTM_ERR_IO, "x\": ");
    CloseHandle(alone);
    ck_assert_float_eq(read_number(test_path("x")), 1.0f);
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

START_TEST(a_file_that_may_not_be_written_to_stays_as_it_was)
{
    ck_ok(save(test_path("x"), ones));
    ck_assert(SetFileAttributesA(test_path("x"), FILE_ATTRIBUTE_READONLY));
    ck_fails(save(test_path("x"), twos), LSTM_ERR_IO, "ccess");
    ck_assert(SetFileAttributesA(test_path("x"), FILE_ATTRIBUTE_NORMAL));
    ck_assert_float_eq(read_number(test_path("x")), 1.0f);
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

START_TEST(what_is_no_file_is_told_by_its_path_and_a_reason)
{
    lstm_safetensors *file;
    ck_fails(save(test_path("none/x"), ones), LSTM_ERR_IO, "none/x\": ");
    ck_fails(save(test_folder(), ones), LSTM_ERR_IO, "not a regular file");
    ck_fails(lstm_safetensors_open(NULL, test_folder(), &file), LSTM_ERR_IO, "not a regular file");
    ck_fails(lstm_safetensors_open(NULL, "NUL", &file), LSTM_ERR_IO, "\"NUL\": not a regular file");
    ck_fails(lstm_safetensors_open(NULL, test_path("none"), &file), LSTM_ERR_IO, "No such file");
    ck_assert_int_eq(lstm_safetensors_open(NULL, "", &file), LSTM_ERR_IO);
    ck_assert_int_eq(save("", ones), LSTM_ERR_IO);
    ck_assert_uint_eq(count_files(), 0);
    ck_ok(save("NUL", ones));
}
END_TEST

Suite *files_windows_suite(void)
{
    return test_suite("files_windows",
                      (const TTest *const[]){a_path_is_utf_8, a_path_may_be_longer_than_260_characters,
                                             a_file_that_is_open_elsewhere_is_replaced_or_stays_as_it_was,
                                             a_file_that_may_not_be_written_to_stays_as_it_was,
                                             what_is_no_file_is_told_by_its_path_and_a_reason, NULL});
}
