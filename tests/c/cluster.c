/* A cluster in C: a map by hand, SMIGRATED from a connection and raw, redirections, subscriptions, reloads; virtual time. Then
 * readers in two threads while the map changes. */
#include "sch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sch_cluster *cluster;
static uint64_t now = 1000000000;
static sch_cluster_move moves[8];
static sch_slot_range ranges[8];

static void explain(void) {
    char text[300];
    size_t len;
    if (cluster && sch_cluster_last_error(cluster, text, sizeof text, &len) == SCH_OK) {
        fprintf(stderr, "last error: %s\n", text);
    }
}

#define CHECK(what)                                                    \
    do {                                                               \
        if (!(what)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
            explain();                                                 \
            exit(1);                                                   \
        }                                                              \
    } while (0)
#define OK(call) CHECK((call) == SCH_OK)
#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1
#define TEXT(text) (text), sizeof(text) - 1

/* Slots 0 to 8191 on a with a replica, the rest on the node that was asked. */
static const char map[] = "*2\r\n*4\r\n:0\r\n:8191\r\n*2\r\n$1\r\na\r\n:1\r\n*2\r\n$2\r\na2\r\n:1\r\n"
                          "*3\r\n:8192\r\n:16383\r\n*2\r\n_\r\n:2\r\n";

static sch_status load(bool has_seq, uint64_t seq) {
    return sch_cluster_load_slots(cluster, now, BYTES(map), TEXT("b"), 7, has_seq, seq);
}

static uint64_t owner(uint16_t slot) {
    uint64_t node = 0;
    OK(sch_cluster_owner(cluster, slot, &node));
    return node;
}

static sch_cluster_action expect(int32_t kind) {
    sch_cluster_action action;
    memset(&action, 0, sizeof action);
    action.struct_size = sizeof action;
    OK(sch_cluster_poll_action(cluster, &action, moves, 8, ranges, 8));
    if (action.kind != kind) {
        fprintf(stderr, "action %d, not %d\n", (int)action.kind, (int)kind);
    }
    CHECK(action.kind == kind);
    CHECK(strlen(action.host) == action.host_len);
    return action;
}

static void expect_none(void) {
    sch_cluster_action action;
    action.struct_size = sizeof action;
    CHECK(sch_cluster_poll_action(cluster, &action, NULL, 0, NULL, 0) == SCH_EMPTY);
}

/* Lines so far, each level apart. Never called twice at once: no lock, whichever thread tells. */
static size_t lines[SCH_LOG_DEBUG + 1];

static void on_log(int32_t level, const char *text, size_t len, void *user_data) {
    uint64_t node;
    CHECK(user_data == lines && level >= SCH_LOG_ERROR && level <= SCH_LOG_DEBUG);
    CHECK(strlen(text) == len && len < SCH_LINE_SIZE && !strncmp(text, "event=", 6));
    lines[level]++;
    /* The cluster may be used from here, and makes no lines inside; it is neither freed nor told elsewhere. */
    CHECK(sch_cluster_find_node(cluster, TEXT("nowhere"), 1, &node) == SCH_EMPTY);
    CHECK(sch_cluster_set_log(cluster, SCH_LOG_NONE, NULL, NULL) == SCH_ERR_BUSY);
    CHECK(sch_cluster_free(cluster) == SCH_ERR_BUSY);
}

