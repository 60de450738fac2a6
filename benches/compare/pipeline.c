/* A pipelined C client on loopback, with and without libsch (level 3), its replies read by the reader of hiredis; and the
 * memory of an idle connection of libsch. Prints `name value unit goal`, separated by tabs.
 *
 *   pipeline pairs PORT PAIRS COMMANDS    throughput, the two clients in turns
 *   pipeline plain|sch PORT COMMANDS      one client, for an instruction counter
 *   pipeline memory
 */
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <read.h>
#include <sch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEPTH 100 /* commands that are written at once */
#define CONNECTIONS 1000
#define GOAL_PERCENT "97"
#define GOAL_BYTES "1024"

#define MUST(what) do { if (!(what)) { fprintf(stderr, "line %d: %s failed\n", __LINE__, #what); exit(1); } } while (0)

static const char HELLO[] = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";

struct client {
    int fd;
    redisReader *reader;
    sch_conn *sch; /* NULL: without libsch */
    uint64_t transport;
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void send_all(int fd, const char *data, size_t len) {
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        MUST(n > 0);
        data += n;
        len -= (size_t)n;
    }
}

static void actions(struct client *c) {
    sch_action a;
    memset(&a, 0, sizeof a);
    a.struct_size = sizeof a;
    while (sch_conn_poll_action(c->sch, &a) == SCH_OK) MUST(a.kind != SCH_ACTION_CLOSE && a.kind != SCH_ACTION_LOST);
}

/* libsch's own bytes, if any. */
static void write_region(struct client *c) {
    const uint8_t *region;
    size_t len;
    MUST(sch_conn_region(c->sch, c->transport, &region, &len) == SCH_OK);
    if (len == 0) return;
    if (c->fd >= 0) send_all(c->fd, (const char *)region, len);
    MUST(sch_conn_wrote(c->sch, now_ns(), c->transport, len) == SCH_OK);
}

static void submit(struct client *c, const char *data, size_t len) {
    sch_submitted s;
    if (!c->sch) {
        send_all(c->fd, data, len);
        return;
    }
    memset(&s, 0, sizeof s);
    s.struct_size = sizeof s;
    MUST(sch_conn_submit(c->sch, now_ns(), (const uint8_t *)data, len, &s) == SCH_OK);
    MUST(s.write_now + s.held == len);
    if (c->fd >= 0) send_all(c->fd, data, s.write_now);
    write_region(c);
    actions(c);
}

static void feed(struct client *c, const uint8_t *data, size_t len) {
    if (c->reader) MUST(redisReaderFeed(c->reader, (const char *)data, len) == REDIS_OK);
}

static void received(struct client *c, const uint8_t *data, size_t len) {
    sch_span spans[16];
    size_t at = 0, consumed, count, i;
    if (!c->sch) {
        feed(c, data, len);
        return;
    }
    while (at < len) {
        MUST(sch_conn_receive(c->sch, now_ns(), c->transport, data + at, len - at, spans, 16, &consumed, &count) == SCH_OK);
        for (i = 0; i < count; i++) feed(c, spans[i].data, spans[i].len);
        at += consumed;
        actions(c);
    }
    write_region(c);
}

static void await(struct client *c, size_t replies) {
    static uint8_t buffer[16384];
    while (replies > 0) {
        struct pollfd p = {c->fd, POLLIN, 0};
        int timeout = 10000;
        void *reply;
        ssize_t n;
        if (c->sch) {
            bool has = false;
            uint64_t wake = 0, now = now_ns();
            MUST(sch_conn_next_deadline(c->sch, &has, &wake) == SCH_OK);
            if (has) timeout = wake > now ? (int)((wake - now + 999999) / 1000000) : 0;
        }
        if (poll(&p, 1, timeout) > 0) {
            n = recv(c->fd, buffer, sizeof buffer, 0);
            MUST(n > 0);
            received(c, buffer, (size_t)n);
        }
        if (c->sch) {
            MUST(sch_conn_tick(c->sch, now_ns()) == SCH_OK);
            actions(c);
        }
        for (;;) {
            MUST(redisReaderGetReply(c->reader, &reply) == REDIS_OK);
            if (!reply) break;
            MUST(replies > 0);
            replies--;
        }
    }
}

/* One for all connections, as a driver has it. */
static sch_config *settings(void) {
    sch_config *config = NULL;
    MUST(sch_config_new(&config) == SCH_OK);
    sch_config_set_host(config, "127.0.0.1", 9);
    sch_config_set_port(config, 6379);
    return config;
}

static sch_conn *managed(const sch_config *config, uint64_t *transport) {
    sch_conn *conn = NULL;
    sch_dial d;
    MUST(sch_conn_new(SCH_ABI_VERSION, config, &conn) == SCH_OK);
    memset(&d, 0, sizeof d);
    d.struct_size = sizeof d;
    MUST(sch_conn_dial(conn, now_ns(), 0, &d) == SCH_OK);
    MUST(sch_conn_connected(conn, now_ns(), d.transport, "127.0.0.1:6379", 14) == SCH_OK);
    *transport = d.transport;
    return conn;
}

