/* The canonical integration, level 3 (managed): plain sockets and poll(), one connection. Everything a driver does for
 * libsch is in this file: four small functions and one loop.
 *
 *   1. `actions`  does what libsch asks for
 *   2. `readable` gives it what a socket brought, and the parser what it gives back
 *   3. `writable` writes what is to be written
 *   4. `turn`     one round of the loop: wait for what libsch names, then 2 and 3, then 1
 */
#include "driver.h"
#include "managed.h"
#include "support.h"

#include <errno.h>
#include <poll.h>
#include <sch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct transport {
    uint64_t id; /* 0: free */
    int fd;
    char *out; /* what `submit` said to write now, and the socket did not take */
    size_t out_len;
};

struct managed {
    sch_conn *sch;
    struct transport transports[4];
    struct parser parser;
    struct stats stats;
    bool lost, never_written; /* the command that waits will have no reply */
    uint64_t restored_at;     /* what waited then has the configured time from then on */
    const char *raw;          /* the last reply */
    size_t raw_len;
    void (*told)(void *user, const sch_conn *sch, const sch_action *action);
    void *user;
};

static struct transport *find(struct managed *c, uint64_t id) {
    size_t i;
    for (i = 0; i < 4; i++)
        if (c->transports[i].id == id) return &c->transports[i];
    return NULL;
}

static struct transport *add(struct managed *c, uint64_t id, int fd) {
    struct transport *t = find(c, 0);
    t->id = id;
    t->fd = fd;
    t->out_len = 0;
    return t;
}

static void drop(struct transport *t) {
    if (!t) return;
    close(t->fd);
    free(t->out);
    memset(t, 0, sizeof *t);
}

/* The socket is gone: libsch learns what it had accepted and not written. */
static void closed(struct managed *c, struct transport *t) {
    sch_conn_closed(c->sch, now_ns(), t->id, (const uint8_t *)t->out, t->out_len);
    drop(t);
}

/* 1. Does what libsch asks for. */
static void actions(struct managed *c) {
    sch_action a;
    int fd;
    memset(&a, 0, sizeof a);
    a.struct_size = sizeof a;
    while (sch_conn_poll_action(c->sch, &a) == SCH_OK) {
        switch (a.kind) {
        case SCH_ACTION_OPEN:
            fd = connect_start(a.host, a.host_len, a.port);
            if (fd < 0) sch_conn_connect_failed(c->sch, now_ns(), a.transport);
            else add(c, a.transport, fd);
            break;
        case SCH_ACTION_SWAP: /* nothing to do here: writes go where `submit` says */
            sch_conn_swapped(c->sch, now_ns());
            break;
        case SCH_ACTION_CLOSE:
            drop(find(c, a.transport));
            break;
        case SCH_ACTION_LOST: /* one command at a time: it is the one that waits */
            if (a.outcome == SCH_LOST_UNKNOWN) c->lost = true;
            else c->never_written = true;
            sch_conn_losses_settled(c->sch, now_ns());
            break;
        case SCH_ACTION_HAND_BACK:
            c->never_written = true;
            break;
        case SCH_ACTION_RESET_PARSER:
            parser_reset(&c->parser);
            break;
        case SCH_ACTION_RELAX:
            c->stats.relaxed++;
            break;
        case SCH_ACTION_RESTORE:
            c->stats.restored++;
            c->restored_at = now_ns();
            break;
        case SCH_ACTION_HANDOFF_FINISHED:
            if (a.outcome == SCH_OUTCOME_SWAPPED) c->stats.handoffs++;
            else if (a.outcome == SCH_OUTCOME_FAILED) c->stats.handoffs_failed++;
            if ((double)a.duration_ns / 1e6 > c->stats.duration_ms) c->stats.duration_ms = (double)a.duration_ns / 1e6;
            if ((double)a.pause_ns / 1e6 > c->stats.pause_ms) c->stats.pause_ms = (double)a.pause_ns / 1e6;
            break;
        default: /* WRITE and FLUSH: `wait_on` names the transport; the others only inform */
            if (c->told) c->told(c->user, c->sch, &a);
            break;
        }
    }
}

/* 2. What a socket brought goes through libsch; what it answers goes to the parser. */
static void readable(struct managed *c, struct transport *t) {
    uint8_t buffer[16384];
    uint64_t id = t->id;
    ssize_t n = recv(t->fd, buffer, sizeof buffer, 0);
    size_t at = 0, consumed, count, i;
    sch_span spans[16];
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        closed(c, t);
        return;
    }
    while (at < (size_t)n && find(c, id)) {
        if (sch_conn_receive(c->sch, now_ns(), id, buffer + at, (size_t)n - at, spans, 16, &consumed, &count) != SCH_OK)
            return;
        for (i = 0; i < count; i++) parser_feed(&c->parser, spans[i].data, spans[i].len);
        at += consumed;
        actions(c);
        /* Only SWAP unanswered leaves bytes behind, and `actions` has answered it: never go on with a gap. */
        if (consumed == 0 && count == 0 && (t = find(c, id))) closed(c, t);
    }
}

