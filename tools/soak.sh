#!/usr/bin/env bash
# The long forms of the tests that draw at random, within a bound: SECONDS_IN_ALL (default 1200) is what the whole may take once it is
# built. Prints what ran. A failure ends it, and says how to see it again.
set -euo pipefail
cd "$(dirname "$0")/.."
all=${SECONDS_IN_ALL:-1200}
began=$(date +%s)
tools=$PWD/build/tools
ran=()
bounded() { # bounded SECONDS WHAT COMMAND...: over the bound is no failure
    local bound=$1 what=$2 from status=0
    shift 2
    from=$(date +%s)
    timeout --signal=INT "$bound" nice "$@" || status=$?
    [ $status = 0 ] || [ $status = 124 ] || { echo "FAILED: $what"; return 1; }
    what+=": $(($(date +%s) - from)) s"
    [ $status = 0 ] || what+=", cut off at its bound"
    ran+=("$what")
}

if [ ! -x "$tools/bin/cargo-fuzz" ]; then cargo install --quiet --locked --root "$tools" cargo-fuzz; fi
export PATH=$tools/bin:$PATH
echo "building"
cargo test --quiet --locked --no-run --test model --test abi_random --test exhaustion
cargo test --quiet --locked --no-run --release --test simulation
RUSTC_BOOTSTRAP=1 cargo fuzz build --target-dir build/fuzz
began=$(date +%s)

# Other seeds than those of `make test`, and others each day; what is printed says which.
first=$((10#$(date +%j) * 10000000)) log=build/soak/simulation.log
mkdir -p build/soak
SCH_FIRST_SEED=$first SCH_SEEDS=10000000 SCH_SECONDS=$((all * 3 / 10)) bounded $((all * 3 / 10 + 60)) "simulation of whole clients" \
    cargo test --locked --release --test simulation >"$log" 2>&1 || { tail -100 "$log"; exit 1; }
ran+=("    $(grep -a 'seeds in' "$log"), from $first")

cases=$((all * 20)) seeds=$((all * 4))
PROPTEST_CASES=$cases bounded $((all * 2 / 10)) "model test, up to $cases cases" cargo test --locked --test model
SCH_SEEDS=$seeds bounded $((all / 10)) "calls through the C ABI, up to $seeds seeds" cargo test --locked --test abi_random
SCH_LONG=1 bounded $((all / 20 + 60)) "every pair of inputs in every situation" cargo test --locked --test exhaustion
for target in framer notification ffi cluster threads; do
    mkdir -p "build/soak/$target"
    seconds=$((all * 7 / 100))
    log=build/soak/$target.log
    RUST_BACKTRACE=0 bounded $((seconds + 60)) "fuzz target $target" "build/fuzz/$(rustc -vV | sed -n 's/^host: //p')/release/$target" \
        -max_total_time=$seconds -max_len=1024 -print_final_stats=1 -artifact_prefix="build/soak/$target-" \
        "build/soak/$target" "fuzz/corpus/$target" >"$log" 2>&1 || { tail -40 "$log"; exit 1; }
    ran+=("    $(grep -a 'number_of_executed_units' "$log"), $(grep -ao 'cov: [0-9]*' "$log" | tail -1)")
done
printf '\nran, in %s s:\n' "$(($(date +%s) - began))"
printf '  %s\n' "${ran[@]}"
