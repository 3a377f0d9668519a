# PostgreSQL's test suites, each with how it is run on a server: sourced by
# check-suites and sqlsmith, behind traced-server.sh
#
# A suite's function settings_SUITE, if there is one, prints what it needs to be
# set, and run_SUITE runs it for the server in $dir, which it starts itself
# only if it is named in $own_servers.  What it leaves in $dir/results/NAME is what
# pg_regress or prove does, and NAME.output is what they said.

suites='core isolation plpgsql contrib pgbench'
own_servers='pgbench'

# unpack_suites: into $work/suites, where user postgres can read them
unpack_suites()
{
	local source name

	source=$("$here/packaging/fetch-source" "$here/.build/postgresql-source")
	source_package=$(grep '\.dsc$' "$source/FILES")
	mkdir "$work/suites" "$work/lib"
	(cd "$source" && cp -r --parents -t "$work/suites" src/test/regress \
		src/test/isolation src/pl/plpgsql/src src/bin/pgbench/t contrib)

	# The functions in C that the suites call, in one directory
	# shellcheck disable=SC2046 # these are several flags
	quietly gcc $("$pg_config" --cppflags) $("$pg_config" --cflags) \
		-fPIC -shared -I"$("$pg_config" --includedir-server)" \
		-o "$work/lib/regress.so" "$work/suites/src/test/regress/regress.c"
	for name in autoinc refint
	do
		cp "$("$pg_config" --pkglibdir)/$name.so" "$work/lib"
	done
}

# variable DIRECTORY NAME: what a suite's Makefile says
variable()
{
	make -s -C "$work/suites/$1" USE_PGXS=1 PG_CONFIG="$pg_config" \
		PGXS="$("$pg_config" --pgxs)" top_builddir="$pgxs" \
		--eval "variable:; @echo \$($2)" variable
}

# regress PROGRAM NAME DIRECTORY OPTION...: pg_regress, or another that takes
# the same options, in the suite's directory, from which some tests copy data
regress()
{
	local program=$pgxs/src/test/$1 name=$2 suite=$work/suites/$3
	local directory=$suite

	shift 3
	make_directory "$dir/results/$name"
	as_postgres "$program" --inputdir="$suite" --outputdir="$dir/results/$name" \
		--bindir="$bindir" --host="$work/tmp" --port="$port" \
		"$@" --dlpath="$work/lib" >"$dir/results/$name.output" 2>&1 || true
}

run_core()
{
	regress regress/pg_regress core src/test/regress \
		--max-concurrent-tests=20 \
		--schedule="$work/suites/src/test/regress/parallel_schedule"
}

run_isolation()
{
	regress isolation/pg_isolation_regress isolation src/test/isolation \
		--schedule="$work/suites/src/test/isolation/isolation_schedule" \
		prepared-transactions prepared-transactions-cic
}

run_plpgsql()
{
	# shellcheck disable=SC2046 # these are several
	regress regress/pg_regress plpgsql src/pl/plpgsql/src \
		$(variable src/pl/plpgsql/src REGRESS_OPTS) \
		$(variable src/pl/plpgsql/src REGRESS)
}

# What modules have in files of settings of their own
settings_contrib()
{
	cat <<-CONF
		shared_preload_libraries = 'pg_stat_statements'
		wal_level = logical
		max_replication_slots = 4
		logical_decoding_work_mem = 64kB
		autovacuum_naptime = 1d
		archive_mode = on
		archive_library = 'basic_archive'
		basic_archive.archive_directory = '.'
	CONF
}

# The modules of contrib that have tests; those that aren't part of the server's
# package are left out, and named in the file not_installed.
run_contrib()
{
	local makefile name regress isolation

	for makefile in "$work"/suites/contrib/*/Makefile
	do
		name=$(basename "$(dirname "$makefile")")
		regress=$(variable "contrib/$name" REGRESS)
		isolation=$(variable "contrib/$name" ISOLATION)
		[ -n "$regress$isolation" ] || continue
		if ! installed_module "$name"
		then
			echo "$name" >>"$dir/not_installed"
			continue
		fi
		if [ -n "$regress" ]
		then
			# shellcheck disable=SC2046,SC2086 # these are several
			regress regress/pg_regress "$name" "contrib/$name" \
				$(options "contrib/$name" REGRESS_OPTS) $regress
		fi
		if [ -n "$isolation" ]
		then
			# shellcheck disable=SC2046,SC2086 # these are several
			regress isolation/pg_isolation_regress "$name-isolation" \
				"contrib/$name" $(options "contrib/$name" ISOLATION_OPTS) \
				$isolation
		fi
	done
}

# A module's options, but for its settings, which settings_contrib has
options()
{
	variable "$1" "$2" | sed 's/--temp-config [^ ]*//'
}

installed_module()
{
	local extension library

	for extension in $(variable "contrib/$1" EXTENSION)
	do
		[ -f "$("$pg_config" --sharedir)/extension/$extension.control" ] ||
			return 1
	done
	for library in $(variable "contrib/$1" MODULE_big) \
		$(variable "contrib/$1" MODULES)
	do
		[ -f "$("$pg_config" --pkglibdir)/$library.so" ] || return 1
	done
}

run_pgbench()
{
	prove_suite pgbench src/bin/pgbench
}

# prove_suite NAME DIRECTORY: Perl tests, which start servers of their own, with
# our settings
prove_suite()
{
	local name=$1 tests=$work/suites/$2/t

	make_directory "$dir/results/$name"
	common_settings >"$dir/settings"
	as_postgres env TESTDIR="$dir/results/$name" TEMP_CONFIG="$dir/settings" \
		PG_TEST_NOCLEAN=1 PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
		prove -v -I "$pgxs/src/test/perl" "$tests"/*.pl \
		>"$dir/results/$name.output" 2>&1 || true
}

# What became of each test: the names that pg_regress has for them, and those that
# Perl tests have, in which numbers and directories may be any
outcomes()
{
	local output

	for output in "$dir"/results/*.output
	do
		sed -nE "s/^(test|    ) *([^ ]*) *\.\.\. ([a-zA-Z]*) .*/\2 \3/p
			/^(not )?ok [0-9]+ /{s,$dir,,g; s/[0-9]+/N/g; p}" "$output" |
			sed "s/^/$(basename "$output" .output) /"
	done
}

# How what the tests said differs from what is expected
diffs()
{
	find "$dir/results" -name regression.diffs | sort | xargs -r cat |
		grep -v '^diff -U\|^--- /\|^+++ /' || true
}

# The logs of the servers that the suite ran on
logs()
{
	find "$dir" -name server.log -o -path '*/log/*.log' \
		! -name 'regress_log_*' | sort
}
