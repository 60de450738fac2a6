# Thin: what is done is in the scripts and crates it calls.
CARGO ?= cargo
CC ?= cc
BUILD := build
LIB := target/release
CFLAGS ?= -O2 -g
STRICT := -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror
CLIENTS := examples/c/workload.c examples/c/support.c examples/c/plain.c examples/c/managed.c examples/c/unmanaged.c examples/c/cluster.c
HIREDIS := $(BUILD)/hiredis
PREFIX ?= /usr/local
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)

.PHONY: all demo test e2e memcheck sanitize soak clients tools install bench clean

all: clients

tools:
	tools/install.sh

$(LIB)/libsch.so $(LIB)/sch-sim: FORCE
	$(CARGO) build --release --locked -p libsch -p sch-sim

# Driver sources that are not ours come from their package at build time; see the script.
$(HIREDIS)/libhiredis.a:
	tools/fetch-hiredis.sh $(HIREDIS)

clients: $(BUILD)/workload

$(BUILD)/workload: $(LIB)/libsch.so $(CLIENTS) examples/c/hiredis_driver.c bindings/c/sch_hiredis.h $(HIREDIS)/libhiredis.a
	mkdir -p $(BUILD)
	ln -sf ../$(LIB)/libsch.so $(BUILD)/libsch.so.0
	$(CC) $(CFLAGS) $(STRICT) -DWITH_HIREDIS -Iinclude -Ibindings/c -isystem $(HIREDIS) -o $@ $(CLIENTS) \
	    examples/c/hiredis_driver.c $(HIREDIS)/libhiredis.a -L$(LIB) -lsch -Wl,-rpath,'$$ORIGIN' \
	    -lssl -lcrypto -lpthread

demo: tools clients
	python3 demo/run.py $(if $(UPSTREAM),--upstream $(UPSTREAM))

# Every row of the README's table, against redis-server, with its demands.
e2e: clients
	python3 demo/run.py --redis-server --check --drivers plain managed tapped notified hiredis-sch
	python3 demo/run.py --redis-server --check --drivers hiredis-sch --tls

# The clients under valgrind: any error of memory, or a leak, fails.
memcheck: clients
	python3 demo/run.py --valgrind --lead 4 --only 1 4 5 --workers 2 --rate 50 --drivers managed tapped notified hiredis-sch

test: tools
	tools/test.sh

# Under sanitizers: the C programs and clients, Rust tests, the pool's threads. Half an hour, most of it building.
sanitize: tools
	tools/sanitize.sh

# The long forms of all that draws at random; SECONDS_IN_ALL=1200 bounds it.
soak:
	tools/soak.sh

bench:
	$(CARGO) bench --locked --bench framer
	$(CARGO) bench --locked --bench pool

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
