//! What the pool tells a connection, as words: a notification becomes the push that reads as it.

use super::text;
use crate::exchange::Told;
use crate::notification::{Body, MovingTarget, Notification};
use core::fmt::Write;

/// `told 15ns raw:>4...`, `told grant`, `told refused a:1 20ns`.
pub(super) fn line(told: &Told) -> String {
    match told {
        Told::Notice { notification, arrived } => {
            format!("told {}ns raw:{}", arrived.as_nanos(), text::shown(push(notification).as_bytes()))
        }
        Told::Grant => "told grant".to_owned(),
        Told::OptinRefused { endpoint, until } => format!("told refused {endpoint} {}ns", until.as_nanos()),
    }
}

fn push(n: &Notification) -> String {
    let mut elements = vec![format!("+{}", n.kind)];
    elements.push(n.seq.map_or("_".to_owned(), |seq| format!(":{seq}")));
    let timed =
        matches!(n.body, Body::Moving(_)) || (n.kind.is_starter() && matches!(n.body, Body::Shards(_)));
    if timed {
        elements.push(n.time.map_or("_".to_owned(), |time| format!(":{time}")));
    }
    match &n.body {
        Body::Moving(MovingTarget::Null | MovingTarget::Unreadable) => elements.push("_".to_owned()),
        Body::Moving(target) => elements.push(format!("+{target}")),
        Body::Shards(None) => {}
        Body::Shards(Some(shards)) => elements.push(format!("+{shards}")),
        Body::Slots(slots) => elements.push(format!("+{slots}")),
        Body::SlotMoves(moves) => {
            let mut all = format!("*{}", moves.len());
            for one in moves {
                let source = one.source.as_ref().map_or("_".to_owned(), |s| format!("+{s}"));
                let _ = write!(all, "\r\n*3\r\n{source}\r\n+{}\r\n+{}", one.destination, one.slots);
            }
            elements.push(all);
        }
    }
    format!(">{}\r\n{}\r\n", elements.len(), elements.join("\r\n"))
}
