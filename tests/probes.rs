//! Facts about a real redis-server that the in-flight count rests on, byte for byte. Each test is named after its fact;
//! docs/PROBES.md draws the consequences. "Nothing comes" is proved by what comes next: no byte is skipped.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "these tests talk to a real server")]

#[path = "support/redis.rs"]
mod redis;

use redis::Redis;

const SUBSCRIBED_A: &str = ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
const SUBSCRIBED_B: &str = ">3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n";

fn pushed(kind: &str, name: &str, count: u32) -> String {
    format!(">3\r\n${}\r\n{kind}\r\n${}\r\n{name}\r\n:{count}\r\n", kind.len(), name.len())
}

/// One push for each name, in the order of the names; the number counts channels and patterns together, shard
/// channels apart.
#[test]
fn subscribe_is_answered_by_one_push_for_each_name() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("SUBSCRIBE a b", &format!("{SUBSCRIBED_A}{SUBSCRIBED_B}"));
    client.call("PSUBSCRIBE p*", &pushed("psubscribe", "p*", 3));
    client.call("SSUBSCRIBE s", &pushed("ssubscribe", "s", 1));
    client.is_drained();
}

/// Two confirmations with the same count, and no second subscription.
#[test]
fn subscribing_to_the_same_channel_twice_confirms_twice() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("SUBSCRIBE a a", &format!("{SUBSCRIBED_A}{SUBSCRIBED_A}"));
    client.call("SUBSCRIBE a", SUBSCRIBED_A);
    client.call("UNSUBSCRIBE", &pushed("unsubscribe", "a", 0));
    client.is_drained();
}

/// Wrong arity: one error, no push.
#[test]
fn a_refused_subscribe_is_one_error_and_no_push() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    for name in ["subscribe", "psubscribe", "ssubscribe"] {
        client.call(name, &format!("-ERR wrong number of arguments for '{name}' command\r\n"));
    }
    client.is_drained();
}

/// Of several channels none is subscribed if one is not allowed: one error.
#[test]
fn a_subscribe_without_permission_is_one_error_for_all_names() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("ACL SETUSER u on >p +@all resetchannels &a", "+OK\r\n");
    client.call("AUTH u p", "+OK\r\n");
    client.call(
        "SUBSCRIBE a b",
        "-NOPERM this user has no permissions to access one of the channels used as arguments\r\n",
    );
    client.call("UNSUBSCRIBE", ">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n");
    client.is_drained();
}

/// One push with a null in place of the name.
#[test]
fn unsubscribe_without_names_and_without_subscriptions_is_one_push() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("UNSUBSCRIBE", ">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n");
    client.call("PUNSUBSCRIBE", ">3\r\n$12\r\npunsubscribe\r\n_\r\n:0\r\n");
    client.call("SUNSUBSCRIBE", ">3\r\n$12\r\nsunsubscribe\r\n_\r\n:0\r\n");
    client.is_drained();
}

/// One push for each subscription of that kind, in an order of the server's.
#[test]
fn unsubscribe_without_names_is_one_push_for_each_subscription_of_its_kind() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("SUBSCRIBE a b", &format!("{SUBSCRIBED_A}{SUBSCRIBED_B}"));
    client.call("PSUBSCRIBE p", &pushed("psubscribe", "p", 3));
    client.call("SSUBSCRIBE s", &pushed("ssubscribe", "s", 1));
    client.send(&["UNSUBSCRIBE"]);
    let mut names = Vec::new();
    for left in [2, 1] {
        client.receives(">3\r\n$11\r\nunsubscribe\r\n$1\r\n");
        names.push(client.reply_line());
        client.receives(&format!(":{left}\r\n"));
    }
    names.sort();
    assert_eq!(names, ["a\r\n", "b\r\n"]);
    client.call("PUNSUBSCRIBE", &pushed("punsubscribe", "p", 0));
    client.call("SUNSUBSCRIBE", &pushed("sunsubscribe", "s", 0));
    client.is_drained();
}

