//! C and C++ programs against the shared library: stories, and every export with NULL and with garbage. Each is compiled
//! with all warnings as errors, run plainly, and run under valgrind.

mod support {
    pub mod header;
}

use std::fs;
use std::path::{Path, PathBuf};
use support::header::{exports, generate, library, path, run, scratch, strip_comments};

/// Compiles `source` against the library, as `name`.
fn compile(compiler: &str, standard: &str, source: &Path, name: &str) -> PathBuf {
    let dir = scratch(name).with_extension("dir");
    fs::create_dir_all(&dir).expect("can be made");
    fs::copy(library(), dir.join("libsch.so.0")).expect("can be copied");
    let program = dir.join("program");
    let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
    run(
        compiler,
        &[
            &format!("-std={standard}"),
            "-g",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            &format!("-I{}", text(path("include"))),
            &format!("-I{}", text(path("bindings/c"))),
            source.to_str().expect("UTF-8"),
            &text(dir.join("libsch.so.0")),
            &format!("-Wl,-rpath,{}", dir.display()),
            "-lpthread",
            "-o",
            program.to_str().expect("UTF-8"),
        ],
    );
    program
}

fn run_both_ways(program: &Path) {
    let program = program.to_str().expect("UTF-8");
    assert_eq!(run(program, &[]), "ok\n");
    let checked = run("valgrind", &["-q", "--error-exitcode=9", "--leak-check=full", program]);
    assert_eq!(checked, "ok\n");
}

#[test]
fn a_story_in_c() {
    run_both_ways(&compile("gcc", "c99", &path("tests/c/abi.c"), "story99"));
    compile("gcc", "c11", &path("tests/c/abi.c"), "story11");
}

#[test]
fn a_story_in_cpp() {
    run_both_ways(&compile("g++", "c++17", &path("tests/c/abi.cpp"), "storycpp"));
}

/// A slot map, its actions in arrays that are too small at first, a connection's SLOTS_MOVED, and readers in other threads.
#[test]
fn a_cluster_in_c() {
    run_both_ways(&compile("gcc", "c99", &path("tests/c/cluster.c"), "cluster"));
}

/// A pool, two threads, a callback, and handles freed while the others go on.
#[test]
fn a_pool_in_c() {
    run_both_ways(&compile("gcc", "c11", &path("tests/c/pool.c"), "pool11"));
}

/// The parameters of every export: type and name.
fn signatures() -> Vec<(String, Vec<(String, String)>)> {
    let header = strip_comments(&generate());
    exports()
        .into_iter()
        .map(|name| {
            let at = header.find(&format!(" {name}(")).or_else(|| header.find(&format!("*{name}(")));
            let rest = &header[at.unwrap_or_else(|| panic!("{name} is not declared")) + name.len() + 2..];
            let list = &rest[..rest.find(");").expect("an end")];
            let params = list.split(',').map(str::trim).filter(|p| *p != "void").map(|p| {
                let split = p.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).expect("a type") + 1;
                (p[..split].trim().to_owned(), p[split..].to_owned())
            });
            (name.clone(), params.collect())
        })
        .collect()
}

/// An argument for a call on a live handle: places for outputs are writable, slices are as told.
fn argument(ty: &str, name: &str, data: &str, len: &str) -> String {
    match ty {
        "struct sch_conn *" | "const struct sch_conn *" => "conn".to_owned(),
        "struct sch_config *" | "const struct sch_config *" => "config".to_owned(),
        "struct sch_pool *" | "const struct sch_pool *" => "pool".to_owned(),
        "struct sch_cluster *" | "const struct sch_cluster *" => "cluster".to_owned(),
        "const uint8_t *" | "const char *" => data.to_owned(),
        "int32_t" if name == "unowned" => "1".to_owned(),
        "size_t" if name == "len" || name.ends_with("_len") => len.to_owned(),
        "struct sch_span *"
        | "struct sch_wait *"
        | "struct sch_place *"
        | "struct sch_cluster_move *"
        | "struct sch_slot_range *" => "0".to_owned(),
        _ if ty.ends_with('*') => "(void *)room()".to_owned(),
        _ => "0".to_owned(),
    }
}

fn call(name: &str, params: &[(String, String)], data: &str, len: &str) -> String {
    let arguments: Vec<String> = params.iter().map(|(ty, name)| argument(ty, name, data, len)).collect();
    format!("{name}({})", arguments.join(", "))
}

