
# Starting and stopping traces, in all ways and against all odds: settings that
# come from elsewhere, sessions that end, a worker that is restarted, limits,
# and many sessions at once.

use strict;
use warnings;

use IPC::Run;
use PgTrace::Check ();
use PgTrace::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $trace_me = '-c pg_trace.session=on';
my $node = PgTrace::Node::new_node('main');
my $small = PgTrace::Node::new_node(
	'small',
	'restart_after_crash' => 'on',
	'pg_trace.max_sessions' => 3,
	'pg_trace.queue_size' => '64kB');

# The records of a complete file, which has to be sound.
sub read_trace
{
	my ($file, $what) = @_;
	my $records = PgTrace::File::parse($file);

	is_deeply([ PgTrace::Problems::problems($records) ], [], "$what: the trace is sound");
	is($records->[-1]{type}, 'ENDED', "$what: the file is complete");
	return $records;
}

sub has_statement
{
	my ($records, $text, $what) = @_;

	ok((grep { index($_->{text}, $text) >= 0 }
		  PgTrace::File::of_type($records, 'CURSOR')), $what);
	return;
}

sub lacks_statement
{
	my ($records, $text, $what) = @_;

	ok(!(grep { index($_->{text}, $text) >= 0 }
		  PgTrace::File::of_type($records, 'CURSOR')), $what);
	return;
}

sub traced_pids
{
	return $node->safe_psql('postgres',
		'SELECT pid FROM pg_trace_status ORDER BY pid');
}

###############################################################################
# The functions
###############################################################################

my $session = PgTrace::Session->new($node);
my $pid = $session->pid;
$session->query("SELECT 'before'");
my $file = $session->query('SELECT pg_trace_start_trace()');
$session->query("SELECT 'within'");
is($session->query('SELECT pg_trace_stop_trace()'),
	$file, 'own session: the same path');
$session->query("SELECT 'after'");
my $records = read_trace($file, 'own session');
lacks_statement($records, "'before'", 'own session: not what came before');
has_statement($records, "'within'", 'own session: what was traced');
has_statement($records, 'pg_trace_stop_trace', 'own session: up to the end');
lacks_statement($records, "'after'", 'own session: not what came after');

$file = $node->safe_psql('postgres', "SELECT pg_trace_session($pid)");
is(traced_pids(), $pid, 'other session: shown');
$session->query("SELECT 'while asked by another'");
is($node->safe_psql('postgres', "SELECT pg_trace_session($pid, false)"),
	$file, 'other session: the same path');
$session->query("SELECT 'after that'");
$records = read_trace($file, 'other session');
has_statement($records, "'while asked by another'", 'other session: traced');
lacks_statement($records, "'after that'", 'other session: to its end');
is(traced_pids(), '', 'other session: not shown any longer');

# A session that isn't there any longer
my $gone = PgTrace::Session->new($node, options => $trace_me);
my $gone_pid = $gone->pid;
$gone->close;
PgTrace::Node::wait_until_untraced($node, $gone_pid);
my ($status, $out, $error) =
  $node->psql('postgres', "SELECT pg_trace_session($gone_pid, false)");
like($error, qr/ERROR:  PID $gone_pid is not a PostgreSQL server process/,
	'a session that has ended can\'t be stopped');
($status, $out, $error) =
  $node->psql('postgres', "SELECT pg_trace_session($gone_pid)");
like($error, qr/ERROR:  PID $gone_pid is not a PostgreSQL server process/,
	'or traced');

###############################################################################
# The setting pg_trace.session, wherever it comes from
###############################################################################

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE app LOGIN;
CREATE ROLE watched LOGIN;
CREATE DATABASE watched;
CREATE DATABASE plain;
ALTER ROLE watched SET pg_trace.session = on;
ALTER DATABASE watched SET pg_trace.session = on;
SQL

$session->query('SET pg_trace.session = on');
$session->query("SELECT 'by SET'");
is(traced_pids(), $pid, 'SET: traced');
$session->query('SET pg_trace.session = off');
$session->query("SELECT 'off again'");
is(traced_pids(), '', 'SET: not any longer');
$records = read_trace((PgTrace::Node::trace_files($node, $pid))[-1], 'SET');
has_statement($records, "'by SET'", 'SET: the statement');
lacks_statement($records, "'off again'", 'SET: not the one after');

# Only for a transaction
$session->query("BEGIN; SET LOCAL pg_trace.session = on; SELECT 'local'; COMMIT");
$session->query("SELECT 'transaction over'");
is(traced_pids(), '', 'SET LOCAL: not beyond the transaction');

