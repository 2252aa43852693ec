/* The library is loaded, used on several threads and unloaded, again and again. Usage: reload LIBRARY. Prints TAP. */
#define _POSIX_C_SOURCE 200809L
#include <lstm/lstm.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#ifdef _WIN32
#include <windows.h>
#define dlopen(path, mode) ((void *)LoadLibraryA(path))
#define dlsym(handle, name) ((void *)(uintptr_t)GetProcAddress((HMODULE)(handle), name))
#define dlclose(handle) (!FreeLibrary((HMODULE)(handle)))
#else
#include <dlfcn.h>
#endif

static struct {
    lstm_status (*context_create)(const lstm_context_config *, lstm_context **);
    void (*context_destroy)(lstm_context *);
    lstm_status (*stream_reset)(lstm_stream *);
    const char *(*error_message)(void);
} library;

static bool look_up(void *handle)
{
    *(void **)&library.context_create = dlsym(handle, "lstm_context_create");
    *(void **)&library.context_destroy = dlsym(handle, "lstm_context_destroy");
    *(void **)&library.stream_reset = dlsym(handle, "lstm_stream_reset");
    *(void **)&library.error_message = dlsym(handle, "lstm_error_message");
    return library.context_create && library.context_destroy && library.stream_reset && library.error_message;
}

/* An error, whose words are kept for this thread; NULL: they are there. */
static void *fail(void *unused)
{
    (void)unused;
    return library.stream_reset(NULL) && strstr(library.error_message(), "stream is NULL") ? NULL : &library;
}

static bool use(void)
{
    lstm_context *context;
    pthread_t thread;
    void *failed;
    if (library.context_create(LSTM_ARGS(lstm_context_config, .threads = 3), &context))
        return false;
    library.context_destroy(context);
    return !pthread_create(&thread, NULL, fail, NULL) && !pthread_join(thread, &failed) && !failed && !fail(NULL);
}

int main(int count, char **arguments)
{
    int rounds = 0;
    for (; count == 2 && rounds < 10; rounds++) {
        void *handle = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
        if (!handle || !look_up(handle) || !use() || dlclose(handle))
            break;
    }
    printf("%s 1 - the library is loaded and unloaded ten times\n1..1\n", rounds == 10 ? "ok" : "not ok");
    return rounds != 10;
}
