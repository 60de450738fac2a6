/* Smart client handoffs for blocking hiredis 1.x, through its public function table, unpatched. Header only.
 *
 *     redisContext *c = redisConnectWithTimeout(host, port, timeout);
 *     // with TLS: redisInitiateSSLWithContext(c, ssl);
 *     sch_config *config = NULL;
 *     sch_config_new(&config);
 *     sch_config_set_host(config, host, strlen(host));
 *     sch_config_set_port(config, port);
 *     sch_hiredis *s = sch_hiredis_attach(c, config, NULL);      // with TLS: pass `ssl` instead of NULL
 *     sch_config_free(config);
 *     redisCommand(c, "HELLO 3");                                // RESP3 is yours to ask for
 *     ...                                                        // redisCommand, redisAppendCommand as ever
 *     redisFree(c);                                              // frees `s` too
 *
 * Attach before the first command. The handshake stays yours: libsch sees it and opts in after it. A command whose outcome
 * is not known is answered by an error reply that begins with "SCHLOST" (a rule of libsch: `on_loss = reply`), so that replies
 * stay in order. One context, one thread at a time, as hiredis has it. Candidates are connected without blocking, TLS
 * included; only a host name in MOVING is looked up by the resolver that blocks.
 * `redisGetReply` waits as long as libsch says (relaxed timeouts): `command_timeout` of the context is what is configured.
 *
 * What a host of libsch does, and where it is here: transports are hidden contexts of their own (sch_hiredis_transport),
 * the loop is sch_hiredis_turn, and hiredis' read and write are the two functions at the end.
 */
#ifndef SCH_HIREDIS_H
#define SCH_HIREDIS_H

#include <errno.h>
#include <fcntl.h>
#include <hiredis.h>
#ifdef SCH_HIREDIS_TLS
#include <hiredis_ssl.h>
#endif
#include <poll.h>
#include <sch.h>
#include <sds.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct redisSSLContext;

typedef struct sch_hiredis_transport {
    uint64_t id; /* 0: free */
    redisContext *io;
} sch_hiredis_transport;

typedef struct sch_hiredis {
    sch_conn *conn;
    redisContext *context; /* the user's */
    struct redisSSLContext *ssl;
    redisContextFuncs funcs;
    sch_hiredis_transport transports[4];
    char *inbox; /* bytes for the parser, not read yet */
    size_t inbox_len, inbox_cap;
    /* What happened, for those who count. */
    uint64_t swapped, failed, opened, relaxed, restored, duration_ns, pause_ns;
    int oom;
} sch_hiredis;

static inline uint64_t sch_hiredis_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline sch_hiredis_transport *sch_hiredis_find(sch_hiredis *s, uint64_t id) {
    size_t i;
    for (i = 0; i < 4; i++)
        if (s->transports[i].id == id) return &s->transports[i];
    return NULL;
}

static inline void sch_hiredis_drop(sch_hiredis *s, uint64_t id) {
    sch_hiredis_transport *t = id ? sch_hiredis_find(s, id) : NULL;
    if (!t) return;
    if (s->context->fd == t->io->fd) s->context->fd = REDIS_INVALID_FD;
    redisFree(t->io);
    t->id = 0;
    t->io = NULL;
}

/* The transport is gone: what hiredis had not written of it yet is in its output buffer. */
static inline void sch_hiredis_closed(sch_hiredis *s, sch_hiredis_transport *t) {
    uint64_t id = t->id;
    sch_conn_closed(s->conn, sch_hiredis_now(), id, (const uint8_t *)t->io->obuf, sdslen(t->io->obuf));
    sch_hiredis_drop(s, id);
}

static inline void sch_hiredis_feed(sch_hiredis *s, const void *data, size_t len) {
    if (s->inbox_len + len > s->inbox_cap) {
        size_t cap = (s->inbox_len + len) * 2;
        char *grown = (char *)realloc(s->inbox, cap);
        if (!grown) {
            s->oom = 1;
            return;
        }
        s->inbox = grown;
        s->inbox_cap = cap;
    }
    memcpy(s->inbox + s->inbox_len, data, len);
    s->inbox_len += len;
}

static inline void sch_hiredis_open(sch_hiredis *s, const sch_action *a) {
    char host[256];
    redisOptions options;
    redisContext *io = NULL;
    sch_hiredis_transport *t = sch_hiredis_find(s, 0);
    if (t && a->host_len < sizeof host) {
        memcpy(host, a->host, a->host_len);
        host[a->host_len] = 0;
        memset(&options, 0, sizeof options);
        REDIS_OPTIONS_SET_TCP(&options, host, a->port);
        options.options |= REDIS_OPT_NONBLOCK | REDIS_OPT_NO_PUSH_AUTOFREE;
        io = redisConnectWithOptions(&options);
    }
    if (!io || io->err) {
        if (io) redisFree(io);
        sch_conn_connect_failed(s->conn, sch_hiredis_now(), a->transport);
        return;
    }
    t->id = a->transport;
    t->io = io;
}

