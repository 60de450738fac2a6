//! SMIGRATING and SMIGRATED in every form that was seen of them.

use super::ranges::{SlotSet, text, texts};
use crate::resp;
use bytes::Bytes;
use serde::Deserialize;
use std::net::SocketAddr;

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `[[source, destination, slots], ...]`, the one that is right.
    #[default]
    Triplets,
    /// `[[destination, slots], ...]`, an obsolete one.
    Pairs,
    /// `source, destination, slots, ...` as elements of the push itself.
    Flat,
    /// The whole of it, type and number included, in one string: `SMIGRATED 7 destination slots destination slots`.
    Text,
}

#[derive(Clone, Copy, Default)]
pub struct Shape {
    pub form: Form,
    pub simple: bool,
    pub unbracketed: bool,
    /// SMIGRATING: an element for each run of slots instead of one for all.
    pub element_per_range: bool,
}

pub struct Shift {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub slots: SlotSet,
}

impl Shape {
    fn string(&self, out: &mut Vec<u8>, text: &str) {
        if self.simple { resp::simple(out, text) } else { resp::bulk(out, text.as_bytes()) }
    }

    fn address(&self, at: SocketAddr) -> String {
        if self.unbracketed { format!("{}:{}", at.ip(), at.port()) } else { at.to_string() }
    }

    pub fn smigrating(&self, seq: i64, slots: &SlotSet) -> Bytes {
        let parts = if self.element_per_range { texts(slots) } else { vec![text(slots)] };
        let mut out = Vec::new();
        resp::push(&mut out, 3, 2 + parts.len());
        self.string(&mut out, "SMIGRATING");
        resp::int(&mut out, seq);
        parts.iter().for_each(|p| self.string(&mut out, p));
        out.into()
    }

    pub fn smigrated(&self, seq: i64, shifts: &[Shift]) -> Bytes {
        let mut out = Vec::new();
        if self.form == Form::Text {
            let mut line = format!("SMIGRATED {seq}");
            for shift in shifts {
                line += &format!(" {} {}", self.address(shift.to), text(&shift.slots));
            }
            resp::push(&mut out, 3, 1);
            self.string(&mut out, &line);
            return out.into();
        }
        let elements = if self.form == Form::Flat { 3 * shifts.len() } else { 1 };
        resp::push(&mut out, 3, 2 + elements);
        self.string(&mut out, "SMIGRATED");
        resp::int(&mut out, seq);
        if matches!(self.form, Form::Triplets | Form::Pairs) {
            resp::array(&mut out, shifts.len());
        }
        for shift in shifts {
            let (from, to) = (self.address(shift.from), self.address(shift.to));
            let slots = text(&shift.slots);
            match self.form {
                Form::Triplets => {
                    resp::array(&mut out, 3);
                    [from, to, slots].iter().for_each(|t| self.string(&mut out, t));
                }
                Form::Pairs => {
                    resp::array(&mut out, 2);
                    [to, slots].iter().for_each(|t| self.string(&mut out, t));
                }
                Form::Flat | Form::Text => [from, to, slots].iter().for_each(|t| self.string(&mut out, t)),
            }
        }
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ranges::parse;
    use super::*;

    fn shown(shape: Shape) -> String {
        let shift = |from: &str, slots: &str| Shift {
            from: from.parse().expect("an address"),
            to: "[::1]:9".parse().expect("an address"),
            slots: parse(slots).expect("slots"),
        };
        let frame = shape.smigrated(12, &[shift("127.0.0.1:7", "1,5-6"), shift("127.0.0.1:8", "9")]);
        String::from_utf8_lossy(&frame).replace("\r\n", "|")
    }

    #[test]
    fn smigrated_has_every_form_that_was_seen() {
        let simple = Shape { simple: true, ..Shape::default() };
        assert_eq!(
            shown(simple),
            ">3|+SMIGRATED|:12|*2|*3|+127.0.0.1:7|+[::1]:9|+1,5-6|*3|+127.0.0.1:8|+[::1]:9|+9|"
        );
        let pairs = Shape { form: Form::Pairs, unbracketed: true, ..simple };
        assert_eq!(shown(pairs), ">3|+SMIGRATED|:12|*2|*2|+::1:9|+1,5-6|*2|+::1:9|+9|");
        let flat = Shape { form: Form::Flat, ..simple };
        assert_eq!(shown(flat), ">8|+SMIGRATED|:12|+127.0.0.1:7|+[::1]:9|+1,5-6|+127.0.0.1:8|+[::1]:9|+9|");
        let text = Shape { form: Form::Text, ..Shape::default() };
        assert_eq!(shown(text), ">1|$36|SMIGRATED 12 [::1]:9 1,5-6 [::1]:9 9|");
    }

    #[test]
    fn smigrating_has_one_element_or_one_for_each_run_of_slots() {
        let slots = parse("123,456,5000-7000").expect("slots");
        let shown = |s: Shape| String::from_utf8_lossy(&s.smigrating(12, &slots)).replace("\r\n", "|");
        let shape = Shape { simple: true, ..Shape::default() };
        assert_eq!(shown(shape), ">3|+SMIGRATING|:12|+123,456,5000-7000|");
        assert_eq!(
            shown(Shape { element_per_range: true, ..shape }),
            ">5|+SMIGRATING|:12|+123|+456|+5000-7000|"
        );
    }
}
