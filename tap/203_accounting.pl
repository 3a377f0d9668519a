# What a process has produced is in its file or counted as lost: for each way to lose
# something, what the file has, what its LOST lines add up to, what pg_trace_status
# counts, and what is known to have happened.  At last, all files of all these ways
# have lost as much as pg_trace_worker says.

use strict;
use warnings;

use PgTrace::Faults;
use PgTrace::GroundTruth;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'jit' => 'off',
	'pg_trace.max_bind_length' => '4MB',
	'pg_trace.min_free_space' => 0,
	'pg_trace.ring_buffer_size' => '64kB',
	'pg_trace.queue_size' => '64kB');
$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION waits(int, int) RETURNS int STRICT LANGUAGE C
  AS '$ENV{PGT_TEST_BIN}/waiter', 'waits';
SQL
my $worker = PgTrace::Node::worker_pid($node);

sub status
{
	my ($session, $columns) = @_;

	return $node->safe_psql('postgres',
		"SELECT $columns FROM pg_trace_status WHERE pid = " . $session->pid);
}

# What the view counts, once it stands still
sub counters
{
	my ($session) = @_;
	my $last = '';

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $now = status($session, 'sql_events, wait_events, lost_events');

		return split /\|/, $now if $now eq $last;
		$last = $now;
		select(undef, undef, undef, 0.5);
	}
	die 'the counters never settle';
}

# The file as it is now, and the view
sub agree
{
	my ($session, $file, $what) = @_;
	my ($sql, $waits, $lost) = counters($session);
	my $now = PgTrace::Faults::events_of($file);

	is($now->{sql}, $sql, "$what: events in the file, and in the view");
	is($now->{waits}, $waits, "$what: waits");
	is($now->{lost}, $lost, "$what: lost");
	return ($now, $lost);
}

sub begin_trace
{
	my (%set) = @_;
	my $session = PgTrace::Session->new($node);
	my $settings = join '', map { "SET pg_trace.$_ = $set{$_};" } sort keys %set;
	my $file = $session->query("$settings SELECT pg_trace_start_trace()");

	return ($session, $file);
}

sub while_stopped
{
	my ($session, $do) = @_;

	kill('STOP', $worker) == 1 or die "could not stop $worker: $!";
	$do->();
	kill('CONT', $worker) == 1 or die "could not continue $worker: $!";
	# what comes next finds room
	counters($session);
	return;
}

###############################################################################
# Nothing is lost
###############################################################################

# 200 statements with a bind value, an error, a change of context, a rollback
sub all_kinds
{
	my ($session) = @_;

	$session->query(<<'SQL');
DO $$
BEGIN
	FOR i IN 1 .. 200 LOOP
		EXECUTE 'SELECT $1' USING i;
	END LOOP;
END $$;
SET pg_trace.client_id = 'someone';
SELECT 1;
SELECT 1 / 0;
SELECT nosuch;
BEGIN;
SELECT 2;
ROLLBACK;
SQL
	return;
}

my ($session, $file) = begin_trace();
all_kinds($session);
my ($events, $lost) = agree($session, $file, 'all kinds');
is($lost, 0, 'all kinds: nothing is lost');
cmp_ok(scalar PgTrace::File::of_type($events->{records}, 'PARSE ERROR'),
	'>', 0, 'all kinds: with a PARSE ERROR');
$session->close;

###############################################################################
# The queue
###############################################################################

# What the workload produces if the worker takes it in time
my $workload = join ';', map { "SELECT length('" . ('x' x 500) . "'), $_" } 1 .. 400;
($session, $file) = begin_trace(waits => 'off');
$session->query($workload);
$session->query("SELECT 'room again'");
my ($whole) = agree($session, $file, 'queue with room');
is($whole->{lost}, 0, 'queue with room: nothing is lost');
$session->close;

($session, $file) = begin_trace(waits => 'off', on_overflow => 'discard');
while_stopped($session, sub { $session->query($workload) });
$session->query("SELECT 'room again'");
($events, $lost) = agree($session, $file, 'queue');
cmp_ok($lost, '>', 0, 'queue: events are lost');
is($events->{sql} + $lost, $whole->{sql},
	'queue: written and lost are what the workload produces');
is(status($session, 'last_error'),
	"events were lost: the session's queue was full",
	'queue: pg_trace_status says so');
like(slurp_file($node->logfile),
	qr/LOG:  events of traced process \d+ were lost: the session's queue was full/,
	'queue: so does the log');
$session->close;

