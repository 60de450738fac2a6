//! The README tells the truth: its C program compiles against the header, its paths exist, its make targets too.
#![allow(clippy::disallowed_methods)]

use std::process::Command;

const TOP: &str = env!("CARGO_MANIFEST_DIR");

fn readme() -> String {
    std::fs::read_to_string(format!("{TOP}/README.md")).expect("README.md")
}

#[test]
fn the_twenty_lines_compile() {
    let text = readme();
    let program = text.split("```c\n").nth(1).and_then(|t| t.split("```").next()).expect("a C block");
    let source = format!(
        "#include <sch.h>\n\
         void parser_feed(const uint8_t *, size_t);\n\
         void start_connect(uint64_t, const char *, size_t, int);\n\
         void close_socket(uint64_t);\n\
         void fail_commands(uint64_t, uint64_t);\n\
         void run(uint64_t now, uint64_t transport, const uint8_t *bytes, size_t len, const uint8_t *data, size_t n);\n\
         void run(uint64_t now, uint64_t transport, const uint8_t *bytes, size_t len, const uint8_t *data, size_t n) {{\n\
         sch_span spans[16]; size_t consumed, count;\n{program}\n(void)bytes; }}\n"
    );
    let file = std::env::temp_dir().join(format!("sch-readme-{}.c", std::process::id()));
    std::fs::write(&file, source).unwrap();
    let out = Command::new("cc")
        .args(["-fsyntax-only", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", &format!("{TOP}/include")])
        .arg(&file)
        .output()
        .expect("cc is missing: install gcc");
    let _ = std::fs::remove_file(&file);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn the_paths_and_targets_exist() {
    let text = readme();
    let makefile = std::fs::read_to_string(format!("{TOP}/Makefile")).unwrap();
    let mut paths = 0;
    for word in text.split('`').skip(1).step_by(2) {
        if let Some(target) = word.strip_prefix("make ") {
            let target = target.split(' ').next().unwrap();
            assert!(makefile.lines().any(|l| l.starts_with(&format!("{target}:"))), "make {target}");
        } else if word.contains('/') && !word.contains(' ') {
            assert!(std::path::Path::new(TOP).join(word).exists(), "{word}");
            paths += 1;
        }
    }
    assert!(paths > 5);
}
