//! What is known by hand: which commands are more than one reply, what their arguments do to the session, and which
//! commands without flags are safe to send again. Knows no state.

use super::lookup::Facts;
use crate::resp::command::{Args, Keep};
use std::fmt;

/// How the replies of a command are shaped, unless a MULTI is open or replies are off. An error is always one frame
/// that is no push, whatever is said here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replies {
    /// One frame that is no push.
    One,
    /// None, not even an error: CLIENT REPLY OFF and SKIP, REPLCONF ACK.
    None,
    /// SUBSCRIBE and its like: this many pushes of its own type, or one error.
    Pushes(u32),
    /// UNSUBSCRIBE and its like without names: one push for each subscription of that kind, or one in all if there is none;
    /// or one error.
    PushesUnknown,
    /// MONITOR: one `+OK`, then simple strings without end, among which later replies come.
    Stream,
    /// SYNC, PSYNC: what follows is no RESP.
    NotResp,
    /// QUIT: one `+OK`, then the server closes.
    Closes,
    /// SHUTDOWN, DEBUG SEGFAULT: one error, or the server goes away.
    NoneOnSuccess,
}

/// What a subscription is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// SUBSCRIBE.
    Channel,
    /// PSUBSCRIBE.
    Pattern,
    /// SSUBSCRIBE.
    Shard,
}

/// A password: its `Debug` form does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret<'a>(pub &'a [u8]);

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The arguments of HELLO. Where they cannot be read the server answers with an error; what came before is here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The protocol asked for; none is a question that changes none.
    pub proto: Option<u64>,
    /// AUTH: user and password.
    pub auth: Option<(&'a [u8], Secret<'a>)>,
    /// SETNAME.
    pub name: Option<&'a [u8]>,
}

