
=pod

=head1 NAME

PgTrace::NodeTimes - times of plan nodes, in STAT lines and in EXPLAIN ANALYZE

=head1 SYNOPSIS

  use PgTrace::NodeTimes;

  $node->safe_psql('postgres', PgTrace::NodeTimes::setup(20_000));
  foreach my $case (PgTrace::NodeTimes::cases())
  {
      my ($settings, $sql) = @$case;
      ...
  }

=head1 DESCRIPTION

Statements with every kind of plan node, and what the two say of them.  The
truth is that of the same execution: EXPLAIN ANALYZE of a traced session, which
reads its own clocks around the trace's.

=over

=item setup(rows)

SQL that makes the tables; the largest has so many rows.

=item cases()

The statements, as references to [settings, statement].

=cut

package PgTrace::NodeTimes;

use strict;
use warnings;

use JSON::PP;
use List::Util qw(max min);

sub setup
{
	my ($rows) = @_;

	return <<"SQL";
CREATE TABLE few (id int, n int, filler text);
INSERT INTO few SELECT i, i % 4, repeat('x', 50) || i FROM generate_series(1, 200) i;
CREATE TABLE many (id int PRIMARY KEY, n int, m int, filler text);
INSERT INTO many SELECT i, i % 100, i % 90, repeat('y', 50) || i FROM generate_series(1, $rows) i;
CREATE INDEX many_n ON many (n);
CREATE INDEX many_m ON many (m);
CREATE TABLE parts (id int, n int) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM (1000) TO (2000);
CREATE INDEX parts_n ON parts (n);
INSERT INTO parts SELECT i, i FROM generate_series(500, 1499) i;
CREATE TABLE target (id int PRIMARY KEY, n int);
INSERT INTO target SELECT i, i FROM generate_series(1, 300) i;
CREATE TABLE child (id int REFERENCES target ON DELETE CASCADE);
INSERT INTO child SELECT i FROM generate_series(1, 300) i;
CREATE INDEX child_id ON child (id);
CREATE TABLE log (what int);
CREATE TABLE before (id int);
CREATE TABLE after (id int);
CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	INSERT INTO log VALUES (NEW.id);
	RETURN NEW;
END \$\$;
CREATE TRIGGER t BEFORE INSERT ON before FOR EACH ROW EXECUTE FUNCTION log_it();
CREATE TRIGGER t AFTER INSERT ON after FOR EACH ROW EXECUTE FUNCTION log_it();
CREATE FUNCTION nested(int) RETURNS bigint LANGUAGE plpgsql AS \$\$
BEGIN
	RETURN (SELECT count(*) FROM few WHERE id <= \$1);
END \$\$;
CREATE FUNCTION nested_sql(int) RETURNS bigint VOLATILE LANGUAGE sql AS
	'SELECT count(*) FROM few WHERE id <= \$1';
CREATE FUNCTION catches(int) RETURNS int LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM 1 / (id - \$1) FROM few;
	RETURN 0;
EXCEPTION WHEN division_by_zero THEN
	RETURN (SELECT count(*) FROM few);
END \$\$;
CREATE FUNCTION set_of_few() RETURNS SETOF few LANGUAGE sql VOLATILE
	AS 'SELECT * FROM few';
SQL
}

my $no_hash = 'enable_hashjoin = off; enable_hashagg = off';
my $no_merge = 'enable_mergejoin = off; enable_nestloop = off';
my $only_nested = 'enable_hashjoin = off; enable_mergejoin = off';
my $parallel =
	'max_parallel_workers_per_gather = 2; parallel_setup_cost = 0;'
  . ' parallel_tuple_cost = 0; min_parallel_table_scan_size = 0';