/* 3. First what `submit` gave, then libsch's own region. */
static void writable(struct managed *c, struct transport *t) {
    const uint8_t *region;
    size_t len;
    ssize_t n;
    if (t->out_len > 0) {
        n = send(t->fd, t->out, t->out_len, MSG_NOSIGNAL);
        if (n > 0) memmove(t->out, t->out + n, t->out_len -= (size_t)n);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            closed(c, t);
            return;
        }
        if (t->out_len > 0) return;
    }
    if (sch_conn_region(c->sch, t->id, &region, &len) != SCH_OK || len == 0) return;
    n = send(t->fd, region, len, MSG_NOSIGNAL);
    if (n > 0) sch_conn_wrote(c->sch, now_ns(), t->id, (size_t)n);
    else if (n < 0 && errno != EAGAIN && errno != EINTR) closed(c, t);
}

static void connected(struct managed *c, struct transport *t) {
    char peer[64];
    size_t len = peer_text(t->fd, peer, sizeof peer);
    if (connect_result(t->fd) == 0) {
        c->stats.opened++;
        sch_conn_connected(c->sch, now_ns(), t->id, peer, len);
        return;
    }
    sch_conn_connect_failed(c->sch, now_ns(), t->id);
    drop(t);
}

/* 4. One round: waits at most until `until`. */
static void turn(struct managed *c, uint64_t until) {
    sch_wait waits[4];
    struct pollfd polls[4];
    size_t n = 0, i;
    uint64_t now = now_ns(), wake = 0;
    bool has = false;
    if (sch_conn_next_deadline(c->sch, &has, &wake) == SCH_OK && has && wake < until) until = wake;
    sch_conn_wait_on(c->sch, waits, 4, &n);
    for (i = 0; i < n; i++) {
        struct transport *t = find(c, waits[i].transport);
        polls[i].fd = t ? t->fd : -1;
        polls[i].events = (short)(waits[i].read ? POLLIN : 0);
        if (waits[i].connecting || waits[i].write || (t && t->out_len > 0)) polls[i].events |= POLLOUT;
        polls[i].revents = 0;
    }
    poll(polls, (nfds_t)n, until > now ? (int)((until - now + 999999) / 1000000) : 0);
    for (i = 0; i < n; i++) {
        struct transport *t = find(c, waits[i].transport);
        if (!t || polls[i].revents == 0) continue;
        if (waits[i].connecting) {
            connected(c, t);
        } else {
            if (polls[i].revents & POLLOUT) writable(c, t);
            t = find(c, waits[i].transport);
            if (t && (polls[i].revents & (POLLIN | POLLHUP | POLLERR))) readable(c, t);
        }
        actions(c);
    }
    sch_conn_tick(c->sch, now_ns());
    actions(c);
}

/* What the driver itself does: connect, say HELLO, run a command. --------------------------------------------- */

/* Hands bytes to libsch and writes what it says to write now. */
static sch_status submit(struct managed *c, const char *bytes, size_t len, uint64_t until) {
    while (len > 0) {
        sch_submitted s;
        sch_status status;
        struct transport *t;
        memset(&s, 0, sizeof s);
        s.struct_size = sizeof s;
        status = sch_conn_submit(c->sch, now_ns(), (const uint8_t *)bytes, len, &s);
        if (status != SCH_OK) return status;
        if (s.write_now > 0 && (t = find(c, s.transport))) {
            t->out = realloc(t->out, t->out_len + s.write_now);
            memcpy(t->out + t->out_len, bytes, s.write_now);
            t->out_len += s.write_now;
            writable(c, t);
        }
        actions(c);
        bytes += s.write_now + s.held;
        len -= s.write_now + s.held;
        if (len > 0) { /* at a limit: RESUME says when there is room */
            if (now_ns() > until) return SCH_ERR_LIMIT;
            turn(c, until);
        }
    }
    return SCH_OK;
}

