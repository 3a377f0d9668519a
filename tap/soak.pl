# A server that is left on: for SOAK_SECONDS, fifty clients connect, run a mixed
# load and leave; traces are started and stopped by pid, at random; the worker is
# ended now and then; and the disk that the trace files are on is filled and freed.
# "make soak" runs it; SOAK_SEED is what chance begins with.
#
# It goes in rounds.  In a round all that happens, and the worker is looked at all
# the time.  At its end all clients stand still, what pg_trace_status has counted
# by then is noted, and all traces end.  Now the worker must have no more
# descriptors, links and threads than at the first such time, and each file must be
# sound and have what was noted, after which it is removed.

use strict;
use warnings;

use List::Util qw(max min);
use PgTrace::Faults;
use PgTrace::Node;
use PgTrace::SoakFiles;
use PgTrace::SoakLoad;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
	WARM_UP_SECONDS => 20,
	ROUND_SECONDS => 60,
	DISK_SIZE => '96m',
	BASE_KB => 64 * 1024,
	SESSION_KB => 512,
};

my $seconds = $ENV{SOAK_SECONDS} // die 'SOAK_SECONDS is not set';
my $seed = srand($ENV{SOAK_SEED});
my $disk = PgTrace::Faults->tmpfs('soak', DISK_SIZE)
  // die PgTrace::Faults::problem();
my $directory = $disk->path . '/traces';

diag("SOAK_SEED=$seed");
my $node = PgTrace::Node::new_node(
	'main',
	'max_connections' => 100,
	'shared_buffers' => '16MB',
	'log_statement' => 'none',
	'log_min_messages' => 'log',
	'pg_trace.output_directory' => $directory,
	'pg_trace.max_sessions' => 64);
PgTrace::SoakLoad::prepare($node);

my $control = PgTrace::Session->new($node, options => '-c pg_trace.session=off');
my %done;
my $files = PgTrace::SoakFiles->new($directory);
my (%peak, $first_quiet, @quiet, @oversized);

# ---- What is done to the server ----

# Start or stop the trace of a session that is chosen at random; it may be gone
# by then.
sub toggle
{
	$control->query(<<'SQL');
SELECT pg_trace_session(pid, random() < 0.6, random() < 0.8, random() < 0.8,
	(ARRAY['never', 'first_execution', 'adaptive', 'all_executions'])
		[1 + floor(random() * 4)])
FROM (SELECT pid FROM pg_stat_activity
	WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
	ORDER BY random() LIMIT 1) AS chosen
SQL
	return;
}

sub end_worker
{
	my $worker = $control->query('SELECT pid FROM pg_trace_worker');

	kill 'TERM', $worker if $worker ne '';
	return;
}

sub free_disk
{
	$disk->free if -e $disk->path . '/ballast';
	return;
}

# {name => [seconds between, at least and at most, what]}
my %actions = (
	toggle => [ 0.1, 0.4, \&toggle ],
	end_worker => [ 10, 25, \&end_worker ],
	fill_disk => [ 12, 20, sub { $disk->fill } ],
	free_disk => [ 3, 6, \&free_disk ],
	look => [ 0.5, 0.5, \&look ],
	clients => [ 0.2, 0.2, sub { PgTrace::SoakLoad::keep_up($node) } ]);

# ---- What is looked at ----

sub open_files
{
	my ($worker) = @_;
	my %count = (links => 0, descriptors => 0);

	foreach my $link (glob("/proc/$worker/fd/*"))
	{
		my $target = readlink $link // next;

		$count{descriptors}++;
		$count{links}++ if $target =~ /bpf[_-]link/;
	}
	return \%count;
}

# What the worker has; undef if it isn't running
sub resources
{
	my $worker = $control->query('SELECT pid FROM pg_trace_worker');

	return if $worker !~ /^\d+$/ || !open(my $file, '<', "/proc/$worker/status");
	local $/;
	my $status = <$file> // return;
	my ($memory) = $status =~ /^RssAnon:\s+(\d+) kB$/m or return;
	my ($threads) = $status =~ /^Threads:\s+(\d+)$/m;

	return { memory => $memory, threads => $threads, %{ open_files($worker) } };
}

