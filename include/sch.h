/*
 * sch.h - libsch 0.1.0: smart client handoffs for Redis connections
 *
 * A Redis service that is about to fail over, to move an endpoint or to migrate slots tells its clients so, by RESP3
 * push notifications, if they have opted in. libsch is the part of a client that reacts: it opts in, relaxes timeouts while
 * maintenance goes on, opens the new connection before the old one goes, rebuilds the session there (AUTH, SELECT,
 * subscriptions, ...), drains the old one, moves commands over, and accounts for every reply that will never come.
 *
 * libsch is sans-IO. It opens no socket, starts no thread, reads no clock, and blocks nowhere. You own the socket, TLS, the
 * parser and the event loop. You tell it what happened (an input, with the time), and then ask what to do (actions).
 *
 * LEVELS
 *
 * How much passes through libsch is your choice, per connection (sch_config_set_level_in, sch_config_set_level_out):
 *
 *   1 notified  in: notified, out: notified. You hand over pushes (sch_conn_push), say how many commands are in flight
 *               (sch_conn_in_flight), stop at HOLD, and make the candidate's handshake yourself (then sch_conn_ready).
 *   2 tapped    in: tapped, out: tapped. Bytes received go through sch_conn_receive, which swallows the notifications; you
 *               say how many replies each write is owed (sch_conn_owe). HOLD and handshakes as at level 1.
 *   3 managed   in: tapped, out: managed (the default). Commands go through sch_conn_submit too. libsch numbers them, holds
 *               them during a handoff, rebuilds the session, and flushes them afterwards. You only move bytes.
 *
 * Below level 3 the two directions may differ. HOLD, fences and handshakes are as at level 1; who counts is not:
 *
 *   in tapped, out notified   You keep a counter, and no more. Say sch_conn_in_flight with each write, before its reply is
 *               received: so many replies are owed now. One is owed until sch_conn_receive has taken all of it: what you have read
 *               and not given yet counts, what your parser has still before it does not; nor does the reply to SEND_OPTIN, whose
 *               data you write after all that you have counted and before what you count next. Libsch takes one off for each reply,
 *               and swallows that one. What you say sets the count anew: so you may take off a command that ended without a reply
 *               (a push confirmed SUBSCRIBE). A handshake needs no count: until the first sch_conn_ready of a transport replies only
 *               pass; but what is owed still when you say that, count before. After it, a reply that is not counted ends handoffs
 *               here (SCH_OFF uncounted). LOST tells in `count` what was owed; its numbers count what sch_conn_in_flight has added.
 *   in notified, out tapped   You know your commands. Say sch_conn_owe with each write: it adds to the count; and
 *               sch_conn_in_flight as replies come, and always when nothing is owed any more: it sets the count anew. The drain
 *               ends when you say 0. What you write to a candidate is not counted: sch_conn_ready says that it is answered. The
 *               reply to SEND_OPTIN is yours to report, and what a lost transport owed yours to tell, as at level 1.
 *
 * THE RUN LOOP (level 3)
 *
 *     sch_conn *c;                      // sch_conn_new(SCH_ABI_VERSION, config, &c)
 *     sch_dial d = { .struct_size = sizeof d };
 *     sch_conn_dial(c, now(), 0, &d);   // where to; then connect a socket to d.host, d.port
 *     sch_conn_connected(c, now(), d.transport, "10.0.0.7:6379", 13);
 *
 *     for (;;) {
 *         sch_action a = { .struct_size = sizeof a };
 *         while (sch_conn_poll_action(c, &a) == SCH_OK)        // 1. do what is asked, in order
 *             switch (a.kind) {
 *             case SCH_ACTION_OPEN:    start_connect(a.transport, a.host, a.port); break;  // later: connected, connect_failed
 *             case SCH_ACTION_CLOSE:   close_socket(a.transport); break;
 *             case SCH_ACTION_SWAP:    use_socket(a.transport); sch_conn_swapped(c, now()); break;
 *             case SCH_ACTION_RELAX:
 *             case SCH_ACTION_RESTORE: rearm_timeouts(); break;  // with sch_conn_effective_timeout_ms
 *             case SCH_ACTION_LOST:    fail_callers(a.first, a.count, a.outcome); sch_conn_losses_settled(c, now()); break;
 *             case SCH_ACTION_HAND_BACK: fail_or_keep(a.first, a.count, a.data, a.data_len); break;
 *             case SCH_ACTION_RESET_PARSER: parser_reset(); break;
 *             case SCH_ACTION_RESUME:  submit_the_rest(); break;
 *             default: break;                                  // WRITE, FLUSH: step 2 does it; others: log them
 *             }
 *         sch_wait w[3]; size_t n;
 *         sch_conn_wait_on(c, w, 3, &n);                       // 2. write what libsch wants written
 *         for (size_t i = 0; i < n; i++) {
 *             const uint8_t *p; size_t len;
 *             sch_conn_region(c, w[i].transport, &p, &len);    //    behind your own unwritten bytes for it
 *             if (len) sch_conn_wrote(c, now(), w[i].transport, write_some(w[i].transport, p, len));
 *         }
 *         wait_for_sockets(w, n, deadline(c));                 // 3. sleep, until sch_conn_next_deadline
 *         sch_conn_tick(c, now());
 *         // 4. what was read: until all is consumed, draining the actions in between
 *         //      sch_conn_receive(c, now(), transport, data, len, spans, 16, &consumed, &count)
 *         //      and give the spans to the parser (sch_conn_receive_with: one struct, for languages where arguments and calls
 *         //      are costly; it says whether to drain, and the deadline);
 *         //    what was closed: sch_conn_closed, with the submitted bytes that were not written;
 *         //    new commands: sch_conn_submit(c, now(), data, len, &s), then write s.write_now bytes to s.transport.
 *     }
 *
 * Drain the actions after every input. Write in this order to each transport: what submit gave you, then its region; as long
 * as the region is not empty, submit adds to it instead of giving you bytes. Replies come in the order of commands, also
 * over a swap: give the spans of the new transport to the same parser after those of the old.
 *
 * Time is any monotonic count of nanoseconds with an origin of your own. A step back is clamped and counted.
 *
 * THE VOCABULARY
 *
 * The level is that of what goes out, or, where it says "in", of what comes in (tapped at levels 2 and 3).
 *
 * ## Actions (`SCH_ACTION_...`)
 *
 * | action | level | answer | if never answered |
 * |---|---|---|---|
 * | RELAX | 1 2 3 | none | |
 * | RESTORE | 1 2 3 | none | |
 * | WRITE | 3 | `wrote` | nothing more is written there; an attempt fails at its time, a handshake waits |
 * | OPEN | 1 2 3 | `connected`, `connect_failed` | the attempt fails at `deadline_ns`, CLOSE follows |
 * | HOLD | 1 2 | `held` | the swap waits; at deadline + drain_grace the old transport is given up |
 * | SWAP | 1 2 3 | `swapped`, `swap_refused` | after hold_timeout + drain_grace it counts as refused, RELEASE or FLUSH follows |
 * | FLUSH | 3 | `wrote` | the commands stay unwritten; later ones queue behind them |
 * | RELEASE | 1 2 | none | |
 * | CLOSE | 1 2 3 | none | libsch has forgotten it: the socket leaks |
 * | LOST | in 2 | `losses_settled` | with on_loss = report: no SWAP comes, the handoff fails; `receive` on the next transport is refused |
 * | HAND_BACK | 3 | none | |
 * | RESUME | 3 | none | |
 * | RESET_PARSER | in 2 | none | the parser joins two replies that do not belong together |
 * | TRANSACTION_BROKEN | 1 2 | none | |
 * | SEND_OPTIN | 1 2 | in 1: `optin_reply`; in 2: none | SCH stays inactive here; a candidate fails at its time |
 * | NEED_CREDENTIALS | 3 | `credentials` | the attempt fails at its time |
 * | OVERDUE | 1 2 3 | none | |
 * | HANDOFF_FINISHED | 1 2 3 | none | |
 * | SCH_OFF | 1 2 3 | none | |
 * | SLOTS_MOVED | 1 2 3 | none | |
 * | RELOAD_SLOTS | 1 2 3 | none | |
 *
 * ## Inputs (`sch_conn_...`)
 *
 * | input | level | when | if never said |
 * |---|---|---|---|
 * | `dial`, `dial_to` | 1 2 3 | before the first connect and each reconnect | there is no transport |
 * | `connected` | 1 2 3 | a transport of `dial` or OPEN is up | as `connect_failed` |
 * | `connect_failed` | 1 2 3 | it could not be connected | the attempt fails at its time; eight dials are the limit |
 * | `closed` | 1 2 3 | a socket is closed by the peer or by an error | replies are awaited that never come |
 * | `receive`, `receive_with` | in 2 | bytes came in | nothing happens |
 * | `push`, `push_begin` .. `push_end` | in 1 | the parser met a push | nothing happens |
 * | `submit` | 3 | commands are to be sent | a command behind its back cannot be counted: never do it |
 * | `wrote` | 3 | bytes of a region were written | the same bytes are offered again |
 * | `ready` | 1 2 (3) | your handshake is done, in RESP3 | no opt-in (levels 1 and 2) |
 * | `resp2` | 1 2 | your handshake ended in RESP2 | the opt-in is never made |
 * | `optin_reply` | in 1 | a reply to SEND_OPTIN | SCH stays inactive |
 * | `in_flight` | 1, in 1 | in 1: before `held` (out 1), and at 0; in 2: with each write | level 1: the swap comes too early, replies are lost; in 2: handoff goes off; out 2: the drain does not end |
 * | `owe`, `owe_on` | 2 | commands were written | replies cannot be counted: handoff goes off |
 * | `fence` | 1 2 | a transaction, a blocking command ... begins or ends | the swap may tear it apart |
 * | `held` | 1 2 | answer to HOLD | see HOLD |
 * | `swapped` | 1 2 3 | answer to SWAP | see SWAP |
 * | `swap_refused` | 1 2 3 | answer to SWAP | see SWAP |
 * | `losses_settled` | in 2 | every LOST has been told to its caller | see LOST |
 * | `credentials` | 3 | there are newer ones, or NEED_CREDENTIALS | see NEED_CREDENTIALS |
 * | `cancel` | 3 | a caller gave up | the command is written if it can be |
 * | `tick` | 1 2 3 | the deadline has come | windows and attempts do not end |
 * | `close` | 1 2 3 | you are done with the connection | held commands are dropped by `free` |
 * | `join`, `leave` | 1 2 3 | it becomes, and ends to be, a member of a pool | it hears of its own node alone, and hands off at once |
 * | `take`, `give` | 1 2 3 | a user owns it from here, to there | it is owned: its owner must look for mail |
 *
 * An action that you do not know needs no answer: ignore it.
 *
 * POOLS
 *
 * A client with many connections makes one sch_pool for each database, and lets each connection join it (sch_conn_join, after
 * sch_conn_new). Then a notification that one connection read acts for all that are connected to the same node, also
 * for those that nobody reads from; their handoffs are spread over the time there is; an endpoint that refuses is tried by one
 * connection at a time; and a server that refused the opt-in is not asked again for a while.
 *
 * The talking is done by the inputs of each connection: what it read goes to the pool, what others read comes to it. You
 *
 *   1. look for mail: sch_conn_has_mail before you write, or a waiter for each thread or event loop (sch_pool_add_waiter_fd, an
 *      eventfd or pipe; or sch_pool_add_waiter, a callback), named when you take a connection. When woken, call sch_conn_tick
 *      on those of your connections that have mail, and drain their actions;
 *   2. say who owns it: sch_conn_give when a user gives it back to your pool of connections, sch_conn_take when one takes it out
 *      (a connection that has joined is taken; one that is never given back is fine);
 *   3. look after the pool, from one thread: sch_pool_tick at sch_pool_next_deadline, sch_pool_poll_event until SCH_EMPTY. Woken
 *      for both by the waiter of sch_pool_watch:
 *
 *          case SCH_EVENT_RETIRE:  if (is_idle(e.user)) close_it(e.user);        // nobody owns it: close, open when needed
 *          case SCH_EVENT_HANDOFF: if (check_out(e.user)) drive_until_finished(e.user);  // sch_conn_take, run loop, _give
 *          default: log it;
 *
 *   4. ask sch_pool_where_to_dial for each new connection, say sch_conn_dial_to in place of sch_conn_dial, and tell
 *      sch_pool_dial_result how it went.
 *
 * Every call on a pool may come from any thread at any time; none blocks. What it answers is copied into your memory. It may
 * answer SCH_ERR_NULL, SCH_ERR_ARGUMENT, SCH_ERR_BUSY (while it is being freed) and SCH_ERR_PANIC (a defect: the pool goes on).
 * Wake-ups come when no lock is held, perhaps once too often; from a callback you may call the pool, but of the connection whose
 * call woke it every call answers SCH_ERR_BUSY, and so does sch_pool_free. To see why a member was told or granted something, or
 * not: sch_pool_set_log.
 *
 * CLUSTERS
 *
 * A client of a Redis cluster makes one sch_cluster. It holds the slot map: load it with the reply to CLUSTER SLOTS or CLUSTER
 * SHARDS (sch_cluster_load_slots, sch_cluster_load_shards; say sch_cluster_reload_started before you ask), and look up
 * sch_cluster_owner_of_key for each command: a number that stays while the address of the node does, to keep your connections
 * by; sch_cluster_node has the address. To keep it true, hand over
 *
 *   1. what any connection tells: at SCH_ACTION_SLOTS_MOVED sch_cluster_slots_moved, at SCH_ACTION_RELOAD_SLOTS
 *      sch_cluster_reload_asked; or each push as it came, sch_cluster_push;
 *   2. what servers answer: sch_cluster_redirected with the text of an error, or sch_cluster_moved;
 *
 * call sch_cluster_tick at sch_cluster_next_deadline, and poll after every input, from any thread:
 *
 *     sch_cluster_action a = { .struct_size = sizeof a };
 *     while (sch_cluster_poll_action(k, &a, moves, 1024, ranges, 16384) == SCH_OK)
 *         switch (a.kind) {
 *         case SCH_CLUSTER_SLOTS_MOVED: break;                              // the map has it; you may want to know
 *         case SCH_CLUSTER_DIAL_NODE:   open_connections(a.node, a.host, a.port); break;  // or when they are needed
 *         case SCH_CLUSTER_MOVE_SUBSCRIPTIONS: ssubscribe_on(a.node, ranges, a.ranges_len); break;
 *         case SCH_CLUSTER_DRAIN_NODE:  close_when_nothing_is_owed(a.node); break;
 *         case SCH_CLUSTER_RELOAD_SLOTS: ask_for_the_map(a.host, a.port, a.has_seq, a.seq); break;  // load, or reload_failed
 *         default: break;
 *         }
 *
 * An SMIGRATED acts once, however many nodes tell it. A slot is patched where the map still names the source of the move as its
 * owner; where it does not, or where a server says MOVED, one RELOAD_SLOTS follows, spread over SCH_CLUSTER_TIME_RELOAD_JITTER
 * and repeated until a map is loaded. Where addresses are translated, sch_cluster_map_address says how. Like a pool, a cluster
 * may be used by all threads at once and copies what it answers; owners are looked up without a lock; sch_cluster_last_error
 * has the text of the last call that failed, sch_cluster_set_log what became of each SMIGRATED and reload.
 *
 * OWNERSHIP AND LIFETIMES
 *
 * sch_config, sch_conn, sch_pool and sch_cluster are the only things that you free. What goes in is copied before the call returns, except the data
 * of sch_conn_receive and sch_conn_receive_with, into which the spans point. What comes out (action, dial, region, span, text) is borrowed until the
 * next call on that handle that takes a pointer without const; calls that take a const handle change nothing. Text from libsch
 * is UTF-8 with a length, and has a NUL after it. A call that fails leaves its outputs untouched, and the connection as it was.
 *
 * POINTERS
 *
 * Bytes and text come in as pointer and length; (NULL, 0) is empty. NULL with a length, or NULL where an output goes, is
 * SCH_ERR_NULL. A handle is one that _new gave and that was not freed; a NULL handle is SCH_ERR_NULL, never a crash. Other
 * pointers must be valid for what is read or written there: this the library cannot check. A bool is 0 or 1.
 *
 * THREADS
 *
 * sch_pool and sch_cluster may be used by all threads at once. A sch_config may be used by several at once where it is const: they
 * make connections, pools and clusters from one; while one call changes it, any other on it is refused with SCH_ERR_BUSY, and the other way
 * round. Of all else: one call at a time on a handle; it may come from any thread. A second call meanwhile, also one from inside its log
 * callback, is refused with SCH_ERR_BUSY and does nothing. Different handles know nothing of each other; there are no globals.
 *
 * GROWTH
 *
 * A struct with struct_size grows at its end. Set struct_size to its sizeof (initialise the rest with 0) before the call; the
 * library writes no further than that, and fields that it does not know stay as they were. Smaller than in version 0.1 is
 * SCH_ERR_STRUCT_SIZE. Structs that come in arrays (sch_span, sch_wait, sch_slot_range, sch_cluster_move) never change. Numbers of actions,
 * reasons and statuses are never reused. sch_conn_new takes your SCH_ABI_VERSION: newer actions that need an answer are not
 * sent to hosts with an older header.
 *
 * STATUS
 *
 * 0 is SCH_OK; above 0 is ordinary (SCH_EMPTY: nothing to give; SCH_MORE: an array is too small); below 0 is an error that changed nothing, and
 * sch_conn_last_error says what to do; SCH_ERR_FATAL and below ends the handle. Every call on a handle may answer:
 *
 *   SCH_ERR_NULL, SCH_ERR_ARGUMENT  the caller's mistake
 *   SCH_ERR_BUSY                    see THREADS
 *   SCH_ERR_CLOSED                  an input after sch_conn_close
 *   SCH_ERR_NO_MEMORY               there is no memory for it: make the same call again when there is
 *   SCH_ERR_PANIC                   a defect of libsch showed: the handle is poisoned, the log callback gets its text
 *   SCH_ERR_POISONED                it was poisoned before: only sch_conn_salvage and sch_conn_free work
 *
 * COUNTERS
 *
 * sch_conn_counters fills what OpenTelemetry names. Add what it has grown by since you asked last:
 *
 *   redis.client.maintenance.notifications   notifications_*; of them duplicate, stale and malformed are parts, not more
 *   redis.client.connection.relaxed_timeout  + relaxed, - restored: an up-down counter of relaxed connections
 *   redis.client.connection.handoff          handoffs_swapped; the others by outcome, handoffs_failed and so on
 *
 * sch_pool_counters and sch_pool_endpoint_counters have what concerns all members: for these metrics count connections or the
 * pool, not both.
 *
 * LIMITS
 *
 * Whatever grows has a limit with a name: SCH_LIMIT_*, set by sch_config_set_limit. Beyond it a call answers SCH_ERR_LIMIT, or
 * libsch does without and counts it (sch_counters). Times are at most a day.
 */

