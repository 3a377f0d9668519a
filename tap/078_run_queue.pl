# pg_trace.cpu: the time for which a process is ready to run and doesn't, next
# to waits and CPU time.  Several processes have to share one CPU here.  Calls that
# don't lose the CPU pay nothing for it.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main', 'autovacuum' => 'off', 'jit' => 'off');
my ($cpu) = slurp_file('/proc/self/status') =~ /^Cpus_allowed_list:\s*(\d+)/m;
my $busy =
  'SELECT count(*) FROM generate_series(1, 1000) a, generate_series(1, 2000) b';
my $mixed = 'SELECT count(pg_sleep(0.01)) FROM generate_series(1, 20)';

sub bind_to_cpu
{
	my ($pid) = @_;

	system_or_bail('taskset', '-a', '-c', '-p', $cpu, $pid);
	return;
}

# Something else that wants that CPU
my $hog = fork // die "fork: $!";
if (!$hog)
{
	1 while getppid() != 1;
	exit;
}
bind_to_cpu($hog);

END { kill('KILL', $hog) if $hog }

sub run_queue
{
	my ($records, $pattern) = @_;

	return waits_of($records, $pattern, 'CPU run queue');
}

# Elapsed time of a call, and what there is of it in other figures
sub shares
{
	my ($records, $pattern) = @_;
	my ($call) = calls_of($records, $pattern, 'FETCH');
	my ($waits, $queue) = (0, 0);

	foreach my $wait (waits_of($records, $pattern), run_queue($records, $pattern))
	{
		my $fields = $wait->{fields};

		next
		  if $fields->{tim} - $fields->{ela} < begin_of($call) - 1
		  || $fields->{tim} > $call->{fields}{tim};
		${ $fields->{nam} eq 'CPU run queue' ? \$queue : \$waits } +=
		  $fields->{ela} - ($fields->{cpu} // 0);
	}
	note("e=$call->{fields}{e} c=$call->{fields}{c} waits=$waits run queue=$queue");
	return ($call->{fields}{e}, $call->{fields}{c}, $waits, $queue);
}

foreach my $how ('pg_trace.session', 'pg_trace_session()')
{
	my $remote = $how eq 'pg_trace_session()';
	my $session = PgTrace::Session->new($node,
		options => $remote ? '' : '-c pg_trace.session=on');
	my $file =
	  $remote
	  ? $node->safe_psql('postgres',
		'SELECT pg_trace_session(' . $session->pid . ')')
	  : session_file($node, $session);

	bind_to_cpu($session->pid);
	$session->query($busy);
	$session->query($mixed);
	$session->close;
	my $trace = read_trace($node, $file);

	my ($e, $c, $waits, $queue) = shares($trace, qr/^\Q$busy\E/);
	cmp_ok($queue, '>', $e / 10, "$how: a busy call waits for the CPU");
	cmp_ok(abs($e - $c - $waits - $queue), '<', $e / 50 + 1000,
		"$how: CPU, waits and run queue are its elapsed time");

	# a sleep's time includes that until the process runs again
	($e, $c, $waits, $queue) = shares($trace, qr/^\Q$mixed\E/);
	cmp_ok(abs($e - $c - $waits - $queue), '<', $e / 50 + 1000,
		"$how: also where it sleeps");
	cmp_ok($waits, '>=', 200_000, "$how: all waits are there");
	is_deeply([ PgTrace::Problems::problems($trace) ], [], "$how: the trace is sound");
}

# off
{
	my $session =
	  PgTrace::Session->new($node,
		options => '-c pg_trace.session=on -c pg_trace.cpu=off');
	my $file = session_file($node, $session);

	bind_to_cpu($session->pid);
	$session->query($busy);
	$session->close;
	my $trace = read_trace($node, $file);
	is_deeply([ run_queue($trace, qr/./) ],
		[], 'nothing of that with pg_trace.cpu = off');
	is_deeply(
		[ grep { defined $_->{fields}{cpu} } PgTrace::File::of_type($trace, 'WAIT') ],
		[], 'nor of the CPU time within waits');
}

# what began before tracing
{
	my $session = PgTrace::Session->new($node);

	bind_to_cpu($session->pid);
	$session->send($busy =~ s/2000/10000/r);
	$node->poll_query_until('postgres',
		"SELECT state = 'active' FROM pg_stat_activity WHERE pid = "
		  . $session->pid);
	my $file = $node->safe_psql('postgres',
		'SELECT pg_trace_session(' . $session->pid . ')');
	$session->wait;
	# without any wait after the statement, nothing is learnt of it
	$session->wait_for_event('ClientRead');
	$session->close;
	my $trace = read_trace($node, $file);
	my @queue = run_queue($trace, qr/^SELECT count/);
	cmp_ok(scalar @queue, '>', 0, 'also of a statement that was running')
	  or diag(slurp_file($file));
}

# Each boundary of a call at which the kernel is asked is a system call that reads.
# It isn't asked before the process has been off the CPU for 20 us more.
foreach my $waits (qw(on off))
{
	$node->safe_psql('postgres', <<'SQL');
CREATE OR REPLACE FUNCTION reads() RETURNS bigint LANGUAGE sql AS
$$ SELECT substring(pg_read_file('/proc/self/io') FROM 'syscr: (\d+)')::bigint $$;
CREATE OR REPLACE FUNCTION reads_of_calls(n int) RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
	first bigint := reads();
	second bigint := reads();
BEGIN
	FOR i IN 1 .. n LOOP
		PERFORM FROM pg_class WHERE oid = 1259;
	END LOOP;
	RETURN reads() - second - (second - first);
END
$$;
SQL
	my $session = PgTrace::Session->new($node,
		options => "-c pg_trace.session=on -c pg_trace.waits=$waits");
	my $file = session_file($node, $session);

	$session->query('SELECT reads_of_calls(100)');
	my $reads = $session->query('SELECT reads_of_calls(10000)');
	$session->close;
	my ($call) =
	  calls_of(read_trace($node, $file), qr/^SELECT reads_of_calls\(10000/, 'FETCH');
	my $off_cpu = $call->{fields}{e} - $call->{fields}{c};
	cmp_ok($reads, '<=', $off_cpu / 20 + 2,
		"waits $waits: $reads readings in $off_cpu us off the CPU, and none more for 10000 executions");
}

clean_files($node);
done_testing();
