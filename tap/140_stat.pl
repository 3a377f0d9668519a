# STAT lines: which executions have them, the tree that they make up, and that
# each node's object, rows and starts are what the data make them.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'jit' => 'off',
	'max_parallel_workers_per_gather' => 0);
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE few (id int, n int);
INSERT INTO few SELECT i, i FROM generate_series(1, 10) i;
CREATE TABLE many (id int PRIMARY KEY, n int, filler text);
INSERT INTO many SELECT i, i % 100, repeat('x', 100)
	FROM generate_series(1, 10000) i;
CREATE INDEX many_n ON many (n);
CREATE TABLE parts (id int) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
INSERT INTO parts SELECT generate_series(50, 169);
VACUUM ANALYZE;
SQL

###############################################################################
# Kinds of nodes
###############################################################################

my $off = "SET enable_hashjoin = off; SET enable_mergejoin = off";
my @cases = (
	[
		'SELECT count(*) FROM few',
		'0.1 Aggregate cnt=1 str=1',
		'1.1 Seq Scan on few cnt=10 str=1 few'
	],
	[
		'SELECT f.n, m.n FROM few f JOIN many m ON m.id = f.id',
		'0.1 Nested Loop cnt=10 str=1',
		'1.1 Seq Scan on few cnt=10 str=1 few',
		'1.2 Index Scan using many_pkey on many cnt=10 str=10 many_pkey'
	],
	[
		'SELECT id FROM many WHERE id BETWEEN 5 AND 8',
		'0.1 Index Only Scan using many_pkey on many cnt=4 str=1 many_pkey'
	],
	[
		'SELECT * FROM many WHERE n = 7',
		'0.1 Bitmap Heap Scan on many cnt=100 str=1 many',
		'1.1 Bitmap Index Scan on many_n cnt=100 str=1 many_n'
	],
	[
		'SELECT * FROM few WHERE id < (SELECT 4)',
		'0.1 Seq Scan on few cnt=3 str=1 few',
		'1.1 Result cnt=1 str=1'
	],
	[
		'SELECT id, (SELECT max(n) FROM many m WHERE m.id = f.id + 0) FROM few f',
		'0.1 Seq Scan on few cnt=10 str=1 few',
		'1.1 Aggregate cnt=10 str=10',
		'2.1 Index Scan using many_pkey on many cnt=10 str=10 many_pkey'
	],
	[
		'WITH c AS MATERIALIZED (SELECT id FROM few) SELECT count(*) FROM c',
		'0.1 Aggregate cnt=1 str=1',
		'1.1 Seq Scan on few cnt=10 str=1 few',
		'1.2 CTE Scan on c cnt=10 str=1'
	],
	[
		'SELECT * FROM parts',
		'0.1 Append cnt=120 str=1',
		'1.1 Seq Scan on part1 cnt=50 str=1 part1',
		'1.2 Seq Scan on part2 cnt=70 str=1 part2'
	],
	[
		'SELECT * FROM generate_series(1, 25) g',
		'0.1 Function Scan on g cnt=25 str=1'
	],
	[ 'VALUES (1), (2), (3)', '0.1 Values Scan on *VALUES* cnt=3 str=1' ],
	[
		'SELECT * FROM many ORDER BY id LIMIT 5',
		'0.1 Limit cnt=5 str=1',
		'1.1 Index Scan using many_pkey on many cnt=5 str=1 many_pkey'
	],
	[
		'SELECT n FROM few ORDER BY -n',
		'0.1 Sort cnt=10 str=1',
		'1.1 Seq Scan on few cnt=10 str=1 few'
	],
	[
		'INSERT INTO few SELECT 11, 11',
		'0.1 Insert on few cnt=0 str=1 few',
		'1.1 Result cnt=1 str=1'
	],
	[
		'UPDATE few SET n = 0 WHERE id > 8',
		'0.1 Update on few cnt=0 str=1 few',
		'1.1 Seq Scan on few cnt=3 str=1 few'
	],
	[
		'DELETE FROM few WHERE id > 8 RETURNING n',
		'0.1 Delete on few cnt=3 str=1 few',
		'1.1 Seq Scan on few cnt=3 str=1 few'
	],
	[
		'MERGE INTO few USING (VALUES (1)) v (x) ON few.id = v.x'
		  . ' WHEN MATCHED THEN UPDATE SET n = 1',
		'0.1 Merge on few cnt=0 str=1 few',
		'1.1 Seq Scan on few cnt=1 str=1 few'
	],
	[
		'DELETE FROM parts WHERE id IN (60, 160)',
		'0.1 Delete on parts, part1, part2 cnt=0 str=1 parts',
		'1.1 Append cnt=2 str=1',
		'2.1 Seq Scan on part1 cnt=1 str=1 part1',
		'2.2 Seq Scan on part2 cnt=1 str=1 part2'
	]);
{
	my $trace = trace($node, 'BEGIN', $off, (map { $_->[0] } @cases),
		'ROLLBACK');

	foreach my $case (@cases)
	{
		my ($sql, @expected) = @$case;
		my $pattern = qr/^\Q$sql\E$/;

		is_deeply([ stat_tree($node, $trace, $pattern) ], \@expected, $sql);
		ok(inclusive(stats($trace, $pattern)), 'inclusive figures');
	}

	my ($top) = stats($trace, qr/^SELECT \* FROM many WHERE n = 7/);
	my ($fetch) = calls_of($trace, qr/^SELECT \* FROM many WHERE n = 7/, 'FETCH');
	is($top->{fields}{cr}, $fetch->{fields}{cr},
		'the top node has the blocks of its FETCH');
	cmp_ok($top->{fields}{time}, '<=', $fetch->{fields}{e},
		'and its time, but for what came before the executor');

	$trace = trace(
		$node,
		{
			set => {
				max_parallel_workers_per_gather => 2,
				parallel_setup_cost => 0,
				min_parallel_table_scan_size => 0
			}
		},
		'SELECT count(n + 0) FROM many');
	my @lines = stat_tree($node, $trace, qr/^SELECT count\(n \+ 0\)/);
	is(join(' ', map { /^(\d\.\d [A-Z][^=]+) / } @lines[ 0, 1, 2 ]),
		'0.1 Finalize Aggregate 1.1 Gather 2.1 Partial Aggregate',
		'parallel query');
	like($lines[3], qr/Seq Scan on many cnt=10000 str=\d many/,
		'rows of all workers');
	my ($gather) = grep { $_->{text} eq 'Gather' }
	  stats($trace, qr/^SELECT count\(n \+ 0\)/);
	is("@{$gather->{fields}}{qw(workers_planned workers_launched)}",
		'2 2', 'workers planned and launched');
}

