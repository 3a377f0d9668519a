# A file's number means another relation once the file has changed hands or was
# dropped and its number used again.  A session that had it open knows nothing
# of that, and may still wait for it: when it writes what others have changed.
# Then the relation isn't known, and is not the one that it was.

use strict;
use warnings;

use PgTrace::Node;
use Test::More;

# Nobody else writes changed blocks.
my $node = PgTrace::Node::new_node(
	'main',
	'wal_level' => 'replica',
	'shared_buffers' => '1MB',
	'autovacuum' => 'off',
	'bgwriter_lru_maxpages' => 0,
	'checkpoint_timeout' => '1d',
	'max_parallel_workers_per_gather' => 0,
	PgTrace::Node::read_itself());
$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION set_next_oid(oid) RETURNS void STRICT LANGUAGE C
  AS '$ENV{PGT_TEST_BIN}/next_oid';
CREATE TABLE t AS SELECT g AS id, repeat('x', 500) AS filler
  FROM generate_series(1, 500) g;
CREATE TABLE dropped AS SELECT * FROM t;
VACUUM FULL t;
VACUUM FULL dropped;
CREATE TABLE room (filler text);
SQL

sub sql
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

# A relation's OID and the number of its file
sub numbers_of
{
	my ($relation) = @_;

	return split / /,
	  sql("SELECT oid || ' ' || pg_relation_filenode(oid) FROM pg_class"
		  . " WHERE relname = '$relation'");
}

my $session = PgTrace::Session->new($node);

# Have the session write all changed blocks, by needing their room.
sub write_all
{
	$session->query("INSERT INTO room SELECT repeat('z', 1900)"
		  . ' FROM generate_series(1, 1500)');
	return;
}

# The relations that the session's waits for an event in a file were for
sub relations_of
{
	my ($trace, $event, $file) = @_;
	my $records = PgTrace::File::parse($trace);
	my %relations;

	is_deeply([ PgTrace::Problems::problems($records) ], [], 'the trace is sound');
	foreach my $wait (map { $_->{fields} } PgTrace::File::of_type($records, 'WAIT'))
	{
		$relations{ $wait->{'obj#'} }++
		  if $wait->{nam} eq $event && ($wait->{'file#'} // 0) == $file;
	}
	return [ sort keys %relations ];
}

# The new file of VACUUM FULL is at first that of a table that is dropped then.
my ($oid, $before) = numbers_of('t');
my $trace = $session->query('SELECT pg_trace_start_trace()');
$session->query('VACUUM FULL t');
my (undef, $after) = numbers_of('t');
sql("UPDATE t SET filler = repeat('y', 500)");
write_all();
$session->query('SELECT pg_trace_stop_trace()');
isnt($after, $before, 'VACUUM FULL: a new file');
is_deeply(relations_of($trace, 'DataFileRead', $before),
	[$oid], 'VACUUM FULL: the old one is read as that of the table');
is_deeply(relations_of($trace, 'DataFileWrite', $after),
	[-1], 'VACUUM FULL: what others have changed in the new one is written');

# A table is dropped by another session, and the next one has its number.
($oid, my $file) = numbers_of('dropped');
isnt($oid, $file, 'used again: the numbers can be told apart');
$trace = $session->query('SELECT pg_trace_start_trace()');
$session->query('SELECT count(filler) FROM dropped');
sql('DROP TABLE dropped');
# the file is kept until the first, the number in pg_class until the second
sql('CHECKPOINT');
sql('VACUUM pg_class');
sql("SELECT set_next_oid($file)");
sql('CREATE TABLE successor (filler text);'
	  . " INSERT INTO successor SELECT repeat('y', 500) FROM generate_series(1, 500)");
my ($successor, $used_again) = numbers_of('successor');
is($used_again, $file, 'used again: by another table');
write_all();
$session->query('SELECT pg_trace_stop_trace()');
is_deeply(relations_of($trace, 'DataFileRead', $file),
	[$oid], 'used again: the file is read as that of the first table');
is_deeply(relations_of($trace, 'DataFileWrite', $file),
	[-1], 'used again: and written as that of an unknown one');

# Whoever opens it knows.
$trace = $session->query('SELECT pg_trace_start_trace()');
$session->query('SELECT count(filler) FROM successor');
write_all();
sql("UPDATE successor SET filler = repeat('x', 500)");
write_all();
$session->query('SELECT pg_trace_stop_trace()');
is_deeply(relations_of($trace, 'DataFileRead', $file),
	[$successor], 'opened: the file is read as that of the second table');
is_deeply(relations_of($trace, 'DataFileWrite', $file),
	[$successor], 'opened: and written as such');

$session->close;
$node->stop;
done_testing();
