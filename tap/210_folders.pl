
# Where trace files are: a folder for each day, and further ones if there are
# many files, which base backups leave out, whatever the files are called.

use strict;
use warnings;

use File::Find;
use PgTrace::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX qw(strftime);
use Test::More;

my $node = PgTrace::Node::create_node('main', { allows_streaming => 1 });
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_trace_bgw');
PgTrace::Node::worker_pid($node);

my $directory = $node->data_dir . '/pg_trace';

# A trace of another session, which is over; returns its file.
sub trace
{
	my ($identifier) = @_;

	return $node->safe_psql('postgres', <<"SQL");
SET pg_trace.tracefile_identifier = '$identifier';
SELECT left(pg_trace_start_trace(), 0) || pg_trace_stop_trace();
SQL
}

sub folder_of
{
	my ($file) = @_;

	return $file =~ m{^\Q$directory\E/([^/]+)/pg_trace_[^/]+\.trc$} ? $1 : $file;
}

###############################################################################
# A folder per day
###############################################################################

my $file = trace('first');
my ($day) = $file =~ /pg_trace_\d+_(\d{8})T/;
is(folder_of($file), "pgsql_tmp_$day", 'the folder has the day of the trace');
is((stat "$directory/pgsql_tmp_$day")[2] & 07777, 0700,
	'nobody else may look into it');
is((stat $file)[2] & 07777, 0600, 'nor into the file');

###############################################################################
# Base backups
###############################################################################

my $long = trace('a' x 63);
cmp_ok(length "pg_trace/pgsql_tmp_$day/" . ($long =~ s{.*/}{}r),
	'>', 99, 'a name that is too long for a tar archive');
$node->backup('all');
my @copied;
find(sub { push @copied, $File::Find::name if /\.trc$/ },
	$node->backup_dir . '/all');
is_deeply(\@copied, [], 'a base backup has no trace files');
ok(-d $node->backup_dir . '/all/pg_trace', 'it has the directory for them');
is($node->safe_psql('postgres', 'SELECT 1'), 1, 'the server goes on');

# A server from it traces.
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'all');
$copy->start;
like(
	$copy->safe_psql('postgres', 'SELECT pg_trace_start_trace()'),
	qr{^\Q${\$copy->data_dir}\E/pg_trace/pgsql_tmp_\d{8}/},
	'a server from the backup traces');
$copy->stop;

# What the names are for: the same under another name can't even be copied.
mkdir $node->data_dir . '/other' or die "mkdir: $!";
append_to_file($node->data_dir . '/other/' . 'a' x 99, 'x');
command_fails_like(
	[
		'pg_basebackup', '-D', $node->backup_dir . '/other', '-h', $node->host,
		'-p', $node->port, '--checkpoint', 'fast', '--no-sync'
	],
	qr/file name too long for tar format/,
	'a long name anywhere else makes a base backup fail');

###############################################################################
# Many files
###############################################################################

# The worker counts the files of a folder when it uses it for the first time.
# Tomorrow's folder is full as well, should it be needed.
sub fill
{
	my ($folder) = @_;
	my ($of) = $folder =~ /(\d{8})/;

	mkdir "$directory/$folder", 0700;
	foreach my $i (1 .. 10000)
	{
		append_to_file("$directory/$folder/pg_trace_${i}_${of}T000000.trc", '');
	}
	return;
}

$node->stop;
my $tomorrow = strftime('%Y%m%d', gmtime(time + 86400));
fill("pgsql_tmp_$_") foreach strftime('%Y%m%d', gmtime), $tomorrow;
$node->start;
PgTrace::Node::worker_pid($node);
like(folder_of(trace('second')), qr/^pgsql_tmp_\d{8}_2$/,
	'where a folder has 10,000 files, the next one is used');
like(folder_of(trace('third')), qr/^pgsql_tmp_\d{8}_2$/, 'and is used again');

# What stands in the way of a folder is neither followed nor harmed.
$node->stop;
my $elsewhere = PostgreSQL::Test::Utils::tempdir();
foreach my $of (strftime('%Y%m%d', gmtime), $tomorrow)
{
	rename "$directory/pgsql_tmp_$of", "$directory/away_$of" or die "rename: $!";
	symlink $elsewhere, "$directory/pgsql_tmp_$of" or die "symlink: $!";
}
$node->start;
PgTrace::Node::worker_pid($node);
my ($status, $out, $error) =
  $node->psql('postgres', 'SELECT pg_trace_start_trace()');
like($error, qr/could not trace process \d+: could not create file .*Not a directory/,
	'a link in the place of a folder is not followed');
is_deeply([ grep { !/^\.\.?$/ } slurp_dir($elsewhere) ], [], 'nor written to');
foreach my $of (strftime('%Y%m%d', gmtime), $tomorrow)
{
	unlink "$directory/pgsql_tmp_$of" or die "unlink: $!";
	mkdir "$directory/pgsql_tmp_$of" or die "mkdir: $!";
	chmod 0770, "$directory/pgsql_tmp_$of" or die "chmod: $!";
}
($status, $out, $error) =
  $node->psql('postgres', 'SELECT pg_trace_start_trace()');
like($error, qr/could not trace process \d+: could not create file .*Operation not permitted/,
	'nor is one used that others may write to');

$node->stop;
done_testing();
