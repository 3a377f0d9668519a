# STAT lines of every kind of plan node, against what EXPLAIN ANALYZE says of
# the same statement: the tree, the nodes' names, rows and starts.

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
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE few (id int, n int);
INSERT INTO few SELECT i, i % 4 FROM generate_series(1, 10) i;
CREATE TABLE many (id int PRIMARY KEY, n int, m int);
INSERT INTO many SELECT i, i % 100, i % 90 FROM generate_series(1, 10000) i;
CREATE INDEX many_n ON many (n);
CREATE INDEX many_m ON many (m);
CREATE TABLE parts (id int, n int) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
CREATE INDEX parts_n ON parts (n);
INSERT INTO parts SELECT i, i FROM generate_series(50, 169) i;
CREATE TABLE customized AS SELECT generate_series(1, 12) AS id;
CREATE FUNCTION set_of_few() RETURNS SETOF few LANGUAGE sql VOLATILE
	AS 'SELECT * FROM few';
CREATE TABLE triggered (id int);
CREATE FUNCTION transition() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM id FROM old_and_new WHERE id > 1;
	RETURN NULL;
END \$\$;
CREATE TRIGGER t AFTER INSERT ON triggered REFERENCING NEW TABLE AS old_and_new
	FOR EACH STATEMENT EXECUTE FUNCTION transition();
CREATE EXTENSION postgres_fdw;
CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host '${\$node->host}', port '${\$node->port}', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER loop;
CREATE FOREIGN TABLE far (id int, n int) SERVER loop
	OPTIONS (table_name 'many');
CREATE FOREIGN TABLE far1 (id int, n int) SERVER loop
	OPTIONS (table_name 'few', async_capable 'true');
CREATE FOREIGN TABLE far2 (id int, n int) SERVER loop
	OPTIONS (table_name 'few', async_capable 'true');
VACUUM ANALYZE;
SQL

