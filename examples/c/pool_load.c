/* Threads that share a pool: each takes a connection, runs some commands with pauses in between, and gives it back. Every
 * INCR is numbered, every SETNX has a key of its own, so that what is doubled, misordered or lost shows.
 *
 * Says "ready" when all connections are up, works until its standard input ends, then prints one line of JSON. Exit code 1
 * if anything was doubled, misordered, or lost without being reported. */
#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_THREADS = 256, MAX_CONNECTIONS = 100000, MAX_SAMPLES = 1 << 16, MAX_UNIQUE = 1 << 16, LONGEST_VISIT = 8, TRIES = 3 };

struct options {
    struct target target;
    int threads, connections, rate, timeout_ms;
    int32_t unowned;
    const char *prefix;
};

struct worker {
    const struct options *options;
    struct pool *pool;
    pthread_barrier_t *filled;
    atomic_bool *stop;
    struct waiter waiter;
    int id;
    uint64_t commands, failed, unknown, resent, doubled, misordered, lost, dials_failed;
    int64_t acked, pending; /* the last reply to an INCR; INCRs since then whose outcome is unknown */
    int64_t unique;         /* SETNX so far */
    uint8_t *maybe;         /* of each: its outcome is unknown */
    uint32_t *samples;      /* microseconds */
    size_t sample_count;
};

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

enum kind { INCR, SETNX, GET };

static enum result one(struct worker *w, struct slot *slot, enum kind kind, const char *counter) {
    static const char *names[] = {"INCR", "SETNX", "GET"};
    char key[96];
    const char *words[3] = {names[kind], counter, "1"};
    uint64_t began = now_ns();
    enum result result;
    int64_t value = 0;
    int tries = 0;
    if (kind == SETNX && w->unique == MAX_UNIQUE) words[0] = names[kind = GET];
    if (kind == SETNX) {
        snprintf(key, sizeof key, "unique:%s:%d:%lld", w->options->prefix, w->id, (long long)w->unique++);
        words[1] = key;
    }
    w->commands++;
    do {
        result = pool_command(w->pool, slot, &w->waiter, kind == SETNX ? 3 : 2, words, w->options->timeout_ms, &value);
        /* What did not run, and what only reads, is sent again: that is the host's part of L1. */
    } while ((result == RESULT_NOT_RUN || (kind == GET && result == RESULT_UNKNOWN)) && tries++ < TRIES && ++w->resent);
    if (w->sample_count < MAX_SAMPLES) w->samples[w->sample_count++] = (uint32_t)((now_ns() - began) / 1000);
    if (result == RESULT_OK && kind == SETNX && value != 1) w->doubled++; /* it was there */
    if (result == RESULT_OK && kind != SETNX) check(w, value, kind == INCR);
    if (result == RESULT_OK) return result;
    w->failed++;
    if (kind == SETNX) w->maybe[w->unique - 1] = 1;
    if (kind != GET && (result == RESULT_UNKNOWN || result == RESULT_TIMEOUT)) {
        w->unknown++;
        w->pending += kind == INCR;
    }
    return result;
}

/* Its share of the connections, so that all are up before anything happens. */
static void fill(struct worker *w) {
    const struct options *o = w->options;
    int share = o->connections / o->threads + (w->id < o->connections % o->threads), i;
    struct slot **mine = calloc((size_t)share + 1, sizeof *mine);
    for (i = 0; i < share; i++) {
        mine[i] = pool_checkout(w->pool, &w->waiter);
        if (!pool_dial(w->pool, mine[i], &w->waiter)) w->dials_failed++;
    }
    pthread_barrier_wait(w->filled); /* not before: another one would take these again */
    while (i-- > 0) pool_checkin(w->pool, mine[i]);
    free(mine);
}

/* A read may be sent again. */
static bool reads(struct worker *w, struct slot *slot, const char **words, int64_t *value) {
    int tries;
    for (tries = 0; tries <= TRIES; tries++)
        if (pool_command(w->pool, slot, &w->waiter, 2, words, 2000, value) == RESULT_OK) return true;
    return false;
}

