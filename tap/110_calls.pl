# What a session can ask for, by every way that there is, and the calls that
# the trace has for it: a PARSE for each planning, an EXEC, a FETCH for each run
# of the executor, with the rows of each, under the statement's own text.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use Test::More;

my $node = PgTrace::Node::new_node('main', 'max_prepared_transactions' => 2);
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t (id int PRIMARY KEY, n int);
INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;
CREATE TABLE target (id int PRIMARY KEY, n int);
INSERT INTO target VALUES (1, 1), (2, 2);
CREATE VIEW v AS SELECT id FROM t;
CREATE MATERIALIZED VIEW m AS SELECT id FROM t;
CREATE FUNCTION count_t() RETURNS bigint LANGUAGE plpgsql AS
	'BEGIN RETURN (SELECT count(*) FROM t); END';
CREATE PROCEDURE p() LANGUAGE sql AS 'DELETE FROM target WHERE id = 99';
VACUUM ANALYZE;
SQL

sub count
{
	my ($records, $pattern, $type) = @_;

	return scalar calls_of($records, $pattern, $type);
}

sub field
{
	my ($name, @records) = @_;

	return [ map { $_->{fields}{$name} } @records ];
}

###############################################################################
# Planning
###############################################################################

{
	my $text = qr/^PREPARE \w+\(int\) AS SELECT/;
	my @prepared = (
		'PREPARE q(int) AS SELECT n FROM t WHERE id = $1',
		map { "EXECUTE q($_)" } 1 .. 8);
	my $trace =
	  trace($node, { set => { plan_cache_mode => 'auto' } }, @prepared);

	is(count($trace, qr/^PREPARE/, 'PARSE'),
		7, 'PREPARE itself, five custom plans, and a generic one that is kept');
	is_deeply(field('mis', calls_of($trace, qr/^PREPARE/, 'PARSE')),
		[ (1) x 7 ], 'analyzed or planned anew');
	is(scalar(grep { $_->{fields}{dep} == 1 } calls_of($trace, $text, 'EXEC')),
		8, 'executed each time');
	is_deeply([ rows($trace, qr/^EXECUTE/) ], [ (1) x 8 ], 'rows');
	is_deeply(field('mis', calls_of($trace, $text, 'EXEC')),
		[ (0) x 9 ], 'planning is not in EXEC');

	$trace = trace(
		$node, { set => { plan_cache_mode => 'force_generic_plan' } },
		@prepared,
		'ALTER TABLE t ALTER n SET STATISTICS 50',
		'EXECUTE q(1)', 'EXECUTE q(2)',
		'SET plan_cache_mode = force_custom_plan',
		'EXECUTE q(3)', 'EXECUTE q(4)');
	is_deeply(
		[ grep { /PARSE|EXEC/ } lines($trace, $text, 'PARSE', 'EXEC') ],
		[
			'PARSE', 'EXEC',    # of PREPARE itself
			'PARSE', ('EXEC') x 8,
			'PARSE', ('EXEC') x 2,
			('PARSE', 'EXEC') x 2
		],
		'generic, generic after an invalidation, custom');

	my $client = PgTrace::Protocol->new($node,
		options =>
		  '-c pg_trace.session=on -c plan_cache_mode=force_generic_plan');
	my $file = session_file($node, $client);
	$client->parse('s', 'SELECT n FROM t WHERE id = $1', 23)->sync;
	$client->bind('', 's', $_)->execute('')->sync foreach 1 .. 5;
	$client->parse('', 'SELECT n FROM t WHERE n < $1', 23)
	  ->bind('', '', $_)->execute('')->sync
	  foreach 2 .. 4;
	$client->close;
	$trace = read_trace($node, $file);
	my $named = qr/^SELECT n FROM t WHERE id = \$1$/;
	is_deeply([ map { $_ != 0 } @{ field('plh', calls_of($trace, $named, 'PARSE')) } ],
		[ '', 1 ], 'protocol: analyzed, then planned, once');
	is_deeply([ rows($trace, $named, 'FETCH') ], [ (1) x 5 ], 'rows');
	my $unnamed = qr/^SELECT n FROM t WHERE n < \$1$/;
	is_deeply([ map { $_ != 0 } @{ field('plh', calls_of($trace, $unnamed, 'PARSE')) } ],
		[ ('', 1) x 3 ], 'protocol: both, each time');
	is_deeply([ rows($trace, $unnamed, 'FETCH') ], [ 1, 2, 3 ], 'rows');
}

