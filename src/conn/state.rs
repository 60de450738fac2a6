//! The phases of a connection and every transition between them; nothing else changes the phase. Knows no bytes.
//!
//! | from | to |
//! |---|---|
//! | Detached | Handshaking, Closed |
//! | Handshaking | Serving, Waiting, Detached, Failed, Closed |
//! | Serving | Waiting, Detached, Failed, Closed |
//! | Waiting | Opening, Serving, Handshaking, Detached |
//! | Opening | Rebuilding, Waiting, Serving, Handshaking, Detached |
//! | Rebuilding | Ready, Waiting, Serving, Handshaking, Detached |
//! | Ready | Draining, Swapping, Waiting, Serving, Handshaking, Detached |
//! | Draining | Ready, Swapping, Waiting, Serving, Detached |
//! | Swapping | Serving, Waiting, Detached |
//! | Failed | Detached, Closed |
//! | Closed | |

use super::types::Phase;
use Phase::*;

/// Where each phase may lead.
pub(super) const fn successors(from: Phase) -> &'static [Phase] {
    match from {
        Detached => &[Handshaking, Closed],
        Handshaking => &[Serving, Waiting, Detached, Failed, Closed],
        Serving => &[Waiting, Detached, Failed, Closed],
        Waiting => &[Opening, Serving, Handshaking, Detached],
        Opening => &[Rebuilding, Waiting, Serving, Handshaking, Detached],
        Rebuilding => &[Ready, Waiting, Serving, Handshaking, Detached],
        Ready => &[Draining, Swapping, Waiting, Serving, Handshaking, Detached],
        Draining => &[Ready, Swapping, Waiting, Serving, Detached],
        Swapping => &[Serving, Waiting, Detached],
        Failed => &[Detached, Closed],
        Closed => &[],
    }
}

#[cfg(test)]
pub(super) const ALL: [Phase; 11] =
    [Detached, Handshaking, Serving, Waiting, Opening, Rebuilding, Ready, Draining, Swapping, Failed, Closed];

impl Phase {
    pub(super) fn may_become(self, to: Phase) -> bool {
        self == to || successors(self).contains(&to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_docs_is_the_table_in_the_code() {
        let source = include_str!("state.rs");
        for from in ALL {
            let row = source
                .lines()
                .find(|l| l.starts_with(&format!("//! | {from:?} |")))
                .unwrap_or_else(|| panic!("no row for {from:?}"));
            let documented: Vec<&str> = row
                .trim_start_matches("//! |")
                .split('|')
                .nth(1)
                .unwrap()
                .split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .collect();
            let coded: Vec<String> = successors(from).iter().map(|p| format!("{p:?}")).collect();
            assert_eq!(documented, coded, "{from:?}");
        }
    }

    #[test]
    fn nothing_leaves_closed() {
        assert!(ALL.iter().all(|to| *to == Closed || !Closed.may_become(*to)));
    }
}