/// Confirmed all the same, once for each name.
#[test]
fn unsubscribing_from_what_was_never_subscribed_is_confirmed() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("UNSUBSCRIBE x y", &(pushed("unsubscribe", "x", 0) + &pushed("unsubscribe", "y", 0)));
    client.call("PUNSUBSCRIBE x", &pushed("punsubscribe", "x", 0));
    client.call("SUNSUBSCRIBE x x", &pushed("sunsubscribe", "x", 0).repeat(2));
    client.is_drained();
}

/// The array counts commands, but SUBSCRIBE of two channels puts two pushes in place of one element: whoever counts
/// pushes as elements ends the array one frame early, whoever does not waits for one too many.
#[test]
fn subscribe_inside_multi_puts_its_pushes_into_the_reply_of_exec() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("MULTI", "+OK\r\n");
    for command in ["SET k 1", "SUBSCRIBE a b", "GET k"] {
        client.call(command, "+QUEUED\r\n");
    }
    client.call("EXEC", &format!("*3\r\n+OK\r\n{SUBSCRIBED_A}{SUBSCRIBED_B}$1\r\n1\r\n"));
    client.is_drained();
}

/// Each with one channel: as many pushes as elements.
#[test]
fn exec_with_two_subscribes_of_one_channel_has_two_pushes_as_elements() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("MULTI", "+OK\r\n");
    client.call("SUBSCRIBE a", "+QUEUED\r\n");
    client.call("SUBSCRIBE b", "+QUEUED\r\n");
    client.call("EXEC", &format!("*2\r\n{SUBSCRIBED_A}{SUBSCRIBED_B}"));
    client.is_drained();
}

/// One element of the array, as many pushes as there are subscriptions.
#[test]
fn unsubscribe_without_names_inside_multi_is_one_element_of_many_pushes() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("PSUBSCRIBE p", &pushed("psubscribe", "p", 1));
    client.call("SUBSCRIBE a", &pushed("subscribe", "a", 2));
    client.call("MULTI", "+OK\r\n");
    client.call("UNSUBSCRIBE", "+QUEUED\r\n");
    client.call("PUNSUBSCRIBE p q", "+QUEUED\r\n");
    client.send(&["EXEC"]);
    client.receives("*2\r\n");
    client.receives(&pushed("unsubscribe", "a", 1));
    client.receives(&(pushed("punsubscribe", "p", 0) + &pushed("punsubscribe", "q", 0)));
    client.is_drained();
}

/// An error as its element, at EXEC and not when it is queued.
#[test]
fn ssubscribe_inside_multi_is_refused_by_exec() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("MULTI", "+OK\r\n");
    client.call("SSUBSCRIBE s", "+QUEUED\r\n");
    client.call("EXEC", "*1\r\n-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n");
    client.is_drained();
}

/// The message stands *before* the element that PUBLISH has in the array and is none itself: a push within an aggregate is
/// sometimes an element (confirmations) and sometimes not (messages).
#[test]
fn a_message_to_oneself_inside_multi_is_an_extra_frame_within_the_reply_of_exec() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("SUBSCRIBE a", SUBSCRIBED_A);
    client.call("MULTI", "+OK\r\n");
    client.call("PUBLISH a m", "+QUEUED\r\n");
    client.call("ECHO x", "+QUEUED\r\n");
    client.call("EXEC", "*2\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n:1\r\n$1\r\nx\r\n");
    client.is_drained();
}

/// The same without PUBLISH: any write, where the client listens to its keyspace events.
#[test]
fn a_keyspace_event_inside_multi_is_an_extra_frame_within_the_reply_of_exec() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("CONFIG SET notify-keyspace-events KA", "+OK\r\n");
    client.call("SUBSCRIBE __keyspace@0__:k", &pushed("subscribe", "__keyspace@0__:k", 1));
    client.call("MULTI", "+OK\r\n");
    client.call("SET k 1", "+QUEUED\r\n");
    client.call("EXEC", "*1\r\n>3\r\n$7\r\nmessage\r\n$16\r\n__keyspace@0__:k\r\n$3\r\nset\r\n+OK\r\n");
    client.is_drained();
}