/// What a command does to the session if the server answers that it did it. Borrows from the command's arguments.
///
/// One exception: a HELLO that is refused may have set the user and the name all the same, as the server (7.0) carries its options
/// out one by one.
#[derive(Clone, Copy, Debug)]
pub enum Effect<'a> {
    /// Nothing.
    None,
    /// The arguments were longer than the reader keeps: the session can no longer be followed.
    Unreadable,
    /// HELLO.
    Hello(Hello<'a>),
    /// AUTH; without a user the default one.
    Auth {
        /// The user, if named.
        user: Option<&'a [u8]>,
        /// The password.
        pass: Secret<'a>,
    },
    /// SELECT; none if that is no number (and the server will refuse it).
    Select(Option<i64>),
    /// RESET, at once also within MULTI: RESP2, the default user, database 0, no name, no subscription (and no push about it), no
    /// tracking, no transaction, replies on. NO-EVICT stays (7.0).
    Reset,
    /// QUIT.
    Quit,
    /// MULTI.
    Multi,
    /// EXEC.
    Exec,
    /// DISCARD.
    Discard,
    /// WATCH.
    Watch,
    /// UNWATCH.
    Unwatch,
    /// SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE.
    Subscribe {
        /// To what.
        topic: Topic,
        /// At least one; the same may be named twice.
        names: Args<'a>,
    },
    /// UNSUBSCRIBE, PUNSUBSCRIBE, SUNSUBSCRIBE.
    Unsubscribe {
        /// From what.
        topic: Topic,
        /// None means all.
        names: Args<'a>,
    },
    /// MONITOR.
    Monitor,
    /// SYNC, PSYNC, REPLCONF: a replica's connection.
    Sync,
    /// CLIENT REPLY ON.
    ReplyOn,
    /// CLIENT REPLY OFF.
    ReplyOff,
    /// CLIENT REPLY SKIP: the next command is not answered either.
    ReplySkip,
    /// CLIENT SETNAME; empty removes it.
    SetName(&'a [u8]),
    /// CLIENT SETINFO.
    SetInfo {
        /// LIB-NAME or LIB-VER, in any case.
        attribute: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// CLIENT NO-EVICT.
    NoEvict(bool),
    /// CLIENT NO-TOUCH.
    NoTouch(bool),
    /// CLIENT TRACKING.
    Tracking {
        /// ON or OFF.
        on: bool,
        /// Whether invalidations go to another connection.
        redirect: bool,
        /// The whole command, to send again elsewhere.
        args: Args<'a>,
    },
    /// CLIENT CACHING: is about the next command.
    Caching,
    /// CLIENT MAINT_NOTIFICATIONS.
    Maint {
        /// ON or OFF.
        on: bool,
    },
    /// CLIENT CAPA, of Valkey: the whole command, to send again elsewhere.
    Capa(Args<'a>),
    /// READONLY.
    ReadOnly,
    /// READWRITE.
    ReadWrite,
    /// ASKING: is about the next command.
    Asking,
    /// BLPOP and its like, XREAD with BLOCK, WAIT: the reply may be long in coming, and nothing later is answered before.
    Blocking,
    /// SHUTDOWN, DEBUG RESTART.
    Shutdown,
    /// SCRIPT DEBUG YES or SYNC: the next EVAL turns the connection into a debugger's.
    Debugger,
}

/// What a command means, arguments included.
#[derive(Clone, Copy, Debug)]
pub struct Meaning<'a> {
    /// The shape of its replies.
    pub replies: Replies,
    /// What it does to the session.
    pub effect: Effect<'a>,
}

/// How a command's arguments are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// Its second word belongs to the name. The number is the lookup's.
    Container(u8),
    Blocking,
    XRead,
    Hello,
    Auth,
    Select,
    Reset,
    Quit,
    Multi,
    Exec,
    Discard,
    Watch,
    Unwatch,
    Subscribe(Topic),
    Unsubscribe(Topic),
    Monitor,
    Sync,
    Replconf,
    ClientReply,
    ClientSetName,
    ClientSetInfo,
    ClientNoEvict,
    ClientNoTouch,
    ClientTracking,
    ClientCaching,
    ClientMaint,
    ClientCapa,
    ReadOnly,
    ReadWrite,
    Asking,
    Shutdown,
    Debug,
    ScriptDebug,
}

impl Kind {
    pub(super) const fn keep(self) -> Keep {
        match self {
            Kind::Container(_) => Keep::Second,
            Kind::Plain
            | Kind::Blocking
            | Kind::Reset
            | Kind::Quit
            | Kind::Multi
            | Kind::Exec
            | Kind::Discard
            | Kind::Watch
            | Kind::Unwatch
            | Kind::Monitor
            | Kind::Sync
            | Kind::ReadOnly
            | Kind::ReadWrite
            | Kind::Asking => Keep::Nothing,
            _ => Keep::Args,
        }
    }
}

impl Kind {
    /// Whether the command takes no argument.
    fn stands_alone(self) -> bool {
        matches!(
            self,
            Kind::Reset
                | Kind::Multi
                | Kind::Exec
                | Kind::Discard
                | Kind::Unwatch
                | Kind::Monitor
                | Kind::ReadOnly
                | Kind::ReadWrite
                | Kind::Asking
        )
    }
}

/// Container (or empty), name, and how to read it. Laid over the server's table, which may be older than the command.
pub(super) const SPECIAL: &[(&str, &str, Kind)] = &[
    ("", "HELLO", Kind::Hello),
    ("", "AUTH", Kind::Auth),
    ("", "SELECT", Kind::Select),
    ("", "RESET", Kind::Reset),
    ("", "QUIT", Kind::Quit),
    ("", "MULTI", Kind::Multi),
    ("", "EXEC", Kind::Exec),
    ("", "DISCARD", Kind::Discard),
    ("", "WATCH", Kind::Watch),
    ("", "UNWATCH", Kind::Unwatch),
    ("", "SUBSCRIBE", Kind::Subscribe(Topic::Channel)),
    ("", "PSUBSCRIBE", Kind::Subscribe(Topic::Pattern)),
    ("", "SSUBSCRIBE", Kind::Subscribe(Topic::Shard)),
    ("", "UNSUBSCRIBE", Kind::Unsubscribe(Topic::Channel)),
    ("", "PUNSUBSCRIBE", Kind::Unsubscribe(Topic::Pattern)),
    ("", "SUNSUBSCRIBE", Kind::Unsubscribe(Topic::Shard)),
    ("", "MONITOR", Kind::Monitor),
    ("", "SYNC", Kind::Sync),
    ("", "PSYNC", Kind::Sync),
    ("", "REPLCONF", Kind::Replconf),
    ("", "READONLY", Kind::ReadOnly),
    ("", "READWRITE", Kind::ReadWrite),
    ("", "ASKING", Kind::Asking),
    ("", "SHUTDOWN", Kind::Shutdown),
    ("", "DEBUG", Kind::Debug),
    // Only with BLOCK, which must be looked for.
    ("", "XREAD", Kind::XRead),
    ("", "XREADGROUP", Kind::XRead),
    // Not flagged as blocking.
    ("", "WAIT", Kind::Blocking),
    ("", "WAITAOF", Kind::Blocking),
    ("CLIENT", "REPLY", Kind::ClientReply),
    ("CLIENT", "SETNAME", Kind::ClientSetName),
    ("CLIENT", "SETINFO", Kind::ClientSetInfo),
    ("CLIENT", "NO-EVICT", Kind::ClientNoEvict),
    ("CLIENT", "NO-TOUCH", Kind::ClientNoTouch),
    ("CLIENT", "TRACKING", Kind::ClientTracking),
    ("CLIENT", "CACHING", Kind::ClientCaching),
    ("CLIENT", "MAINT_NOTIFICATIONS", Kind::ClientMaint),
    ("CLIENT", "CAPA", Kind::ClientCapa),
    ("SCRIPT", "DEBUG", Kind::ScriptDebug),
];

/// Safe to send again though the server does not flag them as read-only: they answer about the server, about the
/// connection or about nothing. Not here: what resets, loads, saves or draws (ACL GENPASS makes a new password each time,
/// but changes nothing, so it is), PUBLISH, and ACL LOG and SCRIPT, whose arguments decide.
pub(super) const SAFE: &[(&str, &str)] = &[
    ("", "PING"),
    ("", "ECHO"),
    ("", "TIME"),
    ("", "INFO"),
    ("", "ROLE"),
    ("", "LASTSAVE"),
    ("", "COMMAND"),
    ("ACL", "CAT"),
    ("ACL", "DRYRUN"),
    ("ACL", "GENPASS"),
    ("ACL", "GETUSER"),
    ("ACL", "HELP"),
    ("ACL", "LIST"),
    ("ACL", "USERS"),
    ("ACL", "WHOAMI"),
    ("CLIENT", "GETNAME"),
    ("CLIENT", "GETREDIR"),
    ("CLIENT", "HELP"),
    ("CLIENT", "ID"),
    ("CLIENT", "INFO"),
    ("CLIENT", "LIST"),
    ("CLIENT", "TRACKINGINFO"),
    ("CLUSTER", "COUNT-FAILURE-REPORTS"),
    ("CLUSTER", "COUNTKEYSINSLOT"),
    ("CLUSTER", "GETKEYSINSLOT"),
    ("CLUSTER", "HELP"),
    ("CLUSTER", "INFO"),
    ("CLUSTER", "KEYSLOT"),
    ("CLUSTER", "LINKS"),
    ("CLUSTER", "MYID"),
    ("CLUSTER", "NODES"),
    ("CLUSTER", "REPLICAS"),
    ("CLUSTER", "SHARDS"),
    ("CLUSTER", "SLAVES"),
    ("CLUSTER", "SLOTS"),
    ("COMMAND", "COUNT"),
    ("COMMAND", "DOCS"),
    ("COMMAND", "GETKEYS"),
    ("COMMAND", "GETKEYSANDFLAGS"),
    ("COMMAND", "HELP"),
    ("COMMAND", "INFO"),
    ("COMMAND", "LIST"),
    ("CONFIG", "GET"),
    ("CONFIG", "HELP"),
    ("FUNCTION", "DUMP"),
    ("FUNCTION", "HELP"),
    ("FUNCTION", "LIST"),
    ("FUNCTION", "STATS"),
    ("LATENCY", "DOCTOR"),
    ("LATENCY", "GRAPH"),
    ("LATENCY", "HELP"),
    ("LATENCY", "HISTOGRAM"),
    ("LATENCY", "HISTORY"),
    ("LATENCY", "LATEST"),
    ("MEMORY", "DOCTOR"),
    ("MEMORY", "HELP"),
    ("MEMORY", "MALLOC-STATS"),
    ("MEMORY", "STATS"),
    ("MODULE", "HELP"),
    ("MODULE", "LIST"),
    ("OBJECT", "HELP"),
    ("PUBSUB", "CHANNELS"),
    ("PUBSUB", "HELP"),
    ("PUBSUB", "NUMPAT"),
    ("PUBSUB", "NUMSUB"),
    ("PUBSUB", "SHARDCHANNELS"),
    ("PUBSUB", "SHARDNUMSUB"),
    ("SCRIPT", "EXISTS"),
    ("SCRIPT", "HELP"),
    ("SLOWLOG", "GET"),
    ("SLOWLOG", "HELP"),
    ("SLOWLOG", "LEN"),
    ("XGROUP", "HELP"),
    ("XINFO", "HELP"),
];

/// What a command means. Called for commands that are not plain, with the arguments that [`Facts::keep`] asked for.
/// A command with the wrong number of arguments, where it matters here, is an error of the server: one reply, no effect.
pub fn meaning<'a>(facts: Facts, args: Args<'a>) -> Meaning<'a> {
    use Replies::One;
    let one = |effect| Meaning { replies: One, effect };
    match facts.kind {
        Kind::Plain | Kind::Container(_) => one(Effect::None),
        kind if kind.stands_alone() && args.argc() > 1 => one(Effect::None),
        Kind::Watch if args.argc() == 1 => one(Effect::None),
        Kind::Blocking => one(Effect::Blocking),
        Kind::Reset => one(Effect::Reset),
        Kind::Quit => Meaning { replies: Replies::Closes, effect: Effect::Quit },
        Kind::Multi => one(Effect::Multi),
        Kind::Exec => one(Effect::Exec),
        Kind::Discard => one(Effect::Discard),
        Kind::Watch => one(Effect::Watch),
        Kind::Unwatch => one(Effect::Unwatch),
        Kind::Monitor => Meaning { replies: Replies::Stream, effect: Effect::Monitor },
        Kind::Sync => Meaning { replies: Replies::NotResp, effect: Effect::Sync },
        Kind::ReadOnly => one(Effect::ReadOnly),
        Kind::ReadWrite => one(Effect::ReadWrite),
        Kind::Asking => one(Effect::Asking),
        Kind::Subscribe(_) if args.argc() < 2 => one(Effect::None),
        Kind::Subscribe(topic) => Meaning {
            replies: Replies::Pushes(args.argc() - 1),
            effect: whole(args, |names| Effect::Subscribe { topic, names: names.tail(1) }),
        },
        Kind::Unsubscribe(topic) => Meaning {
            replies: match args.argc() {
                0 | 1 => Replies::PushesUnknown,
                argc => Replies::Pushes(argc - 1),
            },
            effect: whole(args, |names| Effect::Unsubscribe { topic, names: names.tail(1) }),
        },
        Kind::XRead => one(if blocks(args) { Effect::Blocking } else { Effect::None }),
        Kind::Hello => one(whole(args, |args| Effect::Hello(hello(args)))),
        Kind::Auth => one(whole(args, auth)),
        Kind::Select => one(whole(args, |args| match (args.argc(), args.get(1)) {
            (2, Some(db)) => Effect::Select(integer(db)),
            _ => Effect::None,
        })),
        Kind::Replconf => {
            let silent = args.get(1).is_some_and(|sub| is(sub, "ACK") || is(sub, "GETACK"));
            Meaning { replies: if silent { Replies::None } else { One }, effect: Effect::Sync }
        }
        Kind::Shutdown if args.get(1).is_some_and(|sub| is(sub, "ABORT")) => one(Effect::None),
        Kind::Shutdown => Meaning { replies: Replies::NoneOnSuccess, effect: Effect::Shutdown },
        Kind::Debug => debug(args),
        Kind::ScriptDebug => one(match args.get(2) {
            Some(mode) if is(mode, "YES") || is(mode, "SYNC") => Effect::Debugger,
            _ => Effect::None,
        }),
        Kind::ClientReply => client_reply(args),
        Kind::ClientSetName
        | Kind::ClientSetInfo
        | Kind::ClientNoEvict
        | Kind::ClientNoTouch
        | Kind::ClientTracking
        | Kind::ClientCaching
        | Kind::ClientMaint
        | Kind::ClientCapa => one(whole(args, |args| client(facts.kind, args))),
    }
}

