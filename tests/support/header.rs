//! The header as the code has it, the exports of the code, and tools to compile and run C.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const FILES: [&str; 15] = [
    "status",
    "version",
    "log",
    "config",
    "action",
    "conn",
    "receive",
    "push",
    "wake",
    "event",
    "counts",
    "pool",
    "join",
    "cluster_types",
    "cluster",
];

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A place for files of a test.
pub fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abi");
    fs::create_dir_all(&dir).expect("can be made");
    dir.join(name)
}

/// Every function that the code exports.
pub fn exports() -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for file in FILES {
        let source = read(&format!("src/ffi/{file}.rs"));
        let mut lines = source.lines();
        while lines.any(|line| line == "#[unsafe(no_mangle)]") {
            let signature = lines.next().unwrap_or("");
            let name = signature.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            out.insert(name.unwrap_or_else(|| panic!("no function: {signature}")).to_owned());
        }
    }
    assert!(out.len() > 90);
    out
}

/// The text that opens the header, as a comment.
fn manual() -> String {
    let vocabulary = read("docs/VOCABULARY.md");
    let tables: Vec<&str> = vocabulary.lines().skip_while(|line| !line.starts_with("## ")).collect();
    let text = read("include/manual.txt")
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace("@VOCABULARY@", tables.join("\n").trim_end());
    assert!(!text.contains("/*") && !text.contains("*/"));
    let lines = text.lines().map(|line| format!(" * {line}").trim_end().to_owned() + "\n");
    format!("/*\n{} */\n\n/* Generated from src/ffi. Do not edit. */\n", lines.collect::<String>())
}

/// The header.
pub fn generate() -> String {
    let config = cbindgen::Config::from_file(path("cbindgen.toml")).expect("cbindgen.toml");
    let mut builder = cbindgen::Builder::new().with_config(config).with_header(manual().trim_end());
    for file in FILES {
        builder = builder.with_src(path(&format!("src/ffi/{file}.rs")));
    }
    let mut header = Vec::new();
    builder.generate().expect("the header can be generated").write(&mut header);
    let header = String::from_utf8(header).expect("UTF-8");
    // What `# Safety` says of each function, the manual says once of all.
    let mut out = String::new();
    let mut in_safety = false;
    for line in header.lines() {
        in_safety = (in_safety || line.trim() == "* # Safety") && line.trim() != "*/";
        if !in_safety {
            if line.trim() == "*/" && out.ends_with(" *\n") {
                out.truncate(out.len() - 3);
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out
}

/// Runs a tool that must be there and succeed; what it prints.
pub fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {}\n{text}\n{errors}", output.status);
    text
}

/// `libsch.so` of the code as it is.
pub fn library() -> PathBuf {
    let cargo = env!("CARGO");
    run(
        cargo,
        &[
            "build",
            "--quiet",
            "--lib",
            "--release",
            "--manifest-path",
            path("Cargo.toml").to_str().expect("UTF-8"),
        ],
    );
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    let library = target.join("release").join("libsch.so");
    assert!(library.exists(), "{} is missing", library.display());
    library
}

/// C without its comments.
pub fn strip_comments(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some(start) = rest.find("/*") {
        out.push_str(&rest[..start]);
        let Some(end) = rest[start..].find("*/") else { return out };
        rest = &rest[start + end + 2..];
    }
    out + rest
}
