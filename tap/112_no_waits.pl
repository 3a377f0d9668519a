# Nobody waits for the tracer with locks held: not at the end of a transaction,
# and not after an error, even if the queue is full and the worker stands still.
# A statement that waits for room in the queue can be cancelled.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use Test::More;
use Time::HiRes qw(time);

my $node = PgTrace::Node::new_node(
	'main',
	'pg_trace.queue_size' => '64kB',
	'pg_trace.attach_timeout' => '200ms');
$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION fail_with_lock() RETURNS void
	AS '$ENV{PGT_TEST_BIN}/locks', 'fail_with_lock' LANGUAGE C;
CREATE FUNCTION longest_hold() RETURNS int8
	AS '$ENV{PGT_TEST_BIN}/locks', 'longest_hold' LANGUAGE C;
CREATE TABLE t (id int);
CREATE FUNCTION starts_trace() RETURNS trigger LANGUAGE plpgsql AS \$\$
DECLARE
	done text;
BEGIN
	done := set_config('pg_trace.session', 'on', false);
	RETURN NEW;
END \$\$;
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON t
	DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION starts_trace();
SQL
my $worker = PgTrace::Node::worker_pid($node);

# A setting that changes at the transaction's end takes effect after it.  No hook
# of a statement comes after the assignment, which is a simple expression.
my $session = PgTrace::Session->new($node);
$session->query('BEGIN; INSERT INTO t VALUES (1)');
kill 'STOP', $worker or die;
my $begin = time;
$session->query('COMMIT');
my $took = time - $begin;
kill 'CONT', $worker or die;
cmp_ok($took, '<', 1, 'COMMIT does not wait for a trace to begin');
$session->query('SELECT 1');
is( $node->safe_psql('postgres',
		'SELECT count(*) FROM pg_trace_status WHERE pid = ' . $session->pid),
	1, 'the next statement begins it');
$session->close;

# With each length of a text, the queue is full at another place; some of these
# are within the failed statement.
my ($longest, $statements) = (0, 0);
foreach my $padding (map { 'x' x (41 * $_) } 1 .. 8)
{
	my $victim =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');

	kill 'STOP', $worker or die;
	$victim->query(join "\n",
		("SELECT fail_with_lock() /* $padding */;") x 120);
	kill 'CONT', $worker or die;
	my $hold = $victim->query('SELECT longest_hold()');
	$longest = $hold if $hold > $longest;
	$victim->close;
}
note("the longest hold is $longest us");
cmp_ok($longest, '<', 500_000, 'nobody waits for room after an error');

# A wait for room, which goes on for a second, ends with the statement.
$session = PgTrace::Session->new($node,
	options => '-c pg_trace.session=on -c statement_timeout=200ms');
my $file = session_file($node, $session);
kill 'STOP', $worker or die;
$begin = time;
$session->query("DO \$\$ BEGIN FOR i IN 1 .. 2000 LOOP PERFORM count(*) FROM t; END LOOP; END \$\$");
$took = time - $begin;
kill 'CONT', $worker or die;
cmp_ok($took, '<', 0.9, 'a statement that waits for room can be cancelled');
like($session->error, qr/statement timeout/, 'by its time limit');
$session->query('SELECT 1');
$session->close;
PgTrace::Node::wait_for_end($node, $file);
my $trace = PgTrace::File::parse($file);
is_deeply([ PgTrace::Problems::problems($trace) ], [], 'the file is sound');
$node->stop;
done_testing();
