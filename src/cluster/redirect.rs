//! `MOVED slot host:port` and `ASK slot host:port`, as servers write them. Knows no map.

use crate::endpoint::{self, Endpoint};
use crate::notification::MAX_SLOT;

/// What a redirection says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) is_ask: bool,
    pub(super) slot: u16,
    pub(super) endpoint: Endpoint,
}

/// Reads the text of an error, with or without `-` and line end. Without a host, or with `?`, that of `asked` is meant.
pub(super) fn read(text: &[u8], asked: &Endpoint) -> Option<Said> {
    let text = text.strip_prefix(b"-").unwrap_or(text).trim_ascii_end();
    let mut words = text.split(|b| *b == b' ').filter(|word| !word.is_empty());
    let is_ask = match words.next()? {
        b"MOVED" => false,
        b"ASK" => true,
        _ => return None,
    };
    let slot = core::str::from_utf8(words.next()?).ok()?.parse().ok().filter(|slot| *slot <= MAX_SLOT)?;
    let place = words.next()?;
    let port = place.strip_prefix(b"?").unwrap_or(place).strip_prefix(b":");
    let endpoint = match port {
        Some(port) if port.iter().all(u8::is_ascii_digit) => {
            let port = core::str::from_utf8(port).ok()?.parse().ok().filter(|port| *port != 0)?;
            Endpoint { host: asked.host.clone(), port }
        }
        _ => endpoint::Endpoint::parse(place, None).ok()?,
    };
    Some(Said { is_ask, slot, endpoint })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<String> {
        let asked = Endpoint::new("seed", 7000).expect("an endpoint");
        let said = read(text.as_bytes(), &asked)?;
        Some(format!("{} {} {}", if said.is_ask { "ask" } else { "moved" }, said.slot, said.endpoint))
    }

    #[test]
    fn redirections_in_every_form() {
        for (text, wanted) in [
            ("MOVED 3999 127.0.0.1:6381", "moved 3999 127.0.0.1:6381"),
            ("-ASK 0 node.example.com:6381\r\n", "ask 0 node.example.com:6381"),
            ("MOVED 16383 ::1:7001", "moved 16383 [::1]:7001"),
            ("MOVED 16383 [::1]:7001 and more", "moved 16383 [::1]:7001"),
            ("MOVED 1 :7001", "moved 1 seed:7001"),
            ("MOVED 1 ?:7001", "moved 1 seed:7001"),
        ] {
            assert_eq!(said(text).as_deref(), Some(wanted), "{text}");
        }
        for text in [
            "",
            "MOVED",
            "MOVED 1",
            "MOVED 16384 a:1",
            "MOVED -1 a:1",
            "MOVED x a:1",
            "MOVED 1 a",
            "MOVED 1 :0",
            "MOVED 1 :",
            "MOVED 1 a:b",
            "MOVEDX 1 a:1",
            "CLUSTERDOWN The cluster is down",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }
}
