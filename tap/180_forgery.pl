# Nothing that a user can choose - statements, values, names, settings - makes a
# line that a reader takes for a record: SQL text is delimited by its length,
# everything else is escaped onto its line.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main');

# What looks like the rest of a record and several others; without quotes, so
# that it can be put into any
my $forged = join("\n",
	'', 'END OF STMT',
	'WAIT #1: nam=forged ela= 4711 p1=0 p2=0 p3=0 obj#=-1 type=IO tim=1',
	"EXEC #1:c=1,e=1,p=0,cr=0,cu=0,mis=0,r=4711,dep=0,og=1,plh=1,tim=1",
	'=====================', 'PARSING IN CURSOR #99 len=1 dep=0 uid=1', 'x',
	'XCTEND rlbk=1, rd_only=1, tim=1', '*** TRACE ENDED', '');
(my $quoted = $forged) =~ s/(nam|type)=(\w+)/$1='$2'/g;
my $name = substr($forged, 0, 62);
my $control = join('', map { chr } 1 .. 31, 127) . "\\'\"\\\\\n\r(#)";

sub connect_to
{
	my (%options) = @_;

	return PgTrace::Protocol->new($node, %options,
		options => '-c pg_trace.session=on '
		  . '-c pg_trace.plan_stat=all_executions');
}

# The records that there must be: as many calls, and no more.  Statements are
# given with the number of EXEC and FETCH that each makes.
sub check
{
	my ($file, $what, $expected) = @_;
	my $records = read_trace($node, $file);
	my %count;

	$count{ $_->{type} }++
	  foreach PgTrace::File::of_type($records, keys %$expected, 'ENDED');
	is_deeply(\%count, { ENDED => 1, %$expected }, "$what: no record too many");
	is_deeply([ PgTrace::Problems::problems($records) ], [], "$what: sound");
	is( scalar(
			grep { grep { defined $_ && $_ =~ /^4711$/ } values %{ $_->{fields} } }
			  @$records),
		0,
		"$what: no forged figure");
	return $records;
}

