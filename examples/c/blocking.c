/* The run loop for blocking sockets: poll() says which of a connection's few sockets has something, and then one recv
 * takes it; send writes all. Only connects do not block. See managed.c for the same without a pool. */
#include "blocking.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A server that takes no bytes for so long is as good as gone. */
static const struct timeval SEND_TIMEOUT = {1, 0};

static struct transport *find(struct blocking *b, uint64_t id) {
    size_t i;
    for (i = 0; i < TRANSPORTS; i++)
        if (b->transports[i].id == id) return &b->transports[i];
    return NULL;
}

static void drop(struct transport *t) {
    if (!t) return;
    close(t->fd);
    t->id = 0;
}

static void most(atomic_uint *at, unsigned value) {
    unsigned seen = atomic_load(at);
    while (value > seen && !atomic_compare_exchange_weak(at, &seen, value)) {}
}

/* Counts candidates between OPEN and ready: that is what the pool's admission limits (P3). Inside an input that may end an
 * attempt it is not counted: libsch may have let another thread begin one before the call returns. */
static void uncount_attempt(struct blocking *b) {
    if (b->attempting) atomic_fetch_sub(&b->tally->attempts, 1);
    b->attempting = false;
}

static void count_attempts(struct blocking *b) {
    int32_t phase = 0;
    bool now;
    sch_conn_phase(b->sch, &phase);
    now = phase == SCH_PHASE_OPENING || phase == SCH_PHASE_REBUILDING;
    if (now && !b->attempting) most(&b->tally->attempts_most, atomic_fetch_add(&b->tally->attempts, 1) + 1);
    if (!now) uncount_attempt(b);
    b->attempting = now;
}

static void open_candidate(struct blocking *b, const sch_action *a) {
    struct transport *t = find(b, 0);
    int fd = t ? connect_start(a->host, a->host_len, a->port) : -1;
    if (fd < 0) {
        sch_conn_connect_failed(b->sch, now_ns(), a->transport);
        return;
    }
    t->id = a->transport;
    t->fd = fd;
}

void blocking_actions(struct blocking *b) {
    sch_action a;
    memset(&a, 0, sizeof a);
    a.struct_size = sizeof a;
    while (sch_conn_poll_action(b->sch, &a) == SCH_OK) {
        count_attempts(b);
        switch (a.kind) {
        case SCH_ACTION_OPEN: open_candidate(b, &a); break;
        case SCH_ACTION_SWAP: sch_conn_swapped(b->sch, now_ns()); break; /* writes go where `submit` says */
        case SCH_ACTION_CLOSE: drop(find(b, a.transport)); break;
        case SCH_ACTION_LOST: /* one command at a time: it is the one that waits */
            if (a.outcome == SCH_LOST_UNKNOWN) b->lost = true;
            else b->never_written = true;
            sch_conn_losses_settled(b->sch, now_ns());
            break;
        case SCH_ACTION_HAND_BACK: b->never_written = true; break;
        case SCH_ACTION_RESET_PARSER: parser_reset(&b->parser); break;
        case SCH_ACTION_RELAX: atomic_fetch_add(&b->tally->relaxed, 1); break;
        case SCH_ACTION_RESTORE:
            b->restored_ns = now_ns();
            atomic_fetch_add(&b->tally->restored, 1);
            break;
        case SCH_ACTION_HANDOFF_FINISHED:
            if (a.outcome == SCH_OUTCOME_SWAPPED) atomic_fetch_add(&b->tally->handoffs, 1);
            if (a.outcome == SCH_OUTCOME_FAILED) atomic_fetch_add(&b->tally->handoffs_failed, 1);
            break;
        default: break; /* WRITE and FLUSH: `wait_on` names the transport; the others only inform */
        }
    }
    count_attempts(b);
}

void blocking_mail(struct blocking *b) {
    bool mail = false;
    if (sch_conn_has_mail(b->sch, &mail) != SCH_OK || !mail) return;
    atomic_fetch_add(&b->tally->mails, 1);
    sch_conn_tick(b->sch, now_ns());
    blocking_actions(b);
}

static void closed(struct blocking *b, struct transport *t, const char *unwritten, size_t len) {
    uncount_attempt(b);
    sch_conn_closed(b->sch, now_ns(), t->id, (const uint8_t *)unwritten, len);
    drop(t);
    blocking_actions(b);
}

/* Sends all; what could not be sent is left. The socket is broken then. */
static size_t send_all(int fd, const void *data, size_t len) {
    const char *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        at += n;
        len -= (size_t)n;
    }
    return len;
}

