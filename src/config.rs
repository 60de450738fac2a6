//! Settings of a connection, each default with its reason. Knows no state.

use crate::endpoint::{EndpointPolicy, EndpointType};
use crate::error::{Error, Result};
use crate::optin::Mode;
use crate::resp::{command::CommandLimits, framer::FramerLimits};
use core::time::Duration;

/// How replies come in. Either goes with either of `LevelOut::Notified` and `LevelOut::Tapped`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LevelIn {
    /// Level 1: the host hands over pushes only.
    Notified = 1,
    /// Levels 2 and 3: raw bytes go through `receive`.
    Tapped = 2,
}

/// How commands go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LevelOut {
    /// Level 1: the host states `in_flight(n)`.
    Notified = 1,
    /// Level 2: the host says how many replies each write is owed.
    Tapped = 2,
    /// Level 3: bytes go through `submit`. What comes in is tapped.
    Managed = 3,
}

/// Who makes the first handshake of a managed connection (E8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Handshake {
    /// The driver: libsch watches its HELLO, AUTH, SELECT ... and opts in after them.
    Seen = 1,
    /// Libsch, from the settings here.
    ByLibsch = 2,
}

/// What happens to replies that will never come (L3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OnLoss {
    /// LOST names them; libsch goes on at `losses_settled`.
    Report = 1,
    /// LOST carries an error reply for each.
    Reply = 2,
    /// The host's stream is to be closed.
    Close = 3,
}

/// What ends the wait for a blocking command after the deadline (F3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BlockingPolicy {
    /// The server's close (default): nothing is given up that might still be answered.
    WaitForClose = 1,
    /// The swap, at deadline + `drain_grace`.
    Swap = 2,
}

/// Limits with names (S1). Reaching one is an error or a counted refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of replies. Defaults there.
    pub framer: FramerLimits,
    /// Of commands. Defaults there.
    pub command: CommandLimits,
    /// A push is buffered up to this many bytes: 64 KiB, an SMIGRATED of 2,000 single slots has 12.
    pub max_push_bytes: usize,
    /// A leading attribute is kept back up to this: 1 KiB.
    pub max_attribute_bytes: usize,
    /// Of a reply that libsch must read, so much is kept: 4 KiB, HELLO answers with 200 bytes.
    pub max_reply_bytes: usize,
    /// Held bytes: 16 MiB, one second of 128 Mbit/s. Of a command whose first part is held the rest is taken too; that part
    /// counts for all that its argument announces.
    pub max_held_bytes: usize,
    /// Held commands: 100,000.
    pub max_held_commands: u64,
    /// Commands written and not answered: 1,000,000 (4 bytes each).
    pub max_in_flight: usize,
    /// Open relaxed windows: 64; the oldest gives way.
    pub max_windows: usize,
    /// Remembered notifications, to know duplicates: 64.
    pub max_marks: usize,
    /// Bytes of session state to rebuild (names of subscriptions above all): 1 MiB.
    pub max_session_bytes: usize,
    /// Attempts of one handoff: 200, which backoff reaches after three minutes.
    pub max_attempts: u32,
    /// Messages remembered while two transports deliver the same subscription: 1,024.
    pub max_overlap_messages: usize,
    /// Bytes of them: 1 MiB.
    pub max_overlap_bytes: usize,
    /// Log and trace lines kept until they are read: 1,024.
    pub max_lines: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            framer: FramerLimits::default(),
            command: CommandLimits::default(),
            max_push_bytes: 64 << 10,
            max_attribute_bytes: 1 << 10,
            max_reply_bytes: 4 << 10,
            max_held_bytes: 16 << 20,
            max_held_commands: 100_000,
            max_in_flight: 1_000_000,
            max_windows: 64,
            max_marks: 64,
            max_session_bytes: 1 << 20,
            max_attempts: 200,
            max_overlap_messages: 1024,
            max_overlap_bytes: 1 << 20,
            max_lines: 1024,
        }
    }
}

