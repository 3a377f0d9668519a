# What tests are made of: included by the Makefile

PROGRAM_CFLAGS = -g -O2 -Wall -Wextra -D_GNU_SOURCE $(COPT) -I. -I.build
TEST_PROGRAMS = .build/breakpoints .build/redact_text .build/ring_order \
	.build/sites_dump .build/stepper
TEST_MODULES = .build/attacker.so .build/custom_scan.so .build/forker.so \
	.build/hidden_waiter.so .build/intruder.so .build/locks.so \
	.build/next_oid.so .build/other_wait.so .build/waiter.so \
	.build/word_watch.so

# Programs that test pure code, and print TAP
UNIT_TESTS = $(patsubst tap/unit/%.c,.build/unit/%,$(wildcard tap/unit/*.c))

.PHONY: test-programs
test-programs: $(TEST_PROGRAMS) $(TEST_MODULES) $(UNIT_TESTS)

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

ifndef SANITIZERS
SANITIZERS = address,undefined
FUZZ_CFLAGS = -g -O1 -Wall -Wextra -D_GNU_SOURCE $(COPT) -I.
FUZZ_TARGETS = .build/fuzz/records
sanitized = $(patsubst %.c,.build/sanitized/%.o,$(1))

test-programs: $(FUZZ_TARGETS)

$(FUZZ_TARGETS): .build/fuzz/%: .build/sanitized/tap/fuzz/%.o
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=fuzzer,$(SANITIZERS) -o $@ $^ $(FUZZ_LIBS)

.build/sanitized/%.o: %.c $(wildcard */*.h */*/*.h */*/*/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,$(SANITIZERS) \
		-fno-sanitize-recover=all -c $< -o $@
endif

include tap/unit/trace.mk

$(SANITIZED_UNIT_TESTS):
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