static void logging(void) {
    bool taken;
    OK(sch_cluster_set_log(cluster, SCH_LOG_DEBUG, on_log, lines));
    CHECK(sch_cluster_set_log(cluster, SCH_LOG_DEBUG + 1, on_log, NULL) == SCH_ERR_ARGUMENT);
    CHECK(sch_cluster_set_log(NULL, SCH_LOG_DEBUG, on_log, NULL) == SCH_ERR_NULL);
    OK(sch_cluster_push(cluster, now, BYTES(">3\r\n+SMIGRATED\r\n:8\r\n*1\r\n*3\r\n+a:1\r\n+b:2\r\n+0-8191\r\n"), &taken));
    CHECK(lines[SCH_LOG_DEBUG] == 1 && lines[SCH_LOG_INFO] == 0); /* a duplicate */
    OK(sch_cluster_set_log(cluster, SCH_LOG_INFO, on_log, lines));
    CHECK(sch_cluster_load_slots(cluster, now, BYTES("-ERR no\r\n"), TEXT("b"), 7, false, 0) == SCH_ERR_NOT_A_SLOT_MAP);
    CHECK(lines[SCH_LOG_DEBUG] == 1 && lines[SCH_LOG_WARN] == 1);
    OK(load(false, 0));
    CHECK(lines[SCH_LOG_INFO] == 1);
}

static void loading(void) {
    sch_node node;
    uint64_t found;
    uint16_t slot;
    sch_cluster_action action;

    CHECK(sch_cluster_owner(cluster, 0, &found) == SCH_EMPTY);
    CHECK(sch_cluster_load_shards(cluster, now, BYTES(map), TEXT("b"), 7, false, 0) == SCH_ERR_NOT_A_SLOT_MAP);
    CHECK(sch_cluster_load_slots(cluster, now, BYTES("*0\r\n"), TEXT("b"), 7, false, 0) == SCH_ERR_NOT_A_SLOT_MAP);
    char text[12];
    size_t len;
    OK(sch_cluster_last_error(cluster, text, sizeof text, &len));
    CHECK(strlen(text) == sizeof text - 1 && len > sizeof text);

    OK(sch_cluster_ask_reload(cluster, now));
    action = expect(SCH_CLUSTER_RELOAD_SLOTS);
    CHECK(action.reasons == SCH_RELOAD_HOST && action.attempt == 1 && !action.has_seq && action.host_len == 0);
    OK(load(false, 0));
    action = expect(SCH_CLUSTER_DIAL_NODE);
    CHECK(!strcmp(action.host, "a") && action.port == 1 && action.node == owner(0));
    action = expect(SCH_CLUSTER_DIAL_NODE);
    CHECK(!strcmp(action.host, "b") && action.port == 2 && action.node == owner(16383));
    expect_none();

    memset(&node, 0, sizeof node);
    node.struct_size = sizeof node;
    OK(sch_cluster_node(cluster, owner(0), &node));
    CHECK(!strcmp(node.host, "a") && node.port == 1 && node.slots == 8192 && node.replicas == 1);
    CHECK(node.health == SCH_HEALTH_ONLINE && node.is_listed);
    OK(sch_cluster_replica(cluster, 0, 0, &found));
    OK(sch_cluster_node(cluster, found, &node));
    CHECK(!strcmp(node.host, "a2") && node.slots == 0);
    CHECK(sch_cluster_replica(cluster, 0, 1, &found) == SCH_EMPTY);
    CHECK(sch_cluster_node(cluster, 99, &node) == SCH_EMPTY);
    CHECK(sch_cluster_node(cluster, UINT64_MAX, &node) == SCH_EMPTY);
    OK(sch_cluster_find_node(cluster, TEXT("a2"), 1, &found));
    node.struct_size = 8;
    CHECK(sch_cluster_node(cluster, owner(0), &node) == SCH_ERR_STRUCT_SIZE);

    OK(sch_key_slot(BYTES("{foo}bar"), &slot));
    CHECK(slot == 12182);
    OK(sch_cluster_owner_of_key(cluster, BYTES("foo"), &found));
    CHECK(found == owner(12182));
    CHECK(sch_cluster_owner(cluster, 16384, &found) == SCH_EMPTY);
}