/// Everything that is fixed when a connection is made.
#[derive(Clone, Debug)]
pub struct Config {
    /// How replies come in. Default: tapped.
    pub level_in: LevelIn,
    /// How commands go out. Default: managed.
    pub level_out: LevelOut,
    /// Default `auto`: costs nothing where the server does not know the feature (O1).
    pub mode: Mode,
    /// Default `None`: judged from the peer and TLS (O4).
    pub endpoint_type: Option<EndpointType>,
    /// The configured host: where to dial without maintenance, and the TLS name for IP endpoints.
    pub host: String,
    /// The configured port.
    pub port: u16,
    /// The transport is TLS.
    pub tls: bool,
    /// A TLS server name that overrides H11.
    pub tls_server_name: Option<String>,
    /// Floor of timeouts in a window: 10 s as all drivers have it; zero turns relaxing off.
    pub relaxed_timeout: Duration,
    /// End of a migration window without terminator: 10 min, the longest that Redis designs for.
    pub migration_window: Duration,
    /// End of a failover window without terminator: 60 s, likewise.
    pub failover_window: Duration,
    /// A MOVING window lasts at least its time and this: 2 s.
    pub moving_extra: Duration,
    /// After a swap timeouts stay relaxed: `None` is twice `relaxed_timeout` (R5).
    pub post_handoff_relaxed: Option<Duration>,
    /// Time of a MOVING that names none it can be believed: 15 s, what servers send.
    pub handoff_timeout: Duration,
    /// A drain may go on after the deadline: 5 s; servers were seen to close up to 4.1 s late.
    pub drain_grace: Duration,
    /// Held commands wait for a candidate after the current died: `None` is `relaxed_timeout`.
    pub hold_timeout: Option<Duration>,
    /// First pause between attempts: 50 ms, below what a user notices.
    pub backoff_min: Duration,
    /// Longest pause between attempts: 1 s, so that a node that comes up is found within it.
    pub backoff_max: Duration,
    /// An attempt has at least this: 1 s, a TLS handshake over a slow link.
    pub attempt_min: Duration,
    /// Without a candidate, attempts go on this long after the deadline: 60 s.
    pub keep_trying: Duration,
    /// After the swap both subscriptions are read: 200 ms.
    pub overlap: Duration,
    /// Where connects block (TLS, DNS), OPEN asks for no more: 1 s. 0: connects do not block.
    pub connect_budget: Duration,
    /// Marks of seen notifications age out: 10 min (N4).
    pub mark_age: Duration,
    /// A refused opt-in is not tried again at the same address: 10 min (O2).
    pub refusal_memory: Duration,
    /// An opt-in that failed in another way is tried once more after: 1 s.
    pub optin_retry: Duration,
    /// Default `report`.
    pub on_loss: OnLoss,
    /// The host can answer RESET_PARSER; if not, a frame lost in the middle closes (L4). Default true.
    pub can_reset_parser: bool,
    /// Default `wait for close`.
    pub blocking: BlockingPolicy,
    /// Seed of the jitter. 0 is as good as any.
    pub seed: u64,
    /// Default `seen`.
    pub handshake: Handshake,
    /// Libsch may keep credentials in memory, to authenticate candidates (H12). Default true.
    pub keep_credentials: bool,
    /// User for a handshake by libsch; `None` with a password means the default user.
    pub username: Option<String>,
    /// Password for a handshake by libsch.
    pub password: Option<Vec<u8>>,
    /// CLIENT SETNAME of a handshake by libsch.
    pub client_name: Option<Vec<u8>>,
    /// CLIENT SETINFO LIB-NAME and LIB-VER of a handshake by libsch.
    pub lib_info: Option<(String, String)>,
    /// SELECT of a handshake by libsch.
    pub database: u32,
    /// Which MOVING targets are followed. Default any (S3).
    pub endpoint_policy: EndpointPolicy,
    /// Limits.
    pub limits: Limits,
    /// Lines are logged up to this level; `None` is no log.
    pub log_level: Option<crate::log::Level>,
    /// Keep a trace.
    pub trace: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            level_in: LevelIn::Tapped,
            level_out: LevelOut::Managed,
            mode: Mode::Auto,
            endpoint_type: None,
            host: "localhost".to_owned(),
            port: 6379,
            tls: false,
            tls_server_name: None,
            relaxed_timeout: Duration::from_secs(10),
            migration_window: Duration::from_secs(600),
            failover_window: Duration::from_secs(60),
            moving_extra: Duration::from_secs(2),
            post_handoff_relaxed: None,
            handoff_timeout: Duration::from_secs(15),
            drain_grace: Duration::from_secs(5),
            hold_timeout: None,
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(1),
            attempt_min: Duration::from_secs(1),
            keep_trying: Duration::from_secs(60),
            overlap: Duration::from_millis(200),
            connect_budget: Duration::ZERO,
            mark_age: Duration::from_secs(600),
            refusal_memory: Duration::from_secs(600),
            optin_retry: Duration::from_secs(1),
            on_loss: OnLoss::Report,
            can_reset_parser: true,
            blocking: BlockingPolicy::WaitForClose,
            seed: 0,
            handshake: Handshake::Seen,
            keep_credentials: true,
            username: None,
            password: None,
            client_name: None,
            lib_info: None,
            database: 0,
            endpoint_policy: EndpointPolicy::Any,
            limits: Limits::default(),
            log_level: None,
            trace: false,
        }
    }
}

