//! `include/sch.h` and `include/sch.symbols` are what the code says. `SCH_BLESS=1` rewrites them.

mod support {
    pub mod header;
}

use std::collections::BTreeSet;
use std::fs;
use support::header::{exports, generate, path, read, run, scratch, strip_comments};

fn compare(name: &str, wanted: &str) {
    let file = path(name);
    #[allow(clippy::disallowed_methods)] // a test may be told to write its result
    if std::env::var_os("SCH_BLESS").is_some() {
        fs::write(&file, wanted).expect("can be written");
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(found == wanted, "{name} is stale: SCH_BLESS=1 cargo test --test abi_header");
}

#[test]
fn the_header_is_generated_from_the_code() {
    compare("include/sch.h", &generate());
}

#[test]
fn the_symbols_are_those_of_the_code() {
    let names: Vec<String> = exports().into_iter().collect();
    compare("include/sch.symbols", &(names.join("\n") + "\n"));
}

#[test]
fn the_header_declares_every_export_and_nothing_else() {
    let header = generate();
    let code = strip_comments(&header);
    let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let mut called = BTreeSet::new();
    let mut at = 0;
    for word in words {
        at += code[at..].find(word).unwrap_or(0) + word.len();
        if word.starts_with("sch_") && code[at..].starts_with('(') {
            called.insert(word.to_owned());
        }
    }
    assert_eq!(called, exports());
}

#[test]
fn the_library_exports_the_same_and_has_its_soname() {
    let library = support::header::library();
    let listing = run("nm", &["-D", "--defined-only", library.to_str().expect("UTF-8")]);
    let found: BTreeSet<String> =
        listing.lines().filter_map(|line| line.split_whitespace().last().map(str::to_owned)).collect();
    assert_eq!(found, exports());
    assert!(found.iter().all(|name| name.starts_with("sch_")));
    let dynamic = run("readelf", &["-d", library.to_str().expect("UTF-8")]);
    assert!(dynamic.contains("[libsch.so.0]"), "{dynamic}");
}

#[test]
fn the_header_compiles_in_each_language_alone() {
    let mut compilers =
        vec![("gcc", "c99", "alone99.c"), ("gcc", "c11", "alone11.c"), ("g++", "c++17", "alone17.cpp")];
    if std::process::Command::new("clang++").arg("--version").output().is_ok_and(|o| o.status.success()) {
        compilers.extend([
            ("clang", "c99", "clang99.c"),
            ("clang", "c11", "clang11.c"),
            ("clang++", "c++17", "clang17.cpp"),
        ]);
    }
    for (compiler, standard, name) in compilers {
        let source = scratch(name);
        fs::write(&source, "#include \"sch.h\"\n#include \"sch.h\"\nint main(void) { return 0; }\n")
            .expect("can be written");
        let include = format!("-I{}", path("include").display());
        let standard = format!("-std={standard}");
        run(
            compiler,
            &[
                &standard,
                "-Wall",
                "-Wextra",
                "-Wpedantic",
                "-Werror",
                "-fsyntax-only",
                &include,
                source.to_str().expect("UTF-8"),
            ],
        );
    }
}

/// The names of the kinds of actions in the code, as the header spells them.
fn action_kinds() -> Vec<String> {
    let source = read("src/ffi/action.rs");
    let names = source.lines().filter_map(|line| line.strip_prefix("pub const SCH_ACTION_"));
    names.map(|rest| rest.split(':').next().unwrap_or("").to_owned()).collect()
}

#[test]
fn the_vocabulary_names_every_action_and_every_input() {
    let vocabulary = read("docs/VOCABULARY.md");
    let kinds = action_kinds();
    assert_eq!(kinds.len(), 21);
    let rows: Vec<&str> = vocabulary.lines().filter(|line| line.starts_with("| ")).collect();
    for kind in &kinds {
        assert!(rows.iter().any(|row| row.starts_with(&format!("| {kind} |"))), "no row for {kind}");
    }
    let outputs = [
        "new",
        "free",
        "last_error",
        "salvage",
        "region",
        "poll_action",
        "action_text",
        "slot_move",
        "next_deadline",
        "effective_timeout_ms",
        "wait_on",
        "counters",
        "phase",
        "current",
        "is_active",
        "poll_trace",
        "set_log",
        "push_text",
        "push_integer",
        "push_null",
        "push_array",
        "has_mail",
        "member",
    ];
    for export in exports() {
        let Some(input) = export.strip_prefix("sch_conn_") else { continue };
        if !outputs.contains(&input) {
            let word = format!("`{input}`");
            assert!(
                rows.iter().any(|row| row.split(" | ").next().is_some_and(|cell| cell.contains(&word))),
                "no row for {word}"
            );
        }
    }
    // Nothing is named that does not exist.
    let inputs: Vec<&str> = rows.iter().filter(|row| row.starts_with("| `")).copied().collect();
    for row in inputs {
        let first = row.trim_start_matches("| ").split(" | ").next().unwrap_or("");
        for name in first.split('`').skip(1).step_by(2) {
            assert!(exports().contains(&format!("sch_conn_{name}")), "{name} is no export");
        }
    }
}

#[test]
fn the_manual_names_the_metrics_and_the_counters_of_each() {
    let (manual, code) = (read("include/manual.txt"), read("src/ffi/conn.rs"));
    for (metric, counter) in [
        ("redis.client.maintenance.notifications", "notifications_"),
        ("redis.client.connection.relaxed_timeout", "relaxed"),
        ("redis.client.connection.relaxed_timeout", "restored"),
        ("redis.client.connection.handoff", "handoffs_swapped"),
    ] {
        let row = manual.lines().find(|line| line.trim_start().starts_with(metric)).expect(metric);
        assert!(row.contains(counter), "{row}");
        assert!(code.contains(&format!("pub {counter}")), "{counter} is no counter");
    }
}

#[test]
fn the_run_loop_of_the_manual_compiles() {
    let manual = read("include/manual.txt");
    let from = manual.find("    sch_conn *c;").expect("its first line");
    let to = manual.find("Drain the actions after every input.").expect("what follows it");
    let body = manual[from..to].replace("sch_conn *c;", "").replace("//", "/* ");
    let body: String = body
        .lines()
        .map(|line| if line.contains("/* ") { format!("{line} */\n") } else { format!("{line}\n") })
        .collect();
    let source = scratch("loop.c");
    let program = format!(
        "#include \"sch.h\"
uint64_t now(void); uint64_t deadline(sch_conn *c); void rearm_timeouts(void); void parser_reset(void);
void start_connect(uint64_t id, const char *host, uint16_t port); void close_socket(uint64_t id);
void use_socket(uint64_t id); void fail_callers(uint64_t first, uint64_t count, int32_t outcome);
void fail_or_keep(uint64_t first, uint64_t count, const uint8_t *data, size_t len); void submit_the_rest(void);
size_t write_some(uint64_t id, const uint8_t *data, size_t len);
void wait_for_sockets(const sch_wait *waits, size_t count, uint64_t until); void host(sch_conn *c);
void host(sch_conn *c) {{
{body}}}
"
    );
    fs::write(&source, program).expect("can be written");
    let include = format!("-I{}", path("include").display());
    let flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];
    run("gcc", &[&flags[..], &[&include, source.to_str().expect("UTF-8")]].concat());
}

