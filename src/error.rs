//! What can go wrong with a call. Every error leaves the connection as it was, and its text says what to do.

use crate::action::TransportId;

/// Why an input was not accepted. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The transport is none of this connection's, or is gone.
    #[error("transport {0} is not known here: use an id from `dial` or from OPEN that has not been closed")]
    UnknownTransport(TransportId),
    /// The input does not fit the state, for instance `swapped` when no SWAP was asked.
    #[error("{call} is not expected now: {hint}")]
    Unexpected {
        /// The input that was called.
        call: &'static str,
        /// What to do instead.
        hint: &'static str,
    },
    /// The input belongs to another level of embedding.
    #[error("{call} belongs to level {level}: this connection was made for another one")]
    WrongLevel {
        /// The input that was called.
        call: &'static str,
        /// The level (1 notified, 2 tapped, 3 managed) it is for.
        level: u8,
    },
    /// There is no transport to write to and no handoff to wait for.
    #[error("not connected: dial, and report `connected` first")]
    NotConnected,
    /// The connection was closed by the host.
    #[error("the connection is closed: free it and make a new one")]
    Closed,
    /// More bytes were said to be written than a region holds.
    #[error("wrote {wrote} bytes of a region of {len}: report only what the socket accepted")]
    WroteTooMuch {
        /// Bytes reported.
        wrote: usize,
        /// Bytes there are.
        len: usize,
    },
    /// A limit with a name was reached.
    #[error("limit {limit} reached ({value}): {hint}")]
    Limit {
        /// The name of the limit, as in `Limits`.
        limit: &'static str,
        /// Its value.
        value: u64,
        /// What to do.
        hint: &'static str,
    },
    /// There is no memory for what is to be held. All else is not asked for: without memory for it the process ends, as in std.
    #[error("no memory for {bytes} bytes: nothing was changed; come again with less, or when there is more")]
    NoMemory {
        /// Bytes that could not be had.
        bytes: usize,
    },
    /// A setting is not usable.
    #[error("config: {0}")]
    Config(&'static str),
    /// Bytes given as a notification are not one.
    #[error("these bytes are not a whole RESP3 push: hand over one frame from `>` to its end")]
    NotAPush,
}

/// Result of an input.
pub type Result<T> = core::result::Result<T, Error>;