impl Config {
    /// How long timeouts stay relaxed after a swap (R5).
    pub fn post_handoff(&self) -> Duration {
        self.post_handoff_relaxed.unwrap_or(self.relaxed_timeout * 2)
    }

    /// How long held commands wait once the current transport is dead (H6).
    pub fn hold_limit(&self) -> Duration {
        self.hold_timeout.unwrap_or(if self.relaxed_timeout.is_zero() {
            Duration::from_secs(10)
        } else {
            self.relaxed_timeout
        })
    }

    /// Checks what cannot work, with a text that says so.
    pub fn validate(&self) -> Result<()> {
        let day = Duration::from_secs(86_400);
        let durations = [
            self.relaxed_timeout,
            self.migration_window,
            self.failover_window,
            self.moving_extra,
            self.post_handoff(),
            self.handoff_timeout,
            self.drain_grace,
            self.hold_limit(),
            self.backoff_min,
            self.backoff_max,
            self.attempt_min,
            self.keep_trying,
            self.overlap,
            self.connect_budget,
            self.mark_age,
            self.refusal_memory,
            self.optin_retry,
        ];
        if durations.iter().any(|d| *d > day) {
            return Err(Error::Config("no duration may be longer than a day"));
        }
        if self.backoff_min.is_zero() || self.backoff_max < self.backoff_min {
            return Err(Error::Config("backoff_min must be above 0 and at most backoff_max"));
        }
        if self.handoff_timeout.is_zero() || self.attempt_min.is_zero() {
            return Err(Error::Config("handoff_timeout and attempt_min must be above 0"));
        }
        if self.host.is_empty() || self.port == 0 {
            return Err(Error::Config("host must not be empty and port not 0"));
        }
        if self.level_out == LevelOut::Managed && self.level_in != LevelIn::Tapped {
            return Err(Error::Config("level 3 needs the bytes that come in: set level_in to tapped"));
        }
        if self.level_out != LevelOut::Managed && self.handshake == Handshake::ByLibsch {
            return Err(Error::Config("a handshake by libsch needs level 3"));
        }
        if self.handshake == Handshake::ByLibsch && !self.keep_credentials && self.password.is_some() {
            return Err(Error::Config("a handshake by libsch with a password needs keep_credentials"));
        }
        let l = &self.limits;
        if l.max_push_bytes < 1024 || l.max_reply_bytes < 256 || l.max_windows == 0 || l.max_marks == 0 {
            return Err(Error::Config(
                "max_push_bytes >= 1024, max_reply_bytes >= 256, max_windows and max_marks >= 1",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_direction_has_its_level_but_out_3_needs_the_bytes_that_come_in() {
        use {LevelIn as In, LevelOut as Out};
        for level_in in [In::Notified, In::Tapped] {
            for level_out in [Out::Notified, Out::Tapped, Out::Managed] {
                let works = Config { level_in, level_out, ..Config::default() }.validate().is_ok();
                let seen = level_in == In::Tapped || level_out != Out::Managed;
                assert_eq!(works, seen, "in {level_in:?}, out {level_out:?}");
            }
        }
    }
}
