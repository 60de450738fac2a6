#!/usr/bin/env bash
# Sanitizers, in three parts (all, or those named): c, address, thread. Before each, a program with a deliberate bug must be reported.
#   c        the C and C++ programs and the C clients under AddressSanitizer and UndefinedBehaviorSanitizer, with libsch as it is
#   address  Rust tests with everything but std under AddressSanitizer
#   thread   tests of the pool with threads under ThreadSanitizer; std is not instrumented: see docs/TESTING.md
# Rust's sanitizers are behind a flag that the stable compiler takes with RUSTC_BOOTSTRAP=1.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/build/sanitize
target=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p "$out"
step() { printf '\n== %s\n' "$*"; }
export ASAN_OPTIONS=exitcode=99:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS="exitcode=99 suppressions=$PWD/tests/sanitizers/thread.supp"

must_report() { # must_report WHAT PROGRAM [ARGUMENT]: it fails, and says what
    local what=$1 said status=0
    shift
    said=$("$@" 2>&1) || status=$?
    [ "$status" != 0 ] && grep -q "$what" <<<"$said" || { echo "not reported by $1: $what. The sanitizer is not on."; exit 1; }
    echo "a deliberate bug is reported: $what"
}

part_c() {
    local flags=(-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    step "C: the sanitizers are on"
    clang "${flags[@]}" -w -o "$out/bug" tests/sanitizers/bug.c
    must_report heap-use-after-free "$out/bug"
    must_report "signed integer overflow" "$out/bug" more
    step "C and C++ programs"
    cargo build --quiet --locked -p libsch -p sch-sim
    cp target/debug/libsch.so "$out/libsch.so.0"
    local link=("$out/libsch.so.0" "-Wl,-rpath,$out")
    for source in tests/c/*.c; do
        clang -std=c11 "${flags[@]}" -Wall -Wextra -Wpedantic -Werror -Iinclude "$source" "${link[@]}" -o "$out/program"
        "$out/program" | sed "s|^|$source: |"
    done
    for source in tests/c/*.cpp; do
        clang++ -std=c++17 "${flags[@]}" -Wall -Wextra -Wpedantic -Werror -Iinclude -Ibindings/c "$source" "${link[@]}" -o "$out/program"
        "$out/program" | sed "s|^|$source: |"
    done
    step "the C clients, in two rows of the demo"
    make --no-print-directory build/hiredis/libhiredis.a
    clang -std=c11 -D_GNU_SOURCE "${flags[@]}" -DWITH_HIREDIS -Iinclude -Ibindings/c -isystem build/hiredis -o "$out/workload" \
        examples/c/*.c build/hiredis/libhiredis.a "${link[@]}" \
        -lssl -lcrypto -lpthread
    # Without --check: how long things take under sanitizers says nothing. What is lost, doubled or misordered still fails.
    python3 demo/run.py --redis-server --sim target/debug/sch-sim --workload "$out/workload" --only 1 4 --workers 2 --rate 50 \
        --drivers managed tapped notified hiredis-sch
}

rust() { # rust SANITIZER [FLAG]: compiles the deliberate bug with it; the flags are left in RUSTFLAGS
    export RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=$1 ${2:-}"
    # shellcheck disable=SC2086
    rustc --edition 2024 -g $RUSTFLAGS --target "$target" -o "$out/bug-$1" tests/sanitizers/bug.rs
}

part_address() {
    step "Rust under AddressSanitizer"
    rust address
    must_report heap-use-after-free "$out/bug-address"
    local names=(abi abi_pool abi_random scenarios) file
    for file in tests/resp_framer*.rs tests/notification*.rs tests/fuzz_corpus.rs; do names+=("$(basename "$file" .rs)"); done
    # shellcheck disable=SC2046
    cargo test --locked --target "$target" --target-dir "$out/address" $(printf -- '--test %s ' "${names[@]}")
}

part_thread() {
    step "Rust under ThreadSanitizer"
    # std comes without it, and the compiler wants to hear that we know.
    rust thread -Cunsafe-allow-abi-mismatch=sanitizer
    must_report "data race" "$out/bug-thread" race
    cargo test --locked --target "$target" --target-dir "$out/thread" --test pool_threads
}

[ $# -gt 0 ] || set -- c address thread
for part in "$@"; do (part_"$part"); done
