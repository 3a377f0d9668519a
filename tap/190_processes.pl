# Processes that run no SQL, or not a client's, can be traced by pid: their
# waits are in the file, which is complete after the trace has been stopped, and
# after the process has ended.

use strict;
use warnings;

use IPC::Run;
use PgTrace::Node;
use PgTrace::Check;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::create_node(
	'main',
	{ allows_streaming => 'logical' },
	'autovacuum' => 'off',
	'autovacuum_naptime' => '1s',
	'bgwriter_delay' => '10ms',
	'wal_writer_delay' => '10ms');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_trace_bgw');
$node->safe_psql('postgres', 'CREATE TABLE t (id int)');

sub pid_of
{
	my ($type) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = '$type'")
	  or die "there is no $type";
	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = '$type'");
}

sub start_trace
{
	my ($pid) = @_;

	return $node->safe_psql('postgres', "SELECT pg_trace_session($pid)");
}

sub wait_for_text
{
	my ($file, $text) = @_;

	$node->poll_query_until('postgres',
		"SELECT position(\$\$$text\$\$ IN pg_read_file('$file')) > 0")
	  or die "$file has no $text";
	return;
}

# The waits that must be in a process's file, which has no calls.  A process
# that shows in pg_stat_activity what it does has this for a statement.
sub check
{
	my ($file, $type, $activity, @events) = @_;
	my $records = read_trace($node, $file);
	my ($header) = PgTrace::File::of_type($records, 'HEADER');
	my %seen = map { $_->{fields}{nam} => 1 }
	  PgTrace::File::of_type($records, 'WAIT');

	is($header->{fields}{image}, $type, "$type: header");
	ok($seen{$_}, "$type: $_")
	  or note explain [ sort keys %seen ]
	  foreach @events;
	is_deeply(
		[ map { $_->{text} } PgTrace::File::of_type($records, 'CURSOR') ],
		defined $activity ? [$activity] : [],
		"$type: activity");
	is(scalar PgTrace::File::of_type($records, 'PARSE', 'EXEC', 'FETCH'),
		0, "$type: no calls");
	is_deeply([ PgTrace::Problems::problems($records) ], [], "$type: sound");
	return $records;
}

# background processes: what they wait for in their main loop, and what they
# are told to do
foreach my $case (
	[
		'checkpointer', "nam='CheckpointerMain'",
		'CheckpointerMain', 'DataFileWrite'
	],
	[ 'walwriter', "nam='WalWriterMain'", 'WalWriterMain' ],
	[ 'background writer', undef, ])
{
	my ($type, $text, @events) = @$case;
	my $pid = pid_of($type);
	my $file = start_trace($pid);

	$node->safe_psql('postgres',
		'INSERT INTO t SELECT generate_series(1, 10000); CHECKPOINT');
	wait_for_text($file, $text || "type=Activity");
	is($node->safe_psql('postgres', "SELECT pg_trace_session($pid, false)"),
		$file, "$type: stopped");
	check($file, $type, undef, @events);
}

# a walsender that streams
{
	my $target = PostgreSQL::Test::Utils::tempdir();
	my ($in, $out) = ('', '');
	my $receiver = IPC::Run::start(
		[
			'pg_receivewal', '-n', '--synchronous', '-D', $target, '-d',
			$node->connstr('postgres')
		],
		'<', \$in, '>', \$out, '2>&1');

	my $file = start_trace(pid_of('walsender'));
	wait_for_text($file, "nam='WalSenderMain'");
	$node->safe_psql('postgres', 'INSERT INTO t VALUES (1)');
	$receiver->signal('INT');
	$receiver->finish;
	my ($activity) = map { $_->{text} }
	  PgTrace::File::of_type(read_trace($node, $file), 'CURSOR');
	like($activity, qr/^START_REPLICATION /, 'walsender: its command');
	my $records = check($file, 'walsender', $activity, 'WalSenderMain');
	ok((grep { $_->{text} =~ /THE PROCESS HAS ENDED/ }
			  PgTrace::File::of_type($records, 'ENDED')),
		'walsender: its end');
}

# the autovacuum launcher and its workers
{
	my $set = sub {
		my ($value) = @_;

		$node->safe_psql('postgres', "ALTER SYSTEM SET autovacuum = $value");
		$node->reload;
	};

	$set->('on');
	my $file = start_trace(pid_of('autovacuum launcher'));
	my $event = PgTrace::Node::event('AutoVacuumMain');
	wait_for_text($file, "nam='$event'");
	$set->('off');
	my $records = check($file, 'autovacuum launcher', undef, $event);
	is($records->[-1]{type}, 'ENDED', 'autovacuum launcher: its end');

	# one that is kept in its work until it is traced
	$node->safe_psql('postgres', <<'SQL');
CREATE TABLE slow AS SELECT generate_series(1, 30000) AS id;
ALTER TABLE slow SET (autovacuum_vacuum_threshold = 0,
	autovacuum_vacuum_scale_factor = 0, autovacuum_analyze_threshold = 1000000,
	autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_cost_delay = 50);
DELETE FROM slow;
SQL
	$set->('on');
	my $vacuum =
	  "FROM pg_stat_progress_vacuum WHERE relid = 'slow'::regclass";
	$node->poll_query_until('postgres', "SELECT count(*) = 1 $vacuum")
	  or die 'the table is not vacuumed';
	my $pid = $node->safe_psql('postgres', "SELECT pid $vacuum");
	$file = start_trace($pid);
	wait_for_text($file, "nam='VacuumDelay'");
	$set->('off');
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	$records = check(
		$file, 'autovacuum worker',
		'autovacuum: VACUUM public.slow', 'VacuumDelay');
	is($records->[-1]{type}, 'ENDED', 'autovacuum worker: its end');
}

# logical replication: a worker that is no client's, with changes to apply
{
	my $subscriber = PgTrace::Node::new_node('subscriber');
	my $from = $node->connstr('postgres') =~ s/'/''/gr;

	$node->safe_psql('postgres',
		'CREATE TABLE r (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE r');
	$subscriber->safe_psql('postgres', 'CREATE TABLE r (id int PRIMARY KEY)');
	$subscriber->safe_psql('postgres',
		"CREATE SUBSCRIPTION s CONNECTION '$from' PUBLICATION p");
	$subscriber->wait_for_subscription_sync($node, 's');
	my $pid = $subscriber->safe_psql('postgres',
		'SELECT pid FROM pg_stat_subscription WHERE relid IS NULL');
	my $file = $subscriber->safe_psql('postgres',
		"SELECT pg_trace_session($pid)");
	$node->safe_psql('postgres', 'INSERT INTO r VALUES (1)');
	$node->wait_for_catchup('s');
	$subscriber->poll_query_until('postgres',
		"SELECT position('LogicalApplyMain' IN pg_read_file('$file')) > 0")
	  or die 'the apply worker does not wait';
	$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION s');
	my $records = read_trace($subscriber, $file);
	my ($header) = PgTrace::File::of_type($records, 'HEADER');
	is($header->{fields}{image},
		PgTrace::Node::apply_worker(), 'logical replication worker: header');
	is($records->[-1]{type}, 'ENDED', 'logical replication worker: its end');
	clean_files($subscriber);
}

clean_files($node);
done_testing();
