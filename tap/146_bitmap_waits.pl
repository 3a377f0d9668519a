# Waits of bitmap index scans: the executor runs these nodes in a way that no
# wrapper can see, so a probe tells them from the Bitmap Heap Scan above.  The
# truth is in the waits themselves: whatever is read from an index was read by
# that index's scan, and from the table by the scan of the table.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use Test::More;

# so few buffers that next to every block is read anew
my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'jit' => 'off',
	'shared_buffers' => '256kB',
	'max_parallel_workers_per_gather' => 0,
	'pg_trace.plan_stat' => 'all_executions',
	PgTrace::Node::read_itself());
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t (a int, b int, filler text);
INSERT INTO t SELECT i % 50, i % 70, repeat('x', 100)
	FROM generate_series(1, 50000) i;
CREATE INDEX t_a ON t (a);
CREATE INDEX t_b ON t (b);
CREATE TABLE few (n int);
INSERT INTO few SELECT generate_series(1, 3);
VACUUM ANALYZE;
CREATE FUNCTION nap(int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	n int := length(pg_sleep(0.001)::text);
BEGIN
	RETURN $1 + n;
END $$;
-- the second scan fails while its index is being read
CREATE FUNCTION fails() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL statement_timeout = 0;
	PERFORM count(*) FROM t WHERE a = 1 OR b = 1 / (SELECT 0);
	RETURN 0;
EXCEPTION WHEN division_by_zero THEN
	RETURN (SELECT count(filler) FROM t WHERE a = 7);
END $$;
SQL
my %name_of = map { split /\|/ } split /\n/,
  $node->safe_psql('postgres',
	"SELECT oid, relname FROM pg_class WHERE relname IN ('t', 't_a', 't_b', 'few')");
my @plain =
  ('SET enable_seqscan = off', 'SET enable_indexscan = off');

# Waits for blocks of these relations while the statement is executed; the
# planner reads an index, too.
sub reads_of
{
	my ($records, $pattern) = @_;
	my %planned = map { $_->{cursor} => $_->{line} }
	  calls_of($records, $pattern, 'PARSE');

	return grep {
			 $name_of{ $_->{fields}{'obj#'} }
		  && $_->{line} > $planned{ $_->{cursor} }
	} waits_of($records, $pattern, 'DataFileRead');
}

# How often which relation was read at which node:
# "<operation>: <relation>" => number of waits
sub reads
{
	my ($records, $pattern) = @_;
	my %text = map { $_->{fields}{id} => $_->{text} }
	  stats($records, $pattern);
	my %reads;

	foreach my $wait (reads_of($records, $pattern))
	{
		my $name = $name_of{ $wait->{fields}{'obj#'} };
		my $id = $wait->{fields}{node};

		$reads{ (defined $id ? $text{$id} // $id : 'none') . ": $name" }++;
	}
	return %reads;
}

# waits= of a statement's nodes against the lines; all executions together
sub sum_errors
{
	my ($records, $pattern) = @_;
	my %waits;

	$waits{ $_->{fields}{node} // 0 }++ foreach waits_of($records, $pattern);
	$waits{ $_->{fields}{id} } -= $_->{fields}{waits}
	  foreach stats($records, $pattern);
	return map { "$_: $waits{$_}" } grep { $_ && $waits{$_} } sort keys %waits;
}

sub check
{
	my ($sql, @expected) = @_;
	my $trace = trace($node, @plain, $sql);
	my $pattern = qr/^\Q$sql\E$/;
	my %reads = reads($trace, $pattern);

	is_deeply([ sort keys %reads ], [ sort @expected ], $sql)
	  or note(explain(\%reads));
	is_deeply([ sum_errors($trace, $pattern) ], [], 'and the sums');
	return $trace;
}

my $heap = 'Bitmap Heap Scan on t: t';
my $a = 'Bitmap Index Scan on t_a: t_a';
my $b = 'Bitmap Index Scan on t_b: t_b';

check('SELECT count(filler) FROM t WHERE a = 1', $heap, $a);
check('SELECT count(filler) FROM t WHERE a = 1 OR b = 2', $heap, $a, $b);
check('SELECT count(filler) FROM t WHERE a BETWEEN 1 AND 5 AND b BETWEEN 1 AND 5',
	$heap, $a, $b);
# scanned again and again
check('SELECT count(filler) FROM few, LATERAL (SELECT * FROM t WHERE a = n OFFSET 0) s',
	$heap, $a, 'Seq Scan on few: few');
# a plan within another one's index scan
{
	my $sql = 'SELECT count(filler) FROM t'
	  . ' WHERE a = (SELECT nap(n) FROM few WHERE n = 2) OR b = 3';
	my $trace = check($sql, $heap, $a, $b, 'Seq Scan on few: few');
	my @naps = waits_of($trace, qr/^\Q$sql\E$/, 'PgSleep');
	my ($scan) = grep { $_->{text} eq 'Seq Scan on few' }
	  stats($trace, qr/^\Q$sql\E$/);

	is_deeply([ map { $_->{fields}{node} } @naps ],
		[ $scan->{fields}{id} ], 'whose waits are its own');
}

# after an error, the next statement's nodes are its own
{
	my $trace = trace($node, @plain, 'SELECT fails()');
	my %reads = reads($trace, qr/^\(SELECT count/);

	is_deeply([ sort keys %reads ], [ sort $heap, $a ], 'after an error')
	  or note(explain(\%reads));
}

# in the first statement of a session that goes on, and so short that its waits
# and STAT lines reach the worker together
{
	my $sql = 'SELECT count(*) FROM t WHERE a = 1 AND b = 1';
	my $trace = trace(
		$node,
		{ set => { 'enable_seqscan' => 'off', 'enable_indexscan' => 'off' } },
		$sql, 'SELECT pg_sleep(0.3)');
	my @index = grep { $_->{text} =~ /^Bitmap Index/ }
	  stats($trace, qr/^\Q$sql\E$/);

	is_deeply([ map { $_->{fields}{waits} >= 0 ? 'known' : 'unknown' } @index ],
		[ ('known') x @index ], 'the first statement');
	cmp_ok(scalar @index, '>', 0, 'has a bitmap index scan');
	is_deeply([ sum_errors($trace, qr/^\Q$sql\E$/) ], [], 'and the sums');
}

# without STAT lines to add up for, waits name the same nodes
{
	my $sql = 'SELECT count(filler) FROM t WHERE a = 1 OR b = 2';
	my $trace = trace($node, { set => { 'pg_trace.plan_stat' => 'never' } },
		@plain, $sql, $sql);
	my (%nodes, %count);

	foreach my $wait (reads_of($trace, qr/^\Q$sql\E$/))
	{
		$nodes{ $name_of{ $wait->{fields}{'obj#'} } }
		  { $wait->{fields}{node} // 'none' } = 1;
	}
	is_deeply(
		{ map { $_ => join ' ', sort keys %{ $nodes{$_} } } keys %nodes },
		{ t => 2, t_a => 4, t_b => 5 },
		'plan_stat = never');
}

# All kinds of uprobes; a watchpoint has no place that could tell.
foreach my $kind (qw(uprobe_shared watchpoint))
{
	next
	  if $kind eq 'watchpoint'
	  && PgTrace::Node::skipped(PgTrace::Node::watchpoint_problem($node), 4);
	PgTrace::Node::set_probe($node, $kind, $kind);

	my $sql = 'SELECT count(filler) FROM t WHERE a = 1 OR b = 2';
	my $trace = trace($node, @plain, $sql);
	my ($or) = grep { $_->{text} eq 'BitmapOr' } stats($trace, qr/^\Q$sql\E$/);

	if ($kind eq 'watchpoint')
	{
		is($or->{fields}{$_}, -1, "$kind: $_ is unknown")
		  foreach qw(wait waits);
		is($or->{fields}{timing}, 'exact', "$kind: but clocks know the time");
		is_deeply(
			[
				map { $_->{fields}{waits} }
				  grep { $_->{text} =~ /^Bitmap Index/ }
				  stats($trace, qr/^\Q$sql\E$/)
			],
			[ -1, -1 ],
			"$kind: and of the index scans");
	}
	else
	{
		my %reads = reads($trace, qr/^\Q$sql\E$/);

		is_deeply([ sort keys %reads ], [ sort $heap, $a, $b ], $kind);
	}
}

clean_files($node);
done_testing();
