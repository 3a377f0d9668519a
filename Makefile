# pg_trace_bgw: extended SQL trace for PostgreSQL
#
#	make, make install		build and install, needs what packaging/packages lists
#	sudo make demo			see it work, on a fresh machine as well
#	sudo make test			run all tests, on a fresh machine as well
#	sudo make check-core	run PostgreSQL's own tests with all sessions traced
#	sudo make bench			measure what tracing costs, after make install
#	sudo make bench-hits	measure what each kind of probe costs
#	sudo make bench-stages	measure each stage by itself, from hook to file

EXTENSION = pg_trace_bgw
MODULE_big = pg_trace_bgw
DATA = sql/pg_trace_bgw--1.0.sql
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" pg_trace_bgw.control)

OBJS = $(patsubst %.c,%.o,$(wildcard extension/*.c bgworker/*.c bgworker/*/*.c bgworker/*/*/*.c))

PG_CONFIG ?= pg_config
# -isystem: what -Wextra finds in the server's headers is not ours to mend
PG_CPPFLAGS = -I$(CURDIR) -isystem $(shell $(PG_CONFIG) --includedir-server) \
	-DPGT_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -Wextra
SHLIB_LINK = -lbpf -lcap -lelf -lcapstone -lpthread

REGRESS = extension settings control privileges
REGRESS_OPTS = --inputdir=regress --outputdir=regress \
	--temp-instance=regress/tmp_check --temp-config=regress/regress.conf

EXTRA_CLEAN = bpf/.output .build regress/results regress/regression.diffs \
	regress/regression.out tmp_check

PGXS := $(shell $(PG_CONFIG) --pgxs)
# No bitcode: nothing here is called from queries often enough to be inlined.
override with_llvm = no
include $(PGXS)

# Other libraries see none of our symbols but those that are marked, and we
# reach them directly.  From 16 on that is PostgreSQL's default.
$(OBJS): CPPFLAGS += -DPGDLLEXPORT='__attribute__((visibility("default")))'
$(OBJS): CFLAGS += -fvisibility=hidden

# Debian's PGXS knows no dependencies on headers.
$(OBJS): $(wildcard extension/*.h bgworker/*.h bgworker/*/*.h bgworker/*/*/*.h bpf/*.h) pg_trace_bgw.control

# ---- BPF program ----
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
BPF_ARCH = $(patsubst x86_64,x86,$(patsubst aarch64,arm64,$(shell uname -m)))
BPF_CFLAGS = -g -O2 -Wall -Wextra -Werror -target bpf -D__TARGET_ARCH_$(BPF_ARCH) \
	-idirafter /usr/include/$(shell $(CC) -print-multiarch)

bgworker/probes/probes.o: bpf/.output/pg_trace.skel.h

bpf/.output/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $(@:.o=.tmp.o)
	$(BPFTOOL) gen object $@ $(@:.o=.tmp.o)

bpf/.output/%.skel.h: bpf/.output/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# ---- Tests and demo ----
PROGRAM_CFLAGS = -g -O2 -Wall -Wextra -D_GNU_SOURCE $(COPT) -I. -I.build
TEST_PROGRAMS = .build/breakpoints .build/redact_text .build/ring_order \
	.build/sites_dump .build/stepper
TEST_MODULES = .build/attacker.so .build/custom_scan.so .build/forker.so \
	.build/hidden_waiter.so .build/intruder.so .build/locks.so \
	.build/next_oid.so .build/other_wait.so .build/waiter.so \
	.build/word_watch.so

# The library with functions that measure, and with its merge's input recorded
BENCH_LIBRARY = .build/bench/pg_trace_bgw.so
BENCH_OBJS = $(patsubst %,.build/bench/%.o,emit find_sites record replay)
comma = ,
RECORDED = $(patsubst %,-Wl$(comma)--wrap=pgt_merge_%,init free add_wait run)

.PHONY: demo test test-programs check-core bench bench-hits \
	bench-stages

demo:
	@packaging/demo

test:
	@packaging/run-tests

# PostgreSQL's own regression suite with all its sessions traced
check-core:
	@packaging/check-core

bench:
	@bench/overhead $(BENCH_OPTIONS)

bench-hits: .build/hit_cost
	@.build/hit_cost $(BENCH_OPTIONS)

bench-stages: $(BENCH_LIBRARY)
	@bench/stages $(BENCH_OPTIONS)

test-programs: $(TEST_PROGRAMS) $(TEST_MODULES)

# What finds probe sites knows nothing of PostgreSQL and libbpf.
.build/sites_dump: $(wildcard bgworker/sites/*.c bgworker/sites/*/*.c)
.build/ring_order: bgworker/probes/ring.c .build/ring_order.skel.h
# Nor does what hides secrets in texts.
.build/redact_text: extension/redact_sql.c extension/secret_names.c \
	extension/sql_lexer.c $(wildcard extension/*.h)
.build/redact_text: PROGRAM_CFLAGS += -fsanitize=address,undefined \
	-fno-sanitize-recover=all

$(TEST_PROGRAMS): .build/%: tap/programs/%.c tap/programs/fail.h
	@mkdir -p $(@D)
	$(CC) $(PROGRAM_CFLAGS) -o $@ $(filter %.c,$^) -lbpf -lcapstone -lelf

.build/hit_cost: bench/hit_cost.c bgworker/probes/links.c \
		bpf/.output/pg_trace.skel.h
	@mkdir -p $(@D)
	$(CC) $(PROGRAM_CFLAGS) -o $@ $(filter %.c,$^) -lbpf -lpthread

.build/bench/%.o: bench/%.c bench/recording.h \
		$(wildcard extension/*.h bgworker/*.h bgworker/*/*.h bgworker/*/*/*.h bpf/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CFLAGS_SL) $(CPPFLAGS) -c -o $@ $<

$(BENCH_LIBRARY): $(OBJS) $(BENCH_OBJS)
	$(CC) $(CFLAGS) $(LDFLAGS) $(LDFLAGS_SL) -shared -o $@ $^ $(RECORDED) \
		$(SHLIB_LINK)

# libraries that tests load into a server
$(filter-out .build/hidden_waiter.so,$(TEST_MODULES)): .build/%.so: tap/modules/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CFLAGS_SL) $(CPPFLAGS) -shared -o $@ $<

.build/intruder.so: $(wildcard extension/*.h) extension/queue.c

.build/hidden_waiter.so: tap/modules/waiter.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CFLAGS_SL) $(CPPFLAGS) -DWITH_HIDDEN_STORE -shared -o $@ $<

.build/%.bpf.o: tap/programs/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@

.build/%.skel.h: .build/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $*_bpf > $@

.DELETE_ON_ERROR:
