# A private server, without the library or with all its sessions traced, and what
# must hold of the latter when it has run: sourced, behind common.sh
#
# A script sets
#
#	run				plain or traced: whether the server has the library
#	dir				where this server has its data, logs and traces
#	port			its port
#
# and has settings(), which prints settings in addition.

failures=0
pgxs=
trap_sanitizers=(
	ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1:disable_coredump=0
	UBSAN_OPTIONS=print_stacktrace=1)

fail()
{
	echo "FAILED: $*"
	failures=$((failures + 1))
}

# ---- The server ----

# prepare_servers: what all servers need, once the library is built
prepare_servers()
{
	pgxs=$(dirname "$(dirname "$(dirname "$("$pg_config" --pgxs)")")")
	environment=(PGHOST="$work/tmp" PGPORT="$port" PGUSER=postgres
		"${trap_sanitizers[@]}")
	quietly as_postgres initdb -D "$home/template" --no-sync -A trust \
		-U postgres --no-locale -E UTF8
}

# A query's result; its session isn't traced, and has a name of its own.
sql()
{
	local pgoptions=

	if [ "$run" = traced ]
	then
		pgoptions="-c pg_trace.session=off"
	fi
	as_postgres env PGOPTIONS="$pgoptions" PGAPPNAME="${0##*/}" \
		psql -XAtq -v ON_ERROR_STOP=1 -d postgres -c "$1"
}

# What shows the sessions in the log, and traces them all.  compute_query_id is
# what the library implies, without the identifiers that EXPLAIN would show.
common_settings()
{
	local preload

	settings
	cat <<-CONF
		fsync = off
		max_prepared_transactions = 10
		compute_query_id = regress
		log_connections = on
		log_line_prefix = '%m %b[%p] %q%a '
	CONF
	preload=$(settings | sed -n "s/^shared_preload_libraries = '\(.*\)'/\1,/p")
	if [ "$run" = traced ]
	then
		cat <<-CONF
			shared_preload_libraries = '${preload}pg_trace_bgw'
			pg_trace.enabled = on
			pg_trace.session = on
			pg_trace.waits = on
			pg_trace.binds = on
			pg_trace.plan_stat = all_executions
			pg_trace.output_directory = '$dir/trace'
		CONF
	fi
}

make_directory()
{
	mkdir -p "$1"
	chown postgres:postgres "$1"
}

# launch_server: on the data that there are
launch_server()
{
	quietly as_postgres pg_ctl -D "$dir/data" -l "$dir/server.log" -w start
	if [ "$run" = traced ]
	then
		quietly sql "CREATE EXTENSION IF NOT EXISTS pg_trace_bgw"
		wait_until 60 "SELECT state = 'enabled' AND probe <> 'none'
			FROM pg_trace_worker"
	fi
}

start_server()
{
	cp -a --reflink=auto "$home/template" "$dir/data"
	{
		common_settings
		cat <<-CONF
			listen_addresses = ''
			unix_socket_directories = '$work/tmp'
			port = $port
		CONF
	} >>"$dir/data/postgresql.conf"
	launch_server
}

stop_server()
{
	if [ -n "${dir:-}" ] && [ -f "$dir/data/postmaster.pid" ]
	then
		as_postgres pg_ctl -D "$dir/data" -m "$1" -w stop >/dev/null || true
	fi
}

# Stop a server once all its traces are complete; what was lost is in
# lost_events.
finish_traces()
{
	wait_until 60 "SELECT count(*) = 0 FROM pg_trace_status
		WHERE backend_type IN ('client backend', 'parallel worker')"
	sql "SELECT lost_events FROM pg_trace_worker" >"$dir/lost_events"
	stop_server fast
}

# ---- What must hold ----

# The text of messages above LOG, and of sanitizers' reports, without what
# differs from run to run: numbers, and when background processes are terminated;
# and but for what a subscription's worker meets if it is started before it is
# disabled
messages()
{
	sed -n '/ autovacuum worker\[\| logical replication worker\[/d
		/regress_doesnotexist/d
		s/.* \(WARNING\|ERROR\|FATAL\|PANIC\):  /\1: /p
		s/^==[0-9]*==ERROR: /&/p
		s/.*: runtime error: /&/p' "$@" |
		sed 's/0x[0-9a-f]*/N/g; s/[0-9][0-9]*/N/g' | sort -u
}

# check_log LOG...: no crash, no report that names our code; messages of
# the library are told by their words.
check_log()
{
	local bad

	bad=$(grep -hE '(WARNING|ERROR|FATAL|PANIC):  ' "$@" |
		grep -iE 'pg_trace|tracing|trace file|PANIC:|cursor #' || true)
	bad+=$(grep -hE 'terminated by signal|TRAP:|crash of another|ERROR: AddressSanitizer|(extension|bgworker)/[a-z_/]*\.[ch]:.*runtime error' \
		"$@" || true)
	if [ -n "$bad" ]
	then
		head -n 50 <<<"$bad"
		fail "the server's log has messages of the library, or a crash"
	fi
}

# The process numbers of sessions that began while all were traced: those of
# client backends but sql()'s, and those that were sent away before they knew
# their settings
sessions()
{
	local session='.* client backend\[\([0-9]*\)\]'

	sed -n "/ application_name=${0##*/}/d
		s/$session .*LOG:  connection authorized: .*/\1/p" "$@" | sort -u |
		comm -23 - <(sed -n "s/$session \[unknown\] FATAL: .*/\1/p" "$@" | sort -u)
}

# check_files LOG...: each session of these logs has a file, and all files are
# accepted.
check_files()
{
	local missing

	sessions "$@" >"$dir/sessions"
	find "$dir/trace" -name '*.trc' | sed 's,.*/pg_trace_,,; s,_.*,,' |
		sort -u >"$dir/traced_sessions"
	missing=$(comm -23 "$dir/sessions" "$dir/traced_sessions")
	[ -z "$missing" ] || fail "no trace files of sessions" $missing

	find "$dir/trace" -name '*.trc' -print0 |
		xargs -0 -r perl -I "$work/source/tap/lib" -I "$pgxs/src/test/perl" \
		"$work/source/tap/check_traces" >"$dir/checked" || true
	grep -v "$files_checked" "$dir/checked" >"$dir/problems" || true
	if [ -s "$dir/problems" ] || ! [ -s "$dir/checked" ]
	then
		head -n 50 "$dir/problems"
		fail "$(wc -l <"$dir/problems") problems in trace files"
	fi
}

# What check_traces ends with
files_checked='^[0-9]* files, [0-9]* problems; '

show_traces()
{
	printf 'sessions: %d, trace files: %d, %d MB' \
		"$(wc -l <"$dir/sessions")" "$(find "$dir/trace" -name '*.trc' | wc -l)" \
		"$(du -sm "$dir/trace" | cut -f1)"
	if [ -f "$dir/lost_events" ]
	then
		printf ', lost events: %s' "$(cat "$dir/lost_events")"
	fi
	printf '\n%s\n' "$(grep "$files_checked" "$dir/checked")"
}
