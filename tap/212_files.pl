
# pg_trace_files and pg_trace_remove(): which trace files there are, whatever
# else is in their directory, and that only complete ones can be removed, and
# nothing but trace files.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main');
my $directory = $node->data_dir . '/pg_trace';

# What a statement fails with
sub error_of
{
	my ($sql) = @_;

	return ($node->psql('postgres', "\\set VERBOSITY verbose\n$sql"))[2];
}

###############################################################################
# A trace that goes on, and when it has ended
###############################################################################

my $session = PgTrace::Session->new($node);
my $pid = $session->pid;
$session->query("SET application_name = 'a:(b) c'");
my $file = $session->query('SELECT pg_trace_start_trace()');
my $name = $file =~ s{^\Q$directory\E/}{}r;
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $look = <<"SQL";
SELECT name, state, ended_at IS NULL, owner IS NULL, datname, usename, application_name,
	started_at BETWEEN now() - interval '1 hour' AND now()
FROM pg_trace_files WHERE pid = $pid
SQL
is($node->safe_psql('postgres', $look),
	"$name|active|t|t|postgres|$user|a:(b) c|t", 'one that goes on');
foreach my $argument ($name, $file)
{
	like(
		error_of("SELECT pg_trace_remove('$argument')"),
		qr/ERROR:  55006: trace file "\Q$argument\E" is being written\nHINT:  End its trace with SELECT pg_trace_session\($pid, false\)\./,
		'it can\'t be removed');
}
ok(-e $file, 'and is there');

# The worker is restarted, and has it open again.
my $worker = PgTrace::Node::worker_pid($node);
kill('TERM', $worker) == 1 or die "could not terminate $worker: $!";
$node->poll_query_until('postgres',
	"SELECT pid <> $worker AND state = 'enabled' FROM pg_trace_worker")
  or die 'there is no new worker';
like(error_of("SELECT pg_trace_remove('$name')"),
	qr/is being written/, 'nor when another worker writes it');

$session->query('SELECT pg_trace_stop_trace()');
is($node->safe_psql('postgres', $look),
	"$name|closed|f|t|postgres|$user|a:(b) c|t", 'when it has ended');
my $size = -s $file;
is($node->safe_psql('postgres', "SELECT bytes FROM pg_trace_files WHERE pid = $pid"),
	$size, 'its size');
is($node->safe_psql('postgres', "SELECT pg_trace_remove('$file')"),
	$size, 'it can be removed, which returns that');
ok(!-e $file, 'and is gone');
like(error_of("SELECT pg_trace_remove('$file')"),
	qr/ERROR:  58P01: there is no trace file/, 'once');
$session->close;

###############################################################################
# What else may be there
###############################################################################

my $folder = "$directory/pgsql_tmp_20260101";
my $victim = $node->data_dir . '/victim';
my $plain = "$folder/pg_trace_3_20260101T000000.trc";
mkdir $folder, 0700 or die "$folder: $!";
append_to_file($victim, "not ours\n");
append_to_file("$folder/notes.trc", "x\n");
append_to_file("$directory/pg_trace_1_20260101T000000.trc", "x\n");
symlink $victim, "$folder/pg_trace_1_20260101T000000.trc" or die "symlink: $!";
link $victim, "$folder/pg_trace_2_20260101T000000.trc" or die "link: $!";
symlink $folder, "$directory/pgsql_tmp_20260102" or die "symlink: $!";
# a head in another encoding, one that has nothing, and what was never compressed
append_to_file($plain, "Trace file x\nDatabase name: \xe9t\xe9\nUser name: u\n");
append_to_file("$folder/pg_trace_4_20260101T000000.trc.zst", "\x28\xb5\x2f\xfd" . 'x' x 100);
append_to_file("$folder/pg_trace_5_20260101T000000.999999.trc", '');

$node->safe_psql('postgres',
	"CREATE DATABASE utf8 ENCODING 'UTF8' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
$node->safe_psql('utf8', 'CREATE EXTENSION pg_trace_bgw');
is( $node->safe_psql('utf8', <<'SQL'), <<'OUT' =~ s/\n\z//r, 'only trace files are shown');
SELECT name, state, owner, datname, usename FROM pg_trace_files ORDER BY pid
SQL
pgsql_tmp_20260101/pg_trace_3_20260101T000000.trc|closed||?t?|u
pgsql_tmp_20260101/pg_trace_4_20260101T000000.trc.zst|compressed|||
pgsql_tmp_20260101/pg_trace_5_20260101T000000.999999.trc|closed|||
OUT
foreach my $case (
	[ 'pgsql_tmp_20260101/pg_trace_1_20260101T000000.trc', qr/could not remove trace file .*Too many levels of symbolic links/ ],
	[ 'pgsql_tmp_20260101/pg_trace_2_20260101T000000.trc', qr/could not remove trace file .*has another name as well/ ],
	[ 'pgsql_tmp_20260102/pg_trace_3_20260101T000000.trc', qr/there is no trace file/ ],
	[ 'pgsql_tmp_20260101/notes.trc', qr/is not the name of a trace file/ ])
{
	my ($argument, $error) = @$case;

	like(error_of("SELECT pg_trace_remove('$argument')"), $error,
		"$argument: refused");
}
is(slurp_file($victim), "not ours\n", 'what a link leads to is as it was');
ok(-e $plain, 'nothing is removed through a link');

# Rights: a role that is gone
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE app;
GRANT SELECT ON pg_trace_files TO app;
GRANT EXECUTE ON FUNCTION pg_trace_files, pg_trace_remove TO app;
SQL
is($node->safe_psql('postgres', 'SET ROLE app; SELECT count(*) FROM pg_trace_files'),
	0, 'files of others are not shown');
like(
	error_of("SET ROLE app; SELECT pg_trace_remove('pgsql_tmp_20260101/pg_trace_5_20260101T000000.999999.trc')"),
	qr/ERROR:  42501: must be a member of the role that began the trace/,
	'nor can they be removed, when their role is gone');
is($node->safe_psql('postgres', 'SELECT sum(pg_trace_remove(name)) FROM pg_trace_files'),
	45 + 104,
	'a superuser can remove all');

$node->stop;
done_testing();
