
# Traces that superusers begin, and those that others begin to whom EXECUTE was
# granted: who may end them, how many there may be at a time, and how many files
# they leave.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'pg_trace.max_sessions' => 6,
	'pg_trace.superuser_reserved_sessions' => 2);

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE app LOGIN;
CREATE ROLE other LOGIN;
CREATE ROLE dba LOGIN IN ROLE app;
CREATE ROLE watched LOGIN;
ALTER ROLE watched SET pg_trace.session = on;
CREATE ROLE chooser LOGIN;
GRANT SET ON PARAMETER pg_trace.session TO chooser;
GRANT EXECUTE ON FUNCTION pg_trace_session TO dba;
GRANT EXECUTE ON FUNCTION pg_trace_start_trace, pg_trace_stop_trace
	TO app, watched, chooser;
GRANT SELECT ON pg_trace_status TO dba, app;
GRANT EXECUTE ON FUNCTION pg_trace_status TO dba, app;
CREATE TABLE t AS SELECT g FROM generate_series(1, 1000) g;
GRANT SELECT ON t TO app;
SQL
my %oid = map { split /\|/ } split /\n/,
  $node->safe_psql('postgres', 'SELECT rolname, oid FROM pg_roles');

sub connect_as
{
	my ($user) = @_;

	return PgTrace::Session->new($node, user => $user);
}

# What a statement of a role, by itself, returns or fails with
sub attempt
{
	my ($user, $sql) = @_;
	my ($status, $out, $error) = $node->psql('postgres',
		"\\set VERBOSITY verbose\n$sql",
		connstr => $node->connstr('postgres') . " user=$user");

	return $status == 0 ? $out : $error;
}

# The same in a session that is there
sub attempt_in
{
	my ($session, $sql) = @_;
	my $before = length $session->error;
	my $out = $session->query("\\set VERBOSITY verbose\n$sql");

	return $out . substr($session->error, $before);
}

sub is_traced
{
	my ($pid) = @_;

	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_trace_status WHERE pid = $pid AND state = 'active'");
}

###############################################################################
# Who may end a trace
###############################################################################

my $not_to_end =
  qr/ERROR:  42501: +must be a superuser to end a trace that a superuser began/;

my $app = connect_as('app');
my $pid = $app->pid;
my $file = $node->safe_psql('postgres', "SELECT pg_trace_session($pid)");
like(attempt('dba', "SELECT pg_trace_session($pid, false)"),
	$not_to_end, 'a superuser\'s trace: nobody else can end it');
like(attempt_in($app, 'SELECT pg_trace_stop_trace()'),
	$not_to_end, 'nor can the session itself');
like(
	attempt('dba', "SELECT pg_trace_session($pid, binds => false)"),
	qr/ERROR:  42501: +must be a superuser to change a trace that a superuser began/,
	'nor change it');
is(is_traced($pid), 1, 'it goes on');
is(attempt('dba', "SELECT pg_trace_session($pid)"),
	$file, 'whoever asks for it again gets the file\'s name');
is(attempt('dba', "SELECT pg_trace_session($pid, true, true, true)"),
	$file, 'also with what it includes anyway');
is($node->safe_psql('postgres', "SELECT pg_trace_session($pid, false)"),
	$file, 'a superuser can end it');

$file = attempt('dba', "SELECT pg_trace_session($pid)");
like($file, qr/pg_trace_${pid}_\w+\.$oid{dba}\.trc$/,
	'another\'s trace: the file\'s name has the role');
PgTrace::File::of_type(PgTrace::File::parse($file), 'HEADER');
is(attempt_in($app, 'SELECT pg_trace_stop_trace()'),
	$file, 'who may stop traces can end it');

# What a superuser has asked for as well is a superuser's.
$file = attempt('dba', "SELECT pg_trace_session($pid)");
is($node->safe_psql('postgres', "SELECT pg_trace_session($pid)"),
	$file, 'a superuser asks for a trace that another one began');
like(attempt('dba', "SELECT pg_trace_session($pid, false)"),
	$not_to_end, 'from then on it is a superuser\'s');
$node->safe_psql('postgres', "SELECT pg_trace_session($pid, false)");

