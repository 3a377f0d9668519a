# What the scripts share that test or show the extension in a server: sourced
#
# They run as root and change nothing outside the checkout's .build and a
# directory of their own, but for packages that they install.  The extension is
# installed into a copy of the server, so that an installation that is there,
# and servers that run from it, are left alone.  A script sets
#
#	here			the checkout
#	copt			COPT for make
#	capabilities	setpriv's arguments, which say what as_postgres has
#	environment		variables of as_postgres, in addition
#
# and gets from start()
#
#	work			its directory, which is root's, removed at the end
#	home			one in it that is user postgres's
#	bindir			where the copy of the server has its programs
#	pg_config		the one of that copy

work=
home=
server=
building=
copied=()
capabilities=()
environment=()
timings=
step_begin=$EPOCHREALTIME
major=${PG_MAJOR:-15}
installed=${PG_CONFIG:-/usr/lib/postgresql/$major/bin/pg_config}
both=+bpf,+perfmon

# Run a command whose output matters only if it fails.
quietly()
{
	"$@" </dev/null >"$work/log" 2>&1 && return
	echo "Failed: $*" >&2
	tail -n 50 "$work/log" >&2
	exit 1
}

# Run a command as user postgres, in $directory or else in $home.
as_postgres()
{
	setpriv --reuid=postgres --regid=postgres --init-groups \
		"${capabilities[@]}" \
		env -i -C "${directory:-$home}" HOME="$home" TMPDIR="$work/tmp" \
		LC_ALL=C PATH="$bindir:/usr/sbin:/usr/bin:/sbin:/bin" \
		PG_CONFIG="$pg_config" "${environment[@]}" "$@" </dev/null
}

# Wait until sql(), which the script has, returns t, so many seconds at most.
wait_until()
{
	local deadline=$((SECONDS + $1))

	until [ "$(sql "$2")" = t ]
	do
		if [ $SECONDS -ge $deadline ]
		then
			echo "Waited in vain until: $2" >&2
			exit 1
		fi
		sleep 0.1
	done
}

# step NAME: what has been done since the last step took so long.
step()
{
	local now=$EPOCHREALTIME

	timings+="${timings:+, }$1 $(awk "BEGIN { printf \"%.1f\", $now - $step_begin }") s"
	step_begin=$now
}

# ---- Capabilities ----

can_give()
{
	setpriv --reuid=postgres --regid=postgres --clear-groups \
		"--inh-caps=-all,$1" "--ambient-caps=$1" true 2>/dev/null
}

# Give as_postgres such capabilities.
give()
{
	capabilities=("--inh-caps=-all,$1" "--ambient-caps=$1")
}

# The tests can't do without them, whatever a container may hold back.
require_capabilities()
{
	if ! can_give "$both"
	then
		echo "CAP_BPF and CAP_PERFMON can't be given to user postgres here" >&2
		exit 1
	fi
	give "$both"
}

# ---- Begin and end ----

# What the installation's files are: which, whose, and when last changed in any
# way, which no program can set
installation()
{
	find "${copied[@]}" -printf '%p %i %m %U %s %C@\n' | sort
}

check_installation()
{
	installation >"$work/installation.now"
	if ! cmp -s "$work/installation" "$work/installation.now"
	then
		echo "The installed server has changed while this ran:" >&2
		diff "$work/installation" "$work/installation.now" >&2 || true
		return 1
	fi
}

# A copy of the server, which finds all that belongs to it by where it is itself
copy_server()
{
	local dir

	server=$work/server
	for dir in "${copied[@]}"
	do
		mkdir -p "$server${dir%/*}"
		cp -a --reflink=auto "$dir" "$server$dir"
	done
	for dir in includedir localedir sysconfdir
	do
		dir=$("$installed" --$dir)
		if [ -e "$dir" ] && ! [ -e "$server$dir" ]
		then
			mkdir -p "$server${dir%/*}"
			ln -s "$dir" "$server$dir"
		fi
	done
	bindir=$server$("$installed" --bindir)
	pg_config=$bindir/pg_config
	for dir in pkglibdir sharedir
	do
		if [ "$("$pg_config" --$dir)" != "$server$("$installed" --$dir)" ]
		then
			echo "A copy of the server of $installed isn't one by itself" >&2
			exit 1
		fi
	done
}

finish()
{
	trap - EXIT
	# make has ended, and left no target half made
	rm -f "$building"
	if [ -n "$work" ]
	then
		clean_up
	fi
}

# What a script does in addition when it ends, however it ends
clean_up()
{
	rm -rf "$work"
}

