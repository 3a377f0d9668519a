# A call that goes on for long says so every ten seconds, and what it waits for
# then; also while the worker is busy with other sessions, and if it had begun
# when tracing did.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main');
my $session = PgTrace::Session->new($node);
my $busy = PgTrace::Session->new($node);
my $late = PgTrace::Session->new($node);
my $over = PgTrace::Session->new($node);
my $holder = PgTrace::Session->new($node);

$holder->query('SELECT pg_advisory_lock(1), pg_advisory_lock(2)');
$late->send('SELECT pg_advisory_lock(1)');
$over->send('SELECT pg_advisory_lock(2)');
$_->wait_for_event('advisory') foreach $late, $over;
my ($late_file, $over_file) = map {
	$node->safe_psql('postgres', 'SELECT pg_trace_session(' . $_->pid . ')')
} $late, $over;
$holder->query('SELECT pg_advisory_unlock(2)');
$over->wait;

my $file = $session->query('SELECT pg_trace_start_trace()');
my $busy_file = $busy->query('SELECT pg_trace_start_trace()');
$session->send('SELECT pg_sleep(20.5)');
$busy->send(<<'SQL');
DO $$
DECLARE
	until timestamptz := clock_timestamp() + interval '20.5 s';
BEGIN
	WHILE clock_timestamp() < until LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END
$$
SQL
$_->wait foreach $session, $busy;
$holder->query('SELECT pg_advisory_unlock(1)');
$late->wait;
$session->query('SELECT pg_trace_stop_trace()');
$busy->query('SELECT pg_trace_stop_trace()');
$node->safe_psql('postgres', 'SELECT pg_trace_session(' . $_->pid . ', false)')
  foreach $late, $over;

# The first RUNNING line of a file; checks that they are the statement's
sub running
{
	my ($records, $pattern) = @_;
	my ($cursor) = PgTrace::File::cursors_like($records, $pattern);
	my @running = PgTrace::File::of_type($records, 'RUNNING');

	is_deeply([ PgTrace::Problems::problems($records) ], [], 'the trace is sound');
	is(scalar @running, 2, 'two lines in 20.5 seconds');
	foreach my $i (0 .. $#running)
	{
		my $e = $running[$i]{fields}{e} - 10_000_000 * ($i + 1);

		is($running[$i]{cursor}, $cursor, 'of the statement');
		cmp_ok($e, '>=', 0, 'after ten seconds, or twenty');
		cmp_ok($e, '<', 1_000_000, 'and not much later');
	}
	return $running[0]{fields};
}

# what sets the latch, such as a timer of PostgreSQL's, makes two waits of one
my $records = PgTrace::File::parse($file);
my $fields = running($records, qr/^SELECT pg_sleep/);
is("$fields->{nam} $fields->{type}", 'PgSleep Timeout', 'what it waits for');
my ($fetch) = calls_of($records, qr/^SELECT pg_sleep/, 'FETCH');
my $begin = begin_of($fetch) + $fields->{e} - $fields->{ela};
is( scalar(
		grep { abs($_->{fields}{tim} - $_->{fields}{ela} - $begin) <= 3 }
		  waits_of($records, qr/^SELECT pg_sleep/, 'PgSleep')),
	1, 'and since when');
my @times = map { $_->{fields}{tim} } PgTrace::File::of_type($records, 'TIME');
is( scalar(
		grep { $times[$_] - $times[ $_ - 1 ] > 12_000_000 } 1 .. $#times),
	0, 'the wall clock at least every 10 s');

$fields = running(PgTrace::File::parse($late_file), qr/^SELECT pg_advisory_lock/);
is("$fields->{nam} $fields->{type}", 'advisory Lock', 'what it waits for');

is_deeply([ PgTrace::File::of_type(PgTrace::File::parse($over_file), 'RUNNING') ],
	[], 'none once the statement is over');
is(scalar PgTrace::File::of_type(PgTrace::File::parse($busy_file), 'RUNNING'),
	2, 'those of the busy session');

$_->close foreach $session, $busy, $late, $over, $holder;
done_testing();
