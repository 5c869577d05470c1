#pragma once
#include <stddef.h>
#include <stdint.h>

/* What the Glibc module map does not offer to Swift: epoll, eventfd, accept4.
   Every function that can fail returns a negative errno value, so that no caller has to
   read errno after something else may have changed it. */

enum {
    KASSA_READABLE = 0x001, /* EPOLLIN */
    KASSA_WRITABLE = 0x004, /* EPOLLOUT */
    KASSA_FAILED = 0x008,   /* EPOLLERR */
    KASSA_HANGUP = 0x010,   /* EPOLLHUP */
};

/* The longest numeric address with its terminator (INET6_ADDRSTRLEN). */
enum { KASSA_PEER_CAPACITY = 46 };

/* One ready descriptor. epoll_event is packed on x86-64; this is not. */
typedef struct {
    uint64_t token;
    uint32_t events;
} kassa_ready;

int kassa_epoll_create(void);
int kassa_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int kassa_epoll_change(int epoll, int fd, uint32_t events, uint64_t token);
int kassa_epoll_remove(int epoll, int fd);

/* Fills at most 256 entries; a timeout below zero waits without limit. */
int kassa_epoll_wait(int epoll, kassa_ready *ready, int capacity, int timeout_ms);

/* Waits until something is ready, and returns 1, or so many nanoseconds, and returns 0; a negative
   errno where it cannot. */
int kassa_epoll_pause(int epoll, int64_t nanoseconds);

/* A counter to wake a poller with: non-blocking, closed on exec. */
int kassa_eventfd(void);

/* Accepts non-blocking and closed on exec; writes the peer's numeric address, "" if unknown. */
int kassa_accept(int listener, char *peer, size_t capacity);
