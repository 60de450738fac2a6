//! The tables of `docs/STATES.md`, and what the table of phases in `src/conn/state.rs` says.

use super::situations::Situation;
use sch::conn::Phase;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

/// What came of one input.
pub enum Came {
    Refused(&'static str),
    Handled { phase: Phase, said: Vec<String> },
}

/// From where to where.
pub fn phases() -> Vec<(String, Vec<String>)> {
    let rows = include_str!("../../src/conn/state.rs").lines().filter_map(|l| l.strip_prefix("//! | "));
    let cells = rows.map(|row| row.trim_end_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let to = |cell: &str| cell.split(", ").filter(|p| !p.is_empty()).map(str::to_owned).collect();
    cells.filter(|c| c[0] != "from").map(|c| (c[0].to_owned(), to(c[1]))).collect()
}

/// One input can go through several phases.
pub fn leads(from: Phase, to: Phase) -> bool {
    static ALL: LazyLock<BTreeSet<(String, String)>> = LazyLock::new(|| {
        let table = phases();
        table
            .iter()
            .flat_map(|(from, _)| reached(&table, from).into_iter().map(|to| (from.clone(), to)))
            .collect()
    });
    ALL.contains(&(format!("{from:?}"), format!("{to:?}")))
}

fn reached(table: &[(String, Vec<String>)], from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::from([from.to_owned()]);
    loop {
        let more = table.iter().filter(|(f, _)| reached.contains(f)).flat_map(|(_, to)| to.clone());
        let next: BTreeSet<String> = more.chain(reached.iter().cloned()).collect();
        if next == reached {
            return reached;
        }
        reached = next;
    }
}

pub fn head() -> String {
    "# Every situation, every input\n\n\
     Written by `SCH_BLESS=1 cargo test --test exhaustion`, and compared by that test; not to be edited. In each situation of a connection, what\n\
     comes of each input: the phase after it where it changes, and what is said: answers and actions, in the words of\n\
     `tests/scenarios/README.md`, by their first words. What is *refused* changes nothing at all; what is not in a table is refused for the reason below it.\n\
     The phases and all transitions are in `src/conn/state.rs`.\n"
        .to_owned()
}

/// The kind of what was said, without its figures and bytes.
fn short(line: &str) -> String {
    let mut words = line.split(' ').filter(|w| !w.contains('=') && !w.starts_with('"'));
    let first = words.next().unwrap_or_default();
    match first {
        "close" | "handoff-finished" | "off" | "relax" | "restore" | "sch-off" => {
            let last =
                line.split(' ').filter(|w| !w.contains('=')).skip(1).filter(|w| w.parse::<u64>().is_err());
            format!("{first} {}", last.collect::<Vec<_>>().join(" ")).trim_end().to_owned()
        }
        "" if line.starts_with("first=") => "taken".to_owned(),
        "" => line.split('=').next().unwrap_or_default().to_owned(),
        _ => first.to_owned(),
    }
}

pub fn of(situation: &Situation, rows: Vec<(&str, Came)>) -> String {
    let mut out = format!("\n## {}\n\n| input | phase after | said |\n|---|---|---|\n", situation.name);
    let mut refused: Vec<(&str, Vec<&str>)> = Vec::new();
    for (input, came) in &rows {
        match came {
            Came::Refused(why) => match refused.iter_mut().find(|(w, _)| w == why) {
                Some((_, inputs)) => inputs.push(input),
                None => refused.push((why, vec![input])),
            },
            Came::Handled { phase, said } => {
                let after = if *phase == situation.phase { String::new() } else { format!("{phase:?}") };
                let said: Vec<String> = said.iter().map(|l| short(l)).filter(|w| !w.is_empty()).collect();
                writeln!(out, "| `{input}` | {after} | {} |", said.join(", ").replace('|', "\\|")).unwrap();
            }
        }
    }
    for (why, inputs) in refused {
        let inputs: Vec<String> = inputs.iter().map(|i| format!("`{i}`")).collect();
        writeln!(out, "\nRefused, {why}: {}", inputs.join(", ")).unwrap();
    }
    out
}