fn whole<'a>(args: Args<'a>, effect: impl FnOnce(Args<'a>) -> Effect<'a>) -> Effect<'a> {
    if args.is_complete() { effect(args) } else { Effect::Unreadable }
}

fn is(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

fn on_off(arg: &[u8]) -> Option<bool> {
    if is(arg, "ON") {
        Some(true)
    } else if is(arg, "OFF") {
        Some(false)
    } else {
        None
    }
}

/// A number as the server reads it: no plus, no space, no leading zero.
fn integer(arg: &[u8]) -> Option<i64> {
    let digits = arg.strip_prefix(b"-").unwrap_or(arg);
    let canonical = match digits {
        [b'0'] => arg.len() == 1,
        [b'1'..=b'9', ..] => true,
        _ => false,
    };
    canonical.then_some(())?;
    std::str::from_utf8(arg).ok()?.parse().ok()
}

fn hello<'a>(args: Args<'a>) -> Hello<'a> {
    let mut hello = Hello::default();
    let mut args = args.iter().skip(1);
    let Some(proto) = args.next() else { return hello };
    hello.proto = integer(proto).and_then(|proto| u64::try_from(proto).ok());
    while let Some(option) = args.next() {
        if is(option, "AUTH")
            && let (Some(user), Some(pass)) = (args.next(), args.next())
        {
            hello.auth = Some((user, Secret(pass)));
        } else if is(option, "SETNAME")
            && let Some(name) = args.next()
        {
            hello.name = Some(name);
        } else {
            break;
        }
    }
    hello
}

