/* Levels 2 (tapped) and 1 (notified) with plain sockets, and each direction with the level of the other: the driver writes and
 * counts for itself, one command at a time.
 *
 * In tapped gives every received byte to libsch and parses what comes back. In notified parses first, and hands over pushes.
 * Out tapped says what each write is owed, out notified what is owed now. At all of them the driver answers HOLD by not writing,
 * makes the handshake of a candidate, and moves over at SWAP. */
#include "driver.h"
#include "support.h"

#include <errno.h>
#include <poll.h>
#include <sch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct link { /* one socket with its parser */
    uint64_t id;
    int fd;
    struct parser parser;
    int optin_replies; /* in notified: replies of SEND_OPTIN still to come */
    bool greeted;      /* HELLO has been answered */
};

struct client {
    int in, out; /* 1 notified, 2 tapped */
    sch_conn *sch;
    struct link links[3];
    uint64_t current;
    bool holding, lost;
    struct stats stats;
};

static struct link *find(struct client *c, uint64_t id) {
    size_t i;
    for (i = 0; i < 3; i++)
        if (c->links[i].id == id) return &c->links[i];
    return NULL;
}

static void drop(struct client *c, uint64_t id) {
    struct link *l = id ? find(c, id) : NULL;
    if (!l) return;
    close(l->fd);
    parser_free(&l->parser);
    memset(l, 0, sizeof *l);
    if (c->current == id) c->current = 0;
}

static void closed(struct client *c, struct link *l) {
    uint64_t id = l->id;
    if (id == c->current) c->lost = true;
    sch_conn_closed(c->sch, now_ns(), id, NULL, 0);
    drop(c, id);
}

/* Small writes on an idle socket: all or nothing is good enough for an example. */
static bool put(struct client *c, struct link *l, const void *data, size_t len, uint64_t replies) {
    if (send(l->fd, data, len, MSG_NOSIGNAL) != (ssize_t)len) {
        closed(c, l);
        return false;
    }
    if (c->out == 2 && replies) sch_conn_owe_on(c->sch, now_ns(), l->id, replies);
    if (c->out == 1 && replies && l->id == c->current) sch_conn_in_flight(c->sch, now_ns(), replies);
    return true;
}

static void greet(struct client *c, struct link *l) {
    static const char hello[] = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
    put(c, l, hello, sizeof hello - 1, 1);
}

static void actions(struct client *c) {
    sch_action a;
    struct link *l;
    memset(&a, 0, sizeof a);
    a.struct_size = sizeof a;
    while (sch_conn_poll_action(c->sch, &a) == SCH_OK) {
        switch (a.kind) {
        case SCH_ACTION_OPEN:
            l = find(c, 0);
            l->fd = connect_start(a.host, a.host_len, a.port);
            if (l->fd >= 0) l->id = a.transport;
            else sch_conn_connect_failed(c->sch, now_ns(), a.transport);
            break;
        case SCH_ACTION_SEND_OPTIN:
            if (!(l = find(c, a.transport))) break;
            if (c->in == 1) l->optin_replies = (int)a.replies;
            put(c, l, a.data, a.data_len, 0);
            break;
        case SCH_ACTION_HOLD: /* nothing is written while a command waits: the drain begins */
            c->holding = true;
            sch_conn_held(c->sch, now_ns());
            break;
        case SCH_ACTION_RELEASE: c->holding = false; break;
        case SCH_ACTION_SWAP:
            c->current = a.transport;
            sch_conn_swapped(c->sch, now_ns());
            break;
        case SCH_ACTION_CLOSE: drop(c, a.transport); break;
        case SCH_ACTION_LOST:
            c->lost = true;
            sch_conn_losses_settled(c->sch, now_ns());
            break;
        case SCH_ACTION_RELAX: c->stats.relaxed++; break;
        case SCH_ACTION_RESTORE: c->stats.restored++; break;
        case SCH_ACTION_HANDOFF_FINISHED:
            c->holding = false;
            if (a.outcome == SCH_OUTCOME_SWAPPED) c->stats.handoffs++;
            if (a.outcome == SCH_OUTCOME_FAILED) c->stats.handoffs_failed++;
            if ((double)a.duration_ns / 1e6 > c->stats.duration_ms) c->stats.duration_ms = (double)a.duration_ns / 1e6;
            if ((double)a.pause_ns / 1e6 > c->stats.pause_ms) c->stats.pause_ms = (double)a.pause_ns / 1e6;
            break;
        default: break;
        }
    }
}

