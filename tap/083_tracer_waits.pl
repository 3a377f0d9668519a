# What a process waits for because it is traced: one line for each such wait,
# with its reason, within the call in which it happens, and their sum at the end
# of the file and in pg_trace_status.  What an extension waits for isn't taken for
# it, on any version.

use strict;
use warnings;

use File::Copy;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'jit' => 'off',
	'pg_trace.queue_size' => '64kB',
	'max_parallel_workers_per_gather' => 2,
	'parallel_setup_cost' => 0,
	'min_parallel_table_scan_size' => 0);
my $dir = PostgreSQL::Test::Utils::tempdir();

# A module that reports waits of its own, as often as the test needs a new one
sub create_module
{
	my ($name) = @_;

	copy("$ENV{PGT_TEST_BIN}/waiter.so", "$dir/$name.so") or die "$name: $!";
	$node->safe_psql('postgres',
		"CREATE FUNCTION $name(int, int) RETURNS int STRICT LANGUAGE C AS '$dir/$name', 'waits'"
	);
	return "$dir/$name.so";
}

sub own_waits
{
	my ($records, $reason) = @_;

	return grep {
		$_->{fields}{nam} eq 'pg_trace'
		  && (!defined $reason || $_->{fields}{reason} eq $reason)
	} PgTrace::File::of_type($records, 'WAIT');
}

# Is the wait within the only call of that type and cursor?
sub is_within
{
	my ($wait, $call, $name) = @_;
	my $begin = $wait->{fields}{tim} - $wait->{fields}{ela};

	ok( $wait && $call
		  && $begin >= $call->{fields}{tim} - $call->{fields}{e} - 1
		  && $wait->{fields}{tim} <= $call->{fields}{tim} + 1,
		$name);
	return;
}

sub read_sound
{
	my ($file, $what) = @_;
	my $records = PgTrace::File::parse($file);

	is_deeply([ PgTrace::Problems::problems($records) ], [], "$what: sound");
	is( scalar(
			grep { $_->{fields}{nam} =~ /^PgTrace/ }
			  PgTrace::File::of_type($records, 'WAIT')),
		0,
		"$what: none has another name");
	return $records;
}

# The worker stands still while the session does this, and until it is seen to
# wait for it: else it might have been faster than the session falls asleep.
# The session doesn't wait for ever, so nor does this.  One that logs in can't
# be seen.
my $watcher = PgTrace::Session->new($node);

sub while_stopped
{
	my ($begin, $meanwhile) = @_;
	my $worker = PgTrace::Node::worker_pid($node);

	kill('STOP', $worker) == 1 or die "could not stop $worker: $!";
	$begin->();
	foreach (1 .. 20)
	{
		last if $watcher->query(<<'SQL') eq 't';
SELECT count(*) = 1 FROM pg_stat_activity
WHERE wait_event_type = 'Extension' AND backend_type = 'client backend'
SQL
		usleep(20_000);
	}
	$meanwhile->() if $meanwhile;
	kill('CONT', $worker) == 1 or die "could not continue $worker: $!";
	return;
}

sub query_while_stopped
{
	my ($session, $sql, $meanwhile) = @_;

	while_stopped(sub { $session->send($sql) }, $meanwhile);
	return $session->wait;
}

###############################################################################
# At login
###############################################################################

# A worker that is slow lets the session go on untraced at first, and one that is
# fast has begun before the session is asleep.
sub until_waited
{
	my ($what, $begin) = @_;

	foreach my $try (1 .. 10)
	{
		my $session = $begin->();
		my ($file) = PgTrace::Node::trace_files($node, $session->pid);
		$session->close;
		next unless defined $file;
		PgTrace::Node::wait_for_end($node, $file);
		my $records = read_sound($file, "$what $try");
		my @waits = own_waits($records);
		return ($records, @waits) if @waits;
	}
	return ([]);
}

my ($records, @waits) = until_waited('login',
	sub { PgTrace::Session->new($node, options => '-c pg_trace.session=on') });
is(scalar @waits, 1, 'login: one wait');
is($waits[0]{fields}{reason}, 'attach', 'login: until the trace has begun');
is($waits[0]{fields}{partial}, undef, 'login: known as a whole');
my ($parse) = PgTrace::File::of_type($records, 'PARSE');
cmp_ok(
	$waits[0]{fields}{tim},
	'<=',
	$parse->{fields}{tim} - $parse->{fields}{e},
	'login: before the first call');

($records, @waits) = until_waited(
	'setting',
	sub {
		my $session = PgTrace::Session->new($node);

		$session->query('SET pg_trace.session = on');
		$session->query('SELECT 3');
		return $session;
	});
is(scalar @waits, 1, 'setting: one wait');
($parse) = PgTrace::File::of_type($records, 'PARSE');
is_within($waits[0], $parse, 'setting: within the first call');

###############################################################################
# A library; an extension's own waits
###############################################################################

my $path = create_module('asked');
my $session = PgTrace::Session->new($node);
my $file = query_while_stopped($session, 'SELECT pg_trace_start_trace()');
query_while_stopped($session, 'SELECT asked(3, 100)');
ok( $node->poll_query_until('postgres',
		    "SELECT pg_read_file('$file') LIKE '% reason=library %'"),
	'library: the wait is in the file at once');
# it is shown when it is written
my $ms = $node->safe_psql('postgres',
	'SELECT tracer_wait_ms FROM pg_trace_status');
