# Tracing that begins while the process is in the middle of something: the file
# says at once what that is and what it waits for.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PgTrace::Node::new_node('main', 'autovacuum' => 'off');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t AS SELECT 1 AS id, 0 AS n;
CREATE FUNCTION busy(step int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	LOOP
		EXIT WHEN (SELECT n >= step FROM t);
		PERFORM count(*) FROM generate_series(1, 50000);
	END LOOP;
	RETURN step;
END $$;
SQL

my $holder = PgTrace::Session->new($node);

# Trace a session from outside; returns the file, as it is right then.
sub attach
{
	my ($session) = @_;
	my $file = $node->safe_psql('postgres',
		'SELECT pg_trace_session(' . $session->pid . ')');

	return ($file, PgTrace::File::parse($file, incomplete => 1));
}

sub detach
{
	my ($session, $file) = @_;

	$node->safe_psql('postgres',
		'SELECT pg_trace_session(' . $session->pid . ', false)');
	return read_trace($node, $file);
}

sub activity
{
	my ($session, $column) = @_;

	return $node->safe_psql('postgres',
		    "SELECT to_char($column AT TIME ZONE 'UTC', "
		  . q{'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')}
		  . ' FROM pg_stat_activity WHERE pid = ' . $session->pid);
}

sub waiting
{
	my ($records) = @_;

	return map { "#$_->{cursor} $_->{fields}{nam} $_->{fields}{type}" }
	  PgTrace::File::of_type($records, 'WAITING');
}

# stuck behind a lock, in a function
{
	my $session = PgTrace::Session->new($node);

	$holder->query('BEGIN; UPDATE t SET n = 1');
	my $sent = time;
	$session->send(
		'DO $$ BEGIN UPDATE t SET n = 2; PERFORM pg_sleep(0.01); PERFORM count(*) FROM t; END $$');
	$session->wait_for_event('transactionid');
	my $started = activity($session, 'query_start');
	my $before = time;
	my ($file, $now) = attach($session);
	my $after = time;

	my ($cursor) = PgTrace::File::of_type($now, 'CURSOR');
	like($cursor->{text}, qr/^DO .* BEGIN UPDATE t SET n = 2;.*END \$\$/,
		'lock: the text is there at once');
	PgTrace::File::has_note($now,
		qr/^TRACING STARTED IN THE MIDDLE OF A CALL THAT BEGAN AT \Q$started\E$/,
		'lock: and its start');
	is_deeply([ waiting($now) ],
		["#$cursor->{cursor} transactionid Lock"],
		'lock: and what it waits for');
	is(scalar PgTrace::File::of_type($now, 'WAIT'), 0, 'lock: still');

	$holder->query('SELECT pg_sleep(0.2)');
	my $released = time;
	$holder->query('COMMIT');
	$session->wait;
	my $done = time;
	$session->query('SELECT 4711');
	my $trace = detach($session, $file);

	my ($wait) = whole_waits(PgTrace::File::of_type($trace, 'WAIT'));
	is("$wait->{fields}{nam} #$wait->{cursor} $wait->{fields}{partial}",
		"transactionid #$cursor->{cursor} 1",
		'lock: the wait has begun before');
	cmp_ok($wait->{fields}{ela}, '>=', ($released - $after) * 1e6 - 1,
		'lock: its rest, not less');
	cmp_ok($wait->{fields}{ela}, '<=', ($done - $before) * 1e6 + 1,
		'lock: and not more');

	# what the function does then is nested in it
	is_deeply(
		[ map { $_->{fields}{dep} } calls_of($trace, qr/^SELECT count/) ],
		[ (1) x calls_of($trace, qr/^SELECT count/) ],
		'lock: later calls are nested in the statement');
	cmp_ok(scalar(calls_of($trace, qr/^SELECT count/)), '>', 2, 'lock: and there');
	my ($sleep) = grep { $_->{fields}{nam} eq 'PgSleep' }
	  PgTrace::File::of_type($trace, 'WAIT');
	ok(defined $sleep && !$sleep->{fields}{partial}, 'lock: and later waits');
	is_deeply(
		[ lines($trace, qr/^SELECT 4711/) ],
		[qw(PARSE EXEC FETCH CLOSE)],
		'lock: the next statement is complete');
	is_deeply(
		[ map { $_->{fields}{dep} } calls_of($trace, qr/^SELECT 4711/) ],
		[ 0, 0, 0, 0 ],
		'lock: and nested in nothing');
	my ($next) = cursors_of($trace, qr/^SELECT 4711/);
	is_deeply(
		[
			grep {
					 $_->{fields}{nam} eq 'ClientRead'
				  && $_->{line} < $next->{line}
				  && $_->{cursor} != $cursor->{cursor}
			} PgTrace::File::of_type($trace, 'WAIT')
		],
		[],
		'lock: a wait for it belongs to what was running');
	is_deeply([ sum_problems($trace), PgTrace::Problems::problems($trace) ],
		[], 'lock: the trace is sound');
	$session->close;
}

