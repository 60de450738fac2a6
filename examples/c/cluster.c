/* A client of a cluster: one slot map for all threads, and in each thread a managed connection to each node that it needs.
 *
 *   1. `pump`      does what the cluster asks for: here, only to load the map
 *   2. `to_node`   the connection to a node, made when it is needed, closed when the node is drained
 *   3. `command`   asks the map who owns the key, and goes where a redirection says
 */
#include "driver.h"
#include "managed.h"
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_NODES = 16, MAX_TRIES = 16 };

/* Shared by all threads: sch_cluster may be called from any. */
static sch_cluster *map;
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static int users;
static _Atomic uint64_t patched_ns, loads;

struct cluster_client {
    struct target first; /* where the map is asked when no node is known */
    struct {
        uint64_t node; /* 0: free */
        void *client;
    } nodes[MAX_NODES];
    struct stats stats;
};

/* What a connection to a node tells: SLOTS_MOVED and RELOAD_SLOTS are the cluster's. */
static void told(void *user, const sch_conn *sch, const sch_action *action) {
    (void)user;
    if (action->kind == SCH_ACTION_SLOTS_MOVED) sch_cluster_slots_moved(map, now_ns(), sch);
    if (action->kind == SCH_ACTION_RELOAD_SLOTS) sch_cluster_reload_asked(map, now_ns(), action->has_seq, action->seq);
}

static void add_stats(struct stats *sum, void *client) {
    struct stats one;
    memset(&one, 0, sizeof one);
    driver_managed.stats(client, &one);
    sum->handoffs += one.handoffs;
    sum->opened += one.opened;
    sum->relaxed += one.relaxed;
    sum->restored += one.restored;
}

static void let_go(struct cluster_client *c, int i) {
    add_stats(&c->stats, c->nodes[i].client);
    driver_managed.close(c->nodes[i].client);
    c->nodes[i].node = 0;
    c->nodes[i].client = NULL;
}

/* 2. */
static void *to_node(struct cluster_client *c, uint64_t number) {
    struct target target = c->first;
    sch_node node;
    int i, free_place = -1;
    for (i = 0; i < MAX_NODES; i++) {
        if (c->nodes[i].node == number) return c->nodes[i].client;
        if (c->nodes[i].node == 0) free_place = i;
    }
    memset(&node, 0, sizeof node);
    node.struct_size = sizeof node;
    if (free_place < 0 || sch_cluster_node(map, number, &node) != SCH_OK) return NULL;
    target.host = node.host;
    target.port = node.port;
    c->nodes[free_place].node = number;
    c->nodes[free_place].client = driver_managed.open(&target);
    managed_told(c->nodes[free_place].client, told, c);
    return c->nodes[free_place].client;
}

/* Asks a node for the map: one that has slots, or the first one. */
static void load(struct cluster_client *c, const sch_cluster_action *a, int timeout_ms) {
    static const char *words[] = {"CLUSTER", "SLOTS"};
    const char *host = a->host_len ? a->host : c->first.host, *raw;
    int port = a->host_len ? a->port : c->first.port;
    struct target target = c->first;
    int64_t ignored;
    void *asked;
    size_t len;
    target.host = host;
    target.port = port;
    asked = driver_managed.open(&target);
    if (driver_managed.command(asked, 2, words, timeout_ms, &ignored) == RESULT_OK
        && (len = managed_reply(asked, &raw)) > 0
        && sch_cluster_load_slots(map, now_ns(), (const uint8_t *)raw, len, host, strlen(host), (uint16_t)port, a->has_seq,
                                  a->seq) == SCH_OK)
        atomic_fetch_add(&loads, 1);
    else sch_cluster_reload_failed(map, now_ns());
    driver_managed.close(asked);
}

/* 1. Of several threads each gets another action. */
static void pump(struct cluster_client *c, int timeout_ms) {
    sch_cluster_move moves[64];
    sch_slot_range ranges[1024];
    sch_cluster_action a;
    memset(&a, 0, sizeof a);
    a.struct_size = sizeof a;
    sch_cluster_tick(map, now_ns());
    while (sch_cluster_poll_action(map, &a, moves, 64, ranges, 1024) == SCH_OK) {
        if (a.kind == SCH_CLUSTER_RELOAD_SLOTS) load(c, &a, timeout_ms);
        if (a.kind == SCH_CLUSTER_SLOTS_MOVED) atomic_store(&patched_ns, now_ns());
        /* DIAL_NODE: connections are made when they are needed. DRAIN_NODE: each thread sees it in `idle`. */
    }
}

