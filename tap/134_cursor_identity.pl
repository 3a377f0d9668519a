# A cursor of the trace is one statement of one user: neither a hash nor the
# beginning of a text is enough to be taken for another.

use strict;
use warnings;

use PgTrace::HashCollision;
use PgTrace::Node;
use PgTrace::Check;
use Test::More;

my $node = PgTrace::Node::new_node('main');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE owner_of_function SUPERUSER;
CREATE TABLE t (id int);
CREATE FUNCTION definer() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN RETURN (SELECT count(*) FROM t); END $$;
CREATE FUNCTION invoker() RETURNS int LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT count(*) FROM t); END $$;
ALTER FUNCTION definer() OWNER TO owner_of_function;
SQL
my %uid = map { split /\|/ } split /\n/,
  $node->safe_psql('postgres', 'SELECT rolname, oid FROM pg_roles');
my $self = $node->safe_psql('postgres', 'SELECT current_user');

# the same text at the same depth, as two users
my $trace = trace($node, 'SELECT invoker()', 'SELECT definer()', 'SELECT invoker()');
is_deeply(
	[ map { $_->{fields}{uid} } cursors_of($trace, qr/^\(?SELECT count\(\*\) FROM t/) ],
	[ $uid{$self}, $uid{owner_of_function} ],
	'SECURITY DEFINER has a cursor of its own');

$trace = trace($node, 'SELECT 1 FROM t', 'SET ROLE owner_of_function',
	'SELECT 1 FROM t', 'RESET ROLE', 'SELECT 1 FROM t');
is_deeply([ map { $_->{fields}{uid} } cursors_of($trace, qr/^SELECT 1 FROM t/) ],
	[ $uid{$self}, $uid{owner_of_function} ], 'so has another role');

$trace = trace($node, 'SELECT 2 FROM t', 'SET compute_query_id = off',
	'SELECT 2 FROM t', 'SELECT 2 FROM t');
is(scalar cursors_of($trace, qr/^SELECT 2 FROM t/), 2, 'a query identifier');

# same text, another table: with the identifier computed
$trace = trace($node, { set => { compute_query_id => 'on' } },
	'CREATE SCHEMA s CREATE TABLE t (other text)',
	'SELECT 3 FROM t', 'SET search_path = s', 'SELECT 3 FROM t');
is(scalar cursors_of($trace, qr/^SELECT 3 FROM t/), 2, 'another search path');

# Texts that are made to have the same hash, by a comment
my $first = 'SELECT count(*) FROM t /* ' . ('-' x 60) . ' */';
my @texts = (
	$first,
	colliding_text($first, 'UPDATE t SET id = 666'),
	colliding_text($first, 'SELECT 666 FROM t'));
$trace = trace($node, { set => { compute_query_id => 'off' } }, @texts, $first);
my @colliding = cursors_of($trace, qr/-- \*\/$/);
is(scalar(grep { $_->{fields}{hv} != $colliding[0]{fields}{hv} } @colliding),
	0, 'the hash is the same');
is_deeply([ map { $_->{text} } @colliding ],
	\@texts, 'each text is in the file');
is_deeply([ map { scalar calls_of($trace, qr/^\Q$_\E$/, 'EXEC') } @texts ],
	[ 2, 1, 1 ], 'and has its calls');

# Texts that begin alike and are cut
my $long = '/* ' . ('x' x 5000) . ' */';
$trace = trace($node, { set => { 'pg_trace.max_sql_length' => '4kB' } },
	"$long SELECT 1", "$long SELECT 2", "$long UPDATE t SET id = 1",
	"PREPARE p AS $long SELECT 4", ('EXECUTE p') x 3);
my @cut = cursors_of($trace, qr{^/\* x+$});
is(scalar @cut, 3, 'each text that is cut has its own cursor');
is_deeply([ map { $_->{fields}{len} } @cut ], [ (4096) x 3 ], 'len');

# psql sends the line's end as well
is_deeply(
	[ map { $_->{fields}{cut} } @cut ],
	[
		map { 1 + length } "$long SELECT 1",
		"$long SELECT 2", "$long UPDATE t SET id = 1"
	],
	'and the full length is stated');
my @errors = PgTrace::File::of_type(
	trace($node, { set => { 'pg_trace.max_sql_length' => '4kB' } }, "$long SELEC"),
	'PARSE ERROR');
is($errors[0]{fields}{len}, 4096, 'the text of a PARSE ERROR is cut');
cmp_ok($errors[0]{fields}{cut}, '>=', length("$long SELEC"), 'which it says');
$trace = trace($node, "$long SELECT 1", "$long SELECT 1");
is(scalar cursors_of($trace, qr/x SELECT 1|\*\/ SELECT 1/), 1,
	'what is not cut has one cursor');

clean_files($node);
done_testing();