/* Generated from src/ffi. Do not edit. */

#ifndef SCH_H
#define SCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Done.
 */
#define SCH_OK 0

/**
 * There is nothing to give: no action, no deadline, no further place to dial. Outputs are untouched.
 */
#define SCH_EMPTY 1

/**
 * An array of yours is too small for what there is to give: it stays, and the lengths in the struct say how many it takes.
 */
#define SCH_MORE 2

/**
 * A pointer is NULL that must not be, or has a length and is NULL.
 */
#define SCH_ERR_NULL -1

/**
 * A value is out of its range: an unknown number, a length above PTRDIFF_MAX, text that is not UTF-8 or has a NUL in it.
 */
#define SCH_ERR_ARGUMENT -2

/**
 * `struct_size` is not set, or smaller than the struct was in version 0.1.
 */
#define SCH_ERR_STRUCT_SIZE -3

/**
 * The header is newer than the library: its `SCH_ABI_VERSION` is not known here.
 */
#define SCH_ERR_ABI -4

/**
 * The settings cannot work; `sch_config_problem` says why.
 */
#define SCH_ERR_CONFIG -5

/**
 * The transport is none of this connection's, or is gone.
 */
#define SCH_ERR_UNKNOWN_TRANSPORT -6

/**
 * The call does not fit the state; `sch_conn_last_error` says what to do.
 */
#define SCH_ERR_UNEXPECTED -7

/**
 * The call belongs to another level of embedding.
 */
#define SCH_ERR_WRONG_LEVEL -8

/**
 * There is no transport, and no handoff to wait for.
 */
#define SCH_ERR_NOT_CONNECTED -9

/**
 * `sch_conn_close` was called: only actions that wait can still be polled.
 */
#define SCH_ERR_CLOSED -10

/**
 * More bytes were reported as written than the region holds.
 */
#define SCH_ERR_WROTE_TOO_MUCH -11

/**
 * A limit was reached; `sch_conn_last_error` names it.
 */
#define SCH_ERR_LIMIT -12

/**
 * The bytes are not one whole RESP3 push.
 */
#define SCH_ERR_NOT_A_PUSH -13

/**
 * The handle is in use: a call from inside its log callback, or from another thread. Nothing was done.
 */
#define SCH_ERR_BUSY -14

/**
 * The bytes are no reply to CLUSTER SLOTS or SHARDS, or one without slots: `sch_cluster_last_error` says which.
 */
#define SCH_ERR_NOT_A_SLOT_MAP -15

/**
 * There is no memory for what the call takes. Nothing of it was done, nothing was made: make the same call again when there is
 * memory. What a host or a server sizes is asked for in this way. Some of what is small and bounded by a limit is not: without
 * memory for that, the process is aborted.
 */
#define SCH_ERR_NO_MEMORY -16

/**
 * The end of the handle begins here: statuses at or below this number mean that it can only be salvaged and freed.
 */
#define SCH_ERR_FATAL -100

/**
 * A defect of libsch showed in this call. The handle is poisoned from now on.
 */
#define SCH_ERR_PANIC -101

/**
 * A defect showed in an earlier call. Only `sch_conn_salvage` and `_free` work.
 */
#define SCH_ERR_POISONED -102

/**
 * Major version.
 */
#define SCH_VERSION_MAJOR 0

/**
 * Minor version.
 */
#define SCH_VERSION_MINOR 1

/**
 * Patch version.
 */
#define SCH_VERSION_PATCH 0

/**
 * The number of this header, for `sch_conn_new`. It grows when actions or fields are added; old numbers stay good.
 */
#define SCH_ABI_VERSION 1

/**
 * No log.
 */
#define SCH_LOG_NONE 0

/**
 * Something did not work and a user may notice.
 */
#define SCH_LOG_ERROR 1

/**
 * Something is odd and was dealt with.
 */
#define SCH_LOG_WARN 2

/**
 * A maintenance step.
 */
#define SCH_LOG_INFO 3

/**
 * All else.
 */
#define SCH_LOG_DEBUG 4

/**
 * Bytes of the longest line of a pool or a cluster, with its NUL. What would be longer is cut and ends in three dots.
 */
#define SCH_LINE_SIZE 1024

/**
 * You state what you do; libsch sees notifications only.
 */
#define SCH_LEVEL_NOTIFIED 1

/**
 * Libsch sees the bytes; you say how many replies are owed.
 */
#define SCH_LEVEL_TAPPED 2

/**
 * Commands go through libsch too.
 */
#define SCH_LEVEL_MANAGED 3

/**
 * Never opts in.
 */
#define SCH_MODE_DISABLED 0

/**
 * Opts in, and does without if the server refuses.
 */
#define SCH_MODE_AUTO 1

/**
 * Opts in, and a refusal is fatal for the connection.
 */
#define SCH_MODE_ENABLED 2

/**
 * Judged from the peer's address and TLS.
 */
#define SCH_ENDPOINT_AUTO 0

/**
 * An address of the private network.
 */
#define SCH_ENDPOINT_INTERNAL_IP 1

/**
 * A name that resolves in the private network.
 */
#define SCH_ENDPOINT_INTERNAL_FQDN 2

/**
 * A public address.
 */
#define SCH_ENDPOINT_EXTERNAL_IP 3

/**
 * A public name.
 */
#define SCH_ENDPOINT_EXTERNAL_FQDN 4

/**
 * No endpoint: back to the configured address.
 */
#define SCH_ENDPOINT_NONE 5

/**
 * LOST names them; libsch goes on at `sch_conn_losses_settled`.
 */
#define SCH_ON_LOSS_REPORT 1

/**
 * LOST carries an error reply for each.
 */
#define SCH_ON_LOSS_REPLY 2

/**
 * Your stream is to be closed.
 */
#define SCH_ON_LOSS_CLOSE 3

/**
 * The server's close.
 */
#define SCH_BLOCKING_WAIT_FOR_CLOSE 1

/**
 * The swap, at the deadline and `drain_grace`.
 */
#define SCH_BLOCKING_SWAP 2

/**
 * You make it, libsch watches it.
 */
#define SCH_HANDSHAKE_SEEN 1

/**
 * Libsch makes it, from the settings.
 */
#define SCH_HANDSHAKE_BY_LIBSCH 2

/**
 * All.
 */
#define SCH_POLICY_ANY 1

/**
 * Names in the domain of the configured host.
 */
#define SCH_POLICY_CONFIGURED_DOMAIN 2

/**
 * What `sch_config_allow_endpoint` adds, nothing else.
 */
#define SCH_POLICY_LIST 3

/**
 * Nesting of replies. 32; servers send 4 or 5. At most 64.
 */
#define SCH_LIMIT_MAX_REPLY_DEPTH 1

/**
 * Bytes of one string of a reply. 512 MiB, the server's own limit.
 */
#define SCH_LIMIT_MAX_REPLY_BULK 2

/**
 * Bytes of one line of a reply. 64 KiB.
 */
#define SCH_LIMIT_MAX_REPLY_LINE 3

/**
 * Elements of one array of a reply. 2^32.
 */
#define SCH_LIMIT_MAX_REPLY_ELEMENTS 4

/**
 * Arguments of one command. 1,048,576, the server's own limit.
 */
#define SCH_LIMIT_MAX_COMMAND_ARGS 5

/**
 * Bytes of one argument. 512 MiB, the server's default.
 */
#define SCH_LIMIT_MAX_COMMAND_BULK 6

/**
 * Bytes of an inline command. 64 KiB, as in the server.
 */
#define SCH_LIMIT_MAX_COMMAND_INLINE 7

/**
 * Bytes of arguments kept of one command that must be read. 64 KiB, thousands of channels.
 */
#define SCH_LIMIT_MAX_COMMAND_KEPT 8

/**
 * Bytes of a push that is buffered. 64 KiB; at least 1,024.
 */
#define SCH_LIMIT_MAX_PUSH_BYTES 9

/**
 * Bytes of a leading attribute kept back. 1 KiB.
 */
#define SCH_LIMIT_MAX_ATTRIBUTE_BYTES 10

/**
 * Bytes kept of a reply that libsch must read. 4 KiB, HELLO has 200; at least 256.
 */
#define SCH_LIMIT_MAX_REPLY_BYTES 11

/**
 * Held bytes. 16 MiB, one second of 128 Mbit/s. Of a command whose first part is held the rest is taken too; that part counts for
 * all that its argument announces.
 */
#define SCH_LIMIT_MAX_HELD_BYTES 12

/**
 * Held commands. 100,000.
 */
#define SCH_LIMIT_MAX_HELD_COMMANDS 13

/**
 * Commands written and not answered. 1,000,000, of 4 bytes each.
 */
#define SCH_LIMIT_MAX_IN_FLIGHT 14

/**
 * Open relaxed windows. 64, the oldest gives way; at least 1.
 */
#define SCH_LIMIT_MAX_WINDOWS 15

/**
 * Notifications remembered, to know duplicates. 64; at least 1.
 */
#define SCH_LIMIT_MAX_MARKS 16

/**
 * Bytes of session state to rebuild. 1 MiB, names of subscriptions above all.
 */
#define SCH_LIMIT_MAX_SESSION_BYTES 17

/**
 * Attempts of one handoff. 200, reached after three minutes.
 */
#define SCH_LIMIT_MAX_ATTEMPTS 18

/**
 * Messages remembered while two transports deliver. 1,024.
 */
#define SCH_LIMIT_MAX_OVERLAP_MESSAGES 19

/**
 * Bytes of them. 1 MiB.
 */
#define SCH_LIMIT_MAX_OVERLAP_BYTES 20

/**
 * Log lines kept until they are read; of a pool or a cluster, while its callback is busy. 1,024.
 */
#define SCH_LIMIT_MAX_LINES 21

/**
 * Members of a pool. 1,000,000, ten times the largest pool known; at least 1, as each limit of a pool.
 */
#define SCH_LIMIT_MAX_POOL_MEMBERS 41

/**
 * Events that wait to be polled from a pool. 1,024, whose room is taken at once; at most 65,536.
 */
#define SCH_LIMIT_MAX_POOL_EVENTS 42

/**
 * Notifications in force at one node of a pool; the oldest gives way. 64.
 */
#define SCH_LIMIT_MAX_POOL_FACTS 43

/**
 * Notifications remembered by a pool, to know duplicates; two for each node that told it. 256.
 */
#define SCH_LIMIT_MAX_POOL_MARKS 44

/**
 * MOVINGs under way in a pool; of the oldest all members may go on at once. 64.
 */
#define SCH_LIMIT_MAX_POOL_WAVES 45

/**
 * Endpoints with a breaker and counters; of those that work the oldest gives way. 256.
 */
#define SCH_LIMIT_MAX_POOL_ENDPOINTS 46

/**
 * Servers remembered as refusing the opt-in; the oldest gives way. 256.
 */
#define SCH_LIMIT_MAX_POOL_REFUSALS 47

/**
 * Moves that `sch_pool_where_to_dial` remembers; the oldest gives way. 8.
 */
#define SCH_LIMIT_MAX_POOL_MOVES 48

/**
 * Waiters of a pool. 65,536, one a thread.
 */
#define SCH_LIMIT_MAX_POOL_WAITERS 49

/**
 * Nodes of a cluster, replicas included. 4,096; at least 1.
 */
#define SCH_LIMIT_MAX_CLUSTER_NODES 61

/**
 * Replicas of one shard; more are left out. 16.
 */
#define SCH_LIMIT_MAX_CLUSTER_REPLICAS 62

/**
 * Bytes of a reply to CLUSTER SLOTS or SHARDS. 16 MiB, each slot apart with two replicas takes 4.
 */
#define SCH_LIMIT_MAX_CLUSTER_REPLY_BYTES 63

/**
 * Elements of one. 1,000,000.
 */
#define SCH_LIMIT_MAX_CLUSTER_REPLY_ELEMENTS 64

/**
 * Nesting of one. 8, servers send 4; at most 32.
 */
#define SCH_LIMIT_MAX_CLUSTER_REPLY_DEPTH 65

/**
 * SMIGRATED remembered by a cluster, to know duplicates. 64; at least 1.
 */
#define SCH_LIMIT_MAX_CLUSTER_MARKS 66

/**
 * SLOTS_MOVED that wait to be polled from a cluster; the oldest gives way. 64; at least 1.
 */
#define SCH_LIMIT_MAX_CLUSTER_EVENTS 67

/**
 * SMIGRATED kept during a reload; beyond, the map is loaded once more. 16.
 */
#define SCH_LIMIT_MAX_CLUSTER_REPLAY 68

/**
 * Entries of `sch_cluster_map_address`. 4,096.
 */
#define SCH_LIMIT_MAX_CLUSTER_ADDRESSES 69

/**
 * A reload that a cluster asks for waits for a random part of this. 200, so that clients do not ask together.
 */
#define SCH_CLUSTER_TIME_RELOAD_JITTER 1

/**
 * Reloads are at least this far apart. 1,000.
 */
#define SCH_CLUSTER_TIME_RELOAD_INTERVAL 2

/**
 * A reload that is not answered by then has failed. 10,000; above 0.
 */
#define SCH_CLUSTER_TIME_RELOAD_TIMEOUT 3

/**
 * First pause after a failed reload. 100; above 0.
 */
#define SCH_CLUSTER_TIME_BACKOFF_MIN 4

/**
 * Longest pause after failed reloads. 10,000.
 */
#define SCH_CLUSTER_TIME_BACKOFF_MAX 5

/**
 * Timeouts are at least `timeout_ms` from now on, also of commands in flight. `reason`: SCH_WINDOW_*. Needs no answer.
 */
#define SCH_ACTION_RELAX 1

/**
 * Timeouts are as configured again: of what waits now, from now on, as its reply may just be on its way. `reason`:
 * SCH_RESTORE_*. Needs no answer.
 */
