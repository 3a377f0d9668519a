# The binds of statements with secrets, what such statements call, a session's
# identifiers, statements that are cut or run already, the figures from which a
# text could be guessed, and the setting that says what is secret.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main', 'track_activity_query_size' => 200,
	'compute_query_id' => 'on');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE users (id int, name text, password text);
CREATE TABLE plain (id int, name text);
CREATE ROLE r;
CREATE FUNCTION login(name text, value text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO plain (name) VALUES (value);
	RETURN 1;
END $$;
CREATE FUNCTION fails(value text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'it is %', value;
END $$;
SQL

# Open a traced session; returns it and its file
sub connect_traced
{
	my (%startup) = @_;
	my $options = '-c pg_trace.session=on ' . (delete $startup{options} // '');
	my $client = PgTrace::Protocol->new($node, options => $options,
		startup => \%startup);

	return ($client, session_file($node, $client));
}

# No line of a file has a secret.
sub has_no_secret
{
	my ($file, $what) = @_;
	my @leaks = slurp_file($file) =~ /^.*cr3t.*/mg;

	is_deeply(\@leaks, [], "no secret: $what");
	return;
}

# binds
{
	my ($client, $file) = connect_traced();
	my @statements = (
		[ 'UPDATE users SET password = $1 WHERE id = $2', 's3cr3t', 1 ],
		[ 'INSERT INTO users (password, name) VALUES ($1, $2)', undef, 's3cr3t' ],
		[ 'SELECT $1::text, $2::text AS "apiKey"', 's3cr3t', 's3cr3t' ],
		[ 'SELECT $1::text, $2::text', 'host=h password=s3cr3t', 'shown' ],
		[ 'SELECT $1::json, $2::text', '{"token": "s3cr3t"}', 'shown' ],
		[ 'SELECT $1::text, $2::text', 'postgres://u:s3cr3t@h', 'shown' ],
		[ 'INSERT INTO plain VALUES ($1, $2)', 7, 'forgot password' ],
		[ 'SELECT login($1, $2) AS token', 'bob', 's3cr3t' ]);

	foreach my $statement (@statements)
	{
		my ($text, @values) = @$statement;
		$client->parse('', $text)->bind('', '', @values)->execute('')->sync;
	}
	$client->query("SELECT login('bob', password) FROM (SELECT 's3cr3t' AS password) x")->sync;
	$client->query("SELECT login('bob', 'shown')")->sync;
	$client->close;

	my $trace = read_trace($node, $file);
	foreach my $statement (@statements[ 0 .. 2 ])
	{
		my ($binds) = binds_of($trace, qr/^\Q$statement->[0]\E$/);
		is_deeply([ map { ref $_ ? $$_ : 'shown' } @$binds ],
			[ 'redacted', 'redacted' ], "all binds, NULL as well");
	}
	my $content = slurp_file($file);
	my $shown = () = $content =~ /value="shown"/g;
	cmp_ok($shown, '>=', 4, 'those of others are shown');
	like($content, qr/value="forgot password"/, 'a value that only has the word');
	has_no_secret($file, 'binds, and what is called');
}

# messages of errors, in a call and outside any
{
	my ($client, $file) = connect_traced();

	$client->parse('', 'UPDATE users SET password = $1 WHERE id = $2', 25, 23)
	  ->bind('', '', 'x', 's3cr3t')->execute('')->sync;
	$client->query("SELECT name::int AS password FROM (SELECT 's3cr3t'::text AS name) x")->sync;
	$client->query("SELECT fails('s3cr3t') AS token")->sync;
	$client->query("SELECT fails('password=s3cr3t')")->sync;
	$client->query("ALTER ROLE r PASSWORD 's3cr3t' s3cr3t")->sync;
	$client->query("SELECT fails('shown')")->sync;
	$client->close;

	my %messages = map { $_->{fields}{message} => 1 }
	  PgTrace::File::of_type(read_trace($node, $file), 'ERROR', 'PARSE ERROR');
	is_deeply(\%messages, { '***' => 1, 'it is shown' => 1 },
		'messages of sensitive statements, and of others');
	has_no_secret($file, 'messages');
}

# a session's identifiers
{
	my ($client, $file) =
	  connect_traced(application_name => 'app password=s3cr3t');

	$client->query('SELECT 1')->sync;
	foreach my $setting ('client_id', 'module', 'action')
	{
		$client->query("SET pg_trace.$setting = 'postgres://u:s3cr3t\@h'")->sync;
		$client->query("SELECT 'after $setting'")->sync;
		$client->query("SET pg_trace.$setting = 'the $setting'")->sync;
		$client->query("SELECT 'after $setting'")->sync;
	}
	$client->query("SET application_name = 'token: s3cr3t'")->sync;
	$client->query('SELECT 2')->sync;
	$client->close;

	my @values = map { $_->{fields}{value} }
	  PgTrace::File::of_type(read_trace($node, $file), 'CONTEXT');
	is(scalar(grep { $_ eq '***' } @values), 4, 'identifiers that say a secret');
	is(scalar(grep { /^the (client_id|module|action)$/ } @values), 3,
		'and those that do not');
	has_no_secret($file, 'identifiers');
}

# two statements that differ only in what is hidden, and what can be guessed from
{
	my ($client, $file) = connect_traced();

	$client->query("ALTER ROLE r PASSWORD 's3cr3t$_'")->sync foreach 1, 2, 1;
	$client->close;
	my @cursors =
	  cursors_of(read_trace($node, $file), qr/^ALTER ROLE r PASSWORD '\*\*\*'$/);
	is(scalar @cursors, 2, 'two cursors');
	is($cursors[0]{fields}{hv}, $cursors[1]{fields}{hv},
		'the hash is that of what is shown');
	is($cursors[0]{fields}{sqlid}, $cursors[1]{fields}{sqlid},
		'so is what stands for a query identifier');
	is_deeply([ map { $_->{fields}{queryid} } @cursors ], [ 0, 0 ],
		'the query identifier says nothing');
	has_no_secret($file, 'hashes');
}

# what comments and quotes must not hide
{
	my ($client, $file) = connect_traced();
	my @shown = (
		q{/*password=$x$*/ DELETE FROM plain WHERE id = 1 /*$x$*/},
		q{DELETE FROM plain WHERE name = 'password' OR name = '$x$' OR id = 2 --$x$},
		q{/* token: ' */ DELETE FROM plain WHERE id = 3 /* ' */});

	$client->query($_)->sync foreach @shown;
	$client->query('SET standard_conforming_strings = off')->sync;
	$client->query(q{SELECT '\\' AS password, ', id FROM plain})->sync;
	$client->close;
	my $trace = read_trace($node, $file);
	my @deletes = cursors_of($trace, qr/DELETE FROM plain/);
	is(scalar @deletes, 3, 'each DELETE is to be seen');
	is($deletes[0]{text}, '/* *** */ DELETE FROM plain WHERE id = 1 /*$x$*/',
		'a comment hides nothing');
	is($deletes[1]{text},
		q{DELETE FROM plain WHERE name = '***' OR name = '***' OR id = *** --$x$},
		'nor does a string');
	is($deletes[2]{text},
		q{/* *** */ DELETE FROM plain WHERE id = *** /* ' */}
		=~ s/\*\*\* \/\* ' \*\/$/3 \/* ' *\//r,
		'nor a quote in a comment');
	is(scalar cursors_of($trace, qr/^SELECT '\\' AS password, ', id FROM plain$/), 1,
		'strings as the session reads them');
}

# statements that were running before, whose text is cut
{
	my @running = (
		q{SELECT pg_sleep(60), 'password=s3cr3t'},
		q{SELECT pg_sleep(60), 'password=''} . ('s3cr3t ' x 100) . q{'''},
		q{DO $$ BEGIN PERFORM pg_sleep(60); ALTER ROLE r PASSWORD 's3cr3t'; END $$},
		q{SELECT pg_sleep(60) AS token, $x$} . ('s3cr3t ' x 100) . q{$x$});

	foreach my $statement (@running)
	{
		my $session = PgTrace::Session->new($node);
		my $pid = $session->pid;

		$session->send($statement);
		$node->poll_query_until('postgres',
			"SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $pid"
		) or die 'the statement does not run';
		my $file =
		  $node->safe_psql('postgres', "SELECT pg_trace_session($pid)");
		$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
		$session->wait;
		$session->query('SELECT 1');
		$session->close;
		is(scalar(cursors_of(read_trace($node, $file), qr/pg_sleep\(\*\*\*\)/)),
			1, 'traced in the middle');
		has_no_secret($file, 'a running statement');
	}
}

# the setting
{
	my ($client, $file) = connect_traced(
		options => '-c pg_trace.redact_names=pin,\\ shoe_size');

	$client->query("SELECT 1 AS password, 'shown'")->sync;
	$client->query("SELECT 's3cr3t' AS pin")->sync;
	$client->query("SELECT 's3cr3t' AS \"shoeSize\"")->sync;
	$client->query("SELECT 2 AS spinning, 'shown'")->sync;
	$client->query("ALTER ROLE r PASSWORD 's3cr3t'")->sync;
	$client->close;
	my $trace = read_trace($node, $file);
	is(scalar cursors_of($trace, qr/^SELECT \d AS \w+, 'shown'$/), 2,
		'other names');
	has_no_secret($file, 'names of the setting, and parse trees');

	($client, $file) =
	  connect_traced(options => '-c pg_trace.redact_names=');
	$client->query("SELECT 'shown' AS password")->sync;
	$client->close;
	is(scalar cursors_of(read_trace($node, $file),
			qr/^SELECT 'shown' AS password$/), 1, 'nothing is hidden');
}

clean_files($node);
done_testing();