# The setting
my $watched = connect_as('watched');
is(is_traced($watched->pid), 1, 'by ALTER ROLE ... SET: traced');
like(attempt_in($watched, 'SELECT pg_trace_stop_trace()'),
	$not_to_end, 'the session can\'t end it');
my $worker = PgTrace::Node::worker_pid($node);
kill('TERM', $worker) == 1 or die "could not terminate $worker: $!";
$node->poll_query_until('postgres',
	"SELECT pid <> $worker AND state = 'enabled' FROM pg_trace_worker")
  or die 'there is no new worker';
like(attempt_in($watched, 'SELECT pg_trace_stop_trace()'),
	$not_to_end, 'nor after a restart of the worker');
$watched->close;

my $chooser = connect_as('chooser');
$chooser->query('SET pg_trace.session = on');
$chooser->query('SELECT 1');
is(is_traced($chooser->pid), 1, 'by SET, which was granted: traced');
like((PgTrace::Node::trace_files($node, $chooser->pid))[0],
	qr/\.$oid{chooser}\.trc$/, 'that is the role\'s own');
like(attempt_in($chooser, 'SELECT pg_trace_stop_trace()'),
	qr/\.$oid{chooser}\.trc$/, 'which can end it');
$chooser->query('SET pg_trace.session = off');
$chooser->query('SET pg_trace.session = on');
$chooser->query('SELECT 1');
$node->safe_psql('postgres', 'SELECT pg_trace_session(' . $chooser->pid . ')');
$chooser->query('SET pg_trace.session = off');
$chooser->query('SELECT 1');
is(is_traced($chooser->pid), 1,
	'but not by the setting either, once a superuser has asked for it');
$chooser->close;
$app->close;
PgTrace::Node::wait_until_untraced($node);

###############################################################################
# How many there may be
###############################################################################

my @apps = map { connect_as('app') } 1 .. 7;
my $started = sub {
	my ($user, $session) = @_;
	return attempt($user, 'SELECT pg_trace_session(' . $session->pid . ')');
};

like($started->('dba', $apps[$_]), qr/\.trc$/, "place $_ of 4 for others")
  foreach 0 .. 3;
like(
	$started->('dba', $apps[4]),
	qr/ERROR:  55000: .*the remaining places are reserved for traces that superusers begin\n.*HINT: /,
	'the rest is reserved');
like(
	attempt_in($apps[4], 'SELECT pg_trace_start_trace()'),
	qr/ERROR:  55000: .*reserved for traces that superusers begin/,
	'for the own session as well');

# A parallel worker needs a place as its leader does.
my $parallel = <<'SQL';
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT count(*) FROM t;
SQL
my $files = () = PgTrace::Node::trace_files($node);
is($apps[0]->query($parallel), '1000', 'parallel query: works');
is(() = PgTrace::Node::trace_files($node),
	$files, 'and its workers take no reserved place');

my $super = $node->safe_psql('postgres',
	'SELECT current_user');
like($started->($super, $apps[$_]), qr/\.trc$/, 'a superuser gets it')
  foreach 4, 5;
like(
	$started->($super, $apps[6]),
	qr/6 processes are being traced already/,
	'until all are taken');
$_->close foreach @apps;
PgTrace::Node::wait_until_untraced($node);

###############################################################################
# How many files
###############################################################################

sub files_of
{
	my ($user) = @_;

	return grep { /\.$oid{$user}\.trc$/ } PgTrace::Node::trace_files($node);
}

$app = connect_as('app');
unlink PgTrace::Node::trace_files($node);
PgTrace::Node::set($node, 'pg_trace.max_files_per_role', 3);
my $again = 'SELECT pg_trace_start_trace(); SELECT pg_trace_stop_trace();';
$node->poll_query_until('postgres',
	"SELECT state = 'enabled' FROM pg_trace_worker");
my $result = '';
my $full = qr/ERROR:  55000: .*the role with OID $oid{app} has 3 trace files, and may have no more/;
foreach (1 .. 100)
{
	$result = attempt_in($app, $again);
	last if $result =~ /ERROR/;
}
# the worker reads the setting by itself
foreach (1 .. 100)
{
	last if $result =~ $full;
	unlink files_of('app');
	foreach (1 .. 100)
	{
		$result = attempt_in($app, $again);
		last if $result =~ /ERROR/;
	}
}
like($result, $full, 'a role may have so many files');
is(() = files_of('app'), 3, 'and has them');
like(attempt_in($app, $again), $full, 'it may not have another one later');