# on the CPU
{
	my $session = PgTrace::Session->new($node);

	$node->safe_psql('postgres', 'UPDATE t SET n = 0');
	$session->send('SELECT busy(1)');
	$node->poll_query_until('postgres',
		"SELECT state = 'active' FROM pg_stat_activity WHERE pid = "
		  . $session->pid);
	my ($file, $now) = attach($session);
	is_deeply([ waiting($now) ], [], 'CPU: waits for nothing');
	my ($cursor) = PgTrace::File::of_type($now, 'CURSOR');
	like($cursor->{text}, qr/^SELECT busy/, 'CPU: the text');
	# its loop goes through the hooks
	$node->poll_query_until('postgres',
		'SELECT sql_events > 200 FROM pg_trace_status WHERE pid = '
		  . $session->pid);
	$node->safe_psql('postgres', 'UPDATE t SET n = 1');
	is($session->wait, '1', 'CPU: the result');
	$session->query('COMMIT');
	my $trace = detach($session, $file);

	my @loops = calls_of($trace, qr/SELECT n >= step/, 'EXEC');
	cmp_ok(scalar(@loops), '>', 10, 'CPU: what is executed in it');
	is_deeply([ grep { $_->{fields}{dep} != 1 } @loops ],
		[], 'CPU: is nested in it');
	is_deeply([ map { "$_->{type} $_->{fields}{dep}" } calls_of($trace, qr/^COMMIT/) ],
		[ 'PARSE 0', 'EXEC 0' ], 'CPU: what follows is not');
	$session->close;
}

# idle, in a transaction and not
{
	my $session = PgTrace::Session->new($node);

	my ($file, $now) = attach($session);
	is_deeply([ waiting($now) ], ['#0 ClientRead Client'], 'idle');
	is(scalar PgTrace::File::of_type($now, 'CURSOR'), 0, 'idle: no statement');
	detach($session, $file);

	$session->query('BEGIN');
	$session->query('SELECT 42');
	my ($began, $since) =
	  (activity($session, 'xact_start'), activity($session, 'state_change'));
	($file, $now) = attach($session);
	my ($cursor) = PgTrace::File::of_type($now, 'CURSOR');
	like($cursor->{text}, qr/^SELECT 42/, 'in a transaction: the last text');
	PgTrace::File::has_note($now,
		qr/^TRACING STARTED IN A TRANSACTION THAT BEGAN AT \Q$began\E$/,
		'in a transaction: its start');
	PgTrace::File::has_note($now,
		qr/^IDLE, AFTER THIS STATEMENT, SINCE \Q$since\E$/,
		'in a transaction: idle since');
	is_deeply([ waiting($now) ],
		["#$cursor->{cursor} ClientRead Client"],
		'in a transaction: waits for the client');
	$session->query('COMMIT');
	my $trace = detach($session, $file);
	is_deeply([ lines($trace, qr/^COMMIT/) ], [ 'PARSE', 'EXEC' ],
		'in a transaction: then its COMMIT');
	is_deeply(
		[ map { $_->{fields}{nam} } waits_of($trace, qr/^SELECT 42/) ],
		['ClientRead'], 'in a transaction: the wait');
	$session->close;
}

$holder->close;
clean_files($node);
done_testing();