#define SCH_ACTION_RESTORE 2

/**
 * Bytes of libsch wait in the region of `transport`. Answer: `sch_conn_wrote`.
 */
#define SCH_ACTION_WRITE 3

/**
 * Open `transport` to `host`:`port`, with TLS if `has_tls` (`tls_server_name`), try number `attempt`, until
 * `deadline_ns`. Answer: `sch_conn_connected` or `sch_conn_connect_failed`.
 */
#define SCH_ACTION_OPEN 4

/**
 * Levels 1 and 2: stop writing to `transport` at a command boundary. Answer: `sch_conn_held`.
 */
#define SCH_ACTION_HOLD 5

/**
 * Use `transport` instead of `old_transport` (0: that one has died). `flush_tracking`: client-side caches are void
 * (level 3; at levels 1 and 2 you know whether you have any).
 * Answer: `sch_conn_swapped` or `sch_conn_swap_refused`. Where the old one has died or is given up at deadline +
 * drain_grace, it comes without a HOLD.
 */
#define SCH_ACTION_SWAP 6

/**
 * Held commands `first`, `count` of them, wait in the region of `transport`; `count` 0: bytes of one that is not whole yet. Answer:
 * `sch_conn_wrote`.
 */
#define SCH_ACTION_FLUSH 7

/**
 * Levels 1 and 2: the hold has ended, write on, to `transport`. Needs no answer.
 */
#define SCH_ACTION_RELEASE 8

/**
 * Close `transport` and forget it. `reason`: SCH_CLOSE_*. Needs no answer.
 */
#define SCH_ACTION_CLOSE 9

/**
 * Commands `first`, `count` of them, will have no reply from a server. `outcome`: SCH_LOST_*; `command_class`:
 * SCH_CLASS_*; `data`: error replies for your parser (on_loss = reply), else empty; also empty where it is inside of a reply and
 * cannot be reset, and CLOSE follows. Answer: `sch_conn_losses_settled`.
 */
#define SCH_ACTION_LOST 10

/**
 * Held commands `first`, `count` of them, come back in `data`, whole, as never written. Needs no answer.
 */
#define SCH_ACTION_HAND_BACK 11

/**
 * `sch_conn_submit` takes commands again. Needs no answer.
 */
#define SCH_ACTION_RESUME 12

/**
 * Forget the reply that your parser has read in part. Needs no answer.
 */
#define SCH_ACTION_RESET_PARSER 13

/**
 * Levels 1 and 2: the transaction, or WATCH, that you stated as open did not survive its transport; its fence is closed. Needs no
 * answer.
 */
#define SCH_ACTION_TRANSACTION_BROKEN 14

/**
 * Levels 1 and 2: write `data` to `transport`. Where in is notified, give each of `replies` replies to `sch_conn_optin_reply`.
 */
#define SCH_ACTION_SEND_OPTIN 15

/**
 * The server did not accept the credentials on `transport`. Answer: `sch_conn_credentials`.
 */
#define SCH_ACTION_NEED_CREDENTIALS 16

/**
 * The deadline has come and the swap still waits for `waiting_for`: bits SCH_WAITING_*. Needs no answer.
 */
#define SCH_ACTION_OVERDUE 17

/**
 * A handoff is over. `outcome`: SCH_OUTCOME_*; `seq`, `duration_ns`, `pause_ns`, `attempt` (how many), `held`, `lost`.
 * Needs no answer.
 */
#define SCH_ACTION_HANDOFF_FINISHED 18

/**
 * SCH, or only its handoff, is off. `reason`: SCH_OFF_*; `fatal`: do not use the connection. Another one may come for another
 * reason, as when the handoff went first. Needs no answer.
 */
#define SCH_ACTION_SCH_OFF 19

/**
 * Slots have moved: `count` moves, each from `sch_conn_slot_move`; `seq`. Needs no answer.
 */
#define SCH_ACTION_SLOTS_MOVED 20

/**
 * Load the slot map again: not all of a notification could be read; `seq`. Needs no answer.
 */
#define SCH_ACTION_RELOAD_SLOTS 21

/**
 * MIGRATING.
 */
#define SCH_WINDOW_MIGRATION 1

/**
 * FAILING_OVER.
 */
#define SCH_WINDOW_FAILOVER 2

/**
 * SMIGRATING.
 */
#define SCH_WINDOW_SLOT_MIGRATION 3

/**
 * MOVING.
 */
#define SCH_WINDOW_MOVING 4

/**
 * The time after a swap.
 */
#define SCH_WINDOW_POST_HANDOFF 5

/**
 * The notification that ends the last window came.
 */
#define SCH_RESTORE_TERMINATED 1

/**
 * The last window came to its own end.
 */
#define SCH_RESTORE_EXPIRED 2

/**
 * SCH went off, or the connection was closed by you.
 */
#define SCH_RESTORE_ENDED 3

/**
 * The swap is done and its replies are in.
 */
#define SCH_CLOSE_SWAPPED 1

/**
 * The candidate failed.
 */
#define SCH_CLOSE_ATTEMPT_FAILED 2

/**
 * A newer MOVING made the candidate useless.
 */
#define SCH_CLOSE_SUPERSEDED 3

/**
 * The handoff ended without it.
 */
#define SCH_CLOSE_HANDOFF_ENDED 4

/**
 * You closed the connection.
 */
#define SCH_CLOSE_HOST_CLOSED 5

/**
 * Replies were lost and cannot be made good: close your own stream too.
 */
#define SCH_CLOSE_LOSS 6

/**
 * The opt-in was refused and the mode is `enabled`.
 */
#define SCH_CLOSE_OPTIN_REFUSED 7

/**
 * The handshake of libsch was refused.
 */
#define SCH_CLOSE_HANDSHAKE_FAILED 8

/**
 * Written, and the transport was lost before its reply: it may have run.
 */
#define SCH_LOST_UNKNOWN 1

/**
 * Queued in a transaction that was never executed.
 */
#define SCH_LOST_NOT_EXECUTED 2

/**
 * Never written whole: it did not run.
 */
#define SCH_LOST_NEVER_WRITTEN 3

/**
 * Changes nothing: safe to send again.
 */
#define SCH_CLASS_READ_ONLY 1

/**
 * May change something, or is not known.
 */
#define SCH_CLASS_WRITE 2

/**
 * The candidate is the current transport now.
 */
#define SCH_OUTCOME_SWAPPED 1

/**
 * No candidate could be made ready in time, or the connection cannot be handed off.
 */
#define SCH_OUTCOME_FAILED 2

/**
 * You refused the swap, or did not answer SWAP in time; where the old transport had died or was given up by then, there is none: dial.
 */
#define SCH_OUTCOME_REFUSED 3

/**
 * A newer MOVING took its place.
 */
#define SCH_OUTCOME_SUPERSEDED 4

/**
 * You closed the connection, or SCH went off.
 */
#define SCH_OUTCOME_CLOSED 5

/**
 * The mode is `disabled`.
 */
#define SCH_OFF_DISABLED 1

/**
 * RESP2 is spoken, from the start or since HELLO 2.
 */
#define SCH_OFF_RESP2 2

/**
 * The server does not know the opt-in, has it off, or closed two transports in a row before its reply.
 */
#define SCH_OFF_REFUSED 3

/**
 * The server does not let this user opt in.
 */
#define SCH_OFF_NO_PERMISSION 4

/**
 * What is received is not RESP3: bytes pass through untouched from here on. LOST of this transport names up to max_in_flight of the
 * last commands, answered or not.
 */
#define SCH_OFF_BROKEN 5

/**
 * RESET or CLIENT MAINT_NOTIFICATIONS OFF by the application.
 */
#define SCH_OFF_OPTED_OUT 6

/**
 * Replies can no longer be counted: no handoff, relaxing goes on. LOST of this transport may name commands that were answered, and
 * leave out older ones than the last max_in_flight.
 */
#define SCH_OFF_UNCOUNTED 7

/**
 * MONITOR or SYNC, or SCH_FENCE_NO_HANDOFF: no handoff, relaxing goes on.
 */
#define SCH_OFF_STREAM 8

/**
 * CLIENT REPLY OFF: no handoff, relaxing goes on.
 */
#define SCH_OFF_REPLY_OFF 9

/**
 * CLIENT TRACKING with REDIRECT: no handoff, relaxing goes on.
 */
#define SCH_OFF_TRACKING_REDIRECT 10

/**
 * What is submitted is not RESP commands: no handoff, relaxing goes on.
 */
#define SCH_OFF_BROKEN_COMMANDS 11

/**
 * The opt-in was answered with another error.
 */
#define SCH_OFF_OPTIN_FAILED 12

/**
 * More session state (subscriptions) than max_session_bytes: no handoff, relaxing goes on.
 */
#define SCH_OFF_SESSION_TOO_LARGE 13

/**
 * No candidate is ready.
 */
#define SCH_WAITING_CANDIDATE 1

/**
 * Replies are owed.
 */
#define SCH_WAITING_REPLIES 2

/**
 * A transaction or WATCH is open.
 */
#define SCH_WAITING_TRANSACTION 4

/**
 * A blocking command waits.
 */
#define SCH_WAITING_BLOCKING 8

/**
 * A fence that you stated.
 */
#define SCH_WAITING_HOST_FENCE 16

/**
 * A command is half written.
 */
#define SCH_WAITING_HALF_WRITTEN 32

/**
 * Your answer to HOLD or SWAP.
 */
#define SCH_WAITING_ANSWER 64

/**
 * Your handshake has not ended.
 */
#define SCH_WAITING_HANDSHAKE 128

/**
 * MULTI .. EXEC, or WATCH.
 */
#define SCH_FENCE_TRANSACTION 1

/**
 * A blocking command.
 */
#define SCH_FENCE_BLOCKING 2

/**
 * Anything else that must not be split over two transports.
 */
#define SCH_FENCE_OTHER 3

/**
 * Never hand this connection off: MONITOR, or state that you cannot rebuild.
 */
#define SCH_FENCE_NO_HANDOFF 4

/**
 * No transport.
 */
#define SCH_PHASE_DETACHED 1

/**
 * A transport, and the handshake has not ended.
 */
#define SCH_PHASE_HANDSHAKING 2

/**
 * Serving, no handoff.
 */
#define SCH_PHASE_SERVING 3

/**
 * A handoff waits for the time of its next attempt.
 */
#define SCH_PHASE_WAITING 4

/**
 * The candidate connects.
 */
#define SCH_PHASE_OPENING 5

/**
 * The candidate's session is made.
 */
#define SCH_PHASE_REBUILDING 6

/**
 * The candidate is ready, a fence is open.
 */
#define SCH_PHASE_READY 7

/**
 * Writes are held, replies are awaited.
 */
#define SCH_PHASE_DRAINING 8

/**
 * SWAP has been asked.
 */
#define SCH_PHASE_SWAPPING 9

/**
 * SCH is off, bytes pass.
 */
#define SCH_PHASE_FAILED 10

/**
 * Closed by you.
 */
#define SCH_PHASE_CLOSED 11

/**
 * A notification was read: once for each, however many connections read it. `notification`, `seq`; `member`, `user`:
 * who read it first.
 */
#define SCH_EVENT_MAINTENANCE 1

/**
 * `member` has no owner and its node moves: close it, and open one when you need it. These events are spread as handoffs are,
 * so that what is opened at once in their stead is, too. If it has been taken since, forget this.
 */
#define SCH_EVENT_RETIRE 2

/**
 * `member` has no owner and its node moves: take it, drive it as any connection until HANDOFF_FINISHED, give it back.
 */
#define SCH_EVENT_HANDOFF 3

/**
 * `host`, `port` refused several times: one connection at a time tries it from now on.
 */
#define SCH_EVENT_BREAKER_OPENED 4

/**
 * `host`, `port` answered again.
 */
#define SCH_EVENT_BREAKER_CLOSED 5

/**
 * A MOVING names `host`, `port`, which the endpoint policy does not allow: it is not followed.
 */
#define SCH_EVENT_ENDPOINT_REFUSED 6

/**
 * The deadline of MOVING `seq` has come, and `count` members are not handed off. `host_len` 0: to the configured address.
 */
#define SCH_EVENT_LATE 7

/**
 * Nobody polled: `count` events were dropped. Those of members (RETIRE, HANDOFF) are not among them, they wait.
 */
#define SCH_EVENT_DROPPED 8

/**
 * MOVING.
 */
#define SCH_NOTIFICATION_MOVING 1

/**
 * MIGRATING.
 */
#define SCH_NOTIFICATION_MIGRATING 2

/**
 * MIGRATED.
 */
#define SCH_NOTIFICATION_MIGRATED 3

/**
 * FAILING_OVER.
 */
#define SCH_NOTIFICATION_FAILING_OVER 4

/**
 * FAILED_OVER.
 */
#define SCH_NOTIFICATION_FAILED_OVER 5

/**
 * SMIGRATING.
 */
#define SCH_NOTIFICATION_SMIGRATING 6

/**
 * SMIGRATED.
 */
#define SCH_NOTIFICATION_SMIGRATED 7

/**
 * Room for a host and a NUL.
 */
#define SCH_HOST_SIZE 256

/**
 * Members that nobody owns are closed when their node moves (RETIRE).
 */
#define SCH_UNOWNED_RETIRE 1

/**
 * Members that nobody owns are handed off when their node moves (HANDOFF).
 */
#define SCH_UNOWNED_HANDOFF 2

/**
 * An SMIGRATED was read: once for each `seq`, whichever connection read it. `moves_len` moves, of `ranges_len` ranges in all.
 * Needs no answer: the map was patched.
 */
#define SCH_CLUSTER_SLOTS_MOVED 1

/**
 * `node` at `host`, `port` owns slots and did not before: it will be needed. Needs no answer.
 */
#define SCH_CLUSTER_DIAL_NODE 2

/**
 * Subscribe to your shard channels in the `ranges_len` ranges on `node` now; they were on `old_node` (0: nowhere). Needs no
 * answer.
 */
#define SCH_CLUSTER_MOVE_SUBSCRIPTIONS 3

/**
 * `node` at `host`, `port` owns no slot any more: give it no new command for its slots, close its connections when nothing is
 * owed there, and not before the effective timeouts. `gone`: the map has it no more, and its number is forgotten. Needs no
 * answer.
 */
#define SCH_CLUSTER_DRAIN_NODE 4

/**
 * Ask for the map, of `node` at `host`, `port` (0: no node is known, take a configured address). `reasons`: bits SCH_RELOAD_*.
 * Answer: `sch_cluster_load_slots` or `sch_cluster_load_shards` with `has_seq` and `seq` from here, or
 * `sch_cluster_reload_failed`.
 */
#define SCH_CLUSTER_RELOAD_SLOTS 5

/**
 * An SMIGRATED does not fit the map.
 */
#define SCH_RELOAD_UNFIT 1

/**
 * An SMIGRATED could not be read in full.
 */
#define SCH_RELOAD_MALFORMED 2

/**
 * A command was answered with MOVED.
 */
#define SCH_RELOAD_REDIRECTED 4

/**
 * You asked.
 */
#define SCH_RELOAD_HOST 8

/**
 * The last one failed, or was not answered in time.
 */
#define SCH_RELOAD_FAILED 16

/**
 * It serves, or nothing is said.
 */
#define SCH_HEALTH_ONLINE 1

/**
 * It loads its data.
 */
#define SCH_HEALTH_LOADING 2

/**
 * It has failed.
 */
#define SCH_HEALTH_FAILED 3

/**
 * The slots of a cluster.
 */
typedef struct sch_cluster sch_cluster;

/**
 * Settings of connections to be made. One may serve many, which share them: they take 1 KiB once, not for each. A change
 * concerns connections that are made after it; it may be freed at any time. Several threads may make connections from one at
 * the same time.
 */
typedef struct sch_config sch_config;

/**
 * One logical connection.
 */
typedef struct sch_conn sch_conn;

/**
 * A pool. Its connections keep what is behind it alive: it may be freed before them.
 */
typedef struct sch_pool sch_pool;

/**
 * What a call answers: 0 is done, above 0 is ordinary, below 0 is an error, -100 and below is the end of the handle.
 */
typedef int32_t sch_status;

/**
 * Where to dial. Pointers are borrowed until the next call on the connection that is not const.
 */
