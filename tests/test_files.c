/* Files on a disk: hostile ones, and that writing is whole or not at all. */
#include "files.h"
#include "suites.h"
#include "testing.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifndef _WIN32
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

static const size_t shape[] = {3, 2};
static const float ones[] = {1, 1, 1, 1, 1, 1}, twos[] = {2, 2, 2, 2, 2, 2};

static lstm_status save(const char *path, const float *data)
{
    const lstm_tensor tensors[] = {{"rnn/kernel", LSTM_DTYPE_F32, 2, shape, data, sizeof ones},
                                   {"rnn/bias", LSTM_DTYPE_F32, 1, shape, data, 3 * sizeof *ones}};
    return lstm_safetensors_save(NULL, path, NULL, 0, tensors, 2);
}

/* The first number of a file that was saved so; 0: it is not whole. */
static float read_number(const char *path)
{
    lstm_safetensors *file;
    lstm_tensor tensor;
    float values[6];
    if (lstm_safetensors_open(NULL, path, &file))
        return 0.0f;
    ck_ok(lstm_safetensors_find(file, "rnn/kernel", &tensor));
    ck_ok(lstm_tensor_floats(&tensor, 6, values));
    lstm_safetensors_destroy(file);
    return values[0];
}

static unsigned char *saved_bytes(size_t *size)
{
    ck_ok(save(test_path("x"), ones));
    return get_file(test_path("x"), size);
}

/* A copy of exactly that size, so that a sanitizer sees a read past its end; all data are read. */
static lstm_status open_copy(const unsigned char *bytes, size_t size)
{
    lstm_safetensors *file = NULL;
    unsigned char *copy = malloc(size ? size : 1), *read = test_allocate(size, 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, size);
    lstm_status status = lstm_safetensors_open_memory(NULL, copy, size, &file);
    for (size_t k = 0; k < lstm_safetensors_count(file); k++) {
        lstm_tensor tensor;
        ck_ok(lstm_safetensors_tensor(file, k, &tensor));
        ck_assert_uint_le(tensor.size, size);
        memcpy(read, tensor.data, tensor.size);
    }
    lstm_safetensors_destroy(file);
    free(copy);
    free(read);
    return status;
}

START_TEST(a_file_cut_anywhere_is_refused)
{
    size_t size;
    unsigned char *bytes = saved_bytes(&size);
    for (size_t cut = 0; cut < size; cut++) {
        lstm_safetensors *file;
        ck_assert_int_eq(open_copy(bytes, cut), LSTM_ERR_FORMAT);
        put_file(test_path("cut"), bytes, cut);
        ck_assert_int_eq(lstm_safetensors_open(NULL, test_path("cut"), &file), LSTM_ERR_FORMAT);
    }
    ck_assert_int_eq(open_copy(bytes, size), LSTM_OK);
    free(bytes);
}
END_TEST

START_TEST(any_byte_may_change_to_any_other)
{
    size_t size, refused = 0;
    unsigned char *bytes = saved_bytes(&size);
    for (size_t at = 0; at < size; at++) {
        const unsigned char before = bytes[at];
        for (unsigned value = 0; value < 256; value++) {
            bytes[at] = (unsigned char)value;
            const lstm_status status = open_copy(bytes, size);
            ck_assert_msg(status == LSTM_OK || status == LSTM_ERR_FORMAT, "byte %zu as %u: %s", at, value,
                          lstm_error_message());
            refused += status != LSTM_OK;
            if (at >= size - sizeof ones - 3 * sizeof *ones) /* the data: the checksum sees every change */
                ck_assert_int_eq(status, value == before ? LSTM_OK : LSTM_ERR_FORMAT);
        }
        bytes[at] = before;
    }
    ck_assert_uint_gt(refused, 200 * size);
    free(bytes);
}
END_TEST