# In the middle of a round: only memory has a limit there.
sub look
{
	my $sessions = $control->query('SELECT count(*) FROM pg_trace_status');
	my $found = resources() // return;

	$done{looks}++;
	$found->{sessions} = $sessions;
	$peak{$_} = max($peak{$_} // 0, $found->{$_}) foreach keys %$found;
	$files->note_status($control);
	push @oversized, "$found->{memory} kB with $sessions sessions"
	  if $found->{memory} > BASE_KB + $sessions * SESSION_KB;
	return;
}

# When nothing is traced, links are closed by a thread, after a while.
sub look_when_quiet
{
	my $found;

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$found = resources();
		return $found
		  if defined $found
		  && !$found->{links}
		  && (!defined $first_quiet || !grew($found));
		sleep(0.1);
	}
	return $found;
}

sub grew
{
	my ($found) = @_;

	return grep { $found->{$_} > $first_quiet->{$_} }
	  qw(descriptors links threads);
}

# ---- A round ----

sub load
{
	my ($until) = @_;
	my %next = map {
		my ($least, $most) = @{ $actions{$_} };
		($_ => time() + rand($most))
	} keys %actions;

	while (time() < $until)
	{
		foreach my $name (sort { $next{$a} <=> $next{$b} } keys %next)
		{
			next if time() < $next{$name};
			my ($least, $most, $act) = @{ $actions{$name} };

			$act->();
			$done{$name}++;
			$next{$name} = time() + $least + rand($most - $least);
			# a full disk is free again after a while
			$next{free_disk} = time() + 3 + rand(3) if $name eq 'fill_disk';
		}
		sleep(0.05);
	}
	return;
}

# What pg_trace_status counts stands still, as the clients do.
sub wait_until_still
{
	my $sums = 'SELECT sum(sql_events), sum(wait_events), sum(lost_events)'
	  . ' FROM pg_trace_status';
	my $last = '';

	foreach (1 .. $PostgreSQL::Test::Utils::timeout_default)
	{
		my $now = $control->query($sums);

		return if $now eq $last;
		$last = $now;
		sleep(1);
	}
	die 'the counters never settle';
}

sub end_traces
{
	$control->query(
		'SELECT pg_trace_session(pid, false) FROM pg_trace_status');
	return;
}

sub settle
{
	free_disk();
	PgTrace::SoakLoad::freeze();
	PgTrace::Node::worker_pid($node);
	wait_until_still();
	$files->note_final($control);
	end_traces();
	PgTrace::SoakLoad::stop();
	$node->poll_query_until('postgres', <<'SQL')
SELECT count(*) = 0 FROM pg_stat_activity
WHERE backend_type IN ('client backend', 'parallel worker')
	AND application_name = 'soaking'
SQL
	  or die 'clients stay';
	PgTrace::Node::wait_until_untraced($node);
	return;
}

my $end = time() + $seconds;
my $round = 0;

while (time() < $end)
{
	my $length = $round == 0 ? WARM_UP_SECONDS : ROUND_SECONDS;
	my $until = time() + $length;

	load($until < $end ? $until : $end);
	settle();
	my $quiet = look_when_quiet() // die 'there is no worker';
	$first_quiet //= $quiet;
	push @quiet, $quiet;
	$files->check_and_remove;
	diag(
		sprintf 'round %d: quiet with %s; files: %s',
		$round++,
		join(', ', map { "$_ $quiet->{$_}" } sort keys %$quiet),
		$files->summary);
}

# ---- What must hold ----

my $log = slurp_file($node->logfile);
my @crashes = grep {
	/was terminated by signal|crash of another|PANIC:|TRAP:|AddressSanitizer|runtime error/
} split /\n/, $log;

is_deeply(\@crashes, [], 'no crash');
is_deeply(\@oversized, [], 'memory of the worker');
is_deeply([ map { grew($_) } @quiet ], [], 'descriptors, links and threads');
my @problems = $files->problems;
is(scalar @problems, 0, 'all files are sound');
diag($_) foreach @problems[ 0 .. min(49, $#problems) ];
cmp_ok($done{$_} // 0, '>', $seconds / 60, "done: $_")
  foreach qw(clients toggle end_worker fill_disk);
diag(join ', ', map { "$_: $done{$_}" } sort keys %done);
diag(sprintf '%d programs with clients', PgTrace::SoakLoad::started());
diag('at most: ' . join ', ', map { "$_ $peak{$_}" } sort keys %peak);
diag('files: ' . $files->summary);

$control->close;
$node->stop;
done_testing();
