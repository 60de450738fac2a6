/* What a driver with a pool of connections does for libsch:
 *
 *   checkout   sch_conn_take, and what the mail asks for
 *   checkin    sch_conn_give
 *   dial       where sch_pool_where_to_dial says, and tells how it went
 *   caretaker  one thread: sch_pool_tick, and the pool's events: RETIRE closes a connection that rests, HANDOFF moves it
 *
 * The rest is as for one connection: blocking.c.
 */
#include "pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

bool waiter_open(struct pool *p, struct waiter *w) {
    w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return w->fd >= 0 && sch_pool_add_waiter_fd(p->sch, w->fd, &w->id) == SCH_OK;
}

void waiter_close(struct pool *p, struct waiter *w) {
    while (sch_pool_remove_waiter(p->sch, w->id) == SCH_ERR_BUSY) {}
    close(w->fd);
}

/* Who owns a slot --------------------------------------------------------------------------------------------- */

static void rest(struct pool *p, struct slot *slot, bool next) {
    size_t index = (size_t)(slot - p->slots);
    pthread_mutex_lock(&p->lock);
    if (!next) memmove(p->rest + 1, p->rest, p->resting * sizeof *p->rest);
    p->rest[next ? p->resting : 0] = index;
    p->resting++;
    slot->resting = true;
    pthread_cond_signal(&p->given);
    pthread_mutex_unlock(&p->lock);
}

/* Takes this one, if nobody has. */
static bool unrest(struct pool *p, struct slot *slot) {
    size_t index = (size_t)(slot - p->slots), i;
    bool taken = false;
    pthread_mutex_lock(&p->lock);
    if (slot->resting) {
        for (i = 0; p->rest[i] != index; i++) {}
        memmove(p->rest + i, p->rest + i + 1, (p->resting - i - 1) * sizeof *p->rest);
        p->resting--;
        slot->resting = false;
        taken = true;
    }
    pthread_mutex_unlock(&p->lock);
    return taken;
}

struct slot *pool_checkout(struct pool *p, const struct waiter *w) {
    struct slot *slot;
    pthread_mutex_lock(&p->lock);
    while (p->resting == 0) pthread_cond_wait(&p->given, &p->lock);
    slot = &p->slots[p->rest[--p->resting]];
    slot->resting = false;
    pthread_mutex_unlock(&p->lock);
    if (slot->conn.sch) {
        sch_conn_take(slot->conn.sch, now_ns(), w->id);
        blocking_actions(&slot->conn);
        blocking_peek(&slot->conn);
    }
    return slot;
}

void pool_checkin(struct pool *p, struct slot *slot) {
    /* A handoff that is under way goes on: HANDOFF is told, and the caretaker takes it. Here nothing waits for it. */
    if (slot->conn.sch) {
        sch_conn_give(slot->conn.sch, now_ns());
        blocking_actions(&slot->conn);
    }
    rest(p, slot, true);
}

/* Connections ------------------------------------------------------------------------------------------------- */

/* A connection that has none of its own yet joins the pool; its number in events is the slot's. */
static bool join(struct pool *p, struct slot *slot, const struct waiter *w) {
    struct blocking *b = &slot->conn;
    sch_status status;
    memset(b, 0, sizeof *b);
    b->tally = &p->tally;
    pthread_mutex_lock(&p->lock); /* a config is for one thread at a time */
    status = sch_conn_new(SCH_ABI_VERSION, p->config, &b->sch);
    pthread_mutex_unlock(&p->lock);
    if (status != SCH_OK) return false;
    if (sch_conn_join(b->sch, now_ns(), p->sch, p->unowned, (uint64_t)(slot - p->slots), NULL, 0) == SCH_OK &&
        sch_conn_take(b->sch, now_ns(), w->id) == SCH_OK)
        return true;
    blocking_end(b);
    return false;
}

/* Another thread tries what refused. If it answers, an event says so, which may be long before `until`. */
static void await_answer(struct pool *p, uint64_t answers, uint64_t until) {
    struct timespec t = {(time_t)(until / 1000000000u), (long)(until % 1000000000u)};
    pthread_mutex_lock(&p->lock);
    while (p->answers == answers && pthread_cond_timedwait(&p->answered, &p->lock, &t) == 0) {}
    pthread_mutex_unlock(&p->lock);
}

