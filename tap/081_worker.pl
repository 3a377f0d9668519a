# What the worker takes by itself: nothing at all while nothing happens, whether
# sessions are traced or not, and little memory with many sessions.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	SESSIONS => 64,
	SECONDS => 3,
	ATTEMPTS => 5,
	MAX_MEMORY_KB => 64 * 1024
};

# A session that has statistics to report wakes up ten seconds later for that.
my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'track_counts' => 'off',
	'max_connections' => SESSIONS + 10,
	'pg_trace.max_sessions' => SESSIONS,
	'pg_trace.enabled' => 'off');
my $control = PgTrace::Session->new($node);
my $worker = PgTrace::Node::worker_pid($node);

# How often the worker's threads have gone to sleep so far
sub sleeps
{
	my $count = 0;

	foreach my $file (glob("/proc/$worker/task/*/status"))
	{
		$count += $1 if slurp_file($file) =~ /^voluntary_ctxt_switches:\s+(\d+)/m;
	}
	return $count;
}

# The worker isn't woken by the clock.  What it still has to do when it has been
# disturbed, such as closing links, is over after one of the attempts.
sub is_asleep
{
	my ($what) = @_;
	my $count;

	foreach (1 .. ATTEMPTS)
	{
		my $before = sleeps();

		# time is what is tested here, so there is nothing to wait for
		select(undef, undef, undef, SECONDS);
		$count = sleeps() - $before;
		last if $count == 0;
	}
	is($count, 0, "asleep $what");
	return;
}

is_asleep('with pg_trace.enabled = off');
PgTrace::Node::set($node, 'pg_trace.enabled', 'on');
is_asleep('while nothing is traced');

my @sessions = map { PgTrace::Session->new($node) } 1 .. SESSIONS;
$sessions[0]->query('SELECT pg_trace_start_trace()');
$sessions[0]->query('SELECT 1');
$sessions[0]->wait_for_event('ClientRead');
is_asleep('while a traced session waits for its client');

$sessions[0]->query('BEGIN; SELECT 1');
$sessions[0]->wait_for_event('ClientRead');
is_asleep('while it does so in a transaction');
$sessions[0]->query('COMMIT');

$_->query('SELECT pg_trace_start_trace()') foreach @sessions[ 1 .. $#sessions ];
# in the traces' files and in what is kept of each session, whatever comes
$_->query('SELECT count(*) FROM pg_class') foreach @sessions;
is($control->query('SELECT count(*) FROM pg_trace_status'),
	SESSIONS, 'sessions are traced');
$_->wait_for_event('ClientRead') foreach @sessions[ 0, $#sessions ];
is_asleep('while many do, which share their probes');

my ($anonymous, $file) =
  map { slurp_file("/proc/$worker/status") =~ /^$_:\s+(\d+) kB$/m }
  qw(RssAnon RssFile);
note("memory: $anonymous kB, and $file kB of files and the ring buffer");
cmp_ok($anonymous + $file, '<=', MAX_MEMORY_KB,
	'memory in kB, without what is shared by the server');

$_->query('SELECT pg_trace_stop_trace()') foreach @sessions;
is_asleep('after the traces');

$_->close foreach @sessions, $control;
$node->stop;
done_testing();
