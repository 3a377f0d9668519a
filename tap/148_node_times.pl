# Times of plan nodes: what must be true of them whatever the machine does
# meanwhile.  The top node's is that of its calls, to the microsecond; those
# below add up to no more; all are exact as long as that is cheap, and the lines
# say so.  How well they agree with EXPLAIN ANALYZE, bench/node_times measures.

use strict;
use warnings;

use List::Util qw(sum0);
use PgTrace::Check;
use PgTrace::Node;
use PgTrace::NodeTimes;
use PostgreSQL::Test::Utils;
use Test::More;

# So many calls of nodes are timed in each execution; a node is called once for
# each row, and once more to say that there is none.
use constant BUDGET => 1000;

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'jit' => 'off',
	'max_parallel_workers_per_gather' => 0,
	'max_parallel_workers' => 2,
	'pg_trace.plan_stat' => 'all_executions');
$node->safe_psql('postgres', PgTrace::NodeTimes::setup(6000));
$node->safe_psql('postgres', 'VACUUM ANALYZE');

sub settings_of
{
	my ($case) = @_;

	return map { "SET LOCAL $_" } grep { $_ ne '' } split /; */, $case->[0];
}

# At most so many calls of nodes are in these lines.  In EXPLAIN's, that is all
# there are of a leader and its workers.
sub calls_of_nodes
{
	my (@stats) = @_;

	return sum0(map { $_->{fields}{cnt} + $_->{fields}{str} + 1 } @stats);
}

# What the lines of an execution contradict
sub line_problems
{
	my (@stats) = @_;
	my @problems;

	foreach my $stat (@stats)
	{
		my $fields = $stat->{fields};

		push @problems, "$stat->{text}: timing=$fields->{timing}"
		  if $fields->{timing} ne 'exact' && calls_of_nodes(@stats) < BUDGET;
		push @problems, "$stat->{text}: executed, time=$fields->{time}"
		  if $fields->{timing} eq 'exact'
		  && $fields->{time} == 0
		  && $fields->{cnt} > 1000
		  && !defined $fields->{procs};
		push @problems, "$stat->{text}: procs=$fields->{procs}"
		  if defined $fields->{procs}
		  && ( $fields->{procs} > $fields->{str}
			|| $fields->{leader_cnt} > $fields->{cnt}
			|| $fields->{leader_str} > $fields->{str}
			|| ( $fields->{procs_time} != -1
				&& $fields->{procs_time} < $fields->{time}));
	}
	push @problems, "time=$stats[0]{fields}{time} of the top node"
	  if $stats[0]{fields}{time} < 0;
	return @problems;
}

###############################################################################
# All kinds of statements
###############################################################################

{
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);
	my @cases = PgTrace::NodeTimes::cases();
	my %explained;
	my %words;

	cmp_ok(scalar @cases, '>=', 60, 'statements');
	foreach my $case (@cases)
	{
		my $sql = $case->[1];

		$session->query($_) foreach 'BEGIN', settings_of($case);
		$explained{"@$case"} =
		  $session->query("EXPLAIN (ANALYZE, FORMAT JSON) $sql");
		$session->query($_)
		  foreach 'ROLLBACK', 'BEGIN', settings_of($case), $sql, 'ROLLBACK';
	}
	unlike($session->error, qr/ERROR/, 'no errors');
	$session->close;

	my $trace = read_trace($node, $file);
	my (%plain, %analyzed);

	# several cases may have the same text
	foreach my $case (@cases)
	{
		my $sql = $case->[1];

		$plain{$sql} //= executions(stats($trace, qr/^\Q$sql\E$/));
		$analyzed{$sql} //= executions(stats($trace, qr/^EXPLAIN .*\Q$sql\E$/));
		my $plain = shift @{ $plain{$sql} };
		my $analyzed = shift @{ $analyzed{$sql} };
		my @explained =
		  PgTrace::NodeTimes::explained($explained{"@$case"});

		is_deeply([ line_problems(@$plain) ], [], $sql);
		is_deeply([ line_problems(@$analyzed) ], [], 'the same in EXPLAIN');
		is( join(' ', map { $_->{fields}{pid} } @$analyzed),
			join(' ', map { $_->{parent} } @explained),
			'the tree is that of EXPLAIN');
		my @compared = PgTrace::NodeTimes::compared($analyzed, \@explained);
		is(scalar(grep { !defined $_->{name} } @compared), 0, 'and each node');
		$words{ $_->{fields}{timing} }++ foreach @$plain, @$analyzed;
	}
	cmp_ok($words{exact}, '>', 250, 'most of them exact');
	note join ' ', %words;

	my ($long) = stats($trace,
		qr/^SELECT count\(\*\) FROM generate_series\(1, 1000000\)$/);
	isnt($long->{fields}{timing}, 'unknown',
		'the top node is known even if the others are not');
}

