//! Slots as text: `123,456,5000-7000`.

use super::hash::SLOTS;
use std::collections::BTreeSet;

pub type SlotSet = BTreeSet<u16>;

pub fn parse(text: &str) -> Result<SlotSet, String> {
    let mut set = SlotSet::new();
    let number = |t: &str| t.trim().parse::<u16>().ok().filter(|n| *n < SLOTS);
    for part in text.split(',') {
        let range = match part.split_once('-') {
            Some((a, b)) => number(a).zip(number(b)),
            None => number(part).zip(number(part)),
        };
        match range {
            Some((a, b)) if a <= b => set.extend(a..=b),
            _ => {
                return Err(format!(
                    "slots: {part:?} is no slot and no range of slots from 0 to {}",
                    SLOTS - 1
                ));
            }
        }
    }
    Ok(set)
}

/// First and last slot of every run.
pub fn runs(slots: &SlotSet) -> Vec<(u16, u16)> {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for slot in slots {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == *slot => *end = *slot,
            _ => runs.push((*slot, *slot)),
        }
    }
    runs
}

/// One text for each run.
pub fn texts(slots: &SlotSet) -> Vec<String> {
    runs(slots).into_iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") }).collect()
}

pub fn text(slots: &SlotSet) -> String {
    texts(slots).join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_written_as_they_are_read() {
        for same in ["0", "0-16383", "123,456,5000-7000"] {
            assert_eq!(text(&parse(same).expect("slots")), same);
        }
        assert_eq!(text(&parse("3,1,2").expect("slots")), "1-3");
        for bad in ["", "16384", "5-3", "a", "1-", "-1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
