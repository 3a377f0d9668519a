# A server with places that aren't understood, at which each wait passes: in a
# copy of the installed one, HiddenWaits.pm has hidden them.  Waits are missing with
# uprobes, so by default a watchpoint is used, and nothing is missing.

use strict;
use warnings;

use File::Basename qw(dirname);
use PgTrace::GroundTruth;
use PgTrace::HiddenWaits;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use PgTrace::ServerCopy;
use Test::More;

plan skip_all => 'the instructions replaced are those of x86-64'
  unless `uname -m` eq "x86_64\n";

# Where waits begin whose start is hidden: reads, and nearly all that isn't I/O
my @functions =
  (PgTrace::Node::major() >= 17 ? 'FileReadV' : 'FileRead', 'WaitEventSetWait');

my $bindir = copy_server();
my $server = "$bindir/postgres";

my $problem = hide_waits($server, @functions);
like($problem, qr/^2 of \d+ places/,
	'the start of the waits of two functions is hidden');

my $node = PgTrace::Node::create_node('main',
	{ install_path => dirname($bindir) },
	'autovacuum' => 'off',
	'fsync' => 'on',
	'max_parallel_workers_per_gather' => 0,
	'shared_buffers' => '1MB');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_trace_bgw');
like(slurp_file($node->data_dir . '/postmaster.opts'),
	qr/^\Q$server\E /, 'the server that runs is the copy');
my $no_watchpoint = PgTrace::Node::watchpoint_problem($node);
my $log = slurp_file($node->logfile);
like($log, qr/LOG:  \Q$problem\E in "the server's executable"/,
	'the log tells of the places');
like($log, qr/DETAIL:  First: address 0x\w+: \w+/, 'of one exactly');

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE big AS SELECT g AS id, repeat('x', 200) AS filler
  FROM generate_series(1, 20000) g;
CREATE TABLE small AS SELECT 1 AS id, 0 AS n;
SQL

# Trace what waits at places that are hidden and at others; returns the trace's
# records, the truth, and the session's last_error.
sub trace_work
{
	my ($what, $probe) = @_;
	my $session = PgTrace::Session->new($node);
	my $other = PgTrace::Session->new($node);
	my $file = $session->query('SELECT pg_trace_start_trace()');

	my ($found, $error) = split /\|/,
	  $session->query('SELECT probe, last_error FROM pg_trace_status');
	is($found, $probe, "$what: the session's probe");
	my $truth = PgTrace::GroundTruth->start($session);
	$session->query('SELECT sum(length(filler)) FROM big');
	$session->query("SET work_mem = '64kB'");
	$session->query(
		'SELECT count(*) FROM (SELECT * FROM big ORDER BY filler OFFSET 1) s');
	$session->query("UPDATE small SET n = $_") for 1 .. 20;
	$session->query('SELECT pg_sleep(0.01)') for 1 .. 3;
	$other->query('BEGIN; UPDATE small SET n = -1');
	$session->send('UPDATE small SET n = -2');
	$session->wait_for_event('transactionid');
	$other->query('COMMIT');
	$session->wait;
	$truth->finish;
	$session->query('SELECT pg_trace_stop_trace()');
	$_->close foreach $session, $other;
	return (PgTrace::File::parse($file), $truth, $error);
}

# in 18, blocks of relations are read elsewhere
my @reads = PgTrace::Node::major() >= 18 ? () : ('IO:DataFileRead');
my @hidden = (@reads, 'IO:' . PgTrace::Node::event('BufFileRead'),
	qw(Client:ClientRead Timeout:PgSleep Lock:transactionid));
my @others = (
	(map { 'IO:' . PgTrace::Node::event($_) } qw(BufFileWrite WALWrite WALSync)),
	@reads ? () : 'IO:DataFileRead');

###############################################################################
# By default
###############################################################################

unless (PgTrace::Node::skipped($no_watchpoint, 13 + @hidden + @others))
{
	PgTrace::Node::set_probe($node, 'auto', 'watchpoint');
	like($log, qr/LOG:  waits can't be traced by uprobe: \Q$problem\E/,
		'auto: the log tells what follows from it');
	is( $node->safe_psql(
			'postgres', 'SELECT probe, last_error FROM pg_trace_worker'),
		"watchpoint|uprobe: $problem",
		'auto: so does pg_trace_worker');
	my ($records, $truth, $error) = trace_work('auto', 'watchpoint');
	my $count_of = $truth->compare($records, 'auto');
	is($error // '', '', 'auto: nothing is wrong with the session');
	ok($count_of->{$_}, "auto: $_ is among them") foreach @hidden, @others;
	is($count_of->{'Timeout:PgSleep'}, 3, 'auto: each PgSleep');
	# two if it took until the look for a deadlock
	cmp_ok($count_of->{'Lock:transactionid'}, '>=', 1, 'auto: the lock');

	PgTrace::Node::set_probe($node, 'watchpoint', 'watchpoint');
	is($node->safe_psql('postgres', 'SELECT last_error FROM pg_trace_worker'),
		'', 'watchpoint: nothing is wrong with what was asked for');
}

###############################################################################
# With uprobes: what isn't hidden is there, and nothing that didn't happen; and
# everybody is told
###############################################################################

foreach my $setting (qw(uprobe uprobe_shared))
{
	PgTrace::Node::set_probe($node, $setting, $setting);
	is($node->safe_psql('postgres', 'SELECT last_error FROM pg_trace_worker'),
		$problem, "$setting: pg_trace_worker");
	my ($records, $truth, $error) = trace_work($setting, $setting);

	is($error, "TIMED EVENTS MAY BE MISSING: $problem", "$setting: pg_trace_status");
	PgTrace::File::has_note($records, qr/^TIMED EVENTS MAY BE MISSING: \Q$problem\E$/,
		"$setting: the file");
	is_deeply([ PgTrace::Problems::problems($records) ],
		[], "$setting: the trace is sound");

	my (@invented, %begun, %count, %value, %true_count);
	my @true = map {
		{
			start => int($_->{start} / 1000),
			end => int($_->{end} / 1000),
			value => $_->{value}
		}
	} @{ $truth->{waits} };
	$true_count{ $_->{value} }++ foreach @true;
	foreach my $wait (map { $_->{fields} }
		$truth->watched(PgTrace::File::of_type($records, 'WAIT')))
	{
		my $start = $wait->{tim} - $wait->{ela};
		my $name = "$wait->{type}:$wait->{nam}";
		shift @true while @true > 1 && $true[1]{start} - 1 <= $start;
		$count{$name}++;
		$value{$name} = $true[0]{value};
		push @invented, "$name ela=$wait->{ela} tim=$wait->{tim}"
		  if $start > $true[0]{end} + 1
		  || $wait->{tim} < $true[0]{end}
		  || @true > 1 && $wait->{tim} > $true[1]{start} + 1
		  || $begun{ $true[0]{start} }++;
	}
	is_deeply(\@invented, [], "$setting: each wait is one there was");
	is_deeply([ grep { $count{$_} } @hidden ], [], "$setting: waits are missing");
	is($count{$_}, $true_count{ $value{$_} // 0 }, "$setting: each $_ is there")
	  foreach @others;
}

$node->stop;
done_testing();