typedef struct sch_dial {
    /**
     * Set it to `sizeof(sch_dial)` before the call.
     */
    uint32_t struct_size;
    /**
     * Port.
     */
    uint16_t port;
    /**
     * 1 if the transport is TLS.
     */
    uint8_t has_tls;
    /**
     * 0.
     */
    uint8_t reserved;
    /**
     * The id of the transport to be.
     */
    uint64_t transport;
    /**
     * Name or address, UTF-8, with a NUL after `host_len` bytes.
     */
    const char *host;
    /**
     * Its length.
     */
    size_t host_len;
    /**
     * With TLS: the name for SNI and certificate checks, with a NUL after `tls_server_name_len` bytes.
     */
    const char *tls_server_name;
    /**
     * Its length.
     */
    size_t tls_server_name_len;
} sch_dial;

/**
 * Bytes for your parser, in your own buffer or in one of libsch.
 */
typedef struct sch_span {
    /**
     * Where.
     */
    const uint8_t *data;
    /**
     * How many.
     */
    size_t len;
} sch_span;

/**
 * What `sch_conn_submit` did with the bytes: `write_now` leading ones are to be written by you, `held` after them were
 * copied, the rest was not taken.
 */
typedef struct sch_submitted {
    /**
     * Set it to `sizeof(sch_submitted)` before the call.
     */
    uint32_t struct_size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * The transport for `write_now`; 0 if that is 0.
     */
    uint64_t transport;
    /**
     * Leading bytes to write now.
     */
    size_t write_now;
    /**
     * Bytes after them that libsch has copied and will write.
     */
    size_t held;
    /**
     * Number of the first command that began in what was taken. The first ever is 1.
     */
    uint64_t first;
    /**
     * How many commands began in it. What began as a blank line in pieces was none: its number is given to the next command.
     */
    uint64_t count;
} sch_submitted;

/**
 * One thing to do, or to know. What a field means does not change with the kind; those that a kind does not name are 0.
 * Pointers are borrowed until the next call with a handle that is not const.
 */
typedef struct sch_action {
    /**
     * Set it to `sizeof(sch_action)` before the call.
     */
    uint32_t struct_size;
    /**
     * SCH_ACTION_*. Treat one that you do not know as one that needs no answer.
     */
    int32_t kind;
    /**
     * The transport it is about.
     */
    uint64_t transport;
    /**
     * SWAP: the one in use so far, 0 if it has died.
     */
    uint64_t old_transport;
    /**
     * LOST, HAND_BACK, SEND_OPTIN: bytes.
     */
    const uint8_t *data;
    /**
     * How many.
     */
    size_t data_len;
    /**
     * OPEN: name or address, UTF-8, with a NUL after `host_len` bytes.
     */
    const char *host;
    /**
     * Its length.
     */
    size_t host_len;
    /**
     * OPEN with TLS: the name for SNI and certificate checks, with a NUL after `tls_server_name_len` bytes.
     */
    const char *tls_server_name;
    /**
     * Its length.
     */
    size_t tls_server_name_len;
    /**
     * RELAX: the least effective timeout, in milliseconds.
     */
    uint64_t timeout_ms;
    /**
     * OPEN: the attempt has failed if it is not ready by then, on your clock.
     */
    uint64_t deadline_ns;
    /**
     * FLUSH, LOST, HAND_BACK: number of the first command.
     */
    uint64_t first;
    /**
     * FLUSH, LOST, HAND_BACK: how many commands; SLOTS_MOVED: how many moves.
     */
    uint64_t count;
    /**
     * HANDOFF_FINISHED, SLOTS_MOVED, RELOAD_SLOTS: of the notification, if `has_seq`.
     */
    uint64_t seq;
    /**
     * HANDOFF_FINISHED: from MOVING to here, in nanoseconds.
     */
    uint64_t duration_ns;
    /**
     * HANDOFF_FINISHED: how long writes were held, in nanoseconds.
     */
    uint64_t pause_ns;
    /**
     * HANDOFF_FINISHED: commands that were held.
     */
    uint64_t held;
    /**
     * HANDOFF_FINISHED: commands lost.
     */
    uint64_t lost;
    /**
     * RELAX, RESTORE, CLOSE, SCH_OFF: why.
     */
    int32_t reason;
    /**
     * LOST, HANDOFF_FINISHED: how it ended.
     */
    int32_t outcome;
    /**
     * LOST: what a second run would do.
     */
    int32_t command_class;
    /**
     * OPEN: 1 for the first try; HANDOFF_FINISHED: tries made.
     */
    uint32_t attempt;
    /**
     * SEND_OPTIN: how many replies are owed.
     */
    uint32_t replies;
    /**
     * OVERDUE: bits SCH_WAITING_*.
     */
    uint32_t waiting_for;
    /**
     * OPEN: port.
     */
    uint16_t port;
    /**
     * OPEN: 1 if the transport is TLS.
     */
    uint8_t has_tls;
    /**
     * 1 if `seq` is one.
     */
    uint8_t has_seq;
    /**
     * SWAP: 1 if client-side caches are void.
     */
    uint8_t flush_tracking;
    /**
     * SCH_OFF: 1 if the connection is not to be used.
     */
    uint8_t fatal;
    /**
     * 0.
     */
    uint16_t reserved;
} sch_action;

/**
 * Slots from `first` to `last`, both included.
 */
typedef struct sch_slot_range {
    /**
     * First slot.
     */
    uint16_t first;
    /**
     * Last slot.
     */
    uint16_t last;
} sch_slot_range;

/**
 * Slots that went from one node to another. Pointers are borrowed until the next call with a handle that is not const.
 */
typedef struct sch_slot_move {
    /**
     * Set it to `sizeof(sch_slot_move)` before the call.
     */
    uint32_t struct_size;
    /**
     * Port of where they were, if `has_source`.
     */
    uint16_t source_port;
    /**
     * Port of where they are.
     */
    uint16_t destination_port;
    /**
     * Host where they were, with a NUL after `source_host_len` bytes.
     */
    const char *source_host;
    /**
     * Its length.
     */
    size_t source_host_len;
    /**
     * Host where they are, with a NUL after `destination_host_len` bytes.
     */
    const char *destination_host;
    /**
     * Its length.
     */
    size_t destination_host_len;
    /**
     * Which slots: ascending, never empty.
     */
    const struct sch_slot_range *ranges;
    /**
     * How many ranges.
     */
    size_t ranges_len;
    /**
     * 1 if the server said where they were.
     */
    uint8_t has_source;
    /**
     * 0.
     */
    uint8_t reserved[7];
} sch_slot_move;

/**
 * A transport to wait on.
 */
typedef struct sch_wait {
    /**
     * Which one.
     */
    uint64_t transport;
    /**
     * 1: its connect is under way.
     */
    uint8_t connecting;
    /**
     * 1: wait until it can be read.
     */
    uint8_t read;
    /**
     * 1: its region has bytes, wait until it can be written.
     */
    uint8_t write;
    /**
     * 0.
     */
    uint8_t reserved[5];
} sch_wait;

/**
 * Counters of a connection since it was made. More may follow.
 */
typedef struct sch_counters {
    /**
     * Set it to `sizeof(sch_counters)` before the call.
     */
    uint32_t struct_size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * MOVING read.
     */
    uint64_t notifications_moving;
    /**
     * MIGRATING read.
     */
    uint64_t notifications_migrating;
    /**
     * MIGRATED read.
     */
    uint64_t notifications_migrated;
    /**
     * FAILING_OVER read.
     */
    uint64_t notifications_failing_over;
    /**
     * FAILED_OVER read.
     */
    uint64_t notifications_failed_over;
    /**
     * SMIGRATING read.
     */
    uint64_t notifications_smigrating;
    /**
     * SMIGRATED read.
     */
    uint64_t notifications_smigrated;
    /**
     * Of them, seen before.
     */
    uint64_t notifications_duplicate;
    /**
     * Of them, older than one seen before.
     */
    uint64_t notifications_stale;
    /**
     * Of them, not understood in full.
     */
    uint64_t notifications_malformed;
    /**
     * RELAX told.
     */
    uint64_t relaxed;
    /**
     * RESTORE told.
     */
    uint64_t restored;
    /**
     * Windows that came to their own end.
     */
    uint64_t windows_expired;
    /**
     * Windows that gave way at the limit.
     */
    uint64_t windows_evicted;
    /**
     * Handoffs begun.
     */
    uint64_t handoffs_started;
    /**
     * Handoffs that ended with a swap.
     */
    uint64_t handoffs_swapped;
    /**
     * Handoffs that failed.
     */
    uint64_t handoffs_failed;
    /**
     * Handoffs whose swap you refused.
     */
    uint64_t handoffs_refused;
    /**
     * Handoffs replaced by a newer MOVING.
     */
    uint64_t handoffs_superseded;
    /**
     * Handoffs ended by a close.
     */
    uint64_t handoffs_closed;
    /**
     * Candidates tried.
     */
    uint64_t attempts;
    /**
     * Candidates that failed.
     */
    uint64_t attempts_failed;
    /**
     * Targets that the policy does not allow.
     */
    uint64_t endpoints_refused;
    /**
     * Commands submitted, or owed.
     */
    uint64_t commands;
    /**
     * Commands held.
     */
    uint64_t commands_held;
    /**
     * Commands lost.
     */
    uint64_t commands_lost;
    /**
     * Commands handed back.
     */
    uint64_t commands_handed_back;
    /**
     * Commands withdrawn by `sch_conn_cancel`.
     */
    uint64_t commands_cancelled;
    /**
     * Messages that came on both transports and were given once.
     */
    uint64_t overlap_duplicates;
    /**
     * Messages given that may have come twice.
     */
    uint64_t overlap_doubtful;
    /**
     * Errors in rebuilding a session that do no harm.
     */
    uint64_t rebuild_errors_ignored;
    /**
     * Calls whose `now_ns` was before that of an earlier one.
     */
    uint64_t clock_steps_back;
    /**
     * Log and trace lines that nobody read.
     */
    uint64_t log_lines_dropped;
    /**
     * Notifications read by another connection of the pool.
     */
    uint64_t notifications_told;
} sch_counters;

/**
 * Takes one log line. `text` is UTF-8 with a NUL after `len` bytes and lives until the callback returns. It must not throw nor
 * longjmp. Of a connection it is called by the thread that made the call, before the call returns; calls on the same handle from here
 * answer `SCH_ERR_BUSY`. Of a pool or a cluster: see `sch_pool_set_log`.
 */
typedef void (*sch_log_fn)(int32_t level, const char *text, size_t len, void *user_data);

/**
 * What `sch_conn_receive_with` is given and what it answers. Made once for each connection and kept from call to call.
 */
typedef struct sch_receive_call {
    /**
     * Set it to `sizeof(sch_receive_call)`.
     */
    uint32_t struct_size;
    /**
     * Answer. 1: all of the data was taken, and is what to give to the parser, as it is: `spans` need no look.
     */
    uint8_t passes;
    /**
     * Answer. 1: poll the actions. 0: there is none before the next call that is not const.
     */
    uint8_t has_action;
    /**
     * Answer. 1: there is a deadline.
     */
    uint8_t has_deadline;
    /**
     * 0.
     */
    uint8_t reserved;
    /**
     * Set it: the time.
     */
    uint64_t now_ns;
    /**
     * Set it: which transport received.
     */
    uint64_t transport;
    /**
     * Set it: room for spans.
     */
    struct sch_span *spans;
    /**
     * Set it: how many there is room for, 2 at least, 16 is good.
     */
    size_t cap;
    /**
     * Answer: bytes taken.
     */
    size_t consumed;
    /**
     * Answer: spans filled.
     */
    size_t count;
    /**
     * Answer: when `sch_conn_tick` is due, or 0.
     */
    uint64_t deadline_ns;
} sch_receive_call;

/**
 * Wakes a thread or an event loop, from whatever thread made the call that has news. No lock is held; it must not
 * block, throw nor longjmp, and does best to do nothing but signal. It may come once too often.
 */
typedef void (*sch_wake_fn)(void *user_data);

/**
 * Something that a pool tells: see SCH_EVENT_* for what is filled, the rest is 0.
 */
typedef struct sch_pool_event {
    /**
     * Set it to `sizeof(sch_pool_event)` before the call.
     */
    uint32_t struct_size;
    /**
     * SCH_EVENT_*. Ignore what you do not know.
     */
    int32_t kind;
    /**
     * The member, as `sch_conn_member` says; 0 is none.
     */
    uint64_t member;
    /**
     * What you called it.
     */
    uint64_t user;
    /**
     * How many.
     */
    uint64_t count;
    /**
     * The seq of the notification, if `has_seq`.
     */
    uint64_t seq;
    /**
     * 1: it has a seq.
     */
    uint8_t has_seq;
    /**
     * SCH_NOTIFICATION_*, or 0.
     */
    uint8_t notification;
    /**
     * A port, or 0.
     */
    uint16_t port;
    /**
     * The length of `host`.
     */
    uint32_t host_len;
    /**
     * A name or address, with a NUL after it.
     */
    char host[SCH_HOST_SIZE];
} sch_pool_event;

/**
 * A place to dial, or that counters are of.
 */
typedef struct sch_place {
    /**
     * A name or address, with a NUL after it.
     */
    char host[SCH_HOST_SIZE];
    /**
     * Its length.
     */
    uint32_t host_len;
    /**
     * The port.
     */
    uint16_t port;
    /**
     * 1: you are the one connection that tries it. Report the result soon.
     */
    uint8_t is_probe;
    /**
     * 1: it refused the opt-in; libsch does not opt in there before `optin_refused_until_ns`.
     */
    uint8_t optin_refused;
    /**
     * See there.
     */
    uint64_t optin_refused_until_ns;
} sch_place;

/**
 * Counters of a pool since it was made. More may follow.
 */
typedef struct sch_pool_counts {
    /**
     * Set it to `sizeof(sch_pool_counts)` before the call.
     */
    uint32_t struct_size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * Members now.
     */
    uint64_t members;
    /**
     * Members that joined.
     */
    uint64_t members_joined;
    /**
     * Joins refused at the limit.
     */
    uint64_t members_refused;
    /**
     * Members that a defect of libsch made leave.
     */
    uint64_t members_ejected;
    /**
     * Nodes known now.
     */
    uint64_t nodes;
    /**
     * Notifications read by members.
     */
    uint64_t notifications;
    /**
     * Of them, read before by another member.
     */
    uint64_t notifications_duplicate;
    /**
     * Of them, older than one read before.
     */
    uint64_t notifications_stale;
    /**
     * Times that a member was told what another had read.
     */
    uint64_t notifications_told;
    /**
     * Facts that gave way at the limit before all had read them.
     */
    uint64_t facts_dropped;
    /**
     * Events dropped because nobody polled.
     */
    uint64_t events_dropped;
    /**
     * MOVINGs that members were handed off for.
     */
    uint64_t waves;
    /**
     * Of them, given up at the limit: their members went on at once.
     */
    uint64_t waves_evicted;
    /**
     * Handoffs asked of members.
     */
    uint64_t handoffs_asked;
    /**
     * Of them, ended with a swap.
     */
    uint64_t handoffs_swapped;
    /**
     * Of them, failed.
     */
    uint64_t handoffs_failed;
    /**
     * Of them, refused by you.
     */
    uint64_t handoffs_refused;
    /**
     * Of them, replaced by a newer MOVING.
     */
    uint64_t handoffs_superseded;
    /**
     * Of them, ended by a close.
     */
    uint64_t handoffs_closed;
    /**
     * Members not handed off at the deadline.
     */
    uint64_t handoffs_late;
    /**
     * RETIRE told.
     */
    uint64_t retired;
    /**
     * Attempts granted.
     */
    uint64_t grants;
    /**
     * Of them, not taken up in time: their place went to another.
     */
    uint64_t grants_lapsed;
    /**
     * Targets that the policy does not allow.
     */
    uint64_t endpoints_refused;
    /**
     * Servers that refused the opt-in.
     */
    uint64_t optins_refused;
    /**
     * Dials reported.
     */
    uint64_t dials;
    /**
     * Times that there was nothing to dial yet.
     */
    uint64_t dials_blocked;
    /**
     * Endpoints that began to refuse.
     */
    uint64_t breakers_opened;
    /**
     * Endpoints that answered again.
     */
    uint64_t breakers_closed;
    /**
     * Calls whose `now_ns` was before that of an earlier one.
     */
    uint64_t clock_steps_back;
} sch_pool_counts;

/**
 * Counters of one endpoint. More may follow.
 */