# Values of megabytes through the smallest queue; who has to wait for long loses some
($session, $file) = begin_trace(waits => 'off');
$session->query(
	"PREPARE long(text) AS SELECT length(\$1); EXECUTE long(repeat('v', 3000000))");
($events, $lost) = agree($session, $file, 'long value');
is($lost, 0, 'long value: nothing is lost');
my @values = map { map { $_->{value} } @{ $_->{binds} } }
  PgTrace::File::of_type($events->{records}, 'BINDS');
is(scalar(grep { defined && $_ eq 'v' x 3000000 } @values),
	1, 'long value: it is whole');
while_stopped(
	$session,
	sub {
		$session->query("EXECUTE long(repeat('w', 3000000))");
		$session->query("EXECUTE long(repeat('w', 3000000))");
	});
$session->query("SELECT 'room again'");
($events, $lost) = agree($session, $file, 'long value, no worker');
cmp_ok(scalar(grep { $_->{fields}{what} eq 'bytes' }
			  PgTrace::File::of_type($events->{records}, 'LOST')),
	'>', 0, 'long value, no worker: its end is lost, and the file says how much');
cmp_ok($lost, '>', 0, 'long value, no worker: and other events');
$session->close;

###############################################################################
# The BPF ring buffer, and the waits that there have really been
###############################################################################

SKIP:
{
	skip PgTrace::GroundTruth::problem(), 1
	  if defined PgTrace::GroundTruth::problem();
	($session, $file) = begin_trace();
	# the worker looks at its library
	$session->query('SELECT waits(1, 1)');
	agree($session, $file, 'ring, before');
	my $truth = PgTrace::GroundTruth->start($session);
	while_stopped($session, sub { $session->query('SELECT waits(1000, 1)') });
	# so that the last one is not among the lost
	agree($session, $file, 'ring');
	$session->query('SELECT 1');
	$truth->finish;
	($events, $lost) = agree($session, $file, 'ring, watched no longer');
	is($truth->{lost}, 0, 'ring: the watchpoint missed nothing');
	cmp_ok(scalar @{ $truth->{waits} }, '>=', 3000, 'ring: enough waits');
	cmp_ok($lost, '>', 1000, 'ring: more than it has room for');
	is( scalar($truth->watched(
				PgTrace::File::of_type($events->{records}, 'WAIT'))) + $lost,
		scalar @{ $truth->{waits} },
		'ring: waits in the file and lost ones are those that there were');
	is(status($session, 'last_error'),
		'events were lost: the BPF ring buffer was full',
		'ring: pg_trace_status says so');
	like(slurp_file($node->logfile),
		qr/LOG:  events of traced process \d+ were lost: the BPF ring buffer was full/,
		'ring: so does the log');
	$session->close;
}

###############################################################################
# The disk, which has been full until the worker ended the trace
###############################################################################

SKIP:
{
	my $disk = PgTrace::Faults->tmpfs('accounts', '2m');

	skip PgTrace::Faults::problem(), 1 unless defined $disk;
	PgTrace::Node::set($node, 'pg_trace.output_directory',
		$disk->path . '/traces');
	PgTrace::Node::wait_until_traces($node, 1) or die 'no trace begins';
	($session, $file) = begin_trace();
	$disk->fill(300);
	$session->query($workload) foreach 1 .. 5;
	$node->poll_query_until('postgres',
		'SELECT lost_events > 0 FROM pg_trace_status WHERE pid = '
		  . $session->pid)
	  or die 'nothing is lost';
	$session->close;
	PgTrace::Node::wait_until_untraced($node);
	$disk->free;
	PgTrace::Node::wait_for_end($node, $file);
	$events = PgTrace::Faults::events_of($file);
	cmp_ok($events->{lost}, '>', 0, 'disk: the file says what is lost');
}

###############################################################################
# All of them
###############################################################################

PgTrace::Node::wait_until_untraced($node);
my $sum = 0;
my @files = (PgTrace::Node::trace_files($node), defined $events ? $file : ());
my %seen;
foreach my $path (grep { !$seen{$_}++ } @files)
{
	my $in_file = PgTrace::Faults::events_of($path);

	is_deeply([ PgTrace::Problems::problems($in_file->{records}) ],
		[], 'a file is sound');
	$sum += $in_file->{lost};
}
is($node->safe_psql('postgres', 'SELECT lost_events FROM pg_trace_worker'),
	$sum, 'pg_trace_worker has lost what all files say');

$node->stop;
done_testing();
