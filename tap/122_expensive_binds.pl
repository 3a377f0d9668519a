# To show a bind value costs next to nothing, whatever it is: a value whose text
# would be huge, or one of a type that a user has made.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main', 'log_parameter_max_length' => 0);
$node->safe_psql('postgres', <<'SQL');
CREATE TYPE loud;
CREATE FUNCTION loud_in(cstring) RETURNS loud
	LANGUAGE internal IMMUTABLE STRICT AS 'int8in';
CREATE FUNCTION loud_out(loud) RETURNS cstring
	LANGUAGE internal IMMUTABLE STRICT AS 'int8out';
CREATE TYPE loud (INPUT = loud_in, OUTPUT = loud_out, LIKE = int8);
SQL

my $client =
  PgTrace::Protocol->new($node, options => '-c pg_trace.session=on');
my $file = session_file($node, $client);

# Returns the tags and the CPU time that it took.
sub run_with
{
	my ($type, $sql, @values) = @_;
	my $oid = $node->safe_psql('postgres', "SELECT '$type'::regtype::oid");
	my $begin = PgTrace::Node::cpu_time($client->pid);
	my $tags = join ' ',
	  PgTrace::Protocol::tags($client->parse('', $sql, ($oid) x @values)
		  ->bind('', '', @values)->execute('')->sync);

	return ($tags, PgTrace::Node::cpu_time($client->pid) - $begin);
}

# 4000 times 131 kB of text
my ($tags, $took) = run_with('numeric[]', 'SELECT 1 WHERE $1 IS NOT NULL',
	'{' . join(',', ('1e131071') x 4000) . '}');
is($tags, 'SELECT 1', 'an array of huge numbers');
cmp_ok($took, '<', 0.3, 'takes no time');
($tags, $took) = run_with('numeric', 'SELECT 2 WHERE $1 IS NOT NULL', '1e131071');
is($tags, 'SELECT 1', 'a huge number');
($tags, $took) = run_with('jsonb', 'SELECT 3 WHERE $1 IS NOT NULL',
	'[' . join(',', ('1e131071') x 4000) . ']');
is($tags, 'SELECT 1', 'many in a JSON document');
cmp_ok($took, '<', 0.3, 'takes no time');
($tags, $took) = run_with('bytea', 'SELECT 4 WHERE $1 IS NOT NULL',
	\("\x01" x 20_000_000));
is($tags, 'SELECT 1', 'a large bytea');
($tags) = run_with('loud', 'SELECT 5 WHERE $1 IS NOT NULL', '1');
is($tags, 'SELECT 1', "a user's type");
my ($nested) = run_with('text', 'SELECT 7 WHERE $1 > $2', ('a') x 2);
is($nested, 'SELECT 0', 'the session goes on');

my $peak = 0;
open(my $status, '<', '/proc/' . $client->pid . '/status') or die $!;
while (<$status>)
{
	$peak = $1 if /^VmHWM:\s+(\d+)/;
}
close $status;
cmp_ok($peak, '<', 300_000, 'kB of memory');
$client->close;

my $trace = read_trace($node, $file);
my ($array, $number, $json, $bytea, $loud) = map {
	my $n = $_;
	my ($binds) =
	  PgTrace::Check::of_statement($trace, qr/^SELECT $n /, 'BINDS');
	$binds->{binds}[0];
} 1 .. 5;
is_deeply($array->{value}, \'not converted', 'numbers with too many digits');
is_deeply($number->{value}, \'not converted', 'one of them');
is_deeply($json->{value}, \'not converted', 'or in JSON');
is($bytea->{value}, '\x' . '01' x 2047, 'the beginning of a bytea');
is($bytea->{fields}{avl}, 40_000_002, 'and its length');
is_deeply($loud->{value}, \'not converted', 'no function of a user is called');
is($loud->{fields}{typ}, 'loud', 'the type is named');
is(scalar PgTrace::File::of_type($trace, 'ERROR', 'PARSE ERROR'),
	0, 'and nothing fails');
clean_files($node);
done_testing();
