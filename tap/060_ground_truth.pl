# The waits that the probes see against those that happen: each write to the
# same wait_event_info word, by a hardware watchpoint, in the same run.

use strict;
use warnings;

use IPC::Run;
use PgTrace;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::new_node(
	'main',
	'shared_buffers' => '1MB',
	'max_parallel_workers_per_gather' => 0,
	'autovacuum' => 'off',
	'fsync' => 'on');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE big AS SELECT g AS id, repeat('x', 200) AS filler
  FROM generate_series(1, 60000) g;
CREATE TABLE small (id int PRIMARY KEY, n int);
INSERT INTO small SELECT g, 0 FROM generate_series(1, 100) g;
SQL

my $session = PgTrace::Session->new($node);
my $other = PgTrace::Session->new($node);
my $file = $session->query('SELECT pg_trace_start_trace()');

my $output = "$node->{_host}/watchpoint.out";
my ($in, $out, $err) = ('', '', '');
my $watchpoint = IPC::Run::start(
	[ "$ENV{PGT_TEST_BIN}/watchpoint", $session->pid, $output ],
	'<', \$in, '>', \$out, '2>', \$err,
	IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
$watchpoint->pump until $out =~ /ready/;

# reads from disk, temporary files, extension of a relation
$session->query('SELECT sum(length(filler)) FROM big') for 1 .. 2;
$session->query("SET work_mem = '64kB'");
$session->query(
	'SELECT count(*) FROM (SELECT * FROM big ORDER BY filler, id OFFSET 10) s');
$session->query('CREATE TABLE copy AS SELECT * FROM big LIMIT 20000');
# flushes of WAL, and the client
$session->query("UPDATE small SET n = n + 1 WHERE id = $_") for 1 .. 100;
$session->query('SELECT pg_sleep(0.01)') for 1 .. 5;
$session->query('CHECKPOINT');
# a row lock
$other->query('BEGIN');
$other->query('UPDATE small SET n = -1 WHERE id = 1');
$session->send('UPDATE small SET n = -2 WHERE id = 1');
$node->poll_query_until('postgres',
	    "SELECT wait_event = 'transactionid' FROM pg_stat_activity"
	  . " WHERE pid = "
	  . $session->pid)
  or die 'no lock wait';
$other->query('COMMIT');
$session->wait;

$watchpoint->finish;
$session->query('SELECT pg_trace_stop_trace()');

# what the word went through
my (@truth, $start, $value);
my $summary = '';
foreach my $line (split /\n/, slurp_file($output))
{
	if ($line =~ /^(\d+) (?:0x)?([0-9a-f]+)$/)
	{
		my ($time, $new) = ($1, hex $2);

		push @truth, { start => $start, end => $time, value => $value }
		  if $value;
		($start, $value) = ($time, $new);
	}
	else
	{
		$summary = $line;
	}
}
like($summary, qr/lost=0\b/, 'the watchpoint missed nothing');
cmp_ok(scalar @truth, '>=', 5000, 'enough waits');

# the same interval of the trace; times there are cut to microseconds
my $records = PgTrace::parse($file);
is_deeply([ PgTrace::problems($records) ], [], 'the trace is sound');
my @waits = grep { $_->{fields}{tim} * 1000 >= $truth[0]{start} }
  PgTrace::of_type($records, 'WAIT');
splice @waits, scalar @truth if @waits > @truth;
is(scalar @waits, scalar @truth, 'the same number of waits');

# one by one: the same event, and a probe is never earlier than the write
my (%name_of, %value_of, %count, %true_count);
my ($mixed_up, $misplaced) = (0, 0);
foreach my $i (0 .. $#waits)
{
	my $fields = $waits[$i]{fields};
	my $true = $truth[$i];
	my $name = "$fields->{type}:$fields->{nam}";

	$name_of{ $true->{value} } //= $name;
	$value_of{$name} //= $true->{value};
	$mixed_up++
	  if $name_of{ $true->{value} } ne $name
	  || $value_of{$name} != $true->{value};
	$misplaced++
	  if $fields->{tim} < int($true->{end} / 1000)
	  || $fields->{tim} - $fields->{ela} < int($true->{start} / 1000) - 1;
	$count{$name}++;
}
$true_count{ $name_of{ $_->{value} } // $_->{value} }++ foreach @truth;
is($mixed_up, 0, 'each wait is the right one');
is($misplaced, 0, 'and at its place in time');
is_deeply(\%count, \%true_count, 'the same number for each event');
note("$_: $count{$_}") foreach sort keys %count;

foreach my $name (
	qw(IO:DataFileRead IO:BufFileWrite IO:BufFileRead IO:DataFileExtend
	IO:WALSync Client:ClientRead Timeout:PgSleep Lock:transactionid))
{
	ok($count{$name}, "$name is among them");
}

$session->close;
$other->close;
done_testing();
