//! The transitions: everything that can happen to a driver, in any order.

/// What differs from one world to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    pub seed: u64,
    /// Of what comes in and of what goes out: 1 notified, 2 tapped, 3 managed (with what comes in tapped).
    pub levels: (u8, u8),
    /// Levels 1 and 2: the driver answers HOLD in a step of its own.
    pub lazy_hold: bool,
    /// Levels 1 and 2: the driver closes what has not answered within its timeout.
    pub gives_up: bool,
    /// `on_loss`: report, reply, close.
    pub on_loss: u8,
    /// The handshake is libsch's.
    pub by_libsch: bool,
    /// Small limits of held and unanswered commands.
    pub tight: bool,
    /// A swap is made over a blocking command.
    pub swap_over_blocking: bool,
    /// The driver answers SWAP in a step of its own.
    pub lazy_swap: bool,
    /// The servers do not know the opt-in.
    pub refuse_optin: bool,
    /// The servers want a password, which changes.
    pub wants_password: bool,
}

/// A command of the driver's users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Get,
    Set,
    Ping,
    Multi,
    Exec,
    Discard,
    Watch,
    Blocking,
    Subscribe(u8),
    Unsubscribe(u8),
    Select,
    SetName,
    NoTouch,
    /// Answered with an error.
    Fail,
    Skip,
    ReplyOff,
    ReplyOn,
    UnsubscribeAll,
    Psubscribe,
    /// A shard channel; `false`: no more.
    Ssubscribe(bool),
    /// With the password of the time.
    Auth,
    Asking,
    Tracking,
    /// The driver opts in, or out.
    Maint(bool),
    Hello2,
    Reset,
    Monitor,
}

/// What a server announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    Moving {
        time: u8,
        to: Option<u8>,
    },
    Migrating {
        shard: u8,
    },
    Migrated {
        shard: u8,
    },
    FailingOver,
    FailedOver,
    Smigrating,
    Smigrated,
    Malformed(u8),
    /// Something begins or ends, and other clients are told first; here `Again` brings it, after what is newer.
    Elsewhere(u8),
    /// One of the last again: 0 is the last.
    Again {
        back: u8,
    },
}

/// What a driver below level 3 leaves out, or does once too often, at the next opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    /// A write is not said to be owed its reply.
    ForgetOwe,
    /// It is said to be owed one more.
    OweTooMuch,
    /// Nothing in flight any more, and it is not said, where libsch does not see that.
    ForgetInFlight,
    /// HOLD is answered without saying what is in flight, at level 1.
    HeldUncounted,
    /// HOLD is never answered.
    NeverHeld,
    /// A command is written in spite of HOLD.
    WriteOn,
    /// A handshake that has ended is not reported, or twice.
    NeverReady,
    ReadyTwice,
    /// A reply to SEND_OPTIN is not reported, by a driver that hands over pushes.
    ForgetOptinReply,
    /// A push is handed over twice.
    PushTwice,
    /// A fence stays open.
    FenceStays,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The driver submits; `cut`: only so many eighths of it now.
    Submit {
        kind: Kind,
        cut: u8,
    },
    /// The driver's socket takes bytes.
    Flow {
        socket: u8,
        n: u8,
    },
    /// A server executes commands.
    Serve {
        socket: u8,
        n: u8,
    },
    /// Bytes of a server reach the driver.
    Deliver {
        socket: u8,
        n: u8,
        spans: u8,
    },
    /// All of the three, to the end.
    Turn {
        socket: u8,
    },
    Notify {
        socket: u8,
        notice: Notice,
    },
    Invalidate {
        socket: u8,
    },
    Publish {
        channel: u8,
    },
    /// The slot of a shard channel has gone: the server ends its subscriptions, unasked.
    ShardGone {
        socket: u8,
    },
    /// The password changes: who is in stays in, new sockets want the new one. `tell`: the driver hands it over, else it waits to be asked.
    Rotate {
        tell: bool,
    },
    /// The oldest connect ends.
    Connect {
        ok: bool,
    },
    /// A socket is closed by its server, with or without what it had still to say.
    Kill {
        socket: u8,
        silent: bool,
    },
    /// A server says what is no RESP: a candidate's, or any.
    Garbage {
        any: Option<u8>,
    },
    /// The driver ends the connection.
    Close,
    /// The driver answers HOLD.
    AnswerHold,
    Lapse(Lapse),
    /// Servers that are connected to from now on speak RESP3, or do not.
    Resp3(bool),
    /// The driver answers SWAP.
    AnswerSwap {
        ok: bool,
    },
    Unblock {
        socket: u8,
    },
    Advance {
        ms: u16,
    },
    /// The clock steps back; libsch must not mind.
    Back {
        ms: u16,
    },
    Cancel {
        back: u8,
    },
    /// The driver calls what it must not now.
    Mistake(u8),
}
