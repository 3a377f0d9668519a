# Waits for locks: what is locked, in which mode, and who is in the way, by
# sessions that were put in each other's way; deadlocks; waits that tracing
# begins or ends in; modes of lightweight locks; pinned buffers.

use strict;
use warnings;

use PgTrace::Check ();
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'fsync' => 'on',
	'compute_query_id' => 'on',
	'pg_trace.max_sessions' => 16,
	'deadlock_timeout' => '10min');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t AS SELECT g AS id, 0 AS n FROM generate_series(1, 1000) g;
VACUUM FULL t;
CREATE SCHEMA s;
CREATE ROLE other LOGIN;
GRANT ALL ON t TO other;
SQL

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

my $dbid = sql("SELECT oid FROM pg_database WHERE datname = 'postgres'");
my $oid = sql("SELECT 't'::regclass::oid");
my $first = PgTrace::Session->new($node);
my $second = PgTrace::Session->new($node);
my $foreign = PgTrace::Session->new($node, user => 'other');
my $waiter = PgTrace::Session->new($node);

my $no_watchpoint = PgTrace::Node::watchpoint_problem($node);

sub waits_of
{
	my ($file, $event) = @_;
	my $records = PgTrace::File::parse($file);

	is_deeply([ PgTrace::Problems::problems($records) ], [], 'the trace is sound');
	return grep { $_->{nam} eq $event }
	  map { $_->{fields} }
	  PgTrace::Check::whole_waits(PgTrace::File::of_type($records, 'WAIT'));
}

# The only wait for an event while the waiter runs a query that is blocked by
# what others have done, until they are through: roll back, or do what a
# function does.
sub blocked_wait
{
	my ($query, $event, @blockers) = @_;
	my $end = sub { $_->query('ROLLBACK') foreach @blockers };

	$end = $blockers[0] if ref $blockers[0] eq 'CODE';
	my $file = $waiter->query('SELECT pg_trace_start_trace()');

	$waiter->send($query);
	$waiter->wait_for_event($event);
	# long enough for the worker to look
	sql('SELECT pg_sleep(0.3)');
	$end->();
	$waiter->wait;
	$waiter->query('ROLLBACK');
	$waiter->query('SELECT pg_trace_stop_trace()');

	# short ones are for what other sessions happened to do at that moment
	my @waits = grep { $_->{ela} >= 200_000 } waits_of($file, $event);
	is(scalar @waits, 1, "one wait for $event");
	return $waits[0] // {};
}

