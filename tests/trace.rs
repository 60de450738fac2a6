//! V3: a trace is a scenario file. Every story in `tests/scenarios/` is played with the trace on; the trace is replayed, and
//! must say itself again, actions and all. And no secret stands in it.

#[path = "support/scenario.rs"]
mod scenario;

use scenario::{Runner, Split, replay};

/// Plays a scenario with the trace on, and answers the trace.
fn trace_of(story: &str, split: Split) -> String {
    let mut runner = Runner::new(split);
    runner.keep_trace();
    let mut out = String::new();
    for block in story.trim_end().split("\n\n") {
        for input in block.split("\n----").next().unwrap().lines() {
            runner.block(input);
            while let Some(line) = runner.conn.as_mut().and_then(|conn| conn.poll_trace()) {
                out.push_str(&line);
                out.push('\n');
            }
        }
    }
    out
}

fn stories() -> Vec<(String, String)> {
    scenario::files()
        .into_iter()
        .map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(p).unwrap()))
        .collect()
}

fn first_difference(a: &str, b: &str) -> String {
    let at = a
        .lines()
        .zip(b.lines())
        .position(|(a, b)| a != b)
        .unwrap_or(a.lines().count().min(b.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(end)").to_owned();
    format!("line {}:\n  traced:   {}\n  replayed: {}", at + 1, line(a), line(b))
}

#[test]
fn v3_the_trace_of_every_story_replays_to_the_same_actions() {
    let mut failed = Vec::new();
    for (name, story) in stories() {
        for split in [Split::Whole, Split::ByteByByte] {
            let trace = trace_of(&story, split);
            let again = replay(&trace, Split::Whole);
            if again != trace {
                failed.push(format!("{name} ({split:?}): {}", first_difference(&trace, &again)));
            }
        }
    }
    assert!(failed.is_empty(), "{} traces do not replay:\n{}", failed.len(), failed.join("\n"));
}

const STORY: &str = "\
config handshake=seen wrote=auto
dial
connected 1
submit HELLO 3 AUTH tom sesame
receive 1 hello3
receive 1 +OK
submit SET hush s3cret | GET hush | SUBSCRIBE hideout
receive 1 +OK $s3cret >subscribe,hideout,1 >message,hideout,psst
submit CONFIG SET requirepass sesame | AUTH tom sesame
receive 1 +OK +OK
credentials tim swordfish
receive 1 >MIGRATING,1,10,7 >MOVING,2,15,b:2
tick 1ms
connected 2 10.0.0.2:2
receive 2 hello3
receive 2 +OK
receive 2 >subscribe,hideout,1
submit SET hush again
receive 1 +OK
swapped
closed 2 SET hush again
";

#[test]
fn v3_a_trace_has_notifications_in_full_names_of_commands_and_no_value() {
    for split in [Split::Whole, Split::ByteByByte] {
        let trace = trace_of(STORY, split);
        for secret in
            ["tom", "tim", "sesame", "swordfish", "hush", "s3cret", "hideout", "psst", "requirepass"]
        {
            assert!(!trace.contains(secret), "{secret} in\n{trace}");
        }
        let plain: String = match split {
            Split::Whole => trace.clone(),
            _ => trace.lines().filter_map(|l| l.strip_prefix("receive 1 raw:")).collect(),
        };
        for shown in [
            ">4\\r\\n$6\\r\\nMOVING\\r\\n:2\\r\\n:15\\r\\n$3\\r\\nb:2\\r\\n",
            ">4\\r\\n$9\\r\\nMIGRATING\\r\\n:1\\r\\n:10\\r\\n:7\\r\\n",
        ] {
            assert!(plain.contains(shown), "{shown} not in\n{trace}");
        }
        for name in ["HELLO", "AUTH", "SET", "GET", "SUBSCRIBE", "CONFIG"] {
            assert!(trace.contains(&format!("\\r\\n{name}\\r\\n")), "{name} not in\n{trace}");
        }
        assert!(trace.contains("\nopen 2 b:2 attempt=1"), "{trace}");
    }
}

#[test]
fn v3_no_password_of_the_settings_stands_in_a_trace() {
    let story = "config handshake=libsch username=tom password=sesame name=app\ndial\nconnected 1\n";
    let trace = trace_of(story, Split::Whole);
    assert!(trace.contains(" password=\\f6; ") && trace.contains(" name=app"), "{trace}");
    assert!(!trace.contains("sesame") && !trace.contains("tom"), "{trace}");
}

#[test]
fn v3_the_trace_among_the_scenario_files_is_one() {
    let (_, file) = stories().into_iter().find(|(name, _)| name == "v3-a-trace-is-a-scenario.txt").unwrap();
    let traced = trace_of(STORY, Split::Whole);
    // Its first line says so; the version of the library is not part of the story.
    assert_eq!(file.split_once('\n').unwrap().1, traced.split_once('\n').unwrap().1);
}