###############################################################################
# Which executions
###############################################################################

{
	my @statements = (
		'PREPARE q(int) AS SELECT n FROM few WHERE id <= $1',
		'EXECUTE q(1)', 'EXECUTE q(2)', 'EXECUTE q(3)');
	my %expected = (
		never => [],
		first_execution => [1],
		adaptive => [1],
		all_executions => [ 1, 2, 3 ]);

	foreach my $when (sort keys %expected)
	{
		my $trace = trace($node, { set => { 'pg_trace.plan_stat' => $when } },
			@statements);

		is_deeply(
			[ map { $_->{fields}{cnt} } stats($trace, qr/^PREPARE q/) ],
			$expected{$when}, "plan_stat = $when");
		is_deeply([ rows($trace, qr/^PREPARE q/, 'FETCH') ],
			[ 1, 2, 3 ], 'rows');
	}

	my $trace = trace($node, { set => { 'pg_trace.node_timing' => 'off' } },
		@statements);
	# of EXECUTE, so at depth 1
	is_deeply(
		[ map { $_->{fields}{time} } stats($trace, qr/^PREPARE q/) ],
		[ (calls_of($trace, qr/^PREPARE q/, 'FETCH'))[0]{fields}{e} ],
		"node_timing = off: the top node's time is the call's");
	is_deeply([ map { $_->{fields}{cnt} } stats($trace, qr/^PREPARE q/) ],
		[1], 'rows are counted even so');

	$trace = trace($node, { set => { 'pg_trace.plan_stat' => 'never' } },
		'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT 1 FROM few');
	is(scalar(calls_of($trace, qr/^EXPLAIN/, 'FETCH')),
		1, 'EXPLAIN ANALYZE is traced');
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	is( $session->query(
			'EXPLAIN (ANALYZE, BUFFERS off, COSTS off, TIMING off, SUMMARY off) SELECT 1 FROM few'
		),
		'Seq Scan on few (actual rows='
		  . (PgTrace::Node::major() >= 18 ? '10.00' : '10')
		  . ' loops=1)',
		'and its output is what it would be');
	$session->close;
}

