# Bind values in the trace are what the client has sent: of every kind of type,
# in any encoding, cut where they are too long and said to be so; and a value
# that isn't shown doesn't get into the way of the statement.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'pg_trace.queue_size' => '64kB',
	'timezone' => 'UTC',

	# the server's own log must not be what runs output functions
	'log_parameter_max_length' => 0);
$node->safe_psql('postgres', <<'SQL');
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN answer AS int CHECK (value > 0);
CREATE TYPE unshowable;
CREATE FUNCTION unshowable_in(cstring) RETURNS unshowable
	LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION unshowable_out(unshowable) RETURNS cstring
	LANGUAGE internal IMMUTABLE STRICT AS 'shell_out';
CREATE TYPE unshowable
	(INPUT = unshowable_in, OUTPUT = unshowable_out, LIKE = text);
CREATE TABLE long (external text, compressed text);
ALTER TABLE long ALTER external SET STORAGE EXTERNAL;
INSERT INTO long SELECT repeat('0123456789', 3000), repeat('x', 100000);
CREATE FUNCTION shows(a text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT count(*) FROM pg_am WHERE amname = a);
END $$;
CREATE FUNCTION mood_without_label() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m mood := 'happy';
BEGIN
	DELETE FROM pg_enum WHERE enumlabel = 'happy';
	RETURN (SELECT 'survived' FROM pg_am WHERE m IS NOT NULL LIMIT 1);
END $$;
CREATE DATABASE in_utf8 TEMPLATE template0 LOCALE 'C' ENCODING 'UTF8';
CREATE DATABASE in_latin1 TEMPLATE template0 LOCALE 'C' ENCODING 'LATIN1';
CREATE DATABASE in_euc_jp TEMPLATE template0 LOCALE 'C' ENCODING 'EUC_JP';
SQL

sub connect_to
{
	my ($dbname, %settings) = @_;

	return PgTrace::Protocol->new(
		$node,
		dbname => $dbname,
		options => join(' ', '-c pg_trace.session=on',
			map { "-c $_=$settings{$_}" } sort keys %settings));
}

# Run a statement with one value; returns the answer's tags.
sub run_with
{
	my ($client, $oid, $value) = @_;

	return PgTrace::Protocol::tags(
		$client->parse('', 'SELECT 1 WHERE $1 IS NOT NULL', $oid)
		  ->bind('', '', $value)->execute('')->sync);
}

# The one bind of each execution
sub only_binds
{
	my ($trace, $pattern) = @_;

	return map { @{ $_->{binds} } }
	  PgTrace::Check::of_statement($trace, $pattern, 'BINDS');
}

###############################################################################
# Types
###############################################################################

