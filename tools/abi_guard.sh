#!/usr/bin/env bash
# Has the binary interface changed? Builds the shared library with its types, describes what C sees of it, and compares that with
# tests/abi_guard: with abidiff, and fact by fact. SCH_BLESS=1 rewrites what is committed; read the difference before you commit it.
set -euo pipefail
cd "$(dirname "$0")/.."
committed=tests/abi_guard
fresh=build/abi_guard
case "$(uname -m)" in x86_64) ;; *) echo "the committed description is of x86_64" >&2; exit 1 ;; esac
mkdir -p "$fresh"
# Its own target directory: the same file with other debug information would be taken for stale by all else.
cargo rustc --quiet --locked --lib --crate-type cdylib --target-dir "$fresh/target" -- -C debuginfo=2 -C codegen-units=1
abidw --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --out-file "$fresh/all.abi" "$fresh/target/debug/libsch.so"
python3 tools/abi_describe.py "$fresh/all.abi" include/sch.h "$fresh"

removed=$(comm -23 <(sort "$committed/abi.txt") <(sort "$fresh/abi.txt"))
added=$(comm -13 <(sort "$committed/abi.txt") <(sort "$fresh/abi.txt"))
report=0
abidiff --no-default-suppression "$committed/libsch.abi" "$fresh/libsch.abi" >"$fresh/report.txt" 2>&1 || report=$?

if [ -n "${SCH_BLESS:-}" ]; then
    cp "$fresh/libsch.abi" "$fresh/abi.txt" "$committed"
    [ -z "$removed" ] || printf 'BROKEN for programs that are compiled already (soname and SCH_ABI_VERSION must change):\n%s\n' "$removed" >&2
    echo "tests/abi_guard is rewritten: $(wc -l <"$committed/abi.txt") facts"
    exit 0
fi
if [ -n "$removed" ]; then
    cat "$fresh/report.txt"
    printf 'the binary interface is broken. What was promised and is no more:\n%s\n' "$removed"
    [ -z "$added" ] || printf 'what is there instead, or new:\n%s\n' "$added"
    exit 1
fi
if [ -n "$added" ] || [ "$report" != 0 ]; then
    [ $((report & 11)) = 0 ] || cat "$fresh/report.txt" # 1 and 2: abidiff itself failed; 8: it says incompatible
    printf 'the binary interface has grown, which breaks nobody: bless it (SCH_BLESS=1 tools/abi_guard.sh):\n%s\n' "$added"
    exit 1
fi
echo "the binary interface is as committed: $(wc -l <"$committed/abi.txt") facts"
