# A server that also has CAP_SYS_ADMIN, as one needs to have it where the
# kernel has no uprobe_multi links: it is used where it is asked for, and
# dropped like any other where not.  Run with that capability.

use strict;
use warnings;

use PgTrace::GroundTruth;
use PgTrace::Check qw(session_file);
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

use constant CAP_SYS_ADMIN => 21;

my $both = (1 << PgTrace::Node::CAP_BPF) | (1 << PgTrace::Node::CAP_PERFMON);
my $all = $both | (1 << CAP_SYS_ADMIN);

my ($own) = PgTrace::Node::capabilities($$);
plan skip_all => 'CAP_SYS_ADMIN is not given to this test'
  if ($own->[1]{CapAmb} & $all) != $all;

# What a process's threads have, as "permitted effective", each once
sub capabilities_of
{
	my ($pid) = @_;
	my %sets = map { sprintf('%x %x', @{ $_->[1] }{qw(CapPrm CapEff)}) => 1 }
	  PgTrace::Node::capabilities($pid);

	return join ', ', sort keys %sets;
}

sub check_capabilities
{
	my ($node, $worker_has, $what) = @_;
	my $worker = PgTrace::Node::worker_pid($node);
	my $session = PgTrace::Session->new($node);
	my ($postmaster) =
	  slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)$/m;

	is(capabilities_of($worker),
		sprintf('%x %x', $worker_has, $both), "$what: the worker");
	is(capabilities_of($postmaster),
		sprintf('%x 0', $worker_has), "$what: the postmaster");
	is(capabilities_of($session->pid), '0 0', "$what: a session");
	is( $session->query(
			"COPY (SELECT 1) TO PROGRAM 'grep ^CapPrm /proc/self/status >&2'"),
		'', "$what: a program");
	$session->close;
	like(
		slurp_file($node->logfile), qr/^CapPrm:\s+0+$/m,
		"$what: which has none");
	return;
}

###############################################################################
# Given, but of no use
###############################################################################

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'parallel_setup_cost' => 0,
	'parallel_tuple_cost' => 0,
	'min_parallel_table_scan_size' => 0,
	'jit' => 'off');
check_capabilities($node, $both, 'auto');
is( $node->safe_psql('postgres',
		'SELECT probe, capabilities, last_error FROM pg_trace_worker'),
	'uprobe|cap_bpf,cap_perfmon|',
	'auto: the views');

###############################################################################
# Links that go on firing after they were closed
###############################################################################

# A busy kernel takes long to detach a link, and meanwhile the session may have
# been given another one, on the same places.
SKIP:
{
	skip PgTrace::GroundTruth::problem(), 1 if PgTrace::GroundTruth::problem();

	my ($busy, @others) = map { PgTrace::Session->new($node) } 0 .. 12;
	my $trace = sub {
		my ($enable, $probe) = @_;

		$node->safe_psql('postgres',
			"SELECT pg_trace_session(pid, $enable) FROM unnest(ARRAY["
			  . join(',', map { $_->pid } @others) . ']) pid');
		$node->poll_query_until('postgres',
			"SELECT probe = '$probe' FROM pg_trace_status WHERE pid = " . $busy->pid)
		  or die "the session is not moved to $probe";
	};
	my @keepers;
	my $keep = sub {
		my ($out, $in) = ('', '');
		my $keeper = IPC::Run::start([ "$ENV{PGT_TEST_BIN}/link_keeper" ],
			'<', \$in, '>', \$out, IPC::Run::timeout(60));

		$keeper->pump until $out =~ /\n/;
		push @keepers, $keeper;
		return $out;
	};

	$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION waits_while(int, text) RETURNS int STRICT LANGUAGE C
  AS '$ENV{PGT_TEST_BIN}/waiter', 'waits_while';
SQL
	my $until = $node->basedir . '/until';
	append_to_file($until, '');
	my $kept_trace = $busy->query('SELECT pg_trace_start_trace()');
	my $truth = PgTrace::GroundTruth->start($busy);
	$busy->send("SELECT waits_while(200, '$until')");
	foreach my $round (1, 2)
	{
		cmp_ok($keep->(), '>', 0, "links kept, round $round");
		$trace->('true', 'uprobe_shared');
		cmp_ok($keep->(), '>', 0, "shared links kept, round $round");
		$trace->('false', 'uprobe');
	}
	unlink $until or die "$until: $!";
	$busy->wait;
	$truth->finish;
	$busy->query('SELECT pg_trace_stop_trace()');
	$truth->compare(PgTrace::File::parse($kept_trace), 'links that are kept');
	$_->finish foreach @keepers;
	$_->close foreach $busy, @others;
}

