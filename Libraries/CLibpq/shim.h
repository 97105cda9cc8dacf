#pragma once
#include <libpq-fe.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>

// epoll carries a number of ours; its packed event struct stays here.

static inline int lab_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t number) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = events;
    event.data.u64 = number;
    return epoll_ctl(epoll, operation, fd, &event);
}

static inline int lab_epoll_add(int epoll, int fd, uint32_t events, uint64_t number) {
    return lab_epoll_control(epoll, EPOLL_CTL_ADD, fd, events, number);
}

static inline int lab_epoll_modify(int epoll, int fd, uint32_t events, uint64_t number) {
    return lab_epoll_control(epoll, EPOLL_CTL_MOD, fd, events, number);
}

static inline int lab_epoll_remove(int epoll, int fd) {
    return lab_epoll_control(epoll, EPOLL_CTL_DEL, fd, 0, 0);
}

// Waits as many milliseconds, -1 without limit; at most 64 events at once.
static inline int lab_epoll_wait(int epoll, uint64_t *numbers, uint32_t *events, int timeout) {
    struct epoll_event ready[64];
    int count = epoll_wait(epoll, ready, 64, timeout);
    for (int i = 0; i < count; i++) {
        numbers[i] = ready[i].data.u64;
        events[i] = ready[i].events;
    }
    return count;
}
