# Forks by other processes than the postmaster: a procedural language's
# backtick forks in a backend, a parallel worker, whatever loads it.  What is
# forked there ends as it should, has no capabilities and starts no trace.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $modules = $ENV{PGT_TEST_BIN};
my $node = PgTrace::Node::new_node(
	'main',
	'shared_preload_libraries' => "pg_trace_bgw, $modules/forker.so",
	'autovacuum' => 'off',
	'parallel_setup_cost' => 0,
	'parallel_tuple_cost' => 0,
	'min_parallel_table_scan_size' => 0,
	'max_parallel_workers_per_gather' => 2,
	'parallel_leader_participation' => 'off');
my $data = $node->data_dir;
$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION fork_here() RETURNS text
AS '$modules/forker', 'fork_here' LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
CREATE TABLE big (id int) WITH (parallel_workers = 2, fillfactor = 10);
INSERT INTO big SELECT generate_series(1, 100);
ANALYZE big;
SQL
my $worker = PgTrace::Node::worker_pid($node);

# What fork_here() returns, as (parent, child, how the child ended)
sub parse
{
	my ($result) = @_;
	my @parts = $result =~ /^(\d+) (\d+) (\w+ \d+)$/;

	die "no fork: $result" unless @parts;
	return @parts;
}

sub check_fork
{
	my ($result, $what) = @_;
	my (undef, $pid, $end) = parse($result);

	is($end, 'exit 0', "$what: the forked process ends as it should");

	my $birth = -e "$data/births/$pid" ? slurp_file("$data/births/$pid") : '';
	my $sets = PgTrace::Node::parse_capabilities($birth);
	is_deeply(
		[ map { $sets->{$_} } qw(CapInh CapPrm CapEff CapAmb) ],
		[ 0, 0, 0, 0 ],
		"$what: it has no capabilities");
	is(scalar PgTrace::Node::trace_files($node, $pid), 0, "$what: it isn't traced");
	return;
}

# untraced and traced backends
my $backend = PgTrace::Session->new($node);
check_fork($backend->query('SELECT fork_here()'), 'backend');
$backend->query('SELECT pg_trace_start_trace()');
check_fork($backend->query('SELECT fork_here()'), 'traced backend');

# Parallel workers, traced since they were forked or not at all.  There is a
# fork for each of many rows, so what waits, or takes slots, shows.
sub check_parallel
{
	my ($session, $what) = @_;
	my @results = split /\n/, $session->query('SELECT fork_here() FROM big');
	my %ran;
	my @traced;

	foreach my $result (@results)
	{
		my ($parent, $pid) = parse($result);

		$ran{$parent} = 1;
		push @traced, $pid if PgTrace::Node::trace_files($node, $pid);
	}
	is(scalar @results, 100, "$what: a fork for each row");
	is_deeply([ sort map { (parse($_))[2] } @results ],
		[ ('exit 0') x 100 ], "$what: each forked process ends as it should");
	is_deeply(\@traced, [], "$what: none is traced");
	cmp_ok(scalar(keys %ran), '>=', 1, "$what: workers forked");
	ok(!$ran{ $session->pid }, "$what: and not their leader");
	check_fork($results[-1], $what);
	return keys %ran;
}

my @workers = check_parallel($backend, 'parallel worker of a traced leader');
is(scalar(grep { PgTrace::Node::trace_files($node, $_) == 1 } @workers),
	scalar @workers, 'the parallel workers themselves are traced');
$backend->query('SELECT pg_trace_stop_trace()');
check_parallel($backend, 'parallel worker');
is($node->safe_psql('postgres', 'SELECT sessions FROM pg_trace_worker'),
	0, 'no slot is taken');

# All processes that follow settings, as long as the worker has capabilities
# to inherit.  The postmaster itself isn't special: a library may fork there.
$node->safe_psql('postgres', 'ALTER SYSTEM SET forker.round = 1');
$node->reload;
my %forkers = (postmaster => PgTrace::Node::postmaster_pid($node), worker => $worker,
	map { split /\|/ } split /\n/,
	$node->safe_psql('postgres', <<'SQL'));
SELECT backend_type, pid FROM pg_stat_activity
WHERE backend_type IN ('checkpointer', 'walwriter', 'background writer')
SQL
is(scalar keys %forkers, 5, 'processes to look at');
foreach my $kind (sort keys %forkers)
{
	my $file = "$data/forks/$forkers{$kind}";

	foreach my $try (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		last if -s $file;
		select(undef, undef, undef, 0.1);
	}
	check_fork(slurp_file($file), $kind);
}

# The worker's own capabilities are as they were.
my $session =
  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
is($session->query('SELECT probe FROM pg_trace_status'),
	'uprobe', 'the worker goes on');
$session->close;
PgTrace::Node::wait_until_untraced($node);
is(PgTrace::Node::worker_pid($node), $worker, 'it is the same');

$node->stop;
done_testing();
