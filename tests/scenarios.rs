//! Replays every file in `tests/scenarios/`, whole, byte by byte, and with each token's end before the start of the next. `SCH_BLESS=1` rewrites what is expected.
#![allow(clippy::disallowed_methods)] // asks the environment whether to bless

#[path = "support/scenario.rs"]
mod scenario;

use scenario::{Split, replay};

#[test]
fn every_scenario_gives_the_actions_that_its_file_says() {
    let bless = std::env::var("SCH_BLESS").is_ok();
    let files = scenario::files();
    assert!(!files.is_empty());
    let mut failed = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let expected = std::fs::read_to_string(&path).unwrap();
        let got = match std::panic::catch_unwind(|| replay(&expected, Split::Whole)) {
            Ok(got) => got,
            Err(_) => {
                failed.push(format!("{name}: panicked"));
                continue;
            }
        };
        if bless {
            std::fs::write(&path, &got).unwrap();
        } else if got != expected {
            failed.push(format!("{name}:\n{}", difference(&expected, &got)));
        }
        for split in [Split::ByteByByte, Split::Trailing] {
            let again = replay(&got, split);
            if again != got {
                failed.push(format!("{name}, {split:?}:\n{}", difference(&got, &again)));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_scenario_names_the_rule_it_proves() {
    for path in scenario::files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let rule = first.trim_start_matches("# ").split([' ', ':', ',']).next().unwrap_or_default();
        let named = rule.len() >= 2
            && rule.as_bytes()[0].is_ascii_uppercase()
            && rule.ends_with(|c: char| c.is_ascii_digit());
        assert!(named, "{}: the first line must begin with a rule, as `# H2: ...`", path.display());
    }
}

fn difference(expected: &str, got: &str) -> String {
    let (mut e, mut g) = (expected.lines(), got.lines());
    let mut line = 0;
    loop {
        line += 1;
        match (e.next(), g.next()) {
            (None, None) => return "only line ends differ".into(),
            (a, b) if a == b => {}
            (a, b) => {
                return format!(
                    "  line {line}\n  expected: {}\n  got:      {}",
                    a.unwrap_or("(end)"),
                    b.unwrap_or("(end)")
                );
            }
        }
    }
}
