# What waits for files are for, other than plain reads and writes: other calls,
# other segments of a relation, files of transactions, WAL that is read, and
# temporary files that processes share; each where it is known beforehand.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::create_node(
	'main', {},
	'autovacuum' => 'off',
	'shared_buffers' => '1MB',
	'bgwriter_lru_maxpages' => 0,
	'fsync' => 'on',
	'max_parallel_workers' => 0,
	'parallel_setup_cost' => 0,
	'parallel_tuple_cost' => 0,
	'min_parallel_table_scan_size' => 0,
	'log_temp_files' => 0,
	'jit' => 'off',
	PgTrace::Node::read_itself());

# Transactions have got far enough that the state of an old one is in a file of
# its own, and not in memory: 32,768 to a block, 32 blocks to a file.
my ($old_xid, $next_xid) = (1_100_000, 1_200_000);
my ($xact_file, $xact_block) = ('0001', 1);
foreach my $file ([ '0000', 32 ], [ '0001', 5 ])
{
	my ($name, $blocks) = @$file;
	my $path = $node->data_dir . "/pg_xact/$name";

	append_to_file($path, '');
	truncate $path, $blocks * 8192 or die "$path: $!";
}
command_ok([ 'pg_resetwal', '-f', '-x', $next_xid, $node->data_dir ],
	'many transactions');
$node->start;

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

sql(<<'SQL');
CREATE EXTENSION pg_trace_bgw;
CREATE EXTENSION pg_walinspect;
CREATE TABLE t AS SELECT g AS id, repeat('x', 500) AS filler
  FROM generate_series(1, 3000) g;
CREATE TABLE i AS SELECT g AS id, repeat('x', 500) AS filler
  FROM generate_series(1, 3000) g;
CREATE INDEX ON i (id);
VACUUM FULL t;
VACUUM FULL i;
VACUUM ANALYZE;
SQL
my $session = PgTrace::Session->new($node);

sub numbers_of
{
	my ($relation) = @_;

	return split / /,
	  sql("SELECT oid || ' ' || pg_relation_filenode(oid) || ' ' ||"
		  . " pg_relation_size(oid) / 8192 FROM pg_class WHERE relname = '$relation'");
}

# The waits of a query for an event
sub waits_for
{
	my ($event, @queries) = @_;
	my $file = $session->query('SELECT pg_trace_start_trace()');

	$session->query($_) foreach @queries;
	$session->query('SELECT pg_trace_stop_trace()');
	my $records = PgTrace::File::parse($file);
	is_deeply([ PgTrace::Problems::problems($records) ], [], "$event: the trace is sound");
	my $name = PgTrace::Node::event($event);
	my @waits = grep { $_->{nam} eq $name }
	  map { $_->{fields} } PgTrace::File::of_type($records, 'WAIT');
	cmp_ok(scalar @waits, '>', 0, "$event: there are waits");
	return @waits;
}

# All that a wait is for, as one string
sub target_of
{
	my ($wait) = @_;

	return join ' ',
	  (map { "$_=$wait->{$_}" } split / /, $wait->{parameters}),
	  "obj#=$wait->{'obj#'}",
	  map { defined $wait->{$_} ? "$_=$wait->{$_}" : () } qw(fork file);
}

my $dbid = sql("SELECT oid FROM pg_database WHERE datname = 'postgres'");

# the end of a table is cut off
{
	sql('DELETE FROM t WHERE id > 1000');
	my ($oid, $filenode) = numbers_of('t');
	my @waits = grep { !defined $_->{fork} }
	  waits_for('DataFileTruncate', 'VACUUM t');
	my (undef, undef, $nblocks) = numbers_of('t');

	cmp_ok($nblocks, '<', 100, 'truncated: the table is shorter');
	is_deeply([ map { target_of($_) } @waits ],
		["file#=$filenode block#=$nblocks obj#=$oid file=$dbid/$filenode"],
		'truncated: to which block');
}

# blocks that are going to be read
{
	my ($oid, $filenode) = numbers_of('i');
	my %blocks = map { $_ => 1 } split /\n/,
	  sql('SELECT DISTINCT (ctid::text::point)[0] FROM i WHERE id % 100 = 0 AND id <= 1000');
	my $condition = 'id IN (' . join(', ', map { $_ * 100 } 1 .. 10) . ')';
	my @waits = waits_for('DataFilePrefetch',
		'SET enable_seqscan = off; SET enable_indexscan = off;'
		  . ' SET effective_io_concurrency = 100',
		# nothing of it may be in shared buffers
		'SELECT count(*) FROM t',
		"SELECT count(filler) FROM i WHERE $condition");

	my %wanted = map {
		("file#=$filenode block#=$_ blocks=1 obj#=$oid file=$dbid/$filenode" => 1)
	} keys %blocks;
	is_deeply([ grep { !$wanted{ target_of($_) } } @waits ],
		[], 'prefetched: blocks with the rows asked for');
	cmp_ok(scalar @waits, '>=', 3, 'prefetched: several');
}

