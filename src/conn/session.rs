//! The state of a session that another transport must have before it can take over (H12), and the commands that make
//! it. Knows no transport and no handoff.

use crate::action::CommandNumber;
use crate::commands::Topic;
use crate::config::Config;
use crate::conn::effect::{Credentials, Watched};
use crate::conn::inflight::Own;
use crate::conn::region::Region;
use crate::error::Result;
use crate::mem::{self, Room};
use crate::rare::Rare;
use core::fmt::Write;
use core::hash::BuildHasherDefault;
use std::collections::HashSet;
use std::hash::DefaultHasher;

/// One command of libsch's own: what it asks, and how it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    pub(super) ask: Ask<'a>,
    pub(super) command: Written<'a>,
}

/// What the answer to a command of libsch's own means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    Own(Own),
    /// Confirmations of these names.
    Subscription {
        topic: Topic,
        subscribe: bool,
        names: &'a [&'a [u8]],
    },
}

/// How a command is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Written<'a> {
    Args(&'a [&'a [u8]]),
    /// The first, and those after it.
    Names(&'a [u8], &'a [&'a [u8]]),
    /// As it is.
    Bytes(&'a [u8]),
}

impl Written<'_> {
    /// Adds it to `region`: how long it is. All of it, or nothing.
    pub(super) fn put(self, region: &mut Region) -> Result<usize> {
        let (first, rest): (&[&[u8]], &[&[u8]]) = match &self {
            Self::Bytes(bytes) => {
                region.room(bytes.len())?;
                region.push(bytes);
                return Ok(bytes.len());
            }
            Self::Args(args) => (&[], args),
            Self::Names(first, names) => (core::slice::from_ref(first), names),
        };
        /// A type, a length and the ends of both lines.
        const HEAD: usize = 1 + 20 + 2 + 2;
        let args = first.iter().chain(rest);
        let before = region.len();
        region.room(HEAD + args.clone().map(|arg| HEAD + arg.len()).sum::<usize>())?;
        // What is written into a region does not fail, and there is room for it.
        let _ = write!(region, "*{}\r\n", first.len() + rest.len());
        for arg in args {
            let _ = write!(region, "${}\r\n", arg.len());
            region.push(arg);
            region.push(b"\r\n");
        }
        Ok(region.len() - before)
    }
}

/// Where commands of libsch's own go.
pub(super) type Put<'a> = &'a mut dyn FnMut(Step<'_>) -> Result<()>;

fn args(put: Put<'_>, own: Own, args: &[&[u8]]) -> Result<()> {
    put(Step { ask: Ask::Own(own), command: Written::Args(args) })
}

fn bytes(put: Put<'_>, own: Own, command: &[u8]) -> Result<()> {
    put(Step { ask: Ask::Own(own), command: Written::Bytes(command) })
}

fn yes_no(on: bool) -> &'static [u8] {
    if on { b"ON" } else { b"OFF" }
}

/// Names that are subscribed to, in no order.
type Names = HashSet<Vec<u8>, BuildHasherDefault<DefaultHasher>>;

/// The session, as the server's replies have confirmed it.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// HELLO 3 was answered with a map whose proto is 3.
    pub(super) resp3: bool,
    /// More state than `max_session_bytes`: it cannot be rebuilt.
    pub(super) overflow: bool,
    state: Rare<State>,
}

/// What HELLO 3 alone does not make.
#[derive(Debug, Default, PartialEq, Eq)]
struct State {
    credentials: Option<Credentials>,
    /// Commands before this one had been submitted when the host stated its credentials: an AUTH among them is older.
    stated_before: CommandNumber,
    /// AUTH was used, but its secret may not be kept.
    secret_missing: bool,
    database: i64,
    name: Option<Vec<u8>>,
    info: Vec<(Vec<u8>, Vec<u8>)>,
    no_evict: bool,
    no_touch: bool,
    tracking: Option<Vec<u8>>,
    capa: Option<Vec<u8>>,
    readonly: bool,
    topics: [Names; 3],
    bytes: usize,
    /// RESET has ended what was configured; what AUTH said last is kept for the next handshake by libsch.
    reset: Option<Option<Credentials>>,
}

impl State {
    fn set_credentials(&mut self, credentials: Credentials) {
        self.credentials = Some(credentials);
        self.secret_missing = false;
    }

    fn select(&self, put: Put<'_>) -> Result<()> {
        let mut digits = Region::default();
        digits.room(20)?;
        let _ = write!(digits, "{}", self.database); // there is room
        args(put, Own::Hard, &[b"SELECT", &digits])
    }

    fn read_mode(&self, put: Put<'_>) -> Result<()> {
        args(put, Own::Hard, &[if self.readonly { b"READONLY" } else { b"READWRITE" }])
    }
}

