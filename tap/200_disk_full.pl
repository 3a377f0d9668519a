# A disk that is full: no file ever ends in the middle of a record, what is lost is
# counted at its place, and when there is room again, all goes on.

use strict;
use warnings;

use PgTrace::Faults;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $disk = PgTrace::Faults->tmpfs('full', '3m');
plan skip_all => PgTrace::Faults::problem() unless defined $disk;

my $traces = $disk->path . '/traces';
my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'pg_trace.min_free_space' => 0,
	'pg_trace.output_directory' => $traces);

# Events of a known number, some 600 bytes and no new statement each
use constant { EXECUTIONS => 3000, KEPT_BY_WORKER => 256 * 1024 };
my $workload = <<'SQL';
DO $$
BEGIN
	FOR i IN 1 .. 3000 LOOP
		EXECUTE 'SELECT $1, repeat(''x'', 300)' USING repeat('y', 300);
	END LOOP;
END $$
SQL

sub status
{
	my ($session, $columns) = @_;

	return $node->safe_psql('postgres',
		"SELECT $columns FROM pg_trace_status WHERE pid = " . $session->pid);
}

# What pg_trace_status counts, once it stands still and is what the session did
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

# The file as it is now is a whole one, but for its end.
sub is_whole
{
	my ($file, $what) = @_;
	my $records = eval { PgTrace::File::parse($file) };

	ok(defined $records, "$what: the file ends with a whole record") or diag($@);
	return $records;
}

sub is_sound
{
	my ($events, $what) = @_;

	is_deeply([ PgTrace::Problems::problems($events->{records}) ],
		[], "$what: the file is sound");
	is($events->{records}[-1]{type}, 'ENDED', "$what: and complete");
	return;
}

