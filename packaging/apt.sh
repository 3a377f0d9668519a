# An apt of our own, for scripts that download from Debian's archive: sourced
#
# It has its own configuration, lists and cache: the machine's sources, lists,
# cache and hooks stay untouched, and an ordinary user may run it.  Packages are
# verified up to the archive's signature, by the keys in Debian's package
# debian-archive-keyring.

archive=http://deb.debian.org
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# configure_apt DIR: what follows runs apt with a configuration in DIR, in whose
# etc/sources.list the caller puts what is to be read.  Packages may be
# downloaded to DIR/download.
#
# The file that APT_CONFIG names is read before any other, so this also keeps
# the hooks in /etc/apt/apt.conf.d out.  The date until which a suite's index
# is valid is not checked: a mirror frozen at some day serves the tests as well,
# and the signature is checked all the same.
configure_apt()
{
	proxy=
	eval "$(apt-config shell proxy Acquire::http::Proxy)"

	mkdir -p "$1/etc/parts" "$1/lists" "$1/cache" "$1/download"
	: >"$1/status"

	# Run by root, apt downloads as the user _apt, who has to get in here.
	if [ "$(id -u)" -eq 0 ]
	then
		chmod 755 "$1"
		chown _apt "$1/download"
	fi

	cat >"$1/etc/apt.conf" <<-CONF
		Dir::Etc::main "/dev/null";
		Dir::Etc::parts "$1/etc/parts";
		Dir::Etc::sourcelist "$1/etc/sources.list";
		Dir::Etc::sourceparts "$1/etc/parts";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "$1/etc/parts";
		Dir::State "$1";
		Dir::State::lists "$1/lists";
		Dir::State::status "$1/status";
		Dir::Cache "$1/cache";
		Dir::Log "$1";
		Acquire::Check-Valid-Until "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
	CONF
	if [ -n "$proxy" ]
	then
		echo "Acquire::http::Proxy \"$proxy\";" >>"$1/etc/apt.conf"
	fi
	export APT_CONFIG="$1/etc/apt.conf"
}