$worker = PgTrace::Node::worker_pid($node);
kill('TERM', $worker) == 1 or die "could not terminate $worker: $!";
$node->poll_query_until('postgres',
	"SELECT pid <> $worker AND state = 'enabled' FROM pg_trace_worker")
  or die 'there is no new worker';
like(attempt_in($app, $again), $full, 'nor from another worker');

my $app_pid = $app->pid;
like(attempt('dba', "SELECT pg_trace_session($app_pid)"),
	qr/\.$oid{dba}\.trc$/, 'another role may still have one');
attempt('dba', "SELECT pg_trace_session($app_pid, false)");
$node->safe_psql('postgres',
	"SELECT pg_trace_session($app_pid), pg_trace_session($app_pid, false)")
  foreach 1 .. 5;
is(() = files_of('app'), 3, 'a superuser\'s files don\'t count');

# Whatever others call theirs
$node->safe_psql('postgres',
	"SET pg_trace.tracefile_identifier = '$oid{app}';"
	  . "SELECT pg_trace_session($app_pid), pg_trace_session($app_pid, false)");
is(() = files_of('app'), 3, 'nor does an identifier that is a role\'s number');
like(
	$app->query("SET pg_trace.tracefile_identifier = 'x.$oid{dba}'")
	  . $app->error,
	qr/invalid value for parameter "pg_trace.tracefile_identifier"/,
	'one that looks like the end of a name is refused');

unlink((files_of('app'))[0]);
my $done = '';
foreach (1 .. 100)
{
	$done = attempt_in($app, $again);
	last if $done !~ /ERROR/;
	select(undef, undef, undef, 0.1);
}
like($done, qr/\.$oid{app}\.trc$/, 'after one was removed, there is room');

# A parallel worker's file is its leader's role's.
unlink files_of('app');
foreach (1 .. 100)
{
	$done = attempt_in($app, 'SELECT pg_trace_start_trace()');
	last if $done !~ /ERROR/;
	select(undef, undef, undef, 0.1);
}
is($app->query("$parallel SELECT count(*) FROM t; SELECT count(*) FROM t;"),
	"1000\n1000\n1000", 'parallel queries: work');
is(() = files_of('app'), 3, 'parallel queries: with so many files');
$app->close;
PgTrace::Node::wait_until_untraced($node);

PgTrace::Node::set($node, 'pg_trace.max_files_per_role', 0);
$app = connect_as('app');
foreach (1 .. 100)
{
	$done = attempt_in($app, $again);
	last if $done !~ /ERROR/;
	select(undef, undef, undef, 0.1);
}
unlike(attempt_in($app, join(' ', ($again) x 10)), qr/ERROR/, '0 is no limit');
$app->close;

###############################################################################
# What others see
###############################################################################

@apps = (connect_as('app'), connect_as('other'));
$started->($super, $_) foreach @apps;
my $look = <<'SQL';
SELECT usename, datname, pid IS NOT NULL, state, trace_file IS NOT NULL,
	application_name = '', sql_events IS NOT NULL
FROM pg_trace_status ORDER BY usename
SQL
is(attempt('dba', $look), <<'OUT' =~ s/\n\z//r, 'pg_trace_status: all of the own roles\' traces, of others that there is one');
app|postgres|t|active|t|f|t
other|postgres|t||f||f
OUT
$node->safe_psql('postgres', 'GRANT pg_monitor TO dba');
is(attempt('dba', $look), <<'OUT' =~ s/\n\z//r, 'pg_trace_status: all for pg_monitor');
app|postgres|t|active|t|f|t
other|postgres|t|active|t|f|t
OUT
$_->close foreach @apps;

###############################################################################
# Settings that contradict each other
###############################################################################

$node->append_conf('postgresql.conf', "pg_trace.max_sessions = 2\n");
my $log_start = -s $node->logfile;
$node->restart;
is($node->safe_psql('postgres',
		'SHOW pg_trace.superuser_reserved_sessions'),
	1, 'at least one place is for all');
like(slurp_file($node->logfile, $log_start),
	qr/pg_trace.superuser_reserved_sessions \(2\) must be less than pg_trace.max_sessions \(2\)/,
	'the log says so');

$node->stop;
done_testing();