/// Before the reply of PUBLISH.
#[test]
fn a_message_to_oneself_comes_before_the_reply_of_publish() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("SUBSCRIBE a", SUBSCRIBED_A);
    client.call("PUBLISH a m", ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n:1\r\n");
    client.is_drained();
}

/// Messages come, and so do the confirmations of SUBSCRIBE and UNSUBSCRIBE; replies and errors do not.
#[test]
fn pushes_go_on_under_client_reply_off_confirmations_too() {
    let redis = Redis::start();
    let (mut client, mut other) = (redis.resp3(), redis.resp3());
    client.call("SUBSCRIBE a", SUBSCRIBED_A);
    client.send(&["CLIENT REPLY OFF", "GET k", "NONSENSE", "SUBSCRIBE"]);
    client.call("SUBSCRIBE b", SUBSCRIBED_B);
    other.call("PUBLISH a m", ":1\r\n");
    client.receives(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n");
    client.call("UNSUBSCRIBE b", &pushed("unsubscribe", "b", 1));
    client.call("CLIENT REPLY ON", "+OK\r\n");
    client.is_drained();
}

/// SKIP changes nothing then; ON and RESET are answered, as they end it first.
#[test]
fn client_reply_off_ends_with_on_or_reset_which_are_answered() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send(&["CLIENT REPLY OFF", "CLIENT REPLY SKIP", "PING", "PING"]);
    client.call("CLIENT REPLY ON", "+OK\r\n");
    client.is_drained();
    client.send(&["CLIENT REPLY OFF", "PING"]);
    client.call("RESET", "+RESET\r\n");
    client.is_drained();
}

/// Neither SKIP nor the next command is answered, whatever that is, except for pushes and for CLIENT REPLY ON.
#[test]
fn client_reply_skip_takes_away_its_own_reply_and_the_next() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send(&["CLIENT REPLY SKIP", "PING", "ECHO a"]);
    client.receives("$1\r\na\r\n");
    client.send(&["CLIENT REPLY SKIP", "NONSENSE", "ECHO b"]);
    client.receives("$1\r\nb\r\n");
    client.send(&["CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "PING", "ECHO c"]);
    client.receives("$1\r\nc\r\n");
    client.send(&["CLIENT REPLY SKIP", "CLIENT REPLY ON", "ECHO d"]);
    client.receives("+OK\r\n$1\r\nd\r\n");
    client.send(&["CLIENT REPLY SKIP", "SUBSCRIBE a", "ECHO e"]);
    client.receives(&format!("{SUBSCRIBED_A}$1\r\ne\r\n"));
    client.send(&["CLIENT REPLY SKIP", "MULTI", "PING", "EXEC"]);
    client.receives("+QUEUED\r\n*1\r\n+PONG\r\n");
    client.is_drained();
}

/// One error each, and replies go on.
#[test]
fn a_wrong_client_reply_is_answered() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("CLIENT REPLY maybe", "-ERR syntax error\r\n");
    client.call("CLIENT REPLY", "-ERR wrong number of arguments for 'client|reply' command\r\n");
    client.call("CLIENT REPLY OFF x", "-ERR wrong number of arguments for 'client|reply' command\r\n");
    client.is_drained();
}

/// The array keeps the header of all its elements, and those from REPLY OFF on never come: the next replies fall into it.
#[test]
fn client_reply_off_inside_multi_cuts_the_reply_of_exec_short() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send(&["MULTI", "CLIENT REPLY OFF", "PING", "EXEC", "PING", "CLIENT REPLY ON"]);
    client.receives("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n");
    client.is_drained();
}

/// SKIP has no element, the others do; and it is the command after EXEC that is skipped.
#[test]
fn client_reply_skip_inside_multi_takes_an_element_and_the_reply_after_exec() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send(&["MULTI", "ECHO a", "CLIENT REPLY SKIP", "ECHO b", "EXEC", "ECHO c", "ECHO d"]);
    client.receives("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nd\r\n");
    client.is_drained();
}