static struct client connect_to(int port, bool with) {
    struct client c = {-1, redisReaderCreateWithFunctions(NULL), NULL, 0};
    struct sockaddr_in to;
    int one = 1;
    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    to.sin_port = htons((uint16_t)port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c.fd = socket(AF_INET, SOCK_STREAM, 0);
    MUST(connect(c.fd, (struct sockaddr *)&to, sizeof to) == 0);
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (with) {
        sch_config *config = settings();
        c.sch = managed(config, &c.transport);
        sch_config_free(config);
        actions(&c);
    }
    submit(&c, HELLO, sizeof HELLO - 1);
    await(&c, 1);
    return c;
}

/* SET and GET of 100 bytes in turns. */
static size_t batch(char *out) {
    char value[101];
    size_t len = 0, i;
    memset(value, 'x', 100);
    value[100] = 0;
    for (i = 0; i < DEPTH; i++) {
        if (i % 2 == 0) len += (size_t)sprintf(out + len, "*3\r\n$3\r\nSET\r\n$5\r\nk%04zu\r\n$100\r\n%s\r\n", i / 2, value);
        else len += (size_t)sprintf(out + len, "*2\r\n$3\r\nGET\r\n$5\r\nk%04zu\r\n", i / 2);
    }
    return len;
}

/* Commands a second. */
static double run(struct client *c, size_t commands) {
    static char bytes[DEPTH * 200];
    size_t len = batch(bytes), done;
    uint64_t began = now_ns();
    for (done = 0; done < commands; done += DEPTH) {
        submit(c, bytes, len);
        await(c, DEPTH);
    }
    return (double)done * 1e9 / (double)(now_ns() - began);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void pairs(int port, size_t count, size_t commands) {
    struct client plain = connect_to(port, false), with = connect_to(port, true);
    double ratios[101], bare[101];
    size_t i;
    MUST(count <= 101);
    run(&plain, commands / 4);
    run(&with, commands / 4);
    for (i = 0; i < count; i++) { /* who is first alternates too */
        double first = run(i % 2 ? &with : &plain, commands), second = run(i % 2 ? &plain : &with, commands);
        bare[i] = i % 2 ? second : first;
        ratios[i] = 100 * (i % 2 ? first / second : second / first);
    }
    qsort(ratios, count, sizeof *ratios, by_size);
    qsort(bare, count, sizeof *bare, by_size);
    printf("pipelined C client, without libsch\t%.0f\tcommands/s\t-\n", bare[count / 2]);
    printf("pipelined C client, throughput kept with libsch\t%.1f\t%%\t%s\n", ratios[count / 2], GOAL_PERCENT);
}

/* Opted in, nothing owed. */
static void memory(void) {
    static struct client all[CONNECTIONS];
    static const char map[] = "%1\r\n$5\r\nproto\r\n:3\r\n", get[] = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    static const char replies[] = "+OK\r\n$5\r\nhello\r\n";
    struct mallinfo2 before, after;
    sch_config *config = settings();
    size_t i;
    for (i = 0; i < CONNECTIONS; i++) all[i].fd = -1;
    before = mallinfo2();
    for (i = 0; i < CONNECTIONS; i++) {
        struct client *c = &all[i];
        bool active = false;
        c->sch = managed(config, &c->transport);
        actions(c);
        submit(c, HELLO, sizeof HELLO - 1);
        received(c, (const uint8_t *)map, sizeof map - 1);
        submit(c, get, sizeof get - 1);
        received(c, (const uint8_t *)replies, sizeof replies - 1);
        MUST(sch_conn_is_active(c->sch, &active) == SCH_OK && active);
        /* Idle is: no command between two ticks. */
        MUST(sch_conn_tick(c->sch, now_ns()) == SCH_OK && sch_conn_tick(c->sch, now_ns()) == SCH_OK);
        actions(c);
    }
    after = mallinfo2();
    sch_config_free(config);
    printf("memory of an idle connection\t%zu\tbytes\t%s\n", (after.uordblks - before.uordblks) / CONNECTIONS, GOAL_BYTES);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "memory") == 0) {
        memory();
    } else if (argc == 5 && strcmp(argv[1], "pairs") == 0) {
        pairs(atoi(argv[2]), (size_t)atol(argv[3]), (size_t)atol(argv[4]));
    } else if (argc == 4) {
        struct client c = connect_to(atoi(argv[2]), strcmp(argv[1], "sch") == 0);
        run(&c, (size_t)atol(argv[3]));
    } else {
        return 2;
    }
    return 0;
}