static uint64_t answers_so_far(struct pool *p) {
    uint64_t answers;
    pthread_mutex_lock(&p->lock);
    answers = p->answers;
    pthread_mutex_unlock(&p->lock);
    return answers;
}

static bool dial_places(struct pool *p, struct slot *slot, const struct waiter *w, uint64_t until) {
    sch_place places[4];
    size_t count = 0, i;
    uint64_t retry = 0, answers = answers_so_far(p);
    if (sch_pool_where_to_dial(p->sch, now_ns(), places, 4, &count, &retry) != SCH_OK) {
        await_answer(p, answers, retry < until ? retry : until);
        return false;
    }
    for (i = 0; i < count; i++) {
        bool ok = blocking_dial(&slot->conn, w->fd, &places[i], until);
        sch_pool_dial_result(p->sch, now_ns(), places[i].host, places[i].host_len, places[i].port, ok);
        if (ok) return true;
    }
    poll(NULL, 0, 10); /* all refuse: do not try as fast as they do */
    return false;
}

bool pool_dial(struct pool *p, struct slot *slot, const struct waiter *w) {
    uint64_t until = now_ns() + (uint64_t)p->dial_timeout_ms * 1000000u;
    unsigned now, seen;
    bool ok = false;
    if (!slot->conn.sch && !join(p, slot, w)) return false;
    now = atomic_fetch_add(&p->dials, 1) + 1;
    seen = atomic_load(&p->dials_most);
    while (now > seen && !atomic_compare_exchange_weak(&p->dials_most, &seen, now)) {}
    while (!ok && now_ns() < until) ok = dial_places(p, slot, w, until);
    atomic_fetch_sub(&p->dials, 1);
    return ok;
}

enum result pool_command(struct pool *p, struct slot *slot, const struct waiter *w, int argc, const char **argv,
                         int timeout_ms, int64_t *integer) {
    enum result result = RESULT_NO_CONNECTION;
    if (slot->conn.sch) result = blocking_command(&slot->conn, w->fd, argc, argv, timeout_ms, integer);
    if (result == RESULT_NO_CONNECTION && pool_dial(p, slot, w))
        result = blocking_command(&slot->conn, w->fd, argc, argv, timeout_ms, integer);
    return result;
}

/* The caretaker ----------------------------------------------------------------------------------------------- */

/* An event may be about a connection that this slot had before. */
static struct slot *slot_of(struct pool *p, const sch_pool_event *e) {
    struct slot *slot = &p->slots[e->user];
    uint64_t member = 0;
    if (!unrest(p, slot)) return NULL; /* a thread has it: it reads its mail itself */
    if (slot->conn.sch && sch_conn_member(slot->conn.sch, &member) == SCH_OK && member == e->member) return slot;
    rest(p, slot, false);
    return NULL;
}

static void retire(struct pool *p, struct slot *slot) {
    blocking_end(&slot->conn);
    p->retired++;
    rest(p, slot, false);
}

static void event(struct pool *p, const sch_pool_event *e) {
    struct slot *slot;
    switch (e->kind) {
    case SCH_EVENT_MAINTENANCE:
        if (e->notification <= SCH_NOTIFICATION_SMIGRATED) p->maintenance[e->notification]++;
        break;
    case SCH_EVENT_RETIRE:
        if ((slot = slot_of(p, e))) retire(p, slot);
        break;
    case SCH_EVENT_HANDOFF:
        if (!(slot = slot_of(p, e))) break;
        slot->driven = true;
        p->driven++;
        sch_conn_take(slot->conn.sch, now_ns(), p->waiter);
        blocking_actions(&slot->conn);
        break;
    case SCH_EVENT_BREAKER_CLOSED:
        pthread_mutex_lock(&p->lock);
        p->answers++;
        pthread_cond_broadcast(&p->answered);
        pthread_mutex_unlock(&p->lock);
        break;
    case SCH_EVENT_LATE: p->late += e->count; break;
    default: break;
    }
}

