# What isn't traced pays next to nothing: no breakpoint, no run of the BPF
# program, and no more than a few instructions per statement.

use strict;
use warnings;

use PgTrace::Breakpoints;
use File::Basename qw(dirname);
use PgTrace::Instructions;
use PgTrace::Node;
use PgTrace::ServerCopy;
use Test::More;

# Other tests may have probes in all processes meanwhile.
my $bindir = copy_server();
my $breakpoints = PgTrace::Breakpoints->new;
my $nsites = $breakpoints->places;
cmp_ok($nsites, '>', 100, 'probe sites');

my $node = PgTrace::Node::create_node('main', { install_path => dirname($bindir) },
	'pg_trace.enabled' => 'off');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_trace_bgw');
my $session = PgTrace::Session->new($node);
my $other = PgTrace::Session->new($node);

sub hits
{
	return $node->safe_psql('postgres',
		'SELECT probe_hits FROM pg_trace_worker');
}

$session->query('SELECT count(*) FROM pg_class');
is($breakpoints->in($session->pid), 0,
	'none with pg_trace.enabled = off');
is(hits(), 0, 'the program has not run');

PgTrace::Node::set($node, 'pg_trace.enabled', 'on');
$session->query('SELECT count(*) FROM pg_attribute');
is($breakpoints->in($session->pid), 0,
	'none while nothing is traced');
is(hits(), 0, 'the program has not run');

$other->query('SELECT pg_trace_start_trace()');
$session->query('SELECT count(*) FROM pg_attribute');
is($breakpoints->in($session->pid), 0,
	'none while another session is traced');
is($breakpoints->in($other->pid), $nsites,
	'but all in that one');
$other->query('SELECT pg_sleep(0.01)');
$node->poll_query_until('postgres',
	'SELECT probe_hits > 0 FROM pg_trace_worker')
  or die 'no hits';

$other->query('SELECT pg_trace_stop_trace()');
is($breakpoints->left_in($other->pid), 0, 'and none after its trace');

PgTrace::Node::set($node, 'pg_trace.enabled', 'off');
is($breakpoints->in($session->pid), 0,
	'none after it was turned off');
$_->close foreach $session, $other;
$node->stop;

# Instructions of one execution of a prepared SELECT.  The aim is 60, and some 56
# were measured: four executor hooks and the callback at the transaction's end,
# twice.  The bound leaves room for other majors and compilers.
my @server = (bindir => $bindir, template => PgTrace::Node::template());
my $without = instructions_per_execution(@server, settings => []);
foreach my $enabled ('off', 'on')
{
	my $with = instructions_per_execution(
		@server,
		settings => [
			'shared_preload_libraries=pg_trace_bgw',
			"pg_trace.enabled=$enabled",
			'pg_trace.wait_probe=off'
		]);

	note("pg_trace.enabled = $enabled: $without without, $with with, "
		  . ($with - $without) . ' more');
	cmp_ok($with - $without, '<=', 300,
		"at most 300 more instructions with pg_trace.enabled = $enabled");
}

done_testing();
