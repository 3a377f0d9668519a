# The program pg_trace: what it prints of a file whose figures were checked by
# hand, and that what it makes of real traces adds up, is what the tests' own
# parser finds, and is the same whichever way the bytes come.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run;
use JSON::PP;
use PgTrace::Node;
use PgTrace::Check;
use PostgreSQL::Test::Utils;
use Test::More;

my $traces = dirname(abs_path($0)) . '/traces';
my $tempdir = PostgreSQL::Test::Utils::tempdir();

# Run it; returns its exit code, what it printed, and what it said.
sub pg_trace
{
	my (@arguments) = @_;
	my ($out, $err);

	IPC::Run::run([ 'pg_trace', @arguments ], '<', '/dev/null', '>', \$out,
		'2>', \$err);
	return ($? & 127 ? "signal $?" : $? >> 8, $out, $err);
}

sub exits_with
{
	my ($expected, $what, @arguments) = @_;
	my ($code, $out, $err) = pg_trace(@arguments);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($code, $expected, $what) or diag($out, $err);
	return $err;
}

###############################################################################
# A file whose figures were checked by hand
###############################################################################

my %golden = (
	profile => ['profile'],
	statement => [ 'profile', '--by=statement' ],
	json => [ 'profile', '--format=json' ],
	calls => ['calls'],
	show => ['show'],
	check => ['check']);

chdir $traces or die "$traces: $!";
foreach my $name (sort keys %golden)
{
	my ($code, $out, $err) = pg_trace(@{ $golden{$name} }, 'nested.trc');

	is($out, slurp_file("nested.$name.out"), "$name: as checked by hand");
	is("$code $err", '0 ', "$name: nothing is wrong with it");
}

###############################################################################
# Exit codes
###############################################################################

my $text = slurp_file('nested.trc');

append_to_file("$tempdir/torn.trc", substr($text, 0, -40));
append_to_file("$tempdir/empty.trc", '');
mkdir "$tempdir/none" or die $!;

like(exits_with(1, 'usage: no such command', 'nothing', 'nested.trc'),
	qr/there is no command "nothing"/, 'it says so');
exits_with(1, 'usage: no such option', 'profile', '--nothing', 'nested.trc');
exits_with(1, 'usage: no file', 'profile');
exits_with(1, 'usage: no time', 'profile', '--since=noon', 'nested.trc');
exits_with(0, 'help', $_, '--help') foreach qw(profile calls show check);
like(exits_with(2, 'a torn file', 'profile', "$tempdir/torn.trc"),
	qr/torn.trc:\d+: the file ends in the middle of it/, 'it says where');
like(exits_with(3, 'no file', 'profile', "$tempdir/missing.trc"),
	qr/could not open/, 'it says which');
exits_with(3, 'no trace in a directory', 'profile', "$tempdir/none");
exits_with(3, "nothing in a file: $_", $_, "$tempdir/empty.trc")
  foreach qw(profile calls show check);
exits_with(3, "nothing that counts: $_", $_, '--module=other', 'nested.trc')
  foreach qw(profile calls show check);
exits_with(2, 'one of two is missing', 'profile', "$tempdir/missing.trc",
	'nested.trc');
exits_with(2, 'one of two has none', 'profile', "$tempdir/none", 'nested.trc');
exits_with(2, 'an end is missing', 'check', "$tempdir/torn.trc");

# A file that ends anywhere, as one does that is being written
my @crashed;
for (my $len = 1; $len < length $text; $len += 101)
{
	append_to_file("$tempdir/torn-$len.trc", substr($text, 0, $len));
	foreach my $command (qw(profile calls show check))
	{
		my ($out, $err);

		IPC::Run::run([ 'pg_trace', $command, "$tempdir/torn-$len.trc" ],
			'<', '/dev/null', '>', \$out, '2>', \$err);
		push @crashed, "$command of $len bytes: $?"
		  if $? != 0 && $? != 2 << 8 && $? != 3 << 8;
	}
}
is_deeply(\@crashed, [], 'a file may end anywhere');