# the kernel is asked to write
{
	my ($oid, $filenode, $nblocks) = numbers_of('i');
	my @waits = grep { ($_->{'file#'} // 0) == $filenode }
	  waits_for('DataFileFlush',
		"SET backend_flush_after = 8", "UPDATE i SET filler = repeat('y', 500)");
	my (undef, undef, $after) = numbers_of('i');

	cmp_ok(scalar @waits, '>', 0, 'flushed: the table');
	is_deeply(
		[
			grep {
				$_->{parameters} ne 'file# block# blocks'
				  || $_->{blocks} < 1
				  || $_->{'block#'} + $_->{blocks} > $after
				  || $_->{'obj#'} != $oid
			} @waits
		],
		[],
		'flushed: blocks that exist');
}

# the second file of a relation, most of which is a hole
{
	sql('CREATE TABLE long (id int); INSERT INTO long VALUES (1); CHECKPOINT');
	my ($oid, $filenode) = numbers_of('long');
	my $path = $node->data_dir . '/' . sql("SELECT pg_relation_filepath('long')");

	truncate $path, 1 << 30 or die "$path: $!";
	append_to_file("$path.1", '');
	truncate "$path.1", 20 * 8192 or die "$path.1: $!";
	my @waits = grep { $_->{'file#'} == $filenode }
	  waits_for('DataFileRead', "SELECT FROM long WHERE ctid = '(131085,1)'");

	is_deeply([ map { target_of($_) } @waits ],
		["file#=$filenode block#=131085 blocks=1 obj#=$oid file=$dbid/$filenode.1"],
		'second segment: the block in the relation');
	sql('DROP TABLE long');
}

# the state of an old transaction
is_deeply(
	[ map { target_of($_) }
		waits_for('SLRURead', "SELECT pg_xact_status('$old_xid')") ],
	["block#=$xact_block blocks=1 obj#=-1 file=pg_xact/$xact_file"],
	'transaction: the block that its state is in');

# WAL that is read
{
	my $lsn = sql('SELECT pg_switch_wal(); SELECT pg_current_wal_insert_lsn()');
	($lsn) = $lsn =~ /(\S+)\z/;
	# its end; the commit has it written, whatever else is
	my $end_lsn = sql("SELECT pg_logical_emit_message(true, '', repeat('x', 100000))");
	my $name = sql("SELECT pg_walfile_name('$end_lsn')");
	my $number = hex(substr $name, 8, 8) * 256 + hex(substr $name, 16);
	my ($from, $to) = map { hex((split m{/}, $_)[1]) % (16 << 20) } $lsn, $end_lsn;
	my %read = map { $_->{'block#'} => 1 }
	  grep { $_->{'log#'} == $number && $_->{file} eq "pg_wal/$name" && $_->{'obj#'} == -1 }
	  waits_for('WALRead',
		"SELECT count(*) FROM pg_get_wal_records_info('$lsn', '$end_lsn')");

	is_deeply(
		[ grep { !$read{$_} } int($from / 8192) .. int(($to - 1) / 8192) ],
		[], 'WAL: each block from one place to another is read');
	# the head of the next record is what shows the reader that it is at the end
	is_deeply([ grep { $_ > int(($to + 24) / 8192) } keys %read ],
		[], 'WAL: and none behind');
}

# temporary files that processes share
{
	my @waits = waits_for('BufFileWrite',
		"SET work_mem = '64kB'; SET enable_hashjoin = on; SET enable_mergejoin = off;"
		  . ' SET enable_nestloop = off; SET enable_seqscan = on;'
		  . ' ALTER TABLE i SET (parallel_workers = 2)',
		'SELECT count(a.filler || b.filler) FROM i a JOIN i b USING (id)');
	my %size = slurp_file($node->logfile) =~
	  m{temporary file: path "base/pgsql_tmp/(\S+fileset/\S+)", size (\d+)}g;
	my %written;

	foreach my $wait (@waits)
	{
		my $end = ($wait->{'block#'} + $wait->{blocks}) * 8192;

		$written{ $wait->{file} } = $end
		  if $end > ($written{ $wait->{file} } // 0);
	}
	cmp_ok(scalar keys %size, '>', 1, 'shared: there are temporary files');
	is_deeply(\%written, \%size, 'shared: each is written up to its end');
}

$session->close;
$node->stop;
done_testing();
