/* A program of version 0.1 and a library that is newer: every struct that grows, in a heap block of exactly the size it had in 0.1, so
 * that a byte written beyond is seen (valgrind, AddressSanitizer). Sizes and offsets are numbers here, on purpose: they are
 * what programs compiled then have in them. They never change; a struct that is new is added with its size of that day. */
#include "sch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(what)                                                     \
    do {                                                                \
        if (!(what)) {                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);  \
            exit(1);                                                    \
        }                                                               \
    } while (0)
#define OK(call) CHECK((call) == SCH_OK)

enum {
    OF_DIAL = 48,              /* sizeof(sch_dial) */
    OF_SUBMITTED = 48,         /* sizeof(sch_submitted) */
    OF_ACTION = 176,           /* sizeof(sch_action) */
    OF_COUNTERS = 280,         /* sizeof(sch_counters) */
    OF_SLOT_MOVE = 64,         /* sizeof(sch_slot_move) */
    OF_POOL_EVENT = 304,       /* sizeof(sch_pool_event) */
    OF_POOL_COUNTS = 248,      /* sizeof(sch_pool_counts) */
    OF_ENDPOINT_COUNTERS = 64, /* sizeof(sch_endpoint_counters) */
    OF_CLUSTER_ACTION = 312,   /* sizeof(sch_cluster_action) */
    OF_NODE = 280,             /* sizeof(sch_node) */
    OF_REDIRECTION = 280,      /* sizeof(sch_redirection) */
    OF_CLUSTER_COUNTS = 200,   /* sizeof(sch_cluster_counts) */
    OF_RECEIVE_CALL = 64       /* sizeof(sch_receive_call) */
};

/* What an array is made of can never grow. */
typedef char span_is_frozen[sizeof(sch_span) == 16 ? 1 : -1];
typedef char wait_is_frozen[sizeof(sch_wait) == 16 ? 1 : -1];
typedef char slot_range_is_frozen[sizeof(sch_slot_range) == 4 ? 1 : -1];
typedef char cluster_move_is_frozen[sizeof(sch_cluster_move) == 24 ? 1 : -1];
typedef char place_is_frozen[sizeof(sch_place) == 272 ? 1 : -1];

static void *sized(size_t real, uint32_t said) {
    void *room = malloc(real);
    CHECK(room);
    memset(room, 0xa5, real);
    memcpy(room, &said, sizeof said);
    return room;
}

static int64_t at(const void *room, size_t offset, size_t size) {
    int64_t value = 0;
    memcpy(&value, (const char *)room + offset, size);
    return value;
}

/* `call(out)` refuses one byte less, fills exactly this size, and says the size again. */
#define SMALLEST(room, type, size, call)                                                   \
    do {                                                                                   \
        type *out = sized(size, (size) - 1);                                               \
        CHECK((call) == SCH_ERR_STRUCT_SIZE);                                              \
        CHECK(at(out, 4, 4) == (int64_t)0xa5a5a5a5);                                       \
        free(out);                                                                         \
        (room) = out = sized(size, size);                                                  \
        OK(call);                                                                          \
        CHECK(at(out, 0, 4) == (size));                                                    \
    } while (0)

static uint64_t now = 1000000000;

static sch_conn *conn_at(int32_t level_in, int32_t level_out) {
    sch_config *config;
    sch_conn *conn;
    void *dial;
    OK(sch_config_new(&config));
    OK(sch_config_set_host(config, "10.0.0.1", 8));
    OK(sch_config_set_level_in(config, level_in));
    OK(sch_config_set_level_out(config, level_out));
    OK(sch_conn_new(SCH_ABI_VERSION, config, &conn));
    OK(sch_config_free(config));
    SMALLEST(dial, sch_dial, OF_DIAL, sch_conn_dial(conn, now, 0, out));
    CHECK(at(dial, 4, 2) == 6379 && at(dial, 8, 8) > 0 && at(dial, 24, 8) == 8);
    OK(sch_conn_connected(conn, now, (uint64_t)at(dial, 8, 8), "10.0.0.1:6379", 13));
    free(dial);
    return conn;
}

/* Its inputs are in the struct: time, transport, spans and how many. */
static sch_receive_call *to_receive(sch_receive_call *call, sch_span *spans) {
    uint64_t transport = 1;
    size_t cap = 2;
    memcpy((char *)call + 8, &now, 8);
    memcpy((char *)call + 16, &transport, 8);
    memcpy((char *)call + 24, &spans, 8);
    memcpy((char *)call + 32, &cap, 8);
    return call;
}

static void managed(void) {
    static const char hello[] = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
    sch_conn *conn = conn_at(SCH_LEVEL_TAPPED, SCH_LEVEL_MANAGED);
    void *room;
    SMALLEST(room, sch_submitted, OF_SUBMITTED,
             sch_conn_submit(conn, now, (const uint8_t *)hello, sizeof hello - 1, out));
    CHECK(at(room, 8, 8) == 1 && at(room, 16, 8) == sizeof hello - 1 && at(room, 32, 8) == 1 && at(room, 40, 8) == 1);
    free(room);
    sch_span spans[2];
    SMALLEST(room, sch_receive_call, OF_RECEIVE_CALL,
             sch_conn_receive_with(conn, (const uint8_t *)"+a\r\n", 4, to_receive(out, spans)));
    CHECK(at(room, 4, 1) == 1 && at(room, 40, 8) == 4 && at(room, 48, 8) == 1 && spans[0].len == 4);
    free(room);
    SMALLEST(room, sch_counters, OF_COUNTERS, sch_conn_counters(conn, out));
    CHECK(at(room, 192, 8) == 1 && at(room, 272, 8) == 0);
    free(room);
    OK(sch_conn_free(conn));
}

