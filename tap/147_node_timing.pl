# pg_trace.node_timing: times in STAT lines by sampling are those that clocks
# would measure, as far as the number of samples allows for.  What is true of all
# times, 148 has.

use strict;
use warnings;

use List::Util qw(max sum0);
use PgTrace::Node;
use PgTrace::Check;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'jit' => 'off',
	'max_parallel_workers_per_gather' => 0,
	'shared_buffers' => '128MB',
	'work_mem' => '256MB');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE many (id int, filler text);
INSERT INTO many SELECT i, repeat('x', 60) || i FROM generate_series(1, 250000) i;
CREATE TABLE few AS SELECT * FROM many LIMIT 5000;
CREATE FUNCTION nested(int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT sum(length(md5(filler))) FROM many WHERE id <= $1);
END $$;
CREATE FUNCTION nested_nap() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(0.2);
	RETURN 1;
END $$;
VACUUM ANALYZE;
SQL

# The operation's first word => what nodes of that name have used themselves
sub own_times
{
	my (@stats) = @_;
	my (%below, %own);

	$below{ $_->{fields}{pid} } += $_->{fields}{time} foreach @stats;
	$own{ (split ' ', $_->{text})[0] } +=
	  $_->{fields}{time} - ($below{ $_->{fields}{id} } // 0)
	  foreach @stats;
	return %own;
}

###############################################################################
# Against the exact times of the same query
###############################################################################

{
	# How fast a CPU is, and what else it has to do, changes from second to
	# second.  So the nodes take turns many times, rather than have a second
	# each: in a plan that is executed again and again.
	my $sql =
	  'SELECT max((SELECT max(md5(h))'
	  . ' FROM (SELECT md5(filler) AS h FROM few'
	  . ' WHERE id > g ORDER BY 1) s))'
	  . ' FROM generate_series(-60, -1) g';
	my (%stats, %share, %cpu, %away);

	# The clocks count the time for which another process has the CPU, too: of
	# several runs of each kind, the one with the least of that serves.
	foreach my $timing (('sampled', 'exact') x 4)
	{
		last if %away == 2 && max(values %away) < 0.02;
		my $trace =
		  trace($node, { set => { 'pg_trace.node_timing' => $timing } }, $sql);
		my @stats = stats($trace, qr/^SELECT max/);
		my %own = own_times(@stats);
		my ($fetch) = calls_of($trace, qr/^SELECT max/, 'FETCH');

		my $away = 1 - $fetch->{fields}{c} / $fetch->{fields}{e};
		next if defined $away{$timing} && $away{$timing} < $away;
		$away{$timing} = $away;
		$cpu{$timing} = $fetch->{fields}{c};
		$stats{$timing} = \@stats;
		$share{$timing} =
		  { map { $_ => $own{$_} / $stats[0]{fields}{time} } keys %own };
		is_deeply([ map { $_->{fields}{timing} // '' } @stats ],
			[ ($timing eq 'exact' ? 'exact' : 'mixed') x @stats ],
			"lines say that they are $timing");
		# but what was before the executor
		cmp_ok($stats[0]{fields}{time}, '<=', $fetch->{fields}{e},
			'no more than the time is there');
		cmp_ok($stats[0]{fields}{time}, '>', $fetch->{fields}{e} * 0.99,
			'and all of it');
		note join ' ', $timing, %own;
	}
	my ($top) = @{ $stats{sampled} };
	my $samples = $top->{fields}{samples};

	# of about a millisecond each; the first is a longer one
	cmp_ok($samples, '>', $cpu{sampled} / 1000 * 0.8, 'as many samples as expected');
	cmp_ok($samples, '<', $cpu{sampled} / 1000 * 1.05, 'and not more');
	is(join(' ', sort keys %{ $share{sampled} }),
		'Aggregate Function Seq Sort', 'nodes');
	foreach my $name (sort keys %{ $share{exact} })
	{
		my $exact = $share{exact}{$name};
		my $sampled = $share{sampled}{$name};
		# the clocks themselves take some time, and are everywhere
		my $bound = max(0.08, 3 * sqrt($exact * (1 - $exact) / $samples)) +
		  max($away{exact}, 0) + max($away{sampled}, 0);

		cmp_ok(abs($sampled - $exact), '<=', $bound,
			sprintf('%s: %.3f of the time by samples, %.3f by the clock',
				$name, $sampled, $exact));
	}
	foreach my $field (qw(cnt str cr pr pw))
	{
		is_deeply(
			[ map { $_->{fields}{$field} } @{ $stats{sampled} } ],
			[ map { $_->{fields}{$field} } @{ $stats{exact} } ],
			"the same $field");
	}
}

###############################################################################
# What is in a node's time
###############################################################################

{
	my $trace = trace($node,
		'SELECT nested(id * 250000) FROM many WHERE id <= 2',
		'SELECT nested_nap() FROM many WHERE id <= 2',
		'SELECT pg_sleep(0.2) FROM many WHERE id = 1',
		'SELECT 1');
	my ($outer) = stats($trace, qr/^SELECT nested\(/);
	my ($fetch) = calls_of($trace, qr/^SELECT nested\(/, 'FETCH');
	my ($inner) = stats($trace, qr/^\(SELECT sum/);

	cmp_ok($outer->{fields}{time}, '<=', $fetch->{fields}{e},
		'the statements that a function runs');
	cmp_ok($outer->{fields}{time}, '>', $fetch->{fields}{e} * 0.99,
		'all of them');
	# the first of two executions has STAT lines
	cmp_ok($inner->{fields}{time}, '<', $outer->{fields}{time} * 0.6,
		'of which each has its own time');
	cmp_ok($inner->{fields}{samples}, '>', 10, 'and samples');

	($outer) = stats($trace, qr/^SELECT nested_nap/);
	cmp_ok($outer->{fields}{time}, '>=', 400_000, 'the waits in a function');
	cmp_ok($outer->{fields}{wait}, '<', 100_000, 'are not those of the node');

	my ($scan) = stats($trace, qr/^SELECT pg_sleep/);
	cmp_ok($scan->{fields}{time}, '>=', $scan->{fields}{wait},
		'a wait of the node');
	cmp_ok($scan->{fields}{wait}, '>=', 200_000, 'is all of it');

	my ($short) = stats($trace, qr/^SELECT 1$/);
	is($short->{fields}{timing}, 'exact', 'a short execution needs no samples');
}

# what the executor runs in another way
{
	# Until the sampler has begun, which takes it up to 120 ms, a scan of an
	# index would be over; so it is scanned for as long as the call takes.
	my $sql = 'SELECT max(n) FROM generate_series(1, 30) g,'
	  . ' LATERAL (SELECT count(*) AS n FROM many'
	  . ' WHERE ctid IS NOT NULL AND id BETWEEN g AND 100000) s';
	my $trace = trace($node,
		'CREATE INDEX many_id ON many (id)',
		'SET enable_indexscan = off',
		'SET enable_seqscan = off',
		$sql, 'DROP INDEX many_id');
	my ($top, @below) = stats($trace, qr/^\Q$sql\E$/);
	my ($heap, $index) = @below[ -2, -1 ];

	is($index->{text}, 'Bitmap Index Scan on many_id', 'a bitmap index scan');
	is($index->{fields}{timing}, 'mixed', 'is sampled');
	cmp_ok($index->{fields}{samples},
		'>', $top->{fields}{samples} / 20, 'while it is executing');
	is($heap->{text}, 'Bitmap Heap Scan on many', 'below another one');
	cmp_ok($index->{fields}{time}, '<', $heap->{fields}{time},
		'which is part of the time of what it is for');
}

# nodes that aren't executed by ExecProcNode(), and blocks of all kinds
{
	my @queries = (
		'SELECT count(*) FROM indexed WHERE n = 3 OR m = 4',
		'SELECT count(*) FROM indexed a JOIN indexed b ON a.n = b.m',
		'SELECT count(*) FROM (SELECT * FROM indexed ORDER BY m + n OFFSET 1) s',
		'UPDATE temporary SET n = n + 1',
		'INSERT INTO temporary SELECT n, m FROM indexed WHERE n < 10');
	my %figures;

	$node->safe_psql('postgres', <<'SQL');
CREATE TABLE indexed AS SELECT i % 100 AS n, i % 90 AS m FROM generate_series(1, 20000) i;
CREATE INDEX indexed_n ON indexed (n);
CREATE INDEX indexed_m ON indexed (m);
VACUUM ANALYZE indexed;
SQL
	foreach my $timing ('exact', 'sampled', 'off')
	{
		my $trace = trace($node,
			{ set => { 'pg_trace.node_timing' => $timing, work_mem => '64kB',
				enable_mergejoin => 'off', enable_nestloop => 'off' } },
			'CREATE TEMPORARY TABLE temporary AS SELECT n, m FROM indexed',
			@queries);

		foreach my $sql (@queries)
		{
			push @{ $figures{$sql} },
			  join "\n", map {
				my $fields = $_->{fields};
				"$_->{text} cnt=$fields->{cnt} str=$fields->{str} cr=$fields->{cr} pr=$fields->{pr} pw=$fields->{pw}"
			  } stats($trace, qr/^\Q$sql\E$/);
		}
	}
	foreach my $sql (@queries)
	{
		my ($exact, $sampled, $off) = @{ $figures{$sql} };

		is($sampled, $exact, $sql);
		is($off, $exact, 'and without times');
	}
	like(join("\n", map { @$_ } values %figures), qr/Sort .* pw=[1-9]/,
		'temporary files are written');
}

###############################################################################
# Where it isn't known
###############################################################################

{
	my %unknown = (
		'node_timing = off' => { 'pg_trace.node_timing' => 'off' },
		'waits = off' => { 'pg_trace.waits' => 'off' },
		'node_waits = off' => { 'pg_trace.node_waits' => 'off' });

	foreach my $name (sort keys %unknown)
	{
		my $trace = trace($node, { set => $unknown{$name} },
			'SELECT count(*) FROM many');
		my @stats = stats($trace, qr/^SELECT count/);

		is($stats[1]{fields}{time}, -1, $name);
		is_deeply([ map { $_->{fields}{cnt} } @stats ],
			[ 1, 250000 ], 'rows are known');
		cmp_ok($stats[1]{fields}{cr}, '>', 0, 'and blocks');
		is_deeply([ grep { defined $_->{fields}{samples} } @stats ], [],
			'nothing is sampled');
	}

	# auto_explain has clocks of its own
	my $trace = trace($node,
		"LOAD 'auto_explain'",
		'SET auto_explain.log_min_duration = 0',
		'SET auto_explain.log_analyze = on',
		'SELECT count(*) FROM many WHERE id <= 100');
	my @stats = stats($trace, qr/^SELECT count/);
	is_deeply([ map { $_->{fields}{timing} } @stats ], [ 'exact', 'exact' ],
		'with auto_explain');
	cmp_ok($stats[1]{fields}{time}, '>', 0, 'above 0');
	cmp_ok($stats[1]{fields}{cr}, '>', 0, 'and blocks');
}

###############################################################################
# Parallel workers
###############################################################################

{
	my $trace = trace(
		$node,
		{
			set => {
				max_parallel_workers_per_gather => 2,
				parallel_setup_cost => 0,
				parallel_leader_participation => 'off'
			}
		},
		'SELECT max(id) FROM many, generate_series(1, 30)');
	my @files = map { /^PARALLEL WORKER.* FILE (\S+)$/ ? $1 : () }
	  map { $_->{text} } PgTrace::File::of_type($trace, 'NOTE');
	my ($scan) = grep { $_->{text} =~ /Scan on many/ } stats($trace, qr/^SELECT max/);
	my @own = map { stats(read_trace($node, $_), qr/^SELECT max/) } @files;

	is($scan->{fields}{cnt}, 250000, 'rows of all workers');
	is("@{$scan->{fields}}{qw(time procs procs_time leader_cnt leader_str)}",
		'0 ' . @files . ' -1 0 0', 'but the leader was not at it');
	cmp_ok(sum0(map { $_->{fields}{samples} } @own),
		'>', 50, 'each samples itself');
	is_deeply([ grep { $_->{fields}{timing} ne 'mixed' } @own ],
		[], 'in its own file');
}

###############################################################################
# Begin and end
###############################################################################

{
	my $worker =
	  $node->safe_psql('postgres', 'SELECT pid FROM pg_trace_worker');
	my $fds = sub { return scalar(my @fds = glob "/proc/$worker/fd/*") };

	PgTrace::Node::wait_until_untraced($node);
	my $before = $fds->();
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	$session->query('SELECT 1');
	cmp_ok($fds->(), '>', $before, 'a trace needs file descriptors');
	$session->close;
	PgTrace::Node::wait_until_untraced($node);
	for (1 .. 100)
	{
		last if $fds->() <= $before;
		select(undef, undef, undef, 0.02);
	}
	# some of an earlier trace may have been open still
	cmp_ok($fds->(), '<=', $before, 'which are closed when it has ended');
}

clean_files($node);
done_testing();
