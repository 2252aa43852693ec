/* A thread's stack as a C library gives it that has little. */
#ifndef SMALL_STACK_H
#define SMALL_STACK_H

#include <pthread.h>
#include <stddef.h>

/* Where glibc puts thread-local variables, of which OpenBLAS has 60 KiB: what of a thread's stack is gone before it begins. */
static void *small_stack_gone(void *gone)
{
    pthread_attr_t own;
    void *bottom = NULL;
    size_t size = 0;
    if (!pthread_getattr_np(pthread_self(), &own)) {
        pthread_attr_getstack(&own, &bottom, &size);
        pthread_attr_destroy(&own);
        *(size_t *)gone = (size_t)((char *)bottom + size - (char *)&own);
    }
    return NULL;
}

/* Call function(arg) on a thread that has as much stack as musl gives one, and a guard that no frame jumps over. NULL if it
 * cannot be, else what the function returns. */
static inline void *small_stack_run(void *(*function)(void *arg), void *arg)
{
    enum { STACK = 128 * 1024, PAGE = 4096, GUARD = 1024 * 1024 };
    pthread_t thread;
    pthread_attr_t attributes;
    size_t gone = 0;
    void *returned = NULL;
    if (!pthread_create(&thread, NULL, small_stack_gone, &gone))
        pthread_join(thread, NULL);
    if (pthread_attr_init(&attributes))
        return NULL;
    if (!pthread_attr_setstacksize(&attributes, (STACK + gone + PAGE - 1) / PAGE * PAGE) &&
        !pthread_attr_setguardsize(&attributes, GUARD) && !pthread_create(&thread, &attributes, function, arg))
        pthread_join(thread, &returned);
    pthread_attr_destroy(&attributes);
    return returned;
}

#endif