# start COMMAND: say what the command does to the machine, and prepare it.
start()
{
	local packages

	if [ "$(id -u)" -ne 0 ]
	then
		echo "\"$1\" must be run as root: sudo $1" >&2
		exit 1
	fi

	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP

	# no "trace" in the name: check_log looks for messages about that
	work=$(mktemp -d "${TMPDIR:-/tmp}/pgt_${1##* }.XXXXXX")
	home=$work/home
	mkdir "$work/tmp" "$home"
	chmod 711 "$work"

	packages=$("$here/packaging/install-packages" --missing)
	cat <<-TEXT
		$1 installs these packages: ${packages:-none, all are there}
		$1 puts pg_trace_bgw into a copy of the server: $work/server
		  ($installed and servers that run stay as they are)
		$1 keeps in $here/.build: what it builds, downloads and logs
	TEXT
	if [ -n "$packages" ]
	then
		"$here/packaging/install-packages"
	fi
	chown postgres:postgres "$work/tmp" "$home"
	step packages

	copied=("$("$installed" --bindir)" "$("$installed" --pkglibdir)"
		"$("$installed" --sharedir)")
	installation >"$work/installation"
	copy_server
	step "copy of the server"
}

# ---- The extension ----

# All files of the checkout, with their sums
sums()
{
	(cd "$here" &&
		find . -name '.?*' -prune -o -path ./regress/results -prune -o \
			-path ./regress/tmp_check -prune -o -path './tmp_check*' -prune -o \
			-type f ! -name '*.o' ! -name '*.so' ! -name '*.bc' -print0 |
		xargs -0 sha256sum --) | sort
}

# What all that is built depends on, one thing a line: which files there are to
# build from, and to execute; packages with their versions; settings
ingredients()
{
	(cd "$here" && cut -c 67- "$work/sums" | tr '\n' '\0' |
		xargs -0 stat -c '%a %n' --) |
		grep -E '^[0-7]*[1357][0-7]* |\.([ch]|mk|control)$' | sort
	# shellcheck disable=SC2046 # these are several packages
	dpkg-query -W -f '${Package} ${Version}\n' 2>/dev/null \
		$("$here/packaging/install-packages" --list) || true
	"$installed" | sed 's/^/pg_config /'
	echo "COPT $copt"
}

# Keep a copy of the checkout, and what was built there, for the next time: only
# a file whose contents have changed is copied, and gets a new time.  All is
# built anew when a source came or went, when other packages are installed, or
# when a build was killed.
update_tree()
{
	local tree=$1

	mkdir -p "$here/.build"
	exec 9>"$tree.lock"
	flock 9
	sums >"$work/sums"
	ingredients >"$work/ingredients"

	if [ -e "$tree.building" ] ||
		! cmp -s "$work/ingredients" "$tree.ingredients"
	then
		rm -rf "$tree" "$tree".[is]*
		mkdir "$tree"
	fi
	building=$tree.building
	touch "$building" "$tree.sums"
	comm -13 <(cut -c 67- "$work/sums" | sort) \
		<(cut -c 67- "$tree.sums" | sort) | tr '\n' '\0' |
		(cd "$tree" && xargs -0 -r rm -f --)
	comm -23 "$work/sums" "$tree.sums" | cut -c 67- | tr '\n' '\0' |
		(cd "$here" && xargs -0 -r cp --parents --preserve=mode -t "$tree" --)
	cp "$work/sums" "$tree.sums"
	cp "$work/ingredients" "$tree.ingredients"
}

# build TARGET...: make them in $work/source, a copy of the checkout, and
# install the extension into the copy of the server.
build()
{
	local prefix=${installed%/bin/pg_config} tree cc

	tree=$here/.build/tree-${prefix##*/}$copt
	cc=$("$installed" --cc)
	cc=${cc#ccache }
	if command -v ccache >/dev/null
	then
		cc="ccache $cc"
	fi
	unset MAKEFLAGS MAKELEVEL
	update_tree "$tree"
	step "copy of the checkout"
	quietly make -C "$tree" -j "$(nproc)" COPT="$copt" CC="$cc" \
		PG_CONFIG="$installed" "$@"
	rm "$building"
	building=
	cp -a "$tree" "$work/source"
	flock -u 9
	# it may be whose the checkout is, who then can remove it
	chown -R --reference="$here" "$here/.build"
	chown -R postgres:postgres "$work/source"
	quietly make -C "$work/source" PG_CONFIG="$pg_config" install
	step build
}
