# Writes that fail for other reasons than a full disk: limits of the worker's
# process, and a file system that has failed.  Each ends in one sentence in the view
# and in the log, in whole records in the file, and in a trace that goes on when the
# cause is gone.

use strict;
use warnings;

use PgTrace::Faults;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'pg_trace.min_free_space' => 0);
my $worker = PgTrace::Node::worker_pid($node);

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
	my ($session, $columns) = @_;

	return $node->safe_psql('postgres',
		"SELECT $columns FROM pg_trace_status WHERE pid = " . $session->pid);
}

sub wait_for
{
	my ($session, $condition, $what) = @_;

	return ok(
		$node->poll_query_until('postgres',
			"SELECT $condition FROM pg_trace_status WHERE pid = "
			  . $session->pid),
		$what);
}

# The file's figures are those of the view, once all that was done is in both.
sub is_accounted_for
{
	my ($session, $file, $what) = @_;

	# what is done before the worker has tried again is lost, too
	my $goes_on;
	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$session->query("SELECT 'the last statement'");
		$goes_on = $node->safe_psql('postgres',
			"SELECT pg_read_file('$file') ~ 'the last statement.*\nXCTEND'") eq 't';
		last if $goes_on;
		select(undef, undef, undef, 0.1);
	}
	die 'the trace does not go on' unless $goes_on;
	$session->close;
	my $lost = $node->safe_psql('postgres',
		"SELECT lost_events FROM pg_trace_status WHERE trace_file = '$file'");
	PgTrace::Node::wait_until_untraced($node, $session->pid);
	my $events = PgTrace::Faults::events_of($file);
	is_deeply([ PgTrace::Problems::problems($events->{records}) ],
		[], "$what: the file is sound");
	is($events->{records}[-1]{type}, 'ENDED', "$what: and complete");
	is($events->{lost}, $lost, "$what: it says what is lost")
	  if $lost ne '';
	return $events;
}

# Set a limit of the worker, "soft:" leaves the hard one.
sub limit
{
	my ($what, $limit) = @_;

	PostgreSQL::Test::Utils::system_or_bail('prlimit', '--pid', $worker,
		"--$what=$limit");
	return;
}

sub soft_limit
{
	my ($what) = @_;
	my ($limit) =
	  split ' ', `prlimit --pid $worker --$what --output SOFT --noheadings`;

	return $limit;
}

###############################################################################
# RLIMIT_FSIZE
###############################################################################

my $session = PgTrace::Session->new($node);
my $file = $session->query('SELECT pg_trace_start_trace()');
my $log = -s $node->logfile;
$session->query("SELECT 'before'");
limit('fsize', ((-s $file) + 20_000) . ':');
$session->query($much);
wait_for($session, q{last_error ~ 'could not write to the trace file: File too large'},
	'size: pg_trace_status says so');
wait_for($session, 'lost_events > 0', 'size: what has no room in memory is counted');
like(slurp_file($node->logfile, $log),
	qr/LOG:  could not write to trace file "\Q$file\E": File too large/,
	'size: so does the log');
is(PgTrace::Node::worker_pid($node), $worker, 'size: no signal has ended the worker');
my $records = eval { PgTrace::File::parse($file) };
ok(defined $records, 'size: the file ends with a whole record') or diag($@);
limit('fsize', 'unlimited:');
my $events = is_accounted_for($session, $file, 'size');
cmp_ok($events->{lost}, '>', 0, 'size: it goes on, and says what is lost');

###############################################################################
# RLIMIT_NOFILE
###############################################################################

# How many more descriptors a new trace needs isn't fixed, so each number is tried
# up to one that is enough.
my $descriptors = soft_limit('nofile');
my $survivor = PgTrace::Session->new($node);
my $survivor_file = $survivor->query('SELECT pg_trace_start_trace()');
my ($refused, @unexplained) = (0);
for (my $more = 0; $more < 40; $more++)
{
	my $open = () = glob("/proc/$worker/fd/*");

	limit('nofile', ($open + $more) . ':');
	my $new = PgTrace::Session->new($node);
	my ($status, $out, $error) = $node->psql('postgres',
		'SELECT pg_trace_session(' . $new->pid . ')');
	my $last_error = status($new, 'last_error');
	limit('nofile', "$descriptors:");
	if ($status != 0)
	{
		$refused++;
		push @unexplained, "$more: $error" if $error !~ /Too many open files/;
	}
	else
	{
		push @unexplained, "$more: $last_error"
		  if $last_error ne '' && $last_error !~ /Too many open files/;
	}
	$new->close;
	PgTrace::Node::wait_until_untraced($node, $new->pid);
	last if $status == 0 && $last_error eq '';
}
cmp_ok($refused, '>', 0, 'descriptors: without, new traces are refused');
is_deeply(\@unexplained, [], 'descriptors: each time with the reason');
is(PgTrace::Node::worker_pid($node), $worker, 'descriptors: the worker goes on');
$events = is_accounted_for($survivor, $survivor_file,
	'descriptors: the trace that had begun');
is($events->{lost}, 0, 'descriptors: and has lost nothing');
foreach my $other (PgTrace::Node::trace_files($node))
{
	my $sound = eval { PgTrace::File::parse($other)->[-1]{type} eq 'ENDED' };

	ok($sound, 'descriptors: a file is complete') or diag("$other: $@");
}
$session = PgTrace::Session->new($node);
$file = $session->query('SELECT pg_trace_start_trace()');
is(status($session, 'last_error'), '', 'descriptors: with enough, all is well');
is_accounted_for($session, $file, 'descriptors: a new trace');

###############################################################################
# A file system that has failed
###############################################################################

foreach my $way ('abort', 'shutdown')
{
  SKIP:
	{
		my $disk = PgTrace::Faults->ext4($way, '8m');

		skip PgTrace::Faults::problem(), 1 unless defined $disk;
		my $traces = $disk->path . '/traces';
		PgTrace::Node::set($node, 'pg_trace.output_directory', $traces);
		PgTrace::Node::wait_until_traces($node, 1) or die 'no trace begins';

		$session = PgTrace::Session->new($node);
		$file = $session->query('SELECT pg_trace_start_trace()');
		$log = -s $node->logfile;
		my $failed = eval { $disk->run($way); 1 };
		skip PgTrace::Faults::problem(), 1 unless $failed;
		$session->query("SELECT 'not written'");
		wait_for(
			$session,
			q{last_error ~ 'could not (write to|look at) the trace file: (Read-only file system|Input/output error)'},
			"$way: pg_trace_status says so");
		like(slurp_file($node->logfile, $log),
			qr/LOG:  (?:could not write to trace file "\Q$file\E"|trace file "\Q$file\E": could not look at the trace file): (?:Read-only file system|Input\/output error)/,
			"$way: so does the log");
		my ($status, $out, $error) =
		  $node->psql('postgres', 'SELECT pg_trace_start_trace()');
		like($error, qr/ERROR: .*(?:Read-only file system|Input\/output error)/,
			"$way: a new trace is refused, with the reason");

		$disk->run('umount');
		$disk->again('2m');
		wait_for($session, q{last_error ~ '^CONTINUED IN A NEW FILE: '},
			"$way: with another file system in its place, it goes on");
		my $lost = status($session, 'lost_events');
		cmp_ok($lost, '>', 0, "$way: what could not be written is counted");
		$file = status($session, 'trace_file');
		$events = is_accounted_for($session, $file, $way);
		is($events->{lost}, $lost, "$way: and the new file says so");
	}
}

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/,
	'no process crashed');
$node->stop;
done_testing();
