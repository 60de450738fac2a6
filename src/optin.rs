//! `CLIENT MAINT_NOTIFICATIONS`: the command and what its reply means. Knows no time and no state: what follows from a
//! reply is decided by the connection.

use crate::endpoint::EndpointType;
use bytes::Bytes;

/// Whether a connection asks for maintenance notifications (O1).
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mode {
    /// Never asks.
    Disabled,
    /// Asks, and does without if the server refuses. The default: nothing breaks on a server that does not know it.
    #[default]
    Auto,
    /// Asks, and a refusal is fatal for the connection.
    Enabled,
}

impl Mode {
    /// The word for it in configurations and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Auto => "auto",
            Self::Enabled => "enabled",
        }
    }
}

/// The opt-in, in its five-argument form (O1): a server-side proxy is known that understands no other.
///
/// The bytes are static; nothing is allocated.
pub fn command(endpoint_type: EndpointType) -> Bytes {
    macro_rules! opt_in {
        ($len:literal, $name:literal) => {
            Bytes::from_static(
                concat!(
                    "*5\r\n$6\r\nCLIENT\r\n$19\r\nMAINT_NOTIFICATIONS\r\n$2\r\nON\r\n$20\r\nmoving-endpoint-type\r\n$",
                    $len,
                    "\r\n",
                    $name,
                    "\r\n"
                )
                .as_bytes(),
            )
        };
    }
    match endpoint_type {
        EndpointType::InternalIp => opt_in!("11", "internal-ip"),
        EndpointType::InternalFqdn => opt_in!("13", "internal-fqdn"),
        EndpointType::ExternalIp => opt_in!("11", "external-ip"),
        EndpointType::ExternalFqdn => opt_in!("13", "external-fqdn"),
        EndpointType::None => opt_in!("4", "none"),
    }
}

/// What the reply to the opt-in means (O2).
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Reply {
    /// `OK`: notifications are on.
    Accepted,
    /// The server does not know the command, or has it switched off. Asking again will not help for a while.
    Refused,
    /// `NOPERM`: the user's ACL, not the server; another user may get another answer.
    NoPermission,
    /// `NOAUTH`: ask again after AUTH.
    NoAuth,
    /// Anything else (`LOADING`, `MASTERDOWN`, `QUEUED`, ...): worth asking once more later.
    Other,
}

/// No more than this much of a reply is looked at; a longer head may be handed over.
pub const CLASSIFY_LIMIT: usize = 512;

/// What servers and proxies say when they do not know the opt-in or have it off, in lower case:
/// Redis 7 and later (`unknown subcommand 'maint_notifications'. Try CLIENT HELP.`), Redis 6 (`Unknown subcommand or
/// wrong number of arguments for ...`), Redis 5 and older (`Syntax error, try CLIENT (LIST | ...`), renamed or missing
/// CLIENT (`unknown command`), Redis Software with the feature off, and proxies in between.
const REFUSALS: [&[u8]; 7] = [
    b"unknown command",
    b"unknown subcommand",
    b"syntax error",
    b"wrong number of arguments",
    b"disabled on this server",
    b"unsupported command",
    b"not supported",
];

/// Says what the head of a raw reply frame means. A head that ends before its text does is judged by what is there.
///
/// Attributes in front are the caller's to skip. A reply that is neither `OK` nor an error is a refusal: no server that
/// has the feature answers so, and a mock or a proxy that does will not send notifications. `+QUEUED` is the exception:
/// it says nothing yet; nor does an empty text.
pub fn classify(reply: &[u8]) -> Reply {
    let head = &reply[..reply.len().min(CLASSIFY_LIMIT)];
    let Some((&marker, rest)) = head.split_first() else { return Reply::Other };
    match marker {
        b'+' => classify_text(line(rest)),
        b'$' => classify_text(line(after_line(rest))),
        b'=' => classify_text(line(after_line(rest).get(4..).unwrap_or_default())),
        b'-' => classify_error(line(rest)),
        b'!' => classify_error(after_line(rest)),
        _ => Reply::Refused,
    }
}

fn classify_text(text: &[u8]) -> Reply {
    if text.eq_ignore_ascii_case(b"OK") {
        Reply::Accepted
    } else if text.is_empty() || text.eq_ignore_ascii_case(b"QUEUED") {
        Reply::Other
    } else {
        Reply::Refused
    }
}

fn classify_error(text: &[u8]) -> Reply {
    let code = text.split(|b| b.is_ascii_whitespace()).next().unwrap_or_default();
    if code.eq_ignore_ascii_case(b"NOAUTH") {
        return Reply::NoAuth;
    }
    if code.eq_ignore_ascii_case(b"NOPERM") {
        return Reply::NoPermission;
    }
    let text = text.to_ascii_lowercase();
    let says = |phrase: &&[u8]| memchr::memmem::find(&text, phrase).is_some();
    if REFUSALS.iter().any(says) { Reply::Refused } else { Reply::Other }
}

fn line(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memchr(b'\r', bytes).unwrap_or(bytes.len())]
}

fn after_line(bytes: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', bytes).map_or(&[], |end| &bytes[end + 1..])
}
