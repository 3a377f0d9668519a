# What benches are made of: included by the Makefile

# The library with functions that measure, and with its merge's input recorded
BENCH_LIBRARY = .build/bench/pg_trace_bgw.so
BENCH_OBJS = $(patsubst %,.build/bench/%.o,emit find_sites record replay)
comma = ,
RECORDED = $(patsubst %,-Wl$(comma)--wrap=pgt_merge_%,init free add_wait run)

.PHONY: bench bench-account bench-cli bench-hits bench-nodes bench-stages bench-storm

bench:
	@bench/overhead $(BENCH_OPTIONS)

bench-account:
	@bench/account $(BENCH_OPTIONS)

bench-hits: .build/hit_cost
	@.build/hit_cost $(BENCH_OPTIONS)

bench-nodes:
	@bench/node_times $(BENCH_OPTIONS)

bench-cli: .build/pg_trace
	@bench/cli $(BENCH_OPTIONS)

bench-stages: $(BENCH_LIBRARY)
	@bench/stages $(BENCH_OPTIONS)

bench-storm:
	@bench/storm $(BENCH_OPTIONS)

.build/hit_cost: bench/hit_cost.c bench/table.c bgworker/probes/links.c \
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
