# When many sessions are traced they share their uprobes, and each has its own
# again when there are few.  The sessions that are moved, in whatever they are
# just doing, lose no wait and get none that wasn't there.

use strict;
use warnings;

use PgTrace::GroundTruth;
use PgTrace::Node;
use Test::More;

plan skip_all => PgTrace::GroundTruth::problem() if PgTrace::GroundTruth::problem();

my $node = PgTrace::Node::new_node(
	'main',
	'shared_buffers' => '1MB',
	'max_parallel_workers_per_gather' => 0,
	'autovacuum' => 'off',
	'max_connections' => 40,
	'pg_trace.max_sessions' => 32,
	'pg_trace.queue_size' => '256kB',
	PgTrace::Node::read_itself());
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE big AS SELECT g AS id, repeat('x', 200) AS filler
  FROM generate_series(1, 6000) g;
CREATE FUNCTION waits(int, int) RETURNS int STRICT LANGUAGE C
  AS '$ENV{PGT_TEST_BIN}/waiter', 'waits';
SQL

my $control = PgTrace::Session->new($node);
my $busy = PgTrace::Session->new($node);
my @others = map { PgTrace::Session->new($node) } 1 .. 14;

# Trace, or no longer, some of the other sessions, which do nothing at all.
sub trace
{
	my ($enable, @sessions) = @_;

	$control->query(
		'SELECT pg_trace_session(' . $_->pid . ", $enable)") foreach @sessions;
	return;
}

# Wait until all traces have that kind of probe.
sub all_have
{
	my ($probe, $what) = @_;

	$node->poll_query_until('postgres', <<"SQL")
SELECT bool_and(probe = '$probe') FROM pg_trace_status
SQL
	  or die "not all have $probe";
	is($control->query('SELECT DISTINCT probe FROM pg_trace_status'),
		$probe, "$what: all traces have $probe");
	return;
}

my $file = $busy->query('SELECT pg_trace_start_trace()');
my @idle_files =
  map { $_->query('SELECT pg_trace_start_trace()') } @others[ 0, 1 ];
all_have('uprobe', 'a few sessions');

# What never pauses meets the changes in the middle of everything.
my $truth = PgTrace::GroundTruth->start($busy);
$busy->send(<<'SQL');
DO $$
BEGIN
	FOR i IN 1 .. 100000 LOOP
		PERFORM waits(500, 0);
		PERFORM count(filler) FROM big;
		EXIT WHEN EXISTS (SELECT FROM pg_locks
			WHERE locktype = 'advisory' AND objid = 4711);
	END LOOP;
END $$
SQL
foreach my $round (1 .. 3)
{
	trace('true', @others[ 2 .. 12 ]);
	all_have('uprobe_shared', "round $round, many sessions");
	is($control->query('SELECT probe FROM pg_trace_worker'),
		'uprobe_shared', "round $round: and so would new ones");
	# the idle ones have been woken
	trace('false', @others[ 2 .. 8 ]);
	all_have('uprobe', "round $round, few sessions");
	trace('false', @others[ 9 .. 12 ]);
}
$control->query('SELECT pg_advisory_lock(4711)');
$busy->wait;
$truth->finish;
$busy->query('SELECT pg_trace_stop_trace()');
my $count = $truth->compare(PgTrace::File::parse($file), 'busy session');
cmp_ok($count->{'Extension:Extension'}, '>=', 1000, 'waits of the module');
cmp_ok($count->{'IO:DataFileRead'}, '>=', 1000, 'waits of the server');

# Whoever does nothing has looked around each time, and goes on waiting.
foreach my $i (0, 1)
{
	$others[$i]->query('SELECT 1');
	$others[$i]->query('SELECT pg_trace_stop_trace()');
	my $records = PgTrace::File::parse($idle_files[$i]);
	is_deeply([ PgTrace::Problems::problems($records) ], [], 'idle session: sound');
	cmp_ok(
		scalar(grep { $_->{fields}{nam} eq 'ClientRead' }
			  PgTrace::File::of_type($records, 'WAIT')),
		'>=', 6, 'idle session: was woken');
}

# The limit is not passed by sessions that come and go.
trace('true', @others[ 2 .. 11 ]);
is($control->query('SELECT count(*) FROM pg_trace_status'),
	10, 'fewer sessions than share');
all_have('uprobe', 'fewer sessions than share');

$_->close foreach @others, $busy, $control;
$node->stop;
done_testing();
