/* What the workload needs of a client: open, one command, close. Each client in this folder is one of these. */
#ifndef DRIVER_H
#define DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct target {
    const char *host;
    int port;
    const char *ca_file; /* NULL: no TLS */
    const char *name;    /* the host's name for TLS */
    int migration_window_ms; /* 0: libsch's default */
};

enum result {
    RESULT_OK,         /* the reply is in `integer` */
    RESULT_ERROR,      /* an error reply */
    RESULT_TIMEOUT,    /* no reply in time: it may come yet, so the connection is closed */
    RESULT_UNKNOWN,    /* written, connection lost: may have run */
    RESULT_NOT_RUN,    /* never written: did not run */
    RESULT_NO_CONNECTION
};

struct stats {
    uint64_t handoffs, handoffs_failed, opened, relaxed, restored;
    double duration_ms, pause_ms; /* the longest */
    /* Of a cluster: MOVED, those to commands sent after the map was patched, maps loaded after the first. */
    uint64_t moved, moved_late, reloads;
};

struct driver {
    const char *name;
    void *(*open)(const struct target *target);
    /* Runs a command of `argc` words and waits for its reply. */
    enum result (*command)(void *client, int argc, const char **argv, int timeout_ms, int64_t *integer);
    /* Reads what is there without a command, for a client between commands. */
    void (*idle)(void *client);
    void (*stats)(void *client, struct stats *out);
    void (*close)(void *client);
};

extern const struct driver driver_plain, driver_managed, driver_tapped, driver_notified, driver_in2_out1,
    driver_in1_out2, driver_cluster;
#ifdef WITH_HIREDIS
extern const struct driver driver_hiredis, driver_hiredis_sch;
#endif

#endif