/* A reply on `l`. True if it is one for the command that waits. */
static bool reply(struct client *c, struct link *l, enum reply_kind kind, const char *raw, size_t len) {
    bool swallowed;
    uint64_t id = l->id;
    if (kind == REPLY_PUSH) {
        if (c->in == 1) sch_conn_push(c->sch, now_ns(), id, (const uint8_t *)raw, len, &swallowed);
    } else if (!l->greeted) {
        l->greeted = kind != REPLY_ERROR;
        if (id == c->current && c->in == 1) sch_conn_in_flight(c->sch, now_ns(), 0);
        if (l->greeted) sch_conn_ready(c->sch, now_ns(), id);
        else closed(c, l);
    } else if (l->optin_replies > 0) {
        l->optin_replies--;
        sch_conn_optin_reply(c->sch, now_ns(), id, (const uint8_t *)raw, len);
    } else {
        if (c->in == 1 && id == c->current) sch_conn_in_flight(c->sch, now_ns(), 0);
        return true;
    }
    actions(c);
    return false;
}

/* Takes the replies that are whole. They come before the actions: CLOSE ends the parser they wait in. */
static void replies(struct client *c, uint64_t id, int64_t *integer, enum reply_kind *answer) {
    struct link *l;
    const char *raw;
    size_t len;
    enum reply_kind kind;
    while ((l = find(c, id)) && (kind = parser_take(&l->parser, integer, &raw, &len)) != REPLY_NONE)
        if (reply(c, l, kind, raw, len)) *answer = kind;
}

static void readable(struct client *c, struct link *l, int64_t *integer, enum reply_kind *answer) {
    uint8_t buffer[16384];
    uint64_t id = l->id;
    ssize_t n = recv(l->fd, buffer, sizeof buffer, 0);
    size_t at = 0, consumed, count, i;
    sch_span spans[16];
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        closed(c, l);
        return;
    }
    if (c->in == 1) {
        parser_feed(&l->parser, buffer, (size_t)n);
        replies(c, id, integer, answer);
    }
    while (c->in == 2 && at < (size_t)n && find(c, id)) {
        if (sch_conn_receive(c->sch, now_ns(), id, buffer + at, (size_t)n - at, spans, 16, &consumed, &count) != SCH_OK)
            return;
        for (i = 0; i < count; i++) parser_feed(&l->parser, spans[i].data, spans[i].len);
        at += consumed;
        replies(c, id, integer, answer);
        actions(c);
        if (consumed == 0 && count == 0 && (l = find(c, id))) closed(c, l); /* never go on with a gap */
    }
}

static void connected(struct client *c, struct link *l) {
    char peer[64];
    size_t len = peer_text(l->fd, peer, sizeof peer);
    uint64_t id = l->id;
    if (connect_result(l->fd) == 0) {
        c->stats.opened++;
        sch_conn_connected(c->sch, now_ns(), id, peer, len);
        greet(c, l);
    } else {
        sch_conn_connect_failed(c->sch, now_ns(), id);
        drop(c, id);
    }
}

/* One round of the loop; answers the reply for the command that waits, if it came. */
static enum reply_kind turn(struct client *c, uint64_t until, int64_t *integer) {
    sch_wait waits[4];
    struct pollfd polls[4];
    size_t n = 0, i;
    uint64_t now = now_ns(), wake = 0;
    bool has = false;
    enum reply_kind answer = REPLY_NONE;
    if (sch_conn_next_deadline(c->sch, &has, &wake) == SCH_OK && has && wake < until) until = wake;
    sch_conn_wait_on(c->sch, waits, 4, &n);
    for (i = 0; i < n; i++) {
        struct link *l = find(c, waits[i].transport);
        polls[i].fd = l ? l->fd : -1;
        polls[i].events = waits[i].connecting ? POLLOUT : POLLIN;
        polls[i].revents = 0;
    }
    poll(polls, (nfds_t)n, until > now ? (int)((until - now + 999999) / 1000000) : 0);
    for (i = 0; i < n; i++) {
        struct link *l = find(c, waits[i].transport);
        if (!l || !polls[i].revents) continue;
        if (waits[i].connecting) connected(c, l);
        else readable(c, l, integer, &answer);
        actions(c);
    }
    sch_conn_tick(c->sch, now_ns());
    actions(c);
    return answer;
}