###############################################################################
# Plan hashes
###############################################################################

{
	my $sql = 'SELECT n FROM many WHERE id = 77';
	my $plh = sub {
		my (@before) = @_;
		my $trace = trace($node, @before, $sql);
		my %seen = map { $_->{fields}{plh} => 1 }
		  calls_of($trace, qr/^\Q$sql\E$/, 'PARSE', 'EXEC', 'FETCH');

		is(scalar keys %seen, 1, 'one plan hash in all calls');
		return (keys %seen)[0];
	};
	my $by_index = $plh->();

	is($plh->(), $by_index, 'the same plan in another session');
	isnt(
		$plh->('SET enable_indexscan = off; SET enable_bitmapscan = off'),
		$by_index, 'another plan');
	isnt($plh->('SET enable_indexscan = off'), $by_index, 'and another');
}

###############################################################################
# What EXPLAIN ANALYZE would say of a node besides
###############################################################################

sub details_of
{
	my ($setting, $query, $node_name) = @_;
	my $trace = trace($node, { set => { %$setting, 'max_parallel_workers_per_gather' => 0 } }, $query);
	my ($stat) = grep { $_->{text} =~ $node_name } stats($trace, qr/^\Q$query\E/);

	return $stat->{fields};
}

my $details = details_of({}, 'SELECT * FROM many WHERE n + 0 = 7', qr/^Seq Scan/);
is($details->{filtered}, 9900, 'rows removed by a filter');
$details = details_of({}, 'SELECT * FROM few a LEFT JOIN few b ON a.id = b.id AND a.n + b.n > 10',
	qr/^Hash .*Join/);
is($details->{join_filtered}, 5, 'rows removed by a join\'s filter');
$details = details_of({ work_mem => '64kB' }, 'SELECT * FROM many ORDER BY filler, id', qr/^Sort/);
is($details->{sort_method}, 'external_merge', 'sort: method');
cmp_ok($details->{disk_kb}, '>', 1000, 'sort: space on disk');
$details = details_of({}, 'SELECT * FROM many ORDER BY filler, id LIMIT 3', qr/^Sort/);
is($details->{sort_method}, 'top-N_heapsort', 'sort: another method');
cmp_ok($details->{memory_kb}, '>', 0, 'sort: space in memory');
$details = details_of({ work_mem => '64kB', enable_mergejoin => 'off', enable_nestloop => 'off' },
	'SELECT count(*) FROM many a JOIN many b USING (id, filler)', qr/^Hash$/);
cmp_ok($details->{batches}, '>', 1, 'hash: batches');
cmp_ok($details->{buckets}, '>', 1, 'hash: buckets');
cmp_ok($details->{memory_kb}, '>', 0, 'hash: memory');
$details = details_of({ enable_sort => 'off' }, 'SELECT id % 7, count(*) FROM many GROUP BY 1', qr/^HashAggregate/);
is($details->{batches}, 1, 'aggregate: batches');
$node->safe_psql('postgres', 'CREATE TABLE new (id int PRIMARY KEY); INSERT INTO new SELECT generate_series(1, 100)');
$details = details_of({ enable_seqscan => 'off', enable_bitmapscan => 'off' }, 'SELECT id FROM new WHERE id < 50', qr/^Index Only Scan/);
is($details->{heap_fetches}, 49, 'heap fetches');
$details = details_of({}, 'INSERT INTO few SELECT 1, 2 FROM generate_series(1, 50)', qr/^Insert/);
cmp_ok($details->{wal_records}, '>=', 50, 'WAL: records');
cmp_ok($details->{wal_bytes}, '>=', 50 * 30, 'WAL: bytes');
is($details->{filtered}, undef, 'what is 0 is left out');

clean_files($node);
done_testing();