my $no_index = 'enable_indexscan = off; enable_seqscan = off';
my @cases = (
	[ '', 'SELECT 1' ],
	[ '', 'VALUES (1), (2), (3)' ],
	[ '', 'SELECT id FROM few WHERE false' ],
	[ '', 'SELECT * FROM many WHERE id = 5' ],
	[ '', 'SELECT count(*) FROM few' ],
	[ '', 'SELECT sum(length(md5(filler))) FROM few' ],
	[ '', 'SELECT count(*) FROM many' ],
	[ '', 'SELECT max(md5(md5(md5(md5(filler))))) FROM many' ],
	[ '', 'SELECT count(*) FROM many WHERE md5(md5(filler)) > m::text' ],
	[ '', 'SELECT count(*) FROM few TABLESAMPLE system (100)' ],
	[ '', 'SELECT id FROM many ORDER BY id DESC LIMIT 3' ],
	[ 'enable_indexonlyscan = off', 'SELECT max(filler) FROM (SELECT * FROM many ORDER BY id LIMIT 700) s' ],
	[ $no_index, 'SELECT count(*) FROM many WHERE n = 7' ],
	[ $no_index, 'SELECT count(filler) FROM many WHERE n = 7 AND m = 7' ],
	[ $no_index, 'SELECT count(filler) FROM many WHERE n = 7 OR m = 8' ],
	[ 'enable_seqscan = off', "SELECT * FROM few WHERE ctid = '(0,1)'" ],
	[ 'enable_seqscan = off', "SELECT * FROM few WHERE ctid > '(0,3)'" ],
	[ '', 'SELECT count(*) FROM (SELECT id FROM few ORDER BY n LIMIT 50 OFFSET 2) s WHERE id > 1' ],
	[ '', 'SELECT count(*) FROM set_of_few() f' ],
	[ '', 'SELECT count(*) FROM generate_series(1, 500)' ],
	[ '', 'SELECT count(*) FROM generate_series(1, 1000000)' ],
	[ '', "SELECT * FROM xmltable('/a/b' PASSING '<a><b>1</b><b>2</b></a>' COLUMNS x int PATH '.') x" ],
	[ '', 'WITH c AS MATERIALIZED (SELECT id, md5(filler) FROM few) SELECT count(*) FROM c WHERE id > 5' ],
	[ '', 'WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 200) SELECT count(*) FROM r' ],
	[ '', 'SELECT generate_series(1, n) FROM few' ],
	[ '', 'SELECT count(*) FROM parts WHERE n > 600' ],
	[ 'enable_sort = off', 'SELECT count(*) FROM (SELECT * FROM parts ORDER BY n OFFSET 0) s' ],
	[ '', 'SELECT count(*) FROM few WHERE n = (SELECT max(n) FROM few)' ],
	[ '', 'SELECT (SELECT max(m) FROM many WHERE many.id = few.id + 0) FROM few' ],
	[ '', 'SELECT count(*) FROM few WHERE id NOT IN (SELECT m FROM many)' ],
	[ $only_nested, 'SELECT count(*) FROM few f JOIN many ON many.id = f.id' ],
	[ $only_nested, 'SELECT count(*) FROM few f LEFT JOIN many ON many.id = f.id AND many.n > 3' ],
	[ "$only_nested; enable_memoize = off", 'SELECT count(*) FROM few f, few g WHERE f.id < g.id' ],
	[ $only_nested, 'SELECT count(*) FROM many m1 JOIN many m2 ON m1.n = m2.id WHERE m1.id < 500' ],
	[ $only_nested, 'SELECT count(*) FROM generate_series(1, 300) g, generate_series(1, 10000) h' ],
	[ $no_hash, 'SELECT count(*) FROM few f JOIN few g USING (id)' ],
	[ "$no_hash; enable_nestloop = off", 'SELECT count(*) FROM many f JOIN many g USING (id)' ],
	[ $no_merge, 'SELECT count(*) FROM few f JOIN few g USING (id)' ],
	[ $no_merge, 'SELECT count(*) FROM many f JOIN many g USING (id)' ],
	[ "$no_merge; work_mem = '64kB'", 'SELECT count(*) FROM many f JOIN many g USING (id, filler)' ],
	[ $no_merge, 'SELECT count(*) FROM many LEFT JOIN few ON many.n = few.id' ],
	[ "$no_merge; enable_hashagg = off", 'SELECT count(*) FROM few f WHERE EXISTS (SELECT FROM many WHERE many.n = f.id)' ],
	[ $no_merge, 'SELECT count(*) FROM many WHERE NOT EXISTS (SELECT FROM few WHERE few.id = many.n)' ],
	[ '', 'SELECT count(*) FROM (SELECT n FROM few ORDER BY n OFFSET 0) s' ],
	[ '', 'SELECT count(*) FROM (SELECT n FROM many ORDER BY filler OFFSET 0) s' ],
	[ q(work_mem = '64kB'), 'SELECT count(*) FROM (SELECT n FROM many ORDER BY filler OFFSET 1) s' ],
	[ 'enable_sort = off', 'SELECT count(*) FROM (SELECT n, id FROM many ORDER BY n, id LIMIT 400) s' ],
	[ 'enable_hashagg = off', 'SELECT n, count(*) FROM few GROUP BY n' ],
	[ 'enable_sort = off', 'SELECT n, count(*) FROM many GROUP BY n' ],
	[ '', 'SELECT n, m, count(*) FROM many GROUP BY CUBE (n, m) ORDER BY 3 DESC LIMIT 2' ],
	[ '', 'SELECT count(*) FROM (SELECT n, rank() OVER (ORDER BY n) FROM few) s' ],
	[ '', 'SELECT count(*) FROM (SELECT sum(id) OVER (PARTITION BY n ORDER BY id) FROM many) s' ],
	[ 'enable_hashagg = off', 'SELECT DISTINCT n FROM few' ],
	[ '', 'SELECT id FROM few INTERSECT SELECT n FROM many' ],
	[ '', 'SELECT count(*) FROM (SELECT id FROM few UNION ALL SELECT n FROM few) s' ],
	[ '', 'SELECT count(nested(id)) FROM few' ],
	[ '', 'SELECT count(nested_sql(id)) FROM few' ],
	[ '', 'SELECT count(catches(id)) FROM few WHERE id < 20' ],
	[ '', 'SELECT count(pg_sleep(0.001)) FROM few WHERE id <= 30' ],
	[ '', 'SELECT count(*) FROM few WHERE id <= 30 AND pg_sleep(0.001) IS NOT NULL' ],
	[ '', 'SELECT * FROM few WHERE id < 9 FOR UPDATE' ],
	[ '', 'INSERT INTO target SELECT id + 1000, 1 FROM few' ],
	[ '', 'INSERT INTO before SELECT id FROM few' ],
	[ '', 'INSERT INTO after SELECT id FROM few' ],
	[ '', 'UPDATE target SET n = n + 1' ],
	[ '', 'UPDATE many SET n = n + 1 WHERE id < 3000' ],
	[ '', 'DELETE FROM target WHERE id <= 50' ],
	[ '', 'DELETE FROM parts WHERE id IN (600, 1200) RETURNING n' ],
	[ '', 'INSERT INTO target VALUES (5, 5) ON CONFLICT (id) DO UPDATE SET n = 6' ],
	[ '', 'MERGE INTO target USING few ON target.id = few.id WHEN MATCHED THEN UPDATE SET n = 1' ],
	[ '', 'WITH i AS (INSERT INTO log SELECT id FROM few RETURNING what) SELECT count(*) FROM i' ],
	[ '', 'WITH i AS (INSERT INTO log SELECT id FROM few) SELECT 1' ],
	[ $parallel, 'SELECT count(*) FROM few' ],
	[ $parallel, 'SELECT sum(length(md5(filler))) FROM many' ],
	[ "$parallel; $no_merge", 'SELECT count(*) FROM many a JOIN many b USING (id)' ],
	[ $parallel, 'SELECT * FROM many ORDER BY md5(filler) LIMIT 3' ],
	[ "$parallel; parallel_leader_participation = off", 'SELECT max(md5(md5(filler))) FROM many' ]);