static inline void sch_hiredis_forget_reply(sch_hiredis *s) {
    redisReader *fresh = redisReaderCreate();
    if (!fresh) {
        s->oom = 1;
        return;
    }
    redisReaderFree(s->context->reader);
    s->context->reader = fresh;
    s->inbox_len = 0;
}

/* Does what libsch asks for. */
static inline void sch_hiredis_actions(sch_hiredis *s) {
    sch_action a;
    sch_hiredis_transport *t;
    memset(&a, 0, sizeof a);
    a.struct_size = sizeof a;
    while (sch_conn_poll_action(s->conn, &a) == SCH_OK) {
        switch (a.kind) {
        case SCH_ACTION_OPEN: sch_hiredis_open(s, &a); break;
        case SCH_ACTION_SWAP:
            if ((t = sch_hiredis_find(s, a.transport))) s->context->fd = t->io->fd;
            sch_conn_swapped(s->conn, sch_hiredis_now());
            break;
        case SCH_ACTION_CLOSE: sch_hiredis_drop(s, a.transport); break;
        case SCH_ACTION_RESET_PARSER: sch_hiredis_forget_reply(s); break;
        case SCH_ACTION_LOST: sch_hiredis_feed(s, a.data, a.data_len); break;
        case SCH_ACTION_HAND_BACK: { /* never written: each is answered, in order */
            static const char text[] = "-SCHLOST never written: the command did not run\r\n";
            uint64_t i;
            for (i = 0; i < a.count; i++) sch_hiredis_feed(s, text, sizeof text - 1);
            break;
        }
        case SCH_ACTION_RELAX: s->relaxed++; break;
        case SCH_ACTION_RESTORE: s->restored++; break;
        case SCH_ACTION_HANDOFF_FINISHED:
            if (a.outcome == SCH_OUTCOME_SWAPPED) s->swapped++;
            if (a.outcome == SCH_OUTCOME_FAILED) s->failed++;
            if (a.duration_ns > s->duration_ns) s->duration_ns = a.duration_ns;
            if (a.pause_ns > s->pause_ns) s->pause_ns = a.pause_ns;
            break;
        default: break;
        }
    }
}