/* Gives back the ones whose handoff is over, and says what the others wait for. */
static size_t gather(struct pool *p, struct pollfd *polls, size_t *counts, uint64_t *until) {
    size_t i, n = 0;
    for (i = 0; i < p->size; i++) {
        struct slot *slot = &p->slots[i];
        counts[i] = 0;
        if (!slot->driven) continue;
        if (blocking_hands_off(&slot->conn)) {
            n += counts[i] = blocking_polls(&slot->conn, polls + n, until);
            continue;
        }
        slot->driven = false;
        sch_conn_give(slot->conn.sch, now_ns());
        rest(p, slot, false);
    }
    return n;
}

static void *caretaker(void *argument) {
    struct pool *p = argument;
    struct pollfd *polls = calloc(p->size * TRANSPORTS + 1, sizeof *polls);
    size_t *counts = calloc(p->size, sizeof *counts), i, n;
    sch_pool_event e;
    memset(&e, 0, sizeof e);
    e.struct_size = sizeof e;
    while (!atomic_load(&p->stop)) {
        uint64_t until = UINT64_MAX, wake = 0, now, count;
        struct pollfd *of = polls;
        bool has = false;
        int timeout = -1;
        n = gather(p, polls, counts, &until);
        if (sch_pool_next_deadline(p->sch, &has, &wake) == SCH_OK && has && wake < until) until = wake;
        now = now_ns();
        if (until != UINT64_MAX) timeout = until > now ? (int)((until - now + 999999) / 1000000) : 0;
        polls[n] = (struct pollfd){p->wake, POLLIN, 0};
        poll(polls, (nfds_t)n + 1, timeout);
        if (polls[n].revents && read(p->wake, &count, sizeof count) < 0) continue;
        for (i = 0; i < p->size; of += counts[i++]) /* `driven` is written by this thread alone */
            if (p->slots[i].driven) blocking_polled(&p->slots[i].conn, of, counts[i]);
        sch_pool_tick(p->sch, now_ns());
        while (sch_pool_poll_event(p->sch, &e) == SCH_OK) event(p, &e);
    }
    free(polls);
    free(counts);
    return NULL;
}

/* The whole --------------------------------------------------------------------------------------------------- */

bool pool_open(struct pool *p, const struct target *target, size_t size, int32_t unowned) {
    pthread_condattr_t monotonic;
    struct waiter w;
    size_t i;
    memset(p, 0, sizeof *p);
    p->unowned = unowned;
    p->size = size;
    p->dial_timeout_ms = 2000;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->given, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->answered, &monotonic);
    p->slots = calloc(size, sizeof *p->slots);
    p->rest = calloc(size, sizeof *p->rest);
    sch_config_new(&p->config);
    sch_config_set_host(p->config, target->host, strlen(target->host));
    sch_config_set_port(p->config, (uint16_t)target->port);
    sch_config_set_handshake(p->config, SCH_HANDSHAKE_BY_LIBSCH);
    if (sch_pool_new(SCH_ABI_VERSION, p->config, &p->sch) != SCH_OK || !waiter_open(p, &w)) return false;
    p->wake = w.fd;
    p->waiter = w.id;
    for (i = 0; i < size; i++) {
        p->slots[i].resting = true;
        p->rest[p->resting++] = i;
    }
    return sch_pool_watch(p->sch, p->waiter) == SCH_OK && pthread_create(&p->caretaker, NULL, caretaker, p) == 0;
}

void pool_stop(struct pool *p) {
    uint64_t one = 1;
    atomic_store(&p->stop, true);
    if (write(p->wake, &one, sizeof one) != sizeof one) abort();
    pthread_join(p->caretaker, NULL);
}

void pool_close(struct pool *p) {
    struct waiter w = {p->wake, p->waiter};
    size_t i;
    for (i = 0; i < p->size; i++)
        if (p->slots[i].conn.sch) blocking_end(&p->slots[i].conn);
    waiter_close(p, &w);
    sch_pool_free(p->sch);
    sch_config_free(p->config);
    free(p->slots);
    free(p->rest);
}