typedef struct sch_endpoint_counters {
    /**
     * Set it to `sizeof(sch_endpoint_counters)` before the call.
     */
    uint32_t struct_size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * Candidates tried there.
     */
    uint64_t attempts;
    /**
     * Of them, failed.
     */
    uint64_t attempts_failed;
    /**
     * Dials reported.
     */
    uint64_t dials;
    /**
     * Of them, failed.
     */
    uint64_t dials_failed;
    /**
     * Tries by one connection while it refused.
     */
    uint64_t probes;
    /**
     * Times that it began to refuse.
     */
    uint64_t breaker_opened;
    /**
     * 1: it refuses now.
     */
    uint64_t breaker_open;
} sch_endpoint_counters;

/**
 * Where a redirection leads.
 */
typedef struct sch_redirection {
    /**
     * Set it to `sizeof(sch_redirection)` before the call.
     */
    uint32_t struct_size;
    /**
     * The slot.
     */
    uint16_t slot;
    /**
     * Port.
     */
    uint16_t port;
    /**
     * The node there; 0 if it has no number (ASK), or there is no room for it.
     */
    uint64_t node;
    /**
     * The length of `host`.
     */
    uint32_t host_len;
    /**
     * 1: ASK, for this command only, after ASKING; 0: MOVED.
     */
    uint8_t is_ask;
    /**
     * 0.
     */
    uint8_t reserved[3];
    /**
     * A name or address, with a NUL after it.
     */
    char host[SCH_HOST_SIZE];
} sch_redirection;

/**
 * One thing that a cluster asks or tells: see SCH_CLUSTER_* for what is filled, the rest is 0. All of it is a copy.
 */
typedef struct sch_cluster_action {
    /**
     * Set it to `sizeof(sch_cluster_action)` before the call.
     */
    uint32_t struct_size;
    /**
     * SCH_CLUSTER_*. Ignore what you do not know.
     */
    int32_t kind;
    /**
     * The node it is about.
     */
    uint64_t node;
    /**
     * MOVE_SUBSCRIPTIONS: the node before.
     */
    uint64_t old_node;
    /**
     * SLOTS_MOVED: its seq; RELOAD_SLOTS: the seq to load with. If `has_seq`.
     */
    uint64_t seq;
    /**
     * RELOAD_SLOTS: bits SCH_RELOAD_*.
     */
    uint32_t reasons;
    /**
     * RELOAD_SLOTS: 1 for the first try.
     */
    uint32_t attempt;
    /**
     * SLOTS_MOVED: how many moves.
     */
    uint32_t moves_len;
    /**
     * SLOTS_MOVED, MOVE_SUBSCRIPTIONS: how many ranges in all.
     */
    uint32_t ranges_len;
    /**
     * The length of `host`.
     */
    uint32_t host_len;
    /**
     * A port, or 0.
     */
    uint16_t port;
    /**
     * 1 if `seq` is one.
     */
    uint8_t has_seq;
    /**
     * DRAIN_NODE: 1 if it has left the map.
     */
    uint8_t gone;
    /**
     * A name or address, with a NUL after it.
     */
    char host[SCH_HOST_SIZE];
} sch_cluster_action;

/**
 * Slots that went from one node to another: `ranges_len` ranges from `first_range` on.
 */
typedef struct sch_cluster_move {
    /**
     * Where they were; 0 if that was not said, or is not known to the map.
     */
    uint64_t source;
    /**
     * Where they are; 0 if it is not known to the map.
     */
    uint64_t destination;
    /**
     * The place of the first range in the array of ranges.
     */
    uint32_t first_range;
    /**
     * How many.
     */
    uint32_t ranges_len;
} sch_cluster_move;

/**
 * A node of a cluster.
 */
typedef struct sch_node {
    /**
     * Set it to `sizeof(sch_node)` before the call.
     */
    uint32_t struct_size;
    /**
     * SCH_HEALTH_*, as at the last load.
     */
    int32_t health;
    /**
     * How many slots it owns.
     */
    uint32_t slots;
    /**
     * How many replicas it has.
     */
    uint32_t replicas;
    /**
     * The length of `host`.
     */
    uint32_t host_len;
    /**
     * Port.
     */
    uint16_t port;
    /**
     * 1 if the last load named it.
     */
    uint8_t is_listed;
    /**
     * 0.
     */
    uint8_t reserved;
    /**
     * A name or address, with a NUL after it.
     */
    char host[SCH_HOST_SIZE];
} sch_node;

/**
 * Counters of a cluster since it was made. More may follow.
 */
typedef struct sch_cluster_counts {
    /**
     * Set it to `sizeof(sch_cluster_counts)` before the call.
     */
    uint32_t struct_size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * SMIGRATED handed over.
     */
    uint64_t smigrated;
    /**
     * Of them, seen before.
     */
    uint64_t duplicate;
    /**
     * Of them, not above the seq of the load: in the map already.
     */
    uint64_t old;
    /**
     * Of them, not understood in full.
     */
    uint64_t malformed;
    /**
     * Slots patched by SMIGRATED.
     */
    uint64_t slots_patched;
    /**
     * Slots named that were where they belong.
     */
    uint64_t slots_settled;
    /**
     * Slots named that a later SMIGRATED had named before.
     */
    uint64_t slots_superseded;
    /**
     * Slots named that did not fit the map.
     */
    uint64_t slots_unfit;
    /**
     * MOVED reported.
     */
    uint64_t moved;
    /**
     * ASK reported.
     */
    uint64_t asked;
    /**
     * RELOAD_SLOTS told.
     */
    uint64_t reloads;
    /**
     * Wishes for a reload that one under way or due took in.
     */
    uint64_t reloads_coalesced;
    /**
     * Reloads that failed or were not answered.
     */
    uint64_t reloads_failed;
    /**
     * Maps loaded.
     */
    uint64_t loads;
    /**
     * Replies that were no map, or over a limit.
     */
    uint64_t loads_refused;
    /**
     * Slots that two owners claimed in one reply.
     */
    uint64_t overlaps;
    /**
     * Nodes and ranges of replies that could not be read.
     */
    uint64_t unreadable;
    /**
     * Replicas beyond the limit.
     */
    uint64_t replicas_left_out;
    /**
     * Nodes beyond the limit that SMIGRATED or MOVED named.
     */
    uint64_t nodes_left_out;
    /**
     * DIAL_NODE told.
     */
    uint64_t nodes_dialled;
    /**
     * DRAIN_NODE told.
     */
    uint64_t nodes_drained;
    /**
     * Slots whose subscriptions were told to move.
     */
    uint64_t subscriptions_moved;
    /**
     * SLOTS_MOVED that nobody polled.
     */
    uint64_t events_dropped;
    /**
     * Calls whose `now_ns` was before that of an earlier one.
     */
    uint64_t clock_steps_back;
} sch_cluster_counts;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * A status in words.
 *
 * Returns a static text with a NUL at its end, never NULL; of a number that is none, "unknown status".
 */
const char *sch_status_str(sch_status status);

/**
 * The version of the library in use, as text such as "0.1.0".
 *
 * Returns a static text with a NUL at its end, never NULL.
 */
const char *sch_version_string(void);

/**
 * The `SCH_ABI_VERSION` of the library in use. A header with this number or a lower one works with it.
 */
uint32_t sch_abi_version(void);

/**
 * Makes settings with their defaults.
 *
 * Returns SCH_OK: `*config_out` is yours, for `sch_config_free`; SCH_ERR_NO_MEMORY: none was made; SCH_ERR_NULL.
 */
sch_status sch_config_new(struct sch_config **config_out);

/**
 * Frees settings. NULL is fine.
 *
 * Returns SCH_OK; SCH_ERR_BUSY: another call uses them, they are not freed.
 */
sch_status sch_config_free(struct sch_config *config);

/**
 * What is wrong with the settings as they are, as a sentence.
 *
 * Returns SCH_OK: there is a problem, `*text_out` has `*len_out` bytes and a NUL after them, until the next call on
 * `config`; SCH_EMPTY: there is none; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_problem(struct sch_config *config,
                              const char **text_out,
                              size_t *len_out);

/**
 * Adds a target that MOVING may name, and makes the policy a list: `host`, `host:port`, `.suffix` or `address/bits`.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: not UTF-8, or none of these; SCH_ERR_NULL; SCH_ERR_BUSY. The text is copied.
 */
sch_status sch_config_allow_endpoint(struct sch_config *config,
                                     const char *data,
                                     size_t len);

/**
 * How replies come in: SCH_LEVEL_NOTIFIED or SCH_LEVEL_TAPPED. Default tapped, which levels 2 and 3 have. Notified does not go
 * with managed.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_level_in(struct sch_config *config,
                                   int32_t level);

/**
 * How commands go out: SCH_LEVEL_NOTIFIED, SCH_LEVEL_TAPPED or SCH_LEVEL_MANAGED. Default managed (level 3).
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_level_out(struct sch_config *config, int32_t level);

/**
 * Whether the connection opts in: SCH_MODE_*. Default auto, which costs nothing where the server does not know it.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_mode(struct sch_config *config,
                               int32_t mode);

/**
 * Which kind of endpoint MOVING shall name: SCH_ENDPOINT_*. Default auto: judged from the peer's address and TLS.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_endpoint_type(struct sch_config *config,
                                        int32_t endpoint_type);

/**
 * The configured host: where to dial without maintenance, and the TLS name for endpoints that are addresses.
 * Default `localhost`.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: not UTF-8; SCH_ERR_NULL; SCH_ERR_BUSY. The text is copied.
 */
sch_status sch_config_set_host(struct sch_config *config, const char *data, size_t len);

/**
 * The configured port. Default 6379.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_port(struct sch_config *config, uint16_t port);

/**
 * Whether transports are TLS. Default false.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_tls(struct sch_config *config, bool tls);

/**
 * A name for SNI and certificate checks in place of the one that libsch finds. Default none; empty is none.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: not UTF-8; SCH_ERR_NULL; SCH_ERR_BUSY. The text is copied.
 */
sch_status sch_config_set_tls_server_name(struct sch_config *config, const char *data, size_t len);

/**
 * Floor of timeouts in a window. Default 10,000, as all drivers have it; 0 turns relaxing off. Milliseconds, at
 * most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_relaxed_timeout_ms(struct sch_config *config,
                                             uint64_t value_ms);

/**
 * End of a migration window whose terminator does not come. Default 600,000, the longest that Redis designs for.
 * Milliseconds, at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_migration_window_ms(struct sch_config *config,
                                              uint64_t value_ms);

/**
 * End of a failover window whose terminator does not come. Default 60,000, likewise. Milliseconds, at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_failover_window_ms(struct sch_config *config,
                                             uint64_t value_ms);

/**
 * A MOVING window lasts at least the time of the MOVING and this. Default 2,000. Milliseconds, at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_moving_extra_ms(struct sch_config *config, uint64_t value_ms);

/**
 * Timeouts stay relaxed this long after a swap. Default: twice the relaxed timeout, as caches and pools are cold.
 * Milliseconds, at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_post_handoff_relaxed_ms(struct sch_config *config,
                                                  uint64_t value_ms);

/**
 * Time of a MOVING that names none which can be believed. Default 15,000, what servers send. Not 0. Milliseconds,
 * at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_handoff_timeout_ms(struct sch_config *config,
                                             uint64_t value_ms);

/**
 * A drain may go on after the deadline. Default 5,000: servers were seen to close up to 4.1 s late. Milliseconds,
 * at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_drain_grace_ms(struct sch_config *config,
                                         uint64_t value_ms);

/**
 * Held commands wait this long for a candidate once the current transport is dead. Default: the relaxed timeout.
 * Milliseconds, at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_hold_timeout_ms(struct sch_config *config,
                                          uint64_t value_ms);

/**
 * First pause between attempts. Default 50, below what a user notices. Not 0. Milliseconds, at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_backoff_min_ms(struct sch_config *config, uint64_t value_ms);

/**
 * Longest pause between attempts. Default 1,000, so that a node that comes up is found within it. Milliseconds, at
 * most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_backoff_max_ms(struct sch_config *config,
                                         uint64_t value_ms);

/**
 * An attempt has at least this. Default 1,000, a TLS handshake over a slow link. Not 0. Milliseconds, at most a
 * day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_attempt_min_ms(struct sch_config *config,
                                         uint64_t value_ms);

/**
 * Without a candidate, attempts go on this long after the deadline. Default 60,000. Milliseconds, at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_keep_trying_ms(struct sch_config *config,
                                         uint64_t value_ms);

/**
 * Both subscriptions are read this long after the swap. Default 200. Milliseconds, at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_overlap_ms(struct sch_config *config, uint64_t value_ms);

/**
 * Where your connects block (TLS, DNS): OPEN asks for no more than this, 1,000 is good. Default 0: they do not
 * block. Milliseconds, at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_connect_budget_ms(struct sch_config *config,
                                            uint64_t value_ms);

/**
 * Seen notifications are remembered this long, to know duplicates. Default 600,000. Milliseconds, at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_mark_age_ms(struct sch_config *config,
                                      uint64_t value_ms);

/**
 * A refused opt-in is not tried again at the same address for this long. Default 600,000. Milliseconds, at most a
 * day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_refusal_memory_ms(struct sch_config *config,
                                            uint64_t value_ms);

/**
 * An opt-in that failed in another way is tried once more after this. Default 1,000. Milliseconds, at most a day.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_optin_retry_ms(struct sch_config *config,
                                         uint64_t value_ms);

/**
 * What happens to replies that will never come: SCH_ON_LOSS_*. Default report, so that you tell each caller.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_on_loss(struct sch_config *config, int32_t on_loss);

/**
 * Whether you can follow RESET_PARSER. Default true; if not, a reply cut in the middle closes the connection, and while SWAP
 * waits for its answer nothing is taken of what the old transport still brings.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_can_reset_parser(struct sch_config *config,
                                           bool can);

/**
 * What ends the wait for a blocking command after the deadline: SCH_BLOCKING_*. Default wait for close: nothing is
 * given up that might still be answered.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_blocking(struct sch_config *config,
                                   int32_t policy);

/**
 * Seed of the jitter between attempts. Default 0. Give each connection its own, or they come back together.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_seed(struct sch_config *config, uint64_t seed);

/**
 * Who makes the first handshake of a level 3 connection: SCH_HANDSHAKE_*. Default seen: you do, and libsch watches
 * it.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_handshake(struct sch_config *config,
                                    int32_t handshake);

/**
 * Whether libsch may keep credentials in memory, to authenticate candidates. Default true.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_keep_credentials(struct sch_config *config, bool keep);

/**
 * User for a handshake by libsch. Default none: with a password, the default user. Empty is none.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: not UTF-8; SCH_ERR_NULL; SCH_ERR_BUSY. The text is copied.
 */
sch_status sch_config_set_username(struct sch_config *config, const char *data, size_t len);

/**
 * Password for a handshake by libsch. Default none; empty is none.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: the length; SCH_ERR_NULL; SCH_ERR_BUSY. The bytes are copied.
 */
sch_status sch_config_set_password(struct sch_config *config, const uint8_t *data, size_t len);

/**
 * CLIENT SETNAME of a handshake by libsch. Default none; empty is none.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: the length; SCH_ERR_NULL; SCH_ERR_BUSY. The bytes are copied.
 */
sch_status sch_config_set_client_name(struct sch_config *config, const uint8_t *data, size_t len);

/**
 * CLIENT SETINFO LIB-NAME and LIB-VER of a handshake by libsch. Default none; an empty name is none.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: not UTF-8; SCH_ERR_NULL; SCH_ERR_BUSY. The text is copied.
 */
sch_status sch_config_set_lib_info(struct sch_config *config,
                                   const char *name,
                                   size_t name_len,
                                   const char *version,
                                   size_t version_len);

/**
 * SELECT of a handshake by libsch. Default 0.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_database(struct sch_config *config, uint32_t database);

/**
 * Which targets of MOVING are followed: SCH_POLICY_*. Default any: who can write to the connection already has the
 * session. A list starts empty. The configured host is always allowed.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_endpoint_policy(struct sch_config *config,
                                          int32_t policy);

/**
 * Lines of a connection are logged up to this level: SCH_LOG_*. Default none. `sch_conn_set_log` says where to.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such number; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_log_level(struct sch_config *config,
                                    int32_t level);

/**
 * Whether a trace is kept, for `sch_conn_poll_trace`. Default false: it costs memory.
 *
 * Returns SCH_OK; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_trace(struct sch_config *config, bool trace);

/**
 * Sets a limit: SCH_LIMIT_*, whose texts say unit, default and reason.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such limit, or a value that its type cannot hold; SCH_ERR_NULL;
 * SCH_ERR_BUSY.
 */
