# How often the BPF program runs: twice per wait on the hot paths, when it begins
# and when it ends.  That is what a wait costs the process that is traced.

use strict;
use warnings;

use PgTrace::Node;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'shared_buffers' => '1MB',
	'work_mem' => '64kB',
	'max_parallel_workers_per_gather' => 0,
	PgTrace::Node::read_itself());
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE big AS SELECT g AS id, repeat('x', 200) AS filler
  FROM generate_series(1, 6000) g;
VACUUM ANALYZE big;
CREATE FUNCTION take_lock(int, int) RETURNS void STRICT LANGUAGE C
  AS '$ENV{PGT_TEST_BIN}/waiter', 'take_lock';
SQL

my $control = PgTrace::Session->new($node);

sub hits
{
	# with what has ended, once nothing is traced
	$node->poll_query_until('postgres',
		'SELECT sessions = 0 FROM pg_trace_worker')
	  or die 'sessions are still traced';
	return $node->safe_psql('postgres',
		'SELECT probe_hits FROM pg_trace_worker');
}

# Trace a session that does all that; returns its hits and waits, {event => n}.
# The trace begins and ends while it waits for its client.
sub trace
{
	my ($times, $statement) = @_;
	my $session = PgTrace::Session->new($node);
	my $pid = $session->pid;
	my $before = hits();

	# what is loaded, planned and looked up once
	$session->query($statement);
	$session->wait_for_event('ClientRead');
	my $file = $control->query("SELECT pg_trace_session($pid)");
	foreach (0 .. $times)
	{
		$session->query($statement);
		$session->wait_for_event('ClientRead');
	}
	$control->query("SELECT pg_trace_session($pid, false)");
	$session->close;
	my $records = PgTrace::File::parse($file);
	my %waits;
	$waits{ $_->{fields}{nam} }++
	  foreach PgTrace::File::of_type($records, 'WAIT');
	return (hits() - $before, \%waits);
}

sub total
{
	my ($waits) = @_;
	my $total = 0;

	$total += $_ foreach values %$waits;
	return $total;
}

# What more statements add is compared: at its edges a trace has a wait that is
# cut off, and the first statement shows the files of relations, which isn't a
# wait.
my $sort = 'SELECT id FROM big ORDER BY filler, id DESC LIMIT 1 OFFSET 5000';
my $other;
foreach my $case (
	[ 'ClientRead', 4, 'SELECT 1' ],
	[ 'PgSleep', 4, 'SELECT pg_sleep(0.001)' ],
	[ 'DataFileRead', 2, 'SELECT count(filler) FROM big' ],
	[ PgTrace::Node::event('BufFileWrite'), 2, $sort ],
	[ PgTrace::Node::event('BufFileRead'), 2, $sort ],
	[ 'AddinShmemInit', 2, 'SELECT take_lock(20, 1000)' ])
{
	my ($event, $times, $statement) = @$case;

	if ($event eq 'AddinShmemInit')
	{
		$other = PgTrace::Session->new($node);
		$other->send('SELECT take_lock(1000000, 1000)');
	}
	# the first reader of a table leaves something for others
	trace(0, $statement);
	my ($few_hits, $few) = trace(0, $statement);
	my ($many_hits, $many) = trace($times, $statement);
	my $waits = total($many) - total($few);
	my $hits = $many_hits - $few_hits;

	# From 17 on, one buffer or several is decided between a wait's start and
	# the call; a read has another one for its relation, whose size is asked for
	# to plan and to scan.
	if (PgTrace::Node::major() >= 17)
	{
		my %more = (DataFileRead => 2, BuffileRead => 1, BuffileWrite => 1);

		$hits -= $more{$_} * (($many->{$_} // 0) - ($few->{$_} // 0))
		  foreach keys %more;
		$hits -= 2 * $times if $statement =~ /FROM big/;
	}
	# and in 18, a file that is closed may be one with asynchronous I/O
	$hits -= $times if PgTrace::Node::major() >= 18 && $statement eq $sort;

	note("$event: $hits hits, $waits waits: "
		  . join(', ', map { "$many->{$_} $_" } sort keys %$many));
	cmp_ok($many->{$event} // 0, '>=', $times, "$event: there are some");
	is($hits, 2 * $waits, "$event: two hits for each wait");
}
$node->safe_psql('postgres',
	'SELECT pg_cancel_backend(' . $other->pid . ')');
$other->wait;
$_->close foreach $other, $control;

$node->stop;
done_testing();
