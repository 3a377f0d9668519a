
# What a trace includes can be changed while it runs, and the file says where.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main');
$node->safe_psql('postgres',
	'CREATE TABLE t AS SELECT g FROM generate_series(1, 100) g');
my $other = PgTrace::Session->new($node);

sub options
{
	my ($pid) = @_;

	return $node->safe_psql('postgres',
		"SELECT waits, binds, plan_stat FROM pg_trace_status WHERE pid = $pid");
}

# Prepared anew each time, so that each is a cursor with one execution
my $number = 0;

sub execute
{
	my ($session, $label) = @_;

	$number++;
	return $session->query("PREPARE p$number (int) AS SELECT count(*) FROM t "
		  . "WHERE g > \$1 AND '$label' <> ''; EXECUTE p$number(7)");
}

# Of the executions with that label: bind values and plan statistics
sub what_is_there
{
	my ($records, $label) = @_;
	my %cursors = map { $_->{cursor} => 1 } grep { $_->{text} =~ /'$label'/ }
	  PgTrace::File::of_type($records, 'CURSOR');

	die "no cursor for $label" unless %cursors;
	my $number_of = sub {
		my ($type) = @_;
		return
		  scalar grep { $cursors{ $_->{cursor} } }
		  PgTrace::File::of_type($records, $type);
	};
	return ($number_of->('BINDS') ? 'binds' : 'no binds') . ', '
	  . ($number_of->('STAT') ? 'stat' : 'no stat');
}

my $session = PgTrace::Session->new($node);
my $pid = $session->pid;
my $file = $other->query("SELECT pg_trace_session($pid)");
is(options($pid), 't|t|first_execution', 'at first');
execute($session, 'all');

is($other->query("SELECT pg_trace_session($pid, true, binds => false)"),
	$file, 'binds off: the same file');
is(options($pid), 't|f|first_execution', 'binds off: shown');
execute($session, 'without binds');

$other->query("SELECT pg_trace_session($pid, plan_stat => 'never')");
is(options($pid), 't|f|never', 'plan_stat never: shown, binds are as before');
execute($session, 'with neither');

$other->query("SELECT pg_trace_session($pid)");
is(options($pid), 't|f|never', 'asked for again: nothing changes');
$other->query(
	"SET pg_trace.binds = on; SELECT pg_trace_session($pid, binds => NULL, waits => true)"
);
is(options($pid), 't|f|never', 'nor with what is so already');

# from the traced session itself
$session->query(
	"SELECT pg_trace_session($pid, binds => true, plan_stat => 'all_executions')"
);
is(options($pid), 't|t|all_executions', 'by the session itself: shown');
execute($session, 'all again');

# What is off stays off for the rest of the session, restarted worker or not.
$other->query("SELECT pg_trace_session($pid, binds => false)");
my $worker = PgTrace::Node::worker_pid($node);
kill('TERM', $worker) == 1 or die "could not terminate $worker: $!";
$node->poll_query_until('postgres',
	"SELECT pid <> $worker AND state = 'enabled' AND sessions = 1 FROM pg_trace_worker"
) or die 'there is no new worker';
execute($session, 'after a restart');
is(options($pid), 't|f|all_executions', 'after a restart of the worker');

# What can't be changed
my ($status, $out, $error) = $node->psql('postgres',
	"\\set VERBOSITY verbose\nSELECT pg_trace_session($pid, waits => false, binds => true)"
);
like(
	$error,
	qr/ERROR:  55000: .*traced with waits, and that can't be changed now\n.*HINT:  Stop the trace first/,
	'waits off: refused, with a hint');
is(options($pid), 't|f|all_executions',
	'nothing of a refused request is done');

$other->query("SELECT pg_trace_session($pid, false)");
my $records = PgTrace::File::parse($file);
is_deeply([ PgTrace::Problems::problems($records) ], [], 'the file is sound');
is(what_is_there($records, 'all'), 'binds, stat', 'file: at first');
is(what_is_there($records, 'without binds'), 'no binds, stat',
	'file: binds off');
