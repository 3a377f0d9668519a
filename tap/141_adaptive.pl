# plan_stat = adaptive: STAT lines of a cursor's first execution, and again
# whenever another minute of its time has passed; three seconds do here.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use Test::More;

my $node =
  PgTrace::Node::new_node('main', 'pg_trace.debug_adaptive_time' => '3s');

# Each execution has as many rows as its number, which tells their STAT lines
# apart.
my $trace = trace(
	$node,
	{ set => { 'pg_trace.plan_stat' => 'adaptive' } },
	'PREPARE q(int, float8) AS SELECT pg_sleep($2 / $1) FROM generate_series(1, $1)',
	'EXECUTE q(1, 0)',
	'EXECUTE q(2, 0.1)',
	'EXECUTE q(3, 3)',
	'EXECUTE q(4, 0)',
	'EXECUTE q(5, 0)');

is_deeply([ rows($trace, qr/^PREPARE/, 'FETCH') ],
	[ 1 .. 5 ], 'all executions');
is_deeply(
	[
		map { $_->{fields}{cnt} }
		  grep { $_->{fields}{id} == 1 } stats($trace, qr/^PREPARE/)
	],
	[ 1, 4 ],
	'the first one has STAT lines, and the one after that time');

clean_files($node);
done_testing();
