# A process that is stopped in the middle of sending a record, or of changing what
# pg_stat_activity shows of it, or while it holds the lock of the traces'
# registry, doesn't keep the worker from anything: not from other traces, not
# from ending its own, not from being switched off, and not from shutting down.

use strict;
use warnings;

use PgTrace::Intruder;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

# Each of these things is given a second, or 0.1 of them.
use constant PATIENCE => 15;

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'pg_trace.max_sessions' => 2);
PgTrace::Intruder::install($node);
my $size = PgTrace::Intruder::area_size($node);
my $worker = PgTrace::Node::worker_pid($node);
my $control = PgTrace::Session->new($node);

# A session that stands still in the middle of a record
sub stopped_session
{
	my $session = PgTrace::Session->new($node);
	my $file = $session->query('SELECT pg_trace_start_trace()');

	$session->query("SELECT 'before'");
	$session->send("SELECT stop_in_record($size)");
	PgTrace::Intruder::wait_until_stopped($session->pid);
	return ($session, $file);
}

# Does a statement of a traced session get into its file?
sub is_traced
{
	my ($session, $file, $marker, $name) = @_;

	$session->query("SELECT '$marker'");
	foreach (1 .. 10 * PATIENCE)
	{
		last if slurp_file($file) =~ /^SELECT '$marker'/m;
		select(undef, undef, undef, 0.1);
	}
	like(slurp_file($file), qr/^SELECT '$marker'/m, $name);
	return;
}

my $other = PgTrace::Session->new($node);
my $other_file = $other->query('SELECT pg_trace_start_trace()');
my ($session, $file) = stopped_session();
is_traced($other, $other_file, 'beside', 'another trace goes on');

# its trace is ended from outside
my $pid = $session->pid;
my $begin = time;
is($control->query("SELECT pg_trace_session($pid, false)"),
	$file, 'its trace can be ended');
cmp_ok(time - $begin, '<=', PATIENCE, 'soon');
my $records = PgTrace::File::parse($file);
is_deeply([ PgTrace::Problems::problems($records) ], [], 'the file is sound');
PgTrace::File::has_note($records, qr/^EVENTS MAY BE MISSING: THE PROCESS STOPPED IN THE MIDDLE OF ONE$/,
	'and says what may be missing');
is($records->[-1]{text}, 'TRACE ENDED', 'and ends');
is_traced($other, $other_file, 'after its end', 'another trace still goes on');

# until it goes on, no other session may have its place
my ($result, $output, $error) =
  $node->psql('postgres', 'SELECT pg_trace_start_trace()');
like($error, qr/2 processes are being traced already/,
	'its place in shared memory is kept');
kill('CONT', $pid) == 1 or die "could not continue $pid: $!";
$session->wait;
like($control->query('SELECT pg_trace_start_trace()'),
	qr/\.trc$/, 'it goes on, and the place can be used');
$control->query('SELECT pg_trace_stop_trace()');
$session->close;

# the same, and it is killed then
($session, $file) = stopped_session();
$pid = $session->pid;
$control->query("SELECT pg_trace_session($pid, false)");
my $messages = -s $node->logfile;
kill('TERM', $pid) == 1 or die "could not terminate $pid: $!";
kill('CONT', $pid) == 1 or die "could not continue $pid: $!";
$node->poll_query_until('postgres',
	"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid")
  or die "$pid lives";
like($control->query('SELECT pg_trace_start_trace()'),
	qr/\.trc$/, 'it ends, and the place can be used');
$control->query('SELECT pg_trace_stop_trace()');

# tracing is switched off
($session, $file) = stopped_session();
$begin = time;
PgTrace::Node::set($node, 'pg_trace.enabled', 'off');
cmp_ok(time - $begin, '<=', PATIENCE, 'tracing can be switched off');
foreach my $complete ($file, $other_file)
{
	PgTrace::Node::wait_for_end($node, $complete);
	is_deeply(
		[ PgTrace::Problems::problems(PgTrace::File::parse($complete)) ],
		[], 'switched off: a file is complete and sound');
}
kill('CONT', $session->pid);
$session->wait;
$session->close;
PgTrace::Node::set($node, 'pg_trace.enabled', 'on');

###############################################################################
# With the lock
###############################################################################

$other_file = $other->query('SELECT pg_trace_start_trace()');
my $holder = PgTrace::Session->new($node);
$messages = -s $node->logfile;
$holder->send('SELECT stop_with_lock()');
PgTrace::Intruder::wait_until_stopped($holder->pid);
is_traced($other, $other_file, 'beside the lock',
	'with the lock: another trace goes on');
like(
	slurp_file($node->logfile, $messages),
	qr/LOG: .*the lock of the traces' registry is not given back/,
	'with the lock: the log says why things take long');
kill('CONT', $holder->pid) == 1 or die $!;
$holder->wait;
$holder->close;
is_traced($other, $other_file, 'after the lock', 'without it as well');
is(PgTrace::Node::worker_pid($node), $worker, 'it is the same worker');

###############################################################################
# While it changes its entry in pg_stat_activity
###############################################################################

# the worker looks there whether a statement is over that it found running
my $busy = PgTrace::Session->new($node);
$other->query('SELECT pg_trace_stop_trace()');
$busy->send('SELECT pg_sleep(5)');
$busy->wait_for_event('PgSleep');
my $busy_file =
  $control->query('SELECT pg_trace_session(' . $busy->pid . ')');
$holder = PgTrace::Session->new($node);
$holder->send('SELECT stop_in_activity()');
PgTrace::Intruder::wait_until_stopped($holder->pid);
$busy->wait;
is_traced($busy, $busy_file, 'beside the entry',
	'with its entry unreadable: another trace goes on');
kill('CONT', $holder->pid) == 1 or die $!;
$holder->wait;
$_->close foreach $holder, $busy;
PgTrace::Node::wait_until_untraced($node);
$other_file = $other->query('SELECT pg_trace_start_trace()');
is(PgTrace::Node::worker_pid($node), $worker, 'it is the same worker');

###############################################################################
# The server is shut down
###############################################################################

($session, $file) = stopped_session();
$node->command_ok(
	[ 'pg_ctl', '-D', $node->data_dir, '-m', 'fast', '--no-wait', 'stop' ],
	'shutdown is asked for');
foreach (1 .. 10 * PATIENCE)
{
	last if !-e "/proc/$worker";
	select(undef, undef, undef, 0.1);
}
ok(!-e "/proc/$worker", 'shutdown: the worker ends beside a stopped process');
kill('CONT', $session->pid) == 1 or die $!;
foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if !-e $node->data_dir . '/postmaster.pid';
	select(undef, undef, undef, 0.1);
}
ok(!-e $node->data_dir . '/postmaster.pid', 'shutdown: so does the server');
$node->_update_pid(0);
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/,
	'nothing has crashed');
# their connections are gone
$_->{psql}->kill_kill foreach $session, $other, $control;

done_testing();