sch_status sch_config_set_limit(struct sch_config *config, int32_t limit, uint64_t value);

/**
 * Sets a time of clusters: SCH_CLUSTER_TIME_*, whose texts say default and reason. Milliseconds, at most a day. TLS, the
 * seed and `mark_age` are those of the connections.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such time; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_config_set_cluster_time_ms(struct sch_config *config,
                                          int32_t time,
                                          uint64_t value_ms);

/**
 * Makes a connection without a transport.
 *
 * `abi` is SCH_ABI_VERSION of your header; NULL for `config` means the defaults. The settings may change, and be freed,
 * without a change here.
 *
 * Returns SCH_OK: `*conn_out` is yours, for `sch_conn_free`; SCH_ERR_ABI: the library is older than your header;
 * SCH_ERR_CONFIG: `sch_config_problem` says why; SCH_ERR_BUSY: another thread changes `config`; SCH_ERR_NO_MEMORY: none was
 * made; SCH_ERR_NULL.
 */
sch_status sch_conn_new(uint32_t abi,
                        const struct sch_config *config,
                        struct sch_conn **conn_out);

/**
 * Frees a connection. NULL is fine. Poisoned is fine. Sockets are yours to close.
 *
 * Returns SCH_OK; SCH_ERR_BUSY: a call is inside (also: this is its log callback), nothing is freed.
 */
sch_status sch_conn_free(struct sch_conn *conn);

/**
 * Why the last changing call that failed did, as a sentence that says what to do.
 *
 * Returns SCH_OK: `*text_out` has `*len_out` bytes and a NUL after them, until the next call that is not const;
 * SCH_EMPTY: none has failed; and what every call answers.
 */
sch_status sch_conn_last_error(const struct sch_conn *conn,
                               const char **text_out,
                               size_t *len_out);

/**
 * Of a poisoned connection: commands that were accepted and of which no byte was written, to be sent elsewhere or reported;
 * perhaps the beginning of one more behind them.
 *
 * Returns SCH_OK: `*data_out` has `*len_out` bytes, until `sch_conn_free` or the next call of this; SCH_ERR_UNEXPECTED:
 * the connection is not poisoned; SCH_ERR_PANIC: nothing can be saved; SCH_ERR_NULL; SCH_ERR_BUSY.
 */
sch_status sch_conn_salvage(struct sch_conn *conn,
                            const uint8_t **data_out,
                            size_t *len_out);

/**
 * Where to dial, for the first connect and for reconnects: the choice number `nth`, from 0, and an id for it.
 * Candidates come with SCH_ACTION_OPEN instead. Report each id with `sch_conn_connected` or
 * `sch_conn_connect_failed`.
 *
 * Returns SCH_OK: `dial_out` is filled, its texts live until the next call that is not const; SCH_EMPTY: there is
 * no such choice; SCH_ERR_STRUCT_SIZE; SCH_ERR_LIMIT: eight dials have not been reported; and what every call
 * answers.
 */
sch_status sch_conn_dial(struct sch_conn *conn,
                         uint64_t now_ns,
                         size_t nth,
                         struct sch_dial *dial_out);

/**
 * As `sch_conn_dial`, to a place that you know from elsewhere: `sch_pool_where_to_dial` says where the connections of a
 * pool go.
 *
 * Returns SCH_OK: `dial_out` is filled, its texts live until the next call that is not const; SCH_ERR_ARGUMENT: host and
 * port name no endpoint; SCH_ERR_STRUCT_SIZE; SCH_ERR_LIMIT: eight dials have not been reported; and what every call
 * answers.
 */
sch_status sch_conn_dial_to(struct sch_conn *conn,
                            uint64_t now_ns,
                            const char *host,
                            size_t host_len,
                            uint16_t port,
                            struct sch_dial *dial_out);

/**
 * The socket of `transport` is connected, TLS included. `peer` is its address as `ip:port` or `[ip6]:port`, or
 * (NULL, 0): it decides which kind of endpoint MOVING shall name. On a transport that you dialled yourself what you submit
 * first begins a command: the rest of one that was half submitted is forgotten, and told by LOST.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: `peer` is no address; SCH_ERR_UNKNOWN_TRANSPORT: close it, it is not wanted
 * any more; SCH_ERR_UNEXPECTED: a transport is in use; and what every call answers.
 */
sch_status sch_conn_connected(struct sch_conn *conn,
                              uint64_t now_ns,
                              uint64_t transport,
                              const char *peer,
                              size_t peer_len);

/**
 * The socket of `transport` could not be connected.
 *
 * Returns SCH_OK; SCH_ERR_UNKNOWN_TRANSPORT; and what every call answers.
 */
sch_status sch_conn_connect_failed(struct sch_conn *conn, uint64_t now_ns, uint64_t transport);

/**
 * The socket of `transport` is closed. `unwritten`: the bytes that `sch_conn_submit` gave you to write and that
 * you did not write, in order, not those of a region. They are copied.
 *
 * Returns SCH_OK; SCH_ERR_UNKNOWN_TRANSPORT: it is gone already, which is fine; and what every call answers.
 */
sch_status sch_conn_closed(struct sch_conn *conn,
                           uint64_t now_ns,
                           uint64_t transport,
                           const uint8_t *unwritten,
                           size_t unwritten_len);

/**
 * Levels 2 and 3: bytes that `transport` received. Fills `spans`, of which there are `cap` (2 at least, 16 is
 * good), with what to give to the parser of that transport, in order. It takes `*consumed_out` bytes: if that is
 * less than `len`, drain the actions, then call again with the rest, also if there was no action. If it takes and gives
 * nothing, and there is no action: keep the rest, read on elsewhere, and call again when `sch_conn_wait_on` has this
 * transport with `read` (a candidate waits for your answer to SWAP, one of two subscribers for the other's frame to end).
 *
 * Feed your parser, and take the replies that are whole, before you drain the actions: CLOSE may end the transport
 * whose parser holds them. (With one parser for all transports, as at level 3, the order does not matter.)
 *
 * Returns SCH_OK: `*count_out` spans are filled. They point into `data`, or into memory of libsch that lives until
 * the next call that is not const. SCH_ERR_UNKNOWN_TRANSPORT: throw the bytes away; SCH_ERR_LIMIT: `cap` is too
 * small; SCH_ERR_UNEXPECTED: settle the losses first; SCH_ERR_WRONG_LEVEL; SCH_ERR_NO_MEMORY: none of the data was taken, give
 * all of it again; and what every call answers.
 */
sch_status sch_conn_receive(struct sch_conn *conn,
                            uint64_t now_ns,
                            uint64_t transport,
                            const uint8_t *data,
                            size_t len,
                            struct sch_span *spans,
                            size_t cap,
                            size_t *consumed_out,
                            size_t *count_out);

/**
 * Level 3: bytes of commands, in any pieces. Write `write_now` leading bytes to `transport`, behind all that you
 * were given for it before; forget `held` after them, libsch has copied them; give the rest again after
 * SCH_ACTION_RESUME; a transport of `sch_conn_dial` that is connected takes commands without it, your handshake first.
 * No CLOSE and no SWAP of `transport` comes with this call: what the commands lead to waits for the next input, and is due at once.
 *
 * Returns SCH_OK: `submitted_out` is filled; SCH_ERR_NOT_CONNECTED; SCH_ERR_WRONG_LEVEL; SCH_ERR_STRUCT_SIZE;
 * SCH_ERR_NO_MEMORY: none of it was taken; and what every call answers.
 */
sch_status sch_conn_submit(struct sch_conn *conn,
                           uint64_t now_ns,
                           const uint8_t *data,
                           size_t len,
                           struct sch_submitted *submitted_out);

/**
 * Bytes of libsch to write to `transport`, behind all that `sch_conn_submit` gave you for it. Report what was
 * written with `sch_conn_wrote`. Of a transport that is not known it is empty.
 *
 * Returns SCH_OK: `*data_out` has `*len_out` bytes, until the next call that is not const; and what every call
 * answers.
 */
sch_status sch_conn_region(const struct sch_conn *conn,
                           uint64_t transport,
                           const uint8_t **data_out,
                           size_t *len_out);

/**
 * `len` bytes of the region of `transport` have been written.
 *
 * Returns SCH_OK; SCH_ERR_WROTE_TOO_MUCH: the region has less; SCH_ERR_UNKNOWN_TRANSPORT; and what every call
 * answers.
 */
sch_status sch_conn_wrote(struct sch_conn *conn, uint64_t now_ns, uint64_t transport, size_t len);

/**
 * Level 2: what you just wrote to the current transport is owed `replies` replies.
 *
 * Returns SCH_OK; SCH_ERR_NOT_CONNECTED; SCH_ERR_LIMIT: too many are owed; SCH_ERR_WRONG_LEVEL; and what every
 * call answers.
 */
sch_status sch_conn_owe(struct sch_conn *conn,
                        uint64_t now_ns,
                        uint64_t replies);

/**
 * Level 2: what you just wrote to `transport` is owed `replies` replies. For your handshake on a candidate; where libsch does not
 * see what comes in, `sch_conn_ready` ends that, and nothing of it is counted.
 *
 * Returns SCH_OK; SCH_ERR_UNKNOWN_TRANSPORT; SCH_ERR_LIMIT: too many are owed; SCH_ERR_WRONG_LEVEL; and what every
 * call answers.
 */
sch_status sch_conn_owe_on(struct sch_conn *conn,
                           uint64_t now_ns,
                           uint64_t transport,
                           uint64_t replies);

/**
 * How many commands written to the current transport are not answered now, all told. The reply to SCH_ACTION_SEND_OPTIN is
 * none of them.
 *
 * Level 1: say it before `sch_conn_held`, and whenever it becomes 0.
 *
 * In tapped, out notified: say it with each write, before `sch_conn_receive` gets the reply. Libsch takes one off for each reply that
 * `sch_conn_receive` has taken all of; what you say sets the count anew. So what you have read and not given yet counts, and what your
 * parser has still before it does not: let it have its spans first. Less than can be (a reply that has begun to come, or what was
 * written after SCH_ACTION_SEND_OPTIN before that is answered) is taken for the least that can. Until the first `sch_conn_ready` of a
 * transport nothing need be said but what is owed still when you say that.
 *
 * In notified, out tapped: say it whenever it becomes 0, and as replies come if you like; `sch_conn_owe` adds to it.
 *
 * Where in is notified and there is no transport in use, it says nothing: the next one begins with 0.
 *
 * Returns SCH_OK; SCH_ERR_WRONG_LEVEL; in tapped, out notified: SCH_ERR_LIMIT: too many are owed; SCH_ERR_NOT_CONNECTED: nothing can be
 * owed; and what every call answers.
 */
sch_status sch_conn_in_flight(struct sch_conn *conn,
                              uint64_t now_ns,
                              uint64_t commands);

/**
 * Levels 1 and 2: a fence, SCH_FENCE_*, opens or closes. No swap while one is open, before the deadline and its grace. A transaction
 * goes with its transport: TRANSACTION_BROKEN says so and closes its fence; the others stay until you close them.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such fence; SCH_ERR_WRONG_LEVEL; and what every call answers.
 */
sch_status sch_conn_fence(struct sch_conn *conn,
                          uint64_t now_ns,
                          int32_t fence,
                          bool open);

/**
 * Level 3: withdraws the command `number` if it is still held.
 *
 * Returns SCH_OK: `*withdrawn_out` is true if it is never written; false if it was written or never numbered, and
 * its reply, if any, still comes; SCH_ERR_WRONG_LEVEL; and what every call answers.
 */
sch_status sch_conn_cancel(struct sch_conn *conn,
                           uint64_t now_ns,
                           uint64_t number,
                           bool *withdrawn_out);

/**
 * Levels 1 and 2: you have stopped writing, at a command boundary. Answers SCH_ACTION_HOLD. Where you have stated a fence since
 * HOLD was asked, RELEASE follows: write on, HOLD comes again when it has closed.
 *
 * Returns SCH_OK; SCH_ERR_UNEXPECTED: no HOLD was asked, or the hold has ended before this call (actions wait that say how); and
 * what every call answers.
 */
sch_status sch_conn_held(struct sch_conn *conn,
                         uint64_t now_ns);

/**
 * The candidate is in use. Answers SCH_ACTION_SWAP.
 *
 * Returns SCH_OK; SCH_ERR_UNEXPECTED: no SWAP was asked, or the candidate failed before this call (SCH_ACTION_CLOSE waits for
 * it): go on with the transport before; and what every call answers.
 */
sch_status sch_conn_swapped(struct sch_conn *conn,
                            uint64_t now_ns);

/**
 * You will not swap: the handoff ends, the current transport goes on. Answers SCH_ACTION_SWAP.
 *
 * Returns SCH_OK; SCH_ERR_UNEXPECTED: no SWAP was asked, or it has ended before this call (actions wait that say how); and what
 * every call answers.
 */
sch_status sch_conn_swap_refused(struct sch_conn *conn,
                                 uint64_t now_ns);

/**
 * Your own handshake on `transport` has succeeded, in RESP3. Levels 1 and 2 must say it; level 3 with a handshake
 * that is seen may, of the current transport, where no ordinary command shows it.
 *
 * Returns SCH_OK; SCH_ERR_UNKNOWN_TRANSPORT; SCH_ERR_WRONG_LEVEL; and what every call answers.
 */
sch_status sch_conn_ready(struct sch_conn *conn,
                          uint64_t now_ns,
                          uint64_t transport);

/**
 * Levels 1 and 2: your handshake on `transport` ended in RESP2, which has no pushes.
 *
 * Returns SCH_OK; SCH_ERR_UNKNOWN_TRANSPORT; SCH_ERR_WRONG_LEVEL; and what every call answers.
 */
sch_status sch_conn_resp2(struct sch_conn *conn, uint64_t now_ns, uint64_t transport);

/**
 * Level 1, and wherever in is notified: a reply to what SCH_ACTION_SEND_OPTIN asked you to write, in order. Its first line is enough.
 *
 * Returns SCH_OK; SCH_ERR_UNEXPECTED: none is awaited; SCH_ERR_UNKNOWN_TRANSPORT; SCH_ERR_WRONG_LEVEL; and what
 * every call answers.
 */
sch_status sch_conn_optin_reply(struct sch_conn *conn,
                                uint64_t now_ns,
                                uint64_t transport,
                                const uint8_t *data,
                                size_t len);

/**
 * You have told the callers of every SCH_ACTION_LOST so far: replies of the next transport may come. After `sch_conn_close`
 * it need not be said: SCH_ERR_CLOSED.
 *
 * Returns SCH_OK; and what every call answers.
 */
sch_status sch_conn_losses_settled(struct sch_conn *conn,
                                   uint64_t now_ns);

/**
 * Level 3: newer credentials, at any time: for candidates from now on, and as the answer to
 * SCH_ACTION_NEED_CREDENTIALS. An empty `username` is the default user. They are copied.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: `username` is not UTF-8; SCH_ERR_WRONG_LEVEL; and what every call answers.
 */
sch_status sch_conn_credentials(struct sch_conn *conn,
                                uint64_t now_ns,
                                const char *username,
                                size_t username_len,
                                const uint8_t *password,
                                size_t password_len);

/**
 * Time has passed: call it when `sch_conn_next_deadline` has come. Calling it at other times does no harm.
 *
 * Returns SCH_OK; and what every call answers.
 */
sch_status sch_conn_tick(struct sch_conn *conn, uint64_t now_ns);

/**
 * Ends the connection: held commands come back, candidates are closed. Drain the actions after it, then free. The
 * current transport is yours to close.
 *
 * Returns SCH_OK; and what every call answers.
 */
sch_status sch_conn_close(struct sch_conn *conn,
                          uint64_t now_ns);

/**
 * The next thing to do. Call it until it is empty after every input, also after one that failed.
 *
 * Returns SCH_OK: `action_out` is filled, what it points to lives until the next call that is not const;
 * SCH_EMPTY; SCH_ERR_STRUCT_SIZE: no action was taken; and what every call answers.
 */
sch_status sch_conn_poll_action(struct sch_conn *conn, struct sch_action *action_out);

