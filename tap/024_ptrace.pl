# Other processes of the same user can't use the worker's capabilities by using
# the worker: the kernel lets none read or change the memory of a process that
# has capabilities that it doesn't have itself, nor take its files.  The same
# goes for the postmaster, which could give them to another child.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main');
$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION attack(int) RETURNS text
AS '$ENV{PGT_TEST_BIN}/attacker', 'attack' LANGUAGE C STRICT;
SQL

my $postmaster = PgTrace::Node::postmaster_pid($node);
my $worker = PgTrace::Node::worker_pid($node);
my $attacker = PgTrace::Session->new($node);
my $other = PgTrace::Session->new($node);

sub attack
{
	my ($pid) = @_;

	return $attacker->query("SELECT attack($pid)");
}

# What is possible at all depends on Yama and seccomp, but some of it always is.
my $possible = attack($other->pid);
like($possible, qr/maps/, 'a backend can look into another one');
note("what a backend can do to another one: $possible");
is(attack($worker), '', 'not to the worker');
is(attack($postmaster), '', 'not to the postmaster');

# tracing a session changes nothing about that
$attacker->query('SELECT pg_trace_start_trace()');
is(attack($worker), '', 'a traced backend can do nothing to the worker');
is($attacker->query("SELECT probe FROM pg_trace_status"),
	'uprobe', 'which traces it');
$attacker->query('SELECT pg_trace_stop_trace()');

# nor can what it executes
my $result = $node->data_dir . '/result';
foreach my $pid ($other->pid, $worker, $postmaster)
{
	my $open = qq{open(my \$mem, "+<", "/proc/$pid/mem") ? "open" : "\$!"};

	$attacker->query(
		"COPY (SELECT 1) TO PROGRAM \$\$cat >/dev/null; perl -e 'print $open' >$result\$\$"
	);
	is( slurp_file($result),
		$pid == $other->pid && $possible =~ /mem/ ? 'open' : 'Permission denied',
		"memory of $pid");
}

is(PgTrace::Node::worker_pid($node), $worker, 'the worker is the same');
$node->stop;
done_testing();
