
# Which process of a server has which capabilities.
#
# The postmaster gets CAP_BPF and CAP_PERFMON; all that it forks inherits them
# unless it is stopped from that, and whoever has them can read any process's
# memory through eBPF.  So this looks at every process there is, of every kind
# that can be had, and at what they execute, and again after the ways in which
# processes are started anew.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $both = (1 << PgTrace::Node::CAP_BPF) | (1 << PgTrace::Node::CAP_PERFMON);
my @sets = qw(CapInh CapPrm CapEff CapAmb);

# What the tests have, the servers get.
my ($own) = PgTrace::Node::capabilities($$);
is($own->[1]{CapAmb} & $both, $both, 'this test has the capabilities to give');

my $primary = PgTrace::Node::create_node(
	'primary',
	{ allows_streaming => 'logical' },
	'shared_preload_libraries' => 'pg_trace_bgw, pg_prewarm',
	'restart_after_crash' => 'on',
	'autovacuum_naptime' => '1s',
	'archive_mode' => 'on',
	'max_worker_processes' => 16);
my $archived = $primary->data_dir . '/archived';
$primary->append_conf('postgresql.conf',
	"archive_command = 'cat /proc/self/status >$archived'\n");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION pg_trace_bgw');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf',
	"logging_collector = on\nlog_filename = 'server.log'\narchive_mode = off\n"
);
$standby->start;

# The threads of a process that don't have just these permitted and effective
# capabilities, as strings
sub wrong
{
	my ($pid, %expected) = @_;
	my @wrong;

	foreach my $thread (PgTrace::Node::capabilities($pid))
	{
		my ($tid, $found) = @$thread;

		foreach my $set (@sets)
		{
			push @wrong, sprintf('%s of thread %d is %x', $set, $tid, $found->{$set})
			  if $found->{$set} != ($expected{$set} || 0);
		}
	}
	return @wrong;
}

# Test all processes of a server; returns the titles of those seen.
sub check_server
{
	my ($node, $when, $worker) = @_;
	my $postmaster = PgTrace::Node::postmaster_pid($node);
	my %children = PgTrace::Node::children($node);
	my @wrong;

	is_deeply([ wrong($postmaster, CapPrm => $both) ],
		[], "$when: the postmaster can pass them on, but not use them");
	is_deeply([ wrong($worker, CapPrm => $both, CapEff => $both) ],
		[], "$when: the worker has just these two");
	ok(defined $children{$worker}, "$when: the worker is a child");
	delete $children{$worker};
	cmp_ok(scalar(keys %children), '>', 3, "$when: there are other processes");

	foreach my $pid (sort keys %children)
	{
		push @wrong, map { "$pid $children{$pid}: $_" } wrong($pid);
	}
	is_deeply(\@wrong, [], "$when: no other process has any");
	return values %children;
}

sub saw
{
	my ($seen, $kind, $pattern) = @_;

	ok((grep { $_ =~ $pattern } @$seen), "such a process was looked at: $kind")
	  or diag(join("\n", sort @$seen));
	return;
}

# Something that is executed by a process has none either.
sub check_program
{
	my ($status, $what) = @_;
	my $sets = PgTrace::Node::parse_capabilities($status);

	foreach my $set (@sets)
	{
		is($sets->{$set}, 0, "$what: $set is empty");
	}
	return;
}

###############################################################################
# Processes that wait for nothing but to be looked at
###############################################################################

$primary->safe_psql('postgres', <<'SQL');
CREATE TABLE big AS SELECT i FROM generate_series(1, 20000) AS i;
ALTER TABLE big SET (autovacuum_enabled = off, parallel_workers = 2);
CREATE TABLE dirty (i int) WITH (autovacuum_vacuum_threshold = 1,
	autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100,
	autovacuum_vacuum_cost_limit = 1);
INSERT INTO dirty SELECT i FROM generate_series(1, 20000) AS i;
DELETE FROM dirty WHERE i % 2 = 0;
CREATE DATABASE other;
CREATE TABLE published (i int);
CREATE PUBLICATION everything FOR TABLE published;
SELECT pg_create_logical_replication_slot('own', 'pgoutput');
SQL
my $connstr = $primary->connstr . ' dbname=postgres';
$primary->safe_psql('other', <<"SQL");
CREATE TABLE published (i int);
CREATE SUBSCRIPTION own CONNECTION '$connstr' PUBLICATION everything
	WITH (create_slot = false, slot_name = 'own');
