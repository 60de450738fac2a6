/* Workers that count: each numbers its INCRs, checks every reply and the final counter, and measures how long it waited.
 * Prints one line of JSON after its time, or after SIGTERM. Exit code 1 if anything was doubled, misordered, or lost without being reported. */
#include "driver.h"
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_WORKERS = 256, MAX_SAMPLES = 1 << 18, MAX_SECONDS = 600 };

struct options {
    const struct driver *driver;
    struct target target;
    int workers, rate, timeout_ms;
    double seconds;
    const char *prefix;
};

struct worker {
    const struct options *options;
    int id;
    uint64_t commands, failed, unknown, resent, doubled, misordered, lost;
    int64_t acked;   /* the last reply to an INCR */
    int64_t pending; /* INCRs since then whose outcome is unknown */
    struct stats stats;
    uint32_t *samples; /* microseconds */
    size_t sample_count;
};

static const struct driver *const drivers[] = {&driver_plain, &driver_managed, &driver_tapped, &driver_notified,
                                               &driver_in2_out1, &driver_in1_out2, &driver_cluster,
#ifdef WITH_HIREDIS
                                               &driver_hiredis, &driver_hiredis_sch,
#endif
};

static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static void sample(struct worker *w, uint64_t ns) {
    if (w->sample_count < MAX_SAMPLES) w->samples[w->sample_count++] = (uint32_t)(ns / 1000);
}

/* A counter's value, seen by INCR (`by` 1) or GET (`by` 0), against what is known. */
static void check(struct worker *w, int64_t value, int64_t by) {
    int64_t least = w->acked + by, most = least + w->pending;
    if (value > most) w->doubled += (uint64_t)(value - most);
    if (value < least) {
        if (by) w->misordered++;
        else w->lost += (uint64_t)(least - value);
    }
    if (value >= w->acked) w->acked = value;
    if (by || value == most) w->pending = 0;
}

static void one(struct worker *w, void *client, bool read, const char *key) {
    const char *words[2] = {read ? "GET" : "INCR", key};
    uint64_t began = now_ns();
    int tries = 0;
    w->commands++;
    for (;;) {
        int64_t value = 0;
        enum result result =
            w->options->driver->command(client, 2, words, w->options->timeout_ms, &value);
        if (result == RESULT_OK) {
            sample(w, now_ns() - began);
            check(w, value, read ? 0 : 1);
            return;
        }
        /* What did not run, and what only reads, is sent again: that is the host's part of L1. */
        if ((result == RESULT_NOT_RUN || (read && result == RESULT_UNKNOWN)) && tries++ < 3) {
            w->resent++;
            continue;
        }
        sample(w, now_ns() - began);
        w->failed++;
        if (!read && (result == RESULT_UNKNOWN || result == RESULT_TIMEOUT)) {
            w->pending++;
            w->unknown++;
        }
        return;
    }
}

