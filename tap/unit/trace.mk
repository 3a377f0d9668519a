# Tests of bgworker/trace: included by tap/tests.mk

# What programs that read traces use as well is compiled where PostgreSQL's
# headers can't be found.
PURE_TRACE_TESTS = $(patsubst %,.build/unit/%,escape file_name sql_id trace_name)

.build/unit/escape: bgworker/trace/escape.h bgworker/trace/grammar.h
.build/unit/file_name: bgworker/trace/file_name.c bgworker/trace/file_name.h
.build/unit/sql_id: bgworker/trace/sql_id.h
.build/unit/trace_name: bgworker/trace/trace_name.c bgworker/trace/trace_name.h
$(PURE_TRACE_TESTS): UNIT_CFLAGS = -std=gnu99 -pedantic-errors \
	-fsanitize=address,undefined -fno-sanitize-recover=all

# From the queue to the lines, and the little of a server that they need: the
# rest of it is in PostgreSQL's libraries for programs.
TRACE_SOURCES = tap/unit/support/without_server.c extension/queue.c \
	$(patsubst %,bgworker/trace/%.c,attribution file_name format header merge \
	node_sums off_cpu relations run_queue_line running_line sound stat_line \
	wait_line)
TRACE_TESTS = $(patsubst %,.build/unit/%,attribution format header merge \
	stat_line wait_line)
SANITIZED_UNIT_TESTS += $(TRACE_TESTS)

$(TRACE_TESTS): .build/unit/%: .build/sanitized/tap/unit/%.o
$(TRACE_TESTS) .build/fuzz/records: $(call sanitized,$(TRACE_SOURCES))
$(TRACE_TESTS): UNIT_LIBS = $(TRACE_LIBS)
.build/fuzz/records: FUZZ_LIBS = $(TRACE_LIBS)
TRACE_LIBS = -L$(shell $(PG_CONFIG) --pkglibdir) -lpgcommon -lpgport

$(call sanitized,$(TRACE_SOURCES) tap/fuzz/records.c) \
$(TRACE_TESTS:.build/unit/%=.build/sanitized/tap/unit/%.o): FUZZ_CFLAGS += \
	-isystem $(shell $(PG_CONFIG) --includedir-server) \
	-DPGT_VERSION='"1.0"' -Dclock_gettime=test_clock_gettime
