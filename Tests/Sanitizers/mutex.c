// Preloaded under the thread sanitizer, so that it knows of Synchronization.Mutex.
//
// The sanitizer sees the mutex's fast path, which is compiled into whoever uses it. Where threads
// meet, it goes on in libswiftSynchronization, which is not instrumented: without this, every value
// behind a contended mutex would be reported. The functions below stand in front of that library's,
// and tell the sanitizer what they order.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

// Swift's convention: `self`, the mutex's address, has a register of its own.
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

// The sanitizer's own; absent in processes that it does not watch, as the preloading is inherited.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

SWIFT void kassa_lock(uint32_t thread, SELF void *mutex) __asm__(LOCK);
SWIFT bool kassa_try_lock(SELF void *mutex) __asm__(TRY_LOCK);
SWIFT void kassa_unlock(SELF void *mutex) __asm__(UNLOCK);

SWIFT void kassa_lock(uint32_t thread, SELF void *mutex) {
    typedef SWIFT void (*Lock)(uint32_t, SELF void *);
    ((Lock)dlsym(RTLD_NEXT, LOCK))(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT bool kassa_try_lock(SELF void *mutex) {
    typedef SWIFT bool (*TryLock)(SELF void *);
    bool taken = ((TryLock)dlsym(RTLD_NEXT, TRY_LOCK))(mutex);
    if (taken && __tsan_acquire) __tsan_acquire(mutex);
    return taken;
}

SWIFT void kassa_unlock(SELF void *mutex) {
    typedef SWIFT void (*Unlock)(SELF void *);
    if (__tsan_release) __tsan_release(mutex);
    ((Unlock)dlsym(RTLD_NEXT, UNLOCK))(mutex);
}
