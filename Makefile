# Thin: what is done is in the scripts and crates it calls.
CARGO ?= cargo
CC ?= cc
BUILD := build
LIB := target/release
CFLAGS ?= -O2 -g
# For the programs here; crates with C in them choose for themselves.
unexport CC CFLAGS
STRICT := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror
CLIENTS := examples/c/workload.c examples/c/support.c examples/c/plain.c examples/c/managed.c examples/c/unmanaged.c examples/c/cluster.c
POOL := examples/c/pool_load.c examples/c/pool.c examples/c/blocking.c examples/c/support.c
HIREDIS := $(BUILD)/hiredis
PREFIX ?= /usr/local
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)

.PHONY: all sim demo node test e2e e2e-short memcheck drivers sanitize soak clients tools install bench clean

all: clients

tools:
	tools/install.sh

$(LIB)/libsch.so: FORCE
	$(CARGO) build --release --locked -p libsch

# The simulator, for the demos and the tests of the packages.
sim:
	tools/build_sim.sh

# Driver sources that are not ours come from their package at build time; see the script.
$(HIREDIS)/libhiredis.a:
	tools/fetch-hiredis.sh $(HIREDIS)

clients: sim $(BUILD)/workload $(BUILD)/pool

$(BUILD)/workload: $(LIB)/libsch.so $(CLIENTS) examples/c/hiredis_driver.c bindings/c/sch_hiredis.h $(HIREDIS)/libhiredis.a
	mkdir -p $(BUILD)
	ln -sfr $(LIB)/libsch.so $(BUILD)/libsch.so.0
	$(CC) $(CFLAGS) $(STRICT) -DWITH_HIREDIS -Iinclude -Ibindings/c -isystem $(HIREDIS) -o $@ $(CLIENTS) \
	    examples/c/hiredis_driver.c $(HIREDIS)/libhiredis.a -L$(LIB) -lsch -Wl,-rpath,'$$ORIGIN' \
	    -lssl -lcrypto -lpthread

$(BUILD)/pool: $(LIB)/libsch.so $(POOL)
	mkdir -p $(BUILD)
	ln -sfr $(LIB)/libsch.so $(BUILD)/libsch.so.0
	$(CC) $(CFLAGS) $(STRICT) -Iinclude -o $@ $(POOL) -L$(LIB) -lsch -Wl,-rpath,'$$ORIGIN' -lpthread

# The Node package: its addon and its JavaScript.
node:
	tools/build_node.sh

# A table of clients without and with libsch, in C, Python and Node.js.
EVERY := managed python-asyncio python-blocking node
demo: tools clients node
	python3 demo/run.py --drivers plain $(EVERY) --at-once 2 --rate 100 --check counts $(if $(UPSTREAM),--upstream $(UPSTREAM))
	python3 demo/pool.py --only 1 $(if $(UPSTREAM),--upstream $(UPSTREAM))
	python3 demo/cluster.py --only slot-migrate-existing

# Every row of the README's table, against redis-server, with its demands.
e2e: clients node
	python3 demo/run.py --redis-server --check --drivers plain managed tapped notified in2-out1 in1-out2 hiredis-sch
	python3 demo/run.py --redis-server --check --drivers $(EVERY)
	python3 demo/run.py --redis-server --check --drivers hiredis-sch python-asyncio python-blocking node --tls
	python3 demo/pool.py --redis-server
	python3 demo/cluster.py --redis-server

# What of it is in `make test`: each client, each row, plain and TLS, but not each client in each row; milliseconds of the clients in C
# without TLS only, whose workers have a thread each.
e2e-short: clients node
	python3 demo/run.py --redis-server --check --only 1 4 5 --drivers plain managed tapped hiredis-sch
	python3 demo/run.py --redis-server --check --only 2 3 6 7 8 9 --drivers managed notified
	python3 demo/run.py --redis-server --check counts --at-once 2 --only 1 4 5 --drivers python-asyncio python-blocking node
	python3 demo/run.py --redis-server --check counts --at-once 2 --only 1 4 --drivers hiredis-sch python-asyncio python-blocking node --tls
	python3 demo/pool.py --redis-server --only 1
	python3 demo/cluster.py --redis-server --only slot-migrate-existing

# The clients under valgrind: any error of memory, or a leak, fails.
memcheck: clients
	python3 demo/run.py --valgrind --only 1 4 5 --workers 2 --rate 50 --drivers managed tapped notified hiredis-sch
	python3 demo/pool.py --valgrind --only 1 3

# Drivers from their registries, with their own handoffs, through the simulator's scenarios: a table, and what contradicts it.
drivers:
	tools/drivers.sh

test: tools
	tools/test.sh

# Under sanitizers: the C programs and clients, Rust tests, the pool's threads. Half an hour, most of it building.
sanitize: tools
	tools/sanitize.sh

# The long forms of all that draws at random; SECONDS_IN_ALL=1200 bounds it.
soak:
	tools/soak.sh

# All figures of the design in one table, which is also written to docs/PERFORMANCE.md. Node's needs its addon.
bench: $(LIB)/libsch.so $(BUILD)/pipeline node
	cd benches/compare && $(CARGO) build --release --locked --target-dir ../../target/compare
	$(CARGO) bench --locked --bench pool --no-run
	python3 tools/bench.py

$(BUILD)/pipeline: $(LIB)/libsch.so benches/compare/pipeline.c $(HIREDIS)/libhiredis.a
	ln -sfr $(LIB)/libsch.so $(BUILD)/libsch.so.0
	$(CC) $(CFLAGS) $(STRICT) -Iinclude -isystem $(HIREDIS) -o $@ benches/compare/pipeline.c $(HIREDIS)/libhiredis.a \
	    -L$(LIB) -lsch -Wl,-rpath,'$$ORIGIN'

install: $(LIB)/libsch.so
	install -d $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/include
	install -m 644 include/sch.h bindings/c/sch.hpp bindings/c/sch_hiredis.h $(DESTDIR)$(PREFIX)/include
	install -m 755 $(LIB)/libsch.so $(DESTDIR)$(PREFIX)/lib/libsch.so.$(VERSION)
	ln -sf libsch.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/libsch.so.0
	ln -sf libsch.so.0 $(DESTDIR)$(PREFIX)/lib/libsch.so
	install -m 644 $(LIB)/libsch.a $(DESTDIR)$(PREFIX)/lib

clean:
	rm -rf $(BUILD) target

FORCE:
