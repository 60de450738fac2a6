//! The state of a session that another transport must have before it can take over (H12), and the commands that make
//! it. Knows no transport and no handoff.

use crate::commands::Topic;
use crate::config::Config;
use crate::conn::effect::{Credentials, Watched};
use crate::conn::inflight::Own;
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
    credentials: Option<Credentials>,
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
    /// More state than `max_session_bytes`: it cannot be rebuilt.
    pub(super) overflow: bool,
}

impl Session {
    /// The session that a handshake by libsch is to make.
    pub(super) fn configured(config: &Config) -> Self {
        Self {
            resp3: true,
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
            ..Self::default()
        }
    }

    /// Another transport begins: RESET concerned the last one only.
    pub(super) fn begin_anew(&mut self, config: &Config) {
        let Some(newest) = self.reset.take() else { return };
        let credentials = self.credentials.take().or(newest);
        *self = Self::configured(config);
        if let Some(credentials) = credentials {
            self.set_credentials(credentials);
        }
    }

    pub(super) fn set_credentials(&mut self, credentials: Credentials) {
        self.credentials = Some(credentials);
        self.secret_missing = false;
    }

    /// A candidate cannot authenticate without asking the host.
    pub(super) fn needs_credentials(&self) -> bool {
        self.secret_missing && self.credentials.is_none()
    }

    pub(super) fn is_tracking(&self) -> bool {
        self.tracking.is_some()
    }

    pub(super) fn has_subscriptions(&self) -> bool {
        self.topics.iter().any(|t| !t.is_empty())
    }

    pub(super) fn subscriptions(&self, topic: Topic) -> usize {
        self.topics[topic as usize].len()
    }

    /// A confirmation of a subscription came, or of its end. True if that changed anything.
    pub(super) fn confirmed(&mut self, topic: Topic, subscribe: bool, name: &[u8], limit: usize) -> bool {
        let set = &mut self.topics[topic as usize];
        if !subscribe {
            let known = set.remove(name);
            if known {
                self.bytes -= name.len();
            }
            return known;
        }
        if set.contains(name) {
            return false;
        }
        if self.bytes + name.len() > limit {
            self.overflow = true;
            return false;
        }
        self.bytes += name.len();
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
                    self.set_credentials(credentials);
                } else {
                    self.credentials = None;
                    self.secret_missing = true;
                }
            }
            Watched::Select(database) => {
                self.database = database;
                steps.push(self.select());
            }
            Watched::SetName(name) => {
                steps.push(step(Own::Soft, &[b"CLIENT", b"SETNAME", &name]));
                self.name = (!name.is_empty()).then_some(name);
            }
            Watched::SetInfo(attribute, value) => {
                steps.push(step(Own::Soft, &[b"CLIENT", b"SETINFO", &attribute, &value]));
                match self.info.iter_mut().find(|(a, _)| a.eq_ignore_ascii_case(&attribute)) {
                    Some((_, old)) => *old = value,
                    None => self.info.push((attribute, value)),
                }
            }
            Watched::NoEvict(on) => {
                self.no_evict = on;
                steps.push(step(Own::Soft, &[b"CLIENT", b"NO-EVICT", yes_no(on)]));
            }
            Watched::NoTouch(on) => {
                self.no_touch = on;
                steps.push(step(Own::Soft, &[b"CLIENT", b"NO-TOUCH", yes_no(on)]));
            }
            Watched::Tracking { on, command, .. } => {
                steps.push(Step { bytes: command.clone(), own: Own::Hard });
                self.tracking = on.then_some(command);
            }
            Watched::Capa(command) => {
                steps.push(Step { bytes: command.clone(), own: Own::Soft });
                self.capa = Some(command);
            }
            Watched::ReadOnly(on) => {
                self.readonly = on;
                steps.push(self.read_mode());
            }
            Watched::Exec { changes, .. } => {
                for change in changes {
                    steps.extend(self.apply(change, keep_credentials));
                }
            }
            Watched::Reset => {
                let newest = self.credentials.take().or_else(|| self.reset.take().flatten());
                *self = Self { reset: Some(newest), ..Self::default() };
            }
            Watched::Maint { .. } | Watched::Multi | Watched::Discard | Watched::Monitor => {}
        }
        steps
    }

    fn select(&self) -> Step {
        step(Own::Hard, &[b"SELECT", self.database.to_string().as_bytes()])
    }

    fn read_mode(&self) -> Step {
        let name: &[u8] = if self.readonly { b"READONLY" } else { b"READWRITE" };
        step(Own::Hard, &[name])
    }

    /// The session without HELLO, for a server that has none.
    pub(super) fn resp2_steps(&self) -> Vec<Step> {
        let auth = self.credentials.as_ref().map(auth_step);
        auth.into_iter().chain(self.steps(None).into_iter().filter(|s| s.own != Own::Hello)).collect()
    }

    /// SUBSCRIBE for everything subscribed, in commands of up to 128 names.
    pub(super) fn subscribe_steps(&self) -> Vec<(Topic, usize, Vec<u8>)> {
        let commands: [(Topic, &[u8]); 3] =
            [(Topic::Channel, b"SUBSCRIBE"), (Topic::Pattern, b"PSUBSCRIBE"), (Topic::Shard, b"SSUBSCRIBE")];
        let mut out = Vec::new();
        for (topic, command) in commands {
            let names: Vec<&[u8]> = self.topics[topic as usize].iter().map(Vec::as_slice).collect();
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
        let mut out = Vec::new();
        let mut hello: Vec<&[u8]> = vec![b"HELLO", b"3"];
        if let Some(c) = &self.credentials {
            hello.extend([b"AUTH".as_slice(), c.user.as_deref().unwrap_or(b"default"), &c.password]);
        }
        out.push(step(Own::Hello, &hello));
        if let Some(optin) = optin {
            out.push(Step { bytes: optin.to_vec(), own: Own::Optin });
        }
        for (attribute, value) in &self.info {
            out.push(step(Own::Soft, &[b"CLIENT", b"SETINFO", attribute, value]));
        }
        if let Some(name) = &self.name {
            out.push(step(Own::Soft, &[b"CLIENT", b"SETNAME", name]));
        }
        if self.database != 0 {
            out.push(self.select());
        }
        if self.readonly {
            out.push(self.read_mode());
        }
        if let Some(command) = &self.tracking {
            out.push(Step { bytes: command.clone(), own: Own::Hard });
        }
        if self.no_evict {
            out.push(step(Own::Soft, &[b"CLIENT", b"NO-EVICT", b"ON"]));
        }
        if self.no_touch {
            out.push(step(Own::Soft, &[b"CLIENT", b"NO-TOUCH", b"ON"]));
        }
        if let Some(command) = &self.capa {
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
