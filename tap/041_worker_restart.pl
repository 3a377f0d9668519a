# What sessions send while the worker is being restarted is in their files, also
# if they have ended before it is there again; and what the files say about it is
# true.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main', 'autovacuum' => 'off');
my $postmaster = $node->{_pid};

# End the worker; the postmaster, which would start it again, stands still.
sub stop_worker
{
	my $worker = PgTrace::Node::worker_pid($node);

	kill('STOP', $postmaster) == 1 or die "could not stop $postmaster: $!";
	kill('TERM', $worker) == 1 or die "could not terminate $worker: $!";
	# the postmaster doesn't take it from the process table now
	foreach (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if slurp_file("/proc/$worker/stat") =~ /^.*\) Z /s;
		select(undef, undef, undef, 0.01);
	}
	die 'the worker lives';
}

sub wait_until_gone
{
	my ($pid) = @_;

	foreach (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if slurp_file("/proc/$pid/stat") =~ /^.*\) Z /s;
		select(undef, undef, undef, 0.01);
	}
	die "$pid lives";
}

# The records of a file behind the line that says that another worker goes on
sub after_restart
{
	my ($records) = @_;
	my ($again) = grep { ($_->{text} // '') =~ /^TRACE CONTINUED/ } @$records;

	return [ grep { $_->{line} > $again->{line} } @$records ];
}

my @sessions = map { PgTrace::Session->new($node) } 1 .. 3;
my ($leaves, $killed, $stays) = @sessions;
my @files =
  map { $_->query('SELECT pg_trace_start_trace()') } @sessions;
$_->query("SELECT 'before'") foreach @sessions;

stop_worker();
$_->query("SELECT 'between', g FROM generate_series(1, 3) g") foreach @sessions;
my ($left, $dead) = ($leaves->pid, $killed->pid);
$leaves->close;
kill('TERM', $dead) == 1 or die "could not terminate $dead: $!";
wait_until_gone($_) foreach $left, $dead;
kill('CONT', $postmaster) == 1 or die "could not continue $postmaster: $!";

PgTrace::Node::worker_pid($node);
PgTrace::Node::wait_for_end($node, $_) foreach @files[ 0, 1 ];
$stays->query("SELECT 'after'");
$stays->query('SELECT pg_sleep(0.01)');
$stays->query('SELECT pg_trace_stop_trace()');

my @names = ('a session that has ended', 'a session that was terminated',
	'a session that goes on');
foreach my $i (0 .. $#files)
{
	my $records = PgTrace::File::parse($files[$i]);
	my $after = after_restart($records);
	my ($last) = $records->[-1];

	is_deeply([ PgTrace::Problems::problems($records) ],
		[], "$names[$i]: the file is sound");
	is(scalar PgTrace::File::cursors_like($after, qr/^SELECT 'between'/),
		1, "$names[$i]: a statement that no worker saw");
	my ($cursor) = PgTrace::File::cursors_like($after, qr/^SELECT 'between'/);
	is(scalar PgTrace::File::of_cursor($after, $cursor, 'EXEC'), 1,
		"$names[$i]: and its execution");
	PgTrace::File::has_note($after, qr/^TIMED EVENTS ARE NOT TRACED: the worker was not running$/,
		"$names[$i]: the file says that waits are missing");
	is($last->{text},
		$i < 2 ? 'TRACE ENDED: THE PROCESS HAS ENDED' : 'TRACE ENDED',
		"$names[$i]: and how the trace has ended");
	is(PgTrace::File::of_type($records, 'LOST'), 0,
		"$names[$i]: nothing is lost");
	is(scalar(grep { $_->{type} eq 'ENDED' } @$records),
		1, "$names[$i]: once");
}
is(PgTrace::File::of_type(PgTrace::File::parse($files[0]), 'EXIT'),
	1, 'a session that has ended: its end');

my $after = after_restart(PgTrace::File::parse($files[2]));
my ($statement) = grep { $_->{text} =~ /^SELECT 'between'/ }
  PgTrace::File::of_type($after, 'CURSOR');
my ($started) = grep { ($_->{text} // '') eq 'TIMED EVENT TRACING STARTED' } @$after;
cmp_ok($statement->{line}, '<', $started->{line},
	'a session that goes on: waits are traced after what no worker saw');
ok( ( grep { $_->{fields}{nam} eq 'PgSleep' }
		  PgTrace::File::of_type($after, 'WAIT')),
	'a session that goes on: and are there then');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_trace_status'),
	0, 'no session is traced');

###############################################################################
# Tracing is switched off before the worker is there again
###############################################################################

my $file = $stays->query('SELECT pg_trace_start_trace()');
stop_worker();
$stays->query("ALTER SYSTEM SET pg_trace.enabled = 'off'");
kill('HUP', $postmaster) == 1 or die "could not signal $postmaster: $!";
kill('CONT', $postmaster) == 1 or die "could not continue $postmaster: $!";
PgTrace::Node::wait_for_end($node, $file);
my $records = PgTrace::File::parse($file);
is(scalar PgTrace::File::cursors_like($records, qr/^ALTER SYSTEM/),
	1, 'switched off: what no worker saw is in the file');
is($records->[-1]{text}, 'TRACE ENDED', 'switched off: and the trace ends');

$_->close foreach $killed, $stays;
$node->stop;
done_testing();
