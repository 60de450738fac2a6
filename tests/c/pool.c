/* Two threads with a connection each, one pool: what one reads wakes the other, which acts on it. What the pool does it logs. */
#include "sch.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define MUST(call) do { sch_status got = (call); \
    if (got != SCH_OK) { fprintf(stderr, "%s: %d\n", #call, (int)got); return 0; } } while (0)

static const char moving[] = ">4\r\n+MOVING\r\n:7\r\n:15\r\n$6\r\nb:6379\r\n";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t signal_ = PTHREAD_COND_INITIALIZER;
static int woken, joined;
static sch_pool *pool;

static void wake(void *user_data) {
    pthread_mutex_lock(&lock);
    *(int *)user_data += 1;
    pthread_cond_broadcast(&signal_);
    pthread_mutex_unlock(&lock);
}

/* Called by both threads, never twice at once: no lock. */
static int joins, leaves, grants, wrong;

static void on_log(int32_t level, const char *text, size_t len, void *user_data) {
    sch_pool_counts counts = { .struct_size = sizeof counts };
    joins += !strncmp(text, "event=joined ", 13);
    leaves += !strncmp(text, "event=left ", 11);
    grants += !strncmp(text, "event=grant ", 12);
    /* The pool may be used from here; it is neither freed nor told elsewhere. */
    wrong += level < SCH_LOG_ERROR || level > SCH_LOG_DEBUG || strlen(text) != len || len >= SCH_LINE_SIZE ||
             sch_pool_counters(user_data, &counts) != SCH_OK || sch_pool_free(user_data) != SCH_ERR_BUSY ||
             sch_pool_set_log(user_data, SCH_LOG_NONE, NULL, NULL) != SCH_ERR_BUSY;
}

static void wait_for(int *what, int count) {
    pthread_mutex_lock(&lock);
    while (*what < count) pthread_cond_wait(&signal_, &lock);
    pthread_mutex_unlock(&lock);
}

static int has(sch_conn *conn, int32_t kind) {
    int found = 0;
    sch_action action = { .struct_size = sizeof action };
    while (sch_conn_poll_action(conn, &action) == SCH_OK) found |= action.kind == kind;
    return found;
}

static sch_conn *connection(uint32_t waiter) {
    sch_config *config;
    sch_conn *conn;
    sch_dial dial = { .struct_size = sizeof dial };
    sch_place place;
    size_t count;
    uint64_t retry;
    MUST(sch_config_new(&config));
    MUST(sch_config_set_level_in(config, SCH_LEVEL_NOTIFIED));
    MUST(sch_config_set_level_out(config, SCH_LEVEL_NOTIFIED));
    MUST(sch_conn_new(SCH_ABI_VERSION, config, &conn));
    MUST(sch_config_free(config));
    MUST(sch_conn_join(conn, 1, pool, SCH_UNOWNED_RETIRE, 42, NULL, 0));
    MUST(sch_conn_take(conn, 1, waiter));
    MUST(sch_pool_where_to_dial(pool, 1, &place, 1, &count, &retry));
    MUST(sch_conn_dial_to(conn, 1, place.host, place.host_len, place.port, &dial));
    MUST(sch_conn_connected(conn, 1, dial.transport, "10.0.0.1:6379", 13));
    MUST(sch_pool_dial_result(pool, 1, place.host, place.host_len, place.port, true));
    MUST(sch_conn_ready(conn, 1, dial.transport));
    if (!has(conn, SCH_ACTION_SEND_OPTIN)) return 0;
    MUST(sch_conn_optin_reply(conn, 1, dial.transport, (const uint8_t *)"+OK\r\n", 5));
    wake(&joined);
    return conn;
}

static void *reader(void *unused) {
    bool swallowed = false;
    sch_conn *conn = connection(0);
    (void)unused;
    if (!conn) return 0;
    wait_for(&joined, 2);
    MUST(sch_conn_push(conn, 2, 1, (const uint8_t *)moving, sizeof moving - 1, &swallowed));
    MUST(sch_conn_free(conn));
    return swallowed ? pool : 0;
}

static void *other(void *unused) {
    uint32_t waiter;
    bool mail = false;
    sch_conn *conn;
    (void)unused;
    MUST(sch_pool_add_waiter(pool, wake, &woken, &waiter));
    if (!(conn = connection(waiter))) return 0;
    wait_for(&woken, 1);
    MUST(sch_conn_has_mail(conn, &mail));
    MUST(sch_conn_tick(conn, 3));
    if (!mail || !has(conn, SCH_ACTION_RELAX)) return 0;
    MUST(sch_pool_tick(pool, 300000000)); /* its turn has come */
    MUST(sch_conn_tick(conn, 300000001));
    if (!has(conn, SCH_ACTION_OPEN)) return 0;
    while (sch_pool_remove_waiter(pool, waiter) == SCH_ERR_BUSY) continue;
    MUST(sch_conn_free(conn));
    return pool;
}

int main(void) {
    pthread_t threads[2];
    void *good[2];
    sch_pool_event event = { .struct_size = sizeof event };
    sch_pool_counts counts = { .struct_size = sizeof counts };
    if (sch_pool_new(SCH_ABI_VERSION, NULL, &pool) != SCH_OK) return 1;
    if (sch_pool_set_log(pool, SCH_LOG_DEBUG, on_log, pool) != SCH_OK) return 1;
    if (pthread_create(&threads[0], NULL, reader, NULL) || pthread_create(&threads[1], NULL, other, NULL)) return 1;
    pthread_join(threads[0], &good[0]);
    pthread_join(threads[1], &good[1]);
    if (!good[0] || !good[1]) return 1;
    if (sch_pool_poll_event(pool, &event) != SCH_OK || event.kind != SCH_EVENT_MAINTENANCE) return 1;
    if (event.notification != SCH_NOTIFICATION_MOVING || event.seq != 7 || event.user != 42) return 1;
    if (sch_pool_counters(pool, &counts) != SCH_OK || counts.members != 0 || counts.notifications_told != 1) return 1;
    /* The reader left, and with it maybe a grant. */
    if (joins != 2 || leaves != 2 || grants < 1 || wrong) return 1;
    if (sch_pool_set_log(pool, SCH_LOG_DEBUG, NULL, NULL) != SCH_OK) return 1;
    if (sch_pool_tick(pool, UINT64_C(99000000000)) != SCH_OK || joins + leaves != 4) return 1;
    if (sch_pool_free(pool) != SCH_OK) return 1;
    puts("ok");
    return 0;
}