my @cases = (
	[ 'PGOPTIONS', 1, dbname => 'plain', options => $trace_me ],
	[ 'role', 1, dbname => 'plain', user => 'watched' ],
	[ 'database', 1, dbname => 'watched' ],
	[ 'database, plain role', 1, dbname => 'watched', user => 'app' ],
	[ 'neither', 0, dbname => 'plain', user => 'app' ]);
foreach my $case (@cases)
{
	my ($what, $traced, %options) = @$case;
	my $client = PgTrace::Session->new($node, %options);

	$client->query("SELECT 'traced by $what'");
	is(traced_pids(), $traced ? $client->pid : '', "$what: pg_trace_status");
	$client->close;
	PgTrace::Node::wait_until_untraced($node);
	my @files = PgTrace::Node::trace_files($node, $client->pid);
	is(scalar(@files), $traced, "$what: number of files");
	next unless $traced;
	$records = read_trace($files[0], $what);
	has_statement($records, 'pg_backend_pid', "$what: from the beginning");
	has_statement($records, "'traced by $what'", "$what: the statement");
	is($records->[0]{fields}{'Database name'},
		$options{dbname}, "$what: the header has the database");
}

($status, $out, $error) = $node->psql(
	'postgres', 'SELECT 1',
	connstr => $node->connstr('postgres') . " user=app options='$trace_me'");
isnt($status, 0, 'PGOPTIONS of a role that is no superuser: refused');
like($error, qr/permission denied to set parameter "pg_trace.session"/,
	'with the usual error');

###############################################################################
# The master switch
###############################################################################

my $by_option = PgTrace::Session->new($node, options => $trace_me);
$node->safe_psql('postgres', "SELECT pg_trace_session($pid)");
$_->query("SELECT 'enabled'") foreach $by_option, $session;
is(scalar(my @pids = split(/\n/, traced_pids())), 2, 'enabled: two traces');

PgTrace::Node::set($node, 'pg_trace.enabled', 'off');
PgTrace::Node::wait_until_untraced($node);
is($node->safe_psql('postgres', 'SELECT state, probe FROM pg_trace_worker'),
	'disabled|none', 'disabled: shown by the worker');
$_->query("SELECT 'disabled'") foreach $by_option, $session;
is(traced_pids(), '', 'disabled: nothing is traced');
foreach my $client ($by_option, $session)
{
	$file = (PgTrace::Node::trace_files($node, $client->pid))[-1];
	$records = read_trace($file, 'disabled');
	has_statement($records, "'enabled'", 'disabled: traced until then');
	lacks_statement($records, "'disabled'", 'disabled: and not after');
}
($status, $out, $error) =
  $node->psql('postgres', "SELECT pg_trace_session($pid)");
like($error, qr/tracing is disabled\n.*HINT:.*ALTER SYSTEM SET pg_trace.enabled/s,
	'disabled: an error that says how to enable');

PgTrace::Node::set($node, 'pg_trace.enabled', 'on');
my $first = (PgTrace::Node::trace_files($node, $by_option->pid))[-1];
$_->query("SELECT 'enabled again'") foreach $by_option, $session;
is(traced_pids(), $by_option->pid,
	'enabled again: who has the setting is traced, others aren\'t');
isnt((PgTrace::Node::trace_files($node, $by_option->pid))[-1],
	$first, 'enabled again: in another file');
$by_option->close;
PgTrace::Node::wait_until_untraced($node);
has_statement(
	read_trace(
		(PgTrace::Node::trace_files($node, $by_option->pid))[-1],
		'enabled again'),
	"'enabled again'",
	'enabled again: the statement');

###############################################################################
# More than pg_trace.max_sessions
###############################################################################

my @many = map { PgTrace::Session->new($small, options => $trace_me) } 1 .. 3;
is( $small->safe_psql('postgres', 'SELECT count(*) FROM pg_trace_status'),
	3, 'as many as possible');
my $surplus = PgTrace::Session->new($small, options => $trace_me);
is($surplus->query('SELECT 42'), '42', 'one more by the setting: works');
like($surplus->error,
	qr/WARNING:  this session could not be traced: 3 processes are being traced/,
	'with a warning');
is(scalar(my @none = PgTrace::Node::trace_files($small, $surplus->pid)),
	0, 'and without a file');
my $start = 'SELECT pg_trace_session(' . $surplus->pid . ')';
($status, $out, $error) = $small->psql('postgres', $start);
like($error, qr/could not trace process \d+: 3 processes are being traced/,
	'one more by the function: an error');