START_TEST(random_damage_never_does_more_than_fail)
{
    size_t size;
    unsigned char *bytes = saved_bytes(&size), *damaged = test_allocate(2 * size, 1);
    lstm_random random = lstm_random_named(20, "damage");
    for (size_t round = 0; round < 20000; round++) {
        uint32_t words[4];
        size_t damaged_size = size;
        memcpy(damaged, bytes, size);
        for (size_t k = 0; k < 3; k++) {
            for (size_t word = 0; word < 4; word++) {
                float uniform;
                lstm_random_uniform(&random, (round * 3 + k) * 4 + word, 1, 0.0f, 1.0f, &uniform);
                words[word] = (uint32_t)(uniform * 0x1p24f);
            }
            const size_t at = words[0] % damaged_size, length = words[1] % 9 % (damaged_size - at);
            if (words[2] % 3 == 0) { /* take some out */
                memmove(damaged + at, damaged + at + length, damaged_size - at - length);
                damaged_size -= length;
            } else if (words[2] % 3 == 1) { /* copy some of it elsewhere */
                memmove(damaged + words[3] % (damaged_size - length), damaged + at, length);
            } else {
                damaged[at] = (unsigned char)words[3];
            }
        }
        const lstm_status status = open_copy(damaged, damaged_size);
        ck_assert(status == LSTM_OK || status == LSTM_ERR_FORMAT);
    }
    free(damaged);
    free(bytes);
}
END_TEST

#ifndef _WIN32 /* test_files_windows.c */

START_TEST(only_regular_files_are_read)
{
    lstm_safetensors *file;
    ck_assert_int_eq(mkfifo(test_path("fifo"), 0600), 0);
    ck_fails(lstm_safetensors_open(NULL, test_path("fifo"), &file), LSTM_ERR_IO, "not a regular file");
    ck_fails(lstm_safetensors_open(NULL, "/dev/zero", &file), LSTM_ERR_IO, "\"/dev/zero\": not a regular file");
    ck_fails(lstm_safetensors_open(NULL, test_folder(), &file), LSTM_ERR_IO, "directory");
    ck_fails(lstm_safetensors_open(NULL, test_path("none"), &file), LSTM_ERR_IO, "No such file");
    ck_fails(lstm_safetensors_open(NULL, "", &file), LSTM_ERR_IO, "No such file");
    put_file(test_path("empty"), "", 0);
    ck_fails(lstm_safetensors_open(NULL, test_path("empty"), &file), LSTM_ERR_FORMAT, "8 bytes");
}
END_TEST

START_TEST(a_huge_file_is_refused_by_its_header_alone)
{
    lstm_safetensors *file;
    size_t size;
    unsigned char *bytes = saved_bytes(&size);
    put_file(test_path("huge"), bytes, size);
    if (truncate(test_path("huge"), (off_t)1 << 40) == 0) /* a hole; not every file system has them */
        ck_fails(lstm_safetensors_open(NULL, test_path("huge"), &file),
                 SIZE_MAX > UINT32_MAX ? LSTM_ERR_FORMAT : LSTM_ERR_OUT_OF_MEMORY,
                 SIZE_MAX > UINT32_MAX ? "follow the last tensor" : "out of memory");
    free(bytes);
}
END_TEST

START_TEST(saving_fails_with_path_and_reason)
{
    char path[300];
    ck_fails(save(test_path("none/x"), ones), LSTM_ERR_IO, "none/x\": No such file");
    ck_fails(save(test_folder(), ones), LSTM_ERR_IO, "directory");
    ck_fails(save("", ones), LSTM_ERR_IO, "No such file");
    put_file(test_path("file"), "x", 1);
    ck_fails(save(test_path("file/x"), ones), LSTM_ERR_IO, "Not a directory");
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    ck_fails(save(path, ones), LSTM_ERR_IO, strerror(ENAMETOOLONG));
    ck_assert_uint_eq(count_files(), 1);
    ck_assert_int_eq(access("/dev/full", F_OK), 0);
    ck_fails(save("/dev/full", ones), LSTM_ERR_IO, "\"/dev/full\": No space left");
    ck_ok(save("/dev/null", ones));
}
END_TEST