#[test]
fn the_loop_of_a_cluster_in_the_manual_compiles() {
    let manual = read("include/manual.txt");
    let from = manual.find("    sch_cluster_action a = ").expect("its first line");
    let to = manual.find("An SMIGRATED acts once").expect("what follows it");
    let code = manual[from..to].lines().map(|line| line.split("//").next().unwrap_or("").to_owned() + "\n");
    let body: String = code.collect();
    let source = scratch("cluster_loop.c");
    let program = format!(
        "#include \"sch.h\"
void open_connections(uint64_t node, const char *host, uint16_t port); void close_when_nothing_is_owed(uint64_t node);
void ssubscribe_on(uint64_t node, const sch_slot_range *ranges, uint32_t len);
void ask_for_the_map(const char *host, uint16_t port, uint8_t has_seq, uint64_t seq);
void host(sch_cluster *k, sch_cluster_move *moves, sch_slot_range *ranges);
void host(sch_cluster *k, sch_cluster_move *moves, sch_slot_range *ranges) {{
{body}}}
"
    );
    fs::write(&source, program).expect("can be written");
    let include = format!("-I{}", path("include").display());
    let flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];
    run("gcc", &[&flags[..], &[&include, source.to_str().expect("UTF-8")]].concat());
}

/// The names of the events in lines of these files.
fn events(files: &[&str]) -> BTreeSet<String> {
    let is_of_name = |c: &char| c.is_ascii_lowercase() || *c == '-';
    let all = files.iter().map(|file| read(file)).collect::<String>();
    let names = all.split("event=").skip(1).map(|rest| rest.chars().take_while(is_of_name).collect());
    names.filter(|name: &String| !name.is_empty()).collect()
}

#[test]
fn the_page_of_the_logs_names_every_event_and_no_other() {
    let page = read("docs/LOG.md");
    let (_, tables) = page.split_once("## A pool").expect("pools");
    let (pool, cluster) = tables.split_once("## A cluster").expect("clusters");
    for (table, file) in [(pool, "src/pool/log.rs"), (cluster, "src/cluster/log.rs")] {
        let cells = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
        let named: BTreeSet<String> = cells
            .flat_map(|cell| cell.split(['`', ',', ' ']).filter(|name| !name.is_empty()))
            .map(str::to_owned)
            .collect();
        let mut said = events(&[file]);
        said.extend(["log-lines-dropped".to_owned()]);
        assert_eq!(named, said, "{file}");
    }
}
