//! The state of a session that another transport must have before it can take over (H12), and the commands that make
//! it. Knows no transport and no handoff.

use crate::action::CommandNumber;
use crate::commands::Topic;
use crate::config::Config;
use crate::conn::effect::{Credentials, Watched};
use crate::conn::inflight::Own;
use crate::rare::Rare;
use std::collections::BTreeSet;

/// One command of libsch's own: its bytes and what its refusal means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) bytes: Vec<u8>,
    pub(super) own: Own,
}

/// Encodes a command.
pub(super) fn encode(args: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn step(own: Own, args: &[&[u8]]) -> Step {
    Step { bytes: encode(args), own }
}

fn yes_no(on: bool) -> &'static [u8] {
    if on { b"ON" } else { b"OFF" }
}

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
    topics: [BTreeSet<Vec<u8>>; 3],
    bytes: usize,
    /// RESET has ended what was configured; what AUTH said last is kept for the next handshake by libsch.
    reset: Option<Option<Credentials>>,
}

impl State {
    fn set_credentials(&mut self, credentials: Credentials) {
        self.credentials = Some(credentials);
        self.secret_missing = false;
    }

    fn select(&self) -> Step {
        step(Own::Hard, &[b"SELECT", self.database.to_string().as_bytes()])
    }

    fn read_mode(&self) -> Step {
        let name: &[u8] = if self.readonly { b"READONLY" } else { b"READWRITE" };
        step(Own::Hard, &[name])
    }
}

impl Session {
    /// The session that a handshake by libsch is to make.
    pub(super) fn configured(config: &Config) -> Self {
        let state = State {
            credentials: config.password.as_ref().map(|password| Credentials {
                user: config.username.as_ref().map(|u| u.as_bytes().to_vec()),
                password: password.clone(),
            }),
            database: i64::from(config.database),
            name: config.client_name.clone(),
            info: config.lib_info.iter().fold(Vec::new(), |mut info, (name, version)| {
                info.push((b"LIB-NAME".to_vec(), name.as_bytes().to_vec()));
                info.push((b"LIB-VER".to_vec(), version.as_bytes().to_vec()));
                info
            }),
            ..State::default()
        };
        Self { resp3: true, overflow: false, state: state.into() }
    }

