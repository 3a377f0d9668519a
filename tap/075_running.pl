# A call that goes on for long says so every ten seconds, also while the worker
# is busy with other sessions.

use strict;
use warnings;

use PgTrace;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::new_node('main');
my $session = PgTrace::Session->new($node);
my $busy = PgTrace::Session->new($node);
my $file = $session->query('SELECT pg_trace_start_trace()');
$busy->query('SELECT pg_trace_start_trace()');

$session->send('SELECT pg_sleep(10.5)');
$busy->send(<<'SQL');
DO $$
DECLARE
	until timestamptz := clock_timestamp() + interval '10.5 s';
BEGIN
	WHILE clock_timestamp() < until LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END
$$
SQL
$_->wait foreach $session, $busy;
$session->query('SELECT pg_trace_stop_trace()');
$busy->query('SELECT pg_trace_stop_trace()');

my $records = PgTrace::parse($file);
is_deeply([ PgTrace::problems($records) ], [], 'the trace is sound');
my ($cursor) = PgTrace::cursors_like($records, qr/^SELECT pg_sleep/);
my @running = PgTrace::of_type($records, 'RUNNING');
is(scalar @running, 1, 'one line in 10.5 seconds');
is($running[0]{cursor}, $cursor, 'of the statement');
cmp_ok($running[0]{fields}{e}, '>=', 10_000_000, 'after ten seconds');
cmp_ok($running[0]{fields}{e}, '<', 11_000_000, 'and not much later');

$_->close foreach $session, $busy;
done_testing();