###############################################################################
# Filters, which count the parts that match
###############################################################################

sub interval
{
	my (@arguments) = @_;
	my ($code, $out) = pg_trace('profile', '--format=json', @arguments);
	my ($total) = grep { $_->{name} eq 'total' } @{ decode_json($out)->{profile} };

	return $total->{seconds};
}

is(interval('nested.trc'), 0.091, 'all of it');
is(interval('--session=4711', '--user=clerk', '--service=shop',
	'--module=orders', 'nested.trc'), 0.091, 'what is true of all of it');
is(interval('--module=other', 'nested.trc'), 0, 'what is true of nothing');
is(interval('--sqlid=0000000000022', 'nested.trc'), 0.00582,
	'a nested statement');
is(interval('--sqlid=66', 'nested.trc'), 0.00582, 'by its query identifier');
# the gap, PARSE, the gap behind it, and the wait at tim=1003000
is(interval('--until=13:00:01.003000', 'nested.trc'), 0.0028,
	'up to a time');
is(interval('--until=14:00:01.003000', '--timezone=Europe/Berlin', 'nested.trc'),
	0.0028, 'in another zone');

# parallel workers' time is beside their leader's
append_to_file("$tempdir/worker.trc",
	$text =~ s/image: client backend/image: parallel worker/r);
is(interval('nested.trc', "$tempdir/worker.trc"), 0.091, 'without workers');
is(interval('--workers', 'nested.trc', "$tempdir/worker.trc"), 0.182,
	'with workers');
is(interval("$tempdir/worker.trc"), 0.091, 'a worker alone');

###############################################################################
# Real traces
###############################################################################