# Parameters, relation and mode, and the blockers in any order
sub check
{
	my ($wait, $what, $parameters, $object, $mode, @blockers) = @_;
	my $found =
	  join(' ', map { "$_=$wait->{$_}" } split / /, $wait->{parameters});

	is($found, $parameters, "$what: parameters");
	is($wait->{'obj#'}, $object, "$what: relation");
	is($wait->{mode}, $mode, "$what: mode");
	is_deeply(
		[ sort { $a <=> $b } split /,/, $wait->{blocker} // '' ],
		[ sort { $a <=> $b } map { $_->pid } @blockers ],
		"$what: blockers");
	return;
}

# Where a row of the table is, as parameters
sub place_of
{
	my ($id) = @_;
	my ($block, $row) =
	  sql("SELECT ctid FROM t WHERE id = $id") =~ /^\((\d+),(\d+)\)$/;

	return "block#=$block row#=$row";
}

# a relation, with one and with two in the way, and what they execute
$first->query('BEGIN');
$first->query('LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
my $query_id = sql(
	'SELECT query_id FROM pg_stat_activity WHERE pid = ' . $first->pid);
my $xact_start = sql(
	q{SELECT to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')}
	  . ' FROM pg_stat_activity WHERE pid = ' . $first->pid);
my $wait = blocked_wait('SELECT count(*) FROM t', 'relation', $first);
check($wait, 'relation', "dbid=$dbid", $oid, 'AccessShareLock', $first);
is(PgTrace::Fields::sqlid_number($wait->{blocker_sqlid}),
	# as the unsigned number that sqlid is
	sql("SELECT ($query_id + 18446744073709551616) % 18446744073709551616"),
	'the statement that is in the way');
is($wait->{blocker_state}, 'idle_in_transaction', 'which is over');
is($wait->{blocker_xact}, $xact_start, 'but not its transaction');

$_->query('BEGIN') foreach $first, $second;
$_->query('LOCK TABLE t IN SHARE MODE') foreach $first, $second;
$wait = blocked_wait('BEGIN; LOCK TABLE t IN EXCLUSIVE MODE',
	'relation', $first, $second);
check($wait, 'two blockers', "dbid=$dbid", $oid, 'ExclusiveLock',
	$first, $second);

# the statement of another role is nobody's business
$foreign->query('BEGIN');
$foreign->query('SELECT id FROM t WHERE id = 1 FOR UPDATE');
my $xid = $foreign->query('SELECT pg_current_xact_id()');
my $place = place_of(1);
$wait = blocked_wait('UPDATE t SET n = 1 WHERE id = 1',
	'transactionid', $foreign);
check($wait, 'transaction', "xid=$xid $place", $oid, 'ShareLock', $foreign);
is($wait->{$_}, undef, "but not what another role executes: $_")
  foreach 'blocker_sqlid', 'blocker_state', 'blocker_xact';

# the queue for a row
my ($block, $row) =
  sql('SELECT ctid FROM t WHERE id = 900') =~ /^\((\d+),(\d+)\)$/;
$first->query('BEGIN');
$first->query('UPDATE t SET n = 1 WHERE id = 900');
$second->query('BEGIN');
$second->send('UPDATE t SET n = 2 WHERE id = 900');
$second->wait_for_event('transactionid');
{
	my $file = $waiter->query('SELECT pg_trace_start_trace()');

	$waiter->send('UPDATE t SET n = 3 WHERE id = 900');
	$waiter->wait_for_event('tuple');
	sql('SELECT pg_sleep(0.3)');
	$first->query('ROLLBACK');
	$second->wait;
	$second->query('ROLLBACK');
	$waiter->wait;
	$waiter->query('SELECT pg_trace_stop_trace()');
	($wait) = waits_of($file, 'tuple');
	check($wait, 'tuple', "dbid=$dbid block#=$block row#=$row",
		$oid, 'ExclusiveLock', $second);
	cmp_ok($block, '>', 0, 'in another block than the first');
}

# advisory locks with one key and with two, shared and not
foreach my $case (
	[ '-3000000000', 'key=-3000000000' ],
	[ '4711, -1', 'key1=4711 key2=-1' ])
{
	my ($key, $parameters) = @$case;

	$first->query('BEGIN');
	$first->query("SELECT pg_advisory_xact_lock($key)");
	$wait = blocked_wait("BEGIN; SELECT pg_advisory_xact_lock_shared($key)",
		'advisory', $first);
	check($wait, 'advisory', "dbid=$dbid $parameters",
		-1, 'ShareLock', $first);
}

# an object that isn't a relation, and a virtual transaction
my $schema = sql("SELECT 's'::regnamespace::oid");
$first->query('BEGIN');
$first->query('DROP SCHEMA s');
$wait = blocked_wait('CREATE TABLE s.t ()', 'object', $first);
check($wait, 'object', "classid=2615 objid=$schema objsubid=0",
	-1, 'AccessShareLock', $first);
is($wait->{dbid}, $dbid, 'object: its database');

$first->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
$first->query('SELECT count(*) FROM pg_class');
my ($backend, $lxid) = split m{/},
  sql("SELECT virtualxid FROM pg_locks WHERE locktype = 'virtualxid' AND pid = "
	  . $first->pid);
$wait = blocked_wait('CREATE INDEX CONCURRENTLY ON t (n)',
	'virtualxid', $first);
check($wait, 'virtual transaction', "backend=$backend lxid=$lxid",
	-1, 'ShareLock', $first);

# Those that are held for a moment only: to extend a relation, to clean up the
# list of a GIN index, and at the end of VACUUM
{
	sql(<<"SQL");
CREATE FUNCTION lock_extension(regclass) RETURNS void STRICT LANGUAGE C
  AS '$ENV{PGT_TEST_BIN}/locks';
CREATE TABLE e (id int);
CREATE TABLE g (a int[]);
CREATE INDEX g_a ON g USING gin (a);
INSERT INTO g SELECT array_agg(i) FROM generate_series(1, 5000) i;
SQL
	my ($e, $g_a) = map { sql("SELECT '$_'::regclass::oid") } 'e', 'g_a';

	$first->query('BEGIN');
	$first->query("SELECT lock_extension('e')");
	$wait = blocked_wait('INSERT INTO e VALUES (1)', 'extend', $first);
	check($wait, 'extend', "dbid=$dbid", $e, 'ExclusiveLock', $first);

	# which sleeps at each page of the list
	$first->query('SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1');
	$first->send('VACUUM (INDEX_CLEANUP on) g');
	$node->poll_query_until('postgres', 'SELECT EXISTS (SELECT FROM pg_locks'
		  . " WHERE locktype = 'page' AND granted AND pid = " . $first->pid . ')')
	  or die 'no list is cleaned up';
	$wait = blocked_wait("SELECT gin_clean_pending_list('g_a')", 'page',
		sub { sql('SELECT pg_cancel_backend(' . $first->pid . ')'); $first->wait });
	check($wait, 'page', "dbid=$dbid block#=0", $g_a, 'ExclusiveLock', $first);
	$first->query('RESET ALL');

	$second->query('BEGIN');
	$second->query('LOCK TABLE pg_database IN SHARE MODE');
	$first->send('VACUUM e');
	$first->wait_for_event('relation');
	$wait = blocked_wait('VACUUM t', 'frozenid',
		sub { $second->query('ROLLBACK'); $first->wait });
	check($wait, 'frozenid', "dbid=$dbid", -1, 'ExclusiveLock', $first);
}

# INSERT ... ON CONFLICT waits for another one that has its key in the unique
# index, but not in the other one yet
{
	sql(<<'SQL');
CREATE TABLE u (id int);
CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(99);
	RETURN $1;
END $$;
CREATE UNIQUE INDEX ON u (id);
CREATE INDEX ON u (slow(id));
SQL
	my $insert = 'INSERT INTO u VALUES (1) ON CONFLICT DO NOTHING';

	$second->query('SELECT pg_advisory_lock(99)');
	$first->send("BEGIN; $insert");
	$first->wait_for_event('advisory');
	$xid = sql("SELECT transactionid FROM pg_locks WHERE locktype = 'transactionid'"
		  . ' AND pid = ' . $first->pid);
	$wait = blocked_wait($insert, 'spectoken',
		sub {
			$second->query('SELECT pg_advisory_unlock(99)');
			$first->wait;
			$first->query('ROLLBACK');
		});
	# it is the session's first one
	check($wait, 'speculative token', "xid=$xid token=1",
		-1, 'ShareLock', $first);
}

# a deadlock: the victim knows who was in its way
{
	$waiter->query("SET deadlock_timeout = '400ms'");
	my $file = $waiter->query('SELECT pg_trace_start_trace()');

	$_->query('BEGIN') foreach $first, $waiter;
	$first->query('UPDATE t SET n = 1 WHERE id = 1');
	$waiter->query('UPDATE t SET n = 1 WHERE id = 2');
	$xid = $first->query('SELECT pg_current_xact_id()');
	$first->send('UPDATE t SET n = 1 WHERE id = 2');
	$first->wait_for_event('transactionid');
	my $row_1 = place_of(1);
	$waiter->query('UPDATE t SET n = 1 WHERE id = 1');
	like($waiter->error, qr/deadlock detected/, 'a deadlock');
	$waiter->query('ROLLBACK');
	$first->wait;
	$first->query('ROLLBACK');
	$waiter->query('RESET deadlock_timeout');
	$waiter->query('SELECT pg_trace_stop_trace()');

	my @waits = waits_of($file, 'transactionid');
	cmp_ok(scalar @waits, '>=', 1, 'the victim waited');
	check($waits[0], 'deadlock', "xid=$xid $row_1", $oid, 'ShareLock', $first);
	is($waits[0]{blocker_state}, 'active', 'which waited itself');
	my ($error) = PgTrace::File::of_type(PgTrace::File::parse($file), 'ERROR');
	is($error->{fields}{sqlstate}, '40P01', 'and was killed');
}

# a trace of a session that waits already, and one that ends while it does
{
	my $pid = $waiter->pid;

	$first->query('BEGIN');
	$first->query('SELECT pg_advisory_xact_lock(1)');
	$waiter->send('SELECT pg_advisory_lock(1)');
	$waiter->wait_for_event('advisory');
	my @files = map {
		my $file = sql("SELECT pg_trace_session($pid)");
		sql('SELECT pg_sleep(0.1)');
		sql("SELECT pg_trace_session($pid, false)") if $_ == 1;
		$file
	} 1, 2;
	$first->query('ROLLBACK');
	$waiter->wait;
	$waiter->query('SELECT pg_advisory_unlock_all()');
	sql("SELECT pg_trace_session($pid, false)");

	foreach my $file (@files)
	{
		my @waits = waits_of($file, 'advisory');

		is(scalar @waits, 1, 'one wait');
		is($waits[0]{partial}, 1, 'of which a part is known');
		check($waits[0], 'partly', "dbid=$dbid key=1",
			-1, 'ExclusiveLock', $first);
	}
}

# Change a table and pin a buffer of it, not before that block; returns which.
sub pin
{
	my ($block) = @_;

	sql('UPDATE t SET n = n + 1');
	$first->query('BEGIN');
	$first->query(
		"DECLARE c CURSOR FOR SELECT * FROM t WHERE ctid >= '($block,1)'");
	$first->query('FETCH c');
	# where it stands: the first row there is
	my ($pinned_block) =
	  $first->query("SELECT min(ctid) FROM t WHERE ctid >= '($block,1)'") =~
	  /^\((\d+),/;
	return $pinned_block;
}

# a buffer that another session has pinned
{
	sql('VACUUM FULL t');
	my $filenode = sql("SELECT pg_relation_filenode('t')");

	isnt($filenode, $oid, 'the numbers can be told apart');
	my $pinned_block = pin(5);
	$wait = blocked_wait('VACUUM (FREEZE) t', 'BufferPin', $first);
	is( join(' ', map { "$_=$wait->{$_}" } split / /, $wait->{parameters}),
		"file#=$filenode block#=$pinned_block blocks=1",
		'a pinned buffer is known');
	is($wait->{'obj#'}, $oid, 'and its relation');

	# a watchpoint doesn't show the function's argument, nor is the last one
	# that was seen by other probes of this session taken for it
	sql("CREATE FUNCTION hidden(int, int) RETURNS int STRICT LANGUAGE C"
		  . " AS '$ENV{PGT_TEST_BIN}/hidden_waiter', 'waits'");
	my $file = $waiter->query('SELECT pg_trace_start_trace()');
	my @pinned;
	foreach my $probe ('uprobe', 'watchpoint')
	{
		next
		  if $probe eq 'watchpoint' && PgTrace::Node::skipped($no_watchpoint, 2);
		$waiter->query('SELECT hidden(1, 0)') if $probe eq 'watchpoint';
		$node->poll_query_until('postgres', 'SELECT probe FROM pg_trace_status',
			$probe)
		  or die "no $probe";
		push @pinned, pin(@pinned ? $pinned[0] - 1 : 5);
		$waiter->send('VACUUM (FREEZE) t');
		$waiter->wait_for_event('BufferPin');
		$first->query('ROLLBACK');
		$waiter->wait;
	}
	$waiter->query('SELECT pg_trace_stop_trace()');
	my ($by_uprobe, $by_watchpoint) =
	  map { $_->{parameters} . ($_->{'block#'} // '') }
	  waits_of($file, 'BufferPin');
	is($by_uprobe, "file# block# blocks$pinned[0]", 'which is known by uprobes');
	if (!defined $no_watchpoint)
	{
		isnt($pinned[1], $pinned[0], 'another buffer');
		is($by_watchpoint, 'p1 p2 p3', 'which is not known by a watchpoint');
	}
}

# lightweight locks, each mode with each kind of probes: when the wait began and
# ended, and what for, is known to those who wait and hold
{
	sql(<<"SQL");
CREATE FUNCTION hold_lwlock(text, text) RETURNS int8 STRICT LANGUAGE C
  AS '$ENV{PGT_TEST_BIN}/locks';
CREATE FUNCTION wait_for_lwlock(text) RETURNS text STRICT LANGUAGE C
  AS '$ENV{PGT_TEST_BIN}/locks';
SQL
	my $held = PostgreSQL::Test::Utils::tempdir() . '/held';

	# not uprobe_shared: a server under valgrind, as another test has it, doesn't
	# bear breakpoints that are in all processes
	foreach my $setting ('watchpoint', 'auto')
	{
		next
		  if $setting eq 'watchpoint' && PgTrace::Node::skipped($no_watchpoint, 36);
		PgTrace::Node::set_probe($node, $setting, $setting eq 'auto' ? 'uprobe' : $setting);
		foreach my $case (
			[ 'Exclusive', 'Shared' ],
			[ 'Shared', 'Exclusive' ],
			[ 'Exclusive', 'Exclusive' ],
			[ 'Exclusive', 'WaitUntilFree' ])
		{
			my ($held_mode, $mode) = @$case;
			my $what = "$setting, $mode while $held_mode is held";
			my $file = $waiter->query('SELECT pg_trace_start_trace()');

			$first->send("SELECT hold_lwlock('$held_mode', '$held')");
			$node->poll_query_until('postgres',
				"SELECT (pg_stat_file('$held', true)).size IS NOT NULL")
			  or die 'the lock is not held';
			$waiter->send("SELECT wait_for_lwlock('$mode')");
			$waiter->wait_for_event('AddinShmemInit');
			my $seen = clock_gettime(CLOCK_MONOTONIC) * 1e6;
			unlink $held or die "$held: $!";
			my $released = $first->wait;
			my ($begin, $end) = split / /, $waiter->wait;
			$waiter->query('SELECT pg_trace_stop_trace()');

			my @waits = waits_of($file, 'AddinShmemInit');
			is(scalar @waits, 1, "$what: one wait");
			$wait = $waits[0] // { ela => 0, tim => 0 };
			is($wait->{type}, 'LWLock', "$what: its type");
			is($wait->{mode}, $mode, "$what: its mode");
			is("$wait->{parameters} $wait->{'obj#'}",
				'p1 p2 p3 -1', "$what: nothing else");

			# all are rounded down
			my $start = $wait->{tim} - $wait->{ela};
			cmp_ok($start, '>=', $begin - 1, "$what: not before it was asked for");
			cmp_ok($start, '<=', $seen, "$what: nor after others have seen it");
			cmp_ok($wait->{tim}, '>=', $released, "$what: until it is released");
			cmp_ok($wait->{tim}, '<=', $end + 1, "$what: and no longer");
		}
	}
}

# and many sessions that commit at the same time
{
	my $file = $waiter->query('SELECT pg_trace_start_trace()');
	my @others = map { PgTrace::Session->new($node) } 1 .. 4;
	my $loop = 'DO $$ BEGIN FOR i IN 1..300 LOOP'
	  . ' UPDATE t SET n = n + 1 WHERE id = %d; COMMIT; END LOOP; END $$';

	$others[$_]->send(sprintf $loop, $_ + 1) foreach 0 .. $#others;
	$waiter->query(sprintf $loop, 10);
	$_->wait foreach @others;
	$waiter->query('SELECT pg_trace_stop_trace()');

	my $records = PgTrace::File::parse($file);
	is_deeply([ PgTrace::Problems::problems($records) ], [], 'the trace is sound');
	my @waits = grep { $_->{type} eq 'LWLock' }
	  map { $_->{fields} } PgTrace::File::of_type($records, 'WAIT');
	cmp_ok(scalar @waits, '>', 0, 'waits for lightweight locks');
	is_deeply(
		[ grep { ($_->{mode} // '') !~ /^(Shared|Exclusive|WaitUntilFree)$/ }
			  @waits ],
		[],
		'each has its mode');
	is_deeply(
		[
			grep { $_->{nam} eq 'WALWrite' && $_->{mode} eq 'Shared' } @waits
		],
		[],
		'which is one that is asked for');
	note("$_->{nam} $_->{mode}") foreach @waits[ 0 .. ($#waits < 5 ? $#waits : 5) ];
	$_->close foreach @others;
}

$_->close foreach $first, $second, $foreign, $waiter;
done_testing();