static void raw_smigrated(void) {
    const char push[] = ">3\r\n+SMIGRATED\r\n:7\r\n*2\r\n*3\r\n+a:1\r\n+b:2\r\n+1,3-4\r\n*3\r\n+b:2\r\n+c:3\r\n+9000\r\n";
    sch_cluster_action action;
    bool taken;

    OK(sch_cluster_push(cluster, now, BYTES("+OK\r\n"), &taken));
    CHECK(!taken);
    OK(sch_cluster_push(cluster, now, BYTES(push), &taken));
    CHECK(taken);
    OK(sch_cluster_push(cluster, now, BYTES(push), &taken));
    /* Arrays that are too small: it says how much there is, and stays. */
    memset(&action, 0, sizeof action);
    action.struct_size = sizeof action;
    for (int i = 0; i < 2; i++) {
        CHECK(sch_cluster_poll_action(cluster, &action, moves, 1, ranges, 8) == SCH_MORE);
        CHECK(sch_cluster_poll_action(cluster, &action, moves, 2, ranges, 2) == SCH_MORE);
        CHECK(action.kind == SCH_CLUSTER_SLOTS_MOVED && action.moves_len == 2 && action.ranges_len == 3);
    }
    CHECK(sch_cluster_poll_action(cluster, &action, NULL, 2, ranges, 3) == SCH_ERR_NULL);
    OK(sch_cluster_poll_action(cluster, &action, moves, 2, ranges, 3));
    CHECK(action.has_seq && action.seq == 7);
    CHECK(moves[0].source == owner(0) && moves[0].destination == owner(16383));
    CHECK(moves[0].first_range == 0 && moves[0].ranges_len == 2);
    CHECK(moves[1].source == owner(16383) && moves[1].destination == owner(9000));
    CHECK(moves[1].first_range == 2 && moves[1].ranges_len == 1);
    CHECK(ranges[0].first == 1 && ranges[0].last == 1 && ranges[1].first == 3 && ranges[1].last == 4);
    CHECK(ranges[2].first == 9000 && ranges[2].last == 9000);
    CHECK(owner(3) == owner(16383) && owner(2) == owner(0));
    action = expect(SCH_CLUSTER_DIAL_NODE);
    CHECK(!strcmp(action.host, "c") && action.node == owner(9000));
    expect_none();

    /* c is new: the map is to be loaded. */
    bool has;
    uint64_t deadline;
    OK(sch_cluster_next_deadline(cluster, &has, &deadline));
    CHECK(has && deadline >= now);
    now = deadline;
    OK(sch_cluster_tick(cluster, now));
    action = expect(SCH_CLUSTER_RELOAD_SLOTS);
    CHECK(action.reasons == SCH_RELOAD_UNFIT && action.has_seq && action.seq == 7 && action.host_len == 1 && action.node);
    OK(sch_cluster_reload_failed(cluster, now));
    OK(sch_cluster_next_deadline(cluster, &has, &now));
    OK(sch_cluster_tick(cluster, now));
    action = expect(SCH_CLUSTER_RELOAD_SLOTS);
    CHECK(action.reasons == SCH_RELOAD_FAILED && action.attempt == 2);
    OK(load(action.has_seq, action.seq));
    CHECK(owner(3) == owner(0));
    action = expect(SCH_CLUSTER_DRAIN_NODE);
    CHECK(!strcmp(action.host, "c") && action.gone);
    expect_none();
    /* Not above the seq of the load. */
    OK(sch_cluster_push(cluster, now, BYTES(">3\r\n+SMIGRATED\r\n:6\r\n*1\r\n*3\r\n+a:1\r\n+b:2\r\n+1\r\n"), &taken));
    CHECK(owner(1) == owner(0));
    expect(SCH_CLUSTER_SLOTS_MOVED);
}