like($error, qr/HINT: .*pg_trace.max_sessions/, 'with a hint');
(shift @many)->close;
$small->poll_query_until('postgres',
	"SELECT count(*) = 2 FROM pg_trace_status")
  or die 'the trace does not end';
like($small->safe_psql('postgres', $start),
	qr/pg_trace_/, 'a place that is free again can be used');
$_->close foreach @many, $surplus;
PgTrace::Node::wait_until_untraced($small);

###############################################################################
# The worker ends while sessions are traced
###############################################################################

my $busy = PgTrace::Session->new($node, options => $trace_me);
# one of them waits until it is told to go on
my $holder = PgTrace::Session->new($node);
$holder->query('SELECT pg_advisory_lock(1)');
my $asleep = PgTrace::Session->new($node);
my $asleep_file =
  $node->safe_psql('postgres', "SELECT pg_trace_session(" . $asleep->pid . ')');
my $busy_file = (PgTrace::Node::trace_files($node, $busy->pid))[0];
$busy->query("SELECT 'old worker'");
$asleep->send("SELECT pg_advisory_lock(1)");
$node->poll_query_until('postgres',
	"SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = "
	  . $asleep->pid)
  or die;

my $worker = PgTrace::Node::worker_pid($node);
kill('TERM', $worker) == 1 or die "could not terminate $worker: $!";
$node->poll_query_until('postgres',
	"SELECT pid IS NULL FROM pg_trace_worker")
  or die 'the worker lives';
$busy->query("SELECT 'no worker'");
is($node->safe_psql('postgres', 'SELECT state FROM pg_trace_worker'),
	'stopped', 'no worker: statements are executed even so');
$node->poll_query_until('postgres',
	"SELECT pid <> $worker AND state = 'enabled' AND sessions = 2 FROM pg_trace_worker"
) or die 'there is no new worker';
$busy->query("SELECT 'new worker'");
$busy->query('SELECT pg_sleep(0.01)');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_trace_status'),
	2, 'new worker: both sessions are traced still');
$holder->close;
$asleep->wait;
$asleep->query("SELECT 'woken up'");
$_->close foreach $busy, $asleep;
PgTrace::Node::wait_until_untraced($node);

is(scalar(my @busy_files = PgTrace::Node::trace_files($node, $busy->pid)),
	1, 'new worker: no other file');
$records = read_trace($busy_file, 'busy session');
has_statement($records, "'$_'", "busy session: $_")
  foreach 'old worker', 'no worker', 'new worker';
PgTrace::File::has_note($records, qr/^THE WORKER STOPS$/, 'busy session: the worker\'s end');
PgTrace::File::has_note($records, qr/^TRACE CONTINUED AFTER A RESTART/,
	'busy session: and its new beginning');
