# After 1,000 traces were started and stopped, with each kind of probe, all is
# as it was: the worker's file descriptors, which are its links, maps and
# programs, its memory, the table of traced processes, and the processes
# themselves, in whose code and debug registers nothing is left.

use strict;
use warnings;

use PgTrace::Breakpoints;
use PgTrace::Node;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

use constant { BACKENDS => 50, ROUNDS => 20, MAX_GROWTH_KB => 1024 };

# No room for a session that is left over in the table of traced processes
my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'max_connections' => BACKENDS + 10,
	'pg_trace.max_sessions' => BACKENDS,
	'pg_trace.queue_size' => '64kB',
	'log_statement' => 'none');
my $breakpoints = PgTrace::Breakpoints->new;
my $control = PgTrace::Session->new($node);
my @backends = map { PgTrace::Session->new($node) } 1 .. BACKENDS;
my $pids = join(',', map { $_->pid } @backends);
my $worker = PgTrace::Node::worker_pid($node);

# {what => number} of the worker's open files
sub open_files
{
	my %count;

	foreach my $link (glob("/proc/$worker/fd/*"))
	{
		my $target = readlink $link // next;

		$target =~ s/^(socket|pipe):.*/$1/;
		$count{$target}++;
	}
	return \%count;
}

# Wait until the closer thread has caught up.
sub open_files_settled
{
	my ($expected) = @_;

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $found = open_files();

		return $found
		  if !$found->{'anon_inode:bpf_link'}
		  && (!$expected || eq_hash($found, $expected));
		select(undef, undef, undef, 0.1);
	}
	return open_files();
}

sub memory_kb
{
	my ($kb) =
	  slurp_file("/proc/$worker/status") =~ /^RssAnon:\s+(\d+) kB$/m;

	return $kb;
}

# Trace all backends; what kinds of probes they got
sub start_all
{
	$control->query("SELECT pg_trace_session(pid) FROM unnest('{$pids}'::int[]) pid");
	return join ',',
	  split /\n/,
	  $control->query('SELECT DISTINCT probe FROM pg_trace_status ORDER BY 1');
}

sub stop_all
{
	$control->query(
		"SELECT pg_trace_session(pid, false) FROM unnest('{$pids}'::int[]) pid");
	unlink PgTrace::Node::trace_files($node);
	return;
}

# A watchpoint on an address of a process, which needn't be one that it has.
# Returns its file descriptor, or -1.
sub occupy_debug_register
{
	my ($pid, $address) = @_;
	my ($type, $on_writes, $length) = (5, 2, 4);
	# disabled, and without kernel and hypervisor
	my $flags = 0x61;
	# struct perf_event_attr up to bp_len
	my $attr = pack 'L2 Q5 L2 Q2', $type, 72, 0, 1, 0, 0, $flags, 0,
	  $on_writes, $address, $length;

	require 'syscall.ph';
	my $fd = syscall(SYS_perf_event_open(), $attr, $pid + 0, -1, -1, 0);
	diag("perf_event_open: $!") if $fd < 0;
	return $fd;
}

my %cycles = (
	uprobe_process => [ 'uprobe', 'uprobe' ],
	auto => [ 'uprobe', '(?:uprobe,)?uprobe_shared' ],
	uprobe_shared => [ 'uprobe_shared', 'uprobe_shared' ],
	watchpoint => [ 'watchpoint', 'watchpoint' ]);
my $no_watchpoint = PgTrace::Node::watchpoint_problem($node);
my $ncycles = 0;

delete $cycles{watchpoint} if PgTrace::Node::skipped($no_watchpoint, 5);
my $nkinds = keys %cycles;

foreach my $setting (sort keys %cycles)
{
	my ($default, $expected) = @{ $cycles{$setting} };

	PgTrace::Node::set_probe($node, $setting, $default);
	# what is allocated once
	foreach (1 .. 2)
	{
		start_all();
		stop_all();
	}
	my $files = open_files_settled();
	my $memory = memory_kb();

	my %got;
	my $rounds = (ROUNDS - $ncycles / BACKENDS) / $nkinds--;
	foreach (1 .. $rounds)
	{
		$got{ start_all() }++;
		stop_all();
		$ncycles += BACKENDS;
	}
	is_deeply([ grep { !/^$expected$/ } keys %got ], [], "$setting: the probes");
	is($control->query('SELECT count(*) FROM pg_trace_status'),
		0, "$setting: nothing is traced");
	is_deeply(open_files_settled($files), $files, "$setting: open files");
	note("$setting: $_: $files->{$_}") foreach sort keys %$files;
	cmp_ok(memory_kb() - $memory, '<', MAX_GROWTH_KB, "$setting: memory in kB");
	note("$setting: memory grew by " . (memory_kb() - $memory) . ' kB');

	my @left = grep { $_ != 0 } map { $breakpoints->left_in($_->pid) } @backends;
	is_deeply(\@left, [], "$setting: no breakpoint is left");
}
is($ncycles, 1000, 'cycles');

unless (PgTrace::Node::skipped($no_watchpoint, 4))
{
	# All four debug registers of a process are free.
	my $pid = $backends[0]->pid;
	my @watchpoints = map { occupy_debug_register($pid, 4096 * $_) } 1 .. 4;
	is(scalar(grep { $_ >= 0 } @watchpoints), 4, 'watchpoints can be set');

	# And while they aren't, there is no watchpoint for the trace; another process
	# has registers of its own.
	my ($status, $out, $error) = $node->psql('postgres',
		"SELECT pg_trace_session($pid); SELECT probe, last_error FROM pg_trace_status"
	);
	like($out, qr/^none\|.*watchpoint: No space left on device/m,
		'no register is left');
	$control->query('SELECT pg_trace_session(' . $backends[1]->pid . ')');
	is( $control->query(
			'SELECT probe FROM pg_trace_status WHERE pid = ' . $backends[1]->pid),
		'watchpoint', 'another process');
	POSIX::close($_) foreach @watchpoints;
	like(
		slurp_file($node->logfile),
		qr/LOG:  waits can't be traced by watchpoint: No space left/,
		'the log says so');
}

$_->close foreach @backends, $control;
$node->stop;
done_testing();
