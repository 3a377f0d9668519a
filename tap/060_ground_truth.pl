# The waits that the probes see against those that happen: each write to the
# same wait_event_info word, by a software watchpoint, in the same run; with
# each kind of probe, and with modules of PostgreSQL's loaded.

use strict;
use warnings;

use PgTrace::GroundTruth;
use PgTrace::Node;
use Test::More;

plan skip_all => PgTrace::GroundTruth::problem() if PgTrace::GroundTruth::problem();

my $node = PgTrace::Node::new_node(
	'main',
	'shared_preload_libraries' => 'pg_trace_bgw, pg_stat_statements',
	'shared_buffers' => '1MB',
	'max_parallel_workers_per_gather' => 0,
	'autovacuum' => 'off',
	'fsync' => 'on');
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION postgres_fdw;
CREATE TABLE big AS SELECT g AS id, repeat('x', 200) AS filler
  FROM generate_series(1, 60000) g;
CREATE TABLE small (id int PRIMARY KEY, n int);
INSERT INTO small SELECT g, 0 FROM generate_series(1, 100) g;
CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw
  OPTIONS (host '$node->{_host}', port '$node->{_port}', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER loopback;
CREATE FOREIGN TABLE foreign_small (id int, n int) SERVER loopback
  OPTIONS (table_name 'small');
SQL

my $no_watchpoint = PgTrace::Node::watchpoint_problem($node);

# Waits of many kinds
sub work
{
	my ($session, $other) = @_;

	# reads from disk, temporary files, extension of a relation
	$session->query('SELECT sum(length(filler)) FROM big') for 1 .. 2;
	$session->query("SET work_mem = '64kB'");
	$session->query(
		'SELECT count(*) FROM (SELECT * FROM big ORDER BY filler, id OFFSET 10) s');
	$session->query(
		'CREATE TEMP TABLE copy AS SELECT * FROM big LIMIT 20000');
	$session->query(
		'CREATE TABLE extended AS SELECT * FROM big LIMIT 20000; DROP TABLE extended');
	# flushes of WAL, and the client
	$session->query("UPDATE small SET n = n + 1 WHERE id = $_") for 1 .. 100;
	$session->query('SELECT pg_sleep(0.01)') for 1 .. 5;
	$session->query('CHECKPOINT');
	# a module, which waits for another server
	$session->query("LOAD 'auto_explain'");
	$session->query('SELECT count(*) FROM foreign_small');
	# a row lock
	$other->query('BEGIN');
	$other->query('UPDATE small SET n = -1 WHERE id = 1');
	$session->send('UPDATE small SET n = -2 WHERE id = 1');
	$node->poll_query_until('postgres',
		    "SELECT wait_event = 'transactionid' FROM pg_stat_activity"
		  . ' WHERE pid = '
		  . $session->pid)
	  or die 'no lock wait';
	$other->query('COMMIT');
	$session->wait;
	return;
}

foreach my $setting (qw(auto uprobe_shared watchpoint))
{
	my %probe = (auto => 'uprobe');
	my $probe = $probe{$setting} // $setting;

	next if $probe eq 'watchpoint' && PgTrace::Node::skipped($no_watchpoint, 16);
	PgTrace::Node::set_probe($node, $setting, $probe);
	my $session = PgTrace::Session->new($node);
	my $other = PgTrace::Session->new($node);
	my $file = $session->query('SELECT pg_trace_start_trace()');
	is( $session->query('SELECT probe, last_error FROM pg_trace_status'),
		"$probe|", "$setting: $probe");

	my $truth = PgTrace::GroundTruth->start($session);
	work($session, $other);
	$truth->finish;
	$session->query('SELECT pg_trace_stop_trace()');

	my $count = $truth->compare(PgTrace::File::parse($file), $setting);
	foreach my $name (
		(map { 'IO:' . PgTrace::Node::event($_) }
			qw(DataFileRead BufFileWrite BufFileRead DataFileExtend WALSync)),
		qw(Client:ClientRead Timeout:PgSleep Lock:transactionid),
		# from 17 on, the module's waits have a name
		'Extension:'
		  . (PgTrace::Node::major() >= 17 ? 'PostgresFdwGetResult' : 'Extension'))
	{
		ok($count->{$name}, "$setting: $name is among them");
	}
	$session->close;
	$other->close;
}

done_testing();
