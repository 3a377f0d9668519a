# Tests of cli/: included by tap/tests.mk
#
# What reads files is compiled where PostgreSQL's headers can't be found.

CLI_PARSE_SOURCES = $(wildcard cli/parse/*.c)
CLI_MODEL_SOURCES = $(wildcard cli/model/*.c)
CLI_TESTS = .build/unit/cli_parse .build/unit/cli_model
SANITIZED_UNIT_TESTS += $(CLI_TESTS)

$(CLI_TESTS): .build/unit/%: .build/sanitized/tap/unit/%.o
$(CLI_TESTS) .build/fuzz/trace: $(call sanitized,$(CLI_PARSE_SOURCES))
.build/unit/cli_model .build/fuzz/trace: $(call sanitized,$(CLI_MODEL_SOURCES))
.build/unit/cli_model: UNIT_LIBS = $(TRACE_LIBS) -lm
.build/fuzz/trace: FUZZ_LIBS = $(TRACE_LIBS) -lm

# -fwrapv, as all of PostgreSQL's: sums of what a damaged file says may be any
$(call sanitized,$(CLI_MODEL_SOURCES) tap/unit/cli_model.c tap/fuzz/trace.c): \
FUZZ_CFLAGS += -DFRONTEND -fwrapv \
	-isystem $(shell $(PG_CONFIG) --includedir-server)