###############################################################################
# Portals and cursors
###############################################################################

{
	my $client = PgTrace::Protocol->new($node,
		options => '-c pg_trace.session=on');
	my $file = session_file($node, $client);
	my @answer = $client->query('BEGIN')->sync;

	$client->parse('s', 'SELECT id FROM t ORDER BY id')->bind('p', 's');
	@answer = $client->execute('p', 30)->sync;
	is_deeply([ PgTrace::Protocol::tags(@answer) ],
		['suspended'], 'the portal has more rows');
	$node->poll_query_until('postgres',
		"SELECT wait_event = 'ClientRead' FROM pg_stat_activity WHERE pid = "
		  . $client->pid)
	  or die 'no wait for the client';
	$client->execute('p', 30)->sync foreach 1, 2;
	@answer = $client->execute('p', 30)->close_portal('p')->sync;
	is_deeply([ PgTrace::Protocol::tags(@answer) ],
		['SELECT 10'], 'these are the last');
	$client->parse('r',
		'INSERT INTO target SELECT i FROM generate_series(11, 17) i RETURNING id'
	)->bind('p', 'r')->execute('p', 3)->execute('p', 3)->sync;
	$client->query('ROLLBACK')->sync;
	$client->close;

	my $trace = read_trace($node, $file);
	is_deeply(
		[ lines($trace, qr/^SELECT id FROM t ORDER BY id$/) ],
		[ qw(PARSE PARSE EXEC FETCH FETCH FETCH FETCH CLOSE) ],
		'a FETCH for each portion');
	is_deeply([ rows($trace, qr/^SELECT id FROM t ORDER BY id$/, 'FETCH') ],
		[ 30, 30, 30, 10 ], 'with its rows');
	my $reads = grep { $_->{fields}{nam} eq 'ClientRead' }
	  waits_of($trace, qr/^SELECT id FROM t ORDER BY id$/);
	cmp_ok($reads, '>=', 1, 'and waits for the client between them');
	is_deeply([ lines($trace, qr/^INSERT INTO target SELECT/) ],
		[qw(PARSE PARSE EXEC CLOSE)], 'RETURNING: all in EXEC');
	is_deeply([ rows($trace, qr/^INSERT INTO target SELECT/) ], [7], 'rows');

	$trace = trace(
		$node,
		'BEGIN',
		'DECLARE c SCROLL CURSOR FOR SELECT id FROM t ORDER BY id',
		'FETCH 10 FROM c',
		'MOVE 5 FROM c',
		'FETCH BACKWARD 3 FROM c',
		'FETCH ALL FROM c',
		'CLOSE c',
		'DECLARE h CURSOR WITH HOLD FOR SELECT id + 0 FROM t',
		'FETCH 4 FROM h',
		'COMMIT',
		'FETCH 6 FROM h',
		'CLOSE h');
	is_deeply([ rows($trace, qr/^DECLARE c SCROLL/, 'FETCH') ],
		[ 10, 5, 3, 88 ], 'cursor: a FETCH for each run');
	is_deeply([ rows($trace, qr/^(FETCH|MOVE) .* c$/, 'EXEC') ],
		[ 10, 5, 3, 88 ], 'within the EXEC of FETCH and MOVE');
	is(count($trace, qr/^DECLARE c SCROLL/, 'CLOSE'), 1, 'closed');
	is_deeply([ rows($trace, qr/^DECLARE h/, 'FETCH') ],
		[ 4, 100 ], 'WITH HOLD: COMMIT fetches the rest');
	is_deeply([ rows($trace, qr/^FETCH . FROM h$/, 'EXEC') ],
		[ 4, 6 ], 'from which later ones are served');
	my ($all) = grep { $_->{fields}{r} == 100 }
	  calls_of($trace, qr/^DECLARE h/, 'FETCH');
	my ($commit) = calls_of($trace, qr/^COMMIT/, 'EXEC');
	is( scalar(
			grep { $_->{line} == $all->{line} } calls_below($trace, $commit)),
		1,
		'as a part of it');
}