    /// Another transport begins: RESET concerned the last one only.
    pub(super) fn begin_anew(&mut self, config: &Config) {
        let Some(state) = self.state.get_mut() else { return };
        let Some(newest) = state.reset.take() else { return };
        let (credentials, before) = (state.credentials.take().or(newest), state.stated_before);
        *self = Self::configured(config);
        if let Some(credentials) = credentials {
            self.state_credentials(credentials, before);
        }
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

    /// A confirmation of a subscription came, or of its end. True if that changed anything.
    pub(super) fn confirmed(&mut self, topic: Topic, subscribe: bool, name: &[u8], limit: usize) -> bool {
        let state = self.state.make();
        let set = &mut state.topics[topic as usize];
        if !subscribe {
            let known = set.remove(name);
            if known {
                state.bytes -= name.len();
            }
            return known;
        }
        if set.contains(name) {
            return false;
        }
        if state.bytes + name.len() > limit {
            self.overflow = true;
            return false;
        }
        state.bytes += name.len();
        set.insert(name.to_vec())
    }

    /// Makes a change that the server has confirmed. Answers the steps that repeat it on a candidate whose session
    /// was made before.
    pub(super) fn apply(&mut self, change: Watched, keep_credentials: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        match change {
            Watched::Hello { proto, auth, name } => {
                if let Some(proto) = proto {
                    self.resp3 = proto == 3;
                }
                if let Some(credentials) = auth {
                    steps.extend(self.apply(Watched::Auth(credentials), keep_credentials));
                }
                if let Some(name) = name {
                    steps.extend(self.apply(Watched::SetName(name), keep_credentials));
                }
            }
            Watched::Auth(credentials) => {
                steps.push(auth_step(&credentials));
                if keep_credentials {
                    self.state.make().set_credentials(credentials);
                } else {
                    let state = self.state.make();
                    state.credentials = None;
                    state.secret_missing = true;
                }
            }
            Watched::Select(database) => {
                let state = self.state.make();
                state.database = database;
                steps.push(state.select());
            }
            Watched::SetName(name) => {
                steps.push(step(Own::Soft, &[b"CLIENT", b"SETNAME", &name]));
                self.state.make().name = (!name.is_empty()).then_some(name);
            }
            Watched::SetInfo(attribute, value) => {
                steps.push(step(Own::Soft, &[b"CLIENT", b"SETINFO", &attribute, &value]));
                let info = &mut self.state.make().info;
                match info.iter_mut().find(|(a, _)| a.eq_ignore_ascii_case(&attribute)) {
                    Some((_, old)) => *old = value,
                    None => info.push((attribute, value)),
                }
            }
            Watched::NoEvict(on) => {
                self.state.make().no_evict = on;
                steps.push(step(Own::Soft, &[b"CLIENT", b"NO-EVICT", yes_no(on)]));
            }
            Watched::NoTouch(on) => {
                self.state.make().no_touch = on;
                steps.push(step(Own::Soft, &[b"CLIENT", b"NO-TOUCH", yes_no(on)]));
            }
            Watched::Tracking { on, command, .. } => {
                steps.push(Step { bytes: command.clone(), own: Own::Hard });
                self.state.make().tracking = on.then_some(command);
            }
            Watched::Capa(command) => {
                steps.push(Step { bytes: command.clone(), own: Own::Soft });
                self.state.make().capa = Some(command);
            }
            Watched::ReadOnly(on) => {
                let state = self.state.make();
                state.readonly = on;
                steps.push(state.read_mode());
            }
            Watched::Exec { changes, .. } => {
                for change in changes {
                    steps.extend(self.apply(change, keep_credentials));
                }
            }
            Watched::Reset => {
                let state = self.state.make();
                let newest = state.credentials.take().or_else(|| state.reset.take().flatten());
                let state = State { reset: Some(newest), ..State::default() };
                *self = Self { state: state.into(), ..Self::default() };
            }
            Watched::Maint { .. } | Watched::Multi | Watched::Discard | Watched::Monitor => {}
        }
        steps
    }

    /// The session without HELLO, for a server that has none.
    pub(super) fn resp2_steps(&self) -> Vec<Step> {
        let auth = self.state.get().and_then(|state| state.credentials.as_ref()).map(auth_step);
        auth.into_iter().chain(self.steps(None).into_iter().filter(|s| s.own != Own::Hello)).collect()
    }

    /// SUBSCRIBE for everything subscribed, in commands of up to 128 names.
    pub(super) fn subscribe_steps(&self) -> Vec<(Topic, usize, Vec<u8>)> {
        let commands: [(Topic, &[u8]); 3] =
            [(Topic::Channel, b"SUBSCRIBE"), (Topic::Pattern, b"PSUBSCRIBE"), (Topic::Shard, b"SSUBSCRIBE")];
        let mut out = Vec::new();
        let Some(state) = self.state.get() else { return out };
        for (topic, command) in commands {
            let names: Vec<&[u8]> = state.topics[topic as usize].iter().map(Vec::as_slice).collect();
            // Sharded channels of one command must share a slot: one at a time.
            for chunk in names.chunks(if topic == Topic::Shard { 1 } else { 128 }) {
                let args: Vec<&[u8]> = core::iter::once(command).chain(chunk.iter().copied()).collect();
                out.push((topic, chunk.len(), encode(&args)));
            }
        }
        out
    }

    /// The commands that make this session on a new transport, but for the subscriptions, which come last.
    /// `optin` goes in right after the HELLO.
    pub(super) fn steps(&self, optin: Option<&[u8]>) -> Vec<Step> {
        let plain = State::default();
        let state = self.state.get().unwrap_or(&plain);
        let mut out = Vec::new();
        let mut hello: Vec<&[u8]> = vec![b"HELLO", b"3"];
        if let Some(c) = &state.credentials {
            hello.extend([b"AUTH".as_slice(), c.user.as_deref().unwrap_or(b"default"), &c.password]);
        }
        out.push(step(Own::Hello, &hello));
        if let Some(optin) = optin {
            out.push(Step { bytes: optin.to_vec(), own: Own::Optin });
        }
        for (attribute, value) in &state.info {
            out.push(step(Own::Soft, &[b"CLIENT", b"SETINFO", attribute, value]));
        }
        if let Some(name) = &state.name {
            out.push(step(Own::Soft, &[b"CLIENT", b"SETNAME", name]));
        }
        if state.database != 0 {
            out.push(state.select());
        }
        if state.readonly {
            out.push(state.read_mode());
        }
        if let Some(command) = &state.tracking {
            out.push(Step { bytes: command.clone(), own: Own::Hard });
        }
        if state.no_evict {
            out.push(step(Own::Soft, &[b"CLIENT", b"NO-EVICT", b"ON"]));
        }
        if state.no_touch {
            out.push(step(Own::Soft, &[b"CLIENT", b"NO-TOUCH", b"ON"]));
        }
        if let Some(command) = &state.capa {
            out.push(Step { bytes: command.clone(), own: Own::Soft });
        }
        out
    }
}

/// SUBSCRIBE or its like for one name.
pub(super) fn subscription(topic: Topic, subscribe: bool, name: &[u8]) -> Vec<u8> {
    let command: &[u8] = match (topic, subscribe) {
        (Topic::Channel, true) => b"SUBSCRIBE",
        (Topic::Pattern, true) => b"PSUBSCRIBE",
        (Topic::Shard, true) => b"SSUBSCRIBE",
        (Topic::Channel, false) => b"UNSUBSCRIBE",
        (Topic::Pattern, false) => b"PUNSUBSCRIBE",
        (Topic::Shard, false) => b"SUNSUBSCRIBE",
    };
    encode(&[command, name])
}

fn auth_step(credentials: &Credentials) -> Step {
    match &credentials.user {
        Some(user) => step(Own::Auth, &[b"AUTH", user, &credentials.password]),
        None => step(Own::Auth, &[b"AUTH", &credentials.password]),
    }
}
