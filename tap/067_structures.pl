# A library that was built for a server with other structures: it must read no
# waits out of what is somewhere else, and say so.  The file that compares them
# is built with changed headers of the server, and linked with all the others.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Copy;
use File::Path qw(make_path);
use PgTrace::Node;
use PgTrace::Sites qw(read_file run write_file);
use PostgreSQL::Test::Utils;
use PgTrace::ServerCopy;
use Test::More;

my $root = dirname(dirname(abs_path(__FILE__)));
my $headers = PgTrace::ServerCopy::config('includedir-server');
my $libraries = PgTrace::ServerCopy::config('pkglibdir');

# Build the library with proc.h changed; returns its path.
sub build
{
	my ($change) = @_;
	my $dir = abs_path(PostgreSQL::Test::Utils::tempdir());
	my $header = read_file("$headers/storage/proc.h");

	$change->($header) or die 'proc.h is not as expected';
	make_path("$dir/changed/storage");
	write_file("$dir/changed/storage/proc.h", $header);
	# the objects are there, and newer than their sources
	system_or_bail('cp', '-a',
		map({ "$root/$_" }
			qw(Makefile bench bgworker bpf cli extension pg_trace_bgw.control sql tap)),
		$dir);
	unlink "$dir/bgworker/probes/layout.o";
	my ($status, $out, $err) =
	  run('make', '-C', $dir, "COPT=-I$dir/changed", 'pg_trace_bgw.so');
	is($status, 0, 'the library can be built') or diag("$out$err");
	is(scalar(() = $out =~ / -c -o /g), 1, 'one file with changed headers');
	return "$dir/pg_trace_bgw.so";
}

# A server that has it; all else is the installed one's.
sub server_with
{
	my ($library) = @_;
	my $bindir = copy_server();
	my $dir = $bindir =~ s/\Q@{[PgTrace::ServerCopy::config('bindir')]}\E$/$libraries/r;

	unlink $dir or die "$dir: $!";
	make_path($dir);
	symlink $_, "$dir/" . basename($_) foreach glob("$libraries/*");
	unlink "$dir/pg_trace_bgw.so";
	copy($library, "$dir/pg_trace_bgw.so") or die "$dir/pg_trace_bgw.so: $!";
	return dirname($bindir);
}

sub check
{
	my ($name, $what, $change) = @_;
	my $node = PgTrace::Node::create_node($name,
		{ install_path => server_with(build($change)) });
	my $reason =
	  "the server's structures differ from those that pg_trace_bgw was built with: $what";
	my $hint = qr/Build pg_trace_bgw with the headers of the server that runs/;

	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_trace_bgw');
	my $pid = PgTrace::Node::worker_pid($node);
	like(
		$node->safe_psql('postgres', 'SELECT probe, last_error FROM pg_trace_worker'),
		qr/^none\|\Q$reason\E \(.*$hint/,
		"$what: pg_trace_worker");
	like(slurp_file($node->logfile),
		qr/LOG:  waits are not traced: \Q$reason\E .*\n.*HINT:  $hint/,
		"$what: the log");

	my $session = PgTrace::Session->new($node);
	my $file = $session->query('SELECT pg_trace_start_trace()');
	$session->query('SELECT pg_sleep(0.01)');
	$session->query('SELECT pg_trace_stop_trace()');
	$session->close;
	my $records = PgTrace::File::parse($file);
	PgTrace::File::has_note($records, qr/^TIMED EVENTS ARE NOT TRACED: \Q$reason\E/,
		"$what: the file");
	is_deeply([ PgTrace::File::of_type($records, 'WAIT') ],
		[], "$what: there are no waits");
	is(scalar(PgTrace::File::cursors_like($records, qr/pg_sleep/)),
		1, "$what: all else is traced");
	is(PgTrace::Node::worker_pid($node), $pid, "$what: the worker lives on");
	$node->stop;
	return;
}

check('word', 'PGPROC.wait_event_info',
	sub { $_[0] =~ s/(?=^\s+uint32\s+wait_event_info;)/\tuint64 added;\n/m });
check('size', 'the size of PGPROC',
	sub { $_[0] =~ s/^(?:typedef )?struct PGPROC\n\{.*?\n\K(?=\})/\tuint64 added[16];\n/ms });

done_testing();
