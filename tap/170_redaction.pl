# No password that stands in a statement is in any file, however it is written
# and whatever becomes of the statement, while the rest of the text stays.

use strict;
use warnings;

use PgTrace;
use PgTraceCheck;
use PgTraceClient;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::new_node('main', 'track_activity_query_size' => 200);
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE r;
CREATE FOREIGN DATA WRAPPER w;
CREATE SERVER existing FOREIGN DATA WRAPPER w;
CREATE TABLE accounts (name text, password text);
SQL

# Each statement with its secrets, which all contain "s3cr3t", and what must
# stay, which all contains "keep".  Some aren't valid.
my @statements = (

	# roles
	q{CREATE ROLE r1 PASSWORD 's3cr3t' VALID UNTIL 'infinity' /* keep */},
	q{CREATE USER r2 WITH ENCRYPTED PASSWORD 's3''cr3t it''s3cr3t' /* keep */},
	q{CREATE GROUP r3 PASSWORD E's3cr3t\' s3cr3t \\\\' /* keep */},
	q{ALTER ROLE r PASSWORD U&'\0073s3cr3t' /* keep */},
	q{ALTER USER r PASSWORD U&'s3cr3t!0073s3cr3t' UESCAPE '!' /* keep */},
	q{ALTER USER r WITH PASSWORD $$s3cr3t$$ /* keep */},
	q{ALTER USER r WITH PASSWORD $a$s3cr3t $$ ' s3cr3t$a$ /* keep */},
	q{ALTER GROUP r PASSWORD 's3cr3t' /* keep */},
	qq{ALTER ROLE r\n\tpassword\n\n\t's3cr3t' /* keep */},
	q{alter role r PaSsWoRd's3cr3t' /* keep */},
	qq{ALTER ROLE r PASSWORD 'one s3cr3t'\n  'two s3cr3t' /* keep */},
	q{ALTER ROLE r PASSWORD /* a comment */ 's3cr3t' /* keep */},
	qq{ALTER ROLE r PASSWORD -- a comment\n's3cr3t' /* keep */},
	qq{ALTER ROLE r PASSWORD 's3cr3t\nover s3cr3t\nlines' /* keep */},
	q{ALTER ROLE nosuch PASSWORD 's3cr3t' /* keep */},

	# options and connection strings
	q{CREATE SERVER s FOREIGN DATA WRAPPER w
		OPTIONS (host 'keep', password 's3cr3t', port 'keep')},
	q{CREATE USER MAPPING FOR r SERVER s
		OPTIONS (user 'keep', password 's3cr3t')},
	q{ALTER USER MAPPING FOR r SERVER s OPTIONS (SET password 's3cr3t') /* keep */},
	q{ALTER SERVER s OPTIONS (SET "password" 's3cr3t') /* keep */},
	q{CREATE SUBSCRIPTION sub CONNECTION
		'host=keep password=s3cr3t user=keep' PUBLICATION p
		WITH (connect = false)},
	q{ALTER SUBSCRIPTION sub CONNECTION
		'host=keep password = ''s3cr3t and s3cr3t'' user=keep'},
	q{ALTER SUBSCRIPTION sub CONNECTION
		'postgresql://keep:s3cr3t@keep:5432/d?application_name=keep'},
	q{SELECT 'host=keep password=s3cr3t user=keep'},
	q{SELECT 'host=keep sslpassword=s3cr3t', $$password='s3cr3t' user=keep$$},
	q{SELECT 'password=''s3\\''cr3t s3cr3t'' host=keep'},
	q{SELECT '{"user": "keep", "password": "s3cr3t"}'},
	q{SELECT dblink_connect('keep', 'dbname=x password=s3cr3t')},

	# settings
	q{SET some.password = 's3cr3t' /* keep */},
	q{SET some.password TO 's3cr3t' /* keep */},
	q{SET some.password TO s3cr3t /* keep */},
	q{UPDATE accounts SET password = s3cr3t /* a column's name, perhaps; keep */},
	q{SELECT set_config('some.password', 's3cr3t', false) /* keep */},

	# within others
	q{DO $$ BEGIN EXECUTE 'ALTER ROLE r PASSWORD ''s3cr3t'' /* keep */'; END $$},
	q{DO $$ BEGIN EXECUTE 'ALTER ROLE r PASSWORD ''s3''''cr3t s3cr3t'' /* keep */'; END $$},
	q{DO 'BEGIN EXECUTE ''ALTER ROLE r PASSWORD ''''s3cr3t'''' /* keep */''; END'},
	q{CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $f$
		BEGIN ALTER ROLE r PASSWORD 's3cr3t' /* keep */; END $f$},
	q{SELECT f() /* keep */},
	q{PREPARE q AS SELECT 'password=s3cr3t host=keep'},
	q{EXECUTE q /* keep */},
	q{SELECT 'keep' \; ALTER ROLE r PASSWORD 's3cr3t' \; SELECT 'also keep'},

	# what isn't valid
	q{ALTER ROLE r PASSWORD 's3cr3t' nonsense /* keep */},
	q{ALTER ROLE r PASSWORD = 's3cr3t' /* keep */},
	q{ALTER ROLE r PASSWORD ('s3cr3t') /* keep */},
	q{ALTER ROLE r PASSWORD "s3cr3t" /* keep */},
	q{ALTER ROLE r PASSWORD N's3cr3t' /* keep */});

# What is as it was
my @harmless = (
	'ALTER ROLE r PASSWORD NULL VALID UNTIL \'infinity\'',
	'SELECT password, name FROM accounts WHERE name = \'x\'',
	'SELECT name AS "password" FROM accounts',
	'SELECT password FROM accounts',
	'SELECT 1 AS password');

# One at a time, so that it's known which one is at fault
foreach my $statement (@statements)
{
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);

	$session->query($statement);
	$session->close;
	my $records = read_trace($node, $file);
	my $content = slurp_file($file);
	my $keep = () = $statement =~ /keep/g;
	my @texts = map { $_->{text} }
	  grep { $_->{text} =~ /keep/ }
	  PgTrace::File::of_type($records, 'CURSOR', 'PARSE ERROR');
	my $kept = () = join('', @texts) =~ /keep/g;

	$statement =~ s/\s+/ /g;
	ok($content !~ /cr3t/, $statement);
	cmp_ok($kept, '>=', $keep, 'the rest stays');
}

{
	my $trace = trace($node, @harmless);

	is(scalar(cursors_of($trace, qr/^\Q$_\E$/)), 1, $_) foreach @harmless;
}

# a message that can't be parsed at all
{
	my $client = PgTraceClient->new($node,
		options => '-c pg_trace.session=on');
	my $file = session_file($node, $client);

	$client->query("ALTER ROLE r PASSWORD 's3cr3t without an end")->sync;
	$client->query("ALTER ROLE r PASSWORD \$x\$s3cr3t without an end")->sync;
	$client->parse('', "ALTER ROLE r PASSWORD 's3cr3t'")->bind('', '')
	  ->execute('')->sync;
	$client->close;
	is(scalar PgTrace::File::of_type(read_trace($node, $file), 'PARSE ERROR'),
		2, 'parse errors');
	ok(slurp_file($file) !~ /cr3t/, 'literals without an end');
}

# a statement that was running before, and whose text is cut
{
	my @running = (
		q{SELECT pg_sleep(60), 'keep password=s3cr3t keep'},
		q{SELECT pg_sleep(60), 'keep password=''} . ('s3cr3t ' x 100) . q{'''});

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
		my $trace = read_trace($node, $file);
		is(scalar(cursors_of($trace, qr/^SELECT pg_sleep\(60\), 'keep/)),
			1, 'traced in the middle');
		ok(slurp_file($file) !~ /cr3t/, 'without the password');
	}
}

clean_files($node);
done_testing();