/// A C program that calls every export with NULL and 0, with lengths that cannot be, and with NULL for a length.
fn garbage() -> String {
    let mut body = String::new();
    for (name, params) in signatures() {
        if ["sch_status_str", "sch_version_string", "sch_abi_version"].contains(&name.as_str()) {
            continue;
        }
        let zeros = vec!["0"; params.len()].join(", ");
        let wanted = if name.ends_with("_free") { "SCH_OK" } else { "SCH_ERR_NULL" };
        body += &format!("    WANT({name}({zeros}), {wanted});\n");
        if name.ends_with("_free") || name.ends_with("_new") || name == "sch_conn_close" {
            continue;
        }
        let has_slice = params.windows(2).any(|pair| {
            ["const uint8_t *", "const char *"].contains(&pair[0].0.as_str()) && pair[1].0 == "size_t"
        });
        let outputs = params.iter().skip(1).any(|(ty, name)| ty.ends_with('*') && name.ends_with("_out"));
        if outputs && !has_slice && name != "sch_conn_salvage" {
            // The handle is good, all else is not there.
            let handle = argument(&params[0].0, "", "", "");
            let rest = vec![", 0"; params.len() - 1].concat();
            body += &format!("    WANT({name}({handle}{rest}), SCH_ERR_NULL);\n");
        }
        if has_slice {
            body += &format!("    WANT({}, SCH_ERR_ARGUMENT);\n", call(&name, &params, "data", "SIZE_MAX"));
            body += &format!(
                "    WANT({}, SCH_ERR_ARGUMENT);\n",
                call(&name, &params, "data", "(size_t)PTRDIFF_MAX + 1")
            );
            body += &format!("    WANT({}, SCH_ERR_NULL);\n", call(&name, &params, "0", "1"));
        }
        body += &format!("    LIVES({});\n", call(&name, &params, "0", "0"));
        body += &format!("    LIVES({});\n", call(&name, &params, "data", "8"));
    }
    format!(
        r#"#include "sch.h"
#include <stdio.h>
#include <string.h>
#define WANT(call, status) do {{ sch_status got = (call); \
    if (got != (status)) {{ fprintf(stderr, "%s: %d\n", #call, (int)got); bad = 1; }} }} while (0)
#define LIVES(call) do {{ sch_status got = (call); \
    if (got <= SCH_ERR_FATAL) {{ fprintf(stderr, "%s: %d\n", #call, (int)got); bad = 1; }} }} while (0)

static void *room(void) {{
    static uint64_t rooms[8][256];
    static unsigned next;
    uint64_t *one = rooms[next++ % 8];
    uint32_t size = sizeof rooms[0];
    memcpy(one, &size, sizeof size);
    return one;
}}

int main(void) {{
    static const char bytes[8] = {{1, 2, 3, 4, 5, 6, 7, 8}};
    const void *data = bytes;
    sch_config *config;
    sch_conn *conn;
    sch_pool *pool;
    sch_cluster *cluster;
    int bad = 0;
    if (sch_config_new(&config) || sch_conn_new(SCH_ABI_VERSION, config, &conn)
        || sch_pool_new(SCH_ABI_VERSION, config, &pool)
        || sch_cluster_new(SCH_ABI_VERSION, config, &cluster)) return 1;
{body}    WANT(sch_conn_close(conn, 0), SCH_OK);
    WANT(sch_conn_free(conn), SCH_OK);
    WANT(sch_pool_free(pool), SCH_OK);
    WANT(sch_cluster_free(cluster), SCH_OK);
    WANT(sch_config_free(config), SCH_OK);
    WANT(!sch_status_str(-12345), 0);
    if (!bad) puts("ok");
    return bad;
}}
"#
    )
}

#[test]
fn every_export_with_null_and_with_garbage() {
    let source = scratch("garbage.c");
    fs::write(&source, garbage()).expect("can be written");
    run_both_ways(&compile("gcc", "c11", &source, "garbage"));
}

#[test]
fn a_program_of_the_first_version_still_works() {
    let source = support::header::read("tests/c/smallest.c");
    let header = strip_comments(&generate());
    let grows: Vec<&str> = header
        .split("typedef struct ")
        .filter(|rest| {
            rest.split('{').nth(1).is_some_and(|body| body.trim_start().starts_with("uint32_t struct_size;"))
        })
        .map(|rest| rest.split(' ').next().expect("a name"))
        .collect();
    assert!(grows.len() >= 8);
    for name in grows {
        assert!(source.contains(&format!(", {name}, OF_")), "{name} grows and is not tried");
    }
    run_both_ways(&compile("gcc", "c99", &path("tests/c/smallest.c"), "smallest"));
}