###############################################################################
# Several statements in one message
###############################################################################

{
	my $trace = trace($node,
		"SELECT 1\\; INSERT INTO target VALUES (3, 3)\\;  SELECT 'a;b'\\;"
		  . ' CREATE TABLE made AS SELECT 4\; EXPLAIN (COSTS off) SELECT 5\;'
		  . ' SELECT 6');
	my @texts = map { $_->{text} } grep { $_->{fields}{dep} == 0 }
	  PgTrace::File::of_type($trace, 'CURSOR');

	is_deeply(
		[ @texts[ 1 .. $#texts ] ],
		[
			'SELECT 1',
			'INSERT INTO target VALUES (3, 3)',
			"SELECT 'a;b'",
			'CREATE TABLE made AS SELECT 4',
			'EXPLAIN (COSTS off) SELECT 5',
			'SELECT 6',
			'<commit>'
		],
		'each statement has its own text');
	is(scalar PgTrace::File::of_type($trace, 'XCTEND'),
		3, 'all in one transaction');
	is_deeply(
		[
			map { $_->{text} } grep { $_->{fields}{dep} == 1 }
			  PgTrace::File::of_type($trace, 'CURSOR')
		],
		[
			'CREATE TABLE made AS SELECT 4',
			'EXPLAIN (COSTS off) SELECT 5'
		],
		'and so have those within');
}

###############################################################################
# Everything else: one EXEC each, with its rows
###############################################################################

{
	my @cases = (
		[ 'UPDATE target SET n = 5 WHERE id <= 2', 2 ],
		[ 'UPDATE target SET n = 5 WHERE id = 3 RETURNING n', 1 ],
		[
			'MERGE INTO target USING t ON target.id = t.id'
			  . ' WHEN MATCHED AND t.id = 1 THEN DELETE'
			  . ' WHEN MATCHED THEN UPDATE SET n = 6'
			  . ' WHEN NOT MATCHED AND t.id <= 5 THEN INSERT VALUES (t.id, 0)',
			5
		],
		[ 'DELETE FROM target', 4 ],
		[ 'CREATE TABLE ctas AS SELECT id FROM v', 100 ],
		[ 'SELECT id INTO into_table FROM t WHERE id <= 30', 30 ],
		[ 'CREATE MATERIALIZED VIEW mm AS SELECT 1', 1 ],
		[ 'REFRESH MATERIALIZED VIEW m', 100 ],
		[ 'COPY t TO STDOUT', 100 ],
		[ 'COPY (SELECT id FROM t WHERE id <= 7) TO STDOUT', 7 ],
		[ 'EXPLAIN SELECT id FROM t', 0 ],
		[ 'EXPLAIN ANALYZE SELECT id FROM t', 0 ],
		[ 'CALL p()', 0 ],
		[ 'VACUUM t', 0 ],
		[ 'ANALYZE t', 0 ],
		[ 'CREATE INDEX CONCURRENTLY i ON t (n)', 0 ],
		[ 'REINDEX TABLE CONCURRENTLY t', 0 ],
		[ 'LISTEN l', 0 ],
		[ "NOTIFY l, 'payload'", 0 ],
		[ 'SET work_mem = 4096', 0 ],
		[ 'SHOW work_mem', 0 ],
		[ 'BEGIN', 0 ],
		[ 'LOCK TABLE t', 0 ],
		[ "PREPARE TRANSACTION 'x'", 0 ],
		[ "COMMIT PREPARED 'x'", 0 ],
		[ 'BEGIN ISOLATION LEVEL SERIALIZABLE', 0 ],
		[ 'SAVEPOINT s', 0 ],
		[ 'RELEASE s', 0 ],
		[ 'ROLLBACK', 0 ],
		[ 'TRUNCATE target', 0 ],
		[ 'DISCARD ALL', 0 ]);
	my $trace = trace($node, map { $_->[0] } @cases);

	foreach my $case (@cases)
	{
		my ($sql, $rows) = @$case;
		my @calls = grep { $_->{fields}{dep} == 0 }
		  calls_of($trace, qr/^\Q$sql\E$/, 'EXEC', 'FETCH');

		is_deeply([ map { "$_->{type} r=$_->{fields}{r}" } @calls ],
			["EXEC r=$rows"], $sql);
	}

	my @below = (
		[ qr/^CREATE TABLE ctas/, 'PARSE EXEC FETCH CLOSE', 100 ],
		[ qr/^COPY \(SELECT/, 'PARSE EXEC FETCH CLOSE', 7 ],
		[ qr/^EXPLAIN SELECT/, 'PARSE' ],
		[ qr/^EXPLAIN ANALYZE/, 'PARSE EXEC FETCH CLOSE', 100 ]);
	foreach my $case (@below)
	{
		my ($pattern, $types, @rows) = @$case;
		my @calls = grep { $_->{fields}{dep} == 1 }
		  calls_of($trace, $pattern);

		is(join(' ', map { $_->{type} } @calls), $types, "$pattern: within");
		is_deeply(
			[ map { $_->{fields}{r} } grep { $_->{type} eq 'FETCH' } @calls ],
			\@rows, 'with its rows');
	}

	my ($vacuum) = calls_of($trace, qr/^VACUUM t/, 'EXEC');
	cmp_ok(
		scalar(grep {
				$_->{fields}{tim} > begin_of($vacuum)
				  && $_->{fields}{tim} < $vacuum->{fields}{tim}
			} PgTrace::File::of_type($trace, 'XCTEND')),
		'>=', 1, 'VACUUM has transactions of its own');
	my ($prepare) = calls_of($trace, qr/^PREPARE TRANSACTION/, 'EXEC');
	my ($commit) = calls_of($trace, qr/^COMMIT PREPARED/, 'EXEC');
	my @ends = grep { $_->{line} < $commit->{line} }
	  grep { $_->{line} > $prepare->{line} }
	  PgTrace::File::of_type($trace, 'XCTEND');
	is(scalar @ends, 1, 'PREPARE TRANSACTION ends none, COMMIT PREPARED does');
}

{
	my $client = PgTrace::Protocol->new($node,
		options => '-c pg_trace.session=on');
	my $file = session_file($node, $client);

	$client->query('COPY target FROM STDIN')->message('d', "7\t7\n8\t")
	  ->message('d', "8\n")->message('c', '')->send_only('')->ready;
	$client->close;
	my $trace = read_trace($node, $file);
	is_deeply([ rows($trace, qr/^COPY target FROM STDIN$/) ],
		[2], 'COPY FROM STDIN');
}

###############################################################################
# What comes before the hooks, and behind them
###############################################################################

# Each statement that is analyzed has a PARSE.  The commit of what has written
# has an EXEC.
{
	my $client = PgTrace::Protocol->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $client);

	$client->query('SET work_mem = 4096; SELECT 1; INSERT INTO target VALUES (21, 1)')->sync;
	$client->parse('u', 'SHOW work_mem')->parse('i', 'INSERT INTO ctas VALUES (22)')
	  ->sync;
	$client->bind('', 'u')->execute('')->bind('', 'i')->execute('')->sync foreach 1, 2;
	$client->close;
	my $trace = read_trace($node, $file);
	my %name = (
		'SET' => qr/^SET work_mem/,
		'SELECT' => qr/^SELECT 1/,
		'INSERT' => qr/^INSERT .*21/,
		'SHOW' => qr/^SHOW/,
		'prepared' => qr/^INSERT INTO ctas/,
		'commit' => qr/^<commit>$/);
	my %cursor;
	foreach my $name (keys %name)
	{
		$cursor{$_} = $name foreach PgTrace::File::cursors_like($trace, $name{$name});
	}

	is_deeply(
		[
			map { "$_->{type} $cursor{$_->{cursor}}" }
			  grep { defined $cursor{ $_->{cursor} } }
			  PgTrace::File::of_type($trace, qw(PARSE EXEC))
		],
		[
			map({ ("PARSE $_", "EXEC $_") } qw(SET SELECT INSERT)), 'EXEC commit',
			'PARSE SHOW', 'PARSE prepared', 'EXEC SHOW', 'PARSE prepared',
			'EXEC prepared', 'EXEC commit',
			# planned once: it has no parameters
			'EXEC SHOW', 'EXEC prepared', 'EXEC commit'
		],
		'a PARSE for each analysis, an EXEC for each commit');
	is_deeply([ map { @{$_->{fields}}{qw(oct dep)} } cursors_of($trace, $name{commit}) ],
		[ 44, 0 ], 'as a COMMIT');
	cmp_ok(scalar(waits_of($trace, $name{commit}, 'WALWrite')), '>=', 1,
		'with the waits for the WAL');
	my ($commit) = calls_of($trace, $name{commit}, 'EXEC');
	my ($end) = grep { $_->{line} < $commit->{line} && $_->{fields}{rd_only} == 0 }
	  PgTrace::File::of_type($trace, 'XCTEND');
	cmp_ok($end->{fields}{tim}, '>=', begin_of($commit), 'in which its transaction ends');
}

# A statement that is analyzed waits for a lock: that is in its PARSE, which
# begins when the message was there, also if waits aren't traced.
foreach my $case ([ 'simple', 'on' ], [ 'extended', 'on' ], [ 'simple', 'off' ],
	[ 'extended', 'off' ])
{
	my ($protocol, $waits) = @$case;
	my $what = "$protocol protocol, waits $waits";
	my $holder = PgTrace::Session->new($node);
	my $client = PgTrace::Protocol->new($node,
		options => "-c pg_trace.session=on -c pg_trace.waits=$waits");
	my $file = session_file($node, $client);
	my $waiting = "SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND pid = " . $client->pid;
	my $sql = 'SELECT count(*) FROM t';

	$holder->query('BEGIN');
	$holder->query('LOCK TABLE t');
	if ($protocol eq 'simple')
	{
		$client->query($sql);
	}
	else
	{
		$client->parse('', $sql)->bind('', '')->execute('');
	}
	$client->send_only;
	$node->poll_query_until('postgres', $waiting) or die 'it does not wait';
	my $began = $node->safe_psql('postgres',
		'SELECT extract(epoch FROM clock_timestamp()) * 1000000');
	$node->safe_psql('postgres', 'SELECT pg_sleep(0.02)');
	my $ended = $node->safe_psql('postgres',
		'SELECT extract(epoch FROM clock_timestamp()) * 1000000');
	$holder->query('COMMIT');
	$client->ready;
	$_->close foreach $holder, $client;
	my $trace = read_trace($node, $file);
	my ($parse) = calls_of($trace, qr/^SELECT count/, 'PARSE');

	cmp_ok($parse->{fields}{e}, '>=', $ended - $began, "$what: PARSE has waited");
	cmp_ok($parse->{fields}{c}, '<=', $parse->{fields}{e} - ($ended - $began),
		'without a CPU') if $waits eq 'on';
	is_deeply(
		[
			grep { $_->{fields}{tim} > begin_of($parse) && $_->{fields}{tim} <= $parse->{fields}{tim} }
			  grep { $_->{fields}{nam} eq 'ClientRead' } PgTrace::File::of_type($trace, 'WAIT')
		],
		[], 'for the lock, and not for the client');
}

###############################################################################
# What isn't SQL, and what began before the trace
###############################################################################

# a function call by its own message: no cursor, but its waits
{
	my $client = PgTrace::Protocol->new($node,
		options => '-c pg_trace.session=on');
	my $file = session_file($node, $client);
	my $sleep =
	  $node->safe_psql('postgres', "SELECT 'pg_sleep'::regproc::oid");
	my $deferred =
	  $node->safe_psql('postgres', "SELECT 'count_t'::regproc::oid");

	$client->query('SELECT 1')->sync;
	# one argument, as text; no format for the result
	$client->message('F',
		pack('N n n n N/a* n', $sleep, 1, 0, 1, '0.02', 0))->send_only('')
	  ->ready;
	$client->message('F', pack('N n n n', $deferred, 0, 0, 0))->send_only('')
	  ->ready;
	$client->query('SELECT 2')->sync;
	$client->close;
	my $trace = read_trace($node, $file);
	my @sleeps = whole_waits(grep { $_->{fields}{nam} eq 'PgSleep' }
		  PgTrace::File::of_type($trace, 'WAIT'));
	is(scalar @sleeps, 1, 'fastpath: a wait');
	cmp_ok($sleeps[0]{fields}{ela}, '>=', 20_000, 'of its duration');
	my ($cursor) = cursors_of($trace, qr/^<fast-path call> pg_catalog.pg_sleep/);
	is($sleeps[0]{cursor}, $cursor->{cursor}, 'of its cursor');
	is_deeply([ rows($trace, qr/^\(SELECT count\(\*\) FROM t\)/, 'FETCH') ],
		[1], 'fastpath: SQL within');
	is_deeply([ rows($trace, qr/^SELECT \d/, 'FETCH') ],
		[ 1, 1 ], 'and the statements around it');
}

# cursors that were open when tracing began
{
	my $session = PgTrace::Session->new($node);

	$session->query('BEGIN');
	$session->query('DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id');
	$session->query('FETCH 20 FROM c');
	my $file = $node->safe_psql('postgres',
		'SELECT pg_trace_session(' . $session->pid . ')');
	$session->query('FETCH 30 FROM c');
	$session->query('FETCH ALL FROM c');
	$session->query('COMMIT');
	$session->close;
	my $trace = read_trace($node, $file);
	is_deeply([ rows($trace, qr/^DECLARE c/, 'FETCH') ],
		[ 30, 50 ], 'a cursor from before the trace: what was fetched');
	is(count($trace, qr/^DECLARE c/, 'CLOSE'), 1, 'and its end');
}

# many cursors open at once, and more than there are numbers
foreach my $case ([ 1100, 0 ], [ 8300, 1 ])
{
	my ($open, $too_many) = @$case;
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);

	$session->query('BEGIN');
	# each keeps a copy of the whole message
	foreach my $hundred (0 .. $open / 100 - 1)
	{
		$session->query(join '\\;',
			map { "DECLARE c$_ CURSOR FOR SELECT $_" }
			  100 * $hundred + 1 .. 100 * $hundred + 100);
	}
	$session->query('SELECT 4711');
	$session->query('SELECT 4712');
	$session->query('COMMIT');
	my $lost = $node->safe_psql('postgres',
		'SELECT lost_events FROM pg_trace_status WHERE pid = ' . $session->pid);
	$session->close;
	my $trace = read_trace($node, $file);
	my @lost = PgTrace::File::of_type($trace, 'LOST');
	is_deeply([ rows($trace, qr/^SELECT 471/, 'FETCH') ],
		[ 1, 1 ], "$open cursors: a statement");
	is_deeply([ PgTrace::Problems::problems($trace) ], [], "$open cursors: no problems");
	if ($too_many)
	{
		cmp_ok(scalar @lost, '>=', $open - 8192,
			'calls without a cursor are shown');
		is_deeply([ map { $_->{fields}{what} } @lost ],
			[ ('calls') x @lost ], 'as what they are');
		is($lost, scalar @lost, 'and counted');
		unlink $file or die "$file: $!";
	}
	else
	{
		is(count($trace, qr/^DECLARE c\d+ /, 'EXEC'),
			2 * $open, "$open cursors: all are traced");
	}
}

clean_files($node);
done_testing();
