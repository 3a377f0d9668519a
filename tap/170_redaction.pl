# What is secret in a statement is in no file, however it is written and whatever
# becomes of the statement, while its structure stays, and what isn't secret
# stays as it is.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use PostgreSQL::Test::Utils;
use PgTrace::RedactionCases;
use Test::More;

my $node = PgTrace::Node::new_node('main',
	'track_activity_query_size' => 400,
	'max_logical_replication_workers' => 0);
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION dblink;
CREATE EXTENSION pgcrypto;
CREATE EXTENSION hstore;
CREATE ROLE r;
CREATE ROLE password_admin;
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER existing FOREIGN DATA WRAPPER w;
CREATE TABLE users (id int, name text, password text, "userPassword" text,
	password_hash text, api_key text);
CREATE TABLE settings (key text, value text);
CREATE TABLE plain (id int, name text, data jsonb);
CREATE FUNCTION login(name text, password text DEFAULT '') RETURNS int
	LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION say(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE PROCEDURE set_password(name text, value text)
	LANGUAGE sql AS 'SELECT 1';
SQL

my $client = PgTrace::Protocol->new($node, options => '-c pg_trace.session=on');
my $file = session_file($node, $client);

$client->query(plain($_))->sync foreach @secrets, @failing, @harmless;
$client->close;

cmp_ok(scalar @secrets + @failing, '>=', 140, 'statements with secrets');
cmp_ok(scalar @harmless, '>=', 40, 'statements without');

my $records = read_trace($node, $file);
# an update of pg_settings is its rule's action
my %texts = map { ($_->{text} // '') =~ s{^/\* action of a rule, for: \*/ |\s+$}{}gr => 1 }
  PgTrace::File::of_type($records, 'CURSOR', 'PARSE ERROR');

foreach my $case (@secrets, @failing, @harmless)
{
	my $shown = shown($case);
	my $begin = substr($shown, 0, 16);

	ok($texts{$shown}, plain($case) =~ s/\s+/ /gr)
	  or diag join "\n", "expected: $shown",
	  grep { index($_, $begin) == 0 } sort keys %texts;
}
my @leaks = slurp_file($file) =~ /^(?:.*\n){0,3}.*cr3t.*\n?/mg;
is_deeply(\@leaks, [], 'no secret in the file') or diag @leaks;

clean_files($node);
done_testing();
