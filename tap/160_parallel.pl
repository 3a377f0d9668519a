# Parallel workers of a traced session are traced, too: each has a file of its
# own, and leader's and workers' files name each other; added up, they have all
# that was done, once.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'parallel_setup_cost' => 0,
	'parallel_tuple_cost' => 0,
	'min_parallel_table_scan_size' => 0,
	'min_parallel_index_scan_size' => 0,
	'max_parallel_workers_per_gather' => 2,
	'max_parallel_maintenance_workers' => 2,
	'maintenance_work_mem' => '256MB',
	'jit' => 'off');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE big (id int, n int, m int) WITH (parallel_workers = 2);
INSERT INTO big SELECT i, i, i FROM generate_series(1, 20000) i;
CREATE TABLE slow (id int) WITH (parallel_workers = 2, fillfactor = 10);
INSERT INTO slow SELECT generate_series(1, 200);
CREATE TABLE serial (id int) WITH (parallel_workers = 0);
CREATE FUNCTION nested(int) RETURNS int PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT count(*) FROM serial WHERE id > $1);
END $$;
CREATE FUNCTION parallel_inside(int) RETURNS int PARALLEL SAFE
LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT count(*) FROM big WHERE n > $1);
END $$;
VACUUM ANALYZE;
SQL

# A session's file, and those of its workers for a statement.  Checks that they
# name each other.
sub leader_and_workers
{
	my ($leader_file, $pattern, $what) = @_;
	my $leader = read_trace($node, $leader_file);
	my ($pid) = map { $_->{fields}{pid} } PgTrace::File::of_type($leader, 'HEADER');
	my %cursor = map { $_->{cursor} => 1 } cursors_of($leader, $pattern);
	my @workers;

	foreach my $note (PgTrace::File::of_type($leader, 'NOTE'))
	{
		next
		  unless $note->{text} =~
		  /^PARALLEL WORKER OF CURSOR (\d+): PROCESS (\d+), FILE (\S+)$/
		  && $cursor{$1};
		my ($cursor, $worker_pid, $file) = ($1, $2, $3);
		my $worker = read_trace($node, $file);
		my ($header) = PgTrace::File::of_type($worker, 'HEADER');

		is($header->{fields}{pid}, $worker_pid, "$what: the worker's pid");
		is($header->{fields}{image}, 'parallel worker',
			"$what: kind of process");
		my $leader_note =
		  "PARALLEL LEADER: PROCESS $pid, CURSOR $cursor, FILE $leader_file";
		is( scalar(
				grep { $_->{text} eq $leader_note }
				  PgTrace::File::of_type($worker, 'NOTE')),
			1,
			"$what: the worker's file names the leader's");
		push @workers, $worker;
	}
	is(scalar @workers, 2, "$what: workers");
	return ($leader, @workers);
}

sub sum_of
{
	my ($field, @records) = @_;
	my $sum = 0;

	$sum += $_->{fields}{$field} foreach @records;
	return $sum;
}

# A query of a session with pg_trace.session, or that is traced from elsewhere
foreach my $remote (0, 1)
{
	my $what = $remote ? 'pg_trace_session()' : 'pg_trace.session';
	my $session = PgTrace::Session->new($node,
		options => $remote ? '' : '-c pg_trace.session=on');
	my $file =
	  $remote
	  ? $node->safe_psql('postgres',
		'SELECT pg_trace_session(' . $session->pid . ')')
	  : session_file($node, $session);

	$session->query('SET parallel_leader_participation = off');
	is( $session->query('SELECT id FROM big WHERE n > 15000') =~ tr/\n//,
		4999, "$what: the result");
	$session->query(
		'SELECT count(*) FROM slow WHERE pg_sleep(0.001) IS NOT NULL');
	$session->query('SET parallel_leader_participation = on');
	$session->query(
		'SELECT sum(nested(id)) FROM slow WHERE pg_sleep(0.001) IS NOT NULL');
	$session->close;

	my $query = qr/^SELECT id FROM big/;
	my ($leader, @workers) = leader_and_workers($file, $query, $what);
	is(sum_of('r', calls_of($leader, $query, 'FETCH')),
		5000, "$what: the leader's rows");
	is(sum_of('r', map { calls_of($_, $query, 'FETCH') } @workers),
		5000, "$what: the workers have sent as many");
	is(scalar(grep { calls_of($_, $query, 'EXEC') == 1 } @workers),
		2, "$what: a worker executes once");

	$query = qr/^SELECT count\(\*\) FROM slow/;
	($leader, @workers) = leader_and_workers($file, $query, $what);

	# a latch that is set makes two waits out of one
	cmp_ok(scalar(map { waits_of($_, $query, 'PgSleep') } @workers),
		'>=', 200, "$what: each wait of a worker is there");
	is(scalar(waits_of($leader, $query, 'PgSleep')),
		0, "$what: and only there");
	cmp_ok(scalar(grep { $_->{fields}{type} eq 'IPC' } waits_of($leader, $query)),
		'>', 0, "$what: while the leader waits for the workers");

	$query = qr/^SELECT sum\(nested/;
	($leader, @workers) = leader_and_workers($file, $query, $what);
	is( scalar(
			map { calls_of($_, qr/FROM serial/, 'FETCH') } $leader, @workers),
		200,
		"$what: leader's and workers' nested calls add up");
	my ($scan) = grep { $_->{text} =~ /Seq Scan/ } stats($leader, $query);
	is($scan->{fields}{cnt}, 200, "$what: the leader's STAT has all rows");
}

# of several statements in one message, the one that has the workers
{
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);
	my $sql = 'SELECT count(*) FROM big WHERE n > 3';

	$session->query("SELECT 1\\; $sql\\; SELECT 'after'");
	$session->close;
	my ($leader, @workers) =
	  leader_and_workers($file, qr/^\Q$sql\E$/, 'several statements');
	is_deeply(
		[ map { map { $_->{text} } PgTrace::File::of_type($_, 'CURSOR') } @workers ],
		[ $sql, $sql ],
		'several statements: a worker has the text of its own');
}