sub wait_until_logged
{
	my ($pattern, $from) = @_;

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if slurp_file($node->logfile, $from) =~ $pattern;
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

sub new_session
{
	my ($waits) = @_;
	my $session = PgTrace::Session->new($node);
	my $file = $session->query(
		"SET pg_trace.waits = $waits; SELECT pg_trace_start_trace()");

	$session->query('PREPARE known AS SELECT 1');
	return ($session, $file);
}

sub end_trace
{
	my ($session, $file) = @_;

	$session->query('EXECUTE known');
	$session->close;
	PgTrace::Node::wait_until_untraced($node, $session->pid);
	return PgTrace::Faults::events_of($file);
}

###############################################################################
# What the workload takes where nothing is in its way
###############################################################################

my ($session, $file) = new_session('off');
$session->query($workload);
my $whole = end_trace($session, $file);
is_sound($whole, 'room');
is($whole->{lost}, 0, 'room: nothing is lost');
cmp_ok($whole->{sql}, '>', 6 * EXECUTIONS, 'room: enough events');
cmp_ok(-s $file, '>', 4 * KEPT_BY_WORKER, 'room: more than is kept in memory');
unlink $file or die "$file: $!";

###############################################################################
# Full for a short time: nothing is lost
###############################################################################

($session, $file) = new_session('on');
my $log = -s $node->logfile;
$disk->fill(100);
$session->query("SELECT 'small', $_") foreach 1 .. 20;
$node->poll_query_until('postgres',
	    "SELECT last_error LIKE '%No space left on device%' FROM pg_trace_status WHERE pid = "
	  . $session->pid)
  or die 'no error';
pass('short: pg_trace_status says why');
ok( wait_until_logged(
		qr/LOG:  could not write to trace file "\Q$file\E": No space left on device/,
		$log),
	'short: so does the log');
is_whole($file, 'short');
$disk->free;
ok(wait_until_logged(qr/LOG:  trace file "\Q$file\E" can be written again/, $log),
	'short: writing goes on by itself');
is(status($session, 'lost_events'), 0, 'short: nothing is lost');
my $events = end_trace($session, $file);
is_sound($events, 'short');
is($events->{lost}, 0, 'short: nor in the file');
is( scalar(PgTrace::File::cursors_like($events->{records}, qr/^SELECT 'small'/)),
	20, 'short: all statements are there');

###############################################################################
# Full for long: all is in the file or counted
###############################################################################

foreach my $waits ('off', 'on')
{
	my $what = "waits $waits";

	($session, $file) = new_session($waits);
	$disk->fill(2000);
	$session->query($workload);
	$session->query("PREPARE hidden AS SELECT 'prepared in the gap'");
	$session->query('EXECUTE hidden');
	$node->poll_query_until('postgres',
		'SELECT lost_events > 1000 FROM pg_trace_status WHERE pid = '
		  . $session->pid)
	  or die 'nothing is lost';
	is_whole($file, "$what, full");
	$log = -s $node->logfile;
	$disk->free;
	ok( wait_until_logged(
			qr/LOG:  trace file "\Q$file\E" can be written again\n.*DETAIL:  Until then, \d+ events were lost/,
			$log),
		"$what: goes on, and the log says what was lost");
	$session->query('EXECUTE hidden');

	my ($sql, $wait, $lost) = counters($session);
	my $now = PgTrace::Faults::events_of($file);
	is($now->{lost}, $lost, "$what: the file says as many are lost as the view");
	is($now->{sql}, $sql, "$what: events in the file are those of the view");
	is($now->{waits}, $wait, "$what: and so are waits");
	is(scalar(PgTrace::File::of_type($now->{records}, 'LOST')),
		1, "$what: one line says so");

	$events = end_trace($session, $file);
	is_sound($events, $what);
	my @hidden =
	  PgTrace::File::cursors_like($events->{records}, qr/prepared in the gap/);
	ok( (grep { PgTrace::File::of_cursor($events->{records}, $_, 'FETCH') }
			  @hidden),
		"$what: a statement that came in the gap is known after it");
	next if $waits eq 'on';

	# the same without a full disk
	my $more = PgTrace::Session->new($node);
	my $more_file = $more->query(
		'SET pg_trace.waits = off; SELECT pg_trace_start_trace()');
	$more->query('PREPARE known AS SELECT 1');
	$more->query($workload);
	$more->query("PREPARE hidden AS SELECT 'prepared in the gap'");
	$more->query('EXECUTE hidden');
	$more->query('EXECUTE hidden');
	my $same = end_trace($more, $more_file);
	is($events->{sql} + $events->{lost},
		$same->{sql}, "$what: as many events as without a full disk");
	unlink $more_file or die "$more_file: $!";
}

###############################################################################
# A session that ends meanwhile
###############################################################################

($session, $file) = new_session('on');
$disk->fill(500);
$session->query($workload);
$session->close;
PgTrace::Node::wait_until_untraced($node, $session->pid);
my $records = is_whole($file, 'ended');
isnt($records->[-1]{type}, 'ENDED', 'ended: no room for its end');
$log = -s $node->logfile;
$disk->free;
ok( wait_until_logged(
		qr/LOG:  trace file "\Q$file\E", whose trace has ended, could be completed/,
		$log),
	'ended: it is completed when there is room');
$events = PgTrace::Faults::events_of($file);
is_sound($events, 'ended');
cmp_ok($events->{lost}, '>', 0, 'ended: with what was lost');
is($events->{records}[-1]{text}, 'TRACE ENDED: THE PROCESS HAS ENDED',
	'ended: by its own worker, which knows how it ended');

###############################################################################
# A worker that ends meanwhile
###############################################################################

($session, $file) = new_session('on');
my ($gone, $gone_file) = new_session('on');
$disk->fill(500);
$session->query($workload);
$gone->query('SELECT 1');
$gone->close;
PgTrace::Node::wait_until_untraced($node, $gone->pid);
my $worker = PgTrace::Node::worker_pid($node);
kill('TERM', $worker) == 1 or die "could not terminate $worker: $!";
$node->poll_query_until('postgres',
	"SELECT pid <> $worker AND state = 'enabled' FROM pg_trace_worker")
  or die 'there is no new worker';
is_whole($file, 'worker');
is_whole($gone_file, 'worker, ended session');
$disk->free;
PgTrace::Node::wait_for_end($node, $gone_file);
pass('worker: the file of a session that had ended is completed by the next one');
$session->query('SELECT 4711');
my (undef, undef, $lost) = counters($session);
cmp_ok($lost, '>', 0, 'worker: what the first one has lost is known to the next');
$events = end_trace($session, $file);
is_sound($events, 'worker');
is($events->{lost}, $lost, 'worker: the file says as much');
ok(PgTrace::File::cursors_like($events->{records}, qr/^SELECT 4711/),
	'worker: the trace goes on');

###############################################################################
# A trace that would begin without room for its head
###############################################################################

$disk->fill;
my $before = join ' ', glob("$traces/*/*");
$session = PgTrace::Session->new($node);
my ($status, $out, $error) =
  $node->psql('postgres', 'SELECT pg_trace_start_trace()');
like($error,
	qr/ERROR:  could not trace process \d+: could not (?:write to|create) file "\Q$traces\E[^"]+": No space left on device/,
	'begin: refused, with the reason');
is(join(' ', glob("$traces/*/*")), $before, 'begin: and no empty file is left');
$disk->free;
($session, $file) = new_session('on');
is_sound(end_trace($session, $file), 'begin: with room again');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/,
	'no process crashed');
$node->stop;
done_testing();
