# Waits that find the BPF ring buffer full are counted for their session, and the
# file says where they are missing.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'shared_buffers' => '1MB',
	'max_parallel_workers_per_gather' => 0,
	'pg_trace.ring_buffer_size' => '64kB',
	PgTrace::Node::read_itself());
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE big AS SELECT g AS id, repeat('x', 200) AS filler
  FROM generate_series(1, 100000) g;
VACUUM big;
SQL
my $worker = PgTrace::Node::worker_pid($node);
my $session = PgTrace::Session->new($node);
my $file = $session->query('SELECT pg_trace_start_trace()');

# more reads from disk than the ring buffer has room for, and nobody drains it
kill 'STOP', $worker;
is($session->query('SELECT count(filler) FROM big'), 100000, 'a full scan');
kill 'CONT', $worker;
my $blocks = $session->query("SELECT pg_relation_size('big') / 8192");

$node->poll_query_until('postgres',
	'SELECT lost_events > 0 FROM pg_trace_status')
  or die 'no losses';
my $lost = $node->safe_psql('postgres',
	'SELECT lost_events FROM pg_trace_status WHERE pid = ' . $session->pid);
is($node->safe_psql('postgres', 'SELECT lost_events FROM pg_trace_worker'),
	$lost, 'the worker counts the same');
$session->query('SELECT 4711');
$session->query('SELECT pg_trace_stop_trace()');
$session->close;

my $records = PgTrace::File::parse($file);
is_deeply([ PgTrace::Problems::problems($records) ], [], 'the trace is sound');
my $in_file = 0;
$in_file += $_->{fields}{count} foreach PgTrace::File::of_type($records, 'LOST');
is($in_file, $lost, 'the file says as many');
cmp_ok($blocks, '>', 64 * 1024 / 48, 'more than there is room for');
cmp_ok(
	$lost + PgTrace::File::of_type($records, 'WAIT'),
	'>=', $blocks, 'each wait is in the file or counted as lost');
is(scalar PgTrace::File::cursors_like($records, qr/^SELECT 4711/),
	1, 'tracing goes on');

done_testing();