sub cases { return @cases }

=pod

=item explained(json)

The nodes of EXPLAIN (ANALYZE, FORMAT JSON), in the order of STAT lines, as
hashes with C<time> in microseconds of all loops, C<loops>, C<rows>, C<parent> (its place in
the list, from 1, or 0), C<name>, and C<apart> for an InitPlan or a CTE.

=cut

sub explained
{
	my ($json) = @_;
	my @nodes;
	my $walk;

	$walk = sub {
		my ($plan, $parent) = @_;
		my $loops = $plan->{'Actual Loops'};

		push @nodes,
		  {
			parent => $parent,
			name => $plan->{'Node Type'},
			apart => ($plan->{'Parent Relationship'} // '') eq 'InitPlan',
			loops => $loops,
			rows => $plan->{'Actual Rows'} * $loops,
			time => ($plan->{'Actual Total Time'} // 0) * 1000 * $loops
		  };
		my $id = @nodes;
		$walk->($_, $id) foreach @{ $plan->{Plans} || [] };
	};
	$walk->(decode_json($json)->[0]{Plan}, 0);
	return @nodes;
}

=pod

=item compared(\@stats, \@explained)

The nodes of a statement, as hashes with C<name>, C<ours> and C<theirs> in microseconds, the
C<bound> that they may differ by (5 %, three standard errors or 20 us, and what
EXPLAIN has rounded), and the number of C<calls> of the node.  Nodes whose time isn't known
have no C<ours>.

What an InitPlan or a CTE takes is in EXPLAIN's times of the nodes that needed
it first, besides those above it; in STAT lines it isn't.  So it is taken off
where that brings the two closer.

=back

=cut

sub compared
{
	my ($stats, $explained) = @_;
	my $top = $stats->[0]{fields};
	my @result;

	foreach my $i (0 .. $#$stats)
	{
		my $fields = $stats->[$i]{fields};
		my $theirs = $explained->[$i];
		my $ours = $fields->{procs_time} // $fields->{time};
		my $time = $theirs->{time};
		my $error = 0;

		# what is before and after the rows of a statement that changes data
		$ours -= ($fields->{start_time} // 0) + ($fields->{finish_time} // 0)
		  if $i == 0;
		if ($fields->{timing} eq 'mixed' && $top->{samples} > 0 && $i > 0)
		{
			my $p = min(1, $ours / $top->{time});
			$error = $top->{time} * sqrt($p * (1 - $p) / $top->{samples});
		}
		foreach my $apart (apart_from($explained, $i))
		{
			$time -= $apart if abs($time - $apart - $ours) < abs($time - $ours);
		}
		push @result,
		  {
			name => $stats->[$i]{text},
			$fields->{time} == -1 || $ours == -1 ? () : (ours => $ours),
			theirs => $time,
			timing => $fields->{timing},
			bound => max(0.05 * $theirs->{time}, 3 * $error, 20) +
			  0.5 * $theirs->{loops},
			calls => $theirs->{rows} + $theirs->{loops}
		  };
	}
	return @result;
}

# The times of InitPlans and CTEs that aren't below a node, nor is it in them
sub apart_from
{
	my ($nodes, $i) = @_;
	my $is_in = sub {
		my ($id, $above) = @_;

		$id = $nodes->[ $id - 1 ]{parent} while $id > $above;
		return $id == $above;
	};

	return map { $nodes->[ $_ - 1 ]{time} }
	  grep {
		     $nodes->[ $_ - 1 ]{apart}
		  && !$is_in->($_, $i + 1)
		  && !$is_in->($i + 1, $_)
	  } 1 .. @$nodes;
}

1;
