/* A client without libsch: what a driver does today. A blocking socket with a timeout; on any trouble it reconnects
 * to the configured address, and its user sees the failure. */
#include "driver.h"
#include "support.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct plain {
    struct target target;
    int fd;
    struct parser parser;
    struct stats stats;
};

static bool wait_for(int fd, short events, uint64_t until) {
    struct pollfd p = {fd, events, 0};
    uint64_t now = now_ns();
    return now < until && poll(&p, 1, (int)((until - now + 999999) / 1000000)) > 0;
}

static bool reconnect(struct plain *c, uint64_t until) {
    c->fd = connect_start(c->target.host, strlen(c->target.host), c->target.port);
    parser_reset(&c->parser);
    if (c->fd < 0) return false;
    if (!wait_for(c->fd, POLLOUT, until) || connect_result(c->fd) != 0) {
        close(c->fd);
        c->fd = -1;
        return false;
    }
    c->stats.opened++;
    return true;
}

static void *plain_open(const struct target *target) {
    struct plain *c = calloc(1, sizeof *c);
    c->target = *target;
    c->fd = -1;
    return c;
}

static enum result drop(struct plain *c, enum result result) {
    close(c->fd);
    c->fd = -1;
    return result;
}

static enum result plain_command(void *client, int argc, const char **argv, int timeout_ms, int64_t *integer) {
    struct plain *c = client;
    uint64_t until = now_ns() + (uint64_t)timeout_ms * 1000000u;
    char bytes[1024], in[4096];
    size_t len = encode_command(bytes, sizeof bytes, argc, argv);
    if (c->fd < 0 && !reconnect(c, until)) return RESULT_NO_CONNECTION;
    if (send(c->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len) return drop(c, RESULT_UNKNOWN);
    for (;;) {
        enum reply_kind kind = parser_take(&c->parser, integer, NULL, NULL);
        ssize_t n;
        if (kind == REPLY_ERROR) return RESULT_ERROR;
        if (kind == REPLY_BROKEN) return drop(c, RESULT_UNKNOWN);
        if (kind != REPLY_NONE && kind != REPLY_PUSH) return RESULT_OK;
        if (kind == REPLY_PUSH) continue;
        if (!wait_for(c->fd, POLLIN, until)) return drop(c, RESULT_TIMEOUT);
        n = recv(c->fd, in, sizeof in, 0);
        if (n <= 0) return drop(c, RESULT_UNKNOWN);
        parser_feed(&c->parser, in, (size_t)n);
    }
}

static void plain_idle(void *client) { (void)client; }

static void plain_stats(void *client, struct stats *out) { *out = ((struct plain *)client)->stats; }

static void plain_close(void *client) {
    struct plain *c = client;
    if (c->fd >= 0) close(c->fd);
    parser_free(&c->parser);
    free(c);
}

const struct driver driver_plain = {"plain", plain_open, plain_command, plain_idle, plain_stats, plain_close};
