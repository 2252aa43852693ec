#!/bin/sh
# What tests/faults is about is all there is: its scenario has every function of tests/symbols.txt, and it lets every call
# fail by which lib/platform_*.c asks the operating system for something.
# Usage: check_faults.sh SOURCE_DIR NM PLATFORM_OBJECTS WRAPPED_CALLS SCENARIO_OBJECT... Prints TAP.
set -u
source=$1
nm=$2
platform=$3
wrapped=$4
shift 4

# Calls that are left out: the allocator, which tests/faults replaces; what computes; what cannot fail on arguments that are
# right; what only ends something; nanosleep and sched_yield, after which one looks again; and sigtimedwait, which takes a signal away if one is
# there.
left_out="posix_memalign free
memcpy memset snprintf strcpy strlen strrchr __errno_location __xpg_strerror_r strerror_r
clock_gettime fegetenv fesetenv getpid nanosleep sched_yield
pthread_cond_broadcast pthread_cond_signal pthread_cond_wait pthread_join pthread_mutex_lock pthread_mutex_trylock
pthread_mutex_unlock pthread_sigmask sigaddset sigemptyset sigismember sigpending
pthread_attr_getstacksize pthread_attr_setstacksize
pthread_attr_destroy pthread_cond_destroy pthread_mutex_destroy
sigtimedwait"

undefined()
{
    "$nm" -u "$@" | awk '$1 == "U" { print $2 }' | sed 's/@.*//' | sort -u
}

work=
# shellcheck source=tests/tap.sh
. "$source/tests/tap.sh"
undefined "$@" | grep '^lstm_[^_]' >"$work/scenario"
check "the scenario has every function of tests/symbols.txt" diff "$source/tests/symbols.txt" "$work/scenario"
# shellcheck disable=SC2086 # one word for each object
undefined $platform | grep -v "^lstm__" >"$work/called"
# shellcheck disable=SC2086 # one word for each call
printf '%s\n' $wrapped $left_out | sort >"$work/known"
comm -23 "$work/called" "$work/known" >"$work/unknown"
check "every call of lib/platform_*.c fails in tests/faults, or says here why it need not" diff /dev/null "$work/unknown"
finish