# STAT lines, by execution
sub executions
{
	my (@stats) = @_;
	my @executions;

	foreach my $stat (@stats)
	{
		push @executions, [] if $stat->{fields}{pid} == 0;
		push @{ $executions[-1] }, $stat;
	}
	return \@executions;
}

###############################################################################
# What a statement's time is
###############################################################################

{
	my $trace = trace($node,
		'BEGIN',
		'DECLARE c CURSOR FOR SELECT id FROM few WHERE pg_sleep(0.01) IS NOT NULL',
		'FETCH 2 FROM c', 'SELECT pg_sleep(0.1)', 'FETCH 3 FROM c', 'CLOSE c',
		'DECLARE d CURSOR FOR SELECT id + 1 FROM few', 'CLOSE d',
		'COMMIT',
		'INSERT INTO after SELECT id FROM few WHERE id < 5',
		'WITH i AS (INSERT INTO log SELECT id FROM few) SELECT 2');
	my ($cursor) = stats($trace, qr/^DECLARE c/);

	is( $cursor->{fields}{time},
		sum0(map { $_->{fields}{e} } calls_of($trace, qr/^DECLARE c/, 'FETCH')),
		'a cursor: all its portions');
	cmp_ok($cursor->{fields}{time}, '<',
		sum0(map { $_->{fields}{e} } calls_of($trace, qr/^SELECT pg_sleep/, 'FETCH')) +
		  50_000 + sum0(map { $_->{fields}{e} } calls_of($trace, qr/^DECLARE c/, 'FETCH')),
		'and nothing in between');
	my ($unused) = stats($trace, qr/^DECLARE d/);
	is("@{$unused->{fields}}{qw(time timing)}", '0 exact',
		'a cursor that is never read');

	my ($insert) = stats($trace, qr/^INSERT INTO after/);
	my ($exec) = calls_of($trace, qr/^INSERT INTO after/, 'EXEC');
	my @triggered = calls_of($trace, qr/^INSERT INTO log VALUES/);
	cmp_ok($insert->{fields}{time}, '<=', $exec->{fields}{e}, 'INSERT: its EXEC');
	cmp_ok($insert->{fields}{finish_time}, '>=',
		sum0(map { $_->{fields}{e} } grep { $_->{fields}{dep} == 1 } @triggered),
		'with the AFTER triggers');
	cmp_ok($insert->{fields}{finish_time}, '<', $exec->{fields}{e},
		'which are part of it');

	my ($top, $modify) = stats($trace, qr/^WITH i AS/);
	my ($fetch) = calls_of($trace, qr/^WITH i AS/, 'FETCH');
	# but for what came before the executor
	cmp_ok($top->{fields}{time}, '<=',
		$fetch->{fields}{e} + $top->{fields}{finish_time},
		'an INSERT in WITH that nobody reads is executed in the end');
	cmp_ok($modify->{fields}{time}, '<=', $top->{fields}{finish_time},
		'and is all of that');
	is($modify->{fields}{timing}, 'exact', 'timed as well');
}

###############################################################################
# Settings
###############################################################################

{
	my $sql = 'SELECT count(*) FROM generate_series(1, 300000)';

	foreach my $case (
		[ { 'pg_trace.node_timing' => 'exact' }, 'exact', 'exact' ],
		[ { 'pg_trace.node_timing' => 'off' }, 'exact', 'off' ],
		[ { 'pg_trace.waits' => 'off' }, 'exact', 'unknown' ],
		[ { 'pg_trace.node_waits' => 'off' }, 'exact', 'unknown' ])
	{
		my ($set, @words) = @$case;
		my $name = join ' ', %$set;
		my $trace = trace($node, { set => $set }, $sql,
			'SELECT count(*) FROM generate_series(1, 300)');
		my @stats = stats($trace, qr/^\Q$sql\E$/);
		my ($fetch) = calls_of($trace, qr/^\Q$sql\E$/, 'FETCH');

		is_deeply([ map { $_->{fields}{timing} } @stats ], \@words, $name);
		cmp_ok($stats[0]{fields}{time}, '<=', $fetch->{fields}{e}, "$name: the top node");
		cmp_ok($stats[0]{fields}{time}, '>', 0, 'is known');
		is($stats[1]{fields}{cnt}, 300000, "$name: rows");
		is_deeply([ grep { defined $_->{fields}{node} }
				PgTrace::File::of_type($trace, 'WAIT') ],
			[], "$name: waits have no node")
		  if $name =~ /node_waits/;
		next if $words[1] eq 'off';
		is_deeply([ map { $_->{fields}{timing} }
				stats($trace, qr/^SELECT count.*300\)$/) ],
			[ 'exact', 'exact' ], "$name: a short one is exact");
	}
}

