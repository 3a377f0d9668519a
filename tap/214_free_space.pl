
# pg_trace.min_free_space: while less is free, nothing is written, and traces,
# the view and the log say so; when there is room, traces go on.

use strict;
use warnings;

use PgTrace::Check;
use PgTrace::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# More than any disk has
use constant MORE => '1073741823MB';

my $node = PgTrace::Node::new_node('main');
my $session = PgTrace::Session->new($node);
my $pid = $session->pid;
my $file = $session->query('SELECT pg_trace_start_trace()');
$session->query("SELECT 'before'");

# The worker looks when it is to write; returns whether the log says so in time.
sub log_says
{
	my ($pattern, $from) = @_;

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if slurp_file($node->logfile, $from) =~ $pattern;
		$session->query('SELECT 1');
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

my $log_start = -s $node->logfile;
PgTrace::Node::set($node, 'pg_trace.min_free_space', MORE);
ok( log_says(
		qr/LOG:  tracing is paused: less than pg_trace.min_free_space is free\n.*DETAIL:  \d+ MB are free on the disk of ".+", and the setting is 1073741823 MB\.\n.*HINT:  Make room/,
		$log_start),
	'the log says that tracing is paused');
$node->poll_query_until('postgres',
	"SELECT last_error LIKE '%less than pg_trace.min_free_space is free' FROM pg_trace_status WHERE pid = $pid")
  or die 'the view does not say it';
pass('the view says so');
like(
	($node->psql('postgres', 'SELECT pg_trace_start_trace()'))[2],
	qr/ERROR:  could not trace process \d+: less than pg_trace.min_free_space is free/,
	'a new trace is refused');

# More than what is kept in memory until then
my $size = -s $file;
$session->query(
	'DO $$ BEGIN FOR i IN 1 .. 5000 LOOP PERFORM i; END LOOP; END $$');
$node->poll_query_until('postgres',
	"SELECT lost_events > 0 FROM pg_trace_status WHERE pid = $pid")
  or die 'nothing is lost';
is(-s $file, $size, 'nothing is written');
my $lost = $node->safe_psql('postgres',
	"SELECT lost_events FROM pg_trace_status WHERE pid = $pid");

$log_start = -s $node->logfile;
PgTrace::Node::set($node, 'pg_trace.min_free_space', '1MB');
ok(log_says(qr/LOG:  tracing goes on: there is room on the disk/, $log_start),
	'the log says that it goes on');
$session->query("SELECT 'afterwards'");
$session->close;
my $records = read_trace($node, $file);
is_deeply([ PgTrace::Problems::problems($records) ],
	[], 'the file is sound');
is(scalar PgTrace::File::cursors_like($records, qr/^SELECT '(before|afterwards)'/),
	2, 'it has what was before and what came afterwards');
my @lost = grep { $_->{text} =~ /MIN_FREE_SPACE/ }
  PgTrace::File::of_type($records, 'LOST');
is(scalar @lost, 1, 'and says once that something is missing');
cmp_ok($lost[0]{fields}{count}, '>=', $lost, 'as much as the view said');

# A trace that begins now
like(
	$node->safe_psql('postgres', 'SELECT pg_trace_start_trace()'),
	qr/\.trc$/, 'a new trace begins');
PgTrace::Node::wait_until_untraced($node);

# One that ends meanwhile gets its end when there is room.
$session = PgTrace::Session->new($node);
$file = $session->query('SELECT pg_trace_start_trace()');
$log_start = -s $node->logfile;
PgTrace::Node::set($node, 'pg_trace.min_free_space', MORE);
ok(log_says(qr/tracing is paused/, $log_start), 'paused again');
$session->close;
PgTrace::Node::wait_until_untraced($node);
unlike(slurp_file($file), qr/TRACE ENDED/, 'a trace that ends then has no end');
PgTrace::Node::set($node, 'pg_trace.min_free_space', '0');
$records = read_trace($node, $file);
is_deeply([ PgTrace::Problems::problems($records) ],
	[], 'until there is room; it is sound then');

$node->stop;
done_testing();
