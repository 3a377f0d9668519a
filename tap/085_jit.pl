# The first query that is compiled loads LLVM, a library of a hundred MB, and
# ten more, and whoever is traced waits until it is known that they report no
# waits.  That is known beforehand; otherwise it must not mean to read them.

use strict;
use warnings;

use PgTrace::Node;
use Test::More;
use Time::HiRes qw(time);

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'max_parallel_workers_per_gather' => 0);
plan skip_all => 'the server has no JIT compilation'
  if $node->safe_psql('postgres', 'SELECT pg_jit_available()') ne 't';

my $query = 'SELECT sum(i) FROM generate_series(1, 10) i';

# The first compiled query of a session takes so many ms.
sub first_ms
{
	my (%options) = @_;
	my $session = PgTrace::Session->new($node, %options);

	$session->query('SET jit_above_cost = 0');
	my $begin = time;
	$session->query($query);
	my $ms = 1000 * (time - $begin);
	my ($file) = PgTrace::Node::trace_files($node, $session->pid);
	$session->close;
	return ($ms, $file);
}

# Of a worker's life, the first: it must not have to read the libraries.
my $worker = PgTrace::Node::worker_pid($node);
my $cpu_s = PgTrace::Node::cpu_time($worker);
my ($ms, $file) = first_ms(options => '-c pg_trace.session=on');
PgTrace::Node::wait_for_end($node, $file);
$cpu_s = PgTrace::Node::cpu_time($worker) - $cpu_s;
# to read them takes half a second; what the trace takes beside is a few ms
cmp_ok($cpu_s, '<', 0.15, "the worker doesn't read the libraries");
my $records = PgTrace::File::parse($file);
is_deeply([ PgTrace::Problems::problems($records) ], [], 'sound');
my @waits = grep {
	$_->{fields}{nam} eq 'pg_trace' && $_->{fields}{reason} eq 'library'
} PgTrace::File::of_type($records, 'WAIT');
# with some luck it has looked before the process is asleep
cmp_ok(scalar @waits, '<=', 1, 'it is asked to look once');

my %best;
foreach my $try (1 .. 5)
{
	foreach my $traced (0, 1)
	{
		my ($ms) =
		  first_ms(options => '-c pg_trace.session=' . ($traced ? 'on' : 'off'));
		$best{$traced} = $ms if !defined $best{$traced} || $ms < $best{$traced};
	}
}
note(sprintf('the first time %.1f ms; the best of 5: %.1f ms, traced %.1f ms',
		$ms, $best{0}, $best{1}));
note("the worker's CPU time: $cpu_s s; waited: "
	  . (@waits ? $waits[0]{fields}{ela} : 0) . ' us');

$node->stop;
done_testing();
