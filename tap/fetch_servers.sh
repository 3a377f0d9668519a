#!/bin/sh
#
# fetch_servers.sh DIR
#
# Puts the server binaries of other major versions into DIR, as postgres-17
# and postgres-18, and those for arm64, as postgres-15-arm64 and so on, for the
# tests that disassemble them.  They come out of Debian's own packages (15 from
# bookworm, 17 from trixie, 18 from sid); nothing is installed.
#
# apt does the downloading, so the packages are verified up to the archive's
# signature (the debian-archive-keyring of Debian 12 holds the key that signs
# trixie and sid).  It runs with a configuration, lists and cache of its own:
# the machine's sources, lists, cache and hooks stay untouched, and an
# ordinary user may run it.  A binary that is there already is kept.

set -eu

mirror=http://deb.debian.org/debian
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

if [ $# -ne 1 ]
then
	echo "usage: $0 DIR" >&2
	exit 2
fi

missing=
for name in 17 18 15-arm64 17-arm64 18-arm64
do
	[ -s "$1/postgres-$name" ] || missing=yes
done
if [ -z "$missing" ]
then
	exit 0
fi

mkdir -p "$1"
dir=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

mkdir -p "$work/etc/parts" "$work/lists" "$work/cache" "$work/deb"
: >"$work/status"

# Run by root, apt downloads as the user _apt, who has to get in here.
if [ "$(id -u)" -eq 0 ]
then
	chmod 755 "$work"
	chown _apt "$work/deb"
fi

proxy=
eval "$(apt-config shell proxy Acquire::http::Proxy)"

# The file that APT_CONFIG names is read before any other, so this also keeps
# the hooks in /etc/apt/apt.conf.d out.  The date until which a suite's index
# is valid is not checked: a mirror frozen at some day serves the tests as
# well, and the signature is checked all the same.
cat >"$work/etc/apt.conf" <<CONF
Dir::Etc::main "/dev/null";
Dir::Etc::parts "$work/etc/parts";
Dir::Etc::sourcelist "$work/etc/sources.list";
Dir::Etc::sourceparts "$work/etc/parts";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$work/etc/parts";
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
Dir::Log "$work";
APT::Architecture "amd64";
APT::Architectures { "amd64"; "arm64"; };
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
if [ -n "$proxy" ]
then
	echo "Acquire::http::Proxy \"$proxy\";" >>"$work/etc/apt.conf"
fi
export APT_CONFIG="$work/etc/apt.conf"

for suite in bookworm trixie sid
do
	echo "deb [signed-by=$keyring] $mirror $suite main"
done >"$work/etc/sources.list"

apt-get -qq update

fetch()
{
	version=$1
	suite=$2
	arch=$3
	name=postgres-$version${4:-}

	if [ -s "$dir/$name" ]
	then
		return
	fi

	(cd "$work/deb" &&
		apt-get -qq download "postgresql-$version:$arch/$suite")

	# Renamed only when complete, so that an interrupted run leaves nothing
	# that the next one would take for a server.
	dpkg-deb --fsys-tarfile "$work/deb/postgresql-${version}_"*"_$arch.deb" |
		tar -xO -f - "./usr/lib/postgresql/$version/bin/postgres" \
			>"$work/$name"
	chmod 755 "$work/$name"
	cp "$work/$name" "$dir/.$name.$$"
	mv "$dir/.$name.$$" "$dir/$name"
}

fetch 17 trixie amd64
fetch 18 sid amd64
fetch 15 bookworm arm64 -arm64
fetch 17 trixie arm64 -arm64
fetch 18 sid arm64 -arm64