static bool dial(struct client *c, uint64_t until) {
    size_t nth;
    sch_dial d;
    int64_t ignored;
    memset(&d, 0, sizeof d);
    d.struct_size = sizeof d;
    for (nth = 0; sch_conn_dial(c->sch, now_ns(), nth, &d) == SCH_OK; nth++) {
        struct link *l = find(c, 0);
        struct pollfd p = {connect_start(d.host, d.host_len, d.port), POLLOUT, 0};
        uint64_t now = now_ns();
        if (p.fd < 0) {
            sch_conn_connect_failed(c->sch, now_ns(), d.transport);
            continue;
        }
        poll(&p, 1, until > now ? (int)((until - now) / 1000000) : 0);
        l->id = c->current = d.transport;
        l->fd = p.fd;
        connected(c, l);
        actions(c);
        while ((l = find(c, d.transport)) && !l->greeted && now_ns() < until) turn(c, until, &ignored);
        if (l && l->greeted) return true;
    }
    return false;
}

static enum result command(void *client, int argc, const char **argv, int timeout_ms, int64_t *integer) {
    struct client *c = client;
    uint64_t began = now_ns(), until = began + (uint64_t)timeout_ms * 1000000u;
    char bytes[1024];
    size_t len = encode_command(bytes, sizeof bytes, argc, argv);
    turn(c, 0, integer);
    c->lost = false;
    for (;;) { /* a hold, or a current that died while its candidate comes: libsch ends both */
        uint64_t effective = (uint64_t)timeout_ms;
        bool infinite = false;
        int32_t phase = 0;
        sch_conn_phase(c->sch, &phase);
        if (phase == SCH_PHASE_DETACHED && !dial(c, until)) return RESULT_NO_CONNECTION;
        if (c->current && !c->holding) break;
        sch_conn_effective_timeout_ms(c->sch, (uint64_t)timeout_ms, false, &effective, &infinite);
        if (now_ns() > began + effective * 1000000u) return RESULT_NO_CONNECTION;
        turn(c, began + effective * 1000000u, integer);
    }
    c->lost = false;
    if (!put(c, find(c, c->current), bytes, len, 1)) return RESULT_UNKNOWN;
    for (;;) {
        uint64_t effective = (uint64_t)timeout_ms;
        bool infinite = false;
        enum reply_kind kind;
        sch_conn_effective_timeout_ms(c->sch, (uint64_t)timeout_ms, false, &effective, &infinite);
        kind = turn(c, began + effective * 1000000u, integer);
        if (kind != REPLY_NONE) return kind == REPLY_ERROR ? RESULT_ERROR : RESULT_OK;
        if (c->lost) return RESULT_UNKNOWN;
        if (now_ns() >= began + effective * 1000000u) {
            struct link *l = find(c, c->current);
            if (c->current && l) closed(c, l);
            actions(c);
            return RESULT_TIMEOUT;
        }
    }
}

static struct client *client_open(const struct target *target, int in, int out) {
    struct client *c = calloc(1, sizeof *c);
    sch_config *config = NULL;
    sch_config_new(&config);
    sch_config_set_host(config, target->host, strlen(target->host));
    sch_config_set_port(config, (uint16_t)target->port);
    if (target->migration_window_ms) sch_config_set_migration_window_ms(config, (uint64_t)target->migration_window_ms);
    sch_config_set_level_in(config, in);
    sch_config_set_level_out(config, out);
    c->in = in;
    c->out = out;
    sch_conn_new(SCH_ABI_VERSION, config, &c->sch);
    sch_config_free(config);
    return c;
}

static void *tapped_open(const struct target *target) { return client_open(target, 2, 2); }
static void *notified_open(const struct target *target) { return client_open(target, 1, 1); }
static void *in2_out1_open(const struct target *target) { return client_open(target, 2, 1); }
static void *in1_out2_open(const struct target *target) { return client_open(target, 1, 2); }

static void idle(void *client) {
    int64_t ignored;
    turn(client, 0, &ignored);
}

static void stats(void *client, struct stats *out) { *out = ((struct client *)client)->stats; }

static void client_close(void *client) {
    struct client *c = client;
    size_t i;
    sch_conn_close(c->sch, now_ns());
    actions(c);
    for (i = 0; i < 3; i++) drop(c, c->links[i].id);
    sch_conn_free(c->sch);
    free(c);
}

const struct driver driver_tapped = {"tapped", tapped_open, command, idle, stats, client_close};
const struct driver driver_notified = {"notified", notified_open, command, idle, stats, client_close};
const struct driver driver_in2_out1 = {"in2-out1", in2_out1_open, command, idle, stats, client_close};
const struct driver driver_in1_out2 = {"in1-out2", in1_out2_open, command, idle, stats, client_close};