my ($again) = grep { ($_->{text} // '') =~ /^TRACE CONTINUED/ } @$records;
ok( ( grep {
			$_->{line} > $again->{line} && $_->{fields}{nam} eq 'PgSleep'
		} PgTrace::File::of_type($records, 'WAIT')),
	'busy session: waits after that');
is(PgTrace::File::of_type($records, 'LOST'), 0, 'busy session: nothing lost');

$records = read_trace($asleep_file, 'sleeping session');
has_statement($records, "'woken up'", 'sleeping session: goes on');
# a check for a deadlock may have ended one before
ok((grep { $_->{fields}{nam} eq 'advisory' && $_->{fields}{partial} }
		  PgTrace::File::of_type($records, 'WAIT')),
	'sleeping session: the rest of its wait');

# Asked for while there is no worker: the next one does it.
$worker = PgTrace::Node::worker_pid($node);
kill('TERM', $worker) == 1 or die "could not terminate $worker: $!";
$node->poll_query_until('postgres',
	"SELECT pid IS NULL FROM pg_trace_worker")
  or die 'the worker lives';
$session->query('SELECT pg_trace_start_trace()');
like(PgTrace::Check::session_file($node, $session),
	qr/pg_trace_$pid/, 'no worker: the request waits for the next one');
$session->query('SELECT pg_trace_stop_trace()');

###############################################################################
# Two sessions that don't agree
###############################################################################

my $files_before = () = PgTrace::Node::trace_files($node, $pid);
my @quarrel = map { PgTrace::Session->new($node) } 1 .. 3;
$_->send(<<"SQL") foreach @quarrel;
DO \$\$
BEGIN
	FOR i IN 1..15 LOOP
		BEGIN
			PERFORM pg_trace_session($pid);
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			IF SQLERRM NOT LIKE '%has ended%' AND SQLERRM NOT LIKE '%before it began%' THEN
				RAISE;
			END IF;
		END;
		BEGIN
			PERFORM pg_trace_session($pid, false);
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			IF SQLERRM NOT LIKE '%is not being traced' THEN
				RAISE;
			END IF;
		END;
	END LOOP;
END
\$\$
SQL
my $answers = 0;
$answers += $session->query("SELECT $_") == $_ foreach 1 .. 300;
$_->wait foreach @quarrel;
is($answers, 300, 'quarrel: the traced session is undisturbed');
is(join('', map { $_->error } @quarrel), '', 'quarrel: no other errors');
$_->close foreach @quarrel;
is(traced_pids(), '', 'quarrel: nothing is traced in the end');
my @files = PgTrace::Node::trace_files($node, $pid);
cmp_ok(scalar(@files) - $files_before, '>=', 5, 'quarrel: many files');
my @bad;
foreach my $file (@files)
{
	my $records = eval { PgTrace::File::parse($file) };

	push @bad, $@ || "$file: incomplete" if !$records || $records->[-1]{type} ne 'ENDED';
	push @bad, map { "$file: $_" } PgTrace::Problems::problems($records) if $records;
}
is_deeply(\@bad, [], 'quarrel: every file is complete and sound');
$file = $node->safe_psql('postgres', "SELECT pg_trace_session($pid)");
$session->query("SELECT 'peace'");
$node->safe_psql('postgres', "SELECT pg_trace_session($pid, false)");
has_statement(read_trace($file, 'after the quarrel'),
	"'peace'", 'after the quarrel: tracing works');

###############################################################################
# Many short sessions
###############################################################################

my %known = map { $_ => 1 } PgTrace::Node::trace_files($node);
my ($numbers, $pids, $errors) = (join("\n", 1 .. 60), '', '');
{
	local $ENV{PGOPTIONS} = $trace_me;

	IPC::Run::run(
		[
			'xargs', '-P', '8', '-I', '{number}',
			'psql', '-XAtq', '-d', $node->connstr('postgres'),
			'-c', "SELECT pg_backend_pid(), 'session {number}'"
		],
		'<', \$numbers, '>', \$pids, '2>', \$errors);
}
is($errors, '', 'short sessions: no errors or warnings');
my %session_of = map { /^(\d+)\|session (\d+)$/ ? ($1 => $2) : () }
  split /\n/, $pids;
is(scalar(keys %session_of), 60, 'short sessions: all have run');
PgTrace::Node::wait_until_untraced($node);
@files = grep { !$known{$_} } PgTrace::Node::trace_files($node);
is(scalar(@files), 60, 'short sessions: a file each');
@bad = ();
foreach my $file (@files)
{
	my ($name_pid) = $file =~ /pg_trace_(\d+)_/;
	my $records = eval { PgTrace::File::parse($file) };

	if (!$records)
	{
		push @bad, $@;
		next;
	}
	push @bad, map { "$file: $_" } PgTrace::Problems::problems($records);
	push @bad, "$file: incomplete" if $records->[-1]{type} ne 'ENDED';
	push @bad, "$file: of process $records->[0]{fields}{pid}"
	  if $records->[0]{fields}{pid} != $name_pid;
	my @texts = map { $_->{text} } PgTrace::File::of_type($records, 'CURSOR');
	push @bad, "$file: @texts"
	  if "@texts" ne "SELECT pg_backend_pid(), 'session "
	  . ($session_of{$name_pid} // 'none') . "'";
	push @bad, "$file: no EXEC and FETCH"
	  if PgTrace::File::of_type($records, 'EXEC', 'FETCH') != 2;
}
is_deeply(\@bad, [], 'short sessions: each file has its own and all of it');

###############################################################################
# Queues that overflow
###############################################################################

# 60 statements of 20 kB each, which don't fit into a queue of 64 kB together
my $workload = join("\n",
	map { "SELECT length('" . ('x' x 20000) . "'), $_;" } 1 .. 60);

# Nothing is taken out of the queue while the worker is stopped.
my $discard = PgTrace::Session->new($small,
	options => "$trace_me -c pg_trace.on_overflow=discard");
my $discard_pid = $discard->pid;
$file = (PgTrace::Node::trace_files($small, $discard_pid))[0];
my $sent = "SELECT sql_events FROM pg_trace_status WHERE pid = $discard_pid";
$small->poll_query_until('postgres', "SELECT ($sent) > 0")
  or die 'the worker gets nothing';
$worker = PgTrace::Node::worker_pid($small);
my $sent_before = $small->safe_psql('postgres', $sent);
kill('STOP', $worker) == 1 or die "could not stop $worker: $!";
$discard->query($workload);
kill('CONT', $worker) == 1 or die "could not continue $worker: $!";
$small->poll_query_until('postgres', "SELECT ($sent) > $sent_before")
  or die 'the worker does not go on';
$discard->query("SELECT 'room again'");
is( $small->safe_psql('postgres',
		"SELECT lost_events > 0 FROM pg_trace_status WHERE pid = $discard_pid"),
	't', 'discard: pg_trace_status shows a loss');
my $lost = $small->safe_psql('postgres',
	"SELECT lost_events FROM pg_trace_status WHERE pid = $discard_pid");
$discard->close;
PgTrace::Node::wait_until_untraced($small);
$records = read_trace($file, 'discard');
my @lost = grep { $_->{fields}{what} eq 'events' }
  PgTrace::File::of_type($records, 'LOST');
my $reported = 0;
$reported += $_->{fields}{count} foreach @lost;
is($reported, $lost, 'discard: the file has the same number')
  or diag(map { "$_->{text}\n" } @lost);
has_statement($records, "'room again'", 'discard: goes on after the gap');
cmp_ok(scalar(PgTrace::File::cursors_like($records, qr/^SELECT length/)),
	'<', 60, 'discard: statements are missing');
cmp_ok($small->safe_psql('postgres', 'SELECT lost_events FROM pg_trace_worker'),
	'>=', $lost, 'discard: pg_trace_worker counts them, too');

my $patient = PgTrace::Session->new($small, options => $trace_me);
my $patient_pid = $patient->pid;
$patient->query($workload) foreach 1 .. 5;
is( $small->safe_psql('postgres',
		"SELECT lost_events FROM pg_trace_status WHERE pid = $patient_pid"),
	'0', 'wait: nothing lost');
$patient->close;
PgTrace::Node::wait_until_untraced($small);
$records =
  read_trace((PgTrace::Node::trace_files($small, $patient_pid))[0], 'wait');
is(PgTrace::File::of_type($records, 'LOST'), 0, 'wait: no gap in the file');
my @cursors = PgTrace::File::cursors_like($records, qr/^SELECT length\('x{20000}'\)/);
is(scalar(@cursors), 60, 'wait: all statements, whole');
is_deeply(
	[ grep { PgTrace::File::of_cursor($records, $_, 'FETCH') != 5 } @cursors ],
	[], 'wait: all executions');

###############################################################################
# A crash of the server
###############################################################################

my @crashed = map { PgTrace::Session->new($small, options => $trace_me) } 1 .. 2;
@files = map { (PgTrace::Node::trace_files($small, $_->pid))[0] } @crashed;
$crashed[0]->query("SELECT 'before the crash'");
$small->poll_query_until('postgres', <<"SQL")
SELECT position('before the crash' IN pg_read_file('$files[0]')) > 0
SQL
  or die 'the statement is not in the file';
$worker = PgTrace::Node::worker_pid($small);
kill('KILL', $crashed[1]->pid) == 1 or die "could not kill a backend: $!";
PgTrace::Node::poll_through_crash($small,
	"SELECT pid <> $worker AND state = 'enabled' FROM pg_trace_worker")
  or die 'the server is not back';
is($small->safe_psql('postgres', 'SELECT count(*) FROM pg_trace_status'),
	'0', 'crash: nothing is traced after it');
$records = read_trace($files[0], 'crash');
has_statement($records, "'before the crash'", 'crash: what was written stays');
read_trace($files[1], 'crash, the killed session');
my $survivor = PgTrace::Session->new($small, options => $trace_me);
$survivor->query("SELECT 'after the crash'");
$survivor->close;
PgTrace::Node::wait_until_untraced($small);
has_statement(
	read_trace(
		(PgTrace::Node::trace_files($small, $survivor->pid))[0],
		'after the crash'),
	"'after the crash'",
	'after the crash: sessions are traced');

foreach my $server ($node, $small)
{
	is($server->safe_psql('postgres', 'SELECT last_error FROM pg_trace_worker'),
		'', 'the worker has no complaint in the end');
	unlike(slurp_file($server->logfile),
		qr/terminated by signal (?!9:)|PANIC|corrupt|TRAP/,
		'nor has the server');
}

$session->close;
$_->stop foreach $node, $small;
done_testing();