is(what_is_there($records, 'with neither'), 'no binds, no stat',
	'file: plan_stat never');
is(what_is_there($records, 'all again'), 'binds, stat', 'file: both again');
is(what_is_there($records, 'after a restart'), 'no binds, stat',
	'file: binds off once more');
is_deeply(
	[
		map { $_->{text} } grep { $_->{text} =~ /^TRACING OPTIONS/ }
		  PgTrace::File::of_type($records, 'NOTE')
	],
	[
		'TRACING OPTIONS: binds=off plan_stat=first_execution',
		'TRACING OPTIONS: binds=off plan_stat=never',
		'TRACING OPTIONS: binds=on plan_stat=all_executions',
		'TRACING OPTIONS: binds=off plan_stat=all_executions'
	],
	'file: a line for each change');

# Each line is before the first call that it is true for.
my %line_of;
foreach my $record (@$records)
{
	$line_of{$1} = $record->{line}
	  if $record->{type} eq 'CURSOR'
	  && $record->{text} =~ /'([a-z ]+)' <> ''/;
}
my @lines = map { $_->{line} } grep { ($_->{text} // '') =~ /^TRACING OPTIONS/ }
  PgTrace::File::of_type($records, 'NOTE');
cmp_ok($line_of{'all'}, '<', $lines[0], 'order: before the first change');
cmp_ok($lines[0], '<', $line_of{'without binds'}, 'order: after it');
cmp_ok($lines[1], '<', $line_of{'with neither'}, 'order: after the second');
cmp_ok($lines[2], '<', $line_of{'all again'}, 'order: after the third');

# The other way round: a trace that began without waits and statistics
$file =
  $other->query("SELECT pg_trace_session($pid, true, false, false, 'never')");
execute($session, 'nothing');
($status, $out, $error) =
  $node->psql('postgres', "SELECT pg_trace_session($pid, waits => true)");
like($error, qr/ERROR: .*traced without waits.*\n.*HINT: /,
	'waits on: refused');
$other->query(
	"SELECT pg_trace_session($pid, true, false, true, 'first_execution')");
execute($session, 'something');
$other->query("SELECT pg_trace_session($pid, false)");
$records = PgTrace::File::parse($file);
is_deeply([ PgTrace::Problems::problems($records) ], [],
	'the second file is sound');
is(what_is_there($records, 'nothing'), 'no binds, no stat', 'at first');
is(what_is_there($records, 'something'), 'binds, stat', 'switched on');

# Plan nodes are timed by samples, which are looked at once STAT lines are on.
$file = $other->query("SELECT pg_trace_session($pid, plan_stat => 'never')");
$session->query('SELECT 1');
$other->query("SELECT pg_trace_session($pid, plan_stat => 'all_executions')");
$session->query(
	'SELECT count(*) FROM generate_series(1, 2000000) a') foreach 1 .. 2;
$other->query("SELECT pg_trace_session($pid, false)");
$records = PgTrace::File::parse($file);
my @stats = PgTrace::File::of_type($records, 'STAT');
ok((grep { ($_->{fields}{samples} // 0) > 0 } @stats),
	'plan nodes are timed when STAT lines are switched on')
  or diag(join("\n", map { $_->{text} } @stats));

# A change before the process has met a hook
my $late = PgTrace::Session->new($node);
my $late_pid = $late->pid;
$file = $other->query("SELECT pg_trace_session($late_pid)");
$other->query("SELECT pg_trace_session($late_pid, binds => false)");
execute($late, 'late');
$other->query("SELECT pg_trace_session($late_pid, false)");
$records = PgTrace::File::parse($file);
is(what_is_there($records, 'late'), 'no binds, stat',
	'a change before the first hook is followed');
PgTrace::File::has_note($records,
	qr/^TRACING OPTIONS: binds=off plan_stat=first_execution$/,
	'and the file says so');

$_->close foreach $session, $late, $other;
$node->stop;
done_testing();
