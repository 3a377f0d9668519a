# Waits for asynchronous I/O, which PostgreSQL has from 18 on: a process waits
# for the end of a read that it has started before, or that another process
# has.  What it waits for is known to PostgreSQL's view pg_aios at that time;
# here, an I/O worker is stopped for that.  Where there is no asynchronous I/O,
# there are no such waits, and all blocks are read by the process itself.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	# a share of the buffers that allows reads of several blocks
	'shared_buffers' => '8MB',
	'max_connections' => 10,
	'autovacuum' => 'off',
	'synchronize_seqscans' => 'off',
	'max_parallel_workers_per_gather' => 0,
	PgTrace::Node::major() >= 18 ? (
		'io_method' => 'sync',
		'io_workers' => 1,
		# more reads at a time than a process may have
		'io_max_concurrency' => 4,
		'effective_io_concurrency' => 16,
		'io_combine_limit' => '32kB'
	  ) : ());

# After VACUUM FULL, its file's number isn't the relation's OID any more.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t AS SELECT g AS id, repeat('x', 500) AS filler
  FROM generate_series(1, 20000) g;
CREATE INDEX t_id ON t (id);
VACUUM FULL t;
VACUUM ANALYZE t;
SQL
my $oid = $node->safe_psql('postgres', "SELECT 't'::regclass::oid");
my $filenode =
  $node->safe_psql('postgres', "SELECT pg_relation_filenode('t')");
my ($path) =
  $node->safe_psql('postgres', "SELECT pg_relation_filepath('t')") =~
  m{^base/(.*)};
my $nblocks =
  $node->safe_psql('postgres', "SELECT pg_relation_size('t') / 8192");
isnt($filenode, $oid, 'the numbers can be told apart');

sub waits_of
{
	my ($file) = @_;
	my $records = PgTrace::File::parse($file);

	is_deeply([ PgTrace::Problems::problems($records) ],
		[], 'the trace is sound');
	return map { $_->{fields} } PgTrace::File::of_type($records, 'WAIT');
}

# Is the wait for blocks of the table, as everything in its line says?
sub is_right
{
	my ($wait) = @_;

	return
		 $wait->{parameters} eq 'file# block# blocks'
	  && $wait->{'file#'} == $filenode
	  && $wait->{'obj#'} == $oid
	  && $wait->{file} eq $path
	  && !defined $wait->{fork}
	  && $wait->{blocks} > 0
	  && $wait->{'block#'} + $wait->{blocks} <= $nblocks;
}

# Start the server anew with these settings; false if it can't have them.
sub restart_with
{
	my (%settings) = @_;

	$node->append_conf('postgresql.conf',
		join('', map { "$_ = $settings{$_}\n" } sort keys %settings));
	$node->stop;
	return $node->start(fail_ok => 1);
}

# Trace a session that reads the whole table and then, for a few rows, blocks
# that aren't next to each other.
sub trace_scans
{
	my $session = PgTrace::Session->new($node);
	my $file = $session->query('SELECT pg_trace_start_trace()');

	is($session->query('SELECT count(filler) FROM t'), 20000, 'a scan');
	$session->query('SET enable_seqscan = off; SET enable_indexscan = off');
	is( $session->query(
			'SELECT count(filler) FROM t WHERE id % 400 = 0 AND id BETWEEN 1 AND 19000'
		),
		47,
		'a bitmap scan');
	$session->query('SELECT pg_trace_stop_trace()');
	$session->close;
	return waits_of($file);
}

sub blocks_of
{
	my %seen;

	foreach my $wait (@_)
	{
		$seen{$_} = 1
		  foreach $wait->{'block#'} .. $wait->{'block#'} + $wait->{blocks} - 1;
	}
	return [ sort { $a <=> $b } keys %seen ];
}

###############################################################################
# Without: each block is in a wait of the process that reads it
###############################################################################

