/* hiredis, as it is and with the adapter: the same driver, the same program. */
#define SCH_HIREDIS_TLS
#include "driver.h"
#include "support.h"

#include <pthread.h>
#include <sch_hiredis.h>
#include <stdio.h>

struct client {
    struct target target;
    bool with_sch;
    redisContext *context;
    sch_hiredis *sch;
    redisSSLContext *ssl;
    struct stats stats;
};

static void *client_open(const struct target *target, bool with_sch) {
    struct client *c = calloc(1, sizeof *c);
    c->target = *target;
    c->with_sch = with_sch;
    if (target->ca_file) {
        redisSSLContextError error;
        c->ssl = redisCreateSSLContext(target->ca_file, NULL, NULL, NULL, target->name, &error);
        if (!c->ssl) fprintf(stderr, "TLS: %s\n", redisSSLContextGetError(error));
    }
    return c;
}

static void *open_plain(const struct target *target) { return client_open(target, false); }
static void *open_sch(const struct target *target) { return client_open(target, true); }

static void add_stats(struct client *c) {
    if (!c->sch) return;
    c->stats.handoffs += c->sch->swapped;
    c->stats.handoffs_failed += c->sch->failed;
    c->stats.relaxed += c->sch->relaxed;
    c->stats.restored += c->sch->restored;
    c->stats.opened += c->sch->opened;
    if ((double)c->sch->duration_ns / 1e6 > c->stats.duration_ms) c->stats.duration_ms = (double)c->sch->duration_ns / 1e6;
    if ((double)c->sch->pause_ns / 1e6 > c->stats.pause_ms) c->stats.pause_ms = (double)c->sch->pause_ns / 1e6;
    c->sch->swapped = c->sch->failed = c->sch->relaxed = c->sch->restored = c->sch->opened = 0;
}

static void drop(struct client *c) {
    add_stats(c);
    if (c->context) redisFree(c->context);
    c->context = NULL;
    c->sch = NULL;
}

static bool connect_now(struct client *c, int timeout_ms) {
    struct timeval t = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    redisReply *reply;
    bool ok;
    c->context = redisConnectWithTimeout(c->target.host, c->target.port, t);
    if (!c->context || c->context->err) {
        drop(c);
        return false;
    }
    redisSetTimeout(c->context, t);
    if (c->ssl && redisInitiateSSLWithContext(c->context, c->ssl) != REDIS_OK) {
        drop(c);
        return false;
    }
    if (c->with_sch) {
        sch_config *config = NULL;
        sch_config_new(&config);
        sch_config_set_host(config, c->target.host, strlen(c->target.host));
        sch_config_set_port(config, (uint16_t)c->target.port);
        if (c->target.migration_window_ms)
            sch_config_set_migration_window_ms(config, (uint64_t)c->target.migration_window_ms);
        /* The simulator's nodes are addresses; with TLS the opt-in would ask for names that only a real DNS has. */
        sch_config_set_endpoint_type(config, SCH_ENDPOINT_INTERNAL_IP);
        c->sch = sch_hiredis_attach(c->context, config, c->ssl);
        sch_config_free(config);
        if (!c->sch) {
            drop(c);
            return false;
        }
    } else {
        c->stats.opened++;
    }
    reply = redisCommand(c->context, "HELLO 3");
    ok = reply && reply->type != REDIS_REPLY_ERROR;
    freeReplyObject(reply);
    if (!ok) drop(c);
    return ok;
}

static enum result client_command(void *client, int argc, const char **argv, int timeout_ms, int64_t *integer) {
    struct client *c = client;
    redisReply *reply;
    enum result result = RESULT_OK;
    if (!c->context && !connect_now(c, timeout_ms)) return RESULT_NO_CONNECTION;
    reply = redisCommandArgv(c->context, argc, argv, NULL);
    if (!reply) {
        bool timeout = c->context->err == REDIS_ERR_IO;
        drop(c);
        return timeout ? RESULT_TIMEOUT : RESULT_UNKNOWN;
    }
    if (reply->type == REDIS_REPLY_INTEGER) *integer = reply->integer;
    else if (reply->type == REDIS_REPLY_STRING) *integer = strtoll(reply->str, NULL, 10);
    else if (reply->type == REDIS_REPLY_ERROR) {
        result = RESULT_ERROR;
        if (!strncmp(reply->str, "SCHLOST", 7))
            result = strstr(reply->str, "did not run") || strstr(reply->str, "not executed") ? RESULT_NOT_RUN : RESULT_UNKNOWN;
    }
    freeReplyObject(reply);
    return result;
}

static void client_idle(void *client) {
    struct client *c = client;
    if (c->sch) sch_hiredis_turn(c->sch, 0);
}

static void client_stats(void *client, struct stats *out) {
    add_stats(client);
    *out = ((struct client *)client)->stats;
}

static void client_close(void *client) {
    struct client *c = client;
    drop(c);
    if (c->ssl) redisFreeSSLContext(c->ssl);
    free(c);
}

const struct driver driver_hiredis = {"hiredis", open_plain, client_command, client_idle, client_stats, client_close};
const struct driver driver_hiredis_sch = {"hiredis-sch", open_sch,     client_command,
                                          client_idle,   client_stats, client_close};
