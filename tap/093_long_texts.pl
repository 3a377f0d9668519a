# Texts that are longer than the file may be, and texts that a session announces
# and never sends: the worker's memory and the files stay within their limits,
# and what stands in a file can be read by whoever relies on len=.

use strict;
use warnings;

use PgTrace::Intruder;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	MB => 1024 * 1024,
	TEXT_MAX => 16 * 1024 * 1024,
	MAX_MEMORY_KB => 64 * 1024
};

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'pg_trace.max_file_size' => '10MB');
PgTrace::Intruder::install($node);
my $size = PgTrace::Intruder::area_size($node);
my $worker = PgTrace::Node::worker_pid($node);

sub memory_kb
{
	my ($anonymous) =
	  slurp_file("/proc/$worker/status") =~ /^RssAnon:\s+(\d+) kB$/m;

	return $anonymous;
}

# A trace in which that is done; returns its file's name and records.
sub trace
{
	my ($sql, $name) = @_;
	my $session = PgTrace::Session->new($node);
	my $file = $session->query('SELECT pg_trace_start_trace()');

	$session->query($sql);
	$session->query("SELECT 'the last one'");
	$session->query('SELECT pg_trace_stop_trace()');
	$session->close;
	my $records = PgTrace::File::parse($file);
	is_deeply([ PgTrace::Problems::problems($records) ],
		[], "$name: the file is sound");
	is(PgTrace::Node::worker_pid($node), $worker, "$name: it is the same worker");
	cmp_ok(memory_kb(), '<=', MAX_MEMORY_KB, "$name: the worker's memory in kB");
	return ($file, $records);
}

my $limited = qr/^PARSING IN CURSOR .* len=\d{1,4} .* cut=\d+$/m;

# 100 statements of 16 MB each are announced
my ($file, $records) =
  trace("SELECT forge_text($size, " . TEXT_MAX . ', 100)',
	'announced, too long for the file');
cmp_ok(-s $file, '<=', 10 * MB + 4096, 'too long: the size of the file');
like(slurp_file($file), $limited, 'too long: it says so');

# those that fit are completed; the first part has half of the size, and no
# more than 10 MB are there of all
($file, $records) =
  trace("SELECT forge_text($size, " . 2 * MB . ', 100)', 'announced');
cmp_ok(-s $file, '<=', 10 * MB + 4096, 'announced: the size of the file');
my @forged =
  grep { $_->{text} =~ /^SELECT 42/ } PgTrace::File::of_type($records, 'CURSOR');
is(scalar @forged, 2, 'announced: as many as have room');
is(scalar(grep { length $_->{text} == 2 * MB } @forged),
	2, 'announced: have the length that they say');
is( scalar(
		grep { $_->{fields}{count} == 2 * MB - 9 }
		  PgTrace::File::of_type($records, 'LOST')),
	2,
	'announced: the file says how much of them is missing');

# more than there may be
my $messages = -s $node->logfile;
($file, $records) =
  trace("SELECT forge_text($size, " . (TEXT_MAX + 1) . ', 100)', 'forged');
like(slurp_file($node->logfile, $messages),
	qr/LOG: .*the queue of traced process \d+ is corrupt/, 'forged: logged');
my @lines = slurp_file($node->logfile, $messages) =~ /is corrupt/g;
is(scalar @lines, 1, 'forged: once');
is(scalar PgTrace::File::cursors_like($records, qr/^SELECT 'the last one'/),
	1, 'forged: the trace goes on');
($file, $records) =
  trace("SELECT forge_text($size, 9223372036854775807, 1)", 'forged, huge');

# true ones
PgTrace::Node::set($node, 'pg_trace.max_file_size', '2MB');
my $long = 'x' x (700 * 1024);
my $session = PgTrace::Session->new($node);
$file = $session->query('SELECT pg_trace_start_trace()');
$session->query("SELECT length('$_$long')") foreach 1 .. 3;
$session->query('SELECT pg_trace_stop_trace()');
$session->close;
$records = PgTrace::File::parse($file);
is_deeply([ PgTrace::Problems::problems($records) ], [], 'true: the file is sound');
is(scalar PgTrace::File::cursors_like($records, qr/^SELECT length\('\dx+'\)$/),
	1, 'true: the one that fits is whole');
cmp_ok(-s $file, '<=', 2 * MB + 4096, 'true: the size of the file');
like(slurp_file($file), $limited, 'true: it says so');
cmp_ok(memory_kb(), '<=', MAX_MEMORY_KB, "true: the worker's memory in kB");

$node->stop;
done_testing();