my $not_converted = 'not converted';
my @cases = (
	[ 'int2', '7' ],
	[ 'int4', '-2147483648' ],
	[ 'int4', \pack('N', 258), '258' ],
	[ 'int8', '9223372036854775807' ],
	[ 'numeric', '-123456789012345678901234567890.12345' ],
	[ 'numeric', 'NaN' ],
	[ 'float4', '1.5' ],
	[ 'float8', '0.1' ],
	[ 'bool', 'true', 't' ],
	[ 'text', qq{it's "quoted" \\ over\ntwo lines\t\r\x01} ],
	[ 'text', '' ],
	[ 'text', undef ],
	[ 'varchar', 'varying' ],
	[ 'bpchar', 'padded ' ],
	[ '"char"', 'c' ],
	[ 'name', 'pg_class' ],
	[ 'bytea', "\\x00ff0a" ],
	[ 'date', '2026-11-22' ],
	[ 'time', '10:30:15.5' ],
	[ 'timestamp', '2026-11-22 10:30:15.128123' ],
	[ 'timestamptz', '2026-11-22 12:30:15+02', '2026-11-22 10:30:15+00' ],
	[ 'interval', '1 day 2 hours', '1 day 02:00:00' ],
	[ 'uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' ],
	[ 'json', '{"a" :  1}' ],
	[ 'jsonb', '{"a" :  1}', '{"a": 1}' ],
	[ 'int4[]', '{1,2,NULL}' ],
	[ 'text[]', '{a,"b,c"}' ],
	[ 'text[]', '{NULL,"NULL","",a\"b,"c d",e\\\\f}', '{NULL,"NULL","","a\"b","c d","e\\\\f"}' ],
	[ 'int4[]', '[2:3][0:1]={{1,2},{3,4}}' ],
	[ 'int4[]', '{}' ],
	[ 'box[]', '{(1,1),(0,0);(3,3),(2,2)}' ],
	[ 'answer[]', '{1,2}' ],
	[ 'mood[]', '{sad,happy}' ],
	[ 'timestamptz[]', '{"2026-11-22 10:30:15+00"}' ],
	[ 'numeric[]', '{1.50,NaN}' ],
	[ 'jsonb', '[1, {"a": [], "b": {}, "c": null}, true, "x\"y", 1.50]' ],
	[ 'jsonb', '"scalar"' ],
	[ 'jsonb', '{"b": {"c": [[1], [2]]}, "a": "é"}', '{"a": "é", "b": {"c": [[1], [2]]}}' ],
	[ 'pair', '(1,x)', \$not_converted ],
	[ 'pair[]', '{"(1,x)"}', \$not_converted ],
	[ 'int4range', '[1,4]', \$not_converted ],
	[ 'int4multirange', '{[1,3), [5,7)}', \$not_converted ],
	[ 'mood', 'sad' ],
	[ 'mood', undef ],
	[ 'answer', '42' ],
	[ 'inet', '10.0.0.1/8' ],
	[ 'cidr', '10.0.0.0/8' ],
	[ 'macaddr', '08:00:2b:01:02:03' ],
	[ 'money', '12.34', '$12.34' ],
	[ 'timetz', '10:30:15+02' ],
	[ 'refcursor', 'c' ],
	[ 'bit', '1' ],
	[ 'point', '(1,2)' ],
	[ 'varbit', '1010' ],
	[ 'tsvector', 'b a', "'a' 'b'" ],
	[ 'pg_lsn', '0/1A' ],
	[ 'oid', '4294967295' ],
	[ 'regclass', 'pg_class', '1259' ]);

my ($status) =
  $node->psql('postgres', q{SELECT '<a/>'::xml, '<b/>'::xml::text});
push @cases, [ 'xml', '<a>b</a>' ] if $status == 0;

{
	my $client = connect_to('postgres');
	my $file = session_file($node, $client);
	my (@expected, @answers);

	foreach my $case (@cases)
	{
		my ($type, $sent, $shown) = @$case;
		my ($name, $oid) = split /\|/, $node->safe_psql('postgres',
			"SELECT typname, oid FROM pg_type WHERE oid = '$type'::regtype");

		push @answers, run_with($client, $oid, $sent);
		push @expected, [ $name, $oid, $shown // $sent ];
	}
	$client->close;
	my $trace = read_trace($node, $file);
	my @found = map {
		[ $_->{fields}{typ}, $_->{fields}{typoid}, $_->{value} ]
	} only_binds($trace, qr/^SELECT 1 WHERE \$1/);

	is_deeply(
		\@answers,
		[ map { defined $_->[2] ? 'SELECT 1' : 'SELECT 0' } @expected ],
		'all statements do what they should');
	is(scalar @found, scalar @expected, 'a value for each');
	is_deeply($found[$_], $expected[$_], "$cases[$_][0] is shown")
	  foreach 0 .. $#expected;
}

###############################################################################
# Several values and executions
###############################################################################

{
	my @statements = (
		'PREPARE q(int, text, date) AS SELECT 1 WHERE $1 > 0 AND $2 = $3::text',
		q{EXECUTE q(1, 'a', '2026-01-01')},
		q{EXECUTE q(NULL, '', NULL)},
		q{EXECUTE q(-3, 'it''s', '2026-01-03')},
		q{SELECT shows('heap'), shows(NULL)});
	my $trace = trace($node, @statements);

	is_deeply(
		[ binds_of($trace, qr/^PREPARE/) ],
		[
			[ '1', 'a', '2026-01-01' ],
			[ undef, '', undef ],
			[ '-3', "it's", '2026-01-03' ]
		],
		'each execution has its own values');
	is_deeply([ binds_of($trace, qr/amname = a/) ],
		[ ['heap'], [undef] ], 'variables of PL/pgSQL');
	my @types = map { $_->{type} }
	  PgTrace::Check::of_statement($trace, qr/^PREPARE/, 'BINDS', 'EXEC');
	is("@types", 'EXEC BINDS EXEC BINDS EXEC BINDS EXEC',
		'they come before the execution');

	$trace = trace($node, { set => { 'pg_trace.binds' => 'off' } },
		@statements);
	is(scalar PgTrace::File::of_type($trace, 'BINDS'), 0, 'pg_trace.binds = off');
	is(scalar(calls_of($trace, qr/^PREPARE/, 'EXEC')),
		4, 'everything else is there');
}

###############################################################################
# Long values
###############################################################################

my @cuts = (

	# database, limit, value, how much of it is shown
	[ 'in_utf8', 5, "a\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 5 ],
	[ 'in_utf8', 4, "a\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 3 ],
	[ 'in_utf8', 9, "a\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 9 ],
	[ 'in_utf8', 7, "\xf0\x9f\x90\x98\xf0\x9f\x90\x98", 4 ],
	[ 'in_utf8', 2, "\xf0\x9f\x90\x98", 0 ],
	[ 'in_latin1', 4, "a\xe9\xe9\xe9\xe9\xe9", 4 ],
	[ 'in_euc_jp', 5, "\xa4\xa2" x 4, 4 ],
	[ 'in_euc_jp', 4, "\xa4\xa2" x 4, 4 ],
	[ 'in_euc_jp', 7, "\x8f\xb0\xa1" x 3, 6 ],
	[ 'postgres', 0, 'nothing', 0 ],
	[ 'postgres', 4096, 'y' x 4097, 4096 ],
	[ 'postgres', 1048576, 'z' x 300000, 300000 ]);
foreach my $cut (@cuts)
{
	my ($dbname, $limit, $value, $shown) = @$cut;
	my $length = length $value;
	my $client = connect_to($dbname, 'pg_trace.max_bind_length' => $limit);
	my $file = session_file($node, $client);
	my @answer = run_with($client, 25, $value);
	$client->close;
	my ($bind) = only_binds(read_trace($node, $file), qr/^SELECT 1 WHERE/);
	my $what = "$dbname: $length bytes, at most $limit";

	is("@answer", 'SELECT 1', "$what: executed");
	ok(defined $bind->{value} && $bind->{value} eq substr($value, 0, $shown),
		"$what: $shown are shown");
	is($bind->{fields}{avl}, $length, 'the full length is stated');
	is($bind->{fields}{shown},
		$shown < $length ? $shown : undef, 'and how much is shown');
}

{
	my $trace = trace($node,
		'SELECT shows(external), shows(compressed) FROM long');
	my @binds = only_binds($trace, qr/amname = a/);

	is_deeply(
		[ map { [ $_->{fields}{avl}, $_->{value} ] } @binds ],
		[
			[ 0, \'stored out of line, not read' ],
			[ 100000, 'x' x 4096 ]
		],
		'what is compressed is shown, what is stored out of line is not read');
}

###############################################################################
# Values that can't be shown
###############################################################################

{
	my $client = connect_to('postgres');
	my $file = session_file($node, $client);
	my $oid =
	  $node->safe_psql('postgres', "SELECT 'unshowable'::regtype::oid");

	is(join(' ', run_with($client, $oid, 'value')),
		'SELECT 1', 'an output function that would fail does no harm');
	my @answer =
	  $client->parse('', 'SELECT 2 WHERE $1 IS NOT NULL AND $2 > 0',
		$oid, 23)
	  ->bind('', '', 'value', 5)->execute('')->sync;
	is(join(' ', PgTrace::Protocol::tags(@answer)),
		'SELECT 1', 'nor to other values');
	is( join(
			' ', run_with($client, 1007, '{' . join(',', 1 .. 100000) . '}')),
		'SELECT 1', 'a very large array');
	@answer = $client->query('BEGIN; SELECT mood_without_label(); ROLLBACK')
	  ->sync;
	is(join(' ', PgTrace::Protocol::tags(@answer)),
		'BEGIN SELECT 1 ROLLBACK', 'an enum without its label');
	$client->close;

	my $trace = read_trace($node, $file);
	my @binds = only_binds($trace, qr/^SELECT 1 WHERE/);
	is_deeply($binds[0]{value}, \'not converted',
		'it is said why the value is missing');
	is($binds[0]{fields}{typ}, 'unshowable', 'and of what type it is');
	my $beginning = '{' . join(',', 1 .. 100000);
	is($binds[1]{value}, substr($beginning, 0, 4096),
		'of a large array, the beginning is shown');
	@binds = only_binds($trace, qr/^SELECT 2 WHERE/);
	is_deeply([ map { ref $_->{value} || $_->{value} } @binds ],
		[ 'SCALAR', 5 ], 'the next value is shown');
	@binds = grep { ref $_->{value} } only_binds($trace, qr/'survived'/);
	is(scalar @binds, 1, 'the enum is not');
	is(scalar PgTrace::File::of_type($trace, 'ERROR', 'PARSE ERROR'),
		0, 'none of that is an error of the session');
}
is( $node->safe_psql(
		'postgres', 'SELECT count(*) FROM pg_enum WHERE enumlabel = \'happy\''
	),
	1, 'rolled back');

clean_files($node);
done_testing();
