# What waits for files are for: file, block and relation, by what PostgreSQL
# says of its files; WAL segments; temporary files.  No guess: a relation that
# isn't known is -1, and a wait for anything else has no file.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'shared_buffers' => '4MB',
	'autovacuum' => 'off',
	'fsync' => 'on',
	'synchronize_seqscans' => 'off',
	'wal_level' => 'replica',
	'wal_recycle' => 'off',
	'max_parallel_workers_per_gather' => 0,
	'log_temp_files' => 0,
	'temp_buffers' => '800kB',
	PgTrace::Node::read_itself());

# After VACUUM FULL, no file's number is its relation's OID any more.
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pageinspect;
CREATE TABLE t AS SELECT g AS id, repeat('x', 500) AS filler
  FROM generate_series(1, 3000) g;
CREATE TABLE i (id int PRIMARY KEY, filler text);
INSERT INTO i SELECT g, repeat('y', 100) FROM generate_series(1, 20000) g;
CREATE TABLE big (id int, value text);
ALTER TABLE big ALTER value SET STORAGE EXTERNAL;
INSERT INTO big SELECT g, repeat('z', 20000) FROM generate_series(1, 20) g;
VACUUM FULL t;
VACUUM FULL i;
VACUUM FULL big;
VACUUM FULL pg_attribute;
VACUUM FULL pg_shdescription;
VACUUM ANALYZE;
SQL
$node->restart;

my %oid = split /[|\n]/, $node->safe_psql('postgres', <<'SQL');
SELECT oid::regclass::text, oid FROM pg_class WHERE oid::regclass::text
  IN ('t', 'i', 'i_pkey', 'big', 'pg_attribute', 'pg_shdescription')
UNION ALL SELECT 'toast', reltoastrelid FROM pg_class WHERE relname = 'big'
UNION ALL SELECT 'toast_index', indexrelid FROM pg_index
  JOIN pg_class ON indrelid = reltoastrelid WHERE relname = 'big'
SQL

sub filenode
{
	my ($relation) = @_;

	return $node->safe_psql('postgres',
		"SELECT pg_relation_filenode($oid{$relation})");
}

my %filenode = map { $_ => filenode($_) } keys %oid;
my $session = PgTrace::Session->new($node);
my $pid = $session->pid;

# files that were opened before the trace began have to be known as well
$session->query('SELECT filler FROM i WHERE id = 1');
my $file = $session->query('SELECT pg_trace_start_trace()');

$session->query('SELECT sum(length(filler)) FROM t');
$session->query('SELECT filler FROM i WHERE id = 7777');
$session->query('SELECT length(value) FROM big WHERE id = 1');
$session->query('SELECT substr(value, 10000, 1) FROM big WHERE id = 1');
$session->query('SELECT count(*) FROM pg_attribute');
$session->query('SELECT count(*) FROM pg_shdescription');
$session->query('VACUUM (DISABLE_PAGE_SKIPPING) big');
$session->query('CREATE TABLE copy AS SELECT * FROM t');
$session->query('CREATE TEMP TABLE temporary AS SELECT * FROM t');
$session->query('SELECT count(*) FROM temporary');
$session->query("SET work_mem = '64kB'");
$session->query(
	'SELECT count(*) FROM (SELECT * FROM i ORDER BY filler, id OFFSET 1) s');
$session->query('VACUUM FULL copy');
$session->query('SELECT count(*) FROM t');
$session->query('SELECT count(*) FROM copy');
my $lsn = $session->query('SELECT pg_current_wal_insert_lsn()');
my $wal_file = $session->query('SELECT pg_walfile_name(pg_current_wal_lsn())');
$session->query('CREATE TABLE small AS SELECT 1 AS n');
my $end_lsn = $session->query('SELECT pg_current_wal_lsn()');
$session->query('SELECT pg_sleep(0.01)');
my %later = split /[|\n]/, $session->query(<<'SQL');
SELECT relname, oid || ' ' || pg_relation_filenode(oid) || ' '
  || pg_relation_size(oid) / 8192 FROM pg_class
  WHERE relname IN ('copy', 'temporary')
