# Many sessions that ask to be traced at once, a worker that is slow, places
# that are scarce, and tracing that is switched off and on meanwhile: each session
# is traced from its first statement on, and none waits longer for that than
# pg_trace.attach_timeout, as its file says.

use strict;
use warnings;

use PgTrace::Check;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

# What a process that has the CPU late waits longer than it wants to
use constant MARGIN_US => 2_000_000;

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'jit' => 'off',
	'max_connections' => 100,
	'pg_trace.attach_timeout' => '200ms',
	'pg_trace.queue_size' => '512kB',
	'pg_trace.max_sessions' => 64);
my $dir = PostgreSQL::Test::Utils::tempdir();
my $traced = '-c pg_trace.session=on';

append_to_file("$dir/select.sql", "SELECT 4711;\n");

# pgbench in sessions that are traced; each has said SELECT 4711 so many times.
sub pgbench
{
	my ($server, $what, @arguments) = @_;

	local $ENV{PGOPTIONS} = $traced;
	my ($out, $error) = run_command([
		'pgbench', '-n', '-f', "$dir/select.sql", @arguments, '-d',
		$server->connstr('postgres') ]);
	like($out, qr/number of failed transactions: 0 /, "$what: pgbench");
	unlike($error, qr/WARNING/, "$what: no session is told that it isn't traced");
	return;
}

sub held
{
	my ($records) = @_;
	my ($held) = PgTrace::File::of_type($records, 'HELD');

	return $held->{fields};
}

# The executions of SELECT 4711 in each file of these, by file
sub executions
{
	my ($server, %known) = @_;
	my %count;

	PgTrace::Node::wait_until_untraced($server);
	foreach my $file (grep { !$known{$_} } PgTrace::Node::trace_files($server))
	{
		my $records = PgTrace::File::parse($file);

		$count{$file} = calls_of($records, qr/^SELECT 4711/, 'EXEC');
	}
	return %count;
}

