# Each kind of probe proves itself before it is used.  What doesn't fire isn't
# used, and the log, the views and the file say so.  Kinds can be told to fail,
# so that both outcomes are seen whatever the machine is like.

use strict;
use warnings;

use File::Basename qw(dirname);
use PgTrace::HiddenWaits;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use PgTrace::ServerCopy;
use Test::More;

my $no_watchpoints = "hardware watchpoints don't fire on this machine";
my $no_uprobes = "uprobes don't fire on this machine";

# Restart a node with other kinds of probes told to fail, and an empty log.
sub restart_with
{
	my ($node, $probe, $failing) = @_;

	$node->safe_psql('postgres',
		"ALTER SYSTEM SET pg_trace.wait_probe = '$probe'");
	$node->safe_psql('postgres',
		"ALTER SYSTEM SET pg_trace.debug_failing_probes = '$failing'");
	$node->rotate_logfile;
	$node->restart;
	PgTrace::Node::worker_pid($node);
	return;
}

sub worker_shows
{
	my ($node) = @_;

	return $node->safe_psql('postgres',
		'SELECT probe, unusable_probes, last_error FROM pg_trace_worker');
}

sub count_in_log
{
	my ($node, $text) = @_;

	return scalar(() = slurp_file($node->logfile) =~ /\Q$text\E/g);
}

# Trace a session that sleeps twice; returns the trace's records, and what
# pg_trace_status shows.  A sleep is waited for again if the latch was set.
sub trace
{
	my ($node) = @_;
	my $session = PgTrace::Session->new($node);
	my $file = $session->query('SELECT pg_trace_start_trace()');

	$session->query('SELECT pg_sleep(0.01)') for 1 .. 2;
	my $status = $session->query('SELECT probe, last_error FROM pg_trace_status');
	$session->query('SELECT pg_trace_stop_trace()');
	$session->close;
	return (PgTrace::File::parse($file), $status);
}

sub has_waits
{
	my ($node, $probe, $what) = @_;
	my ($records, $status) = trace($node);

	is($status, "$probe|", "$what: the session's probe");
	PgTrace::File::has_note($records, qr/^TIMED EVENT TRACING STARTED$/, $what);
	cmp_ok(
		scalar(grep { $_->{fields}{nam} eq 'PgSleep' }
			  PgTrace::File::of_type($records, 'WAIT')),
		'>=', 2,
		"$what: each wait");
	return;
}

# There are no waits, for this reason, and everybody is told so.
sub has_none
{
	my ($node, $reason, $what) = @_;

	$node->poll_query_until('postgres',
		'SELECT last_error IS NOT NULL FROM pg_trace_worker')
	  or die "$what: nothing is wrong";
	is(worker_shows($node), "none|$reason|$reason", "$what: pg_trace_worker");
	foreach my $i (1 .. 2)
	{
		my ($records, $status) = trace($node);
		my @notes = map { $_->{text} } PgTrace::File::of_type($records, 'NOTE');

		is($status, "none|$reason", "$what: pg_trace_status");
		ok((grep { $_ eq "TIMED EVENTS ARE NOT TRACED: $reason" } @notes),
			"$what: the file");
		is_deeply([ grep { /TIMED EVENT TRACING STARTED/ } @notes ],
			[], "$what: nothing is said to have started");
		is_deeply([ PgTrace::File::of_type($records, 'WAIT') ],
			[], "$what: there are no waits");
		is_deeply([ PgTrace::Problems::problems($records) ],
			[], "$what: the trace is sound");
	}
	is(count_in_log($node, "waits are not traced: $reason"),
		1, "$what: the log, once");
	return;
}

###############################################################################
# As the machine is
###############################################################################

my $node = PgTrace::Node::new_node('main',
	'autovacuum' => 'off',
	'pg_trace.debug_failing_probes' => '');
my $problem = PgTrace::Node::watchpoint_problem($node);
note $problem // 'hardware watchpoints fire';

is( worker_shows($node),
	'uprobe|' . (defined $problem ? "watchpoint: $problem" : '') . '|',
	'uprobes have proved themselves');
is( $node->safe_psql('postgres',
		'SELECT probe_hits, drained_events, lost_events FROM pg_trace_worker'),
	'0|0|0', 'which is not counted');
has_waits($node, 'uprobe', 'uprobe');
foreach my $setting (qw(uprobe_process uprobe_shared))
{
	my $probe = $setting eq 'uprobe_process' ? 'uprobe' : $setting;

	restart_with($node, $setting, '');
	PgTrace::Node::set_probe($node, $setting, $probe);
	has_waits($node, $probe, $setting);
}
restart_with($node, 'watchpoint', '');
if (defined $problem)
{
	has_none($node, "watchpoint: $problem", 'watchpoint');
}
else
{
	PgTrace::Node::set_probe($node, 'watchpoint', 'watchpoint');
	is(worker_shows($node), 'watchpoint||', 'watchpoints have proved themselves');
	has_waits($node, 'watchpoint', 'watchpoint');
}

