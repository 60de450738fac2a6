/* A pool of connections that many threads share: taken out for some commands, then given back; nobody reads from those
 * that rest. libsch's pool (sch_pool) lets what one of them reads act for all. */
#ifndef POOL_H
#define POOL_H

#include "blocking.h"

#include <pthread.h>

struct slot {
    struct blocking conn; /* conn.sch NULL: closed, to be dialled when taken */
    bool resting;         /* nobody owns it */
    bool driven;          /* the caretaker owns it, for a handoff */
};

struct pool {
    sch_pool *sch;
    sch_config *config;
    int32_t unowned; /* SCH_UNOWNED_* */
    int dial_timeout_ms;
    struct tally tally;
    struct slot *slots;
    size_t size;

    pthread_mutex_t lock; /* of `rest`, and of who owns which slot */
    pthread_cond_t given;
    pthread_cond_t answered; /* an endpoint that refused answers again */
    uint64_t answers;
    size_t *rest, resting; /* the last given back is the next taken: the others rest for long */

    pthread_t caretaker;
    int wake; /* of the caretaker */
    uint32_t waiter;
    atomic_bool stop;
    atomic_uint dials, dials_most; /* handshakes of threads that need a connection: now, and the most ever */
    uint64_t maintenance[SCH_NOTIFICATION_SMIGRATED + 1]; /* MAINTENANCE events, by notification */
    uint64_t late, retired, driven;
};

/* A thread's eventfd, and its number with libsch. */
struct waiter {
    int fd;
    uint32_t id;
};

bool pool_open(struct pool *p, const struct target *target, size_t size, int32_t unowned);
/* Ends the caretaker: what it counted can be read. Then close. */
void pool_stop(struct pool *p);
void pool_close(struct pool *p);

bool waiter_open(struct pool *p, struct waiter *w);
void waiter_close(struct pool *p, struct waiter *w);

struct slot *pool_checkout(struct pool *p, const struct waiter *w);
void pool_checkin(struct pool *p, struct slot *slot);
/* Connects what has no connection (any more). */
bool pool_dial(struct pool *p, struct slot *slot, const struct waiter *w);
/* A command on a connection that is checked out; dials if need be. */
enum result pool_command(struct pool *p, struct slot *slot, const struct waiter *w, int argc, const char **argv,
                         int timeout_ms, int64_t *integer);

#endif
