
# pg_trace.compression: complete files become <name>.zst, in the place of the
# plain ones, with the same contents, time and owner; files that are being
# written, or have no end, stay as they are.

use strict;
use warnings;

use PgTrace::Check;
use PgTrace::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main');
my $directory = $node->data_dir . '/pg_trace';

sub wait_until
{
	my ($condition) = @_;

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if $condition->();
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

# Two traces that are complete, one that isn't, and one that has no end
my @files;
foreach my $i (1 .. 2)
{
	my $session = PgTrace::Session->new($node);

	push @files, $session->query('SELECT pg_trace_start_trace()');
	$session->query("SELECT g, $i FROM generate_series(1, 10) g")
	  foreach 1 .. 200;
	$session->close;
	PgTrace::Node::wait_for_end($node, $files[-1]);
}
my $session = PgTrace::Session->new($node);
my $open = $session->query('SELECT pg_trace_start_trace()');
my $folder = $files[0] =~ s{/[^/]*$}{}r;
my $endless = "$folder/pg_trace_1_20260101T000000.trc";
append_to_file($endless, "line\nanother line\n");

my %contents = map { $_ => slurp_file($_) } @files;
my %changed = map { $_ => (stat $_)[9] } @files;
# as a crash in the middle of a compression leaves it
append_to_file("$files[0].new", 'half of it');

PgTrace::Node::set($node, 'pg_trace.compression', 'zstd');
ok(wait_until(sub { return !grep { -e } @files }),
	'complete files are compressed');
ok(!-e "$files[0].new", 'what an earlier one has left is gone');
foreach my $file (@files)
{
	my ($compressed) = "$file.zst";
	my ($out, $error) = run_command([ 'zstd', '-dcq', $compressed ]);
	my @stat = stat $compressed;

	is("$out\n", $contents{$file}, 'zstd decompresses it to what it was');
	is($stat[2] & 07777, 0600, 'it is nobody else\'s');
	is($stat[9], $changed{$file}, 'its time is that of the trace\'s end');
	cmp_ok($stat[7], '<', length($contents{$file}) / 5,
		'it has less than a fifth of the bytes');
	is_deeply(
		PgTrace::File::parse($compressed),
		PgTrace::File::parse_text($compressed, $contents{$file}),
		'tests read it as they do a plain one');
}
ok(-e $open && !-e "$open.zst", 'one that is being written is not');
ok(-e $endless && !-e "$endless.zst", 'nor one that has no end');
is_deeply(
	[ sort(PgTrace::Node::trace_files($node)) ],
	[ sort(map({ "$_.zst" } @files), $open, $endless) ],
	'files that are listed');

# The view
is( $node->safe_psql('postgres', <<"SQL"), "compressed|postgres|t|t\ncompressed|postgres|t|t", 'the view has their heads');
SELECT state, datname, ended_at > started_at, bytes < 30000 FROM pg_trace_files
WHERE state = 'compressed'
SQL

# When it ends
$session->query("SELECT 'to the end'");
$session->close;
ok(wait_until(sub { return -e "$open.zst" && !-e $open }),
	'a trace that ends is compressed then');
my $records = PgTrace::File::parse("$open.zst");
is_deeply([ PgTrace::Problems::problems($records) ], [], 'and is sound');
is(scalar PgTrace::File::cursors_like($records, qr/^SELECT 'to the end'/),
	1, 'with all that it had');

# By the name that it had
cmp_ok($node->safe_psql('postgres', "SELECT pg_trace_remove('$files[0]')"),
	'>', 100, 'it can be removed by the name that it had');
ok(!-e "$files[0].zst", 'and is gone');

$node->stop;
done_testing();