/* The connect of a candidate is done: TLS begins, without blocking. */
static inline void sch_hiredis_connected(sch_hiredis *s, sch_hiredis_transport *t) {
    int error = 0;
    socklen_t len = sizeof error;
    uint64_t id = t->id;
    int ok = getsockopt(t->io->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
#ifdef SCH_HIREDIS_TLS
    if (ok && s->ssl) ok = redisInitiateSSLWithContext(t->io, s->ssl) == REDIS_OK;
#endif
    if (ok) {
        t->io->flags |= REDIS_CONNECTED;
        s->opened++;
        sch_conn_connected(s->conn, sch_hiredis_now(), id, NULL, 0);
    } else {
        sch_conn_connect_failed(s->conn, sch_hiredis_now(), id);
        sch_hiredis_drop(s, id);
    }
}

/* First what `submit` gave, then libsch's own region. */
static inline void sch_hiredis_writable(sch_hiredis *s, sch_hiredis_transport *t) {
    int done = 0;
    if (redisBufferWrite(t->io, &done) != REDIS_OK) {
        sch_hiredis_closed(s, t);
        return;
    }
    while (done) {
        const uint8_t *region;
        size_t len;
        sds more;
        if (sch_conn_region(s->conn, t->id, &region, &len) != SCH_OK || len == 0) return;
        more = sdscatlen(t->io->obuf, region, len);
        if (!more) {
            s->oom = 1;
            return;
        }
        t->io->obuf = more;
        if (redisBufferWrite(t->io, &done) != REDIS_OK) {
            sds kept = t->io->obuf; /* the region is libsch's to count */
            sdsclear(kept);
            sch_hiredis_closed(s, t);
            return;
        }
        /* What is left of the region stays libsch's: only what went out is reported. */
        sch_conn_wrote(s->conn, sch_hiredis_now(), t->id, len - sdslen(t->io->obuf));
        sdsclear(t->io->obuf);
        sch_hiredis_actions(s);
        if (!sch_hiredis_find(s, t->id) || !done) return;
    }
}

static inline void sch_hiredis_readable(sch_hiredis *s, sch_hiredis_transport *t) {
    char buffer[16384];
    uint64_t id = t->id;
    ssize_t n = t->io->funcs->read(t->io, buffer, sizeof buffer);
    size_t at = 0, consumed, count, i;
    sch_span spans[16];
    if (n < 0) {
        sch_hiredis_closed(s, t);
        return;
    }
    while (at < (size_t)n && sch_hiredis_find(s, id)) {
        if (sch_conn_receive(s->conn, sch_hiredis_now(), id, (const uint8_t *)buffer + at, (size_t)n - at, spans, 16,
                             &consumed, &count) != SCH_OK)
            return;
        for (i = 0; i < count; i++) sch_hiredis_feed(s, spans[i].data, spans[i].len);
        at += consumed;
        sch_hiredis_actions(s);
        /* Only SWAP unanswered leaves bytes behind, and it has been answered: never go on with a gap. */
        if (consumed == 0 && count == 0 && (t = sch_hiredis_find(s, id))) sch_hiredis_closed(s, t);
    }
}

/* One round: waits for what libsch names, at most until `until`. */
static inline void sch_hiredis_turn(sch_hiredis *s, uint64_t until) {
    sch_wait waits[4];
    struct pollfd polls[4];
    size_t n = 0, i;
    uint64_t now = sch_hiredis_now(), wake = 0;
    bool has = false;
    if (sch_conn_next_deadline(s->conn, &has, &wake) == SCH_OK && has && wake < until) until = wake;
    sch_conn_wait_on(s->conn, waits, 4, &n);
    for (i = 0; i < n; i++) {
        sch_hiredis_transport *t = sch_hiredis_find(s, waits[i].transport);
        polls[i].fd = t ? t->io->fd : -1;
        polls[i].events = (short)(waits[i].read ? POLLIN : 0);
        if (waits[i].connecting || waits[i].write || (t && sdslen(t->io->obuf) > 0)) polls[i].events |= POLLOUT;
        polls[i].revents = 0;
    }
    poll(polls, (nfds_t)n, until > now ? (int)((until - now + 999999) / 1000000) : 0);
    for (i = 0; i < n; i++) {
        sch_hiredis_transport *t = sch_hiredis_find(s, waits[i].transport);
        if (!t || polls[i].revents == 0) continue;
        if (waits[i].connecting) {
            sch_hiredis_connected(s, t);
        } else {
            if (polls[i].revents & POLLOUT) sch_hiredis_writable(s, t);
            t = sch_hiredis_find(s, waits[i].transport);
            if (t && (polls[i].revents & (POLLIN | POLLHUP | POLLERR))) sch_hiredis_readable(s, t);
        }
        sch_hiredis_actions(s);
    }
    sch_conn_tick(s->conn, sch_hiredis_now());
    sch_hiredis_actions(s);
}

static inline ssize_t sch_hiredis_fail(redisContext *c, int err, const char *text) {
    c->err = err;
    strncpy(c->errstr, text, sizeof c->errstr - 1);
    c->errstr[sizeof c->errstr - 1] = 0;
    return -1;
}

/* hiredis reads: waits for bytes as long as the command may take now. */
static inline ssize_t sch_hiredis_read(redisContext *c, char *buffer, size_t cap) {
    sch_hiredis *s = (sch_hiredis *)c->privctx;
    uint64_t began = sch_hiredis_now();
    int32_t phase;
    size_t n;
    while (s->inbox_len == 0) {
        bool infinite = true;
        uint64_t configured = 0, effective = 0, until = UINT64_MAX;
        if (s->oom) return sch_hiredis_fail(c, REDIS_ERR_OOM, "Out of memory");
        if (sch_conn_phase(s->conn, &phase) != SCH_OK || phase == SCH_PHASE_DETACHED)
            return sch_hiredis_fail(c, REDIS_ERR_EOF, "Server closed the connection");
        if (c->command_timeout && (c->command_timeout->tv_sec || c->command_timeout->tv_usec)) {
            infinite = false;
            configured = (uint64_t)c->command_timeout->tv_sec * 1000 + (uint64_t)c->command_timeout->tv_usec / 1000;
        }
        sch_conn_effective_timeout_ms(s->conn, configured, infinite, &effective, &infinite);
        if (!infinite) until = began + effective * 1000000u;
        if (sch_hiredis_now() >= until) return sch_hiredis_fail(c, REDIS_ERR_IO, "Resource temporarily unavailable");
        /* A bound of its own, so that an infinite wait still looks at the clock. */
        sch_hiredis_turn(s, until < began + 3600000000000u ? until : sch_hiredis_now() + 60000000000u);
    }
    n = s->inbox_len < cap ? s->inbox_len : cap;
    memcpy(buffer, s->inbox, n);
    memmove(s->inbox, s->inbox + n, s->inbox_len -= n);
    return (ssize_t)n;
}

/* hiredis writes its output buffer: a look at the sockets first (E6), then through `submit`. */
static inline ssize_t sch_hiredis_write(redisContext *c) {
    sch_hiredis *s = (sch_hiredis *)c->privctx;
    size_t len = sdslen(c->obuf), at = 0;
    sch_hiredis_turn(s, 0);
    while (at < len) {
        sch_submitted done;
        sch_hiredis_transport *t;
        sch_status status;
        memset(&done, 0, sizeof done);
        done.struct_size = sizeof done;
        status = sch_conn_submit(s->conn, sch_hiredis_now(), (const uint8_t *)c->obuf + at, len - at, &done);
        if (status == SCH_ERR_NOT_CONNECTED) return sch_hiredis_fail(c, REDIS_ERR_EOF, "Server closed the connection");
        if (status != SCH_OK) return sch_hiredis_fail(c, REDIS_ERR_OTHER, sch_status_str(status));
        if (done.write_now > 0 && (t = sch_hiredis_find(s, done.transport))) {
            sds more = sdscatlen(t->io->obuf, c->obuf + at, done.write_now);
            if (!more) return sch_hiredis_fail(c, REDIS_ERR_OOM, "Out of memory");
            t->io->obuf = more;
            sch_hiredis_writable(s, t);
        }
        sch_hiredis_actions(s);
        at += done.write_now + done.held;
        if (at < len) sch_hiredis_turn(s, sch_hiredis_now() + 1000000000u); /* at a limit, until RESUME */
    }
    return (ssize_t)len;
}

static inline void sch_hiredis_close(redisContext *c) { c->fd = REDIS_INVALID_FD; }

static inline void sch_hiredis_free(void *privctx) {
    sch_hiredis *s = (sch_hiredis *)privctx;
    size_t i;
    for (i = 0; i < 4; i++)
        if (s->transports[i].id) redisFree(s->transports[i].io);
    sch_conn_free(s->conn);
    free(s->inbox);
    free(s);
}

/* Puts libsch under a connected blocking context. NULL if that is not possible; the context is then as it was.
 * `config` stays the caller's; `ssl` is what the context's TLS was made from, or NULL without TLS, and must live as long. */
static inline sch_hiredis *sch_hiredis_attach(redisContext *c, sch_config *config, struct redisSSLContext *ssl) {
    sch_hiredis *s;
    sch_dial dial;
    redisOptions options;
    redisContext *io;
    if (!c || c->err || !(c->flags & REDIS_BLOCK) || sdslen(c->obuf) > 0) return NULL;
    s = (sch_hiredis *)calloc(1, sizeof *s);
    if (!s) return NULL;
    s->context = c;
    s->ssl = ssl;
    sch_config_set_on_loss(config, SCH_ON_LOSS_REPLY);
    sch_config_set_tls(config, ssl != NULL);
    memset(&dial, 0, sizeof dial);
    dial.struct_size = sizeof dial;
    memset(&options, 0, sizeof options);
    REDIS_OPTIONS_SET_PRIVDATA(&options, NULL, NULL);
    options.type = REDIS_CONN_USERFD;
    options.endpoint.fd = c->fd;
    options.options = REDIS_OPT_NONBLOCK | REDIS_OPT_NO_PUSH_AUTOFREE;
    io = redisConnectWithOptions(&options); /* a context around the socket that is there */
    if (!io || sch_conn_new(SCH_ABI_VERSION, config, &s->conn) != SCH_OK ||
        sch_conn_dial(s->conn, sch_hiredis_now(), 0, &dial) != SCH_OK) {
        if (io) {
            io->fd = REDIS_INVALID_FD;
            redisFree(io);
        }
        sch_conn_free(s->conn);
        free(s);
        return NULL;
    }
    io->funcs = c->funcs;
    io->privctx = c->privctx;
    io->flags = (c->flags & ~REDIS_BLOCK) | REDIS_CONNECTED;
    fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
    s->transports[0].id = dial.transport;
    s->transports[0].io = io;
    s->funcs = *c->funcs;
    s->funcs.close = sch_hiredis_close;
    s->funcs.free_privctx = sch_hiredis_free;
    s->funcs.read = sch_hiredis_read;
    s->funcs.write = sch_hiredis_write;
    c->funcs = &s->funcs;
    c->privctx = s;
    s->opened = 1;
    sch_conn_connected(s->conn, sch_hiredis_now(), dial.transport, NULL, 0);
    return s;
}

#endif
