# node= of waits: the plan node that was executing, as STAT lines number them,
# and the sums in STAT lines.  Most statements sleep at a known node, once per
# row that comes by.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'jit' => 'off',
	'max_parallel_workers_per_gather' => 0,
	'pg_trace.plan_stat' => 'all_executions',
	PgTrace::Node::read_itself());
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE few (id int PRIMARY KEY, n int);
INSERT INTO few SELECT i, i FROM generate_series(1, 6) i;
CREATE TABLE many (id int PRIMARY KEY, n int, filler text);
INSERT INTO many SELECT i, i % 100, repeat('x', 100)
	FROM generate_series(1, 10000) i;
CREATE INDEX many_n ON many (n);
CREATE TABLE parts (id int) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
INSERT INTO parts SELECT generate_series(98, 102);
CREATE TABLE target (id int PRIMARY KEY, n int);
INSERT INTO target VALUES (1, 1);
CREATE TABLE log (what text);
VACUUM ANALYZE;

-- sleeps in the middle of an expression; no statement runs in it
CREATE FUNCTION nap(int) RETURNS int IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
DECLARE
	n int := length(pg_sleep(0.001)::text);
BEGIN
	RETURN $1 + n;
END $$;
CREATE FUNCTION nested(int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	n int := (SELECT count(*) FROM few WHERE id <= 2 AND nap(id) > 0);
BEGIN
	RETURN nap(n);
END $$;
CREATE FUNCTION nested_sql(int) RETURNS bigint VOLATILE LANGUAGE sql AS
	'SELECT count(*) FROM few WHERE id <= 2 AND nap(id) > $1';
CREATE FUNCTION rows_sql() RETURNS SETOF int VOLATILE LANGUAGE sql AS
	'SELECT id FROM few WHERE nap(id) > 2';
CREATE FUNCTION fails(int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 / (id - 2) FROM few WHERE nap(id) > 0;
	RETURN 0;
EXCEPTION WHEN division_by_zero THEN
	RETURN nap($1);
END $$;
CREATE FUNCTION loops() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	r record;
	n int := 0;
BEGIN
	FOR r IN SELECT id FROM few WHERE nap(id) > 0 ORDER BY id LOOP
		n := n + nested(r.id);
		EXIT WHEN r.id = 3;
	END LOOP;
	RETURN n;
END $$;
CREATE FUNCTION opens(c refcursor) RETURNS refcursor LANGUAGE plpgsql AS $$
BEGIN
	OPEN c FOR SELECT id FROM few WHERE nap(id) > 0;
	RETURN c;
END $$;
CREATE FUNCTION two_cursors() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	a refcursor := opens('a');
	b refcursor := opens('b');
	x int;
BEGIN
	FOR i IN 1 .. 2 LOOP
		FETCH a INTO x;
		FETCH b INTO x;
		FETCH b INTO x;
	END LOOP;
	CLOSE a;
	FETCH b INTO x;
	CLOSE b;
END $$;
CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log SELECT NEW.id FROM few WHERE id = 1 AND nap(id) > 0;
	RETURN NEW;
END $$;
CREATE TABLE watched (id int PRIMARY KEY, n int CHECK (nap(n) > 0));
CREATE TRIGGER before BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION log_it();
CREATE TRIGGER after AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION log_it();
SQL

# How often a statement slept at which node: "<operation> <times>", in the
# order of the plan; "none <times>" for sleeps at no node.  A node that isn't
# in the STAT lines is a number.
sub sleeps
{
	my ($records, $pattern, $event) = @_;
	my %text = map { $_->{fields}{id} => $_->{text} }
	  stats($records, $pattern);
	my %times;

	foreach my $wait (waits_of($records, $pattern, $event || 'PgSleep'))
	{
		$times{ $wait->{fields}{node} // 0 }++;
	}
	return map { ($_ ? $text{$_} // $_ : 'none') . " $times{$_}" }
	  sort { $a <=> $b } keys %times;
}

# Are the sums in STAT lines those of the statement's waits?  (Of all its
# executions, which therefore must not have been open at the same time.)
sub sum_errors
{
	my ($records) = @_;
	my (%sum, %times, @errors);

	foreach my $record (@$records)
	{
		my $fields = $record->{fields};

		if ($record->{type} eq 'WAIT' && $fields->{node})
		{
			$sum{ $record->{cursor} }{ $fields->{node} } += $fields->{ela};
			$times{ $record->{cursor} }{ $fields->{node} }++;
		}
		elsif ($record->{type} eq 'STAT')
		{
			my $times = delete $times{ $record->{cursor} }{ $fields->{id} } || 0;
			my $sum = delete $sum{ $record->{cursor} }{ $fields->{id} } || 0;

			# what was cut off from the times may add up
			push @errors, "line $record->{line}: waits=$fields->{waits} wait=$fields->{wait},"
			  . " but $times of $sum"
			  if $fields->{waits} != $times
			  || $fields->{wait} < $sum
			  || $fields->{wait} > $sum + $times;
		}
		elsif ($record->{type} eq 'ERROR' && $record->{cursor})
		{
			delete $times{ $record->{cursor} };
			delete $sum{ $record->{cursor} };
		}
	}
	return @errors;
}

# Sleeps in expressions of all kinds of nodes
my @cases = (
	[ 'SELECT count(*) FROM few WHERE nap(id) > 0', 'Seq Scan on few 6' ],
	[ 'SELECT sum(nap(n)) FROM few', 'Aggregate 6' ],
	[ 'SELECT nap(n) FROM few ORDER BY n', 'Seq Scan on few 6' ],
	[ 'SELECT id FROM few WHERE nap(id) > 0 LIMIT 3', 'Seq Scan on few 3' ],
	[ 'SELECT nap(x::int) FROM (VALUES (random() * 9)) v(x)', 'Values Scan on *VALUES* 1' ],
	[
		'SELECT f.id FROM few f JOIN many m ON m.id = f.id AND nap(m.n) > 0',
		'Index Scan using many_pkey on many 6'
	],
	[
		'SELECT nap(f.id + m.n) FROM few f JOIN many m ON m.id = f.id',
		'Nested Loop 6'
	],
	[
		'SELECT /* hash */ f.id FROM many m JOIN few f ON m.filler = nap(f.id)::text',
		'Hash 6'
	],
	[
		'SELECT /* hash */ f.id FROM (SELECT n FROM many LIMIT 5) m JOIN few f ON nap(m.n) = f.id + 1000',
		'Hash Join 5'
	],
	[
		'SELECT /* hash */ f.id FROM (SELECT n FROM many WHERE nap(n) > 0 LIMIT 5) m'
		  . ' JOIN (SELECT id FROM few WHERE nap(id) > 0 OFFSET 0) f ON m.n = f.id',
		'Seq Scan on many 5',
		'Seq Scan on few 6'
	],
	[
		'SELECT id, (SELECT nap(m.n) FROM many m WHERE m.id = f.id) FROM few f',
		'Index Scan using many_pkey on many 6'
	],
	[
		'SELECT count(*) FROM few WHERE nap(id) < (SELECT max(nap(n)) FROM few f)',
		'Aggregate 6',
		'Seq Scan on few 6'
	],
	[
		'WITH c AS MATERIALIZED (SELECT nap(id) AS id FROM few)'
		  . ' SELECT count(*) FROM c WHERE nap(id) > 2',
		'Seq Scan on few 6',
		'CTE Scan on c 6'
	],
	[
		'WITH RECURSIVE r(i) AS (SELECT nap(id) FROM few WHERE id = 1 UNION ALL'
		  . ' SELECT nap(i + 1) FROM r WHERE i < 3) SELECT count(*) FROM r',
		'Seq Scan on few 1', 'WorkTable Scan on r 2'
	],
	[
		'SELECT * FROM parts WHERE nap(id) > 0',
		'Seq Scan on part1 2',
		'Seq Scan on part2 3'
	],
	[ 'SELECT * FROM rows_sql() r WHERE nap(r) > 5', 'Function Scan on r 4' ],
	[
		'SELECT * FROM many WHERE n = 7 AND id < 1000 AND nap(id) > 0',
		'Bitmap Heap Scan on many 10'
	],
	[ 'SELECT count(nested(id)) FROM few WHERE id <= 3', 'Aggregate 3' ],
	[ 'SELECT count(nested_sql(id)) FROM few WHERE nap(id) > 0', 'Seq Scan on few 6' ],
	[ 'SELECT count(fails(id)) FROM few WHERE nap(id) > 3', 'Aggregate 3', 'Seq Scan on few 6' ],
	[
		'UPDATE few SET n = 0 WHERE nap(id) > 3 RETURNING nap(id)',
		'Update on few 3',
		'Seq Scan on few 6'
	],
	[ 'INSERT INTO watched SELECT id, nap(id) FROM few LIMIT 2',
		'Insert on watched 2', 'Seq Scan on few 2' ],
	[
		'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT 1 FROM few WHERE nap(id) > 0',
		'Seq Scan on few 6'
	]);
{
	my $trace = trace($node, 'BEGIN', 'SET LOCAL enable_mergejoin = off',
		(map { $_->[0] } @cases), 'ROLLBACK');

	foreach my $case (@cases)
	{
		my ($sql, @expected) = @$case;

		is_deeply([ sleeps($trace, qr/^\Q$sql\E$/) ], \@expected, $sql);
	}
	is_deeply([ sum_errors($trace) ], [], 'sums in STAT lines');
	is_deeply([ sleeps($trace, qr/^\(SELECT count.* FROM few WHERE id <= 2/) ],
		['Seq Scan on few 6'], 'a statement in a function');
	is_deeply(
		[ sleeps($trace, qr/^SELECT count.* FROM few WHERE id <= 2/) ],
		['Seq Scan on few 12'], 'in an SQL function');
	is_deeply([ sleeps($trace, qr/^SELECT id FROM few WHERE nap\(id\) > 2/) ],
		['Seq Scan on few 6'], 'in a function that returns rows');
	is_deeply([ sleeps($trace, qr/^INSERT INTO log/) ],
		['Seq Scan on few 4'], 'in triggers');
	is_deeply([ grep { $_->{fields}{node} }
			grep { $_->{fields}{nam} eq 'ClientRead' }
			PgTrace::File::of_type($trace, 'WAIT') ],
		[], 'no node between statements');
}

# where it goes on after an error, and after the end of a loop
{
	my $trace = trace($node,
		'DO $$ DECLARE x int; BEGIN x := fails(1); x := nap(x); x := nap(x); END $$',
		'SELECT 1 / (id - 3) FROM few WHERE nap(id) > 0',
		'SELECT loops()',
		'SELECT two_cursors()',
		'SELECT id + 0 FROM few WHERE nap(id) > 0');

	is_deeply([ sleeps($trace, qr/^DO/) ], ['none 3'],
		'no node after an error that was caught');
	is_deeply([ map { $_->{fields}{node} } waits_of($trace, qr/^SELECT 1 . \(id - 3/, 'PgSleep') ],
		[ 1, 1, 1 ], 'until an error');
	is_deeply([ sleeps($trace, qr/^SELECT id FROM few WHERE nap.* ORDER/) ],
		['Seq Scan on few 6'], 'a FOR loop that is left');
	is_deeply([ sleeps($trace, qr/^SELECT id \+ 0/) ],
		['Seq Scan on few 6'], 'the statement after an error');

	# both have the same text, so they are one cursor
	is_deeply([ map { $_->{fields}{waits} }
			stats($trace, qr/^SELECT id FROM few WHERE nap\(id\) > 0$/) ],
		[ 2, 5 ], 'two executions that are open at the same time');
}

# a cursor that is read in portions
{
	my $trace = trace($node, 'BEGIN',
		'DECLARE c CURSOR FOR SELECT id FROM few WHERE nap(id) > 0',
		'FETCH 2 FROM c',
		'SELECT sum(nap(n)) FROM few',
		'FETCH 3 FROM c',
		'SELECT nap(1)',
		'CLOSE c', 'COMMIT');

	is_deeply([ sleeps($trace, qr/^DECLARE c/) ],
		['Seq Scan on few 5'], 'a cursor');
	is_deeply([ sleeps($trace, qr/^SELECT sum/) ],
		['Aggregate 6'], 'a statement between');
	is_deeply([ sum_errors($trace) ], [], 'sums in STAT lines');
}

# while it is open, the trace ends and another one begins
{
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $first = session_file($node, $session);

	$session->query('BEGIN');
	$session->query('DECLARE c CURSOR FOR SELECT 6 / (5 - id) FROM few WHERE nap(id) > 0');
	is($session->query('FETCH 2 FROM c'), "1\n2", 'traced');
	$session->query('SELECT pg_trace_stop_trace()');
	is($session->query('FETCH 1 FROM c'), '3', 'not traced');
	my $second = $session->query('SELECT pg_trace_start_trace()');
	is($session->query('FETCH 1 FROM c'), '6', 'in another trace');
	$session->query('SAVEPOINT s');
	$session->query('FETCH 1 FROM c');
	like($session->error, qr/division by zero/, 'until an error');
	$session->query('ROLLBACK TO s');
	$session->query('SELECT sum(nap(id)) FROM few');
	$session->close;

	is_deeply([ map { $_->{fields}{node} } waits_of(read_trace($node, $first), qr/^DECLARE/, 'PgSleep') ],
		[ 1, 1 ], 'the first trace has nodes');
	my $trace = read_trace($node, $second);
	is_deeply([ map { $_->{fields}{node} } waits_of($trace, qr/^DECLARE/, 'PgSleep') ],
		[ 1, 1 ], 'and the second');
	is_deeply([ map { $_->{fields}{node} // () } waits_of($trace, qr/^FETCH|^SAVEPOINT|^ROLLBACK/) ],
		[], 'but not between');
	is_deeply([ sleeps($trace, qr/^SELECT sum/) ],
		['Aggregate 6'], 'but those of its own');
}

# a row that is locked; the new version is checked in ModifyTable
{
	my $other = PgTrace::Session->new($node);
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);

	$other->query('BEGIN; UPDATE target SET n = 2');
	$session->send('UPDATE target SET n = n + 1 WHERE nap(n) > 0');
	$session->wait_for_event('transactionid');
	$other->query('COMMIT');
	$session->wait;
	$_->close foreach $session, $other;
	my $trace = read_trace($node, $file);
	is_deeply([ sleeps($trace, qr/^UPDATE target/, 'transactionid') ],
		['Update on target 1'], 'a lock');
	is_deeply([ sleeps($trace, qr/^UPDATE target/) ],
		[ 'Update on target 1', 'Seq Scan on target 1' ],
		'the check of the new version of the row');
}

# pages that are read
{
	$node->restart;
	my $trace = trace($node,
		'SELECT max(filler), (SELECT sum(n) FROM few) FROM many');
	my @scans = grep { $_->{text} =~ /^Seq Scan/ } stats($trace, qr/^SELECT max/);

	is(scalar @scans, 2, 'two scans');
	is_deeply(
		[
			grep { !/^none/ } sleeps($trace, qr/^SELECT max/, 'DataFileRead')
		],
		[ map { "$_->{text} $_->{fields}{pr}" } @scans ],
		'each of their blocks is read at the right one');
	is_deeply([ sum_errors($trace) ], [], 'sums in STAT lines');
}

# parallel workers
{
	my $session = PgTrace::Session->new(
		$node,
		options => '-c pg_trace.session=on -c parallel_setup_cost=0'
		  . ' -c parallel_tuple_cost=0 -c min_parallel_table_scan_size=0'
		  . ' -c max_parallel_workers_per_gather=2 -c enable_mergejoin=off'
		  . ' -c enable_nestloop=off');
	my $file = session_file($node, $session);
	my @queries = (
		'SELECT count(*) FROM many WHERE id < 30 AND nap(id) > 0',
		'SELECT count(nap(a.id)) FROM many a JOIN many b ON a.n = b.id WHERE a.id < 30',
		'SELECT count(*) FROM many a JOIN many b ON nap(a.n) = b.id WHERE a.id < 30');

	$session->query('SET enable_indexscan = off; SET enable_bitmapscan = off');
	$session->query($_) foreach @queries;
	$session->close;
	my $leader = read_trace($node, $file);
	my @workers = map { /^PARALLEL WORKER.* FILE (\S+)$/ ? read_trace($node, $1) : () }
	  map { $_->{text} } PgTrace::File::of_type($leader, 'NOTE');
	my @at = (qr/^Parallel Seq Scan on many/, qr/^Partial Aggregate/, qr/^Parallel Hash Join/);

	foreach my $i (0 .. $#queries)
	{
		my (%at, @errors);

		foreach my $trace ($leader, @workers)
		{
			$at{$_}++ foreach map { s/ \d+$//r } sleeps($trace, qr/^\Q$queries[$i]\E$/);
			push @errors, sum_errors($trace);
		}
		is_deeply([ grep { $_ !~ $at[$i] } keys %at ], [], "$queries[$i]: nowhere else")
		  or diag(explain(\%at));
		cmp_ok(scalar(keys %at), '>', 0, 'but there');
		is_deeply(\@errors, [], 'sums in STAT lines');
	}
}

# off
{
	my $trace = trace($node, { set => { 'pg_trace.node_waits' => 'off' } },
		'SELECT count(*) FROM few WHERE nap(id) > 0');

	is_deeply([ sleeps($trace, qr/^SELECT count/) ], ['none 6'],
		'node_waits = off');
	is_deeply([ grep { defined $_->{fields}{waits} } stats($trace, qr/./) ],
		[], 'no sums');
	$trace = trace($node, { set => { 'pg_trace.waits' => 'off' } },
		'SELECT count(*) FROM few WHERE nap(id) > 0');
	is_deeply([ grep { defined $_->{fields}{waits} } stats($trace, qr/./) ],
		[], 'no sums without waits');
}

clean_files($node);
done_testing();