impl Session {
    /// The session that a handshake by libsch is to make.
    pub(super) fn configured(config: &Config) -> Result<Self> {
        let mut state = State { database: i64::from(config.database), ..State::default() };
        if let Some(password) = &config.password {
            let user = config.username.as_ref().map(|user| mem::copy(user.as_bytes())).transpose()?;
            state.credentials = Some(Credentials { user, password: mem::copy(password)? });
        }
        state.name = config.client_name.as_deref().map(mem::copy).transpose()?;
        if let Some((name, version)) = &config.lib_info {
            state.info.room(2)?;
            state.info.push((mem::copy(b"LIB-NAME")?, mem::copy(name.as_bytes())?));
            state.info.push((mem::copy(b"LIB-VER")?, mem::copy(version.as_bytes())?));
        }
        Ok(Self { resp3: true, overflow: false, state: Rare::of(state)? })
    }

    /// Another transport begins: RESET concerned the last one only.
    pub(super) fn begin_anew(&mut self, config: &Config) -> Result<()> {
        if self.state.get().is_none_or(|state| state.reset.is_none()) {
            return Ok(());
        }
        let new = Self::configured(config)?;
        let old = core::mem::replace(self, new).state.take();
        if let Some(credentials) = old.credentials.or_else(|| old.reset.flatten()) {
            self.state_credentials(credentials, old.stated_before);
        }
        Ok(())
    }

    /// What is as it was at first takes nothing.
    pub(super) fn rest(&mut self) {
        self.state.give_back_if(|state| *state == State::default());
    }

    /// The host has stated them; `next` is the number that its next command gets.
    pub(super) fn state_credentials(&mut self, credentials: Credentials, next: CommandNumber) {
        let state = self.state.make();
        state.set_credentials(credentials);
        state.stated_before = next;
    }

    /// The host has stated its credentials since it submitted this command.
    pub(super) fn has_newer_credentials_than(&self, number: CommandNumber) -> bool {
        self.state.get().is_some_and(|state| number < state.stated_before)
    }

    /// A candidate cannot authenticate without asking the host.
    pub(super) fn needs_credentials(&self) -> bool {
        self.state.get().is_some_and(|state| state.secret_missing && state.credentials.is_none())
    }

    pub(super) fn is_tracking(&self) -> bool {
        self.state.get().is_some_and(|state| state.tracking.is_some())
    }

    pub(super) fn has_subscriptions(&self) -> bool {
        self.state.get().is_some_and(|state| state.topics.iter().any(|t| !t.is_empty()))
    }

    pub(super) fn subscriptions(&self, topic: Topic) -> usize {
        self.state.get().map_or(0, |state| state.topics[topic as usize].len())
    }

    /// A confirmation of a subscription came, or of its end. True if that changed anything; an error if there is no memory for it,
    /// and nothing has changed.
    pub(super) fn confirmed(
        &mut self,
        topic: Topic,
        subscribe: bool,
        name: &[u8],
        limit: usize,
    ) -> Result<bool> {
        self.state.room()?;
        let state = self.state.make();
        let set = &mut state.topics[topic as usize];
        if !subscribe {
            let known = set.remove(name);
            if known {
                state.bytes -= name.len();
            }
            return Ok(known);
        }
        if set.contains(name) {
            return Ok(false);
        }
        if state.bytes + name.len() > limit {
            self.overflow = true;
            return Ok(false);
        }
        set.room(1)?;
        let name = mem::copy(name)?;
        state.bytes += name.len();
        Ok(set.insert(name))
    }

    /// Makes a change that the server has confirmed, and puts what repeats it on a candidate whose session was made before. An error
    /// is of what is put, the change is made; what there is no memory for here is as what is over the limit.
    pub(super) fn apply(&mut self, change: Watched, keep_credentials: bool, put: Put<'_>) -> Result<()> {
        if self.state.room().is_err() {
            self.overflow = true;
            return Ok(());
        }
        let state = self.state.make();
        match change {
            Watched::Hello { proto, auth, name } => {
                if let Some(proto) = proto {
                    self.resp3 = proto == 3;
                }
                let auth = auth.map(|auth| self.apply(Watched::Auth(auth), keep_credentials, put));
                let name = name.map(|name| self.apply(Watched::SetName(name), keep_credentials, put));
                auth.unwrap_or(Ok(())).and(name.unwrap_or(Ok(())))
            }
            Watched::Auth(credentials) => {
                let put = auth_step(&credentials, put);
                if keep_credentials {
                    state.set_credentials(credentials);
                } else {
                    state.credentials = None;
                    state.secret_missing = true;
                }
                put
            }
            Watched::Select(database) => {
                state.database = database;
                state.select(put)
            }
            Watched::SetName(name) => {
                let put = args(put, Own::Soft, &[b"CLIENT", b"SETNAME", &name]);
                state.name = (!name.is_empty()).then_some(name);
                put
            }
            Watched::SetInfo(attribute, value) => {
                let put = args(put, Own::Soft, &[b"CLIENT", b"SETINFO", &attribute, &value]);
                match state.info.iter_mut().find(|(a, _)| a.eq_ignore_ascii_case(&attribute)) {
                    Some((_, old)) => *old = value,
                    None => match state.info.room(1) {
                        Ok(()) => state.info.push((attribute, value)),
                        Err(_) => self.overflow = true,
                    },
                }
                put
            }
            Watched::NoEvict(on) => {
                state.no_evict = on;
                args(put, Own::Soft, &[b"CLIENT", b"NO-EVICT", yes_no(on)])
            }
            Watched::NoTouch(on) => {
                state.no_touch = on;
                args(put, Own::Soft, &[b"CLIENT", b"NO-TOUCH", yes_no(on)])
            }
            Watched::Tracking { on, command, .. } => {
                let put = bytes(put, Own::Hard, &command);
                state.tracking = on.then_some(command);
                put
            }
            Watched::Capa(command) => {
                let put = bytes(put, Own::Soft, &command);
                state.capa = Some(command);
                put
            }
            Watched::ReadOnly(on) => {
                state.readonly = on;
                state.read_mode(put)
            }
            Watched::Exec { changes, .. } => {
                let mut all = Ok(());
                for change in changes {
                    // Each is made, whatever became of what repeats the one before.
                    let put = self.apply(change, keep_credentials, put);
                    all = all.and(put);
                }
                all
            }
            Watched::Reset => {
                let newest = state.credentials.take().or_else(|| state.reset.take().flatten());
                *state = State { reset: Some(newest), ..State::default() };
                (self.resp3, self.overflow) = (false, false);
                Ok(())
            }
            Watched::Maint { .. } | Watched::Multi | Watched::Discard | Watched::Monitor => Ok(()),
        }
    }