/* A level 1 connection reads SMIGRATED and tells it. */
static void from_a_connection(void) {
    const char push[] = ">3\r\n+SMIGRATED\r\n:8\r\n*1\r\n*3\r\n+a:1\r\n+b:2\r\n+0-8191\r\n";
    sch_config *config;
    sch_conn *conn;
    sch_dial dial;
    sch_action action;
    bool swallowed;

    OK(sch_config_new(&config));
    OK(sch_config_set_level_in(config, SCH_LEVEL_NOTIFIED));
    OK(sch_config_set_level_out(config, SCH_LEVEL_NOTIFIED));
    OK(sch_conn_new(SCH_ABI_VERSION, config, &conn));
    OK(sch_config_free(config));
    memset(&dial, 0, sizeof dial);
    dial.struct_size = sizeof dial;
    OK(sch_conn_dial(conn, now, 0, &dial));
    OK(sch_conn_connected(conn, now, dial.transport, TEXT("10.0.0.1:6379")));
    OK(sch_conn_push(conn, now, dial.transport, BYTES(push), &swallowed));
    CHECK(swallowed && sch_cluster_slots_moved(cluster, now, conn) == SCH_ERR_UNEXPECTED);
    CHECK(sch_cluster_slots_moved(cluster, now, NULL) == SCH_ERR_NULL);
    memset(&action, 0, sizeof action);
    do {
        action.struct_size = sizeof action;
        OK(sch_conn_poll_action(conn, &action));
    } while (action.kind != SCH_ACTION_SLOTS_MOVED);
    uint64_t old = owner(0);
    OK(sch_cluster_slots_moved(cluster, now, conn));
    OK(sch_cluster_slots_moved(cluster, now, conn));
    OK(sch_conn_free(conn));
    CHECK(owner(0) == owner(16383));
    expect(SCH_CLUSTER_SLOTS_MOVED);
    sch_cluster_action drain = expect(SCH_CLUSTER_DRAIN_NODE);
    CHECK(drain.node == old && !drain.gone && !strcmp(drain.host, "a"));
    expect_none();
}

static void redirections(void) {
    sch_redirection to;
    sch_cluster_action action;
    uint64_t node;
    uint16_t slot;
    bool has;

    memset(&to, 0, sizeof to);
    to.struct_size = sizeof to;
    CHECK(sch_cluster_redirected(cluster, now, BYTES("ERR no"), TEXT("b"), 2, &to) == SCH_EMPTY);
    OK(sch_cluster_redirected(cluster, now, BYTES("ASK 12182 a:1"), TEXT("b"), 2, &to));
    CHECK(to.is_ask && to.slot == 12182 && to.port == 1 && !strcmp(to.host, "a") && to.node);
    OK(sch_cluster_next_deadline(cluster, &has, &node));
    CHECK(!has);

    OK(sch_cluster_subscribe(cluster, BYTES("foo"), &slot, &node));
    CHECK(slot == 12182 && node == owner(12182));
    OK(sch_cluster_redirected(cluster, now, BYTES("-MOVED 12182 a:1\r\n"), TEXT("b"), 2, &to));
    CHECK(!to.is_ask && to.node == owner(12182));
    CHECK(sch_cluster_moved(cluster, now, 16384, TEXT("a"), 1, &node) == SCH_ERR_CONFIG);
    OK(sch_cluster_moved(cluster, now, 5, TEXT("a"), 1, &node));
    CHECK(node == to.node && owner(5) == node);
    expect(SCH_CLUSTER_DIAL_NODE);
    action = expect(SCH_CLUSTER_MOVE_SUBSCRIPTIONS);
    CHECK(action.node == node && action.old_node == owner(16383) && action.ranges_len == 1);
    CHECK(ranges[0].first == 12182 && ranges[0].last == 12182);
    OK(sch_cluster_unsubscribe(cluster, BYTES("foo")));
    CHECK(sch_cluster_unsubscribe(cluster, BYTES("foo")) == SCH_EMPTY);

    uint64_t seq;
    OK(sch_cluster_reload_started(cluster, now, &has, &seq));
    CHECK(has && seq == 8);
    OK(sch_cluster_map_address(cluster, TEXT("a:1"), TEXT("nat:30001")));
    CHECK(sch_cluster_map_address(cluster, TEXT("a b"), TEXT("c")) == SCH_ERR_CONFIG);
    OK(load(has, seq));
    action = expect(SCH_CLUSTER_DIAL_NODE);
    CHECK(!strcmp(action.host, "nat") && action.port == 30001 && action.node == owner(0));
    action = expect(SCH_CLUSTER_DRAIN_NODE);
    CHECK(!strcmp(action.host, "a"));
    expect_none();
    OK(sch_cluster_reload_asked(cluster, now, true, 8));
    OK(sch_cluster_next_deadline(cluster, &has, &seq));
    CHECK(has);

    sch_cluster_counts counts;
    memset(&counts, 0, sizeof counts);
    counts.struct_size = sizeof counts;
    OK(sch_cluster_counters(cluster, &counts));
    CHECK(counts.smigrated == 5 && counts.duplicate == 2 && counts.old == 1 && counts.moved == 2 && counts.asked == 1);
    CHECK(counts.loads == 3 && counts.loads_refused == 2 && counts.reloads == 3 && counts.reloads_failed == 1);
}