START_TEST(a_file_that_cannot_be_written_whole_stays_as_it_was)
{
    enum { FLOATS = 100000 };
    const size_t count = FLOATS;
    float *many = test_allocate(FLOATS, sizeof *many);
    const lstm_tensor large = {"a", LSTM_DTYPE_F32, 1, &count, many, FLOATS * sizeof *many};
    struct rlimit limit, before;
    ck_ok(save(test_path("x"), ones));
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 65536;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    /* SIGXFSZ has its default: it would end the process. */
    ck_fails(lstm_safetensors_save(NULL, test_path("x"), NULL, 0, &large, 1), LSTM_ERR_IO, "File too large");
    ck_fails(lstm_safetensors_save(NULL, test_path("y"), NULL, 0, &large, 1), LSTM_ERR_IO, "File too large");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_float_eq(read_number(test_path("x")), 1.0f);
    ck_assert_uint_eq(count_files(), 1);
    free(many);
}
END_TEST

START_TEST(what_may_not_be_written_to_is_an_error)
{
    const uid_t nobody = 65534;
    const bool root = geteuid() == 0; /* who may write anywhere */
    if (root) {
        ck_assert_int_eq(chown(test_folder(), nobody, (gid_t)-1), 0);
        ck_assert_int_eq(seteuid(nobody), 0);
    }
    ck_ok(save(test_path("x"), ones));
    ck_assert_int_eq(chmod(test_folder(), 0500), 0);
    ck_fails(save(test_path("x"), twos), LSTM_ERR_IO, "x\": Permission denied");
    ck_fails(save(test_path("y"), twos), LSTM_ERR_IO, "y\": Permission denied");
    ck_assert_int_eq(chmod(test_folder(), 0700), 0);
    ck_assert_int_eq(chmod(test_path("x"), 0400), 0);
    ck_fails(save(test_path("x"), twos), LSTM_ERR_IO, "x\": Permission denied");
    ck_assert_float_eq(read_number(test_path("x")), 1.0f);
    ck_assert_uint_eq(count_files(), 1);
    ck_assert(!root || seteuid(0) == 0);
}
END_TEST

static mode_t mode_of(const char *path)
{
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    return status.st_mode & 07777;
}