/**
 * The move number `index`, from 0, of the SCH_ACTION_SLOTS_MOVED that was polled last.
 *
 * Returns SCH_OK: `move_out` is filled, what it points to lives until the next call that is not const; SCH_EMPTY:
 * there is no such move, or another action was polled since, or `sch_conn_tick` called; SCH_ERR_STRUCT_SIZE; and what
 * every call answers.
 */
sch_status sch_conn_slot_move(const struct sch_conn *conn,
                              size_t index,
                              struct sch_slot_move *move_out);

/**
 * The action that was polled last as one line, such as `open 2 b:6379 attempt=1 by=15s`: the same in logs, in scenario
 * files and in every language. It has no bytes of commands and no credentials. It is copied to `text`, which has room
 * for `cap` bytes: as much as fits, and a NUL.
 *
 * Returns SCH_OK: the whole line has `*len_out` bytes; if that is not below `cap`, it was cut. SCH_EMPTY: no action was
 * polled, or `sch_conn_tick` called since; and what every call answers.
 */
sch_status sch_conn_action_text(const struct sch_conn *conn,
                                char *text,
                                size_t cap,
                                size_t *len_out);

/**
 * When `sch_conn_tick` is due, on your clock.
 *
 * Returns SCH_OK: `*has_out` says whether there is a deadline, `*deadline_ns_out` is it or 0; and what every call
 * answers.
 */
sch_status sch_conn_next_deadline(const struct sch_conn *conn,
                                  bool *has_out,
                                  uint64_t *deadline_ns_out);

/**
 * The timeout of a command now, given the one that is configured: the same, or the relaxed one if that is longer.
 * `is_infinite`: none is configured, `configured_ms` is not looked at.
 *
 * Returns SCH_OK: `*is_infinite_out` is true if there is none, else `*timeout_ms_out` is it; and what every call
 * answers.
 */
sch_status sch_conn_effective_timeout_ms(const struct sch_conn *conn,
                                         uint64_t configured_ms,
                                         bool is_infinite,
                                         uint64_t *timeout_ms_out,
                                         bool *is_infinite_out);

/**
 * The transports to wait on, 3 at most. Those that you dial with `sch_conn_dial` are not among them until they are
 * connected; bytes of `sch_conn_submit` that you could not write yet are yours to remember.
 *
 * Returns SCH_OK: there are `*count_out`, and the first `cap` of them are in `waits`; and what every call answers.
 */
sch_status sch_conn_wait_on(const struct sch_conn *conn,
                            struct sch_wait *waits,
                            size_t cap,
                            size_t *count_out);

/**
 * Counters since the connection was made.
 *
 * Returns SCH_OK: `counters_out` is filled; SCH_ERR_STRUCT_SIZE; and what every call answers.
 */
sch_status sch_conn_counters(const struct sch_conn *conn, struct sch_counters *counters_out);

/**
 * Where the connection is.
 *
 * Returns SCH_OK: `*phase_out` is one of SCH_PHASE_*; and what every call answers.
 */
sch_status sch_conn_phase(const struct sch_conn *conn, int32_t *phase_out);

/**
 * The transport in use.
 *
 * Returns SCH_OK: `*transport_out` is it; SCH_EMPTY: there is none; and what every call answers.
 */
sch_status sch_conn_current(const struct sch_conn *conn, uint64_t *transport_out);

/**
 * Whether the server has accepted the opt-in on the transport in use.
 *
 * Returns SCH_OK: `*active_out` says it; and what every call answers.
 */
sch_status sch_conn_is_active(const struct sch_conn *conn, bool *active_out);

/**
 * The next line of the trace, which `sch_config_set_trace` turns on: inputs and actions, in the words of the scenario
 * files of libsch's tests. The lines, each with a line end, are such a file, and replay. Notifications stand in it in
 * full; of all else type, length and command name; credentials never. At most 4,096 lines wait; beyond, lines are
 * dropped and counted.
 *
 * Returns SCH_OK: `*text_out` has `*len_out` bytes and a NUL after them, until the next call that is not const;
 * SCH_EMPTY; and what every call answers.
 */
sch_status sch_conn_poll_trace(struct sch_conn *conn,
                               const char **text_out,
                               size_t *len_out);

/**
 * Sets where log lines go: `callback` gets those up to `level`, SCH_LOG_*, and `user_data`. NULL, or
 * SCH_LOG_NONE, turns the log off. The rules of a callback are at `sch_log_fn`.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: no such level; and what every call answers.
 */
sch_status sch_conn_set_log(struct sch_conn *conn,
                            int32_t level,
                            sch_log_fn callback,
                            void *user_data);

/**
 * As `sch_conn_receive`, for hosts where each argument and each call has its price, such as other languages: what changes
 * little stands in `call`, which also says whether to poll, and the deadline. So where `call->passes` is 1 and
 * `call->has_action` is 0, nothing else is to be asked. `len` bytes of `data` were received.
 *
 * Returns SCH_OK: the answers in `call` and as many spans as it says are filled, which live as those of `sch_conn_receive`
 * do; SCH_ERR_STRUCT_SIZE; the errors of `sch_conn_receive`; and what every call answers.
 */
sch_status sch_conn_receive_with(struct sch_conn *conn,
                                 const uint8_t *data,
                                 size_t len,
                                 struct sch_receive_call *call);

/**
 * Level 1: a push that your parser met, the whole frame from `>` to its end.
 *
 * Returns SCH_OK: `*swallowed_out` is true if it was a maintenance notification, which nobody else needs, and false if
 * it is yours; SCH_ERR_NOT_A_PUSH; SCH_ERR_UNKNOWN_TRANSPORT; SCH_ERR_WRONG_LEVEL; and what every call answers.
 */
sch_status sch_conn_push(struct sch_conn *conn,
                         uint64_t now_ns,
                         uint64_t transport,
                         const uint8_t *data,
                         size_t len,
                         bool *swallowed_out);

/**
 * Level 1: begins a push of `elements` elements, where your parser has values instead of bytes. What was begun before
 * and not ended is forgotten. Beyond SCH_LIMIT_MAX_PUSH_BYTES the rest is left out, and a notification acts as far as it
 * could be read.
 *
 * Returns SCH_OK; and what every call answers.
 */
sch_status sch_conn_push_begin(struct sch_conn *conn,
                               uint64_t elements);

/**
 * Adds a string of any kind. The bytes are copied.
 *
 * Returns SCH_OK; SCH_ERR_UNEXPECTED: no push is open, or it is full; SCH_ERR_LIMIT: it is a name, too long for
 * a notification;
 * and what every call answers.
 */
sch_status sch_conn_push_text(struct sch_conn *conn,
                              const uint8_t *data,
                              size_t len);

/**
 * Adds an integer.
 *
 * Returns SCH_OK; SCH_ERR_UNEXPECTED and SCH_ERR_LIMIT as `sch_conn_push_text`; and what every call answers.
 */
sch_status sch_conn_push_integer(struct sch_conn *conn, int64_t value);

/**
 * Adds a null.
 *
 * Returns SCH_OK; SCH_ERR_UNEXPECTED and SCH_ERR_LIMIT as `sch_conn_push_text`; and what every call answers.
 */
sch_status sch_conn_push_null(struct sch_conn *conn);

/**
 * Adds an array; the next `elements` elements are its own, and it ends with the last of them.
 *
 * Returns SCH_OK; SCH_ERR_UNEXPECTED and SCH_ERR_LIMIT as `sch_conn_push_text`, also: nested deeper than 16; and what
 * every call answers.
 */
sch_status sch_conn_push_array(struct sch_conn *conn,
                               uint64_t elements);

/**
 * Ends the push and hands it over, as `sch_conn_push` does.
 *
 * Returns SCH_OK: `*swallowed_out` as there; SCH_ERR_UNEXPECTED: elements are missing, the push stays open; the errors of
 * `sch_conn_push`; and what every call answers.
 */
sch_status sch_conn_push_end(struct sch_conn *conn,
                             uint64_t now_ns,
                             uint64_t transport,
                             bool *swallowed_out);

/**
 * Makes a pool for connections that are made with `config` (NULL: the defaults): host and port, endpoint policy, seed and
 * times are those of the pool, too; SCH_LIMIT_MAX_POOL_* are its limits. A pool is for one database.
 *
 * Returns SCH_OK: `*pool_out` is yours, for `sch_pool_free`; SCH_ERR_ABI; SCH_ERR_CONFIG: `sch_config_problem` says
 * why; SCH_ERR_BUSY: another thread changes `config`; SCH_ERR_NO_MEMORY: none was made; SCH_ERR_NULL.
 */
sch_status sch_pool_new(uint32_t abi,
                        const struct sch_config *config,
                        struct sch_pool **pool_out);

/**
 * Frees your handle of a pool. NULL is fine. Connections that have joined go on as its members, and their waiters are woken
 * and its log is told until the last of them has left: remove before those that are to end earlier, and turn off the log.
 *
 * Returns SCH_OK; SCH_ERR_BUSY: a call of another thread is inside, or a wake-up or log callback is running, as when this is
 * one: nothing is freed.
 */
sch_status sch_pool_free(struct sch_pool *pool);

/**
 * A waiter that is woken by writing to `descriptor`: an eventfd, or a pipe, with O_NONBLOCK. Eight bytes are written; read
 * them away before you look for mail. Remove the waiter before you close the descriptor.
 *
 * Returns SCH_OK: `*waiter_out` is its number, above 0; SCH_ERR_ARGUMENT: the descriptor is not open, or may block;
 * SCH_ERR_LIMIT; and what every call on a pool answers.
 */
sch_status sch_pool_add_waiter_fd(const struct sch_pool *pool,
                                  int descriptor,
                                  uint32_t *waiter_out);

/**
 * A waiter that is woken by calling `wake` with `user_data`, from any thread.
 *
 * Returns SCH_OK: `*waiter_out` is its number, above 0; SCH_ERR_NULL; SCH_ERR_LIMIT; and what every call on a pool answers.
 */
sch_status sch_pool_add_waiter(const struct sch_pool *pool,
                               sch_wake_fn wake,
                               void *user_data,
                               uint32_t *waiter_out);

/**
 * Ends a waiter. After SCH_OK it is not woken any more, and what it needs can go.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: there is none of that number; SCH_ERR_BUSY: it is just being woken, by another thread or
 * around this call: it stays, try again; and what every call on a pool answers.
 */
sch_status sch_pool_remove_waiter(const struct sch_pool *pool,
                                  uint32_t waiter);

/**
 * Names the waiter of the pool itself: it is woken when there are events to poll, and when the deadline comes nearer. 0 is
 * none, then poll and tick at your own pace: every 100 ms is good.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: there is none of that number; and what every call on a pool answers.
 */
sch_status sch_pool_watch(const struct sch_pool *pool,
                          uint32_t waiter);

/**
 * The next event. More than one thread may poll; each event is given once.
 *
 * Returns SCH_OK: `event_out` is filled; SCH_EMPTY: there is none; SCH_ERR_STRUCT_SIZE; and what every call on a pool
 * answers.
 */
sch_status sch_pool_poll_event(const struct sch_pool *pool,
                               struct sch_pool_event *event_out);

/**
 * Does what is due. Any thread may call it; one is enough.
 *
 * Returns SCH_OK; and what every call on a pool answers.
 */
sch_status sch_pool_tick(const struct sch_pool *pool, uint64_t now_ns);

/**
 * When `sch_pool_tick` is to be called.
 *
 * Returns SCH_OK: `*has_out` says whether there is a deadline, `*deadline_ns_out` is it or 0; and what every call on a pool
 * answers.
 */
sch_status sch_pool_next_deadline(const struct sch_pool *pool,
                                  bool *has_out,
                                  uint64_t *deadline_ns_out);

/**
 * Where to dial a new connection, best first: inside the window of a MOVING its target, then what moves; after it the
 * configured address again. What refuses is left out, but for one that tries: a place with `is_probe` is yours alone until you
 * report, or the time of an attempt is over (the longer of `attempt_min` and a third of `handoff_timeout`: 5 s). Fills up to
 * `cap` (1 at least, 4 is good) places; try one after the other, and report each with `sch_pool_dial_result`.
 *
 * Returns SCH_OK: `*count_out` places are filled; SCH_EMPTY: all refuse, ask again at `*retry_ns_out`, on your clock: when
 * the pause of one is over, or the time of who tries it, unless its report comes before; SCH_ERR_ARGUMENT: `cap` is 0; and
 * what every call on a pool answers.
 */
sch_status sch_pool_where_to_dial(const struct sch_pool *pool,
                                  uint64_t now_ns,
                                  struct sch_place *places,
                                  size_t cap,
                                  size_t *count_out,
                                  uint64_t *retry_ns_out);

/**
 * A dial to one of those places has ended, with a usable connection or not.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: it is no endpoint; and what every call on a pool answers.
 */
sch_status sch_pool_dial_result(const struct sch_pool *pool,
                                uint64_t now_ns,
                                const char *host,
                                size_t host_len,
                                uint16_t port,
                                bool ok);

/**
 * A server refused the opt-in: connections of the pool do not ask it again for a while. Those that have joined say so
 * themselves; this is for a driver that opts in by its own means.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: it is no endpoint; and what every call on a pool answers.
 */
sch_status sch_pool_optin_refused(const struct sch_pool *pool,
                                  uint64_t now_ns,
                                  const char *host,
                                  size_t host_len,
                                  uint16_t port);

/**
 * Counters of the pool.
 *
 * Returns SCH_OK: `counters_out` is filled; SCH_ERR_STRUCT_SIZE; and what every call on a pool answers.
 */
sch_status sch_pool_counters(const struct sch_pool *pool, struct sch_pool_counts *counters_out);

/**
 * The endpoints that there are counters of, up to `cap`; only host and port are filled.
 *
 * Returns SCH_OK: `*count_out` places are filled; and what every call on a pool answers.
 */
sch_status sch_pool_endpoints(const struct sch_pool *pool,
                              struct sch_place *places,
                              size_t cap,
                              size_t *count_out);

/**
 * Counters of one endpoint.
 *
 * Returns SCH_OK: `counters_out` is filled; SCH_EMPTY: nothing is known of it; SCH_ERR_ARGUMENT: it is no endpoint;
 * SCH_ERR_STRUCT_SIZE; and what every call on a pool answers.
 */
sch_status sch_pool_endpoint_counters(const struct sch_pool *pool,
                                      const char *host,
                                      size_t host_len,
                                      uint16_t port,
                                      struct sch_endpoint_counters *counters_out);

/**
 * Sets where log lines of the pool go: `callback` gets those up to `level`, SCH_LOG_*, and `user_data`; NULL, or
 * SCH_LOG_NONE, turns the log off, as at first. A line is words of the form `event=grant member=4294967296 user=42`, of at most
 * SCH_LINE_SIZE bytes with its NUL; keys that end in _ms are milliseconds; credentials and names of channels never stand there.
 * Lines are for people: words may come and change in any version. What they tell, level by level:
 *
 *   info   a notification that is new: by which member it was read, of which node, how many members hear of it; a MOVING's
 *          handoffs (a wave) begin and end; an endpoint answers again
 *   warn   members that are late, an endpoint that is not followed or refuses, a limit that was met: mail, events, members
 *   debug  who joins, leaves and moves; a notification that does nothing, and why; who is granted, and why nobody is; RETIRE and
 *          HANDOFF; attempts, dials and who tries an endpoint that refuses
 *
 * A line is told at the end of a call on the pool, or of one on a member, when no lock is held and all wake-ups are made: never
 * from inside a wake-up. One thread tells at a time, so that lines come in the order of what they tell; it may tell those of
 * other threads. So the callback is never called twice at once, but by different threads. The text lives until it returns.
 *
 * From inside it the pool may be called; the lines of such a call are told after it has returned. sch_pool_free and this function
 * answer SCH_ERR_BUSY there, and so does every call on the connection whose call is telling. While it runs other threads go on,
 * and at most SCH_LIMIT_MAX_LINES lines wait; that more were dropped is a line. A call tells at most 1,024: the rest comes with the
 * next. It must not throw nor longjmp.
 *
 * Returns SCH_OK: the callback before is not called any more; SCH_ERR_ARGUMENT: no such level; SCH_ERR_BUSY: the callback
 * before is being called, by another thread or around this call: nothing was changed, try again; and what every call on a pool
 * answers.
 */