# What EXPLAIN ANALYZE prints, in the form of stat_tree(), but with the rows of
# one loop, and with the alias for a relation's name where there is one
sub explain_tree
{
	my ($text) = @_;
	my @stack = ({ indent => -1, depth => -1, children => 0 });
	my @lines;

	foreach my $line (split /\n/, $text)
	{
		if ($line =~ /^( *)(?:CTE \S+|(?:InitPlan|SubPlan) \d+.*)$/)
		{
			# what follows is a child of the node that this belongs to
			pop @stack while $stack[-1]{indent} >= length $1;
			next;
		}
		next
		  unless $line =~
		  /^( *)(->  )?(\S.*?) \((?:actual rows=([\d.]+) loops=(\d+)|(never executed))\)$/;
		my ($indent, $name, $rows, $loops) = (length $1, $3, $4 // 0, $5 // 0);

		pop @stack while $stack[-1]{indent} >= $indent;
		my $parent = $stack[-1];
		push @stack,
		  { indent => $indent, depth => $parent->{depth} + 1, children => 0 };
		push @lines,
		  {
			place => "$stack[-1]{depth}." . ++$parent->{children},
			name => $name,
			rows => $rows,
			loops => $loops
		  };
	}
	return @lines;
}

# Are these the same node?
sub same_name
{
	my ($stat, $explained) = @_;
	my ($what, $of) = $explained =~ /^(.*?)(?: on (.*))?$/;
	my ($our_what, $our_of) = $stat =~ /^(.*?)(?: on (.*?))?$/;

	return 0 if $what ne $our_what || defined $of != defined $our_of;
	return 1 unless defined $of;
	$of =~ s/"//g;
	return 1 if $of eq $our_of;
	# "<relation> <alias>", of which STAT has the first, or of what is no
	# relation the second
	return scalar grep { $_ eq $our_of } split / /, $of;
}

sub check_case
{
	my ($settings, $sql) = @_;
	my @settings = map { "SET LOCAL $_" } grep { $_ ne '' } split /; */, $settings;
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);

	$session->query($_)
	  foreach "LOAD '$ENV{PGT_TEST_BIN}/custom_scan.so'", 'BEGIN', @settings;
	my $explained = $session->query(
		"EXPLAIN (ANALYZE, BUFFERS off, COSTS off, TIMING off, SUMMARY off) $sql");
	$session->query($_) foreach 'ROLLBACK', 'BEGIN', @settings, $sql, 'ROLLBACK';
	$session->close;
	my $trace = read_trace($node, $file);
	my $pattern = qr/^\Q$sql\E$/;
	my @stats = stats($trace, $pattern);
	my @got = stat_tree($node, $trace, $pattern);
	my @expected = explain_tree($explained);
	my @wrong;

	for (my $i = 0; $i < @got || $i < @expected; $i++)
	{
		my $is = $got[$i] // 'nothing';
		my $should = $expected[$i]
		  // { place => '', name => 'nothing', rows => 0, loops => 0 };
		my ($place, $name, $rows, $loops) =
		  $is =~ /^(\S+) (.+?) cnt=(\d+) str=(\d+)/;

		# EXPLAIN has a loop's rows, rounded; which parallel worker does how
		# much differs
		my $same_loops = $settings =~ /parallel/ || $loops == $should->{loops};
		push @wrong,
		  "$is for $should->{place} $should->{name} rows=$should->{rows} loops=$should->{loops}"
		  unless defined $place
		  && $place eq $should->{place}
		  && same_name($name =~ s/, .*//r, $should->{name})
		  && $same_loops
		  && abs($rows - $should->{rows} * $should->{loops}) <=
		  $should->{loops} / 2;
	}
	is_deeply(\@wrong, [], $sql) or diag($explained);
	ok(inclusive(@stats), 'inclusive figures');
	return map { $_->{text} =~ s/ (?:on|using) .*//r } @stats;
}

my $no_hash = 'enable_hashjoin = off; enable_hashagg = off';
my $no_merge = 'enable_mergejoin = off; enable_sort = off';
my $only_nested = 'enable_hashjoin = off; enable_mergejoin = off';
my $parallel =
	'max_parallel_workers_per_gather = 2; parallel_setup_cost = 0;'
  . ' parallel_tuple_cost = 0; min_parallel_table_scan_size = 0;'
  . ' parallel_leader_participation = off';
my @cases = (
	[ '', 'SELECT 1' ],
	[ '', 'SELECT count(*) FROM few TABLESAMPLE system (100)' ],
	[ '', 'SELECT * FROM many WHERE id = 5' ],
	[ '', 'SELECT id FROM many ORDER BY id DESC LIMIT 3' ],
	[ 'enable_indexonlyscan = off', 'SELECT id FROM many ORDER BY id DESC LIMIT 3' ],
	[ '', 'SELECT * FROM many WHERE n = 7 AND m = 7' ],
	[ '', 'SELECT * FROM many WHERE n = 7 OR m = 8' ],
	[ 'enable_seqscan = off', "SELECT * FROM few WHERE ctid = '(0,1)'" ],
	[ 'enable_seqscan = off', "SELECT * FROM few WHERE ctid > '(0,3)'" ],
	[ '', 'SELECT * FROM (SELECT id FROM few ORDER BY n LIMIT 5) s WHERE id > 1' ],
	[ '', 'SELECT * FROM set_of_few() f' ],
	[ '', 'SELECT * FROM generate_series(1, 4)' ],
	[ '', "SELECT * FROM xmltable('/a/b' PASSING '<a><b>1</b><b>2</b></a>' COLUMNS x int PATH '.') x" ],
	[ '', 'VALUES (1), (2), (3)' ],
	[ '', 'WITH c AS MATERIALIZED (SELECT id FROM few) SELECT * FROM c WHERE id > 5' ],
	[ '', 'WITH RECURSIVE r AS (SELECT 1 AS i UNION SELECT i + 1 FROM r WHERE i < 6) SELECT * FROM r' ],
	[ '', 'SELECT generate_series(1, n) FROM few' ],
	[ '', 'SELECT * FROM parts WHERE n > 60' ],
	[ 'enable_sort = off', 'SELECT * FROM parts ORDER BY n' ],
	[ '', 'SELECT * FROM few WHERE n = (SELECT 3)' ],
	[ '', 'SELECT (SELECT max(m) FROM many WHERE many.n = few.n) FROM few' ],
	[ '', 'SELECT * FROM few WHERE id NOT IN (SELECT m FROM many)' ],
	[ '', 'SELECT id FROM few WHERE false' ],
	[ $only_nested, 'SELECT * FROM few f JOIN many ON many.id = f.id' ],
	[ $only_nested, 'SELECT * FROM few f LEFT JOIN many ON many.id = f.id AND many.n > 3' ],
	[ "$only_nested; enable_memoize = off", 'SELECT * FROM few f, few g WHERE f.id < g.id' ],
	[ $only_nested, 'SELECT * FROM many m1 JOIN many m2 ON m1.n = m2.id WHERE m1.id < 500' ],
	[ $no_hash, 'SELECT * FROM few f JOIN few g USING (id)' ],
	[ "$no_hash; enable_nestloop = off", 'SELECT * FROM few f FULL JOIN few g USING (id)' ],
	[ "$no_merge; enable_nestloop = off", 'SELECT * FROM few f JOIN many ON many.n = f.n' ],
	[ "$no_merge; enable_nestloop = off", 'SELECT * FROM many LEFT JOIN few ON many.n = few.n' ],
	[ "$no_merge; enable_nestloop = off; enable_hashagg = off", 'SELECT * FROM few f WHERE EXISTS (SELECT FROM many WHERE many.n = f.id)' ],
	[ "$no_merge; enable_nestloop = off", 'SELECT * FROM few f WHERE NOT EXISTS (SELECT FROM many WHERE many.n = f.id)' ],
	[ "$no_merge; enable_nestloop = off; enable_hashagg = off", 'SELECT * FROM many WHERE EXISTS (SELECT FROM few WHERE few.id = many.n)' ],
	[ "$no_merge; enable_nestloop = off", 'SELECT * FROM many WHERE NOT EXISTS (SELECT FROM few WHERE few.id = many.n)' ],
	[ '', 'SELECT n FROM few ORDER BY n' ],
	[ 'enable_sort = off', 'SELECT id, m FROM many ORDER BY id, m LIMIT 20' ],
	[ 'enable_hashagg = off', 'SELECT n FROM few GROUP BY n' ],
	[ 'enable_hashagg = off', 'SELECT n, count(*) FROM few GROUP BY n' ],
	[ 'enable_sort = off', 'SELECT n, count(*) FROM few GROUP BY n' ],
	[ '', 'SELECT n, id, count(*) FROM few GROUP BY CUBE (n, id)' ],
	[ '', 'SELECT n, rank() OVER (ORDER BY n) FROM few' ],
	[ 'enable_hashagg = off', 'SELECT DISTINCT n FROM few' ],
	[ 'enable_hashagg = off', 'SELECT n FROM few EXCEPT SELECT id FROM few' ],
	[ '', 'SELECT n FROM few INTERSECT SELECT id FROM few' ],
	[ '', 'SELECT * FROM few FOR UPDATE' ],
	[ '', 'SELECT * FROM customized WHERE id > 3' ],
	[ '', 'SELECT * FROM far WHERE id < 30' ],
	[ '', 'SELECT * FROM far JOIN far1 USING (id)' ],
	[ '', 'SELECT * FROM far1 UNION ALL SELECT * FROM far2' ],
	[ '', 'UPDATE far1 SET n = 1 WHERE id = 1' ],
	[ '', 'DELETE FROM far WHERE id < 4 RETURNING id' ],
	[ '', 'INSERT INTO few VALUES (11, 1), (12, 2)' ],
	[ '', 'INSERT INTO parts SELECT 180, i FROM generate_series(1, 3) i' ],
	[ '', 'INSERT INTO many VALUES (1, 1, 1) ON CONFLICT DO NOTHING' ],
	[ '', 'UPDATE parts SET n = 1 WHERE id < 110' ],
	[ '', 'DELETE FROM few WHERE n = 1' ],
	[ '', 'MERGE INTO few USING many ON few.id = many.id WHEN MATCHED THEN DELETE' ],
	[ '', 'WITH d AS (DELETE FROM few RETURNING *) INSERT INTO triggered SELECT id FROM d' ],
	[ $parallel, 'SELECT count(*) FROM many' ],
	[ $parallel, 'SELECT count(*) FROM parts' ],
	[ "$parallel; enable_indexscan = off; enable_indexonlyscan = off; enable_bitmapscan = off", 'SELECT * FROM many ORDER BY n, id' ],
	[ "$parallel; enable_mergejoin = off; enable_nestloop = off", 'SELECT count(*) FROM many m1 JOIN many m2 ON m1.id = m2.id + 0' ]);

my %seen;
foreach my $case (@cases)
{
	$seen{$_} = 1 foreach check_case(@$case);
}

# the plan of a trigger's query, which EXPLAIN doesn't show
{
	my $trace = trace($node, 'INSERT INTO triggered VALUES (1), (2), (3)');
	my @lines = stat_tree($node, $trace, qr/old_and_new/);

	is_deeply(
		\@lines,
		['0.1 Named Tuplestore Scan on old_and_new cnt=2 str=1'],
		'transition table');
	$seen{ $lines[0] =~ /^\S+ (.+) on / ? $1 : '' } = 1;
}

# No kind is left out: those that nodes/plannodes.h declares, by EXPLAIN's names
my @kinds = (
	'Result', 'ProjectSet', 'Insert', 'Update', 'Delete', 'Merge', 'Append',
	'Merge Append', 'Recursive Union', 'BitmapAnd', 'BitmapOr', 'Nested Loop',
	'Nested Loop Left Join', 'Merge Join', 'Merge Full Join', 'Hash Join',
	'Hash Left Join', 'Hash Semi Join', 'Hash Anti Join', 'Seq Scan',
	'Parallel Seq Scan', 'Sample Scan', 'Gather', 'Gather Merge', 'Index Scan',
	'Index Scan Backward', 'Index Only Scan Backward', 'Bitmap Index Scan',
	'Bitmap Heap Scan', 'Tid Scan', 'Tid Range Scan', 'Subquery Scan',
	'Function Scan', 'Table Function Scan', 'Values Scan', 'CTE Scan',
	'Named Tuplestore Scan', 'WorkTable Scan', 'Foreign Scan',
	'Async Foreign Scan', 'Foreign Update', 'Custom Scan (test)',
	'Materialize', 'Memoize', 'Sort', 'Incremental Sort', 'Group', 'Aggregate',
	'GroupAggregate', 'HashAggregate', 'MixedAggregate', 'Partial Aggregate',
	'Finalize Aggregate', 'WindowAgg', 'Unique', 'SetOp Except', 'HashSetOp Intersect',
	'LockRows', 'Limit', 'Hash', 'Parallel Hash', 'Parallel Hash Join',
	'Parallel Append',
	PgTrace::Node::major() >= 16 ? 'Hash Right Anti Join' : (),
	PgTrace::Node::major() >= 18 ? 'Hash Right Semi Join' : ());
is_deeply([ grep { !$seen{$_} } @kinds ], [], 'every kind of node was seen');

clean_files($node);
done_testing();
