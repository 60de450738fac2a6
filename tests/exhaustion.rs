//! E5, E9, H3, H6, S2: in every situation of a connection, every input is handled or refused, and a refused one changes nothing.
//! `docs/STATES.md` is what comes of each; `SCH_BLESS=1` writes it.
#![allow(clippy::disallowed_methods)] // asks the environment whether to bless

#[path = "exhaustion/inputs.rs"]
mod inputs;
#[path = "support/scenario.rs"]
mod scenario;
#[path = "exhaustion/situations.rs"]
mod situations;
#[path = "exhaustion/table.rs"]
mod table;

use inputs::INPUTS;
use scenario::{Runner, Split};
use sch::conn::Phase;
use situations::{SITUATIONS, Situation};
use std::collections::BTreeSet;
use table::Came;

fn kind_of(error: &str) -> &'static str {
    const INSIDE: [(&str, &str); 2] =
        [(" belongs to level ", "wrong level"), (" is not expected now: ", "unexpected")];
    const FIRST: [(&str, &str); 7] = [
        ("transport ", "unknown transport"),
        ("the connection is closed", "closed"),
        ("not connected", "not connected"),
        ("limit ", "limit"),
        ("config: ", "config"),
        ("these bytes are not", "not a push"),
        ("wrote ", "wrote too much"),
    ];
    let inside = INSIDE.iter().find(|(words, _)| error.contains(words));
    let kind = inside.or_else(|| FIRST.iter().find(|(words, _)| error.starts_with(words)));
    kind.unwrap_or_else(|| panic!("{error}")).1
}

/// A connection in this situation.
fn reach(situation: &Situation) -> Runner {
    let mut runner = Runner::new(Split::Whole);
    runner.block(situation.how);
    let phase = runner.conn.as_ref().map_or(Phase::Detached, |c| c.phase());
    assert_eq!(phase, situation.phase, "{}", situation.name);
    runner
}

/// What the connection says of itself: all that it has, but for how long nobody has called it.
fn all_of(runner: &Runner) -> String {
    let all = runner.conn.as_ref().map(|c| format!("{c:?}")).unwrap_or_default();
    (0..=2).fold(all, |all, n| all.replace(&format!(" quiet_ticks: {n},"), ""))
}

/// Gives one input, and demands what holds for all of them. `before`: what `all_of` said.
fn give(runner: &mut Runner, before: &str, situation: &Situation, input: &str) -> Came {
    let line = situation.fill(input);
    let from = runner.conn.as_ref().map_or(Phase::Detached, |c| c.phase());
    let said = runner.block(&line);
    let phase = runner.conn.as_ref().unwrap().phase();
    if let Some(error) = said.strip_prefix("error ") {
        assert_eq!(before, all_of(runner), "{}: {line} was refused and left its mark", situation.name);
        return Came::Refused(kind_of(error.trim_end()));
    }
    assert!(!said.contains("\nerror "), "{}: {line}: {said}", situation.name);
    assert!(from != Phase::Closed, "{}: {line} is taken by a closed connection", situation.name);
    assert!(table::leads(from, phase), "{}: {line}: {from:?} -> {phase:?}", situation.name);
    let said = said.lines().map(str::to_owned).collect();
    Came::Handled { phase, said }
}

#[test]
fn every_input_in_every_situation_is_as_the_docs_say() {
    let mut text = table::head();
    for situation in SITUATIONS {
        let before = all_of(&reach(situation));
        let rows = INPUTS.iter().map(|i| (*i, give(&mut reach(situation), &before, situation, i)));
        text += &table::of(situation, rows.collect());
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/STATES.md");
    if std::env::var("SCH_BLESS").is_ok() {
        std::fs::write(path, &text).unwrap();
    }
    let written = std::fs::read_to_string(path).expect("docs/STATES.md");
    for (written, now) in written.lines().zip(text.lines()) {
        assert_eq!(written, now, "docs/STATES.md is not what the code does; SCH_BLESS=1 writes it");
    }
    assert_eq!(written.lines().count(), text.lines().count());
}

#[test]
fn every_pair_of_inputs_is_handled_or_changes_nothing() {
    // All of them with SCH_LONG=1; else a part, in which each input comes first and second in each situation that takes it.
    let step = if std::env::var("SCH_LONG").is_ok() { 1 } else { 5 };
    for (i, situation) in SITUATIONS.iter().enumerate() {
        let reached = all_of(&reach(situation));
        for (j, first) in INPUTS.iter().enumerate() {
            let mut runner = reach(situation);
            // An input that is refused leaves all as it was: what follows is in the table of one input.
            if let Came::Refused(_) = give(&mut runner, &reached, situation, first) {
                continue;
            }
            let before = all_of(&runner);
            for second in INPUTS.iter().skip((i + j) % step).step_by(step) {
                let mut runner = reach(situation);
                runner.block(&situation.fill(first));
                give(&mut runner, &before, situation, second);
                ends(&mut runner, &format!("{}: {first}, {second}", situation.name));
            }
        }
    }
}

/// Whatever came before: it can be closed, and then no timer is left and nothing is taken any more (E9).
fn ends(runner: &mut Runner, how: &str) {
    runner.block("close");
    let conn = runner.conn.as_mut().unwrap();
    assert_eq!(conn.phase(), Phase::Closed, "{how}");
    assert_eq!(conn.next_deadline(), None, "{how}");
    assert_eq!(conn.poll_action(), None, "{how}");
    assert_eq!(runner.block("tick"), "error the connection is closed: free it and make a new one\n", "{how}");
}

#[test]
fn every_phase_has_a_situation() {
    let reached: BTreeSet<String> = SITUATIONS.iter().map(|s| format!("{:?}", s.phase)).collect();
    let all: BTreeSet<String> = table::phases().into_iter().map(|(from, _)| from).collect();
    assert_eq!(reached, all);
}

/// The table of phases promises nothing that never happens.
#[test]
fn every_transition_of_the_table_is_made() {
    let mut made = BTreeSet::new();
    for situation in SITUATIONS {
        for input in INPUTS {
            let mut runner = Runner::new(Split::Whole);
            runner.watch_phases();
            runner.block(situation.how);
            runner.block(&situation.fill(input));
            made.append(&mut runner.transitions());
        }
    }
    for path in scenario::files() {
        let text = std::fs::read_to_string(path).unwrap();
        let mut runner = Runner::new(Split::Whole);
        runner.watch_phases();
        for block in text.split("\n\n") {
            runner.block(block.split("\n----").next().unwrap());
        }
        made.append(&mut runner.transitions());
    }
    let written =
        table::phases().into_iter().flat_map(|(from, to)| to.into_iter().map(move |to| (from.clone(), to)));
    let made_it = |(from, to): &(String, String)| made.contains(&(from.to_lowercase(), to.to_lowercase()));
    let never: Vec<_> = written.filter(|pair| !made_it(pair)).collect();
    assert!(never.is_empty(), "these are allowed and never made: {never:?}");
}
