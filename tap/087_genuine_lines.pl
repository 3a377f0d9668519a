# Lines have the shape of those in Oracle's own files, which programs that read
# these rely on: here as regular expressions such as theirs, on the lines as they
# are in the file.  And the checker of the other tests refuses what hasn't.

use strict;
use warnings;

use PgTrace::Check;
use PgTrace::Node;
use PgTrace::Protocol;
use PostgreSQL::Test::Utils;
use Test::More;

# What readers of Oracle's files look for
my %genuine = (
	'WAIT' =>
	  qr/^WAIT #\d+: nam='[^']*' ela= +\d+(?: [\w#]+=-?\d+){3} [^'"]*obj#=-?\d+ tim=\d+$/,
	'CURSOR' =>
	  qr/^PARSING IN CURSOR #\d+ len=\d+ dep=\d+ uid=\d+ oct=\d+ lid=\d+ tim=\d+ hv=\d+ ad='[^']*' sqlid='[0-9a-df-hjkmnp-z]{13}'/,
	'CLOSE' => qr/^CLOSE #\d+:c=\d+,e=\d+,dep=\d+,type=\d,tim=\d+$/,
	'STAT' =>
	  qr/^STAT #\d+ id=\d+ cnt=\d+ pid=\d+ pos=\d+ obj=\d+ op='.* \(cr=\d+ pr=\d+ pw=\d+ str=\d+ time=-?\d+ us cost=\d+ size=\d+ card=\d+.*\)'$/,
	'XCTEND' => qr/^XCTEND rlbk=[01], rd_only=[01], tim=\d+$/,
	'ERROR' => qr/^ERROR #\d+:err=\d+ tim=\d+/,
	'PARSE ERROR' =>
	  qr/^PARSE ERROR #\d+:len=\d+ dep=\d+ uid=\d+ oct=\d+ lid=\d+ tim=\d+ err=\d+/);
my $call = qr/#\d+:c=\d+,e=\d+,p=\d+,cr=\d+,cu=\d+,mis=\d+,r=\d+,dep=\d+,og=\d,plh=\d+,tim=\d+/;
$genuine{$_} = qr/^$_ $call$/ foreach 'PARSE', 'EXEC', 'FETCH';

my $node = PgTrace::Node::new_node(
	'main',
	'compute_query_id' => 'on',
	'deadlock_timeout' => '50ms');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO t SELECT i, i FROM generate_series(1, 20000) i;
CREATE FUNCTION f(many int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	row t;
	found_n int;
BEGIN
	SELECT * INTO row FROM t WHERE id = many;
	SELECT n INTO found_n FROM t WHERE id = row.id AND many > 0;
	RETURN found_n;
END $$;
CREATE FUNCTION s(a int) RETURNS bigint LANGUAGE sql AS
	'SELECT count(*) FROM t WHERE id > a';
SQL

my $client = PgTrace::Protocol->new($node,
	options => "-c pg_trace.session=on -c work_mem=64kB -c lock_timeout=0");
my $file = session_file($node, $client);

$client->query('SELECT * FROM t ORDER BY n DESC, id')->sync;
$client->query('SELECT pg_sleep(0.01)')->sync;
$client->query('SELECT f(7), s(3)')->sync;
$client->query('SELECT * FROM "no such"')->sync;
$client->query('SELECT 1 / (id - 1) FROM t')->sync;
$client->query('INSERT INTO t VALUES (1, 1)')->sync;
$client->query('INSERT INTO t VALUES (0)')->sync;
$client->parse('p', 'SELECT n FROM t WHERE id = $1 AND $2 IS NOT NULL AND $3 > 0',
	23, 25, 1700)->bind('', 'p', '5', 'a b', '1.50')->execute('')->sync;
$client->bind('', 'p', '5', 'a b', 'one')->execute('')->sync;
$client->query('BEGIN')->sync;
$client->query('SELECT nosuch')->sync;
$client->query('SELECT "in" FROM aborted')->sync;
$client->query('ROLLBACK')->sync;

my $lock = PgTrace::Session->new($node);
$lock->query('BEGIN');
$lock->query('LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
$client->query('SELECT count(*) FROM t')->send_only;
$node->poll_query_until('postgres',
	"SELECT wait_event = 'relation' FROM pg_stat_activity WHERE pid = "
	  . $client->pid)
  or die 'no wait for a lock';
$node->safe_psql('postgres', 'SELECT pg_sleep(0.3)');
$lock->query('ROLLBACK');
$lock->close;
$client->sync;
$client->close;

my $trace = read_trace($node, $file);
my $content = slurp_file($file);
my @lines = split /\n/, $content;

foreach my $type (sort keys %genuine)
{
	my @records = PgTrace::File::of_type($trace, $type);
	my @raw = map { $lines[ $_->{line} - 1 + ($type eq 'CURSOR') ] } @records;

	cmp_ok(scalar @raw, '>', 0, "$type: there are some");
	is_deeply([ grep { $_ !~ $genuine{$type} } @raw ],
		[], "$type: all are as in Oracle's files");
}
my @starred = grep { /^\*\*\* / } @lines;
is_deeply([ grep { /WAIT|#\d/ } @starred ],
	[], 'no other line can be taken for one of these');

###############################################################################
# What the lines say
###############################################################################

# behind these, there may be one for the end of the connection
my @errors = PgTrace::File::of_type($trace, 'ERROR', 'PARSE ERROR');
is_deeply(
	[
		map {
			my $fields = $_->{fields};
			join '|', map { $_ // '' } @$fields{qw(sqlstate message table column constraint bind)}
		} @errors[ 0 .. 6 ]
	],
	[
		'42P01|relation "no such" does not exist||||',
		'22012|division by zero||||',
		'23505|duplicate key value violates unique constraint "t_pkey"|t||t_pkey|',
		'23502|null value in column "n" of relation "t" violates not-null constraint|t|n||',
		'22P02|invalid input syntax for type numeric: "one"||||2',
		'42703|column "nosuch" does not exist||||',
		'25P02|current transaction is aborted, commands ignored until end of transaction block||||'
	],
	'errors: what and where');
is($errors[4]{fields}{statement},
	'SELECT n FROM t WHERE id = $1 AND $2 IS NOT NULL AND $3 > 0',
	'of a bind value, with its statement');
is($errors[6]{fields}{statement}, 'SELECT "in" FROM aborted',
	'and of a statement that was not begun');
is($errors[0]{fields}{err}, 16908420, 'a number, as readers expect');

my ($binds) = PgTrace::Check::of_statement($trace, qr/^SELECT n FROM t WHERE id = \$1/, 'BINDS');
is_deeply(
	[ map { [ @{ $_->{fields} }{qw(oacdty typ typoid)}, $_->{value} ] }
		  @{ $binds->{binds} } ],
	[
		[ '02', 'int4', 23, '5' ],
		[ '01', 'text', 25, 'a b' ],
		[ '02', 'numeric', 1700, '1.50' ]
	],
	'types by the codes that readers know');
like($content, qr/^  value=5\n/m, 'a number is not quoted');
like($content, qr/^  value="a b"\n/m, 'a text is');

($binds) = PgTrace::Check::of_statement($trace, qr/AND many > 0/, 'BINDS');
is_deeply(
	[
		map { [ $_->{index}, $_->{fields}{name}, $_->{value} ] }
		  @{ $binds->{binds} }
	],
	[ [ 0, 'many', '7' ], [ 1, 'row.id', '7' ] ],
	'variables of PL/pgSQL by their names');
($binds) = PgTrace::Check::of_statement($trace, qr/id > a/, 'BINDS');
is_deeply([ map { [ $_->{index}, $_->{fields}{name}, $_->{value} ] } @{ $binds->{binds} } ],
	[ [ 0, undef, '3' ] ], 'which those of other languages do not have')
  if defined $binds;

my ($cursor) = cursors_of($trace, qr/^SELECT pg_sleep/);
like($cursor->{fields}{queryid}, qr/^-?[1-9]\d+$/, 'a query identifier');

my ($sort) = calls_of($trace, qr/^SELECT \* FROM t ORDER BY/, 'FETCH');
my ($top) = stats($trace, qr/^SELECT \* FROM t ORDER BY/);
cmp_ok($sort->{fields}{p}, '>=', $top->{fields}{pr},
	'p and pr count the same: temporary files');
cmp_ok($top->{fields}{pr}, '>', 0, 'of which there were some');

# of a wait for a lock, those that come after PostgreSQL's look for a deadlock
my @parts = grep { $_->{fields}{type} eq 'Lock' }
  waits_of($trace, qr/^SELECT count\(\*\) FROM t/);
@parts = grep { $_->{fields}{type} eq 'Lock' } PgTrace::File::of_type($trace, 'WAIT')
  if !@parts;
cmp_ok(scalar @parts, '>=', 2, 'a wait for a lock in several lines');
is(shift(@parts)->{fields}{cont}, undef, 'the first one is a wait');
is($_->{fields}{cont}, 1, 'the others go on with it') foreach @parts;

###############################################################################
# What the checker refuses
###############################################################################

my ($end_of_head) = $content =~ /\A(.*?\n\n.*?\n\n)/s;
my $changed = PostgreSQL::Test::Utils::tempdir() . '/changed.trc';

sub refuses
{
	my ($line, $what) = @_;

	unlink $changed;
	append_to_file($changed, $end_of_head . "$line\n");
	ok(!eval { PgTrace::File::parse($changed); 1 }, "refused: $what");
	return;
}

my $good = "WAIT #0: nam='DataFileRead' ela= 5 file#=1 block#=2 blocks=1"
  . ' type=IO node=2 file=5/1 obj#=9 tim=7';
unlink $changed;
append_to_file($changed, "$end_of_head$good\n");
is(PgTrace::File::parse($changed)->[-1]{type}, 'WAIT', 'a line as it has to be');
like($good, $genuine{WAIT}, 'which is as in Oracle\'s files');
foreach my $case (
	[ ' blocks=1', '', 'two parameters' ],
	[ ' blocks=1', ' blocks=1 p4=0', 'four parameters' ],
	[ ' blocks=1', ' p2=0', 'padding of another place' ],
	[ ' blocks=1', ' p3=1', 'padding that is not 0' ],
	[ 'blocks=1', 'blocks=x', 'a parameter that is no number' ],
	[ 'type=IO', "type='IO'", 'a quote' ],
	[ 'file=5/1', 'file="5/1"', 'another one' ],
	[ 'file=5/1', 'file=5 1', 'a blank' ],
	[ 'file=5/1', 'file=a=b', 'a value that looks like two' ],
	[ ' type=IO', '', 'no type' ],
	[ ' node=2 file=5/1', ' file=5/1 node=2', 'another order' ],
	[ ' file=5/1 obj#=9', ' obj#=9 file=5/1', 'something behind obj#' ],
	[ ' tim=7', ' tim=7 x=1', 'something behind tim' ],
	[ ' obj#=9', '', 'no obj#' ],
	[ "nam='DataFileRead'", "nam='Data\\'FileRead'", 'a quote in the name' ],
	[ "nam='DataFileRead'", "nam='LWLock: WALWrite'", 'a name of another type' ],
	[ 'type=IO', 'type=LWLock', 'a light-weight lock by its bare name' ])
{
	my ($from, $to, $what) = @$case;
	my $line = $good;

	$line =~ s/\Q$from\E/$to/ or die $from;
	refuses($line, $what);
}
refuses("*** WAITING #10 nam='x'", 'a note that a reader may take for a wait');
refuses('*** RUNNING #10 e=1', 'and one with a cursor as records have it');
refuses("ERROR #0:err=42 tim=7 sqlstate=42P01 message=\"\"",
	'a code that is not that of the SQLSTATE');

clean_files($node);
done_testing();