###############################################################################
# Kinds that fail
###############################################################################

restart_with($node, 'watchpoint', 'watchpoint');
has_none($node, "watchpoint: $no_watchpoints", 'watchpoint, failing');

restart_with($node, 'uprobe_process', 'uprobe, watchpoint');
$node->poll_query_until('postgres',
	'SELECT last_error IS NOT NULL FROM pg_trace_worker')
  or die 'nothing is wrong';
is( worker_shows($node),
	"none|uprobe: $no_uprobes; watchpoint: $no_watchpoints|uprobe: $no_uprobes",
	'uprobe_process, failing: pg_trace_worker');

restart_with($node, 'uprobe_shared', 'uprobe_shared');
$node->poll_query_until('postgres',
	'SELECT last_error IS NOT NULL FROM pg_trace_worker')
  or die 'nothing is wrong';
like( worker_shows($node),
	qr/^none\|uprobe_shared: $no_uprobes(; watchpoint: .*)?\|uprobe_shared: $no_uprobes$/,
	'uprobe_shared, failing: pg_trace_worker');
is( count_in_log($node, "waits are not traced: uprobe_shared: $no_uprobes"),
	1, 'uprobe_shared, failing: the log, once');

# what is the next best is used
if (!defined $problem)
{
	restart_with($node, 'auto', 'uprobe, perf_uprobe');
	PgTrace::Node::set_probe($node, 'auto', 'watchpoint');
	like(
		$node->safe_psql('postgres', 'SELECT last_error FROM pg_trace_worker'),
		qr/^uprobe: $no_uprobes; perf_uprobe: /,
		'auto, uprobes fail: pg_trace_worker');
	is(count_in_log($node, "waits can't be traced by uprobe: $no_uprobes"),
		1, 'auto, uprobes fail: the log, once');
	my ($records, $status) = trace($node);
	like($status, qr/^watchpoint\|/, 'auto, uprobes fail: a watchpoint is used');
	cmp_ok(
		scalar(grep { $_->{fields}{nam} eq 'PgSleep' }
			  PgTrace::File::of_type($records, 'WAIT')),
		'>=', 2,
		'auto, uprobes fail: each wait');
}
restart_with($node, 'auto', 'uprobe, perf_uprobe, watchpoint');
$node->poll_query_until('postgres',
	'SELECT last_error IS NOT NULL FROM pg_trace_worker')
  or die 'nothing is wrong';
like(
	$node->safe_psql('postgres', 'SELECT probe, last_error FROM pg_trace_worker'),
	qr/^none\|uprobe: $no_uprobes; perf_uprobe: .*; watchpoint: $no_watchpoints$/,
	'auto, all fail: pg_trace_worker');

# Many sessions keep the uprobes that work.
restart_with($node, 'auto', 'uprobe_shared');
PgTrace::Node::set_probe($node, 'auto', 'uprobe');
{
	my @sessions = map { PgTrace::Session->new($node) } 1 .. 14;

	$_->query('SELECT pg_trace_start_trace()') foreach @sessions;
	is( $sessions[0]->query('SELECT probe, count(*) FROM pg_trace_status GROUP BY 1'),
		'uprobe|14',
		'auto, sharing fails: all sessions have probes of their own');
	is( count_in_log($node, "changed to shared ones: $no_uprobes"),
		1, 'auto, sharing fails: the log, once');
	$_->close foreach @sessions;
	PgTrace::Node::wait_until_untraced($node);
}

###############################################################################
# Code that isn't understood, and no watchpoint
###############################################################################