START_TEST(permissions_are_kept_or_those_of_the_umask)
{
    umask(027);
    ck_ok(save(test_path("x"), ones));
    ck_assert_uint_eq(mode_of(test_path("x")), 0640);
    ck_assert_int_eq(chmod(test_path("x"), 0604), 0);
    ck_ok(save(test_path("x"), twos));
    ck_assert_uint_eq(mode_of(test_path("x")), 0604);
    ck_assert_float_eq(read_number(test_path("x")), 2.0f);
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

START_TEST(a_symbolic_link_is_followed_to_its_target)
{
    struct stat status;
    ck_ok(save(test_path("target"), ones));
    ck_assert_int_eq(symlink("middle", test_path("link")), 0);
    ck_assert_int_eq(symlink("target", test_path("middle")), 0);
    ck_assert_int_eq(symlink("new", test_path("dangling")), 0);
    ck_assert_int_eq(symlink("loop", test_path("loop")), 0);
    ck_ok(save(test_path("link"), twos));
    ck_ok(save(test_path("dangling"), twos));
    ck_assert_int_eq(lstat(test_path("link"), &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    ck_assert_int_eq(lstat(test_path("dangling"), &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    ck_assert_float_eq(read_number(test_path("target")), 2.0f);
    ck_assert_float_eq(read_number(test_path("new")), 2.0f);
    ck_fails(save(test_path("loop"), twos), LSTM_ERR_IO, strerror(ELOOP));
    ck_assert_uint_eq(count_files(), 6);
}
END_TEST

static void *drain(void *path)
{
    static unsigned char bytes[1 << 20];
    size_t size = 0;
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return (void *)(uintptr_t)(open_copy(bytes, size) == LSTM_OK);
}

START_TEST(a_fifo_is_written_as_it_stands)
{
    struct stat status;
    pthread_t reader;
    void *whole = NULL;
    const char *path = test_path("fifo");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(pthread_create(&reader, NULL, drain, (void *)path), 0);
    ck_ok(save(path, ones));
    ck_assert_int_eq(pthread_join(reader, &whole), 0);
    ck_assert_ptr_nonnull(whole);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert(S_ISFIFO(status.st_mode));
}
END_TEST

static void *open_and_leave(void *path)
{
    const int reader = open(path, O_RDONLY);
    char byte;
    ck_assert_int_eq(read(reader, &byte, 1), 1); /* the writer is there and writes */
    close(reader);
    return NULL;
}

START_TEST(a_fifo_whose_reader_leaves_is_an_error_and_no_signal)
{
    const size_t count = 1 << 20; /* more than a pipe holds */
    float *many = test_allocate(count, sizeof *many);
    const lstm_tensor large = {"a", LSTM_DTYPE_F32, 1, &count, many, count * sizeof *many};
    pthread_t reader;
    sigset_t pending;
    const char *path = test_path("fifo");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(pthread_create(&reader, NULL, open_and_leave, (void *)path), 0);
    ck_fails(lstm_safetensors_save(NULL, path, NULL, 0, &large, 1), LSTM_ERR_IO, "Broken pipe");
    ck_assert_int_eq(pthread_join(reader, NULL), 0);
    ck_assert_int_eq(sigpending(&pending), 0);
    ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0);
    free(many);
}
END_TEST

#endif

static atomic_bool done;

/* Returns the message of what has failed, or NULL: a check that fails would leave the thread for another's stack. */
static void *save_again_and_again(void *path)
{
    for (int k = 0; k < 300; k++)
        if (save(path, k % 2 ? ones : twos)) {
            done = true;
            return strdup(lstm_error_message());
        }
    done = true;
    return NULL;
}

START_TEST(a_reader_sees_a_whole_file_while_others_write_it)
{
    enum { WRITERS = 3 };
    pthread_t writers[WRITERS];
    const char *path = test_path("x");
    ck_ok(save(path, ones));
    for (size_t k = 0; k < WRITERS; k++)
        ck_assert_int_eq(pthread_create(&writers[k], NULL, save_again_and_again, (void *)path), 0);
    while (!done) {
        ck_assert_msg(read_number(path) != 0.0f, "%s", lstm_error_message());
#ifdef _WIN32 /* which may replace a file while it is closed only */
        nanosleep(&(const struct timespec){.tv_nsec = 1000000}, NULL);
#endif
    }
    for (size_t k = 0; k < WRITERS; k++) {
        void *message = NULL;
        ck_assert_int_eq(pthread_join(writers[k], &message), 0);
        ck_assert_msg(!message, "%s", (const char *)message);
    }
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

Suite *files_suite(void)
{
    return test_suite("files",
                      (const TTest *const[]){
                          a_file_cut_anywhere_is_refused, any_byte_may_change_to_any_other,
                          random_damage_never_does_more_than_fail, a_reader_sees_a_whole_file_while_others_write_it,
#ifndef _WIN32
                          only_regular_files_are_read, a_huge_file_is_refused_by_its_header_alone,
                          saving_fails_with_path_and_reason, a_file_that_cannot_be_written_whole_stays_as_it_was,
                          what_may_not_be_written_to_is_an_error, permissions_are_kept_or_those_of_the_umask,
                          a_symbolic_link_is_followed_to_its_target, a_fifo_is_written_as_it_stands,
                          a_fifo_whose_reader_leaves_is_an_error_and_no_signal,
#endif
                          NULL});
}
