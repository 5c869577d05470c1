#pragma once
#include <stdint.h>

/* What each thread works at, and a sampler that counts which stage the processor's time goes to.
   Telling the stage is one store to a variable of the thread, so it may stay on the hottest path;
   the sampler runs only between its start and stop. */

/* The stages of an order's way; where none is told it is KASSA_STAGE_OTHER. */
typedef enum kassa_stage {
    KASSA_STAGE_OTHER,   /* queues, locks, waking threads, timers */
    KASSA_STAGE_PARSE,   /* reading the socket, HTTP, the request's body, routing */
    KASSA_STAGE_DECIDE,  /* loading state, deciders, sagas */
    KASSA_STAGE_ENCODE,  /* events and metadata to JSON */
    KASSA_STAGE_APPEND,  /* rows and leaves within the transaction */
    KASSA_STAGE_COMMIT,  /* BEGIN, COMMIT, the disk */
    KASSA_STAGE_RELAY,   /* a log's tail to messages */
    KASSA_STAGE_BROKER,  /* publish, fetch, acknowledge */
    KASSA_STAGE_CONSUME, /* couriers, reading messages, intake */
    KASSA_STAGE_PROJECT, /* folding into rows, and the read store's commits */
    KASSA_STAGE_REPLY,   /* answers, to the socket */
    KASSA_STAGE_CALLS,   /* payment provider, carrier, mail */
    KASSA_STAGE_CLIENTS, /* a load generator in the same process */
    KASSA_STAGE_COUNT
} kassa_stage;

extern _Thread_local kassa_stage kassa_stage_current
    __attribute__((tls_model("initial-exec")));

/* From here on the thread works at `stage`; give what it returns to kassa_stage_leave. */
static inline kassa_stage kassa_stage_enter(kassa_stage stage) {
    kassa_stage before = kassa_stage_current;
    kassa_stage_current = stage;
    return before;
}

static inline void kassa_stage_leave(kassa_stage before) { kassa_stage_current = before; }

/* Counts the running threads' stages, every four milliseconds of each thread's own running time:
   by the kernel's performance events, whose signal is SIGTRAP, and returns 1. Where the system
   does not allow these, by SIGPROF at the kernel's ticks, and returns 0: that sees too little of
   threads that wake up often and run shortly. Returns a negative errno where neither works. Counts
   go on from where an earlier run ended. One run at a time. */
int kassa_sampler_start(void);

/* Stops; a signal that is on its way is still counted. */
void kassa_sampler_stop(void);

/* How often each stage was seen since the process began; `counts` takes KASSA_STAGE_COUNT. */
void kassa_sampler_read(uint64_t *counts);
