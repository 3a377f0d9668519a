# pg_trace_bgw: extended SQL trace for PostgreSQL
#
#	make, make install		build and install, needs what packaging/packages lists
#	sudo make demo			see it work, on a fresh machine as well
#	sudo make test			run all tests, on a fresh machine as well
#	sudo make check-suites	run PostgreSQL's own tests with all sessions traced
#	sudo make soak			leave it on under load, for 20 minutes
#	make installcheck		run tests of what is installed: pg_regress and prove
#	make fuzz				fuzz what reads what anybody may have written
#	make indent				format all C files; make check-source: format, structure, links
#	sudo make bench			measure what tracing costs, after make install
#	sudo make bench-hits	measure what each kind of probe costs
#	sudo make bench-stages	measure each stage by itself, from hook to file
#	sudo make bench-storm	measure logins when many sessions ask to be traced

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
SHLIB_LINK = -lbpf -lcap -lelf -lcapstone -lpthread -lzstd

REGRESS = extension settings control privileges
REGRESS_OPTS = --inputdir=regress --outputdir=regress \
	--temp-instance=regress/tmp_check --temp-config=regress/regress.conf
TAP_TESTS = 1

# What was downloaded, or takes long to build, stays for "make distclean" to remove.
DOWNLOADS = .build/servers .build/postgresql-source .build/built-servers
EXTRA_CLEAN = bpf/.output $(filter-out $(DOWNLOADS),$(wildcard .build/*)) \
	regress/results regress/tmp_check regress/log regress/regression.diffs \
	regress/regression.out tmp_check tmp_check_sys_admin

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

bgworker/probes/program.o: bpf/.output/pg_trace.skel.h

bpf/.output/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $(@:.o=.tmp.o)
	$(BPFTOOL) gen object $@ $(@:.o=.tmp.o)

bpf/.output/%.skel.h: bpf/.output/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $*_bpf > $@

distclean: remove-downloads
.PHONY: remove-downloads
remove-downloads: clean
	rm -rf .build

# ---- Demo, tests, benches, format ----
.PHONY: demo test indent check-format check-source
.PHONY: check-suites check-core check-isolation check-plpgsql check-contrib check-pgbench
.PHONY: check-cassert check-sanitized sqlsmith soak

demo:
	@packaging/demo

test:
	@packaging/run-tests

# PostgreSQL's own test suites with all their sessions traced; and the core one on
# servers that find mistakes
check-suites:
	@packaging/check-suites $(SUITES)

check-core check-isolation check-plpgsql check-contrib check-pgbench: check-%:
	@packaging/check-suites $*

check-cassert check-sanitized: check-%:
	@packaging/check-suites --server $* core

sqlsmith:
	@packaging/run-sqlsmith

soak:
	@packaging/run-tests tap/soak.pl

indent:
	@packaging/indent

check-format:
	@packaging/indent --check

# Format, structure, and what documents refer to
check-source: check-format
	@packaging/check-structure
	@packaging/check-docs

include cli/cli.mk tap/tests.mk bench/bench.mk

.DELETE_ON_ERROR:
