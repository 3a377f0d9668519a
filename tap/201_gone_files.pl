# Files that are removed, moved or replaced while they are written to, and a
# directory that can't be reached: noticed by a worker that sleeps, said in the view
# and in the log, and the trace goes on where it is found.

use strict;
use warnings;

use File::Basename;
use File::Path qw(remove_tree);
use PgTrace::Faults;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $tempdir = PostgreSQL::Test::Utils::tempdir();
my $parent = "$tempdir/parent";
my $traces = "$parent/traces";
mkdir $parent, 0700 or die "$parent: $!";

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'pg_trace.min_free_space' => 0,
	'pg_trace.output_directory' => $traces);

# Some 600 kB, more than is kept of what can't be written
my $much = <<'SQL';
DO $$
BEGIN
	FOR i IN 1 .. 1000 LOOP
		EXECUTE 'SELECT $1, repeat(''x'', 300)' USING repeat('y', 300);
	END LOOP;
END $$
SQL

sub status
{
	my ($pid, $columns) = @_;

	return $node->safe_psql('postgres',
		"SELECT $columns FROM pg_trace_status WHERE pid = $pid");
}

sub begin_trace
{
	my $session = PgTrace::Session->new($node);
	my $file = $session->query('SELECT pg_trace_start_trace()');

	$session->query("SELECT 'known to the first file'");
	# the worker has nothing to do now
	$session->wait_for_event('ClientRead');
	return ($session, $file);
}

# Wait until the trace has another file, which may have the same name if it is of
# the same second; returns that.
sub new_file
{
	my ($pid) = @_;

	$node->poll_query_until('postgres',
		"SELECT last_error LIKE 'CONTINUED IN A NEW FILE: %' FROM pg_trace_status WHERE pid = $pid"
	) or return undef;
	return status($pid, 'trace_file');
}

sub wait_for_error
{
	my ($pid, $pattern, $what) = @_;

	ok( $node->poll_query_until('postgres',
			"SELECT last_error ~ '$pattern' FROM pg_trace_status WHERE pid = $pid"),
		"$what: pg_trace_status says so")
	  or diag(status($pid, 'last_error'));
	return;
}

sub end_trace
{
	my ($session, $file, $what) = @_;

	$session->close;
	PgTrace::Node::wait_until_untraced($node, $session->pid);
	return is_sound($file, $what);
}

sub is_sound
{
	my ($file, $what) = @_;
	my $events = PgTrace::Faults::events_of($file);

	is_deeply([ PgTrace::Problems::problems($events->{records}) ],
		[], "$what: the file is sound");
	is($events->{records}[-1]{type}, 'ENDED', "$what: and complete");
	return $events;
}

# Break the file of a trace; it is to go on in another one.  Returns both.
sub goes_on
{
	my ($what, $break, $why) = @_;
	my ($session, $file) = begin_trace();
	my $log = -s $node->logfile;

	$break->($file);
	my $new = new_file($session->pid);
	ok(defined $new, "$what: it is noticed, and there is another file")
	  or return;
	like(status($session->pid, 'last_error'),
		qr/^CONTINUED IN A NEW FILE: $why$/, "$what: pg_trace_status says why");
	like(slurp_file($node->logfile, $log),
		qr/LOG:  trace file "\Q$file\E": $why/, "$what: so does the log");
	$session->query("SELECT 'known to the first file'");
	$session->query("SELECT 'only to the second'");
	my $events = end_trace($session, $new, $what);
	PgTrace::File::has_note($events->{records},
		qr/^CONTINUED FROM FILE \Q$file\E: $why$/, "$what: it says so itself");
	foreach my $text ('known to the first file', 'only to the second')
	{
		ok( (grep { index($_->{text}, $text) >= 0 }
				  PgTrace::File::of_type($events->{records}, 'CURSOR')),
			"$what: it has '$text'");
	}
	ok(PgTrace::File::of_type($events->{records}, 'WAIT'), "$what: and waits");
	# the wait in which the first file ends has no place if that is gone
	cmp_ok($events->{lost}, '<=', $why =~ /removed|cut/ ? 1 : 0,
		"$what: nothing is lost");
	return ($file, $new);
}

# A file that was left, but still is somewhere, has an end.
sub is_left
{
	my ($file, $what) = @_;
	my $events = is_sound($file, "$what, the first file");

	is($events->{records}[-1]{text}, 'TRACE ENDED: CONTINUED IN ANOTHER FILE',
		"$what: says that another one follows");
	return;
}

sub move
{
	my ($from, $to) = @_;

	rename($from, $to) or die "$from: $!";
	return;
}

goes_on('removed', sub { unlink $_[0] or die "$_[0]: $!" },
	'the trace file was removed');
goes_on('directory removed', sub { remove_tree($traces) },
	'the trace file was removed');
goes_on('folder removed', sub { remove_tree(dirname($_[0])) },
	'the trace file was removed');
goes_on('moved', sub { move($_[0], "$_[0].away") },
	'the trace file was moved away');
my ($away) = glob("$traces/*/*.away");
is_left($away, 'moved');
my ($file) = goes_on('directory moved', sub { move($traces, "$parent/away") },
	'the trace file was moved away');
is_left("$parent/away" . substr($file, length $traces), 'directory moved');
goes_on('cut', sub { truncate($_[0], 0) or die "$_[0]: $!" },
	'the trace file was cut');

my $victim = "$tempdir/victim";
append_to_file($victim, "not ours\n");
($file) = goes_on('link', sub {
		move($_[0], "$_[0].away");
		symlink($victim, $_[0]) or die "$_[0]: $!";
	},
	"something else has the trace file's name");
is_left("$file.away", 'link');
is(slurp_file($victim), "not ours\n", 'link: what it leads to is as it was');

# In the middle of a statement
my ($session, $first) = begin_trace();
$session->send("SELECT pg_sleep(5), 'in the middle'");
$session->wait_for_event('PgSleep');
unlink $first or die "$first: $!";
my $new = new_file($session->pid);
$session->wait;
my $events = end_trace($session, $new, 'middle');
PgTrace::File::has_note($events->{records},
	qr/^TRACING STARTED IN THE MIDDLE OF A CALL/,
	'middle: the new file says that it begins there');
ok(PgTrace::File::cursors_like($events->{records}, qr/'in the middle'/),
	'middle: and in what');

###############################################################################
# No other file can be begun
###############################################################################

($session, $first) = begin_trace();
my $log = -s $node->logfile;
my $worker = PgTrace::Node::worker_pid($node);
kill('STOP', $worker) == 1 or die "could not stop $worker: $!";
remove_tree($traces);
chmod 0500, $parent or die "$parent: $!";
kill('CONT', $worker) == 1 or die "could not continue $worker: $!";
wait_for_error($session->pid,
	'could not create "traces": Permission denied; the trace file was removed',
	'no directory');
$session->query($much);
$session->query("SELECT 'in the gap'");
ok( $node->poll_query_until('postgres',
		'SELECT lost_events > 0 FROM pg_trace_status WHERE pid = '
		  . $session->pid),
	'no directory: what has no room in memory is counted');
chmod 0700, $parent or die "$parent: $!";
$new = new_file($session->pid);
ok(defined $new, 'no directory: goes on when it can be made again');
$session->query("SELECT 'after the gap'");
# what the first file had and never will
my $lost = status($session->pid, 'lost_events');
cmp_ok($lost, '>', 5000, 'no directory: all of the gap is lost');
$events = end_trace($session, $new, 'no directory');
is($events->{lost}, $lost, 'no directory: the file says as much');
ok(PgTrace::File::cursors_like($events->{records}, qr/'after the gap'/),
	'no directory: and goes on');
is(scalar(() = slurp_file($node->logfile, $log) =~ /It is tried again each second/g),
	1, 'no directory: the log says once that it is tried again');

###############################################################################
# The directory is closed
###############################################################################

sub restart_worker
{
	$worker = PgTrace::Node::worker_pid($node);
	kill('TERM', $worker) == 1 or die "could not terminate $worker: $!";
	$node->poll_query_until('postgres',
		"SELECT pid <> $worker AND state = 'enabled' FROM pg_trace_worker")
	  or die 'there is no new worker';
	return;
}

($session, $first) = begin_trace();
$log = -s $node->logfile;
chmod 0000, $traces or die "$traces: $!";
wait_for_error($session->pid,
	'could not look at the trace file: Permission denied', 'closed');
like(slurp_file($node->logfile, $log),
	qr/LOG:  trace file "\Q$first\E": could not look at the trace file: Permission denied/,
	'closed: so does the log');
my ($status, $out, $error) =
  $node->psql('postgres', 'SELECT pg_trace_start_trace()');
like($error, qr/ERROR:  could not trace process .*Permission denied/,
	'closed: a new trace is refused');
$session->query("SELECT 'behind the door'");
chmod 0700, $traces or die "$traces: $!";
$events = end_trace($session, $first, 'closed');
ok(PgTrace::File::cursors_like($events->{records}, qr/'behind the door'/),
	'closed: the file goes on');
is($events->{lost}, 0, 'closed: nothing is lost');

# and the worker is restarted
($session, $first) = begin_trace();
my ($ending, $ending_file) = begin_trace();
chmod 0000, $traces or die "$traces: $!";
restart_worker();
wait_for_error($session->pid, 'could not use directory .*: Permission denied',
	'restarted');
is(status($session->pid, 'state'), 'active', 'restarted: it is still traced');
$session->query($much);
$session->query("SELECT 'behind the door'");
$ending->close;
PgTrace::Node::wait_until_untraced($node, $ending->pid);
chmod 0700, $traces or die "$traces: $!";
ok( $node->poll_query_until('postgres',
		"SELECT pg_read_file('$first') ~ 'TRACE CONTINUED AFTER A RESTART'"),
	'restarted: the file goes on when it is open again');
$session->query("SELECT 'open again'");
$node->poll_query_until('postgres',
	"SELECT pg_read_file('$first') ~ 'open again'")
  or die 'the trace does not go on';
$lost = status($session->pid, 'lost_events');
cmp_ok($lost, '>', 0, 'restarted: what had no room is counted');
$events = end_trace($session, $first, 'restarted');
is($events->{lost}, $lost, 'restarted: the file says as much');
PgTrace::Node::wait_for_end($node, $ending_file);
is_sound($ending_file, 'restarted, ended meanwhile');

###############################################################################
# What only root can do
###############################################################################

SKIP:
{
	my $disk = PgTrace::Faults->tmpfs('gone', '2m');

	skip PgTrace::Faults::problem(), 1 unless defined $disk;
	$traces = $disk->path . '/traces';
	PgTrace::Node::set($node, 'pg_trace.output_directory', $traces);
	PgTrace::Node::wait_until_traces($node, 1) or die 'no trace begins';
	unlink glob("$traces/*/*.trc");
	goes_on('another owner', sub { $disk->run('chown', 'root') },
		'the trace file has another owner');

	# Who has it open can go on; where it was, there is nothing that may be used.
	($session, $first) = begin_trace();
	$disk->run('umount');
	wait_for_error($session->pid,
		'could not create "traces": Permission denied; the trace file was moved away',
		'unmounted');
	$session->query($much);
	ok( $node->poll_query_until('postgres',
			'SELECT sql_events > 5000 FROM pg_trace_status WHERE pid = '
			  . $session->pid),
		'unmounted: the file is written to, as it may be mounted elsewhere');
	is(status($session->pid, 'lost_events'), 0, 'unmounted: nothing is lost');
	$disk->again('2m');
	$new = new_file($session->pid);
	ok(defined $new, 'unmounted: goes on with another file system in its place');
	$events = end_trace($session, $new, 'unmounted');
	PgTrace::File::has_note($events->{records},
		qr/^CONTINUED FROM FILE \Q$first\E: the trace file was moved away$/,
		'unmounted: in another file');
}

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/,
	'no process crashed');
$node->stop;
done_testing();
