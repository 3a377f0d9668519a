
# What the worker writes to: only its own files, in a directory where nobody
# else can have put anything.  A trace that is continued by a new worker, and
# one that a crash has left, are found by their names; what stands behind the
# name is checked.

use strict;
use warnings;

use PgTrace::Node;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main');
my $data_dir = $node->data_dir;
my $directory = "$data_dir/pg_trace";
my $tempdir = PostgreSQL::Test::Utils::tempdir();

sub last_error
{
	my ($pid) = @_;

	return $node->safe_psql('postgres',
		"SELECT last_error FROM pg_trace_status WHERE pid = $pid");
}

# End the worker, do something while there is none, and wait for the next one.
sub restart_worker
{
	my ($meanwhile) = @_;
	my $worker = PgTrace::Node::worker_pid($node);

	kill('TERM', $worker) == 1 or die "could not terminate $worker: $!";
	$node->poll_query_until('postgres',
		'SELECT pid IS NULL FROM pg_trace_worker')
	  or die 'the worker lives';
	$meanwhile->();
	$node->poll_query_until('postgres',
		"SELECT pid <> $worker AND state = 'enabled' FROM pg_trace_worker")
	  or die 'there is no new worker';
	return;
}

###############################################################################
# What stands in the place of a trace's file when the worker is restarted
###############################################################################

# The rest of the trace is in another file, and what has taken the place of the
# first one is left alone.
sub is_not_continued
{
	my ($what, $put, $why, $unharmed) = @_;
	my $session = PgTrace::Session->new($node);
	my $pid = $session->pid;
	my $file = $session->query('SELECT pg_trace_start_trace()');

	$session->query("SELECT 'known to the first file'");
	restart_worker(
		sub {
			rename($file, "$file.away") or die "$file: $!";
			$put->($file);
		});
	my ($new) = $node->poll_query_until('postgres',
		"SELECT trace_file <> '$file' AND state = 'active' FROM pg_trace_status WHERE pid = $pid"
	) ? $node->safe_psql('postgres',
		"SELECT trace_file FROM pg_trace_status WHERE pid = $pid")
	  : undef;
	ok(defined $new, "$what: goes on in another file")
	  or return;
	like(last_error($pid), qr/^CONTINUED IN A NEW FILE: .*$why/,
		"$what: pg_trace_status says why");
	$session->query("SELECT 'known to the first file'");
	$session->query("SELECT 'only to the second'");
	$session->close;
	PgTrace::Node::wait_until_untraced($node, $pid);

	my $records = PgTrace::File::parse($new);
	is_deeply([ PgTrace::Problems::problems($records) ], [],
		"$what: the new file is sound");
	PgTrace::File::has_note($records, qr/^CONTINUED FROM FILE \Q$file\E: .*$why/,
		"$what: it says why it is there");
	foreach my $text ('known to the first file', 'only to the second')
	{
		ok((grep { index($_->{text}, $text) >= 0 }
			  PgTrace::File::of_type($records, 'CURSOR')),
			"$what: it has '$text'");
	}
	ok(PgTrace::File::of_type($records, 'WAIT'), "$what: and waits");
	ok($unharmed->($file), "$what: what stood there is as it was");
	return;
}

my $victim = "$data_dir/victim";
append_to_file($victim, "not ours\n");
my $victim_is_unharmed = sub { return slurp_file($victim) eq "not ours\n"; };

is_not_continued(
	'fifo',
	sub { mkfifo($_[0], 0600) or die "mkfifo: $!"; },
	qr/No such device or address|not a regular file/,
	sub { return -p $_[0]; });
is_not_continued(
	'fifo with a reader',
	sub {
		mkfifo($_[0], 0600) or die "mkfifo: $!";
		sysopen(our $reader, $_[0], POSIX::O_RDWR | POSIX::O_NONBLOCK)
		  or die "open: $!";
	},
	qr/not a regular file/,
	sub { return -p $_[0]; });
is_not_continued(
	'symbolic link',
	sub { symlink($victim, $_[0]) or die "symlink: $!"; },
	qr/Too many levels of symbolic links/,
	$victim_is_unharmed);
is_not_continued(
	'hard link',
	sub { link($victim, $_[0]) or die "link: $!"; },
	qr/has another name as well/,
	$victim_is_unharmed);
is_not_continued(
	'directory',
	sub { mkdir($_[0]) or die "mkdir: $!"; },
	qr/Is a directory|not a regular file/,
	sub { return -d $_[0]; });
is_not_continued('nothing', sub { }, qr/No such file/,
	sub { return !-e $_[0]; });