/* Reads back what it wrote. */
static void verify(struct worker *w, const char *counter) {
    struct slot *slot = pool_checkout(w->pool, &w->waiter);
    char key[96];
    const char *get[2] = {"GET", counter}, *exists[2] = {"EXISTS", key};
    int64_t i, value = 0;
    if (reads(w, slot, get, &value)) check(w, value, 0);
    else w->lost++;
    for (i = 0; i < w->unique; i++) {
        snprintf(key, sizeof key, "unique:%s:%d:%lld", w->options->prefix, w->id, (long long)i);
        if (!reads(w, slot, exists, &value) || (value != 1 && !w->maybe[i])) w->lost++;
    }
    pool_checkin(w->pool, slot);
}

static void *work(void *argument) {
    struct worker *w = argument;
    const struct options *o = w->options;
    uint64_t period = 1000000000u / (uint64_t)o->rate;
    char counter[96];
    unsigned visit = (unsigned)w->id;
    int turn = w->id;
    snprintf(counter, sizeof counter, "count:%s:%d", o->prefix, w->id);
    fill(w);
    pthread_barrier_wait(w->filled);
    while (!atomic_load(w->stop)) {
        struct slot *slot = pool_checkout(w->pool, &w->waiter);
        unsigned commands = visit++ % LONGEST_VISIT + 1;
        for (; commands > 0 && !atomic_load(w->stop); commands--) {
            uint64_t next = now_ns() + period;
            if (one(w, slot, (enum kind)(turn++ % 3), counter) == RESULT_NO_CONNECTION) w->dials_failed++;
            /* It thinks, and holds the connection meanwhile: its waiter wakes it for mail. */
            while (slot->conn.sch && now_ns() < next && commands > 1) blocking_turn(&slot->conn, w->waiter.fd, next);
        }
        pool_checkin(w->pool, slot);
        usleep((useconds_t)(period / 1000));
    }
    pthread_barrier_wait(w->filled);
    verify(w, counter);
    return NULL;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int usage(const char *why) {
    fprintf(stderr,
            "%s\nusage: pool --host H --port P [--threads N] [--connections N] [--unowned handoff|retire]\n"
            "       [--rate commands/s of each thread] [--timeout-ms N] [--prefix P]\n",
            why);
    return 2;
}

static int parse(int argc, char **argv, struct options *o) {
    int i;
    for (i = 1; i + 1 < argc; i += 2) {
        const char *key = argv[i], *value = argv[i + 1];
        if (!strcmp(key, "--host")) o->target.host = value;
        else if (!strcmp(key, "--port")) o->target.port = atoi(value);
        else if (!strcmp(key, "--threads")) o->threads = atoi(value);
        else if (!strcmp(key, "--connections")) o->connections = atoi(value);
        else if (!strcmp(key, "--rate")) o->rate = atoi(value);
        else if (!strcmp(key, "--timeout-ms")) o->timeout_ms = atoi(value);
        else if (!strcmp(key, "--prefix")) o->prefix = value;
        else if (!strcmp(key, "--unowned") && !strcmp(value, "handoff")) o->unowned = SCH_UNOWNED_HANDOFF;
        else if (!strcmp(key, "--unowned") && !strcmp(value, "retire")) o->unowned = SCH_UNOWNED_RETIRE;
        else return usage("unknown option");
    }
    if (o->threads < 1 || o->threads > MAX_THREADS) return usage("--threads: 1 to 256");
    if (o->connections < o->threads || o->connections > MAX_CONNECTIONS) return usage("--connections: one a thread at least");
    if (o->rate < 1 || o->timeout_ms < 1 || o->target.port <= 0) return usage("a number is out of range");
    return 0;
}

/* The threads' results in the first one. */
static size_t sum(struct worker *workers, int count, uint32_t *all) {
    struct worker *s = &workers[0];
    size_t samples = 0;
    int i;
    for (i = 0; i < count; i++) {
        struct worker *w = &workers[i];
        memcpy(all + samples, w->samples, w->sample_count * sizeof *all);
        samples += w->sample_count;
        if (i == 0) continue;
        s->commands += w->commands;
        s->failed += w->failed;
        s->unknown += w->unknown;
        s->resent += w->resent;
        s->doubled += w->doubled;
        s->misordered += w->misordered;
        s->lost += w->lost;
        s->dials_failed += w->dials_failed;
    }
    qsort(all, samples, sizeof *all, by_value);
    return samples;
}

static void number(const char *name, uint64_t value) { printf("\"%s\":%llu,", name, (unsigned long long)value); }

static void report(struct pool *p, const struct worker *s, const uint32_t *all, size_t samples) {
    static const char *notifications[] = {"", "MOVING", "MIGRATING", "MIGRATED", "FAILING_OVER", "FAILED_OVER",
                                          "SMIGRATING", "SMIGRATED"};
    sch_pool_counts c;
    const char *comma = "";
    int i;
    memset(&c, 0, sizeof c);
    c.struct_size = sizeof c;
    sch_pool_counters(p->sch, &c);
    printf("{\"maintenance\":{");
    for (i = 1; i <= SCH_NOTIFICATION_SMIGRATED; i++) {
        if (p->maintenance[i] == 0) continue;
        printf("%s\"%s\":%llu", comma, notifications[i], (unsigned long long)p->maintenance[i]);
        comma = ",";
    }
    printf("},");
    number("commands", s->commands);
    number("failed", s->failed);
    number("unknown", s->unknown);
    number("resent", s->resent);
    number("doubled", s->doubled);
    number("misordered", s->misordered);
    number("lost", s->lost);
    number("dials_failed", s->dials_failed);
    number("members", c.members);
    number("read", c.notifications);
    number("duplicate", c.notifications_duplicate);
    number("told", c.notifications_told);
    number("waves", c.waves);
    number("asked", c.handoffs_asked);
    number("swapped", c.handoffs_swapped);
    number("lapsed", c.grants_lapsed);
    number("late", c.handoffs_late);
    number("late_event", p->late);
    number("retired", p->retired);
    number("by_caretaker", p->driven);
    number("handoffs", atomic_load(&p->tally.handoffs));
    number("handoffs_failed", atomic_load(&p->tally.handoffs_failed));
    number("relaxed", atomic_load(&p->tally.relaxed));
    number("restored", atomic_load(&p->tally.restored));
    number("opened", atomic_load(&p->tally.opened));
    number("attempts_most", atomic_load(&p->tally.attempts_most));
    number("dials_most", atomic_load(&p->dials_most));
    number("mails", atomic_load(&p->tally.mails));
    number("wakes", atomic_load(&p->tally.wakes));
    printf("\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f}\n", samples ? all[samples / 2] / 1000.0 : 0,
           samples ? all[samples * 99 / 100] / 1000.0 : 0, samples ? all[samples - 1] / 1000.0 : 0);
}

int main(int argc, char **argv) {
    struct options o = {{"127.0.0.1", 0, NULL, "localhost", 0}, 32, 64, 50, 500, SCH_UNOWNED_HANDOFF, "p"};
    static struct worker workers[MAX_THREADS];
    pthread_t threads[MAX_THREADS];
    pthread_barrier_t filled;
    atomic_bool stop = false;
    struct pool pool;
    uint32_t *all;
    size_t samples;
    char ignored[64];
    int i;
    if (parse(argc, argv, &o)) return 2;
    if (!pool_open(&pool, &o.target, (size_t)o.connections, o.unowned)) return usage("the pool cannot be made");
    pthread_barrier_init(&filled, NULL, (unsigned)o.threads + 1);
    for (i = 0; i < o.threads; i++) {
        struct worker *w = &workers[i];
        w->options = &o;
        w->pool = &pool;
        w->filled = &filled;
        w->stop = &stop;
        w->id = i;
        w->samples = malloc(MAX_SAMPLES * sizeof *w->samples);
        w->maybe = calloc(MAX_UNIQUE, 1);
        if (!waiter_open(&pool, &w->waiter) || pthread_create(&threads[i], NULL, work, w)) return usage("no thread");
    }
    for (i = 0; i < 2; i++) pthread_barrier_wait(&filled);
    atomic_store(&pool.dials_most, 0); /* from here on those that maintenance makes */
    puts("ready");
    fflush(stdout);
    while (read(0, ignored, sizeof ignored) > 0) {}
    atomic_store(&stop, true);
    pthread_barrier_wait(&filled);
    for (i = 0; i < o.threads; i++) pthread_join(threads[i], NULL);
    all = malloc((size_t)o.threads * MAX_SAMPLES * sizeof *all);
    pool_stop(&pool);
    samples = sum(workers, o.threads, all);
    report(&pool, &workers[0], all, samples);
    for (i = 0; i < o.threads; i++) {
        waiter_close(&pool, &workers[i].waiter);
        free(workers[i].samples);
        free(workers[i].maybe);
    }
    free(all);
    pool_close(&pool);
    return workers[0].doubled || workers[0].misordered || workers[0].lost ? 1 : 0;
}
