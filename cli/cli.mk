# The command-line tool pg_trace: included by the Makefile
#
# It is a program by itself, with PostgreSQL's libraries for programs; nothing of
# it is in the extension's library.

CLI_SOURCES = $(wildcard cli/*.c cli/*/*.c) bgworker/trace/file_name.c
CLI_OBJS = $(patsubst %.c,.build/cli/%.o,$(CLI_SOURCES))
CLI_CPPFLAGS = -DFRONTEND -D_GNU_SOURCE -I$(CURDIR) \
	-isystem $(shell $(PG_CONFIG) --includedir-server) \
	-DPGT_VERSION='"$(EXTVERSION)"'
CLI_LIBS = -L$(shell $(PG_CONFIG) --pkglibdir) -lpgcommon -lpgport -lzstd -lz -lm

all: .build/pg_trace

.build/pg_trace: $(CLI_OBJS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(CLI_LIBS)

.build/cli/%.o: %.c $(wildcard cli/*.h cli/*/*.h bgworker/trace/*.h) \
		pg_trace_bgw.control
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Wextra $(COPT) $(CLI_CPPFLAGS) -c -o $@ $<

install: install-cli
.PHONY: install-cli uninstall-cli
install-cli: .build/pg_trace
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) $< '$(DESTDIR)$(bindir)/pg_trace'

uninstall: uninstall-cli
uninstall-cli:
	rm -f '$(DESTDIR)$(bindir)/pg_trace'