/// Simple strings among the replies; a monitoring client's own commands are answered (if they touch no key), and the
/// line about them comes after the reply.
#[test]
fn monitor_sends_simple_strings_among_replies() {
    let redis = Redis::start();
    let (mut client, mut other) = (redis.resp3(), redis.resp3());
    client.call("MONITOR", "+OK\r\n");
    other.call("ECHO x", "$1\r\nx\r\n");
    let line = client.reply_line();
    assert!(line.starts_with('+') && line.ends_with("] \"ECHO\" \"x\"\r\n"), "{line}");
    client.call("PING", "+PONG\r\n");
    let line = client.reply_line();
    assert!(line.starts_with('+') && line.ends_with("] \"PING\"\r\n"), "{line}");
    client.call("GET k", "-ERR Replica can't interact with the keyspace\r\n");
    client.call("RESET", "+RESET\r\n");
    other.call("PING", "+PONG\r\n");
    client.is_drained();
}

/// Queued, then refused.
#[test]
fn monitor_inside_multi_is_refused_by_exec() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send(&["MULTI", "MONITOR", "EXEC"]);
    client.receives("+OK\r\n+QUEUED\r\n*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n");
    client.is_drained();
}

/// RESP2, database 0, no name, no tracking, the default user; what stays is NO-EVICT (`flags=e`). One frame, already in
/// RESP2's form.
#[test]
fn reset_takes_the_session_away_but_for_no_evict() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    for command in ["CLIENT SETNAME n", "SELECT 3", "CLIENT TRACKING ON", "CLIENT NO-EVICT ON"] {
        client.call(command, "+OK\r\n");
    }
    client.call("RESET", "+RESET\r\n");
    client.call("CLIENT GETNAME", "$-1\r\n");
    client.call(
        "CLIENT TRACKINGINFO",
        "*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0\r\n",
    );
    client.send(&["CLIENT INFO"]);
    client.reply_line();
    let info = client.reply_line();
    assert!(info.contains(" user=default "), "{info}");
    assert!(info.contains(" name= ") && info.contains(" flags=e ") && info.contains(" db=0 "), "{info}");
    assert!(info.contains(" resp=2"), "{info}");
}

/// No unsubscribe push for any of them.
#[test]
fn reset_drops_subscriptions_without_a_push() {
    let redis = Redis::start();
    let (mut client, mut other) = (redis.resp3(), redis.resp3());
    client.call("SUBSCRIBE a b", &format!("{SUBSCRIBED_A}{SUBSCRIBED_B}"));
    client.call("PSUBSCRIBE p*", &pushed("psubscribe", "p*", 3));
    client.call("SSUBSCRIBE s", &pushed("ssubscribe", "s", 1));
    client.call("RESET", "+RESET\r\n");
    other.call("PUBLISH a m", ":0\r\n");
    client.call("PING", "+PONG\r\n");
    client.is_drained();
}

/// Executed at once, not queued.
#[test]
fn reset_and_quit_inside_multi_are_not_queued() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send(&["MULTI", "SET k 1", "RESET", "GET k", "EXEC"]);
    client.receives("+OK\r\n+QUEUED\r\n+RESET\r\n$-1\r\n-ERR EXEC without MULTI\r\n");
    client.send(&["MULTI", "PING", "QUIT"]);
    client.receives("+OK\r\n+QUEUED\r\n+OK\r\n");
    client.is_closed();
}

/// What follows it is not answered.
#[test]
fn quit_answers_and_closes() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send(&["PING", "QUIT", "PING"]);
    client.receives("+PONG\r\n+OK\r\n");
    client.is_closed();
}

/// One error each, in the protocol from before.
#[test]
fn hello_errors_are_one_frame() {
    let redis = Redis::start();
    let mut client = redis.resp2();
    client.call("HELLO 4", "-NOPROTO unsupported protocol version\r\n");
    client.call("HELLO x", "-ERR Protocol version is not an integer or out of range\r\n");
    client.call("HELLO 3 NONSENSE", "-ERR Syntax error in HELLO option 'NONSENSE'\r\n");
    client.call(
        "HELLO 3 AUTH nobody wrong",
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
    );
    client.call(
        "HELLO 3 SETNAME a\tb",
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
    );
    client.call("GET k", "$-1\r\n");
    client.is_drained();
}