static enum result await_reply(struct managed *c, uint64_t began, int timeout_ms, int64_t *integer) {
    for (;;) {
        uint64_t effective = (uint64_t)timeout_ms, now = now_ns(), from = began;
        bool infinite = false;
        enum reply_kind kind = parser_take(&c->parser, integer, &c->raw, &c->raw_len);
        if (kind == REPLY_ERROR) return RESULT_ERROR;
        if (kind == REPLY_BROKEN) return RESULT_NO_CONNECTION;
        if (kind == REPLY_PUSH) continue;
        if (kind != REPLY_NONE) return RESULT_OK;
        if (c->lost) return RESULT_UNKNOWN;
        if (c->never_written) return RESULT_NOT_RUN;
        /* Relaxed windows cover commands that wait already: ask each time (R4). */
        sch_conn_effective_timeout_ms(c->sch, (uint64_t)timeout_ms, false, &effective, &infinite);
        if (c->restored_at > from) from = c->restored_at;
        if (now >= from + effective * 1000000u) return RESULT_TIMEOUT;
        turn(c, from + effective * 1000000u);
    }
}

static bool dial(struct managed *c, uint64_t until) {
    static const char *hello[] = {"HELLO", "3"};
    uint32_t nth;
    for (nth = 0;; nth++) {
        sch_dial d;
        struct transport *t;
        uint64_t id = 0;
        char bytes[64];
        int64_t ignored = 0;
        int fd;
        memset(&d, 0, sizeof d);
        d.struct_size = sizeof d;
        if (sch_conn_dial(c->sch, now_ns(), nth, &d) != SCH_OK) return false;
        fd = connect_start(d.host, d.host_len, d.port);
        if (fd >= 0) {
            struct pollfd p = {fd, POLLOUT, 0};
            uint64_t now = now_ns();
            poll(&p, 1, until > now ? (int)((until - now) / 1000000) : 0);
            t = add(c, d.transport, fd);
            connected(c, t);
            sch_conn_current(c->sch, &id);
        } else {
            sch_conn_connect_failed(c->sch, now_ns(), d.transport);
        }
        actions(c);
        if (id == 0) continue;
        parser_reset(&c->parser);
        c->lost = c->never_written = false;
        if (submit(c, bytes, encode_command(bytes, sizeof bytes, 2, hello), until) != SCH_OK) return false;
        return await_reply(c, now_ns(), 2000, &ignored) == RESULT_OK;
    }
}

static void *managed_open(const struct target *target) {
    struct managed *c = calloc(1, sizeof *c);
    sch_config *config = NULL;
    sch_config_new(&config);
    sch_config_set_host(config, target->host, strlen(target->host));
    sch_config_set_port(config, (uint16_t)target->port);
    if (target->migration_window_ms) sch_config_set_migration_window_ms(config, (uint64_t)target->migration_window_ms);
    sch_conn_new(SCH_ABI_VERSION, config, &c->sch);
    sch_config_free(config);
    return c;
}

/* Every word of a command that timed out may still be answered: the connection starts anew. */
static void abandon(struct managed *c) {
    struct transport *t;
    uint64_t id = 0;
    sch_conn_current(c->sch, &id);
    t = find(c, id);
    if (id != 0 && t) {
        closed(c, t);
        actions(c);
        parser_reset(&c->parser);
    }
}

static enum result managed_command(void *client, int argc, const char **argv, int timeout_ms, int64_t *integer) {
    struct managed *c = client;
    uint64_t began = now_ns(), until = began + (uint64_t)timeout_ms * 1000000u;
    char bytes[1024];
    size_t len = encode_command(bytes, sizeof bytes, argc, argv);
    enum result result;
    turn(c, 0); /* an idle client looks at its socket before it writes (E6) */
    c->lost = c->never_written = false;
    if (submit(c, bytes, len, until) == SCH_ERR_NOT_CONNECTED) {
        if (!dial(c, until)) return RESULT_NO_CONNECTION;
        if (submit(c, bytes, len, until) != SCH_OK) return RESULT_NO_CONNECTION;
    }
    result = await_reply(c, began, timeout_ms, integer);
    if (result == RESULT_TIMEOUT) abandon(c);
    return result;
}

void managed_told(void *client, void (*told)(void *user, const sch_conn *sch, const sch_action *action), void *user) {
    ((struct managed *)client)->told = told;
    ((struct managed *)client)->user = user;
}

size_t managed_reply(void *client, const char **raw) {
    *raw = ((struct managed *)client)->raw;
    return ((struct managed *)client)->raw_len;
}

static void managed_idle(void *client) { turn(client, 0); }

static void managed_stats(void *client, struct stats *out) { *out = ((struct managed *)client)->stats; }

static void managed_close(void *client) {
    struct managed *c = client;
    size_t i;
    sch_conn_close(c->sch, now_ns());
    actions(c);
    for (i = 0; i < 4; i++)
        if (c->transports[i].id) drop(&c->transports[i]);
    sch_conn_free(c->sch);
    parser_free(&c->parser);
    free(c);
}

const struct driver driver_managed = {"managed",    managed_open,  managed_command, managed_idle,
                                      managed_stats, managed_close};
