# Statements that fail, sessions that are ended, and processes that are killed:
# the failed call is in the trace with its time up to the error, the error with
# its SQLSTATE, and the end of the transaction.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main', 'restart_after_crash' => 'on');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t (id int PRIMARY KEY, n int);
INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;
CREATE TABLE late (id int REFERENCES t DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION catches() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 / (id - 1) FROM t WHERE id = 1;
	RETURN 0;
EXCEPTION WHEN division_by_zero THEN
	RETURN 1;
END $$;
SQL

# The record that comes next after another, of some type
sub next_of
{
	my ($records, $after, $type) = @_;
	my ($next) =
	  grep { $_->{line} > $after->{line} } PgTrace::File::of_type($records, $type);

	return $next;
}

# A statement failed in a call: that has its line, then comes ERROR, then the
# end of the transaction.  Returns the call.
sub check_failure
{
	my ($records, $pattern, $type, $sqlstate, $what) = @_;
	my ($call) = calls_of($records, $pattern, $type);
	my ($error) = PgTrace::Check::of_statement($records, $pattern, 'ERROR');

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	if (!ok(defined $call && defined $error, "$what: $type, and ERROR"))
	{
		return { fields => { e => 0 } };
	}
	is($error->{fields}{sqlstate}, $sqlstate, "$what: SQLSTATE");
	cmp_ok($error->{line}, '>', $call->{line}, "$what: after the call");
	my $end = next_of($records, $error, 'XCTEND');
	is($end->{fields}{rlbk}, 1, "$what: rolled back") if defined $end;
	return $call;
}

# what doesn't get as far as a call
{
	my $trace = trace(
		$node,
		'SELEC 1',
		'SELECT * FROM nosuch',
		'SELECT 1 + nosuch FROM t',
		'SELECT catches()',
		"SELECT 'unterminated\\; 4711');",
		'SELECT 2');
	my @errors = PgTrace::File::of_type($trace, 'PARSE ERROR');

	is_deeply(
		[ map { [ @{ $_->{fields} }{qw(sqlstate pos)} ] } @errors[ 0 .. 2 ] ],
		[ [ '42601', 1 ], [ '42P01', 15 ], [ '42703', 12 ] ],
		'parse errors: SQLSTATE and position');
	like($errors[0]{text}, qr/^SELEC 1\s*;?\s*$/, 'text');
	like($errors[1]{text}, qr/^SELECT \* FROM nosuch\s*;?\s*$/, 'text');
	my $caught = next_of($trace, $errors[2], 'ERROR');
	is($caught->{fields}{sqlstate}, '22012', 'an error that is caught');
	is(scalar @errors, 4, 'does not hide the one after it');
	is($errors[3]{fields}{sqlstate}, '42601', 'unterminated literal')
	  if defined $errors[3];
	is_deeply([ map { $_->{fields}{rlbk} }
			  map { next_of($trace, $_, 'XCTEND') } @errors[ 0 .. 2 ] ],
		[ 1, 1, 1 ], 'all are rolled back');
	is_deeply([ rows($trace, qr/^SELECT 2/, 'FETCH') ],
		[1], 'the session goes on');
}

# what fails in a call, or between two
{
	my $trace = trace(
		$node,
		'SELECT 1 / (id - 50) FROM t ORDER BY id',
		'INSERT INTO t SELECT i, i FROM generate_series(101, 50, -1) i',
		'CREATE TABLE t ()',
		'BEGIN',
		'SELECT 1 / (id - 1) FROM t',
		'SELECT 3',
		'ROLLBACK',
		'SELECT 1 / 0',
		'BEGIN',
		'INSERT INTO late VALUES (1000)',
		'COMMIT');

	check_failure($trace, qr/^SELECT 1 \/ \(id - 50\)/,
		'FETCH', '22012', 'query');
	check_failure($trace, qr/^INSERT INTO t/, 'EXEC', '23505', 'insertion');
	is_deeply([ lines($trace, qr/^INSERT INTO t/) ],
		[qw(PARSE EXEC ERROR CLOSE)], 'insertion: one EXEC');
	check_failure($trace, qr/^CREATE TABLE t/, 'EXEC', '42P07', 'utility');
	check_failure($trace, qr/^SELECT 1 \/ \(id - 1\)/,
		'FETCH', '22012', 'in a transaction');
	my ($aborted) = grep { $_->{fields}{sqlstate} eq '25P02' }
	  PgTrace::File::of_type($trace, 'ERROR');
	ok(defined $aborted, 'a statement in an aborted transaction');
	is(scalar(grep { $_->{fields}{rlbk} } PgTrace::File::of_type($trace, 'XCTEND')),
		6, 'transactions rolled back');
	my $parse = check_failure($trace, qr/^SELECT 1 \/ 0/,
		'PARSE', '22012', 'planning');
	is($parse->{fields}{mis}, 1, 'planning: of a new plan');
	my $commit = check_failure($trace, qr/^COMMIT/,
		'EXEC', '23503', 'deferred constraint');
	is( scalar(
			grep { $_->{type} eq 'FETCH' } calls_below($trace, $commit)),
		1,
		'deferred constraint: its check is a part of COMMIT');
}

# time limits, cancellation, deadlock
{
	my $lock = PgTrace::Session->new($node);
	$lock->query('BEGIN; LOCK TABLE t');

	my $trace = trace(
		$node,
		"SET statement_timeout = '100ms'",
		'SELECT pg_sleep(60)',
		"SET statement_timeout = 0; SET lock_timeout = '50ms'",
		'UPDATE t SET n = 1',
		'SELECT count(*) FROM t');
	my $call = check_failure($trace, qr/^SELECT pg_sleep\(60\)/,
		'FETCH', '57014', 'statement_timeout');
	cmp_ok($call->{fields}{e}, '>=', 90_000, 'e up to the error');
	cmp_ok($call->{fields}{e}, '<', 60_000_000, 'and no longer');
	my @locks =
	  grep { $_->{fields}{sqlstate} eq '55P03' }
	  PgTrace::File::of_type($trace, 'PARSE ERROR');
	is(scalar @locks, 2, 'lock_timeout');
	my @waits = whole_waits(
		grep { $_->{fields}{nam} eq 'relation' && $_->{fields}{type} eq 'Lock' }
		  PgTrace::File::of_type($trace, 'WAIT'));
	is(scalar @waits, 2, 'and its waits');
	cmp_ok($_->{fields}{ela}, '>=', 45_000, 'of some length') foreach @waits;

	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);
	$session->send('TRUNCATE t');
	$session->wait_for_event('relation');
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
	$session->wait;
	$lock->query('ROLLBACK');
	$session->close;
	$trace = read_trace($node, $file);
	check_failure($trace, qr/^TRUNCATE t/, 'EXEC', '57014', 'cancel');
	is(scalar(whole_waits(waits_of($trace, qr/^TRUNCATE t/, 'relation'))),
		1, 'its wait');

	my @sessions = map {
		PgTrace::Session->new($node, options =>
			  '-c pg_trace.session=on -c deadlock_timeout=10ms')
	} 1, 2;
	my @files = map { session_file($node, $_) } @sessions;
	$sessions[0]->query('BEGIN; UPDATE t SET n = 0 WHERE id = 1');
	$sessions[1]->query('BEGIN; UPDATE t SET n = 0 WHERE id = 2');
	$sessions[0]->send('UPDATE t SET n = -1 WHERE id = 2');
	$sessions[0]->wait_for_event('transactionid');
	$sessions[1]->send('UPDATE t SET n = -1 WHERE id = 1');
	$_->wait foreach @sessions;
	$_->close foreach @sessions, $lock;
	my @deadlocks = grep {
		grep { $_->{fields}{sqlstate} eq '40P01' } PgTrace::File::of_type($_, 'ERROR')
	} map { read_trace($node, $_) } @files;
	is(scalar @deadlocks, 1, 'a deadlock has one victim');
	check_failure($deadlocks[0], qr/^UPDATE t SET n = -1/,
		'EXEC', '40P01', 'deadlock');
}