static void nap(void) {
    struct timespec pause = {0, 2000000};
    nanosleep(&pause, NULL);
}

/* Sends the command where the error says; RESULT_ERROR if it is no redirection. */
static enum result redirected(struct cluster_client *c, void *from, uint64_t began, int argc, const char **argv, int timeout_ms,
                              int64_t *integer) {
    static const char *asking[] = {"ASKING"};
    const char *raw;
    size_t len = managed_reply(from, &raw);
    sch_redirection to;
    void *there;
    int64_t ignored;
    memset(&to, 0, sizeof to);
    to.struct_size = sizeof to;
    if (sch_cluster_redirected(map, now_ns(), (const uint8_t *)raw, len, c->first.host, strlen(c->first.host),
                               (uint16_t)c->first.port, &to) != SCH_OK)
        return RESULT_ERROR;
    if (!to.is_ask) {
        uint64_t patched = atomic_load(&patched_ns);
        c->stats.moved++;
        c->stats.moved_late += patched != 0 && began > patched;
    }
    if (to.node == 0 || !(there = to_node(c, to.node))) return RESULT_NOT_RUN;
    if (to.is_ask && driver_managed.command(there, 1, asking, timeout_ms, &ignored) != RESULT_OK) return RESULT_NOT_RUN;
    return driver_managed.command(there, argc, argv, timeout_ms, integer);
}

/* 3. */
static enum result cluster_command(void *client, int argc, const char **argv, int timeout_ms, int64_t *integer) {
    struct cluster_client *c = client;
    uint64_t began = now_ns(), until = began + (uint64_t)timeout_ms * 1000000u, node;
    enum result result = RESULT_NO_CONNECTION;
    while (now_ns() < until) {
        void *to;
        uint64_t sent = now_ns();
        pump(c, timeout_ms);
        if (sch_cluster_owner_of_key(map, (const uint8_t *)argv[1], strlen(argv[1]), &node) != SCH_OK
            || !(to = to_node(c, node))) {
            nap(); /* the map is on its way */
            continue;
        }
        result = driver_managed.command(to, argc, argv, timeout_ms, integer);
        pump(c, timeout_ms);
        if (result == RESULT_ERROR) result = redirected(c, to, sent, argc, argv, timeout_ms, integer);
        if (result == RESULT_NO_CONNECTION) {
            sch_cluster_ask_reload(map, now_ns());
            nap();
        } else if (result != RESULT_NOT_RUN) {
            return result;
        }
    }
    return result == RESULT_ERROR ? RESULT_NOT_RUN : result;
}

static void *cluster_open(const struct target *target) {
    struct cluster_client *c = calloc(1, sizeof *c);
    c->first = *target;
    pthread_mutex_lock(&opening);
    if (users++ == 0) {
        sch_cluster_action a;
        bool has_seq = false;
        sch_cluster_new(SCH_ABI_VERSION, NULL, &map);
        memset(&a, 0, sizeof a);
        sch_cluster_reload_started(map, now_ns(), &has_seq, &a.seq);
        a.has_seq = has_seq;
        load(c, &a, 2000);
    }
    pthread_mutex_unlock(&opening);
    return c;
}

static void cluster_idle(void *client) {
    struct cluster_client *c = client;
    int i;
    for (i = 0; i < MAX_NODES; i++) {
        sch_node node;
        if (c->nodes[i].node == 0) continue;
        memset(&node, 0, sizeof node);
        node.struct_size = sizeof node;
        driver_managed.idle(c->nodes[i].client);
        if (sch_cluster_node(map, c->nodes[i].node, &node) != SCH_OK || node.slots == 0) let_go(c, i);
    }
    pump(c, 500);
}

static void cluster_stats(void *client, struct stats *out) {
    struct cluster_client *c = client;
    int i;
    *out = c->stats;
    for (i = 0; i < MAX_NODES; i++)
        if (c->nodes[i].node) add_stats(out, c->nodes[i].client);
    out->reloads = atomic_load(&loads) - 1;
}

static void cluster_close(void *client) {
    struct cluster_client *c = client;
    int i;
    for (i = 0; i < MAX_NODES; i++)
        if (c->nodes[i].node) let_go(c, i);
    pthread_mutex_lock(&opening);
    if (--users == 0) {
        sch_cluster_free(map);
        map = NULL;
    }
    pthread_mutex_unlock(&opening);
    free(c);
}

const struct driver driver_cluster = {"cluster",    cluster_open,  cluster_command, cluster_idle,
                                      cluster_stats, cluster_close};