static void *look_up(void *unused) {
    (void)unused;
    for (int i = 0; i < 2000; i++) {
        sch_node node;
        uint64_t found;
        node.struct_size = sizeof node;
        OK(sch_cluster_owner(cluster, (uint16_t)i, &found));
        OK(sch_cluster_node(cluster, found, &node));
        CHECK(strlen(node.host) == node.host_len);
    }
    return NULL;
}

static void limits_and_settings(void) {
    sch_config *config;
    sch_cluster *small;
    OK(sch_config_new(&config));
    OK(sch_config_set_limit(config, SCH_LIMIT_MAX_CLUSTER_NODES, 2));
    CHECK(sch_config_set_limit(config, 1000, 2) == SCH_ERR_ARGUMENT);
    CHECK(sch_config_set_cluster_time_ms(config, 1000, 2) == SCH_ERR_ARGUMENT);
    OK(sch_config_set_cluster_time_ms(config, SCH_CLUSTER_TIME_RELOAD_TIMEOUT, 0));
    const char *text;
    size_t len;
    OK(sch_config_problem(config, &text, &len));
    CHECK(strstr(text, "reload_timeout") && strlen(text) == len);
    CHECK(sch_cluster_new(SCH_ABI_VERSION, config, &small) == SCH_ERR_CONFIG);
    OK(sch_config_set_cluster_time_ms(config, SCH_CLUSTER_TIME_RELOAD_TIMEOUT, 500));
    CHECK(sch_cluster_new(SCH_ABI_VERSION + 1, config, &small) == SCH_ERR_ABI);
    OK(sch_cluster_new(SCH_ABI_VERSION, config, &small));
    OK(sch_config_free(config));
    CHECK(sch_cluster_load_slots(small, now, BYTES(map), TEXT("b"), 7, false, 0) == SCH_ERR_LIMIT);
    char error[100];
    OK(sch_cluster_last_error(small, error, sizeof error, &len));
    CHECK(strstr(error, "max_nodes") && strlen(error) == len);
    OK(sch_cluster_free(small));
}

int main(void) {
    OK(sch_cluster_new(SCH_ABI_VERSION, NULL, &cluster));
    loading();
    raw_smigrated();
    from_a_connection();
    redirections();
    limits_and_settings();
    logging();

    pthread_t threads[2];
    for (int i = 0; i < 2; i++) CHECK(!pthread_create(&threads[i], NULL, look_up, NULL));
    for (int i = 0; i < 20; i++) {
        uint64_t node;
        OK(load(false, 0)); /* tells a line */
        OK(sch_cluster_moved(cluster, now, (uint16_t)i, TEXT("b"), 2, &node));
    }
    for (int i = 0; i < 2; i++) CHECK(!pthread_join(threads[i], NULL));
    CHECK(lines[SCH_LOG_INFO] >= 21);
    OK(sch_cluster_set_log(cluster, SCH_LOG_DEBUG, NULL, NULL));
    OK(sch_cluster_free(cluster));
    OK(sch_cluster_free(NULL));
    puts("ok");
    return 0;
}