SQL

my $parallel = PgTrace::Session->new($primary);
$parallel->send(<<'SQL');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*) FROM big WHERE pg_sleep(1) IS NOT NULL;
SQL

foreach my $type (
	'parallel worker', PgTrace::Node::apply_worker(), 'walsender')
{
	$primary->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = '$type'"
	) or die "there is no $type";
}

$primary->poll_query_until('postgres',
	"SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND query LIKE '%dirty'"
) or die 'there is no autovacuum worker';

my $worker = PgTrace::Node::worker_pid($primary);
my @seen = check_server($primary, 'primary', $worker);
saw(\@seen, 'backend', qr/\[local\] SELECT/);
saw(\@seen, $_, qr/^$_/)
  foreach 'checkpointer', 'background writer', 'walwriter', 'archiver',
  'autovacuum launcher', 'autovacuum worker', 'parallel worker',
  'logical replication launcher', PgTrace::Node::apply_worker(), 'walsender',
  'autoprewarm';

@seen = check_server($standby, 'standby', PgTrace::Node::worker_pid($standby));
saw(\@seen, $_, qr/^$_/) foreach 'startup', 'walreceiver', 'logger';
$standby->stop;

###############################################################################
# Programs
###############################################################################

my $copied = $primary->data_dir . '/copied';
$primary->safe_psql('postgres',
	"COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; cat /proc/self/status >$copied'");
check_program(slurp_file($copied), 'COPY TO PROGRAM');
check_program(
	$primary->safe_psql(
		'postgres', <<'SQL'),
CREATE TEMP TABLE status (line text);
COPY status FROM PROGRAM 'tr "\011" " " </proc/self/status';
SELECT line FROM status;
SQL
	'COPY FROM PROGRAM');

$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
$primary->poll_query_until('postgres',
	'SELECT archived_count > 0 FROM pg_stat_archiver')
  or die 'nothing is archived';
check_program(slurp_file($archived), 'archive_command');

# A traced session is no exception.
my $traced = PgTrace::Session->new($primary, options => '-c pg_trace.session=on');
is($traced->query('SELECT probe FROM pg_trace_status'),
	'uprobe', 'a session is traced with probes');
$traced->query("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; cat /proc/self/status >$copied'");
check_program(slurp_file($copied), 'COPY TO PROGRAM of a traced session');
is_deeply([ wrong($traced->pid) ], [], 'a traced session has none');

###############################################################################
# Processes that are started again
###############################################################################

sub replaced
{
	my ($node, $before, $when) = @_;

	$node->poll_query_until('postgres',
		"SELECT pid <> $before AND state = 'enabled' FROM pg_trace_worker")
	  or die "$when: there is no new worker";
	return PgTrace::Node::worker_pid($node);
}

kill('TERM', $worker) == 1 or die "could not terminate $worker: $!";
$worker = replaced($primary, $worker, 'after its end');
check_server($primary, 'worker terminated', $worker);
is($traced->query('SELECT count(*) FROM pg_trace_status'),
	1, 'the traced session goes on');

# Every process is forked anew, by a postmaster that gave up its capabilities
# long ago.
my $victim = $parallel->pid;
kill('KILL', $victim) == 1 or die "could not kill $victim: $!";
$worker = replaced($primary, $worker, 'after a crash');
$primary->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'autovacuum launcher'"
) or die 'the server is not complete';
check_server($primary, 'crash', $worker);
my $after = PgTrace::Session->new($primary, options => '-c pg_trace.session=on');
is($after->query('SELECT probe FROM pg_trace_status'),
	'uprobe', 'after a crash: probes work');
$primary->safe_psql('postgres',
	"COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; cat /proc/self/status >$copied'");
check_program(slurp_file($copied), 'COPY TO PROGRAM after a crash');

$primary->stop('immediate');
done_testing();