# statements and values
{
	my $client = connect_to();
	my $file = session_file($node, $client);
	(my $literal = $quoted) =~ s/'/''/g;
	my @statements = (
		"SELECT '$literal'",
		"SELECT 1 /* $quoted */",
		"SELECT 2 /* $control */",
		"SELECT 3 AS \"$name\"");

	$client->query($_)->sync foreach @statements;
	foreach my $value ($quoted, $control, "\"\n  value=\"forged", '<x>', 'NULL')
	{
		$client->parse('', 'SELECT $1::text, $2', 25, 25)
		  ->bind('', '', $value, "\n Bind#7\n")->execute('')->sync;
	}
	$client->query("SELEC '$literal'")->sync;
	$client->query("SELECT '$literal")->sync;
	$client->close;

	my $records = check($file, 'statements',
		{
			CURSOR => 5, EXEC => 9, FETCH => 9, STAT => 9, BINDS => 5,
			'PARSE ERROR' => 2, EXIT => 1, HEADER => 1
		});
	is_deeply(
		[
			map { $_->{text} }
			  (PgTrace::File::of_type($records, 'CURSOR'))[ 0 .. 3 ]
		],
		[ map { s/\s+\z//r } @statements ],
		'statements: their text as it was');
	is_deeply(
		[ binds_of($records, qr/^SELECT \$1::text/) ],
		[
			map { [ $_, "\n Bind#7\n" ] } $quoted, $control,
			"\"\n  value=\"forged", '<x>', 'NULL'
		],
		'values as they were');
}

# names of objects, in STAT lines
{
	my $sql_name = '"' . ($name =~ s/"/""/gr) . '"';
	my $index_name = '"' . substr(($control =~ s/"/""/gr), 0, 50) . '"';

	$node->safe_psql('postgres', <<"SQL");
CREATE TABLE $sql_name (id int, t text);
CREATE INDEX $index_name ON $sql_name (id);
INSERT INTO $sql_name SELECT 1, 'x';
SQL
	my $trace = trace(
		$node,
		'SET enable_seqscan = off; SET enable_bitmapscan = off',
		"SELECT * FROM $sql_name WHERE id = 1",
		"PREPARE $sql_name AS SELECT 1", "EXECUTE $sql_name",
		'BEGIN',
		"DECLARE $sql_name CURSOR FOR SELECT * FROM $sql_name",
		"FETCH ALL FROM $sql_name",
		'COMMIT');
	my ($stat) = stats($trace, qr/^SELECT \* FROM "/);

	ok(defined $stat && index($stat->{text}, $name) > 0,
		'a table\'s name in STAT');
	ok(defined $stat
		  && index($stat->{text}, substr($control =~ s/"/""/gr, 0, 30)) > 0,
		'an index\'s name');
	is(scalar(grep { $_->{fields}{nam} =~ /forged/ }
			  PgTrace::File::of_type($trace, 'WAIT')),
		0, 'no forged wait');
	is_deeply([ rows($trace, qr/^FETCH ALL/) ], [1], 'rows');
}

# role, database, application and identifiers, in the header and *** lines
{
	my $role = substr("r) 2026\n*** TRACE ENDED\nWAIT #1: nam='x'", 0, 60);
	my $dbname = substr("d\nXCTEND rlbk=1, rd_only=1, tim=1\n", 0, 60);
	my $value = "v) 2026-01-01T00:00:00.000000+00:00\n*** TRACE ENDED\n\\";
	my $setting = $value =~ s/'/''/gr;
	$node->safe_psql('postgres', "CREATE ROLE \"$role\" LOGIN SUPERUSER");
	$node->safe_psql('postgres', "CREATE DATABASE \"$dbname\"");

	my $client = connect_to(
		dbname => $dbname,
		startup => { user => $role, application_name => $value });
	my $file = session_file($node, $client);
	$client->query('SELECT 1')->sync;
	$client->query("SET pg_trace.client_id = '$setting'")->sync;
	$client->query("SET pg_trace.module = '$setting'")->sync;
	$client->query("SET pg_trace.action = '$setting'")->sync;
	$client->query('SELECT 2')->sync;
	$client->close;

	my $records = check($file, 'names',
		{ CURSOR => 5, EXEC => 5, FETCH => 2, XCTEND => 6, NOTE => 2 });
	my ($header) = PgTrace::File::of_type($records, 'HEADER');
	is(PgTrace::File::unescape($header->{fields}{'User name'}), $role, 'role');
	is(PgTrace::File::unescape($header->{fields}{'Database name'}),
		$dbname, 'database');
	my %context = map { $_->{fields}{label} => $_->{fields}{value} }
	  PgTrace::File::of_type($records, 'CONTEXT');
	is($context{'SERVICE NAME'}, $dbname, 'service');
	is($context{'CLIENT ID'}, $value, 'client');
	is($context{'ACTION NAME'}, $value, 'action');
	is((grep { $_->{fields}{label} eq 'MODULE NAME' }
			  PgTrace::File::of_type($records, 'CONTEXT'))[-1]{fields}{value},
		$value, 'module');
}

# bytes that are no characters
{
	my $client = connect_to();
	my $file = session_file($node, $client);
	my $bytes = join('', map { chr } 128 .. 255) . "\xff\n\xc3";

	$client->query("SELECT '$bytes'")->sync;
	$client->parse('', 'SELECT $1', 25)->bind('', '', $bytes)->execute('')
	  ->sync;
	$client->query("SET application_name = '\xc3'")->sync;
	$client->query("SET pg_trace.action = '\xff\xfe'")->sync;
	$client->query('SELECT 5')->sync;
	$client->close;
	my $records = check($file, 'bytes',
		{ CURSOR => 5, EXEC => 5, FETCH => 3, BINDS => 1 });
	is_deeply([ binds_of($records, qr/^SELECT \$1/) ],
		[ [$bytes] ], 'a value of them');
	is(scalar(grep { $_->{text} eq "SELECT '$bytes'" }
			  PgTrace::File::of_type($records, 'CURSOR')),
		1, 'a statement of them');
}

clean_files($node);
done_testing();