###############################################################################
# Errors, and traces that end and begin
###############################################################################

{
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);

	$session->query($_)
	  foreach 'SELECT 1 / (id - 100) FROM few', 'SELECT count(*) FROM few',
	  'SELECT sum(catches(id)) FROM few WHERE id < 50',
	  'BEGIN', 'DECLARE c CURSOR FOR SELECT count(*) OVER (), id FROM few a',
	  'FETCH 2 FROM c';
	$session->query('SELECT pg_trace_stop_trace()');
	$session->query('FETCH 5 FROM c');
	my $second = $session->query('SELECT pg_trace_start_trace()');
	$session->query($_) foreach 'FETCH 5 FROM c', 'CLOSE c', 'COMMIT',
	  'SELECT sum(id) FROM few';
	$session->close;

	my $trace = read_trace($node, $file);
	is_deeply([ stats($trace, qr/^SELECT 1 .* FROM few$/) ], [],
		'an execution that fails has no times');
	is_deeply([ map { $_->{fields}{timing} } stats($trace, qr/^SELECT count/) ],
		[ 'exact', 'exact' ], 'the next one has');
	my ($top, $scan) = stats($trace, qr/^SELECT sum\(catches/);
	my @within = grep { $_->{fields}{dep} == 1 }
	  calls_below($trace, calls_of($trace, qr/^SELECT sum\(catches/, 'FETCH'));
	cmp_ok($top->{fields}{time} - $scan->{fields}{time}, '>=',
		sum0(map { $_->{fields}{e} } @within),
		'errors that a function catches are in the time of its node');
	is_deeply([ map { $_->{fields}{timing} }
			stats(read_trace($node, $second), qr/^SELECT sum/) ],
		[ 'exact', 'exact' ], 'another trace');
}

###############################################################################
# What the checker refuses
###############################################################################

{
	my $tempdir = PostgreSQL::Test::Utils::tempdir();
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);

	# at depth 1, where a call has nothing that its nodes don't have
	$session->query('DO $$ BEGIN PERFORM count(*) FROM few a JOIN few b USING (id);'
		  . ' UPDATE target SET n = 0 WHERE id < 9; END $$');
	$session->close;
	is_deeply([ PgTrace::Problems::problems(read_trace($node, $file)) ],
		[], 'a sound file');

	foreach my $case (
		[ 'a child that exceeds its parent',
			sub { s/^(STAT .* pid=1 .* time=)\d+/${1}99999999/ },
			qr/time=99999999 of node \d+, and \d+ above it/ ],
		[ 'children that do so together',
			sub { s/^(STAT .* pid=2 .* time=)\d+/$1$last::time/ if /^STAT/ && /pid=2/; $last::time = $1 if /^STAT .* id=2 .* time=(\d+)/ },
			qr/time=\d+ of all nodes below node 2, and \d+ in it/ ],
		[ 'a top node with more than its FETCH',
			sub { s/^(STAT .* pid=0 .*Aggregate.* time=)(\d+)/$1 . ($2 + 1)/e },
			qr/time=\d+ of the top node, but \d+ of its calls/ ],
		[ 'a top node with less than its EXEC',
			sub { s/^(STAT .* pid=0 .*Update.* time=)(\d+)/$1 . ($2 - 1)/e },
			qr/time=\d+ of the top node, but \d+ of its calls/ ],
		[ 'an unknown time that is 0',
			sub { s/^(STAT .* pid=1 .* timing=)exact/${1}unknown/ },
			qr/time=\d+ timing=unknown/ ],
		[ 'a line without timing', sub { s/^(STAT .*) timing=exact/$1/ },
			qr/operation: / ])
	{
		my ($what, $spoil, $pattern) = @$case;
		my $spoiled = "$tempdir/spoiled.trc";

		open(my $in, '<', $file) or die "$file: $!";
		open(my $out, '>', $spoiled) or die "$spoiled: $!";
		while (<$in>)
		{
			$spoil->();
			print $out $_;
		}
		close $in;
		close $out;
		my $records = eval { PgTrace::File::parse($spoiled) };
		my $found = defined $records
		  ? join("\n", PgTrace::Problems::problems($records)) : $@;
		like($found, $pattern, $what);
	}
}

clean_files($node);
done_testing();
