#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int connect_start(const char *host, size_t host_len, int port) {
    char name[256], service[8];
    struct addrinfo hints, *found = NULL;
    int fd = -1, one = 1;
    if (host_len >= sizeof name) return -1;
    memcpy(name, host, host_len);
    name[host_len] = 0;
    snprintf(service, sizeof service, "%d", port);
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    /* A name would block here: what a program with names does is its own choice (a thread, a cache). */
    if (getaddrinfo(name, service, &hints, &found) != 0) return -1;
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

int connect_result(int fd) {
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

size_t peer_text(int fd, char *out, size_t cap) {
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    char ip[INET6_ADDRSTRLEN];
    int n = 0;
    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0) return 0;
    if (peer.ss_family == AF_INET) {
        const struct sockaddr_in *a = (const struct sockaddr_in *)&peer;
        if (!inet_ntop(AF_INET, &a->sin_addr, ip, sizeof ip)) return 0;
        n = snprintf(out, cap, "%s:%d", ip, ntohs(a->sin_port));
    } else if (peer.ss_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)&peer;
        if (!inet_ntop(AF_INET6, &a->sin6_addr, ip, sizeof ip)) return 0;
        n = snprintf(out, cap, "[%s]:%d", ip, ntohs(a->sin6_port));
    }
    return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

size_t encode_command(char *out, size_t cap, int argc, const char **argv) {
    size_t len = (size_t)snprintf(out, cap, "*%d\r\n", argc);
    int i;
    for (i = 0; i < argc && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "$%zu\r\n%s\r\n", strlen(argv[i]), argv[i]);
    return len;
}

void parser_feed(struct parser *p, const void *data, size_t len) {
    if (p->len + len > p->cap) {
        size_t cap = (p->len + len) * 2;
        char *grown = realloc(p->data, cap);
        if (!grown) abort();
        p->data = grown;
        p->cap = cap;
    }
    memcpy(p->data + p->len, data, len);
    p->len += len;
}

void parser_reset(struct parser *p) { p->len = 0; }

void parser_free(struct parser *p) {
    free(p->data);
    memset(p, 0, sizeof *p);
}

/* The end of the value that begins at `at`: 0 if it is not whole, (size_t)-1 if it is not RESP. */
static size_t value_end(const struct parser *p, size_t at, int depth) {
    const char *cr;
    size_t line;
    long long n, i;
    if (at >= p->len) return 0;
    if (depth > 8) return (size_t)-1;
    cr = memchr(p->data + at, '\r', p->len - at);
    if (!cr || (size_t)(cr - p->data) + 2 > p->len) return 0;
    line = (size_t)(cr - p->data) + 2;
    switch (p->data[at]) {
    case '+': case '-': case ':': case ',': case '(': case '#': case '_':
        return line;
    case '$': case '=': case '!':
        n = strtoll(p->data + at + 1, NULL, 10);
        if (n < 0) return line;
        return p->len >= line + (size_t)n + 2 ? line + (size_t)n + 2 : 0;
    case '*': case '~': case '>': case '%':
        n = strtoll(p->data + at + 1, NULL, 10);
        if (p->data[at] == '%') n *= 2;
        for (i = 0; i < n; i++) {
            line = value_end(p, line, depth + 1);
            if (line == 0 || line == (size_t)-1) return line;
        }
        return line;
    default:
        return (size_t)-1;
    }
}

enum reply_kind parser_take(struct parser *p, int64_t *integer, const char **raw, size_t *raw_len) {
    static _Thread_local char taken[4096];
    size_t end = value_end(p, 0, 0);
    size_t keep;
    enum reply_kind kind = REPLY_OTHER;
    const char *body;
    if (end == 0) return REPLY_NONE;
    if (end == (size_t)-1) return REPLY_BROKEN;
    switch (p->data[0]) {
    case ':': kind = REPLY_INTEGER; *integer = strtoll(p->data + 1, NULL, 10); break;
    case '+': kind = REPLY_TEXT; break;
    case '-': case '!': kind = REPLY_ERROR; break;
    case '_': kind = REPLY_NULL; break;
    case '>': kind = REPLY_PUSH; break;
    case '$':
        if (p->data[1] == '-') {
            kind = REPLY_NULL;
        } else {
            kind = REPLY_TEXT;
            body = memchr(p->data, '\n', end);
            *integer = strtoll(body + 1, NULL, 10);
        }
        break;
    default: break;
    }
    keep = end < sizeof taken ? end : sizeof taken;
    memcpy(taken, p->data, keep);
    if (raw) *raw = taken;
    if (raw_len) *raw_len = keep;
    memmove(p->data, p->data + end, p->len - end);
    p->len -= end;
    return kind;
}