# utility commands
{
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);

	$session->query('CREATE INDEX big_id ON big (id)');
	$session->query('CREATE INDEX big_n ON big (n)');
	$session->query('CREATE INDEX big_m ON big (m)');
	$session->query('DELETE FROM big WHERE id % 3 = 0');
	$session->query('VACUUM (PARALLEL 2) big');
	$session->close;
	foreach my $case ([ 'CREATE INDEX', 'CREATE INDEX big_id ON big (id)', 9 ],
		[ 'VACUUM', 'VACUUM (PARALLEL 2) big', 62 ])
	{
		my ($what, $sql, $command) = @$case;
		my ($leader, @workers) = leader_and_workers($file, qr/^\Q$sql\E$/, $what);

		# the worker's file has the statement, and all that it has done for it
		foreach my $worker (@workers)
		{
			my ($cursor) = PgTrace::File::of_type($worker, 'CURSOR');
			my @calls = PgTrace::File::of_type($worker, qw(PARSE EXEC FETCH CLOSE));
			my @early = grep { $_->{fields}{tim} - $_->{fields}{ela} < begin_of($calls[0]) - 1 }
			  PgTrace::File::of_type($worker, 'WAIT');

			is("$cursor->{text} $cursor->{fields}{oct}", "$sql $command",
				"$what: a worker has the statement");
			is_deeply([ map { "$_->{type} $_->{cursor} $_->{fields}{dep}" } @calls ],
				["EXEC $cursor->{cursor} 0"], 'as one call');
			cmp_ok($calls[0]{fields}{cr}, '>', 0, 'with its blocks');
			cmp_ok($calls[0]{fields}{c}, '>', 0, 'and CPU time');
			is_deeply(\@early, [], 'since the process began');
		}
		my ($exec) = calls_of($leader, qr/^\Q$sql\E$/, 'EXEC');
		cmp_ok($exec->{fields}{tim} + 1, '>=',
			(PgTrace::File::of_type($_, 'EXEC'))[0]{fields}{tim},
			"$what: the leader waits for it")
		  foreach @workers;
	}
}

# The same with a role, and in a function: a utility statement at depth 1, which is
# longer than what workers are told of it
{
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);
	my $comment = '/* ' . 'x' x 9000 . ' */';
	my $role = $node->safe_psql('postgres',
		'CREATE ROLE indexer SUPERUSER; SELECT oid FROM pg_roles WHERE rolname = $$indexer$$');

	$session->query('SET ROLE indexer');
	$session->query("DO 'BEGIN CREATE INDEX big_n3 ON big (n) $comment; END'");
	$session->close;
	my ($leader, @workers) = leader_and_workers($file, qr/^CREATE INDEX big_n3/, 'in a function');
	my @cursors = map { PgTrace::File::of_type($_, 'CURSOR') } @workers;

	is_deeply([ map { $_->{fields}{uid} } @cursors ], [ $role, $role ], 'the user');
	is_deeply([ map { substr($_->{text}, 0, 29) } @cursors ],
		[ ('CREATE INDEX big_n3 ON big (n') x 2 ], 'the text');
	my ($whole) = cursors_of($leader, qr/^CREATE INDEX big_n3/);
	is_deeply([ map { "$_->{fields}{len} $_->{fields}{cut}" } @cursors ],
		[ ("8192 $whole->{fields}{len}") x 2 ], 'which is cut, and says so');
}