my $node = PgTrace::Node::new_node('main');

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t (id int PRIMARY KEY, n int);
INSERT INTO t SELECT g, 0 FROM generate_series(1, 1000) g;
CREATE FUNCTION bump(wanted int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(0.01);
	UPDATE t SET n = n + 1 WHERE id = wanted;
	RETURN (SELECT n FROM t WHERE id = wanted);
END $$;
SQL
my @statements = (
	'SELECT bump(5)',
	'SELECT bump(id) FROM t WHERE id < 4',
	"SELECT '\nWAIT #1: nam=''forged'' ela= 1 p1=0 p2=0 p3=0 type=IO obj#=-1 tim=1'",
	'SELECT 1/0',
	'SELECT * FROM nosuch',
	'BEGIN', 'UPDATE t SET n = 7 WHERE id = 9', 'ROLLBACK');
my $first = trace($node, @statements);
my $second = trace($node, { set => { 'application_name' => 'other' } }, @statements);
my $directory = $node->data_dir . '/pg_trace';
my @files = PgTrace::Node::trace_files($node);

PgTrace::Node::wait_until_untraced($node);
clean_files($node);
is(scalar @files, 2, 'two files');

# What the tests' own parser finds in the files
sub first_and_last
{
	my ($records) = @_;
	my @tims = grep { defined } map { $_->{fields}{tim} } @$records;
	my ($first_time) = PgTrace::File::of_type($records, 'TIME');
	my @begins = map { $_->{fields}{tim} - $_->{fields}{ela} }
	  PgTrace::File::of_type($records, 'WAIT', 'RUN QUEUE');
	my $begin = (sort { $a <=> $b } $first_time->{fields}{tim}, @begins)[0];

	return ($begin, $tims[-1]);
}

my ($expected, $waited) = (0, 0);
foreach my $records ($first, $second)
{
	my ($begin, $end) = first_and_last($records);

	$expected += $end - $begin;
	$waited += $_->{fields}{ela}
	  foreach grep { $_->{fields}{nam} eq 'PgSleep' }
	  PgTrace::File::of_type($records, 'WAIT');
}

sub microseconds
{
	my ($seconds) = @_;

	return sprintf '%.0f', $seconds * 1_000_000;
}

foreach my $key (qw(event type statement node relation file block blocker bind
	session client-id module action service user minute dep mode))
{
	my ($code, $out, $err) =
	  pg_trace('profile', "--by=$key", '--top=0', '--format=json', @files);
	my @rows = @{ decode_json($out)->{profile} };
	my $sum = 0;

	$sum += microseconds($_->{seconds}) foreach grep { $_->{name} ne 'total' } @rows;
	is("$code $err", '0 ', "by $key");
	is($sum, $expected, "by $key: all rows are the traced interval");
}

my ($code, $out, $err) = pg_trace('profile', '--format=json', '--top=0', @files);
my ($sleep) = grep { $_->{name} eq 'PgSleep' } @{ decode_json($out)->{profile} };
is(microseconds($sleep->{seconds}), $waited, 'the sum of a kind of waits');
is($sleep->{count}, 8, 'their number');

($code, $out) = pg_trace('check', @files);
like($out, qr/^2 files, 0 problems; /m, 'nothing is wrong with the traces');
is($code, 0, 'so check succeeds');
foreach my $type (qw(EXEC FETCH WAIT STAT XCTEND ERROR))
{
	# a wait for a CPU is a WAIT in the file
	my $number =
	  grep { $_->{type} =~ s/^RUN QUEUE$/WAIT/r eq $type } @$first, @$second;

	like($out, qr/[;,] $number $type\b/, "number of $type");
}

# the directory stands for its files
is((pg_trace('profile', $directory))[1], (pg_trace('profile', sort @files))[1],
	'files of a directory');

# compressed, and through a pipe
my $plain = (pg_trace('show', $files[0]))[1];
system_or_bail("gzip -c $files[0] >$tempdir/compressed");
is((pg_trace('show', "$tempdir/compressed"))[1], $plain, 'gzip');
system_or_bail("zstd -q -c $files[0] >$tempdir/compressed");
is((pg_trace('show', "$tempdir/compressed"))[1], $plain, 'zstd');
system_or_bail("cat $files[0] | pg_trace show - >$tempdir/piped");
is(slurp_file("$tempdir/piped"), $plain, 'a pipe');
system_or_bail("gzip -c $files[0] | head -c 1000 >$tempdir/cut");
like(exits_with(2, 'compressed data without its end', 'show', "$tempdir/cut"),
	qr/its end is missing/, 'it says so');

# nested calls are below, with the values of variables
($code, $out) = pg_trace('calls', @files);
like($out,
	qr/^\S+ +\S+ +\S+ {2}FETCH #\d+ rows=1 .*: SELECT bump\(5\)\n(?:.*\n)*?\S+ +\S+ +\S+ {4}EXEC #\d+ rows=1 .*: UPDATE t SET n = n \+ 1 WHERE id = wanted \[wanted = 5\]$/m,
	'calls: what is nested, with its values');
like($out, qr/: SELECT 1\/0 -- ERROR 22012 division by zero$/m, 'calls: an error');
unlike($out, qr/forged.*\(1\)/, 'no wait is forged');
($code, $out) = pg_trace('calls', '--min=10ms', @files);
unlike($out, qr/EXEC #\d+ .*UPDATE t SET n = 7/, 'what is short is left out');
like($out, qr/^\d+ calls were shorter than 10.000 ms$/m, 'which is said');

# a file that grows, up to its end
my $session = PgTrace::Session->new($node, options => '-c pg_trace.session=on');
my $growing = session_file($node, $session);
my $followed = '';
my $follower = IPC::Run::start([ 'pg_trace', 'show', '--follow', $growing ],
	'<', '/dev/null', '>', \$followed, IPC::Run::timeout(180));
$session->query("SELECT 'followed'");
$follower->pump until $followed =~ /^SQL: SELECT 'followed'$/m;
pass('a statement is shown while its session goes on');
$session->close;
$follower->finish;
like($followed, qr/^\*\*\* TRACE ENDED/m, 'it ends with the trace');

done_testing();
