//! The README tells the truth: its C program runs, its paths exist, its make targets too.
#![allow(clippy::disallowed_methods)]

#[expect(dead_code, reason = "what is not used here is used by other tests")]
mod support {
    pub mod header;
}

use support::header::{library, run, scratch};

const TOP: &str = env!("CARGO_MANIFEST_DIR");

fn readme() -> String {
    std::fs::read_to_string(format!("{TOP}/README.md")).expect("README.md")
}

/// They are compiled with all warnings as errors, and run: what they submit is to be written.
#[test]
fn the_twenty_lines_run() {
    let text = readme();
    let program = text.split("```c\n").nth(1).and_then(|t| t.split("```").next()).expect("a C block");
    let source = format!(
        "#include <sch.h>\n\
         static void parser_feed(const uint8_t *p, size_t n) {{ (void)p, (void)n; }}\n\
         static void start_connect(uint64_t t, const char *h, size_t l, int p) {{ (void)t, (void)h, (void)l, (void)p; }}\n\
         static void close_socket(uint64_t t) {{ (void)t; }}\n\
         static void fail_commands(uint64_t f, uint64_t n) {{ (void)f, (void)n; }}\n\
         int main(void) {{\n\
         uint64_t now = 1, transport = 1; size_t len = 14, n = 7; sch_span spans[16]; size_t consumed = 0, count = 0;\n\
         const uint8_t *bytes = (const uint8_t *)\"*1\\r\\n$4\\r\\nPING\\r\\n\", *data = (const uint8_t *)\"+PONG\\r\\n\";\n\
         {program}\n\
         return s.transport == transport && s.write_now == len && consumed == n && count == 1 ? 0 : 1; }}\n"
    );
    let dir = scratch("readme").with_extension("dir");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::copy(library(), dir.join("libsch.so.0")).unwrap();
    std::fs::write(dir.join("readme.c"), source).unwrap();
    let text = |name: &str| dir.join(name).to_str().expect("UTF-8").to_owned();
    let (include, rpath) = (format!("-I{TOP}/include"), format!("-Wl,-rpath,{}", dir.display()));
    let (from, library, to) = (text("readme.c"), text("libsch.so.0"), text("readme"));
    run("cc", &["-std=c11", "-Wall", "-Wextra", "-Werror", &include, &from, &library, &rpath, "-o", &to]);
    run(&to, &[]);
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
