/* One connection at level 3 for a thread with blocking sockets, as a member of a pool. */
#ifndef BLOCKING_H
#define BLOCKING_H

#include "driver.h"
#include "support.h"

#include <poll.h>
#include <sch.h>
#include <stdatomic.h>

/* What all connections of a program count together. */
struct tally {
    atomic_ullong opened, handoffs, handoffs_failed, relaxed, restored, mails, wakes;
    atomic_uint attempts, attempts_most; /* candidates that are opened and not ready: now, and the most ever */
};

enum { TRANSPORTS = 4 };

struct transport {
    uint64_t id; /* 0: free */
    int fd;
};

struct blocking {
    sch_conn *sch;
    struct tally *tally;
    struct transport transports[TRANSPORTS];
    struct parser parser;
    bool lost, never_written; /* the command that waits will have no reply */
    bool attempting;
    uint64_t restored_ns; /* when timeouts became as configured again */
};

/* Does what libsch asks for. After every input. */
void blocking_actions(struct blocking *b);
/* If there is mail, acts on it: before each command, and when woken. */
void blocking_mail(struct blocking *b);
/* For one that nobody read from for a while: if the server has closed it, libsch learns it before a command is written. */
void blocking_peek(struct blocking *b);
/* What to wait for: fills at most TRANSPORTS of `polls`, and shortens `*until`. */
size_t blocking_polls(struct blocking *b, struct pollfd *polls, uint64_t *until);
/* The same after poll(): reads, writes, and acts on what is due. */
void blocking_polled(struct blocking *b, const struct pollfd *polls, size_t count);
/* One round of a thread that owns the connection: waits at most until `until`, also for its waiter `wake`. */
void blocking_turn(struct blocking *b, int wake, uint64_t until);
/* Connects to one place, and has libsch make the session there. */
bool blocking_dial(struct blocking *b, int wake, const sch_place *place, uint64_t until);
/* A handoff is under way. */
bool blocking_hands_off(const struct blocking *b);
/* RESULT_NO_CONNECTION: nothing was written, dial and say it again. */
enum result blocking_command(struct blocking *b, int wake, int argc, const char **argv, int timeout_ms, int64_t *integer);
/* Leaves the pool, closes the sockets, frees. */
void blocking_end(struct blocking *b);

#endif