# a query at depth 1 that has workers, also within one that has workers itself:
# each worker runs the statement of the cursor that it is said to belong to
{
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);

	$session->query('SELECT parallel_inside(15000)');
	$session->query(
		'SELECT max(parallel_inside(id)) FROM slow WHERE id <= 20');
	$session->close;
	my ($leader) = leader_and_workers($file,
		qr/^SELECT max\(parallel_inside/, 'parallel within parallel');
	my %text = map { $_->{cursor} => $_->{text} }
	  PgTrace::File::of_type($leader, 'CURSOR');
	my (%workers, @wrong);

	foreach my $note (PgTrace::File::of_type($leader, 'NOTE'))
	{
		next
		  unless $note->{text} =~
		  /^PARALLEL WORKER OF CURSOR (\d+): .* FILE (\S+)$/;
		my $text = $text{$1} // 'nothing';
		my ($runs) =
		  PgTrace::File::of_type(read_trace($node, $2), 'CURSOR');

		$workers{$text}++;
		push @wrong, "$runs->{text} under $text"
		  if defined $runs && index($runs->{text}, $text) < 0;
	}
	is_deeply(\@wrong, [], 'workers belong to the right statement');
	cmp_ok($workers{'(SELECT count(*) FROM big WHERE n > $1)'} || 0,
		'>=', 2, 'workers of a nested query');
}

# From the first instruction on: what a worker waits for while it connects to
# the database, long before any hook runs in it.  CREATE DATABASE locks its
# template, and then waits five seconds for others to leave it.
{
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);
	my $creator = PgTrace::Session->new($node, dbname => 'template1');
	my $waiting = "FROM pg_locks WHERE locktype = 'object' AND NOT granted";

	$session->query('SET max_parallel_workers_per_gather = 1');
	$creator->send('CREATE DATABASE copy TEMPLATE postgres');
	$node->poll_query_until('template1',
		"SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'object' AND granted"
		  . " AND mode = 'ShareLock' AND pid = " . $creator->pid)
	  or die 'no lock on the database';
	my $began = time;
	$session->send('SELECT count(*) FROM big WHERE n > 5');
	$node->poll_query_until('template1', "SELECT count(*) = 1 $waiting")
	  or die 'no worker waits';
	my $pid = $node->safe_psql('template1', "SELECT pid $waiting");
	$node->safe_psql('template1', 'SELECT pg_sleep(0.1)');
	$node->safe_psql('template1',
		'SELECT pg_cancel_backend(' . $creator->pid . ')');
	$session->wait;
	my $ended = time;
	$creator->wait;
	$_->close foreach $session, $creator;

	my $leader = read_trace($node, $file);
	my ($note) = grep { $_->{text} =~ /^PARALLEL WORKER OF .* PROCESS $pid,/ }
	  PgTrace::File::of_type($leader, 'NOTE');
	ok(defined $note, 'a worker that connects: its file is named');
	my ($worker_file) = $note->{text} =~ /FILE (\S+)$/;
	my $worker = read_trace($node, $worker_file);
	# a latch that is set makes two waits out of one
	my ($wait) = sort { $b->{fields}{ela} <=> $a->{fields}{ela} }
	  grep { $_->{fields}{nam} eq 'object' }
	  PgTrace::File::of_type($worker, 'WAIT');
	my ($exec) = PgTrace::File::of_type($worker, 'EXEC');

	ok(defined $wait, 'it waits for the lock on the database');
	is($wait->{cursor}, 0, 'not for a statement');
	is($wait->{fields}{blocker}, $creator->pid, 'that CREATE DATABASE has');
	is("$wait->{fields}{classid} $wait->{fields}{mode}",
		'1262 RowExclusiveLock', 'which is known');
	cmp_ok($wait->{fields}{ela}, '>=', 100_000, 'all the time');
	cmp_ok($wait->{fields}{ela}, '<=', 1e6 * ($ended - $began + 1),
		'and no longer');
	cmp_ok($wait->{line}, '<', $exec->{line}, 'then it executes its query');
}

# A leader that is no longer traced when a worker is there, and many workers
# that come and go: nothing is left behind.
{
	my $session = PgTrace::Session->new($node);

	foreach my $i (1 .. 10)
	{
		$session->query('SELECT pg_trace_start_trace()');
		$session->send('SELECT count(*) FROM big WHERE n > 5');
		$node->safe_psql('postgres',
			'SELECT pg_trace_session(' . $session->pid . ', false)')
		  if $i % 2;
		$session->wait;
		$session->query('SELECT pg_trace_stop_trace()') unless $i % 2;
	}
	$session->close;
	PgTrace::Node::wait_until_untraced($node);
	is($node->safe_psql('postgres', 'SELECT sessions FROM pg_trace_worker'),
		0, 'no session is left');
}

# a session that isn't traced
{
	my $before = PgTrace::Node::trace_files($node);

	$node->safe_psql('postgres', 'SELECT count(*) FROM big');
	is(scalar PgTrace::Node::trace_files($node),
		$before, 'workers of others are not traced');
}

clean_files($node);
done_testing();
