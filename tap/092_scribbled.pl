# A process of the server that has been taken over writes whatever it likes to
# the extension's shared memory, at random and where it hurts, while others are
# traced: nothing crashes or hangs, no process is traced that isn't one of the
# server's, no file is written outside, and afterwards tracing works.

use strict;
use warnings;

use PgTrace::Intruder;
use IPC::Run;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

# Of each of the two
my $seconds = $ENV{PGT_SCRIBBLE_SECONDS} || 8;

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'log_connections' => 'on',
	'pg_trace.max_sessions' => 8,
	'pg_trace.queue_size' => '256kB',
	'pg_trace.max_file_size' => '20MB');
PgTrace::Intruder::install($node);
my $size = PgTrace::Intruder::area_size($node);
my $worker = PgTrace::Node::worker_pid($node);
my $directory = $node->data_dir . '/pg_trace';

# one that isn't the server's
my $stranger = IPC::Run::start([ 'sleep', 10 * $seconds ]);
my $stranger_pid = $stranger->{KIDS}[0]{PID};

# Errors are all right here, but a session must go on.
sub try_query
{
	my ($session, $sql) = @_;

	$session->query($sql);
	return;
}

# The pids in the names of trace files
sub traced_pids
{
	return map { /pg_trace_(-?\d+)_/ ? $1 : $_ }
	  grep { /\.trc$/ } map { slurp_dir("$directory/$_") }
	  grep { !/^\.\.?$/ } slurp_dir($directory);
}

sub check
{
	my ($name) = @_;
	my $log = slurp_file($node->logfile);
	# all that clients were connected to, and what else has said something
	my %is_server_process = map { $_ => 1 } $log =~ /^\S+ \S+ \S+ \[(\d+)\]/mg;

	is(PgTrace::Node::worker_pid($node), $worker, "$name: it is the same worker");
	unlike($log, qr/PANIC|TRAP|terminated by signal|reinitializing/,
		"$name: nothing has crashed");
	is_deeply([ grep { !$is_server_process{$_} } traced_pids() ],
		[], "$name: only processes of the server have files");
	ok(!-e $node->data_dir . '/x.trc', "$name: no file outside");

	# what was in shared memory is repaired as far as it matters
	my $session = PgTrace::Session->new($node);
	my $file;
	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$file = $session->query('SELECT pg_trace_start_trace()');
		last if $file =~ /\.trc$/;
		select(undef, undef, undef, 0.1);
	}
	$session->query("SELECT 'afterwards'");
	$session->query('SELECT pg_trace_stop_trace()');
	$session->close;
	my $records = PgTrace::File::parse($file);
	is_deeply([ PgTrace::Problems::problems($records) ],
		[], "$name: a new trace is sound");
	is(scalar PgTrace::File::cursors_like($records, qr/^SELECT 'afterwards'/),
		1, "$name: and has what was executed");
	return;
}

# That many sessions are traced, and work, while the intruder does that.
sub run_beside
{
	my ($intruder, $sql, $name) = @_;
	my @sessions = map { PgTrace::Session->new($node) } 1 .. 3;
	my $deadline = time + $seconds + $PostgreSQL::Test::Utils::timeout_default;
	my $rounds = 0;

	$intruder->send($sql);
	while ($intruder->{out} !~ /^done $intruder->{marker}\n/m
		&& time < $deadline)
	{
		foreach my $session (@sessions)
		{
			try_query($session, 'SET statement_timeout = 3000');
			try_query($session, 'SELECT pg_trace_start_trace()');
			try_query($session, "SELECT count(*), '$rounds' FROM pg_class");
			try_query($session, 'SELECT count(*) FROM pg_trace_status');
			try_query($session, 'SELECT pg_trace_stop_trace()')
			  if $rounds % 3 == 0;
		}
		$intruder->{psql}->pump_nb;
		$rounds++;
	}
	my ($done) = $intruder->{out} =~ /^(\d+)$/m;
	note("$name: $done attempts beside $rounds rounds");
	cmp_ok($done // 0, '>', 0, "$name: done");
	$_->close foreach @sessions;
	return;
}

my $intruder = PgTrace::Session->new($node);
my $second = PgTrace::Session->new($node);

$intruder->query('SELECT pg_trace_start_trace()');
run_beside(
	$intruder,
	"SELECT attack($size, $seconds, $stranger_pid)",
	'known places');
check('known places');

$intruder->query('SELECT pg_trace_stop_trace()');
my $seed = $$;
note("seed $seed");
run_beside($intruder, "SELECT scribble($size, $seconds, $seed)", 'at random');
check('at random');

$_->close foreach $intruder, $second;
$stranger->kill_kill;
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/,
	'nor does anything crash in the end');
done_testing();
