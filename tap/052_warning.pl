
# What an ordinary user is told whose session was to be traced and isn't: that,
# and nothing of how the server is set up or what others do.  The server's log
# has the reason.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main',
	'log_statement' => 'none', 'pg_trace.max_sessions' => 1);
my $log_start;

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE watched LOGIN;
ALTER ROLE watched SET pg_trace.session = on;
CREATE TABLE t AS SELECT g FROM generate_series(1, 1000) g;
GRANT SELECT ON t TO watched;
SQL

# Connect as the role, in vain; all that the client is told.
sub is_told_little
{
	my ($what, $reason, $hint) = @_;

	$log_start = -s $node->logfile;
	my $session = PgTrace::Session->new($node,
		user => 'watched', options => '-c client_min_messages=log');
	is($session->query('SELECT 42'), '42', "$what: the session works");
	is( $session->error =~ s/^psql:<stdin>:\d+: //mgr,
		"WARNING:  this session could not be traced\n"
		  . "DETAIL:  The reason is in the server log.\n",
		"$what: its user is told so and no more");
	my $log = slurp_file($node->logfile, $log_start);
	my $pid = $session->pid;
	like($log,
		qr/LOG:  session of process $pid could not be traced: .*$reason/,
		"$what: the log has the reason");
	like($log, qr/HINT:  .*$hint/, "$what: with a hint") if defined $hint;
	$session->close;
	return;
}

my $first = PgTrace::Session->new($node);
$first->query('SELECT pg_trace_start_trace()');
is_told_little('no place', qr/1 processes are being traced already/,
	qr/increase pg_trace.max_sessions/);

my $super = PgTrace::Session->new($node, options => '-c pg_trace.session=on');
like($super->error,
	qr/WARNING:  this session could not be traced: 1 processes.*\n.*HINT: .*pg_trace.max_sessions/,
	'a superuser is told the reason');
$super->close;
$first->query('SELECT pg_trace_stop_trace()');

$node->safe_psql('postgres',
	"ALTER SYSTEM SET pg_trace.output_directory = '/nowhere/at/all'");
$node->reload;
PgTrace::Node::wait_until_traces($node, 0) or die;
is_told_little('no directory', qr/could not use directory "\/nowhere\/at\/all"/);
$node->safe_psql('postgres', 'ALTER SYSTEM RESET pg_trace.output_directory');
$node->reload;
PgTrace::Node::wait_until_traces($node, 1) or die;

# A parallel worker that gets no place has its messages sent to the leader.
$log_start = -s $node->logfile;
my $leader = PgTrace::Session->new($node,
	user => 'watched', options => '-c client_min_messages=log');
is( $leader->query(<<'SQL'), '1000', 'parallel query: works');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 1;
SELECT count(*) FROM t;
SQL
is($leader->error, '', 'parallel query: its user is told nothing');
like(slurp_file($node->logfile, $log_start),
	qr/LOG:  parallel worker of traced process \d+ could not be traced: 1 processes/,
	'parallel query: the log has it');
$leader->close;

$node->stop;
done_testing();
