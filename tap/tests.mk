# What tests are made of: included by the Makefile

PROGRAM_CFLAGS = -g -O2 -Wall -Wextra -D_GNU_SOURCE $(COPT) -I. -I.build
TEST_PROGRAMS = .build/breakpoints .build/link_keeper .build/ring_order \
	.build/sites_dump .build/sql_tokens .build/stepper
TEST_MODULES = .build/attacker.so .build/custom_scan.so .build/forker.so \
	.build/hidden_waiter.so .build/intruder.so .build/locks.so \
	.build/next_oid.so .build/other_wait.so .build/waiter.so \
	.build/word_watch.so

# Programs that test pure code, and print TAP
UNIT_TESTS = $(patsubst tap/unit/%.c,.build/unit/%,$(wildcard tap/unit/*.c))

.PHONY: test-programs
test-programs: $(TEST_PROGRAMS) $(TEST_MODULES) $(UNIT_TESTS) \
	.build/sites_mutants .build/waits/built

# Programs that 012_builds.pl runs
.build/waits/built: tap/programs/build_waits $(wildcard tap/programs/waits_*)
	$< $(@D)
	@touch $@

# What finds probe sites knows nothing of PostgreSQL and libbpf.
SITES_SOURCES = $(wildcard bgworker/sites/*.c bgworker/sites/*/*.c)
.build/sites_dump: $(SITES_SOURCES)
.build/ring_order: bgworker/probes/ring.c .build/ring_order.skel.h
# Nor does what hides secrets in texts.
REDACT_SOURCES = extension/redact_sql.c extension/secret_names.c \
	extension/sql_lexer.c extension/traceparent.c
.build/sql_tokens: extension/sql_lexer.c extension/sql_lexer.h
.build/sql_tokens: PROGRAM_CFLAGS += -fsanitize=address,undefined \
	-fno-sanitize-recover=all

# The queue is tested without the server's functions; its barriers in two threads.
.build/unit/queue .build/unit/queue_threads: extension/queue.c \
	$(wildcard extension/*.h)
.build/unit/queue: UNIT_CFLAGS = -DFRONTEND -DUSE_ASSERT_CHECKING \
	-fno-strict-aliasing -fsanitize=address,undefined \
	-fno-sanitize-recover=all -isystem $(shell $(PG_CONFIG) --includedir-server)
.build/unit/queue_threads: UNIT_CFLAGS = -fno-strict-aliasing \
	-isystem $(shell $(PG_CONFIG) --includedir-server)
.build/unit/queue_threads: UNIT_LIBS = -lpthread

include tap/fuzz/fuzz.mk

# 014_corpora.pl runs them over the kept inputs.
test-programs: $(FUZZ_TARGETS)

$(TEST_PROGRAMS): .build/%: tap/programs/%.c tap/programs/fail.h
	@mkdir -p $(@D)
	$(CC) $(PROGRAM_CFLAGS) -o $@ $(filter %.c,$^) -lbpf -lcapstone -lelf

# Unit tests of what reads what anybody wrote have the sanitizers in them.
.build/unit/redact: $(call sanitized,tap/unit/redact.c $(REDACT_SOURCES))
.build/unit/sites: $(call sanitized,tap/unit/sites.c $(SITES_SOURCES))
.build/unit/sites: UNIT_LIBS = -lcapstone -lelf
SANITIZED_UNIT_TESTS = .build/unit/redact .build/unit/sites

# A program of tests that has them, too
.build/sites_mutants: $(call sanitized,tap/programs/sites_mutants.c $(SITES_SOURCES))
.build/sites_mutants: UNIT_LIBS = -lcapstone -lelf

include tap/unit/trace.mk tap/unit/cli.mk

$(SANITIZED_UNIT_TESTS) .build/sites_mutants:
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=fuzzer-no-link,$(SANITIZERS) -o $@ $^ $(UNIT_LIBS)

$(filter-out $(SANITIZED_UNIT_TESTS),$(UNIT_TESTS)): .build/unit/%: tap/unit/%.c tap/unit/tap.h
	@mkdir -p $(@D)
	$(CC) $(PROGRAM_CFLAGS) $(UNIT_CFLAGS) -o $@ $(filter %.c,$^) $(UNIT_LIBS)

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

# ---- make installcheck: pg_regress, then prove, with PGXS's variables ----
#
# REGRESS= leaves out the one, TAP_TESTS= the other; PROVE_TESTS says which
# programs and Perl tests prove runs.

TMP_CHECK = tmp_check

define prove_installcheck
	@rm -rf $(TMP_CHECK) && $(MKDIR_P) $(TMP_CHECK)
	@TESTDIR='$(CURDIR)' TESTDATADIR='$(CURDIR)/$(TMP_CHECK)' \
	TESTLOGDIR='$(CURDIR)/$(TMP_CHECK)/log' \
	PATH="$(bindir):$$PATH" PGPORT='6$(DEF_PGPORT)' PG_CONFIG='$(PG_CONFIG)' \
	PG_REGRESS='$(top_builddir)/src/test/regress/pg_regress' \
	PGT_TEST_BIN="$${PGT_TEST_BIN:-$(CURDIR)/.build}" \
	PGT_TEST_SERVERS="$${PGT_TEST_SERVERS:-$(CURDIR)/.build/servers}" \
	$(PROVE) $(PG_PROVE_FLAGS) -I tap/lib $(PROVE_FLAGS) $(PROVE_TESTS)
endef

PROVE_TESTS ?= $(UNIT_TESTS) $(sort $(wildcard tap/[0-9]*.pl))

.PHONY: can-test
can-test:
	@packaging/can-test '$(PG_CONFIG)' $(PROVE_TESTS)

ifdef TAP_TESTS
installcheck: can-test test-programs
endif