# sessions that are ended
{
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);
	my $pid = $session->pid;

	$session->send('SELECT pg_sleep(60)');
	$session->wait_for_event('PgSleep');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	my $trace = read_trace($node, $file);
	check_failure($trace, qr/^SELECT pg_sleep/, 'FETCH', '57P01', 'terminated');
	my ($exit) = PgTrace::File::of_type($trace, 'EXIT');
	is($exit->{fields}{code}, 1, 'terminated: exit status');
	is(scalar(whole_waits(waits_of($trace, qr/^SELECT pg_sleep/, 'PgSleep'))),
		1, 'terminated: the wait has an end');
	eval { $session->close };

	my $client = PgTrace::Protocol->new($node, options =>
		'-c pg_trace.session=on -c idle_in_transaction_session_timeout=50ms');
	$file = session_file($node, $client);
	$client->query('BEGIN; SELECT 4')->sync;
	my @answer = $client->ready;
	is(join(' ', PgTrace::Protocol::tags(@answer)),
		'25P03', 'ended by a time limit');
	$trace = read_trace($node, $file);
	is(scalar(grep { $_->{fields}{sqlstate} eq '25P03' }
			  PgTrace::File::of_type($trace, 'ERROR')),
		1, 'FATAL: SQLSTATE');
	my ($end) = reverse PgTrace::File::of_type($trace, 'XCTEND');
	is($end->{fields}{rlbk}, 1, 'FATAL: rolled back');
	is($trace->[-1]{type}, 'ENDED', 'FATAL: complete');
}
clean_files($node);

# a process that is killed takes the server's other processes with it
{
	my @sessions = map {
		PgTrace::Session->new($node, options => '-c pg_trace.session=on')
	} 1, 2;
	my @files = map { session_file($node, $_) } @sessions;

	$sessions[0]->query('SELECT 5');
	$sessions[0]->send('SELECT pg_sleep(60)');
	$sessions[0]->wait_for_event('PgSleep');
	$node->poll_query_until('postgres',
		"SELECT position('SELECT pg_sleep' IN pg_read_file('$files[0]')) > 0")
	  or die 'the statement is not in the file';
	my $worker = PgTrace::Node::worker_pid($node);
	kill 'KILL', $sessions[0]->pid;
	PgTrace::Node::poll_through_crash($node,
		"SELECT pid <> $worker AND state = 'enabled' FROM pg_trace_worker")
	  or die "the worker is not back";
	pass('the server recovers, and the worker is back');
	eval { $_->close } foreach @sessions;

	my $trace = PgTrace::File::parse($files[0], incomplete => 1);
	is_deeply([ PgTrace::Problems::problems($trace) ], [], 'the file is sound');
	is_deeply([ rows($trace, qr/^SELECT 5/, 'FETCH') ],
		[1], 'and has what came before');
	is(scalar(cursors_of($trace, qr/^SELECT pg_sleep/)),
		1, 'and what was running');
	is_deeply([ PgTrace::Problems::problems(PgTrace::File::parse($files[1], incomplete => 1)) ],
		[], 'so is that of a session that went with it');

	$trace = trace($node, 'SELECT 6');
	is_deeply([ rows($trace, qr/^SELECT 6/, 'FETCH') ],
		[1], 'and traces go on');
	clean_files($node, map { $_ => 1 } @files);
}
done_testing();