{
	$node->restart;
	my @waits = trace_scans();
	my @reads = grep {
			 $_->{nam} eq 'DataFileRead'
		  && ($_->{'file#'} // 0) == $filenode
		  && !defined $_->{fork}
	} @waits;

	is_deeply(blocks_of(@reads), [ 0 .. $nblocks - 1 ],
		'the process itself reads each block');
	is_deeply([ grep { !is_right($_) } @reads ], [], 'of the table');
	is_deeply([ grep { $_->{nam} =~ /^Aio/ } @waits ],
		[], 'and waits for no other that does');
}

if (PgTrace::Node::major() < 18)
{
	is( $node->safe_psql('postgres',
			"SELECT count(*) FROM pg_settings WHERE name = 'io_method'"),
		0, 'there is no asynchronous I/O in this version');
	$node->stop;
	done_testing();
	exit;
}

###############################################################################
# Workers
###############################################################################

ok( restart_with(
		'io_method' => 'worker',
		'debug_io_direct' => "'data'"),
	'a server with I/O workers, and reads that take their time');

{
	my ($worker) = $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'io worker'");
	my $trace = $node->safe_psql('postgres',
		"SELECT pg_trace_session($worker)");
	my @waits = grep { $_->{nam} =~ /^Aio/ } trace_scans();

	cmp_ok(scalar @waits, '>', 20, 'waits for the worker');
	is_deeply([ grep { $_->{nam} ne 'AioIoCompletion' } @waits ],
		[], 'all of one kind');
	is_deeply([ grep { !is_right($_) } @waits ], [], 'for blocks of the table');
	cmp_ok(scalar(grep { $_->{blocks} > 1 } @waits),
		'>', 0, 'also for several at a time');

	# the worker knows the file, but not whose it is
	$node->safe_psql('postgres', "SELECT pg_trace_session($worker, false)");
	my @reads =
	  grep { $_->{nam} eq 'DataFileRead' && $_->{file} eq $path }
	  waits_of($trace);
	my %read = map { $_ => 1 } @{ blocks_of(@reads) };
	is_deeply([ grep { $_->{'obj#'} != -1 } @reads ], [], 'the worker reads');
	is_deeply([ grep { !$read{$_} } @{ blocks_of(@waits) } ],
		[], 'what is waited for');
}

# A worker that is stopped; another process needs the same block.
{
	my $control = PgTrace::Session->new($node);
	my $reader = PgTrace::Session->new($node);
	my $other = PgTrace::Session->new($node);
	my @files;

	# nothing else has to be read later
	$control->query(<<'SQL');
SELECT count(*) FROM pg_aios JOIN pg_stat_activity USING (pid)
SQL
	foreach my $session ($reader, $other)
	{
		$session->query('PREPARE q AS SELECT count(filler) FROM t');
		$session->query("PREPARE p AS SELECT count(*) FROM t WHERE ctid = '(0,1)'");
		$session->query("EXPLAIN EXECUTE $_") foreach 'q', 'p';
		push @files, $session->query('SELECT pg_trace_start_trace()');
	}
	# all of the table is gone from the buffers
	$control->query(
		'SELECT count(*) FROM (SELECT pg_buffercache_evict(bufferid) FROM pg_buffercache'
		  . " WHERE relfilenode = $filenode) s")
	  if $node->safe_psql('postgres', 'CREATE EXTENSION pg_buffercache') eq '';

	my $worker = $control->query(
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'io worker'");
	kill 'STOP', $worker;
	$reader->send('EXECUTE q');
	my $waits = sub
	{
		my ($session) = @_;

		foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
		{
			return 1
			  if $control->query(
				'SELECT wait_event FROM pg_stat_activity WHERE pid = '
				  . $session->pid) eq 'AioIoCompletion';
			select undef, undef, undef, 0.1;
		}
		return 0;
	};
	ok($waits->($reader), 'the reader waits for the worker');
	my $truth = $control->query(
		'SELECT off / 8192, length / 8192, target_desc FROM pg_aios'
		  . ' WHERE pid = ' . $reader->pid . ' ORDER BY off LIMIT 1');
	$other->send('EXECUTE p');
	ok($waits->($other), 'another process waits for the same');
	is( $control->query("SELECT count(*) FROM pg_aios WHERE state <> 'HANDED_OUT'"
			  . ' AND pid = ' . $other->pid),
		0, 'without an I/O of its own');
	$control->query('SELECT pg_sleep(0.3)');
	kill 'CONT', $worker;
	is($reader->wait, 20000, 'the reader goes on');
	is($other->wait, 1, 'and so does the other');

	my ($block, $blocks, $description) = split /\|/, $truth;
	like($description, qr/"base\/\Q$path\E"/, 'it is of the table');
	foreach my $session ($reader, $other)
	{
		$session->query('SELECT pg_trace_stop_trace()');
		my ($longest) =
		  grep { $_->{nam} eq 'AioIoCompletion' && $_->{ela} >= 300_000 }
		  waits_of(shift @files);

		ok(defined $longest && is_right($longest), 'the wait is for the table');
		is("$longest->{'block#'}|$longest->{blocks}",
			"$block|$blocks", 'for the blocks that pg_aios shows');
		$session->close;
	}
	$control->close;
}

###############################################################################
# io_uring
###############################################################################

SKIP:
{
	skip 'the kernel or the build has no io_uring: ' . slurp_file($node->logfile)
	  =~ s/.*^\S+ \S+ \S+ \[\d+\] (?:FATAL|LOG): +//msr, 5
	  unless restart_with('io_method' => 'io_uring');

	my @waits = trace_scans();
	my @submit = grep { $_->{nam} eq 'AioIoUringSubmit' } @waits;
	my @execution = grep { $_->{nam} eq 'AioIoUringExecution' } @waits;

	cmp_ok(scalar @execution, '>', 20, 'waits for the kernel');
	is_deeply([ grep { !is_right($_) } @execution ],
		[], 'for blocks of the table');
	cmp_ok(scalar(grep { is_right($_) } @submit),
		'>', 20, 'what is given to the kernel');
	is_deeply(
		[
			grep { !is_right($_) && ($_->{parameters} ne 'p1 p2 p3') } @submit
		],
		[],
		'or nothing is said of several in one go');
}

$node->stop;
done_testing();
