#define _GNU_SOURCE
#include "kassa_epoll.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

_Static_assert(KASSA_READABLE == EPOLLIN && KASSA_WRITABLE == EPOLLOUT, "as in the kernel");
_Static_assert(KASSA_FAILED == EPOLLERR && KASSA_HANGUP == EPOLLHUP, "as in the kernel");
_Static_assert(KASSA_PEER_CAPACITY == INET6_ADDRSTRLEN, "as in the C library");

enum { BATCH = 256 };

static int result(int value) { return value < 0 ? -errno : value; }

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return result(epoll_ctl(epoll, operation, fd, &event));
}

int kassa_epoll_create(void) { return result(epoll_create1(EPOLL_CLOEXEC)); }

int kassa_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, fd, events, token);
}

int kassa_epoll_change(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, fd, events, token);
}

int kassa_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int kassa_epoll_wait(int epoll, kassa_ready *ready, int capacity, int timeout_ms) {
    struct epoll_event events[BATCH];
    if (capacity > BATCH) capacity = BATCH;
    int count = epoll_wait(epoll, events, capacity, timeout_ms);
    if (count < 0) return -errno;
    for (int i = 0; i < count; i++) {
        ready[i].token = events[i].data.u64;
        ready[i].events = events[i].events;
    }
    return count;
}

int kassa_eventfd(void) { return result(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

int kassa_accept(int listener, char *peer, size_t capacity) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int fd = accept4(
        listener, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return -errno;
    const void *number = 0;
    if (address.ss_family == AF_INET) number = &((struct sockaddr_in *)&address)->sin_addr;
    if (address.ss_family == AF_INET6) number = &((struct sockaddr_in6 *)&address)->sin6_addr;
    if (!number || !inet_ntop(address.ss_family, number, peer, (socklen_t)capacity)) peer[0] = 0;
    return fd;
}

int kassa_epoll_pause(int epoll, int64_t nanoseconds) {
    struct pollfd entry = {epoll, POLLIN, 0};
    struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    int count = ppoll(&entry, 1, &time, NULL);
    return result(count);
}