# No file says that its process was held up for longer than that.
sub none_waited
{
	my ($server, $timeout_us, $what) = @_;
	my @late = grep {
		my $fields = held(PgTrace::File::parse($_));
		($fields->{attach} // $fields->{us}) > $timeout_us + MARGIN_US
	} PgTrace::Node::trace_files($server);

	is_deeply(\@late, [], "$what: nobody was held up for longer");
	return;
}

###############################################################################
# All at once
###############################################################################

pgbench($node, 'at once', '-c', 40, '-t', 3);
my %count = executions($node);
my @clients = grep { $count{$_} } keys %count;
is(scalar @clients, 40, 'at once: all are traced');
is_deeply([ grep { $count{$_} != 3 } @clients ],
	[], 'at once: from the first statement to the last');
none_waited($node, 200_000, 'at once');

# Later, whoever comes alone has probes of its own again.
ok( $node->poll_query_until('postgres',
		"SELECT probe <> 'uprobe_shared' FROM pg_trace_worker"),
	'after a storm, sessions no longer share probes');

###############################################################################
# A connection for each transaction
###############################################################################

my %before = map { $_ => 1 } PgTrace::Node::trace_files($node);
pgbench($node, 'reconnecting', '-C', '-c', 2, '-t', 20);
%count = executions($node, %before);
is(scalar(grep { $_ == 1 } values %count), 40, 'reconnecting: all are traced');
none_waited($node, 200_000, 'reconnecting');
clean_files($node);

###############################################################################
# A worker that doesn't answer
###############################################################################

my $worker = PgTrace::Node::worker_pid($node);
my $lasting;
my @gone;

kill('STOP', $worker) == 1 or die "could not stop $worker: $!";
foreach my $ms (0, 20)
{
	my $session = PgTrace::Session->new($node,
		options => "$traced -c pg_trace.attach_timeout=$ms");

	is($session->query('SELECT 4711'), '4711', "timeout $ms: goes on");
	is($session->error, '', "timeout $ms: without a word");
	push @gone, $session->pid;
	$session->close;
}
$lasting = PgTrace::Session->new($node,
	options => "$traced -c pg_trace.attach_timeout=20");
$lasting->query('SELECT 4711');
kill('CONT', $worker) == 1 or die "could not continue $worker: $!";

ok( $node->poll_query_until('postgres',
		'SELECT count(*) = 1 AND bool_and(state = \'active\') FROM pg_trace_status'),
	'the worker begins the trace when it can');
my $ms = $node->safe_psql('postgres',
	'SELECT tracer_wait_ms FROM pg_trace_status');
cmp_ok($ms, '>=', 20, 'pg_trace_status has what the session has waited');
$lasting->query('SELECT pg_sleep(0.01)');
$lasting->close;

my ($file) = PgTrace::Node::trace_files($node, $lasting->pid);
my $records = read_trace($node, $file);
is(scalar calls_of($records, qr/^SELECT 4711/, 'EXEC'),
	1, 'late probes: what came before them is in the file');
my ($wait) = grep { $_->{fields}{nam} eq 'pg_trace' }
  PgTrace::File::of_type($records, 'WAIT');
is($wait->{fields}{reason}, 'attach', 'late probes: the wait for them, too');
cmp_ok($wait->{fields}{ela}, '>=', 20_000, 'late probes: all of it');
my ($gap) = map { $_->{text} =~ /^TIMED EVENTS ARE MISSING OF (\d+) us/ ? [ $_, $1 ] : () }
  PgTrace::File::of_type($records, 'NOTE');
my ($started) = grep { $_->{text} eq 'TIMED EVENT TRACING STARTED' }
  PgTrace::File::of_type($records, 'NOTE');
my ($first) = calls_of($records, qr/^SELECT 4711/, 'FETCH');
my ($later) = calls_of($records, qr/^SELECT pg_sleep/, 'FETCH');
ok($gap, 'late probes: how long waits are missing') or die;
cmp_ok($gap->[0]{line}, '>', $first->{line}, 'late probes: said in its place');
is($gap->[0]{line} + 1, $started->{line}, 'late probes: before waits begin');
cmp_ok($started->{line}, '<', $later->{line}, 'late probes: then all is traced');
cmp_ok(
	$gap->[1],
	'>=',
	$first->{fields}{tim} - $wait->{fields}{tim},
	'late probes: since it went on');
cmp_ok(
	$gap->[1],
	'<=',
	begin_of($later) - $wait->{fields}{tim},
	'late probes: until they came');
is(scalar(waits_of($records, qr/^SELECT pg_sleep/, 'PgSleep')),
	1, 'late probes: waits are traced');
foreach my $pid (@gone)
{
	($file) = PgTrace::Node::trace_files($node, $pid);
	$records = read_trace($node, $file);
	is(scalar calls_of($records, qr/^SELECT 4711/, 'EXEC'),
		1, 'a session that has ended by then is traced');
	PgTrace::File::has_note(
		$records,
		qr/^TIMED EVENTS ARE NOT TRACED: the process had ended$/,
		'but for its waits');
}
clean_files($node);

# Who can't be traced, after all, is in the log.
kill('STOP', $worker) == 1 or die "could not stop $worker: $!";
my $offset = -s $node->logfile;
$lasting = PgTrace::Session->new($node, options => $traced);
$node->safe_psql('postgres', 'ALTER SYSTEM SET pg_trace.enabled = off');
$node->reload;
kill('CONT', $worker) == 1 or die "could not continue $worker: $!";
my $pid = $lasting->pid;
ok( $node->poll_query_until(
		'postgres',
		"SELECT pg_read_file('" . $node->logfile . "', $offset, 1000000) LIKE '%session of process $pid could not be traced: tracing is disabled%'"
	),
	'the log has who could not be traced');
$lasting->close;
PgTrace::Node::set($node, 'pg_trace.enabled', 'on');

###############################################################################
# Off and on
###############################################################################

my @sessions = map { PgTrace::Session->new($node, options => $traced) } 1 .. 6;
my $stop = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4712";

$_->send(<<"SQL") foreach @sessions;
DO \$\$
BEGIN
	LOOP
		PERFORM pg_sleep(0.001);
		EXIT WHEN EXISTS ($stop);
	END LOOP;
END \$\$
SQL
my $control = PgTrace::Session->new($node);
foreach my $round (1 .. 4)
{
	PgTrace::Node::set($node, 'pg_trace.enabled', $_) foreach qw(off on);
}
$control->query('SELECT pg_advisory_lock(4712)');
$_->wait foreach @sessions;
# in the next statement, at the latest, each knows that tracing is on
$_->query('SELECT 4713') foreach @sessions;
my $pids = join(', ', map { $_->pid } @sessions);
ok( $node->poll_query_until(
		'postgres',
		"SELECT count(*) = 6 FROM pg_trace_status WHERE pid IN ($pids) AND state = 'active'"
	),
	'off and on: all sessions are traced');
$_->close foreach @sessions;
$control->close;
clean_files($node);
none_waited($node, 200_000, 'off and on');
is_deeply(
	[
		grep { (held(PgTrace::File::parse($_))->{stop} // 0) > 0 }
		  PgTrace::Node::trace_files($node) ],
	[],
	'off and on: no session waits for the end of its trace');
$node->stop;

###############################################################################
# Few places
###############################################################################

$node = PgTrace::Node::new_node(
	'scarce',
	'autovacuum' => 'off',
	'jit' => 'off',
	'pg_trace.max_sessions' => 3,
	'pg_trace.superuser_reserved_sessions' => 0,
	'pg_trace.attach_timeout' => '60s');
my @first = map { PgTrace::Session->new($node, options => $traced) } 1 .. 3;
foreach my $session (@first)
{
	$session->query('SELECT 4711');
}
my $last = PgTrace::Session->new($node, options => $traced);
$last->query('SELECT 4711');
my @pids = map { $_->pid } @first;
like(
	$last->error,
	qr/WARNING:  this session could not be traced: 3 processes are being traced already\n.*HINT:  pg_trace_session\($pids[0], false\) stops the oldest trace, the next ones are of processes $pids[1] and $pids[2]\./,
	'no place: who could be stopped');
$last->close;

# A role isn't told of those that it can't stop.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE tracer LOGIN;
GRANT EXECUTE ON FUNCTION pg_trace_start_trace TO tracer;
SQL
$last = PgTrace::Session->new($node, user => 'tracer');
$last->query('SELECT pg_trace_start_trace()');
like(
	$last->error,
	qr/ERROR: .*3 processes are being traced already\n.*HINT:  To have more, increase/,
	'no place: nobody that a role could stop');
$last->close;

# What becomes free is used again at once, even if the worker hasn't noticed yet.
sub is_gone
{
	my ($pid) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid")
	  or die "process $pid does not end";
	return;
}

$worker = PgTrace::Node::worker_pid($node);
$last = PgTrace::Session->new($node);
kill('STOP', $worker) == 1 or die "could not stop $worker: $!";
$first[0]->close;
is_gone($pids[0]);
$last->send('SET pg_trace.session = on; SELECT 4711');
ok( $node->poll_query_until(
		'postgres',
		"SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = "
		  . $last->pid),
	'a place that is about to be free: is waited for');
kill('CONT', $worker) == 1 or die "could not continue $worker: $!";
$last->wait;
is($last->error, '', 'a place that is about to be free: is taken');
$last->close;
my @next;
foreach my $i (1 .. 10)
{
	is_gone($last->pid);
	$last = PgTrace::Session->new($node, options => $traced);
	$last->query('SELECT 4711');
	$last->close;
	push @next, $last->pid;
}
$_->close foreach @first[ 1, 2 ];
%count = executions($node);
is_deeply(
	[ map { $count{$_} } map { PgTrace::Node::trace_files($node, $_) } @next ],
	[ (1) x 10 ],
	'one after the other in the same place: each is traced');
clean_files($node);

$node->stop;
done_testing();
