# Functions that are called by protocol message, as libpq's PQfn() and its
# functions for large objects do, have an EXEC with all that happens in them.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use Test::More;

my $node = PgTrace::Node::new_node('main');
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION counts(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(0.05);
	RETURN (SELECT count(*) FROM generate_series(1, n));
END $$;
CREATE FUNCTION fails(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN 1 / (n - n);
END $$;
CREATE FUNCTION catches(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM fails(n);
	RETURN 0;
EXCEPTION WHEN division_by_zero THEN
	RETURN n;
END $$;
SQL

sub oid
{
	return $node->safe_psql('postgres', "SELECT '$_[0]'::regprocedure::oid");
}

my %oid = map { $_ => oid($_) }
  ('counts(int)', 'fails(int)', 'catches(int)', 'lo_creat(int)',
	'lo_open(oid,int)', 'loread(int,int)');

my $client = PgTrace::Protocol->new($node, options => '-c pg_trace.session=on');
my $file = session_file($node, $client);

# The result in the answer, or its SQLSTATE
sub result
{
	my ($name, @values) = @_;
	my @answer = $client->function($oid{$name}, @values)->sync;
	my ($result) = map { unpack 'x4 a*', $_->[1] } grep { $_->[0] eq 'V' } @answer;
	my @tags = PgTrace::Protocol::tags(@answer);

	return $result // "@tags";
}

is(result('counts(int)', 3), 3, 'a function');
is(result('fails(int)', 3), '22012', 'one that fails');
is(result('catches(int)', 3), 3, 'one that catches an error');
$client->query('BEGIN')->sync;
my $lo = result('lo_creat(int)', 393216);
cmp_ok($lo, '>', 0, 'a large object is created');
my $fd = result('lo_open(oid,int)', $lo, 393216);
is($fd, 0, 'opened');
is(result('loread(int,int)', $fd, 10), '\x', 'and read');
$client->query('COMMIT')->sync;
is(result('counts(int)', 4), 4, 'the first one again');
$client->close;

my $trace = read_trace($node, $file);
my @calls = map {
	my ($cursor) = cursors_of($trace, qr/^\Q<fast-path call> $_\E$/);
	my $fields = defined $cursor ? $cursor->{fields} : {};

	"$_ " . join ' ', $fields->{oct} // 'no', $fields->{dep} // 'no',
	  scalar calls_of($trace, qr/^\Q<fast-path call> $_\E$/, 'EXEC');
} ('public.counts(integer)', 'public.fails(integer)',
	'public.catches(integer)', 'pg_catalog.lo_creat(integer)',
	'pg_catalog.lo_open(pg_catalog.oid,integer)', 'pg_catalog.loread(integer,integer)');
is_deeply(
	\@calls,
	[
		'public.counts(integer) 47 0 2',
		'public.fails(integer) 47 0 1',
		'public.catches(integer) 47 0 1',
		'pg_catalog.lo_creat(integer) 47 0 1',
		'pg_catalog.lo_open(pg_catalog.oid,integer) 47 0 1',
		'pg_catalog.loread(integer,integer) 47 0 1'
	],
	'each call has its line');
my ($first) = calls_of($trace, qr/^<fast-path call> public.counts/, 'EXEC');
cmp_ok($first->{fields}{e}, '>=', 50_000, 'with its time');
is($first->{fields}{r}, 1, 'and its result');
my @sleeps = grep { $_->{fields}{nam} eq 'PgSleep' } PgTrace::File::of_type($trace, 'WAIT');
is(scalar @sleeps, 2, 'waits within');
my @nested = grep { $_->{fields}{dep} == 1 } calls_below($trace, $first);
cmp_ok(scalar @nested, '>', 0, 'what it runs is nested in it');
is_deeply([ lines($trace, qr/^<fast-path call> public.fails/) ],
	[ 'EXEC', 'ERROR' ], 'an error ends it');
is_deeply([ lines($trace, qr/^<fast-path call> public.catches/) ],
	['EXEC'], 'unless it was caught');
is_deeply(
	[ map { $_->{fields}{sqlstate} } PgTrace::File::of_type($trace, 'ERROR') ],
	['22012', '22012'], 'SQLSTATE')
  or note explain [ PgTrace::File::of_type($trace, 'ERROR') ];

# untraced sessions, and functions in queries
my $plain = PgTrace::Protocol->new($node);
$plain->function($oid{'counts(int)'}, 1)->sync;
$plain->close;
$trace = trace($node, 'SELECT counts(2)', 'DO $$ BEGIN PERFORM counts(1); END $$');
is(scalar cursors_of($trace, qr/fast-path/), 0, 'nothing else is taken for one');
clean_files($node);
done_testing();