/// Options are executed from left to right, and what ran before the error stays: here the name, AUTH likewise.
#[test]
fn a_refused_hello_may_have_set_name_and_user() {
    let redis = Redis::start();
    let mut client = redis.resp2();
    client.call("ACL SETUSER u on >p +@all", "+OK\r\n");
    client.call("HELLO 2 SETNAME n AUTH u p NONSENSE", "-ERR Syntax error in HELLO option 'NONSENSE'\r\n");
    client.call("CLIENT GETNAME", "$1\r\nn\r\n");
    client.call("ACL WHOAMI", "$1\r\nu\r\n");
}

/// The reply comes in the new protocol; subscriptions stay, their messages are arrays now, and other commands are
/// refused as RESP2 does.
#[test]
fn hello_2_keeps_subscriptions_and_turns_pushes_into_arrays() {
    let redis = Redis::start();
    let (mut client, mut other) = (redis.resp3(), redis.resp3());
    client.call("SUBSCRIBE a", SUBSCRIBED_A);
    client.call("HELLO 2", "*14\r\n");
    while client.reply_line() != "modules\r\n" {}
    client.receives("*0\r\n");
    client.call("PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    other.call("PUBLISH a m", ":1\r\n");
    client.receives("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n");
    client.call(
        "GET k",
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n",
    );
    client.call("UNSUBSCRIBE a", "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
    client.is_drained();
}

/// Elements of one array may be in two protocols.
#[test]
fn hello_2_inside_multi_changes_the_protocol_within_the_reply() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send(&["MULTI", "GET k", "HELLO 2", "GET k", "EXEC"]);
    client.receives("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n_\r\n*14\r\n");
    while client.reply_line() != "modules\r\n" {}
    client.receives("*0\r\n$-1\r\n");
    client.is_drained();
}

/// Queued, one element each; the database changes, also when a later command fails.
#[test]
fn select_inside_multi_acts_at_exec() {
    let redis = Redis::start();
    let (mut client, mut other) = (redis.resp3(), redis.resp3());
    client.send(&["MULTI", "SELECT 5", "SELECT 99", "SET k 1", "EXEC"]);
    client.receives("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
    client.receives("*3\r\n+OK\r\n-ERR DB index is out of range\r\n+OK\r\n");
    client.call("GET k", "$1\r\n1\r\n");
    other.call("GET k", "_\r\n");
    other.call("SELECT 5", "+OK\r\n");
    other.call("GET k", "$1\r\n1\r\n");
    client.is_drained();
}

/// A null in RESP3, a null array in RESP2.
#[test]
fn exec_after_a_watched_key_changed_is_one_null() {
    let redis = Redis::start();
    let mut other = redis.resp3();
    for (mut client, null) in [(redis.resp3(), "_\r\n"), (redis.resp2(), "*-1\r\n")] {
        client.call("WATCH k", "+OK\r\n");
        other.call("SET k 1", "+OK\r\n");
        client.send(&["MULTI", "GET k", "EXEC"]);
        client.receives(&format!("+OK\r\n+QUEUED\r\n{null}"));
        client.is_drained();
    }
}

/// A command that cannot be queued aborts; MULTI and WATCH within MULTI are errors that do not.
#[test]
fn exec_after_an_error_while_queueing_is_execabort() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send(&["MULTI", "GET", "PING", "EXEC", "EXEC", "DISCARD"]);
    client.receives("+OK\r\n-ERR wrong number of arguments for 'get' command\r\n+QUEUED\r\n");
    client.receives("-EXECABORT Transaction discarded because of previous errors.\r\n");
    client.receives("-ERR EXEC without MULTI\r\n-ERR DISCARD without MULTI\r\n");
    client.send(&["MULTI", "MULTI", "WATCH k", "PING", "EXEC"]);
    client
        .receives("+OK\r\n-ERR MULTI calls can not be nested\r\n-ERR WATCH inside MULTI is not allowed\r\n");
    client.receives("+QUEUED\r\n*1\r\n+PONG\r\n");
    client.is_drained();
}

/// As if their time had run out.
#[test]
fn blocking_commands_inside_multi_do_not_block() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send(&["MULTI", "BLPOP l 0", "XREAD BLOCK 0 STREAMS s $", "WAIT 1 0", "EXEC"]);
    client.receives("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n_\r\n_\r\n:0\r\n");
    client.is_drained();
}