static void push(sch_conn *conn, const char *text) {
    bool swallowed = false;
    OK(sch_conn_push(conn, now, 1, (const uint8_t *)text, strlen(text), &swallowed));
    CHECK(swallowed);
}

static void notified(void) {
    sch_config *config;
    sch_pool *pool;
    sch_conn *conn = conn_at(SCH_LEVEL_NOTIFIED, SCH_LEVEL_NOTIFIED);
    void *room;
    OK(sch_config_new(&config));
    OK(sch_pool_new(SCH_ABI_VERSION, config, &pool));
    OK(sch_config_free(config));
    OK(sch_conn_join(conn, now, pool, SCH_UNOWNED_RETIRE, 7, NULL, 0));
    OK(sch_conn_ready(conn, now, 1));
    SMALLEST(room, sch_action, OF_ACTION, sch_conn_poll_action(conn, out));
    CHECK(at(room, 4, 4) == SCH_ACTION_SEND_OPTIN && at(room, 8, 8) == 1 && at(room, 32, 8) > 0 && at(room, 160, 4) == 1);
    free(room);
    OK(sch_conn_optin_reply(conn, now, 1, (const uint8_t *)"+OK\r\n", 5));
    push(conn, ">3\r\n+SMIGRATED\r\n:8\r\n*1\r\n*3\r\n+a:1\r\n+b:2\r\n+1-5\r\n");
    SMALLEST(room, sch_action, OF_ACTION, sch_conn_poll_action(conn, out));
    CHECK(at(room, 4, 4) == SCH_ACTION_SLOTS_MOVED && at(room, 96, 8) == 1 && at(room, 104, 8) == 8 && at(room, 171, 1) == 1);
    free(room);
    SMALLEST(room, sch_slot_move, OF_SLOT_MOVE, sch_conn_slot_move(conn, 0, out));
    CHECK(at(room, 4, 2) == 1 && at(room, 6, 2) == 2 && at(room, 32, 8) == 1 && at(room, 48, 8) == 1 && at(room, 56, 1) == 1);
    free(room);
    SMALLEST(room, sch_pool_event, OF_POOL_EVENT, sch_pool_poll_event(pool, out));
    CHECK(at(room, 4, 4) == SCH_EVENT_MAINTENANCE && at(room, 16, 8) == 7 && at(room, 41, 1) == SCH_NOTIFICATION_SMIGRATED);
    free(room);
    SMALLEST(room, sch_pool_counts, OF_POOL_COUNTS, sch_pool_counters(pool, out));
    CHECK(at(room, 8, 8) == 1 && at(room, 48, 8) == 1);
    free(room);
    OK(sch_pool_dial_result(pool, now, "10.0.0.9", 8, 6379, false));
    SMALLEST(room, sch_endpoint_counters, OF_ENDPOINT_COUNTERS,
             sch_pool_endpoint_counters(pool, "10.0.0.9", 8, 6379, out));
    CHECK(at(room, 24, 8) == 1 && at(room, 32, 8) == 1);
    free(room);
    OK(sch_conn_free(conn));
    OK(sch_pool_free(pool));
}

static void clustered(void) {
    static const char map[] = "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$1\r\na\r\n:1\r\n", error[] = "-MOVED 5 b:2\r\n";
    sch_config *config;
    sch_cluster *cluster;
    uint64_t node;
    void *room;
    OK(sch_config_new(&config));
    OK(sch_cluster_new(SCH_ABI_VERSION, config, &cluster));
    OK(sch_config_free(config));
    OK(sch_cluster_load_slots(cluster, now, (const uint8_t *)map, sizeof map - 1, "a", 1, 1, false, 0));
    SMALLEST(room, sch_cluster_action, OF_CLUSTER_ACTION, sch_cluster_poll_action(cluster, out, NULL, 0, NULL, 0));
    CHECK(at(room, 4, 4) == SCH_CLUSTER_DIAL_NODE && at(room, 48, 4) == 1 && at(room, 52, 2) == 1 && at(room, 56, 2) == 'a');
    free(room);
    OK(sch_cluster_owner(cluster, 0, &node));
    SMALLEST(room, sch_node, OF_NODE, sch_cluster_node(cluster, node, out));
    CHECK(at(room, 8, 4) == 16384 && at(room, 16, 4) == 1 && at(room, 22, 1) == 1 && at(room, 24, 2) == 'a');
    free(room);
    SMALLEST(room, sch_redirection, OF_REDIRECTION,
             sch_cluster_redirected(cluster, now, (const uint8_t *)error, sizeof error - 1, "a", 1, 1, out));
    CHECK(at(room, 4, 2) == 5 && at(room, 6, 2) == 2 && at(room, 16, 4) == 1 && at(room, 24, 2) == 'b');
    free(room);
    SMALLEST(room, sch_cluster_counts, OF_CLUSTER_COUNTS, sch_cluster_counters(cluster, out));
    CHECK(at(room, 72, 8) > 0 && at(room, 112, 8) == 1);
    free(room);
    OK(sch_cluster_free(cluster));
}

int main(void) {
    managed();
    notified();
    clustered();
    puts("ok");
    return 0;
}