# It was given up for good.
$node->safe_psql('postgres',
	"ALTER SYSTEM SET pg_trace.wait_probe = 'perf_uprobe'");
$node->reload;
$node->poll_query_until('postgres',
	"SELECT last_error ~ 'perf_uprobe: the kernel did not permit it' FROM pg_trace_worker"
) or die 'perf_uprobe works';
is($node->safe_psql('postgres', 'SELECT probe FROM pg_trace_worker'),
	'none', 'without it there are no perf uprobes');
my $session = PgTrace::Session->new($node, options => '-c pg_trace.session=on');
like(
	$session->query('SELECT probe, last_error FROM pg_trace_status'),
	qr/^none\|perf_uprobe: the kernel did not permit it/,
	'as pg_trace_status shows');
$session->close;

###############################################################################
# Asked for
###############################################################################

$node->restart;
check_capabilities($node, $all, 'perf_uprobe');
is( $node->safe_psql('postgres',
		'SELECT probe, capabilities, last_error FROM pg_trace_worker'),
	'perf_uprobe|cap_bpf,cap_perfmon,cap_sys_admin|',
	'perf_uprobe: the views');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE t WITH (parallel_workers = 0) AS
  SELECT g AS id, repeat('x', 200) AS filler FROM generate_series(1, 20000) g;
CREATE TABLE p WITH (parallel_workers = 2, fillfactor = 10) AS
  SELECT g AS id FROM generate_series(1, 100) g;
CREATE FUNCTION waits(int, int) RETURNS int STRICT LANGUAGE C
  AS '$ENV{PGT_TEST_BIN}/waiter', 'waits';
SQL
$session = PgTrace::Session->new($node);
my $other = PgTrace::Session->new($node);
$_->query('SELECT pg_trace_start_trace()') foreach $session, $other;
# these take long to attach: a busy worker may not have answered in time
my ($file) = map { session_file($node, $_) } $session, $other;
$node->poll_query_until('postgres',
	"SELECT count(*) = 2 FROM pg_trace_status WHERE state = 'active'")
  or die 'two sessions are not traced';
is($session->query('SELECT DISTINCT probe FROM pg_trace_status'),
	'perf_uprobe', 'perf_uprobe: two sessions');
SKIP:
{
	skip PgTrace::GroundTruth::problem(), 1 if PgTrace::GroundTruth::problem();

	my $truth = PgTrace::GroundTruth->start($session);
	$session->query('SELECT waits(1000, 0)');
	$session->query("SET work_mem = '64kB'");
	$session->query('SELECT count(*) FROM (SELECT * FROM t ORDER BY filler OFFSET 1) s');
	$session->query('CREATE TABLE u AS SELECT * FROM t');
	$session->query('SELECT pg_sleep(0.01)');
	$truth->finish;
	$session->query('SELECT pg_trace_stop_trace()');
	my $count = $truth->compare(PgTrace::File::parse($file), 'perf_uprobe');
	ok($count->{$_}, "perf_uprobe: $_ is among them")
	  foreach (map { 'IO:' . PgTrace::Node::event($_) } qw(BufFileRead BufFileWrite)),
	  qw(Extension:Extension Timeout:PgSleep);

	# a parallel worker, in a library that it loads itself
	$session->query('SET parallel_leader_participation = off');
	$session->query('SELECT pg_trace_start_trace()');
	($truth, $file) = PgTrace::GroundTruth->of_worker($node, $session,
		"$ENV{PGT_TEST_BIN}/waiter", 'p');
	$count =
	  $truth->compare(PgTrace::File::parse($file), 'perf_uprobe, parallel worker');
	cmp_ok($count->{'Timeout:PgSleep'}, '>=', 100,
		'perf_uprobe, parallel worker: waits of the module');
}

$_->query('SELECT pg_trace_stop_trace()') foreach $session, $other;
is($session->query('SELECT count(*) FROM pg_trace_status'),
	0, 'perf_uprobe: no trace is left');

$_->close foreach $session, $other;

$node->safe_psql('postgres',
	"ALTER SYSTEM SET pg_trace.debug_failing_probes = 'perf_uprobe'");
$node->restart;
$node->poll_query_until('postgres',
	'SELECT last_error IS NOT NULL FROM pg_trace_worker')
  or die 'nothing is wrong';
is( $node->safe_psql('postgres', 'SELECT probe, last_error FROM pg_trace_worker'),
	"none|perf_uprobe: uprobes don't fire on this machine",
	'perf_uprobe: what does not prove itself is not used');
$node->stop;
done_testing();