sch_status sch_pool_set_log(const struct sch_pool *pool,
                            int32_t level,
                            sch_log_fn callback,
                            void *user_data);

/**
 * The connection becomes a member of `pool`, owned by a user. From here on what one member reads acts for all on the same
 * node, and handoffs wait for their turn. Libsch does the talking: after each input of the connection it brings what was
 * read to the pool and acts on its mail, so a `sch_conn_tick` is what a wake-up asks for.
 *
 * `unowned` is SCH_UNOWNED_*: what shall become of it when its node moves and nobody owns it. `user` is what you call it,
 * for events. `node` names the node, for hosts that know better than the address that each `sch_conn_connected` says; or
 * (NULL, 0).
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT: `unowned` is none, or `node` is not host:port; SCH_ERR_UNEXPECTED: it is a member
 * already; SCH_ERR_LIMIT: the pool is full; SCH_ERR_NULL; and what every call answers (SCH_ERR_NO_MEMORY: it has not joined).
 */
sch_status sch_conn_join(struct sch_conn *conn,
                         uint64_t now_ns,
                         const struct sch_pool *pool,
                         int32_t unowned,
                         uint64_t user,
                         const char *node,
                         size_t node_len);

/**
 * The connection leaves its pool. A handoff that waited for its turn begins at once.
 *
 * Returns SCH_OK; SCH_ERR_UNEXPECTED: it is no member; and what every call answers.
 */
sch_status sch_conn_leave(struct sch_conn *conn, uint64_t now_ns);

/**
 * A user owns the connection from here on, as at first. `waiter` is who is woken for its mail, from
 * `sch_pool_add_waiter`; 0 is nobody: then ask `sch_conn_has_mail` before you write. Its mail is acted on at once: drain the
 * actions before you write.
 *
 * Returns SCH_OK; SCH_ERR_UNEXPECTED: it is no member; SCH_ERR_ARGUMENT: there is no such waiter; and what every call
 * answers.
 */
sch_status sch_conn_take(struct sch_conn *conn,
                         uint64_t now_ns,
                         uint32_t waiter);

/**
 * Nobody owns the connection: it rests in your pool of connections. Its mail waits until it is taken; if its node moves,
 * an event says what to do.
 *
 * Returns SCH_OK; SCH_ERR_UNEXPECTED: it is no member; and what every call answers.
 */
sch_status sch_conn_give(struct sch_conn *conn,
                         uint64_t now_ns);

/**
 * Whether there is mail: then call `sch_conn_tick` and drain the actions. One atomic load.
 *
 * Returns SCH_OK: `*has_mail_out` is set, also to true for nothing; SCH_ERR_UNEXPECTED: it is no member; and what every
 * call answers.
 */
sch_status sch_conn_has_mail(const struct sch_conn *conn,
                             bool *has_mail_out);

/**
 * The number of this member in events, never 0 and never used again.
 *
 * Returns SCH_OK: `*member_out` is set; SCH_ERR_UNEXPECTED: it is no member; and what every call answers.
 */
sch_status sch_conn_member(const struct sch_conn *conn, uint64_t *member_out);

/**
 * Makes a cluster without a map, for connections that are made with `config` (NULL: the defaults): TLS, seed and
 * `mark_age` are those of the cluster, too. One cluster is for all connections to it, of all threads.
 *
 * Returns SCH_OK: `*cluster_out` is yours, for `sch_cluster_free`; SCH_ERR_ABI; SCH_ERR_CONFIG: `sch_config_problem`
 * says why; SCH_ERR_BUSY: another thread changes `config`; SCH_ERR_NO_MEMORY: none was made; SCH_ERR_NULL.
 */
sch_status sch_cluster_new(uint32_t abi,
                           const struct sch_config *config,
                           struct sch_cluster **cluster_out);

/**
 * Frees a cluster. NULL is fine.
 *
 * Returns SCH_OK; SCH_ERR_BUSY: a call of another thread is inside, or this is its log callback: nothing is freed.
 */
sch_status sch_cluster_free(struct sch_cluster *cluster);

/**
 * What to do about the last call that failed, of any thread: as much of the text as fits into `cap` bytes, and a NUL.
 *
 * Returns SCH_OK: `*len_out` is the length of the whole text; SCH_EMPTY: none failed yet; SCH_ERR_NULL.
 */
sch_status sch_cluster_last_error(const struct sch_cluster *cluster,
                                  char *text,
                                  size_t cap,
                                  size_t *len_out);

/**
 * What servers write as `from` is dialled as `to` from now on: in maps, SMIGRATED and redirections. Each is `host:port`,
 * or `host` alone: from any port, to the same port. What is loaded already stays as it is.
 *
 * Returns SCH_OK; SCH_ERR_CONFIG: no address; SCH_ERR_ARGUMENT: not UTF-8; SCH_ERR_LIMIT; SCH_ERR_NULL.
 */
sch_status sch_cluster_map_address(const struct sch_cluster *cluster,
                                   const char *from,
                                   size_t from_len,
                                   const char *to,
                                   size_t to_len);

/**
 * The whole reply to CLUSTER SLOTS, RESP2 or RESP3, of the node that you dialled as `asked_host`, `asked_port`: nodes
 * without a host are there. `seq`, if `has_seq`, is that of SCH_CLUSTER_RELOAD_SLOTS or of `sch_cluster_reload_started`:
 * SMIGRATED up to it is in the reply already.
 *
 * Returns SCH_OK; SCH_ERR_NOT_A_SLOT_MAP: an error reply, another one, or one without slots; SCH_ERR_LIMIT;
 * SCH_ERR_NO_MEMORY: the map goes on as it was, and you say `sch_cluster_reload_failed`; SCH_ERR_ARGUMENT: `asked` is no endpoint; SCH_ERR_NULL.
 */
sch_status sch_cluster_load_slots(const struct sch_cluster *cluster,
                                  uint64_t now_ns,
                                  const uint8_t *reply,
                                  size_t reply_len,
                                  const char *asked_host,
                                  size_t asked_host_len,
                                  uint16_t asked_port,
                                  bool has_seq,
                                  uint64_t seq);

/**
 * The whole reply to CLUSTER SHARDS, likewise. It tells of nodes without slots, of health, and of both ports: with TLS
 * (`sch_config_set_tls`) the `tls-port` counts.
 *
 * Returns as `sch_cluster_load_slots`.
 */
sch_status sch_cluster_load_shards(const struct sch_cluster *cluster,
                                   uint64_t now_ns,
                                   const uint8_t *reply,
                                   size_t reply_len,
                                   const char *asked_host,
                                   size_t asked_host_len,
                                   uint16_t asked_port,
                                   bool has_seq,
                                   uint64_t seq);

/**
 * You are about to ask a node for the map on your own account, as at your start. What is told meanwhile is repeated on
 * what you load.
 *
 * Returns SCH_OK: load with `*has_seq_out` and `*seq_out`; SCH_ERR_NULL.
 */
sch_status sch_cluster_reload_started(const struct sch_cluster *cluster,
                                      uint64_t now_ns,
                                      bool *has_seq_out,
                                      uint64_t *seq_out);

/**
 * The map that was asked for did not come: no connection, an error, no map. It will be asked for again, after a pause
 * that grows.
 *
 * Returns SCH_OK, also when none is under way; SCH_ERR_NULL.
 */
sch_status sch_cluster_reload_failed(const struct sch_cluster *cluster,
                                     uint64_t now_ns);

/**
 * The map is not to be trusted: CLUSTERDOWN, a node that cannot be reached, or there is none yet. One
 * SCH_CLUSTER_RELOAD_SLOTS follows, however many ask.
 *
 * Returns SCH_OK; SCH_ERR_NULL.
 */
sch_status sch_cluster_ask_reload(const struct sch_cluster *cluster, uint64_t now_ns);

/**
 * `conn` told SCH_ACTION_SLOTS_MOVED, and that is the action polled from it last: the cluster takes its moves.
 *
 * Returns SCH_OK; SCH_ERR_UNEXPECTED: the last action of `conn` was another one; SCH_ERR_BUSY: another call is inside
 * `conn`; SCH_ERR_POISONED: `conn` is; SCH_ERR_NO_MEMORY: call it again before `conn`, else ask for the map; SCH_ERR_NULL.
 */
sch_status sch_cluster_slots_moved(const struct sch_cluster *cluster,
                                   uint64_t now_ns,
                                   const struct sch_conn *conn);

/**
 * A connection told SCH_ACTION_RELOAD_SLOTS, with its `has_seq` and `seq`. Once for each seq, whoever tells it.
 *
 * Returns SCH_OK; SCH_ERR_NULL.
 */
sch_status sch_cluster_reload_asked(const struct sch_cluster *cluster,
                                    uint64_t now_ns,
                                    bool has_seq,
                                    uint64_t seq);

/**
 * One push, as it came, of a connection that libsch does not drive: SMIGRATED is taken, all else left alone.
 *
 * Returns SCH_OK: `*taken_out` says which; SCH_ERR_NO_MEMORY: hand it over again; SCH_ERR_NULL; SCH_ERR_ARGUMENT.
 */
sch_status sch_cluster_push(const struct sch_cluster *cluster,
                            uint64_t now_ns,
                            const uint8_t *data,
                            size_t len,
                            bool *taken_out);

/**
 * The text of an error reply (with or without `-` and line end) of the node that you dialled as `asked_host`,
 * `asked_port`. MOVED patches its slot and asks for one reload; ASK changes nothing.
 *
 * Returns SCH_OK: `redirection_out` says where to send the command; SCH_EMPTY: it is no redirection;
 * SCH_ERR_ARGUMENT: `asked` is no endpoint; SCH_ERR_STRUCT_SIZE; SCH_ERR_NULL.
 */
sch_status sch_cluster_redirected(const struct sch_cluster *cluster,
                                  uint64_t now_ns,
                                  const uint8_t *error,
                                  size_t error_len,
                                  const char *asked_host,
                                  size_t asked_host_len,
                                  uint16_t asked_port,
                                  struct sch_redirection *redirection_out);

/**
 * A command was answered with MOVED, and your parser has read it: `slot` is at `host`, `port`.
 *
 * Returns SCH_OK: `*node_out` is the node there, 0 if there is no room for it; SCH_ERR_ARGUMENT: no endpoint;
 * SCH_ERR_CONFIG: no slot; SCH_ERR_NULL.
 */
sch_status sch_cluster_moved(const struct sch_cluster *cluster,
                             uint64_t now_ns,
                             uint16_t slot,
                             const char *host,
                             size_t host_len,
                             uint16_t port,
                             uint64_t *node_out);

/**
 * You subscribe to a shard channel: on `*node_out`, 0 if its slot `*slot_out` has no owner yet. Say it once for each
 * channel; an SUNSUBSCRIBE that you did not send changes nothing here, SCH_CLUSTER_MOVE_SUBSCRIPTIONS follows.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT; SCH_ERR_NULL.
 */
sch_status sch_cluster_subscribe(const struct sch_cluster *cluster,
                                 const uint8_t *channel,
                                 size_t len,
                                 uint16_t *slot_out,
                                 uint64_t *node_out);

/**
 * You do not want that shard channel any more.
 *
 * Returns SCH_OK; SCH_EMPTY: none of its slot was said; SCH_ERR_ARGUMENT; SCH_ERR_NULL.
 */
sch_status sch_cluster_unsubscribe(const struct sch_cluster *cluster, const uint8_t *channel, size_t len);

/**
 * Time has passed.
 *
 * Returns SCH_OK; SCH_ERR_NULL.
 */
sch_status sch_cluster_tick(const struct sch_cluster *cluster, uint64_t now_ns);

/**
 * When `sch_cluster_tick` is due. Takes no lock.
 *
 * Returns SCH_OK: `*has_out` says whether there is a deadline, `*deadline_ns_out` which; SCH_ERR_NULL.
 */
sch_status sch_cluster_next_deadline(const struct sch_cluster *cluster,
                                     bool *has_out,
                                     uint64_t *deadline_ns_out);

/**
 * The next thing to do: of several threads that poll, each gets another one. Its moves go to `moves`, which has room for
 * `moves_cap`, their ranges to `ranges`; 1,024 and 16,384 are always enough. Poll after every input; without anything to
 * give it takes no lock.
 *
 * Returns SCH_OK; SCH_EMPTY: nothing; SCH_MORE: an array is too small, `moves_len` and `ranges_len` of `action_out` say
 * what it takes, and it stays the next; SCH_ERR_STRUCT_SIZE; SCH_ERR_NULL.
 */
sch_status sch_cluster_poll_action(const struct sch_cluster *cluster,
                                   struct sch_cluster_action *action_out,
                                   struct sch_cluster_move *moves_out,
                                   size_t moves_cap,
                                   struct sch_slot_range *ranges_out,
                                   size_t ranges_cap);

/**
 * The slot of a key, or of a shard channel, as the server has it: of `{tag}` only what is inside counts.
 *
 * Returns SCH_OK; SCH_ERR_ARGUMENT; SCH_ERR_NULL.
 */
sch_status sch_key_slot(const uint8_t *key, size_t len, uint16_t *slot_out);

/**
 * The owner of a slot: one atomic load. The number of a node is above 0, stays while its address does, and is never used
 * again: keep your connections by it.
 *
 * Returns SCH_OK; SCH_EMPTY: none is known; SCH_ERR_NULL.
 */
sch_status sch_cluster_owner(const struct sch_cluster *cluster,
                             uint16_t slot,
                             uint64_t *node_out);

/**
 * The owner of the slot of a key.
 *
 * Returns as `sch_cluster_owner`, and SCH_ERR_ARGUMENT.
 */
sch_status sch_cluster_owner_of_key(const struct sch_cluster *cluster,
                                    const uint8_t *key,
                                    size_t len,
                                    uint64_t *node_out);

/**
 * The replica number `nth`, from 0, of the owner of a slot.
 *
 * Returns SCH_OK; SCH_EMPTY: there are no more; SCH_ERR_NULL.
 */
sch_status sch_cluster_replica(const struct sch_cluster *cluster,
                               uint16_t slot,
                               size_t nth,
                               uint64_t *node_out);

/**
 * What is known of a node, its address above all.
 *
 * Returns SCH_OK; SCH_EMPTY: its number is forgotten (DRAIN_NODE said so): look up the owner again; SCH_ERR_STRUCT_SIZE;
 * SCH_ERR_NULL.
 */
sch_status sch_cluster_node(const struct sch_cluster *cluster,
                            uint64_t node,
                            struct sch_node *node_out);

/**
 * The number of the node at `host`, `port`, as servers write it or as it is dialled.
 *
 * Returns SCH_OK; SCH_EMPTY: it is not known; SCH_ERR_ARGUMENT: no endpoint; SCH_ERR_NULL.
 */
sch_status sch_cluster_find_node(const struct sch_cluster *cluster,
                                 const char *host,
                                 size_t host_len,
                                 uint16_t port,
                                 uint64_t *node_out);

/**
 * The counters since the cluster was made.
 *
 * Returns SCH_OK; SCH_ERR_STRUCT_SIZE; SCH_ERR_NULL.
 */
sch_status sch_cluster_counters(const struct sch_cluster *cluster, struct sch_cluster_counts *counters_out);

/**
 * Sets where log lines of the cluster go: `callback` gets those up to `level`, SCH_LOG_*, and `user_data`; NULL, or
 * SCH_LOG_NONE, turns the log off, as at first. What it tells, level by level:
 *
 *   info   an SMIGRATED that is new, and what became of its slots; a map that is wanted, asked for, loaded; nodes to dial and to
 *          drain; subscriptions that move
 *   warn   a reload that failed, a reply that is no map, an SMIGRATED that could not be read in full, a limit that was met
 *   debug  an SMIGRATED that does nothing, and why; MOVED; more reasons for a map that is wanted already
 *
 * The form of a line and the rules of a callback are those of `sch_pool_set_log`: lines come at the end of a call on the cluster,
 * one thread tells at a time, the cluster may be called from inside, but neither freed nor this.
 *
 * Returns SCH_OK: the callback before is not called any more; SCH_ERR_ARGUMENT: no such level; SCH_ERR_BUSY: the callback
 * before is being called, by another thread or around this call: nothing was changed, try again; SCH_ERR_NULL.
 */
sch_status sch_cluster_set_log(const struct sch_cluster *cluster,
                               int32_t level,
                               sch_log_fn callback,
                               void *user_data);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SCH_H */
