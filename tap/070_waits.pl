# Durations of waits against what the client measures, waits of statements that
# were running before their trace, and how soon a wait is in the file.

use strict;
use warnings;

use PgTrace::Check qw(whole_waits);
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(stat time);

my $node = PgTrace::Node::new_node('main');
$node->safe_psql('postgres',
	'CREATE TABLE t AS SELECT 1 AS id, 0 AS n; CHECKPOINT');

sub waits_for
{
	my ($records, $event) = @_;

	return whole_waits(grep { $_->{fields}{nam} eq $event }
		  PgTrace::File::of_type($records, 'WAIT'));
}

# what a client can measure
{
	my $session = PgTrace::Session->new($node);
	my $other = PgTrace::Session->new($node);
	my $file = $session->query('SELECT pg_trace_start_trace()');
	my $begin = time;

	$session->query('SELECT pg_sleep(0.2)');
	my $slept_us = (time - $begin) * 1e6;

	$other->query('BEGIN; UPDATE t SET n = 1');
	$begin = time;
	$session->send('UPDATE t SET n = 2');
	$session->wait_for_event('transactionid');
	$other->query('SELECT pg_sleep(0.3)');
	$other->query('COMMIT');
	$session->wait;
	my $waited_us = (time - $begin) * 1e6;
	$session->query('SELECT pg_trace_stop_trace()');

	my $records = PgTrace::File::parse($file);
	is_deeply([ PgTrace::Problems::problems($records) ], [], 'the trace is sound');

	my @sleeps = waits_for($records, 'PgSleep');
	is(scalar @sleeps, 1, 'one PgSleep');
	cmp_ok($sleeps[0]{fields}{ela}, '>=', 200_000, 'not too short');
	cmp_ok($sleeps[0]{fields}{ela}, '<=', $slept_us, 'not too long');
	my ($cursor) = PgTrace::File::cursors_like($records, qr/^SELECT pg_sleep/);
	is($sleeps[0]{cursor}, $cursor, 'and of the right statement');

	my @locks = waits_for($records, 'transactionid');
	is(scalar @locks, 1, 'one row lock');
	cmp_ok($locks[0]{fields}{ela}, '>=', 300_000, 'not too short');
	cmp_ok($locks[0]{fields}{ela}, '<=', $waited_us, 'not too long');
	($cursor) = PgTrace::File::cursors_like($records, qr/^UPDATE t SET n = 2/);
	is($locks[0]{cursor}, $cursor, 'and of the right statement');
	$_->close foreach $session, $other;
}

# a statement that was running before
{
	my $session = PgTrace::Session->new($node);
	my $pid = $session->pid;
	my $begin = time;

	$session->send('SELECT pg_sleep(5)');
	$session->wait_for_event('PgSleep');
	my $file =
	  $node->safe_psql('postgres', "SELECT pg_trace_session($pid)");
	my $started = time;
	$session->wait;
	my $end = time;
	$session->query('SELECT 4711');
	$node->safe_psql('postgres', "SELECT pg_trace_session($pid, false)");

	my $records = PgTrace::File::parse($file);
	is_deeply([ PgTrace::Problems::problems($records) ], [], 'the trace is sound');
	my ($cursor) = PgTrace::File::of_type($records, 'CURSOR');
	like($cursor->{text}, qr{^SELECT pg_sleep\(5\)}, 'the statement is known');
	my @sleeps = waits_for($records, 'PgSleep');
	is(scalar @sleeps, 1, 'one PgSleep');
	is($sleeps[0]{cursor}, $cursor->{cursor}, 'of that statement');
	is($sleeps[0]{fields}{partial}, 1, 'known to have begun before');
	my $ela = $sleeps[0]{fields}{ela};
	cmp_ok($ela, '>=', ($begin + 5 - $started) * 1e6,
		'as long as the rest of it');
	cmp_ok($ela, '<=', ($end - $begin) * 1e6, 'and no longer');

	($cursor) = PgTrace::File::cursors_like($records, qr/^SELECT 4711/);
	is(scalar PgTrace::File::of_cursor($records, $cursor, 'PARSE', 'EXEC', 'FETCH'),
		3, 'the next statement is complete');
	$session->close;
}

# a wait is in the file while its statement goes on
{
	my $session = PgTrace::Session->new($node);
	my $other = PgTrace::Session->new($node);
	my $file = $session->query('SELECT pg_trace_start_trace()');

	$other->query('SELECT pg_advisory_lock(1)');
	$session->send(
		'DO $$ BEGIN PERFORM pg_sleep(0.01); PERFORM pg_advisory_lock(1); END $$');
	$session->wait_for_event('advisory');
	my $begin = time;
	$node->poll_query_until('postgres',
		"SELECT position('nam=''PgSleep''' IN pg_read_file('$file')) > 0")
	  or die 'the wait does not appear';
	cmp_ok((stat $file)[9] - $begin,
		'<', 1, 'a wait is in the file within a second');
	is( $node->safe_psql('postgres',
			'SELECT state FROM pg_stat_activity WHERE pid = ' . $session->pid),
		'active',
		'while its statement goes on');
	$other->query('SELECT pg_advisory_unlock(1)');
	$session->wait;
	$session->query('SELECT pg_trace_stop_trace()');
	is_deeply([ PgTrace::Problems::problems(PgTrace::File::parse($file)) ],
		[], 'the trace is sound');
	$_->close foreach $session, $other;
}

done_testing();