SQL
$session->query('SELECT pg_trace_stop_trace()');

my $records = PgTrace::File::parse($file);
is_deeply([ PgTrace::Problems::problems($records) ], [], 'the trace is sound');
my @waits = map { $_->{fields} } PgTrace::File::of_type($records, 'WAIT');

# The waits for an event in a file of a relation
sub waits_in
{
	my ($event, $filenode, $fork) = @_;

	return grep {
			 $_->{nam} eq $event
		  && defined $_->{'file#'}
		  && $_->{'file#'} == $filenode
		  && ($_->{fork} // 'main') eq ($fork // 'main')
	} @waits;
}

sub blocks_of { return [ sort { $a <=> $b } map { $_->{'block#'} } @_ ]; }

# All blocks that the waits are for, in their order
sub each_block
{
	return map { $_->{'block#'} .. $_->{'block#'} + $_->{blocks} - 1 } @_;
}

# each wait's relation by PostgreSQL's own means, and the path of its file
{
	my (%seen, @wrong, @unknown);

	foreach my $wait (grep { defined $_->{'file#'} } @waits)
	{
		my $fork = defined $wait->{fork} ? "_$wait->{fork}" : '';

		push @wrong, "$wait->{file}: file#=$wait->{'file#'} fork=$fork"
		  unless $wait->{file} =~
		  m{^(\d+|global)/(?:t\d+_)?(\d+)$fork$} && $2 == $wait->{'file#'};
		push @unknown, $wait->{file}
		  if $wait->{'obj#'} == -1 && $wait->{nam} eq 'DataFileRead';
		next if $wait->{'obj#'} == -1 || $wait->{file} =~ m{/t};
		$seen{"$wait->{file} $wait->{'file#'} $wait->{'obj#'}"} = 1;
	}
	is_deeply(\@wrong, [], 'file# and fork are those of the path');
	is_deeply(\@unknown, [], 'the relation of each read is known');
	cmp_ok(scalar keys %seen, '>', 20, 'enough relations');

	# the new files of VACUUM FULL are at first those of tables of their own
	my %rewritten = map { $_ => 1 } split /\n/,
	  $node->safe_psql('postgres', <<'SQL');
WITH tables AS (SELECT oid, reltoastrelid FROM pg_class WHERE relname = 'copy')
SELECT oid FROM tables UNION SELECT reltoastrelid FROM tables
UNION SELECT indexrelid FROM pg_index, tables WHERE indrelid = reltoastrelid
SQL

	@wrong = ();
	foreach my $key (sort keys %seen)
	{
		my ($path, $filenode, $relation) = split / /, $key;
		my $tablespace = $path =~ /^global/ ? 1664 : 0;
		my $truth = $node->safe_psql('postgres',
			"SELECT pg_filenode_relation($tablespace, $filenode)::oid");

		# what was dropped meanwhile isn't in the catalog any more
		push @wrong, "$key, not $truth"
		  unless $truth eq ''
		  || $truth eq $relation
		  || ($rewritten{$truth} && $filenode == $relation);
	}
	is_deeply(\@wrong, [], 'each is the relation that has the file');
}

# blocks of a sequential scan, an index scan, out of line values
{
	my $nblocks = $node->safe_psql('postgres',
		"SELECT pg_relation_size('t') / 8192");
	my @reads = waits_in('DataFileRead', $filenode{t});

	isnt($filenode{t}, $oid{t}, 'the numbers can be told apart');
	is_deeply(
		[ map { $_->{'block#'} } @reads[ 0 .. $nblocks - 1 ] ],
		[ 0 .. $nblocks - 1 ],
		'a sequential scan reads each block in order');
	is_deeply([ grep { $_->{'obj#'} != $oid{t} || $_->{blocks} != 1 } @reads ],
		[], 'of this table, one at a time');

	my ($heap_block) = $node->safe_psql('postgres',
		'SELECT ctid FROM i WHERE id = 7777') =~ /^\((\d+),/;
	my $path = $node->safe_psql('postgres', <<'SQL');
SELECT string_agg(block::text, ' ' ORDER BY block) FROM
  generate_series(1, (SELECT pg_relation_size('i_pkey') / 8192)::int - 1) block
  WHERE (SELECT type FROM bt_page_stats('i_pkey', block)) = 'l'
  AND EXISTS (SELECT FROM bt_page_items('i_pkey', block)
    WHERE ctid = (SELECT ctid FROM i WHERE id = 7777))
SQL
	is_deeply(
		[ map { $_->{'block#'} } waits_in('DataFileRead', $filenode{i_pkey}) ],
		[$path],
		'an index scan reads the leaf that has the key (root and meta are cached)'
	);
	ok((grep { $_->{'block#'} == $heap_block && $_->{'obj#'} == $oid{i} }
			waits_in('DataFileRead', $filenode{i})),
		'and the block that has the row');

	foreach my $relation ('toast', 'toast_index', 'pg_attribute',
		'pg_shdescription')
	{
		my @found = waits_in('DataFileRead', $filenode{$relation});

		cmp_ok(scalar @found, '>', 0, "$relation is read");
		is_deeply([ grep { $_->{'obj#'} != $oid{$relation} } @found ],
			[], 'and its relation known');
	}
	like((waits_in('DataFileRead', $filenode{pg_shdescription}))[0]{file},
		qr{^global/}, 'of a shared one, too');

	my @vm = waits_in('DataFileRead', $filenode{big}, 'vm');
	cmp_ok(scalar @vm, '>', 0, 'the visibility map is read');
	is_deeply(
		[ grep { $_->{'block#'} != 0 || $_->{'obj#'} != $oid{big} } @vm ],
		[], 'its first block, of the right table');
}

# files that were made while traced
{
	my ($temporary_oid, $temporary, $size) = split / /, $later{temporary};
	my @extends =
	  grep { $_->{file} =~ m{/t\d+_$temporary$} }
	  waits_in('DataFileExtend', $temporary);
	my $nblocks = $node->safe_psql('postgres',
		"SELECT pg_relation_size('t') / 8192");

	cmp_ok($size, '>=', $nblocks, 'a copy is not smaller');
	is_deeply([ each_block(@extends) ],
		[ 0 .. $size - 1 ], 'a temporary table grows block by block');
	is( scalar(grep { $_->{blocks} > 1 } @extends) > 0,
		PgTrace::Node::major() >= 16,
		'by several at a time from 16 on');
	is_deeply([ grep { $_->{'obj#'} != $temporary_oid } @extends ],
		[], 'and its relation is known');

	my ($copy_oid, $copy) = split / /, $later{copy};
	my @reads = waits_in('DataFileRead', $copy);
	is_deeply(blocks_of(@reads), [ 0 .. $nblocks - 1 ],
		'the new file of VACUUM FULL is read');
	is_deeply([ grep { $_->{'obj#'} != $copy_oid } @reads ],
		[], 'as the old relation');
}

# temporary files, and their sizes as the server logs them
{
	my %size = slurp_file($node->logfile) =~
	  m{temporary file: path "base/(pgsql_tmp/pgsql_tmp$pid\.\d+)", size (\d+)}g;
	my %written;

	foreach my $wait (grep { $_->{nam} eq PgTrace::Node::event('BufFileWrite') } @waits)
	{
		my $end = ($wait->{'block#'} + $wait->{blocks}) * 8192;

		$written{ $wait->{file} } = $end
		  if $end > ($written{ $wait->{file} } // 0);
	}
	cmp_ok(scalar keys %size, '>', 0, 'there are temporary files');
	is_deeply(\%written, \%size, 'each is written up to its end');
	is_deeply(
		[
			grep { $_->{nam} eq PgTrace::Node::event('BufFileRead') && !$size{ $_->{file} } } @waits
		],
		[],
		'and nothing else is read as one');
}

# the WAL
{
	my $number = hex(substr $wal_file, 8, 8) * 256 + hex(substr $wal_file, 16);
	my ($from, $to) = map { hex((split m{/}, $_)[1]) % (16 << 20) } $lsn,
	  $end_lsn;
	my @wal = grep { $_->{nam} =~ /^WAL(Write|Sync)$/i && $_->{type} eq 'IO' } @waits;
	my @writes = grep {
			 $_->{nam} eq PgTrace::Node::event('WALWrite')
		  && $_->{'log#'} == $number
		  && $_->{'block#'} * 8192 <= $to
		  && ($_->{'block#'} + $_->{blocks}) * 8192 > $from
	} @wal;
	my @syncs = grep { $_->{nam} eq PgTrace::Node::event('WALSync') } @wal;

	cmp_ok(scalar @writes, '>', 0, 'the records were written to their place');
	is($writes[-1]{file}, "pg_wal/$wal_file", 'in their segment');
	cmp_ok(scalar @syncs, '>', 0, 'and the segment was flushed');
	is($syncs[-1]{'log#'}, $number, 'which is known');
	is($syncs[-1]{parameters}, 'log#', 'and nothing but it');
	is_deeply(
		[ grep { $_->{file} !~ m{^pg_wal/[0-9A-F]{24}$} || $_->{'obj#'} != -1 }
			  @wal ],
		[],
		'all are for segments');
}

# the checkpointer
{
	my $checkpointer = $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
	my $trace = $node->safe_psql('postgres',
		"SELECT pg_trace_session($checkpointer)");

	$node->safe_psql('postgres', 'UPDATE t SET id = id; CHECKPOINT');
	$node->safe_psql('postgres', "SELECT pg_trace_session($checkpointer, false)");
	$records = PgTrace::File::parse($trace);
	is_deeply([ PgTrace::Problems::problems($records) ], [], 'the trace is sound');
	@waits = map { $_->{fields} } PgTrace::File::of_type($records, 'WAIT');

	my $nblocks = $node->safe_psql('postgres',
		"SELECT pg_relation_size('t') / 8192");
	my %written =
	  map { $_->{'block#'} => 1 } waits_in('DataFileWrite', $filenode{t});
	is_deeply([ grep { $_ < 0 || $_ >= $nblocks } keys %written ],
		[], 'a checkpoint writes blocks that exist');
	cmp_ok(scalar keys %written, '>', 0, 'of the table that was changed');
	my @syncs = waits_in('DataFileSync', $filenode{t});
	is(scalar @syncs, 1, 'and flushes its file once');
	is($syncs[0]{parameters}, 'file#', 'as a whole');
	is_deeply([ map { $_->{file} } grep { $_->{nam} eq 'ControlFileSyncUpdate' } @waits ],
		['global/pg_control'], 'and the control file');
	ok( (grep { $_->{nam} =~ /^SLRU/i && $_->{file} =~ m{^pg_xact/[0-9A-F]{4}$} }
			@waits),
		'and the commit log');
}

# and what isn't for a file doesn't have one
@waits = map { $_->{fields} } PgTrace::File::of_type(PgTrace::File::parse($file), 'WAIT');
is_deeply(
	[ grep { $_->{parameters} ne ($_->{type} eq 'Client' ? '#bytes' : 'p1 p2 p3') }
		  grep { $_->{type} ne 'IO' } @waits ],
	[], 'other waits have no parameters of files');
is_deeply([ grep { $_->{type} ne 'IO' && defined $_->{file} } @waits ],
	[], 'and no file');
my %without = map { $_->{nam} => 1 } grep { $_->{type} eq 'IO' && !defined $_->{file} } @waits;
is_deeply([ sort keys %without ], [], 'each wait for I/O has its file');

$session->close;

# A new WAL segment is written by another name first.
{
	my $other = PgTrace::Session->new($node);

	$file = $other->query('SELECT pg_trace_start_trace()');
	$other->query("SELECT pg_logical_emit_message(false, '', repeat('x', 100000));"
		  . ' SELECT pg_switch_wal()') for 1 .. 5;
	$other->query('SELECT pg_trace_stop_trace()');
	$other->close;
	my @wal = grep { $_->{nam} =~ /^WAL/i && $_->{type} eq 'IO' }
	  map { $_->{fields} } PgTrace::File::of_type(PgTrace::File::parse($file), 'WAIT');
	my %names = map {
		("$_->{nam} " . ($_->{file} =~ m{^pg_wal/([0-9A-F]{24}|xlogtemp)}
				? ($1 eq 'xlogtemp' ? $1 : 'segment')
				: $_->{file})
			=> 1)
	} @wal;
	is_deeply(
		[ grep { !/^WAL(Init(Sync|Write) xlogtemp|(Sync|Write) segment)$/i }
			  keys %names ],
		[],
		'a new segment is known by its temporary name, then by its own');
	# other processes may have been faster to make one
	ok($names{PgTrace::Node::event('WALWrite') . ' segment'}, 'and written');
}

# What a file is for is found out by the probes of the wait itself.
{
	my $hits = sub
	{
		return $node->safe_psql('postgres',
			'SELECT probe_hits FROM pg_trace_worker');
	};
	my $other = PgTrace::Session->new($node);
	my $before = $hits->();

	$file = $other->query('SELECT pg_trace_start_trace()');
	$other->query('SELECT count(*) FROM t') for 1 .. 60;
	$other->query('SELECT pg_trace_stop_trace()');
	$other->close;
	PgTrace::Node::wait_until_untraced($node);

	my $count = PgTrace::File::of_type(PgTrace::File::parse($file), 'WAIT');
	my $reads = grep { $_->{fields}{nam} eq 'DataFileRead' }
	  PgTrace::File::of_type(PgTrace::File::parse($file), 'WAIT');
	my $extra = $hits->() - $before - 2 * $count;

	# From 17 on, whose blocks they are is known by the call that reads, and by
	# that for the relation's size: once to plan, once to scan; and which kind
	# of read it is is decided between the wait's start and the call.
	$extra -= 2 * $reads + 2 * 60 if PgTrace::Node::major() >= 17;
	cmp_ok($count, '>', 250, 'many waits');
	cmp_ok(abs $extra, '<', $count / 2,
		'two hits each, but for relations that are opened and closed');
	note("$count waits, $extra further hits");
}

# A file changes hands in VACUUM FULL, and is read at commit for the WAL's sake
# when PostgreSQL itself doesn't know whose it is.
$node->append_conf('postgresql.conf',
	"wal_level = minimal\nmax_wal_senders = 0\n");
$node->restart;
$session = PgTrace::Session->new($node);
$file = $session->query('SELECT pg_trace_start_trace()');
$session->query('VACUUM FULL copy');
$session->query('SELECT pg_trace_stop_trace()');
$records = PgTrace::File::parse($file);
is_deeply([ PgTrace::Problems::problems($records) ], [], 'the trace is sound');
@waits = map { $_->{fields} } PgTrace::File::of_type($records, 'WAIT');
my $copy = $node->safe_psql('postgres', "SELECT pg_relation_filenode('copy')");
my @reads = waits_in('DataFileRead', $copy);
cmp_ok(scalar @reads, '>', 0, 'the new file is read at commit');
is_deeply([ grep { $_->{'obj#'} != -1 } @reads ],
	[], 'as that of an unknown relation');
$session->close;
done_testing();
