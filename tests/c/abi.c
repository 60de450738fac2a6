/* A level 3 story with bytes made by hand: one connection, one MOVING, one swap. Virtual time, no sockets. */
#include "sch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(what)                                                                  \
    do {                                                                             \
        if (!(what)) {                                                               \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);               \
            explain();                                                               \
            exit(1);                                                                 \
        }                                                                            \
    } while (0)
#define OK(call) CHECK((call) == SCH_OK)

static sch_conn *conn;
static uint64_t now = 1000000000;
static char parsed[4096]; /* what the host's parser has been given */
static size_t parsed_len;
static unsigned log_lines;

static void explain(void) {
    const char *text;
    size_t len;
    if (conn && sch_conn_last_error(conn, &text, &len) == SCH_OK) {
        fprintf(stderr, "last error: %.*s\n", (int)len, text);
    }
    while (conn && sch_conn_poll_trace(conn, &text, &len) == SCH_OK) {
        fprintf(stderr, "%s\n", text);
    }
}

static void on_log(int32_t level, const char *text, size_t len, void *user_data) {
    bool active;
    CHECK(user_data == &log_lines);
    CHECK(level >= SCH_LOG_ERROR && level <= SCH_LOG_DEBUG);
    CHECK(strlen(text) == len);
    CHECK(sch_conn_is_active(conn, &active) == SCH_ERR_BUSY);
    CHECK(sch_conn_tick(conn, now) == SCH_ERR_BUSY);
    CHECK(sch_conn_free(conn) == SCH_ERR_BUSY);
    log_lines++;
}

/* The next action, which must be of this kind. */
static sch_action expect(int32_t kind) {
    sch_action action;
    memset(&action, 0, sizeof action);
    action.struct_size = sizeof action;
    OK(sch_conn_poll_action(conn, &action));
    if (action.kind != kind) {
        fprintf(stderr, "action %d, not %d\n", (int)action.kind, (int)kind);
    }
    CHECK(action.kind == kind);
    CHECK(action.struct_size == sizeof action);
    return action;
}

static void expect_none(void) {
    sch_action action;
    memset(&action, 0x5a, sizeof action);
    action.struct_size = sizeof action;
    sch_status status = sch_conn_poll_action(conn, &action);
    if (status == SCH_OK) {
        fprintf(stderr, "action %d, not none\n", (int)action.kind);
    }
    CHECK(status == SCH_EMPTY);
    CHECK(action.kind == 0x5a5a5a5a);
}

static void receive(uint64_t transport, const char *bytes) {
    size_t len = strlen(bytes), at = 0;
    while (at < len) {
        sch_span spans[4];
        size_t consumed, count;
        now += 1000;
        OK(sch_conn_receive(conn, now, transport, (const uint8_t *)bytes + at, len - at, spans, 4, &consumed, &count));
        CHECK(consumed > 0 && count <= 4);
        for (size_t i = 0; i < count; i++) {
            CHECK(parsed_len + spans[i].len < sizeof parsed);
            memcpy(parsed + parsed_len, spans[i].data, spans[i].len);
            parsed_len += spans[i].len;
        }
        at += consumed;
    }
    parsed[parsed_len] = 0;
}

static void submit(const char *bytes, uint64_t transport, size_t write_now, size_t held) {
    sch_submitted submitted;
    memset(&submitted, 0, sizeof submitted);
    submitted.struct_size = sizeof submitted;
    OK(sch_conn_submit(conn, now, (const uint8_t *)bytes, strlen(bytes), &submitted));
    if (submitted.transport != transport || submitted.write_now != write_now || submitted.held != held) {
        fprintf(stderr, "transport %u, write_now %u, held %u\n", (unsigned)submitted.transport,
                (unsigned)submitted.write_now, (unsigned)submitted.held);
    }
    CHECK(submitted.transport == transport);
    CHECK(submitted.write_now == write_now);
    CHECK(submitted.held == held);
}

/* Writes the whole region, which must hold this. */
static void write_region(uint64_t transport, const char *part) {
    const uint8_t *data;
    size_t len;
    char text[1024];
    OK(sch_conn_region(conn, transport, &data, &len));
    CHECK(len > 0 && len < sizeof text);
    memcpy(text, data, len);
    text[len] = 0;
    CHECK(strstr(text, part));
    CHECK(sch_conn_wrote(conn, now, transport, len + 1) == SCH_ERR_WROTE_TOO_MUCH);
    OK(sch_conn_wrote(conn, now, transport, 1));
    OK(sch_conn_wrote(conn, now, transport, len - 1));
    OK(sch_conn_region(conn, transport, &data, &len));
    CHECK(len == 0);
}