SKIP:
{
	skip 'the instructions replaced are those of x86-64', 1
	  if `uname -m` ne "x86_64\n";

	restart_with($node, 'auto', 'watchpoint');
	PgTrace::Node::set_probe($node, 'auto', 'uprobe');
	$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION hidden(int, int) RETURNS int STRICT LANGUAGE C
  AS '$ENV{PGT_TEST_BIN}/hidden_waiter', 'waits';
SQL
	my $session = PgTrace::Session->new($node);
	my $file = $session->query('SELECT pg_trace_start_trace()');
	$session->query('SELECT hidden(1, 0)');
	is($session->query('SELECT probe FROM pg_trace_status'),
		'uprobe', 'a library: stays with uprobes');
	$session->query('SELECT pg_trace_stop_trace()');
	$session->close;
	PgTrace::File::has_note(
		PgTrace::File::parse($file),
		qr/^TIMED EVENTS MAY BE MISSING IN LIBRARY \S+hidden_waiter.so: 1 of \d+ places that may report a wait event are not understood; $no_watchpoints$/,
		'a library: the file');

	my $bindir = copy_server();
	my $hidden = hide_waits("$bindir/postgres",
		PgTrace::Node::major() >= 17 ? 'FileReadV' : 'FileRead') . "; $no_watchpoints";
	my $copy = PgTrace::Node::create_node('copy',
		{ install_path => dirname($bindir) },
		'pg_trace.debug_failing_probes' => 'watchpoint');

	$copy->start;
	$copy->safe_psql('postgres', 'CREATE EXTENSION pg_trace_bgw');
	PgTrace::Node::set_probe($copy, 'auto', 'uprobe');
	is(worker_shows($copy),
		"uprobe|watchpoint: $no_watchpoints|$hidden",
		'the server: pg_trace_worker');
	foreach my $i (1 .. 2)
	{
		my ($records, $status) = trace($copy);

		is($status, "uprobe|TIMED EVENTS MAY BE MISSING: $hidden",
			'the server: pg_trace_status');
		PgTrace::File::has_note($records, qr/^TIMED EVENT TRACING STARTED$/,
			'the server: the file');
		PgTrace::File::has_note($records,
			qr/^TIMED EVENTS MAY BE MISSING: \Q$hidden\E$/,
			'the server: the file, what is missing');
		cmp_ok(
			scalar(grep { $_->{fields}{nam} eq 'PgSleep' }
				  PgTrace::File::of_type($records, 'WAIT')),
			'>=', 2,
			'the server: waits elsewhere are there');
	}
	is(count_in_log($copy, "waits may be missing: $hidden"),
		1, 'the server: the log, once');
	$copy->stop;
}

###############################################################################
# A process whose probes don't fire: another one stores its wait event
###############################################################################

$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION set_wait_event(int) RETURNS bool STRICT LANGUAGE C
  AS '$ENV{PGT_TEST_BIN}/other_wait';
SQL
foreach my $setting ('uprobe', defined $problem ? () : 'watchpoint')
{
	restart_with($node, $setting, '');
	PgTrace::Node::set_probe($node, $setting, $setting);
	my $session = PgTrace::Session->new($node);
	my $other = PgTrace::Session->new($node);
	my $silent = "the process's wait event has changed, and no probe has fired";
	my $pid = $session->pid;

	$session->query('SELECT 1');
	$node->poll_query_until('postgres',
		"SELECT wait_event = 'ClientRead' FROM pg_stat_activity WHERE pid = $pid")
	  or die "$pid is not idle";
	my $file =
	  $node->safe_psql('postgres', "SELECT pg_trace_session($pid)");
	is($node->safe_psql('postgres', 'SELECT last_error FROM pg_trace_status'),
		'', "$setting, idle: nothing is wrong");
	is($node->safe_psql('postgres', "SELECT set_wait_event($pid)"),
		't', "$setting, idle: its wait event is changed");
	# gives the worker something to do
	$other->query('SELECT pg_trace_start_trace()');
	$node->poll_query_until('postgres',
		"SELECT last_error IS NOT NULL FROM pg_trace_status WHERE pid = $pid")
	  or die "$setting: that isn't noticed";
	is( $node->safe_psql(
			'postgres',
			"SELECT last_error FROM pg_trace_status WHERE pid = $pid"),
		"TIMED EVENTS MAY BE MISSING: $silent", "$setting, silent: pg_trace_status");
	$_->query('SELECT pg_trace_stop_trace()') foreach $session, $other;
	$_->close foreach $session, $other;
	my $records = PgTrace::File::parse($file);
	is( scalar(grep { $_->{text} eq "TIMED EVENTS MAY BE MISSING: $silent" }
			  PgTrace::File::of_type($records, 'NOTE')),
		1,
		"$setting, silent: the file, once");
	is(count_in_log($node, "waits of process $pid may be missing: $silent"),
		1, "$setting, silent: the log, once");
}

###############################################################################
# The setting
###############################################################################

my ($rc, $out, $err) = $node->psql('postgres',
	"ALTER SYSTEM SET pg_trace.debug_failing_probes = 'watchpoint, none'");
isnt($rc, 0, 'the setting: other values are refused');
like($err, qr/DETAIL:  The list may have watchpoint, uprobe/,
	'the setting: and which are not is told');
is( $node->safe_psql('postgres',
		q{SELECT count(*) FROM pg_settings WHERE name LIKE '%failing_probes'}),
	0, 'the setting: it is not among those that are shown');
$node->safe_psql('postgres', 'CREATE ROLE reader LOGIN');
($rc, $out, $err) =
  $node->psql('postgres', 'SHOW pg_trace.debug_failing_probes',
	extra_params => [ '-U', 'reader' ]);
like($err, qr/must be superuser|permission denied/,
	'the setting: only superusers see it');

$node->stop;
done_testing();
