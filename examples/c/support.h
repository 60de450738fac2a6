/* Small things that every client here needs: time, sockets, a command, a reply. None of it is libsch. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t now_ns(void);

/* A non-blocking socket that connects to host:port; -1 if that failed at once. */
int connect_start(const char *host, size_t host_len, int port);
/* 0 if the connect of `fd` has succeeded, else an errno. */
int connect_result(int fd);
/* The peer of `fd` as "ip:port"; its length. */
size_t peer_text(int fd, char *out, size_t cap);

/* One command as RESP; its length. The words must fit. */
size_t encode_command(char *out, size_t cap, int argc, const char **argv);

/* Replies, one at a time, from any pieces of a stream. */
struct parser {
    char *data;
    size_t len, cap;
};
enum reply_kind { REPLY_NONE, REPLY_INTEGER, REPLY_TEXT, REPLY_ERROR, REPLY_NULL, REPLY_OTHER, REPLY_PUSH, REPLY_BROKEN };
void parser_feed(struct parser *parser, const void *data, size_t len);
/* Takes the first whole reply off. `integer` is set for integers and numeric text; `raw_len` is its length and
 * `raw` its bytes, until the next call. */
enum reply_kind parser_take(struct parser *parser, int64_t *integer, const char **raw, size_t *raw_len);
void parser_reset(struct parser *parser);
void parser_free(struct parser *parser);

#endif