query_while_stopped($session, 'SELECT pg_trace_stop_trace()');
$records = read_sound($file, 'library');
@waits = own_waits($records, 'library');
is(scalar @waits, 1, 'library: one wait');
my ($cursor) = PgTrace::File::cursors_like($records, qr/^SELECT asked/);
is($waits[0]{cursor}, $cursor, 'library: of the statement');
is_within(
	$waits[0],
	(PgTrace::File::of_cursor($records, $cursor, 'FETCH'))[0],
	'library: within its call');
is( scalar(
		grep { $_->{fields}{nam} eq 'Extension' }
		  PgTrace::File::of_type($records, 'WAIT')),
	6,
	"what the extension waits for is the extension's");
is(scalar own_waits($records, 'attach'), 1, 'the function that begins a trace');
@waits = own_waits($records, 'stop');
is(scalar @waits, 1, 'the function that ends it');
is($waits[0]{fields}{partial}, 1, 'which the trace does not see the end of');
my ($held) = PgTrace::File::of_type($records, 'HELD');
cmp_ok($held->{fields}{us}, '>', 0, 'the sum');
is($held->{fields}{attach} + $held->{fields}{library} + $held->{fields}{queue}
	  + $held->{fields}{stop}, $held->{fields}{us}, 'of all reasons');
is( sprintf('%.0f', $ms * 1000) + $held->{fields}{stop},
	$held->{fields}{us},
	'pg_trace_status has the same');

###############################################################################
# Cut in two by the latch
###############################################################################

my $cut = 0;
for (my $try = 1; $try <= 10 && !$cut; $try++)
{
	my $module = create_module("cut$try");

	$session = PgTrace::Session->new($node);
	$file = $session->query('SELECT pg_trace_start_trace()');
	my $offset = -s $node->logfile;
	query_while_stopped(
		$session,
		"LOAD '$module'",
		sub {
			# answered as soon as the process looks after interrupts
			$watcher->query(
				'SELECT pg_log_backend_memory_contexts(' . $session->pid . ')');
		});
	$session->query('SELECT pg_trace_stop_trace()');
	$records = read_sound($file, "latch $try");
	@waits = own_waits($records, 'library');
	# the process doesn't wait for ever, which is another matter
	$cut = grep { $_->{fields}{ela} < 1_000_000 } @waits;
	$session->close;
}
ok($cut, 'the latch was set while a library was waited for');
is(scalar @waits, 1, 'that is one wait');
($cursor) = PgTrace::File::cursors_like($records, qr/^LOAD/);
is_within(
	$waits[0],
	(PgTrace::File::of_cursor($records, $cursor, 'EXEC'))[0],
	'within the call of LOAD');

###############################################################################
# Room in the queue
###############################################################################

$session = PgTrace::Session->new($node);
$file = $session->query('SELECT pg_trace_start_trace()');
query_while_stopped($session,
	"SELECT format('SELECT length(%L), %s', repeat('x', 20000), i) FROM generate_series(1, 20) i \\gexec"
);
$session->query('SELECT pg_trace_stop_trace()');
$records = read_sound($file, 'queue');
cmp_ok(scalar own_waits($records, 'queue'), '>=', 1, 'waits for room');
$session->close;

###############################################################################
# Others' traces
###############################################################################

my $other = PgTrace::Session->new($node);
$session = PgTrace::Session->new($node);
$file = $session->query('SELECT pg_trace_start_trace()');
query_while_stopped($session, 'SELECT pg_trace_session(' . $other->pid . ')');
query_while_stopped($session,
	'SELECT pg_trace_session(' . $other->pid . ', false)');
$session->query('SELECT pg_trace_stop_trace()');
$records = read_sound($file, 'another process');
@waits = map { $_->{cursor} ? ($_->{fields}{reason}) : () } own_waits($records);
is("@waits[0, 1]", 'attach stop', 'another trace begins and ends');
$session->close;
$other->close;

###############################################################################
# Parallel workers stand still when they are forked
###############################################################################

$node->safe_psql('postgres',
	'CREATE TABLE t AS SELECT generate_series(1, 1000) AS id; ANALYZE t');
$session = PgTrace::Session->new($node);
$file = $session->query('SELECT pg_trace_start_trace()');
$session->query('SET debug_parallel_query = on')
  if PgTrace::Node::major() >= 16;
$session->query('SET force_parallel_mode = on') if PgTrace::Node::major() < 16;
$session->query('SELECT count(*) FROM t');
$session->query('SELECT pg_trace_stop_trace()');
$session->close;
$records = read_sound($file, 'leader');
my @workers = map { $_->{text} =~ /^PARALLEL WORKER.* FILE (.+)$/ ? $1 : () }
  PgTrace::File::of_type($records, 'NOTE');
cmp_ok(scalar @workers, '>', 0, 'there are parallel workers');
foreach my $worker (@workers)
{
	PgTrace::Node::wait_for_end($node, $worker);
	$records = read_sound($worker, 'parallel worker');
	ok(own_waits($records, 'attach') >= 1, 'waits for its trace');
}

###############################################################################
# Without waits, the sum is known even so
###############################################################################

PgTrace::Node::set($node, 'pg_trace.waits', 'off');
$session = PgTrace::Session->new($node);
$file = query_while_stopped($session, 'SELECT pg_trace_start_trace()');
ok($node->poll_query_until('postgres',
		'SELECT tracer_wait_ms > 0 FROM pg_trace_status WHERE pid = ' . $session->pid),
	'the sum is in pg_trace_status');
$session->query('SELECT pg_trace_stop_trace()');
$session->close;
$records = PgTrace::File::parse($file);
is(PgTrace::File::of_type($records, 'WAIT'), 0, 'no waits are traced');
($held) = PgTrace::File::of_type($records, 'HELD');
cmp_ok($held->{fields}{us}, '>', 0, 'and in the file');

$watcher->close;
$node->stop;
done_testing();