static void *work(void *argument) {
    struct worker *w = argument;
    const struct options *o = w->options;
    void *client = o->driver->open(&o->target);
    uint64_t period = 1000000000u / (uint64_t)o->rate, next = now_ns();
    uint64_t end = next + (uint64_t)(o->seconds * 1e9);
    char key[96];
    int64_t value = 0;
    int turn = w->id, tries; /* half of the workers write while the other half reads */
    const char *last[2] = {"GET", key}, *first[2] = {"DEL", key};
    snprintf(key, sizeof key, "count:%s:%d", o->prefix, w->id);
    for (tries = 0; tries < 100 && o->driver->command(client, 2, first, 2000, &value) != RESULT_OK; tries++) {}
    while (!stopped && now_ns() < end) {
        uint64_t now = now_ns();
        if (now < next) {
            struct timespec pause = {0, (long)(next - now < 1000000 ? next - now : 1000000)};
            o->driver->idle(client);
            nanosleep(&pause, NULL);
            continue;
        }
        next = now > next + 10 * period ? now : next + period;
        one(w, client, turn++ % 2 != 0, key);
    }
    for (tries = 0; tries < 100; tries++) {
        if (o->driver->command(client, 2, last, 2000, &value) == RESULT_OK) {
            check(w, value, 0);
            break;
        }
    }
    if (tries == 100) w->lost++;
    o->driver->stats(client, &w->stats);
    o->driver->close(client);
    return NULL;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int usage(const char *why) {
    fprintf(stderr,
            "%s\nusage: workload --driver NAME --host H --port P [--ca FILE --name NAME] [--workers N]\n"
            "       [--rate commands/s of each worker] [--timeout-ms N] [--seconds S] [--prefix P]\n",
            why);
    return 2;
}

static int parse(int argc, char **argv, struct options *o) {
    int i;
    for (i = 1; i + 1 < argc; i += 2) {
        const char *key = argv[i], *value = argv[i + 1];
        if (!strcmp(key, "--driver")) {
            size_t d;
            for (d = 0; d < sizeof drivers / sizeof *drivers; d++)
                if (!strcmp(drivers[d]->name, value)) o->driver = drivers[d];
        } else if (!strcmp(key, "--host")) o->target.host = value;
        else if (!strcmp(key, "--port")) o->target.port = atoi(value);
        else if (!strcmp(key, "--ca")) o->target.ca_file = value;
        else if (!strcmp(key, "--name")) o->target.name = value;
        else if (!strcmp(key, "--workers")) o->workers = atoi(value);
        else if (!strcmp(key, "--rate")) o->rate = atoi(value);
        else if (!strcmp(key, "--timeout-ms")) o->timeout_ms = atoi(value);
        else if (!strcmp(key, "--seconds")) o->seconds = atof(value);
        else if (!strcmp(key, "--migration-window-ms")) o->target.migration_window_ms = atoi(value);
        else if (!strcmp(key, "--prefix")) o->prefix = value;
        else return usage("unknown option");
    }
    if (!o->driver) return usage("--driver: no such client was built in");
    if (o->workers < 1 || o->workers > MAX_WORKERS) return usage("--workers: 1 to 256");
    if (o->rate < 1 || o->timeout_ms < 1 || o->seconds <= 0 || o->seconds > MAX_SECONDS || o->target.port <= 0)
        return usage("a number is out of range");
    return 0;
}

int main(int argc, char **argv) {
    struct options o = {NULL, {"127.0.0.1", 0, NULL, "localhost", 0}, 8, 200, 500, 5, "w"};
    struct worker *workers;
    pthread_t threads[MAX_WORKERS];
    struct worker sum;
    uint32_t *all;
    size_t count = 0;
    int i, bad;
    if (parse(argc, argv, &o)) return 2;
    signal(SIGTERM, stop);
    workers = calloc((size_t)o.workers, sizeof *workers);
    memset(&sum, 0, sizeof sum);
    for (i = 0; i < o.workers; i++) {
        workers[i].options = &o;
        workers[i].id = i;
        workers[i].samples = malloc(MAX_SAMPLES * sizeof(uint32_t));
        if (pthread_create(&threads[i], NULL, work, &workers[i])) return usage("no thread");
    }
    all = malloc((size_t)o.workers * MAX_SAMPLES * sizeof *all);
    for (i = 0; i < o.workers; i++) {
        struct worker *w = &workers[i];
        pthread_join(threads[i], NULL);
        sum.commands += w->commands;
        sum.failed += w->failed;
        sum.unknown += w->unknown;
        sum.resent += w->resent;
        sum.doubled += w->doubled;
        sum.misordered += w->misordered;
        sum.lost += w->lost;
        sum.stats.handoffs += w->stats.handoffs;
        sum.stats.handoffs_failed += w->stats.handoffs_failed;
        sum.stats.opened += w->stats.opened;
        sum.stats.relaxed += w->stats.relaxed;
        sum.stats.restored += w->stats.restored;
        sum.stats.moved += w->stats.moved;
        sum.stats.moved_late += w->stats.moved_late;
        if (w->stats.reloads > sum.stats.reloads) sum.stats.reloads = w->stats.reloads;
        if (w->stats.duration_ms > sum.stats.duration_ms) sum.stats.duration_ms = w->stats.duration_ms;
        if (w->stats.pause_ms > sum.stats.pause_ms) sum.stats.pause_ms = w->stats.pause_ms;
        memcpy(all + count, w->samples, w->sample_count * sizeof *all);
        count += w->sample_count;
        free(w->samples);
    }
    qsort(all, count, sizeof *all, by_value);
    printf("{\"driver\":\"%s\",\"commands\":%llu,\"failed\":%llu,\"unknown\":%llu,\"resent\":%llu,\"doubled\":%llu,"
           "\"misordered\":%llu,\"lost\":%llu,\"moved\":%llu,\"moved_late\":%llu,\"reloads\":%llu,\"handoffs\":%llu,\"handoffs_failed\":%llu,\"relaxed\":%llu,\"restored\":%llu,"
           "\"connections\":%llu,\"duration_ms\":%.2f,\"pause_ms\":%.2f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
           "\"max_ms\":%.2f}\n",
           o.driver->name, (unsigned long long)sum.commands, (unsigned long long)sum.failed,
           (unsigned long long)sum.unknown, (unsigned long long)sum.resent, (unsigned long long)sum.doubled,
           (unsigned long long)sum.misordered, (unsigned long long)sum.lost, (unsigned long long)sum.stats.moved,
           (unsigned long long)sum.stats.moved_late, (unsigned long long)sum.stats.reloads,
           (unsigned long long)sum.stats.handoffs,
           (unsigned long long)sum.stats.handoffs_failed, (unsigned long long)sum.stats.relaxed,
           (unsigned long long)sum.stats.restored,
           (unsigned long long)sum.stats.opened, sum.stats.duration_ms, sum.stats.pause_ms,
           count ? all[count / 2] / 1000.0 : 0, count ? all[count * 99 / 100] / 1000.0 : 0,
           count ? all[count - 1] / 1000.0 : 0);
    bad = sum.doubled || sum.misordered || sum.lost;
    free(all);
    free(workers);
    return bad ? 1 : 0;
}