static void readable(struct blocking *b, struct transport *t) {
    uint8_t buffer[16384];
    uint64_t id = t->id;
    ssize_t n = recv(t->fd, buffer, sizeof buffer, 0);
    size_t at = 0, consumed, count, i;
    sch_span spans[16];
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        closed(b, t, NULL, 0);
        return;
    }
    while (at < (size_t)n && find(b, id)) {
        uncount_attempt(b);
        if (sch_conn_receive(b->sch, now_ns(), id, buffer + at, (size_t)n - at, spans, 16, &consumed, &count) != SCH_OK)
            return;
        for (i = 0; i < count; i++) parser_feed(&b->parser, spans[i].data, spans[i].len);
        at += consumed;
        blocking_actions(b);
        if (consumed == 0 && count == 0 && (t = find(b, id))) closed(b, t, NULL, 0); /* never go on with a gap */
    }
}

/* Libsch's own bytes. Nothing of `submit` is ever left: that is sent at once, and wholly. */
static void writable(struct blocking *b, struct transport *t) {
    const uint8_t *region;
    size_t len, left;
    if (sch_conn_region(b->sch, t->id, &region, &len) != SCH_OK || len == 0) return;
    left = send_all(t->fd, region, len);
    if (left < len) sch_conn_wrote(b->sch, now_ns(), t->id, len - left);
    if (left > 0) closed(b, t, NULL, 0);
}

static void connected(struct blocking *b, struct transport *t) {
    char peer[64];
    size_t len = peer_text(t->fd, peer, sizeof peer);
    if (connect_result(t->fd) == 0) {
        fcntl(t->fd, F_SETFL, fcntl(t->fd, F_GETFL) & ~O_NONBLOCK);
        setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &SEND_TIMEOUT, sizeof SEND_TIMEOUT);
        atomic_fetch_add(&b->tally->opened, 1);
        if (sch_conn_connected(b->sch, now_ns(), t->id, peer, len) == SCH_OK) return;
    } else {
        sch_conn_connect_failed(b->sch, now_ns(), t->id);
    }
    drop(t);
}

void blocking_peek(struct blocking *b) {
    uint64_t id = 0;
    struct transport *t;
    char byte;
    ssize_t n;
    sch_conn_current(b->sch, &id);
    if (id == 0 || !(t = find(b, id))) return;
    n = recv(t->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) closed(b, t, NULL, 0);
}

size_t blocking_polls(struct blocking *b, struct pollfd *polls, uint64_t *until) {
    sch_wait waits[TRANSPORTS];
    size_t n = 0, i;
    uint64_t wake = 0;
    bool has = false;
    if (sch_conn_next_deadline(b->sch, &has, &wake) == SCH_OK && has && wake < *until) *until = wake;
    sch_conn_wait_on(b->sch, waits, TRANSPORTS, &n);
    for (i = 0; i < n; i++) {
        struct transport *t = find(b, waits[i].transport);
        polls[i].fd = t ? t->fd : -1;
        polls[i].events = (short)((waits[i].read ? POLLIN : 0) | (waits[i].connecting || waits[i].write ? POLLOUT : 0));
        polls[i].revents = 0;
    }
    return n;
}

void blocking_polled(struct blocking *b, const struct pollfd *polls, size_t count) {
    struct transport had[TRANSPORTS];
    size_t i, k;
    memcpy(had, b->transports, sizeof had); /* which socket was whose: one that is closed may leave its number to another */
    for (i = 0; i < count; i++) {
        struct transport *t = NULL;
        sch_wait waits[TRANSPORTS];
        size_t n = 0, w;
        if (polls[i].revents == 0) continue;
        for (k = 0; k < TRANSPORTS; k++)
            if (had[k].id != 0 && had[k].fd == polls[i].fd) t = find(b, had[k].id);
        if (!t) continue;
        sch_conn_wait_on(b->sch, waits, TRANSPORTS, &n);
        for (w = 0; w < n && waits[w].transport != t->id; w++) {}
        if (w == n) continue;
        if (waits[w].connecting) {
            connected(b, t);
        } else {
            uint64_t id = t->id;
            if (polls[i].revents & POLLOUT) writable(b, t);
            if ((t = find(b, id)) && (polls[i].revents & (POLLIN | POLLHUP | POLLERR))) readable(b, t);
        }
        blocking_actions(b);
    }
    sch_conn_tick(b->sch, now_ns()); /* what is due, and mail */
    blocking_actions(b);
}

void blocking_turn(struct blocking *b, int wake, uint64_t until) {
    struct pollfd polls[TRANSPORTS + 1];
    size_t n = blocking_polls(b, polls, &until);
    uint64_t now = now_ns(), count;
    polls[n].fd = wake;
    polls[n].events = POLLIN;
    polls[n].revents = 0;
    poll(polls, (nfds_t)n + 1, until > now ? (int)((until - now + 999999) / 1000000) : 0);
    if (polls[n].revents && read(wake, &count, sizeof count) == sizeof count) {
        atomic_fetch_add(&b->tally->wakes, 1);
        blocking_mail(b);
    }
    blocking_polled(b, polls, n);
}

