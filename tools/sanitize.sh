#!/usr/bin/env bash
# Sanitizers, in parts (all, or those named). Before each, programs with deliberate bugs must be reported.
#   programs  the C and C++ programs under AddressSanitizer and UndefinedBehaviorSanitizer, with libsch as it is; `make test` has it, too
#   clients   the C clients, likewise, in rows of the demos
#   address   Rust tests with everything but std under AddressSanitizer
#   thread    tests with threads under ThreadSanitizer; std is not instrumented: see docs/TESTING.md
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

# What programs in C and C++ are compiled with.
checked=(-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)

part_programs() {
    step "C and C++ programs under AddressSanitizer and UndefinedBehaviorSanitizer"
    clang "${checked[@]}" -w -o "$out/bug" tests/sanitizers/bug.c
    must_report heap-use-after-free "$out/bug"
    must_report "signed integer overflow" "$out/bug" overflow
    must_report "detected memory leaks" "$out/bug" leak
    cargo build --quiet --locked -p libsch
    cp target/debug/libsch.so "$out/libsch.so.0"
    local compile said source
    for source in tests/c/*.c tests/c/*.cpp; do
        compile=(clang -std=c11)
        [ "${source%.cpp}" = "$source" ] || compile=(clang++ -std=c++17)
        "${compile[@]}" "${checked[@]}" -Wall -Wextra -Wpedantic -Werror -Iinclude -Ibindings/c "$source" \
            "$out/libsch.so.0" "-Wl,-rpath,$out" -lpthread -o "$out/program"
        said=$("$out/program")
        [ "$said" = ok ] || { echo "$source says: $said"; exit 1; }
        echo "$source: ok"
    done
}

part_clients() {
    step "the C clients under AddressSanitizer and UndefinedBehaviorSanitizer, in rows of the demos"
    make --no-print-directory BUILD=build/sanitize/clients HIREDIS=build/hiredis CC=clang CFLAGS="${checked[*]}" clients
    local built=$out/clients
    local program
    for program in workload pool; do
        grep -q __asan_init <(nm "$built/$program") || { echo "$program is not instrumented"; exit 1; }
    done
    # Without --check: how long things take under sanitizers says nothing. What is lost, doubled or misordered still fails.
    python3 demo/run.py --redis-server --workload "$built/workload" --only 1 4 --workers 2 --rate 50 \
        --drivers managed tapped notified hiredis-sch
    python3 demo/pool.py --pool "$built/pool" --only 1 3
    python3 demo/cluster.py --workload "$built/workload" --only slot-migrate-existing
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
    cargo test --locked --target "$target" --target-dir "$out/thread" --test pool_threads --test cluster_threads --test abi_threads --test threads
}

[ $# -gt 0 ] || set -- programs clients address thread
for part in "$@"; do (part_"$part"); done