# Where the traces are to be by now, there is none of that name.
is_not_continued(
	'another directory',
	sub {
		rename("$_[0].away", $_[0]) or die "rename: $!";
		$node->append_conf('postgresql.conf',
			"pg_trace.output_directory = 'traces'\n");
		$node->reload;
	},
	qr/pg_trace.output_directory has changed/,
	sub { return slurp_file($_[0]) =~ /THE WORKER STOPS\n\z/; });
$node->append_conf('postgresql.conf',
	"pg_trace.output_directory = 'pg_trace'\n");
$node->reload;

# packaging/run-tests makes such a file, as only root can.
SKIP:
{
	my $of_root = ($ENV{HOME} // '') . '/of_root';

	skip "there is no file of root's here that anyone may write to", 1
	  unless -w $of_root && (stat $of_root)[4] == 0 && $> != 0;
	is_not_continued(
		"another user's file",
		sub { rename($of_root, $_[0]) or die "rename: $!"; },
		qr/is not owned by the server's user/,
		sub { return -z $_[0]; });
}

my $session = PgTrace::Session->new($node, options => '-c pg_trace.session=on');
$session->query("SELECT 'first worker'");
my ($file) = PgTrace::Node::trace_files($node, $session->pid);
restart_worker(sub { $session->query("SELECT 'no worker'"); });
$session->query("SELECT 'second worker'");
$session->close;
PgTrace::Node::wait_until_untraced($node);
is(scalar(my @files = PgTrace::Node::trace_files($node, $session->pid)),
	1, 'the worker\'s own file is continued');
like(slurp_file($file), qr/'first worker'.*'no worker'.*'second worker'/s,
	'and has all');

# Fast shutdown isn't held up.
$session = PgTrace::Session->new($node);
$file = $session->query('SELECT pg_trace_start_trace()');
restart_worker(
	sub {
		unlink $file or die "$file: $!";
		mkfifo($file, 0600) or die "mkfifo: $!";
	});
my $begin = time;
$node->stop('fast');
cmp_ok(time - $begin, '<', 20, 'fast shutdown with a fifo');
unlink $file;

###############################################################################
# Leftovers of a crash
###############################################################################

# The process with this pid is gone.
my $gone = fork();
die "fork: $!" unless defined $gone;
POSIX::_exit(0) unless $gone;
waitpid($gone, 0);

my $torn = "some line\nand a torn";
my $last = '*** TRACE ENDED: THE SERVER OR ITS WORKER WAS RESTARTED';
my $folder = "$directory/pgsql_tmp_20260101";
my $name = sub { return "$folder/pg_trace_${gone}_20260101T00000$_[0]"; };
mkdir $folder, 0700 or die "$folder: $!";
append_to_file($name->(1) . '.trc', $torn);
append_to_file($name->(2) . '_2_some-identifier.trc', $torn);
append_to_file("$data_dir/linked", $torn);
link("$data_dir/linked", $name->(3) . '.trc') or die "link: $!";
symlink("$data_dir/linked", $name->(4) . '.trc') or die "symlink: $!";
mkfifo($name->(5) . '.trc', 0600) or die "mkfifo: $!";
my @others = (
	"pg_trace_${gone}_.trc", "pg_trace_${gone}_20260101T000000",
	"pg_trace_0${gone}_20260101T000000.trc",
	"pg_trace_${gone}_20260101T000000.x.trc",
	"pg_trace_${gone}_20260101T00000x.trc");
append_to_file("$folder/$_", $torn) foreach @others;

my $log_start = -s $node->logfile;
$node->start;
PgTrace::Node::worker_pid($node);
like(slurp_file($name->(1) . '.trc'), qr/\Q$torn\E\n\Q$last\E/,
	'a leftover is completed');
like(slurp_file($name->(2) . '_2_some-identifier.trc'),
	qr/\Q$torn\E\n\Q$last\E/, 'and one with a longer name');
is(slurp_file("$data_dir/linked"), $torn,
	'neither a hard link nor a symbolic one leads to another file');
is(slurp_file("$folder/$_"), $torn, "$_ is no trace file")
  foreach @others;
my $log = slurp_file($node->logfile, $log_start);
foreach my $case (
	[ 3, qr/has another name as well/ ],
	[ 4, qr/Too many levels of symbolic links/ ],
	[ 5, qr/is not a regular file/ ])
{
	my ($which, $why) = @$case;

	like($log,
		qr/LOG:  could not complete a trace file: .*_20260101T00000$which\.trc".*$why/,
		"the log says why the leftover $which is not completed");
}

###############################################################################
# The directory
###############################################################################

# By ALTER SYSTEM, where the name tells
foreach my $value ('.', './', '', 'base', 'base/5', './base', 'base/.',
	'pg_wal', 'global/', 'pg_xact', 'pg_tblspc', $data_dir, "$data_dir/",
	"$data_dir/pg_wal/x", "$data_dir/./base", 'a/../base', 'a/..')
{
	my ($status, $out, $error) = $node->psql('postgres',
		"ALTER SYSTEM SET pg_trace.output_directory = '$value'");

	like($error,
		qr/ERROR:  invalid value for parameter "pg_trace.output_directory"/,
		"'$value' is refused");
	like($error, qr/HINT: .* directory of its own/, "'$value': with a hint")
	  if $value ne '';
}
foreach my $value ('base_of_traces', 'traces/base', 'log', "$data_dir/traces",
	"$tempdir/base", "$data_dir-traces")
{
	is( ($node->psql('postgres',
				"ALTER SYSTEM SET pg_trace.output_directory = '$value'"))[0],
		0, "'$value' is not");
}
$node->safe_psql('postgres',
	'ALTER SYSTEM RESET pg_trace.output_directory');

# When it is opened, where only the file system tells
sub is_refused
{
	my ($value, $why, $what) = @_;

	$node->safe_psql('postgres',
		"ALTER SYSTEM SET pg_trace.output_directory = '$value'");
	$node->reload;
	# the worker reads it by itself
	my $refused = PgTrace::Node::wait_until_traces($node, 0);
	my ($status, $out, $error) =
	  $node->psql('postgres', 'SELECT pg_trace_start_trace()');
	like($error, qr/ERROR:  could not trace process \d+: .*$why/, $what);
	return;
}

mkdir "$tempdir/spc" or die "mkdir: $!";
$node->safe_psql('postgres',
	"CREATE TABLESPACE elsewhere LOCATION '$tempdir/spc'");
symlink('pg_wal', "$data_dir/wal_link") or die "symlink: $!";
symlink("$data_dir/base", "$tempdir/base_link") or die "symlink: $!";
symlink($data_dir, "$tempdir/data_link") or die "symlink: $!";
my $before = join(' ', sort glob("$data_dir/* $data_dir/base/* $data_dir/pg_wal/* $tempdir/spc/*"));

sub accept_first
{
	PgTrace::Node::set($node, 'pg_trace.output_directory', 'pg_trace');
	PgTrace::Node::wait_until_traces($node, 1) or die 'no trace begins';
	return;
}

my $own = qr/it is in the server's own directory/;
foreach my $case (
	[ 'wal_link', qr/symbolic links/ ],
	[ 'wal_link/traces', $own ],
	[ "$tempdir/base_link/5", $own ],
	[ "$tempdir/data_link/global", $own ],
	[ "$tempdir/data_link", qr/symbolic links/ ],
	[ "$tempdir/spc", $own ],
	[ "$tempdir/spc/traces", $own ])
{
	my ($value, $why) = @$case;

	accept_first();
	is_refused($value, $why, "'$value' is refused when it is opened");
}
is(join(' ', sort glob("$data_dir/* $data_dir/base/* $data_dir/pg_wal/* $tempdir/spc/*")),
	$before, 'nothing was made in any of them');

# What others may write to on the way
mkdir "$tempdir/open" or die "mkdir: $!";
chmod 0777, "$tempdir/open" or die "chmod: $!";
mkdir "$tempdir/open/inner", 0700 or die "mkdir: $!";
accept_first();
is_refused("$tempdir/open/inner/traces",
	qr/directory "open", on the way, must be owned by root or the server's user and writable by nobody else/,
	'a directory below one that others may write to is refused');
chmod 01777, "$tempdir/open" or die "chmod: $!";
mkdir "$tempdir/behind", 0700 or die "mkdir: $!";
symlink("$tempdir/behind", "$tempdir/open/link") or die "symlink: $!";
foreach my $value ("$tempdir/open/inner/traces", "$tempdir/open/link/traces")
{
	PgTrace::Node::set($node, 'pg_trace.output_directory', $value);
	ok($node->poll_query_until('postgres',
			"SELECT regexp_replace(pg_trace_start_trace(), '(/[^/]*){2}\$', '') || left(pg_trace_stop_trace(), 0)",
			$value),
		"'$value' isn't, if others can't rename what isn't theirs");
}

# In the configuration file: neither a start nor a reload is kept back by it.
$node->safe_psql('postgres', 'ALTER SYSTEM RESET pg_trace.output_directory');
$node->append_conf('postgresql.conf', "pg_trace.output_directory = 'base'\n");
$node->restart;
is($node->safe_psql('postgres', 'SHOW pg_trace.output_directory'),
	'pg_trace', 'a start with such a directory: the default is used');
like($node->safe_psql('postgres', 'SELECT pg_trace_start_trace()'),
	qr/\Q$directory\E/, 'and is written to');
unlike($node->safe_psql('postgres', "SELECT pg_ls_dir('base')"),
	qr/pg_trace/, 'and not the one that is configured');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/,
	'no process crashed');
$node->stop;
done_testing();
