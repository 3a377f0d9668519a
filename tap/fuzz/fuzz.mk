# Fuzz targets, and objects with sanitizers: included by tap/tests.mk
#
# tap/fuzz/X.c becomes .build/fuzz/X, out of itself and of what is listed for it
# below.  "make fuzz" runs them all for FUZZ_SECONDS each; packaging/fuzz says
# more.

FUZZ_TARGETS = $(patsubst tap/fuzz/%.c,.build/fuzz/%,$(wildcard tap/fuzz/*.c))
FUZZ_CFLAGS = -g -O1 -Wall -Wextra -D_GNU_SOURCE $(COPT) -I.
SANITIZERS = address,undefined

# The objects of sources, for fuzz targets and unit tests
sanitized = $(patsubst %.c,.build/sanitized/%.o,$(1))

.build/fuzz/sites: $(call sanitized,$(SITES_SOURCES))
.build/fuzz/sites: FUZZ_LIBS = -lcapstone -lelf
.build/fuzz/redact: $(call sanitized,$(REDACT_SOURCES))

.PHONY: fuzz
fuzz: $(FUZZ_TARGETS)
	@packaging/fuzz $(notdir $^)

$(FUZZ_TARGETS): .build/fuzz/%: .build/sanitized/tap/fuzz/%.o
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=fuzzer,$(SANITIZERS) -o $@ $^ $(FUZZ_LIBS)

.build/sanitized/%.o: %.c $(wildcard */*.h */*/*.h */*/*/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,$(SANITIZERS) \
		-fno-sanitize-recover=all -c $< -o $@