    /// The session without HELLO, for a server that has none.
    pub(super) fn put_resp2(&self, put: Put<'_>) -> Result<()> {
        if let Some(credentials) = self.state.get().and_then(|state| state.credentials.as_ref()) {
            auth_step(credentials, put)?;
        }
        self.put(None, &mut |step| if step.ask == Ask::Own(Own::Hello) { Ok(()) } else { put(step) })
    }

    /// SUBSCRIBE for everything subscribed, in commands of up to 128 names.
    pub(super) fn put_subscriptions(&self, put: Put<'_>) -> Result<()> {
        let Some(state) = self.state.get() else { return Ok(()) };
        for topic in [Topic::Channel, Topic::Pattern, Topic::Shard] {
            let set = &state.topics[topic as usize];
            let mut names: Vec<&[u8]> = Vec::new();
            names.room(set.len())?;
            names.extend(set.iter().map(Vec::as_slice));
            names.sort_unstable();
            // Sharded channels of one command must share a slot: one at a time.
            for names in names.chunks(if topic == Topic::Shard { 1 } else { 128 }) {
                put(subscription(topic, true, names))?;
            }
        }
        Ok(())
    }

    /// The commands that make this session on a new transport, but for the subscriptions, which come last.
    /// `optin` goes in right after the HELLO.
    pub(super) fn put(&self, optin: Option<&[u8]>, put: Put<'_>) -> Result<()> {
        let plain = State::default();
        let state = self.state.get().unwrap_or(&plain);
        match &state.credentials {
            Some(c) => {
                let user = c.user.as_deref().unwrap_or(b"default");
                args(put, Own::Hello, &[b"HELLO", b"3", b"AUTH", user, &c.password])?;
            }
            None => args(put, Own::Hello, &[b"HELLO", b"3"])?,
        }
        if let Some(optin) = optin {
            bytes(put, Own::Optin, optin)?;
        }
        for (attribute, value) in &state.info {
            args(put, Own::Soft, &[b"CLIENT", b"SETINFO", attribute, value])?;
        }
        if let Some(name) = &state.name {
            args(put, Own::Soft, &[b"CLIENT", b"SETNAME", name])?;
        }
        if state.database != 0 {
            state.select(put)?;
        }
        if state.readonly {
            state.read_mode(put)?;
        }
        if let Some(command) = &state.tracking {
            bytes(put, Own::Hard, command)?;
        }
        if state.no_evict {
            args(put, Own::Soft, &[b"CLIENT", b"NO-EVICT", b"ON"])?;
        }
        if state.no_touch {
            args(put, Own::Soft, &[b"CLIENT", b"NO-TOUCH", b"ON"])?;
        }
        if let Some(command) = &state.capa {
            bytes(put, Own::Soft, command)?;
        }
        Ok(())
    }
}

/// SUBSCRIBE or its like.
pub(super) fn subscription<'a>(topic: Topic, subscribe: bool, names: &'a [&'a [u8]]) -> Step<'a> {
    let command: &[u8] = match (topic, subscribe) {
        (Topic::Channel, true) => b"SUBSCRIBE",
        (Topic::Pattern, true) => b"PSUBSCRIBE",
        (Topic::Shard, true) => b"SSUBSCRIBE",
        (Topic::Channel, false) => b"UNSUBSCRIBE",
        (Topic::Pattern, false) => b"PUNSUBSCRIBE",
        (Topic::Shard, false) => b"SUNSUBSCRIBE",
    };
    let ask = Ask::Subscription { topic, subscribe, names };
    Step { ask, command: Written::Names(command, names) }
}

fn auth_step(credentials: &Credentials, put: Put<'_>) -> Result<()> {
    match &credentials.user {
        Some(user) => args(put, Own::Auth, &[b"AUTH", user, &credentials.password]),
        None => args(put, Own::Auth, &[b"AUTH", &credentials.password]),
    }
}