fn auth<'a>(args: Args<'a>) -> Effect<'a> {
    match (args.argc(), args.get(1), args.get(2)) {
        (2, Some(pass), _) => Effect::Auth { user: None, pass: Secret(pass) },
        (3, Some(user), Some(pass)) => Effect::Auth { user: Some(user), pass: Secret(pass) },
        _ => Effect::None,
    }
}

/// Whether XREAD or XREADGROUP has BLOCK before STREAMS. Options are walked, so that a group named BLOCK is none. In doubt
/// (the rest was not kept) it has.
fn blocks(args: Args<'_>) -> bool {
    let mut options = args.iter().skip(1);
    while let Some(option) = options.next() {
        let operands = if is(option, "BLOCK") {
            return true;
        } else if is(option, "COUNT") {
            1
        } else if is(option, "GROUP") {
            2
        } else if is(option, "NOACK") {
            0
        } else {
            // STREAMS, or what the server refuses.
            return false;
        };
        for _ in 0..operands {
            options.next();
        }
    }
    !args.is_complete()
}

fn debug(args: Args<'_>) -> Meaning<'_> {
    const FATAL: [&str; 6] = ["SEGFAULT", "PANIC", "RESTART", "CRASH-AND-RECOVER", "ASSERT", "OOM"];
    match args.get(1) {
        Some(sub) if FATAL.iter().any(|word| is(sub, word)) => {
            Meaning { replies: Replies::NoneOnSuccess, effect: Effect::Shutdown }
        }
        Some(sub) if is(sub, "SLEEP") => Meaning { replies: Replies::One, effect: Effect::Blocking },
        _ => Meaning { replies: Replies::One, effect: Effect::None },
    }
}

fn client_reply(args: Args<'_>) -> Meaning<'_> {
    match (args.argc(), args.get(2)) {
        (3, Some(mode)) if is(mode, "ON") => Meaning { replies: Replies::One, effect: Effect::ReplyOn },
        (3, Some(mode)) if is(mode, "OFF") => Meaning { replies: Replies::None, effect: Effect::ReplyOff },
        (3, Some(mode)) if is(mode, "SKIP") => Meaning { replies: Replies::None, effect: Effect::ReplySkip },
        _ => Meaning { replies: Replies::One, effect: Effect::None },
    }
}

/// The other sub-commands of CLIENT that matter.
fn client<'a>(kind: Kind, args: Args<'a>) -> Effect<'a> {
    let Some(first) = args.get(2) else { return Effect::None };
    let effect = match (kind, args.argc()) {
        (Kind::ClientSetName, 3) => Some(Effect::SetName(first)),
        (Kind::ClientSetInfo, 4) => args.get(3).map(|value| Effect::SetInfo { attribute: first, value }),
        (Kind::ClientNoEvict, 3) => on_off(first).map(Effect::NoEvict),
        (Kind::ClientNoTouch, 3) => on_off(first).map(Effect::NoTouch),
        (Kind::ClientTracking, _) => on_off(first).map(|on| tracking(on, args)),
        (Kind::ClientCaching, 3) => Some(Effect::Caching),
        (Kind::ClientMaint, _) => on_off(first).map(|on| Effect::Maint { on }),
        (Kind::ClientCapa, _) => Some(Effect::Capa(args)),
        _ => None,
    };
    effect.unwrap_or(Effect::None)
}

fn tracking(on: bool, args: Args<'_>) -> Effect<'_> {
    let mut options = args.tail(3).iter();
    let mut redirect = false;
    while let Some(option) = options.next() {
        if is(option, "REDIRECT") {
            // 0 is how a connection says itself.
            redirect = options.next().is_some_and(|id| integer(id) != Some(0));
        } else if is(option, "PREFIX") {
            options.next();
        }
    }
    Effect::Tracking { on, redirect, args }
}