/// Later commands wait for it; pushes do not.
#[test]
fn pushes_come_while_a_command_blocks_replies_do_not() {
    let redis = Redis::start();
    let (mut client, mut other) = (redis.resp3(), redis.resp3());
    client.call("SUBSCRIBE a", SUBSCRIBED_A);
    client.send(&["BLPOP l 0", "PING"]);
    other.call("PUBLISH a m", ":1\r\n");
    client.receives(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n");
    other.call("RPUSH l x", ":1\r\n");
    client.receives("*2\r\n$1\r\nl\r\n$1\r\nx\r\n+PONG\r\n");
    client.is_drained();
}

/// A push between replies: after the reply of the command that caused it. FLUSHALL sends a null for all keys.
#[test]
fn invalidations_are_pushes_between_replies() {
    let redis = Redis::start();
    let (mut client, mut other) = (redis.resp3(), redis.resp3());
    let invalidated = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";
    client.call("CLIENT TRACKING ON", "+OK\r\n");
    client.call("GET k", "_\r\n");
    other.call("SET k 1", "+OK\r\n");
    client.receives(invalidated);
    client.send(&["GET k", "SET k 2", "PING"]);
    client.receives(&format!("$1\r\n1\r\n+OK\r\n{invalidated}+PONG\r\n"));
    other.call("FLUSHALL", "+OK\r\n");
    client.receives(">2\r\n$10\r\ninvalidate\r\n_\r\n");
    client.is_drained();
}

/// Unlike messages they wait for the end of EXEC's reply.
#[test]
fn invalidations_inside_multi_come_after_the_reply_of_exec() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("CLIENT TRACKING ON", "+OK\r\n");
    client.send(&["MULTI", "GET k", "SET k 1", "ECHO x", "EXEC"]);
    client.receives("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n_\r\n+OK\r\n$1\r\nx\r\n");
    client.receives(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    client.is_drained();
}

/// The other connection gets the push; when it has gone, this one is told with its next invalidation.
#[test]
fn tracking_with_redirect_sends_pushes_to_the_other_connection() {
    let redis = Redis::start();
    let (mut client, mut target, mut other) = (redis.resp3(), redis.resp3(), redis.resp3());
    target.send(&["CLIENT ID"]);
    let id = target.reply_line();
    client.call(&format!("CLIENT TRACKING ON REDIRECT {}", id[1..].trim_end()), "+OK\r\n");
    client.call("GET k", "_\r\n");
    other.call("SET k 1", "+OK\r\n");
    target.receives(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    client.call("GET k", "$1\r\n1\r\n");
    target.call("QUIT", "+OK\r\n");
    target.is_closed();
    target.close();
    other.call("SET k 2", "+OK\r\n");
    client.receives(&format!(">2\r\n$21\r\ntracking-redir-broken\r\n{id}"));
    client.is_drained();
}

/// One error without OPTIN; with it, it is about the next command whatever that is, so that PING uses it up.
#[test]
fn client_caching_is_about_the_next_command_only() {
    let redis = Redis::start();
    let (mut client, mut other) = (redis.resp3(), redis.resp3());
    client.call(
        "CLIENT CACHING YES",
        "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled\r\n",
    );
    client.call("CLIENT TRACKING ON OPTIN", "+OK\r\n");
    client.call("CLIENT CACHING YES", "+OK\r\n");
    client.call("GET k", "_\r\n");
    other.call("SET k 1", "+OK\r\n");
    client.receives(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    client.call("CLIENT CACHING YES", "+OK\r\n");
    client.call("PING", "+PONG\r\n");
    client.call("GET k", "$1\r\n1\r\n");
    other.call("SET k 2", "+OK\r\n");
    client.is_drained();
}

/// The name is echoed as it was written.
#[test]
fn the_opt_in_is_an_unknown_subcommand_to_redis_itself() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call(
        "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip",
        "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n",
    );
    client.call(
        "client maint_notifications off",
        "-ERR unknown subcommand 'maint_notifications'. Try CLIENT HELP.\r\n",
    );
    client.is_drained();
}

/// As always; in RESP2 it is an array there.
#[test]
fn ping_while_subscribed_is_a_plain_reply_in_resp3() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("SUBSCRIBE a", SUBSCRIBED_A);
    client.call("PING", "+PONG\r\n");
    client.call("PING x", "$1\r\nx\r\n");
    client.is_drained();
    let mut client = redis.resp2();
    client.call("SUBSCRIBE a", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    client.call("PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
}

/// No reply to ACK and GETACK, one to the others.
#[test]
fn replconf_ack_is_not_answered() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send(&["REPLCONF ACK 1", "REPLCONF GETACK *", "REPLCONF capa eof"]);
    client.receives("+OK\r\n");
    client.is_drained();
}

/// Not even what was answered just before is sure to be written.
#[test]
fn shutdown_closes_without_a_reply() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.call("SHUTDOWN ABORT", "-ERR No shutdown in progress.\r\n");
    client.send(&["SHUTDOWN NOSAVE"]);
    client.is_closed();
}

/// Empty lines and empty arrays have no reply; LF alone ends an inline command.
#[test]
fn inline_commands_are_read_as_the_command_reader_reads_them() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send_raw(
        b"PING\n\r\n\n*0\r\n*-1\r\n  \r\necho \"a\\x41\\\"\"\r\nECHO 'it\\'s'\r\nEXISTS a\"b\"\r\n",
    );
    client.receives("+PONG\r\n$3\r\naA\"\r\n$4\r\nit's\r\n:0\r\n");
    client.is_drained();
}