static uint64_t current(struct blocking *b) {
    uint64_t id = 0;
    sch_conn_current(b->sch, &id);
    return id;
}

bool blocking_dial(struct blocking *b, int wake, const sch_place *place, uint64_t until) {
    struct transport *t = find(b, 0);
    struct pollfd p = {-1, POLLOUT, 0};
    uint64_t now = now_ns();
    sch_dial d;
    int fd;
    memset(&d, 0, sizeof d);
    d.struct_size = sizeof d;
    if (!t || sch_conn_dial_to(b->sch, now, place->host, place->host_len, place->port, &d) != SCH_OK) return false;
    fd = connect_start(d.host, d.host_len, d.port);
    if (fd < 0) {
        sch_conn_connect_failed(b->sch, now_ns(), d.transport);
        return false;
    }
    t->id = d.transport;
    t->fd = p.fd = fd;
    if (poll(&p, 1, until > now ? (int)((until - now) / 1000000) : 0) == 1) {
        connected(b, t);
    } else {
        sch_conn_connect_failed(b->sch, now_ns(), t->id);
        drop(t);
    }
    blocking_actions(b);
    parser_reset(&b->parser);
    while (current(b) != 0 && now_ns() < until) {
        int32_t phase = SCH_PHASE_HANDSHAKING;
        sch_conn_phase(b->sch, &phase);
        if (phase != SCH_PHASE_HANDSHAKING) return true;
        blocking_turn(b, wake, until);
    }
    return false;
}

bool blocking_hands_off(const struct blocking *b) {
    int32_t phase = 0;
    sch_conn_phase(b->sch, &phase);
    return phase >= SCH_PHASE_WAITING && phase <= SCH_PHASE_SWAPPING;
}

/* Every word of a command that timed out may still be answered: the connection ends here. */
static void abandon(struct blocking *b) {
    struct transport *t = find(b, current(b));
    if (current(b) != 0 && t) closed(b, t, NULL, 0);
    parser_reset(&b->parser);
}

static enum result await_reply(struct blocking *b, int wake, uint64_t began, int timeout_ms, int64_t *integer) {
    for (;;) {
        uint64_t effective = (uint64_t)timeout_ms, since = began > b->restored_ns ? began : b->restored_ns;
        bool infinite = false;
        enum reply_kind kind = parser_take(&b->parser, integer, NULL, NULL);
        if (kind == REPLY_ERROR) return RESULT_ERROR;
        if (kind == REPLY_BROKEN) {
            abandon(b);
            return RESULT_UNKNOWN;
        }
        if (kind == REPLY_PUSH) continue;
        if (kind != REPLY_NONE) return RESULT_OK;
        if (b->lost) return RESULT_UNKNOWN;
        if (b->never_written) return RESULT_NOT_RUN;
        /* Relaxed windows cover commands that wait already: ask each time (R4). When one ends, what waits has the configured
         * time from then on: another connection may have read of the end before the reply could come here. */
        sch_conn_effective_timeout_ms(b->sch, (uint64_t)timeout_ms, false, &effective, &infinite);
        if (now_ns() >= since + effective * 1000000u) {
            abandon(b);
            return RESULT_TIMEOUT;
        }
        blocking_turn(b, wake, since + effective * 1000000u);
    }
}

enum result blocking_command(struct blocking *b, int wake, int argc, const char **argv, int timeout_ms, int64_t *integer) {
    uint64_t began = now_ns();
    char bytes[1024];
    size_t len = encode_command(bytes, sizeof bytes, argc, argv), at = 0;
    blocking_mail(b); /* before it writes */
    b->lost = b->never_written = false;
    while (at < len) {
        sch_submitted s;
        struct transport *t;
        size_t left;
        memset(&s, 0, sizeof s);
        s.struct_size = sizeof s;
        if (sch_conn_submit(b->sch, now_ns(), (const uint8_t *)bytes + at, len - at, &s) != SCH_OK) return RESULT_NO_CONNECTION;
        if (s.write_now > 0 && (t = find(b, s.transport)) && (left = send_all(t->fd, bytes + at, s.write_now)) > 0)
            closed(b, t, bytes + at + s.write_now - left, left);
        blocking_actions(b);
        at += s.write_now + s.held;
        if (at < len) blocking_turn(b, wake, began + (uint64_t)timeout_ms * 1000000u); /* at a limit: until RESUME */
    }
    return await_reply(b, wake, began, timeout_ms, integer);
}

void blocking_end(struct blocking *b) {
    size_t i;
    sch_conn_close(b->sch, now_ns());
    blocking_actions(b);
    for (i = 0; i < TRANSPORTS; i++)
        if (b->transports[i].id) drop(&b->transports[i]);
    sch_conn_free(b->sch);
    b->sch = NULL;
    parser_free(&b->parser);
}
