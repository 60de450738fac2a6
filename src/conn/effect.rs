//! What a command does to the session once its reply says so: owned, because the reply comes later.
//! Knows the meaning of commands, not the session.

use crate::action::CommandNumber;
use crate::commands::Effect;
use crate::error::Result;
use crate::mem;

/// A user's secret. Wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: Option<Vec<u8>>,
    pub(super) password: Vec<u8>,
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.password.fill(0);
        // The optimiser may not drop a store whose result is looked at.
        core::hint::black_box(&self.password);
    }
}

/// A pending change of the session.
#[derive(Debug)]
pub(super) enum Watched {
    Hello {
        proto: Option<u64>,
        auth: Option<Credentials>,
        name: Option<Vec<u8>>,
    },
    Auth(Credentials),
    Select(i64),
    SetName(Vec<u8>),
    SetInfo(Vec<u8>, Vec<u8>),
    NoEvict(bool),
    NoTouch(bool),
    Tracking {
        on: bool,
        command: Vec<u8>,
    },
    Capa(Vec<u8>),
    ReadOnly(bool),
    Maint {
        on: bool,
    },
    Reset,
    Multi,
    /// With the changes that were queued, and the WATCH it depends on.
    Exec {
        changes: Vec<Watched>,
        watch: Option<CommandNumber>,
        /// Where its reply ends cannot be told (N7).
        uncountable: bool,
    },
    Discard,
    Monitor,
}

/// How a command reaches beyond its own reply, apart from the session; and whether there was memory for all of it.
pub(super) fn watched(
    effect: &Effect<'_>,
    command: impl FnOnce() -> Result<Vec<u8>>,
) -> (Option<Watched>, bool) {
    match change(effect, command) {
        Ok(change) => (change, true),
        Err(_) => match *effect {
            // The protocol takes no memory.
            Effect::Hello(h) => (Some(Watched::Hello { proto: h.proto, auth: None, name: None }), false),
            _ => (None, false),
        },
    }
}

fn credentials(user: Option<&[u8]>, password: &[u8]) -> Result<Credentials> {
    Ok(Credentials { user: user.map(mem::copy).transpose()?, password: mem::copy(password)? })
}

fn change(effect: &Effect<'_>, command: impl FnOnce() -> Result<Vec<u8>>) -> Result<Option<Watched>> {
    Ok(Some(match *effect {
        Effect::Hello(h) => Watched::Hello {
            proto: h.proto,
            auth: h.auth.map(|(user, pass)| credentials(Some(user), pass.0)).transpose()?,
            name: h.name.map(mem::copy).transpose()?,
        },
        Effect::Auth { user, pass } => Watched::Auth(credentials(user, pass.0)?),
        Effect::Select(Some(db)) => Watched::Select(db),
        Effect::SetName(name) => Watched::SetName(mem::copy(name)?),
        Effect::SetInfo { attribute, value } => Watched::SetInfo(mem::copy(attribute)?, mem::copy(value)?),
        Effect::NoEvict(on) => Watched::NoEvict(on),
        Effect::NoTouch(on) => Watched::NoTouch(on),
        Effect::Tracking { on, .. } => Watched::Tracking { on, command: command()? },
        Effect::Capa(_) => Watched::Capa(command()?),
        Effect::ReadOnly => Watched::ReadOnly(true),
        Effect::ReadWrite => Watched::ReadOnly(false),
        Effect::Maint { on } => Watched::Maint { on },
        Effect::Reset => Watched::Reset,
        Effect::Monitor => Watched::Monitor,
        _ => return Ok(None),
    }))
}
