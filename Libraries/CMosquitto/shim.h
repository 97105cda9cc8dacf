#pragma once
#include <fcntl.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <sys/eventfd.h>
#include <unistd.h>

// Linux calls that a network thread around the library needs and that Glibc's module does not show.

static inline int lab_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
static inline void lab_eventfd_wake(int descriptor) { eventfd_write(descriptor, 1); }
static inline void lab_eventfd_clear(int descriptor) {
    eventfd_t count;
    eventfd_read(descriptor, &count);
}

// Declared by <sys/mman.h> and <pthread.h> only under _GNU_SOURCE.
extern int memfd_create(const char *name, unsigned int flags);
static inline int lab_memory_file(const char *name) { return memfd_create(name, 1U /* MFD_CLOEXEC */); }