#define HELLO "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"
#define HELLO_REPLY "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n"
#define GET "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
#define MOVING ">4\r\n$6\r\nMOVING\r\n:7\r\n:15\r\n$13\r\n10.0.0.2:6380\r\n"

static void story(void) {
    sch_config *config;
    sch_dial dial;
    sch_action a;
    int32_t phase;
    bool flag, infinite;
    uint64_t number, ms;

    OK(sch_config_new(&config));
    OK(sch_config_set_host(config, "10.0.0.1", 8));
    OK(sch_config_set_port(config, 6379));
    OK(sch_config_set_trace(config, true));
    OK(sch_config_set_relaxed_timeout_ms(config, 10000));
    OK(sch_conn_new(SCH_ABI_VERSION, config, &conn));
    OK(sch_config_free(config));
    OK(sch_conn_set_log(conn, SCH_LOG_DEBUG, on_log, &log_lines));

    memset(&dial, 0, sizeof dial);
    dial.struct_size = sizeof dial;
    OK(sch_conn_dial(conn, now, 0, &dial));
    CHECK(dial.transport == 1 && dial.port == 6379 && !dial.has_tls && !strcmp(dial.host, "10.0.0.1"));
    CHECK(sch_conn_dial(conn, now, 1, &dial) == SCH_EMPTY);
    CHECK(sch_conn_current(conn, &number) == SCH_EMPTY);
    OK(sch_conn_connected(conn, now, 1, "10.0.0.1:6379", 13));
    OK(sch_conn_current(conn, &number));
    CHECK(number == 1);

    /* The host's handshake is seen; the opt-in follows it. */
    submit(HELLO, 1, sizeof HELLO - 1, 0);
    expect_none();
    receive(1, HELLO_REPLY);
    CHECK(!strcmp(parsed, HELLO_REPLY));
    a = expect(SCH_ACTION_WRITE);
    CHECK(a.transport == 1);
    expect_none();
    submit(GET, 0, 0, sizeof GET - 1); /* behind the opt-in, which is not yet written */
    a = expect(SCH_ACTION_FLUSH);
    CHECK(a.transport == 1 && a.first == 2 && a.count == 1);
    write_region(1, "MAINT_NOTIFICATIONS");
    parsed_len = 0;
    receive(1, "+OK\r\n$1\r\nv\r\n");
    CHECK(!strcmp(parsed, "$1\r\nv\r\n"));
    submit(GET, 1, sizeof GET - 1, 0);
    receive(1, "$1\r\nv\r\n");
    parsed_len = 0;
    OK(sch_conn_is_active(conn, &flag));
    CHECK(flag);
    OK(sch_conn_phase(conn, &phase));
    CHECK(phase == SCH_PHASE_SERVING);

    /* MOVING: swallowed; timeouts relax, a candidate is asked for. */
    receive(1, MOVING);
    CHECK(parsed_len == 0);
    a = expect(SCH_ACTION_RELAX);
    CHECK(a.reason == SCH_WINDOW_MOVING && a.timeout_ms == 10000);
    a = expect(SCH_ACTION_OPEN);
    CHECK(a.transport == 2 && a.port == 6380 && a.host_len == 8 && !strcmp(a.host, "10.0.0.2"));
    CHECK(!a.has_tls && !a.tls_server_name && a.attempt == 1 && a.deadline_ns > now);
    expect_none();
    OK(sch_conn_effective_timeout_ms(conn, 500, false, &ms, &infinite));
    CHECK(ms == 10000 && !infinite);
    OK(sch_conn_next_deadline(conn, &flag, &number));
    CHECK(flag && number > now);

    /* The session is rebuilt there, by libsch. */
    OK(sch_conn_connected(conn, now, 2, "10.0.0.2:6380", 13));
    a = expect(SCH_ACTION_WRITE);
    CHECK(a.transport == 2);
    write_region(2, "HELLO");
    receive(2, HELLO_REPLY "+OK\r\n");
    CHECK(parsed_len == 0);
    {
        sch_wait waits[3];
        size_t count;
        OK(sch_conn_wait_on(conn, waits, 1, &count));
        CHECK(count == 2 && waits[0].transport == 1);
    }

    /* Nothing is in flight: the swap. What is submitted meanwhile is held. */
    a = expect(SCH_ACTION_SWAP);
    CHECK(a.transport == 2 && a.old_transport == 1 && !a.flush_tracking);
    expect_none();
    submit(GET, 0, 0, sizeof GET - 1);
    now += 1000;
    OK(sch_conn_swapped(conn, now));
    CHECK(sch_conn_swapped(conn, now) == SCH_ERR_UNEXPECTED);
    for (int kinds = 0; kinds != 7;) {
        memset(&a, 0, sizeof a);
        a.struct_size = sizeof a;
        OK(sch_conn_poll_action(conn, &a));
        if (a.kind == SCH_ACTION_CLOSE) {
            CHECK(a.transport == 1 && a.reason == SCH_CLOSE_SWAPPED);
            kinds |= 1;
        } else if (a.kind == SCH_ACTION_FLUSH) {
            CHECK(a.transport == 2 && a.first == 4 && a.count == 1);
            kinds |= 2;
        } else {
            CHECK(a.kind == SCH_ACTION_HANDOFF_FINISHED);
            CHECK(a.outcome == SCH_OUTCOME_SWAPPED && a.has_seq && a.seq == 7 && a.attempt == 1 && a.held == 1);
            kinds |= 4;
        }
    }
    expect_none();
    write_region(2, "GET");
    receive(2, "$1\r\nw\r\n");
    CHECK(!strcmp(parsed, "$1\r\nw\r\n"));
    CHECK(sch_conn_connected(conn, now, 1, NULL, 0) == SCH_ERR_UNKNOWN_TRANSPORT);

    /* All windows end in time. */
    now += 60000000000;
    OK(sch_conn_tick(conn, now));
    a = expect(SCH_ACTION_RESTORE);
    CHECK(a.reason == SCH_RESTORE_EXPIRED);
    expect_none();

    /* Slots. */
    parsed_len = 0;
    receive(2, ">3\r\n$9\r\nSMIGRATED\r\n:8\r\n*1\r\n*3\r\n$10\r\n10.0.0.2:1\r\n$10\r\n10.0.0.3:2\r\n$8\r\n1-5,9,11\r\n");
    CHECK(parsed_len == 0);
    a = expect(SCH_ACTION_SLOTS_MOVED);
    CHECK(a.seq == 8 && a.count == 1);
    {
        sch_slot_move m;
        memset(&m, 0, sizeof m);
        m.struct_size = sizeof m;
        CHECK(sch_conn_slot_move(conn, 1, &m) == SCH_EMPTY);
        OK(sch_conn_slot_move(conn, 0, &m));
        CHECK(m.has_source && m.source_port == 1 && !strcmp(m.source_host, "10.0.0.2"));
        CHECK(m.destination_port == 2 && !strcmp(m.destination_host, "10.0.0.3"));
        CHECK(m.ranges_len == 3 && m.ranges[0].first == 1 && m.ranges[0].last == 5 && m.ranges[2].last == 11);
    }

    {
        sch_counters counters;
        counters.struct_size = sizeof counters;
        OK(sch_conn_counters(conn, &counters));
        CHECK(counters.notifications_moving == 1 && counters.handoffs_swapped == 1 && counters.commands == 4);
    }
    {
        const char *line;
        size_t len;
        unsigned lines = 0;
        while (sch_conn_poll_trace(conn, &line, &len) == SCH_OK) {
            CHECK(strlen(line) == len);
            lines++;
        }
        CHECK(lines > 10);
    }
    CHECK(log_lines > 0);
    OK(sch_conn_close(conn, now));
    CHECK(sch_conn_tick(conn, now) == SCH_ERR_CLOSED);
    OK(sch_conn_free(conn));
    conn = NULL;
    OK(sch_conn_free(NULL));
    OK(sch_config_free(NULL));
}

int main(void) {
    CHECK(sch_abi_version() == SCH_ABI_VERSION);
    CHECK(!strcmp(sch_status_str(SCH_OK), "done"));
    CHECK(strlen(sch_version_string()) > 0);
    story();
    puts("ok");
    return 0;
}
