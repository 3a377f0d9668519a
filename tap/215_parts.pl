
# pg_trace.max_file_size: of a long trace, the head and the newest parts are
# kept.  Each can be read by itself, and what is missing in between is summed up,
# so that nothing is missing without a trace.

use strict;
use warnings;

use List::Util qw(sum0);
use PgTrace::Check;
use PgTrace::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { MB => 1024 * 1024, CALLS => 40_000 };

my $node = PgTrace::Node::new_node(
	'main',
	'pg_trace.max_file_size' => '2MB',
	'pg_trace.binds' => 'off');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t (id int, x int);
INSERT INTO t VALUES (1, 0);
CREATE PROCEDURE work(n int) LANGUAGE plpgsql AS $$
DECLARE
	y int;
BEGIN
	FOR i IN 1 .. n LOOP
		SELECT x INTO y FROM t WHERE id = 1;
	END LOOP;
END
$$;
SQL

# A call that goes on from the first part to the last one, with what is called
# before and afterwards, too
my $session = PgTrace::Session->new($node);
my $pid = $session->pid;
my $file = $session->query('SELECT pg_trace_start_trace()');
$session->query("SET pg_trace.client_id = 'someone'");
$session->query("SELECT 'at the beginning'");
$session->query('CALL work(' . CALLS . ')');
$session->query("SELECT 'at the end'");
# the worker may be behind, and another part be begun
my $shown;
foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	$shown = $node->safe_psql('postgres',
		"SELECT trace_file FROM pg_trace_status WHERE pid = $pid");
	last if slurp_file($shown) =~ /at the end/;
	select(undef, undef, undef, 0.1);
}
$session->close;
PgTrace::Node::wait_until_untraced($node);

my @files = PgTrace::Node::trace_files($node, $pid);
my @parts = map { /\.p(\d+)\.trc$/ ? $1 : 1 } @files;
is(scalar @files, 3, 'three parts are left');
is($files[0], $file, 'the first one');
is($parts[1] + 1, $parts[2], 'and the newest two');
cmp_ok($parts[1], '>', 3, 'others are gone');
is($files[2], $shown, 'the view has the one that is being written');
cmp_ok(sum0(map { -s } @files), '<', 2 * MB + 20_000, 'they have the size');

my @records = map { PgTrace::File::parse($_) } @files;
is_deeply([ PgTrace::Problems::problems($records[$_]) ],
	[], "part $parts[$_] is sound")
  foreach 0 .. 2;

# The marks
my $name = sub { return $_[0] =~ s{.*/}{}r; };
like($records[0][-1]{text}, qr/^TRACE ENDED: CONTINUED IN FILE \S+\.p2\.trc$/,
	'the first part says where it goes on');
PgTrace::File::has_note($records[0],
	qr/^DUMP FILE SIZE IS LIMITED TO 1048576 BYTES/, 'and why');
is($records[1][-1]{text}, "TRACE ENDED: CONTINUED IN FILE $files[2]",
	'so does another one');
is($records[2][-1]{text}, 'TRACE ENDED: THE PROCESS HAS ENDED',
	'the last one has the end');
PgTrace::File::has_note($records[2],
	qr/^PART $parts[2] OF A TRACE: CONTINUED FROM FILE \Q$files[1]\E$/,
	'it says what it continues');
PgTrace::File::has_note(
	$records[2],
	qr/^PARTS 2 TO @{[ $parts[2] - 2 ]} ARE MISSING: THE SIZE IS LIMITED TO 2 MB$/,
	'and what is missing');

# Beginning and end, with what was known before
is(scalar PgTrace::File::cursors_like($records[0], qr/^SELECT 'at the beginning'/),
	1, 'the beginning is there');
is(scalar PgTrace::File::cursors_like($records[2], qr/^SELECT 'at the end'/),
	1, 'and the end');
is_deeply([ lines($records[2], qr/^CALL work/, 'EXEC') ],
	['EXEC'], 'the call that went on is there with its text');
ok( (grep { $_->{fields}{label} eq 'CLIENT ID' && $_->{fields}{value} eq 'someone' }
		  PgTrace::File::of_type($records[2], 'CONTEXT')),
	'and for whom it was');

# Every execution is in a part, or in a sum.
my $select = qr/^SELECT x +FROM t WHERE id = 1/;
my ($cursor) = cursors_of($records[2], $select);
my @summaries = grep { $_->{fields}{sqlid} eq $cursor->{fields}{sqlid} }
  PgTrace::File::of_type($records[2], 'SUMMARY');
is(scalar @summaries, 1, 'the statement has one sum');
foreach my $type (qw(EXEC FETCH))
{
	is( $summaries[0]{fields}{ lc $type } +
		  sum0(map { scalar calls_of($_, $select, $type) } @records),
		CALLS,
		"$type: what is in parts and what is summed up are all");
}
my $rows = sum0(map { rows($_, $select) } @records);
is($rows + $summaries[0]{fields}{r}, CALLS, 'rows as well');
is($summaries[0]{fields}{dep}, 1, 'its depth');
my ($exec) = calls_of($records[2], qr/^CALL work/, 'EXEC');
my @calls = map { calls_of($_, $select) } @records;
cmp_ok(sum0(map { $_->{fields}{e} } @calls) + $summaries[0]{fields}{e},
	'<=', $exec->{fields}{e}, 'the time is that of the call around it, at most');

# Removed and listed as other files are
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_trace_files WHERE pid = $pid"),
	3, 'the view has all parts');

# A worker that is restarted goes on in the part that it finds.
$session = PgTrace::Session->new($node);
$pid = $session->pid;
$session->query('SELECT pg_trace_start_trace()');
$session->query('CALL work(10000)');
my $worker = PgTrace::Node::worker_pid($node);
kill('TERM', $worker) == 1 or die "could not terminate $worker: $!";
$node->poll_query_until('postgres',
	"SELECT pid <> $worker AND state = 'enabled' FROM pg_trace_worker")
  or die 'there is no new worker';
$session->query('CALL work(10000)');
$session->close;
PgTrace::Node::wait_until_untraced($node);
@files = PgTrace::Node::trace_files($node, $pid);
is(scalar @files, 3, 'after a restart of the worker: three parts are left');
foreach my $part (@files)
{
	is_deeply([ PgTrace::Problems::problems(PgTrace::File::parse($part)) ],
		[], "$part is sound");
}
PgTrace::File::has_note(PgTrace::File::parse($files[2]),
	qr/^SUMS AND STATEMENTS MAY BE MISSING: THE WORKER WAS RESTARTED$/,
	'the last one says that a sum may not be all');

$node->stop;
done_testing();