/// One error, then the server closes; what was asked before is answered.
#[test]
fn a_protocol_error_is_answered_and_closes() {
    let redis = Redis::start();
    for (bytes, error) in [
        (&b"*2\r\n$3\r\nGET\r\nxx\r\n"[..], "expected '$', got 'x'"),
        (b"*x\r\n", "invalid multibulk length"),
        (b"*01\r\n", "invalid multibulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$03\r\n", "invalid bulk length"),
        (b"GET \"a\r\n", "unbalanced quotes in request"),
    ] {
        let mut client = redis.resp3();
        client.send_raw(b"PING\r\n");
        client.send_raw(bytes);
        client.receives(&format!("+PONG\r\n-ERR Protocol error: {error}\r\n"));
        client.is_closed();
    }
}

/// The server skips two bytes after each argument, whatever they are; the command reader does not follow it there.
#[test]
fn the_end_of_an_argument_is_not_checked_by_the_server() {
    let redis = Redis::start();
    let mut client = redis.resp3();
    client.send_raw(b"*2\r\n$4\r\nECHO\r\n$1\r\naXX");
    client.receives("$1\r\na\r\n");
    client.is_drained();
}

/// docs/PROBES.md has every test of this file in a row, and no other.
#[test]
fn the_document_has_every_probe() {
    let names = |text: &str, before: &str, after: char| {
        let mut names: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix(before)?.split_once(after))
            .map(|(name, _)| name.to_owned())
            .collect();
        names.sort();
        names
    };
    let mut tests = names(include_str!("probes.rs"), "fn ", '(');
    tests.retain(|name| name != "pushed" && name != "the_document_has_every_probe");
    assert_eq!(names(include_str!("../docs/PROBES.md"), "| `", '`'), tests);
}
