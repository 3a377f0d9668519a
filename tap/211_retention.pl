
# How much room trace files take, and for how long: pg_trace.max_total_size and
# pg_trace.retention.  Only complete files are removed, and only ours; the log
# says which.

use strict;
use warnings;

use Fcntl qw(:DEFAULT :seek);
use PgTrace::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { MB => 1024 * 1024, HOUR => 3600, F_OFD_SETLK => 37 };

my $node = PgTrace::Node::new_node('main');
my $directory = $node->data_dir . '/pg_trace';
my $old = "$directory/pgsql_tmp_20240101";
my $older = "$directory/pgsql_tmp_20231231_2";
my $oldest = "$directory/pgsql_tmp_20231231";

# A complete file of such a size, last changed so many hours ago
sub make_file
{
	my ($file, $size, $hours) = @_;
	my $end = "\n*** TRACE ENDED\n";

	# the worker removes a folder that is empty
	mkdir $file =~ s{/[^/]*$}{}r, 0700;
	append_to_file($file, 'x' x ($size - length $end) . $end);
	my $time = time - $hours * HOUR;
	utime $time, $time, $file or die "$file: $!";
	return;
}

# Wait for what the log is to say from there on.
sub wait_for_log
{
	my ($pattern, $from) = @_;

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if slurp_file($node->logfile, $from) =~ $pattern;
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

# Which of these files are there, without the directory
sub short
{
	return [ map { s{^\Q$directory\E/}{}r } @_ ];
}

sub there
{
	return short(grep { -e || -l } @_);
}

###############################################################################
# pg_trace.max_total_size
###############################################################################

my @files = (
	"$oldest/pg_trace_9_20231231T100000.trc",
	"$oldest/pg_trace_8_20231231T110000_x.16384.trc",
	"$older/pg_trace_3_20231231T120000.trc",
	"$old/pg_trace_5_20240101T100000.trc",
	"$old/pg_trace_4_20240101T110000.trc");
my $hours = 100;
make_file($_, MB, $hours--) foreach @files;
# complete by its end, but someone writes to it
my $writing = "$oldest/pg_trace_7_20231231T090000.trc";
make_file($writing, MB, 200);
open(my $lock, '+<', $writing) or die "$writing: $!";
my $flock = pack('s s x4 q q i x4', F_WRLCK, SEEK_SET, 0, 0, 0);
fcntl($lock, F_OFD_SETLK, $flock) or die "$writing: $!";
my $session = PgTrace::Session->new($node);
my $open = $session->query('SELECT pg_trace_start_trace()');

# what isn't ours
my @strange = ("$oldest/notes.txt", "$oldest/pg_trace_6_20231231T090000.log",
	"$directory/pg_trace_6_20231231T090000.trc");
make_file($_, MB, 300) foreach @strange;
my $linked = "$oldest/pg_trace_2_20231231T090000.trc";
my $victim = $node->data_dir . '/victim';
append_to_file($victim, 'y' x MB);
symlink $victim, $linked or die "symlink: $!";
my $twice = "$oldest/pg_trace_1_20231231T090000.trc";
make_file($twice, MB, 400);
link $twice, $node->data_dir . '/second_name' or die "link: $!";

my $log_start = -s $node->logfile;
PgTrace::Node::set($node, 'pg_trace.max_total_size', '4MB');
ok(wait_for_log(qr/more than pg_trace.max_total_size/, $log_start),
	'too many bytes: the log says that files are removed');
my $log = slurp_file($node->logfile, $log_start);
like($log,
	qr/LOG:  removed 4 trace files, \d+ bytes: there were more than pg_trace.max_total_size\n.*DETAIL:  They were "pgsql_tmp_20231231\/pg_trace_9_20231231T100000.trc" to "pgsql_tmp_20240101\/pg_trace_5_20240101T100000.trc"\./,
	'which ones, from the oldest on');
is_deeply(there(@files), short($files[4]),
	'the oldest ones are gone, by folder and time');
is_deeply(there($open, $writing), short($open, $writing),
	'those that someone writes are not');
is_deeply(there(@strange, $linked, $twice), short(@strange, $linked, $twice),
	'nothing is removed that isn\'t ours');
is(slurp_file($victim), 'y' x MB, 'nor what a link leads to');
like($log,
	qr/LOG:  \d+ trace files could not be removed or compressed\n.*DETAIL:  The first one: file "pg_trace_1_20231231T090000.trc" has another name as well/,
	'the log says what could not be removed');
unlink $twice, $linked;

# More than that in what is being written
$log_start = -s $node->logfile;
PgTrace::Node::set($node, 'pg_trace.max_total_size', '3MB');
$session->query("SELECT length('" . $_ x 900_000 . "')") foreach 'a' .. 'c';
ok( wait_for_log(
		qr/LOG:  the trace files that are being written have more than pg_trace.max_total_size\n.*DETAIL: .*\n.*HINT:  Trace fewer sessions/,
		$log_start),
	'too many bytes of open files: the log says so');
ok(-e $open, 'they stay');
is_deeply(there(@files), [], 'the complete ones don\'t');
PgTrace::Node::set($node, 'pg_trace.max_total_size', '0');

###############################################################################
# pg_trace.retention
###############################################################################

my @late = ("$old/pg_trace_1_20240101T100000.trc",
	"$old/pg_trace_2_20240101T100000_2.trc",
	"$older/pg_trace_3_20231231T100000.trc");
make_file($late[0], 1000, 3);
make_file($late[1], 1000, 1);
make_file($late[2], 1000, 3);
$log_start = -s $node->logfile;
PgTrace::Node::set($node, 'pg_trace.retention', '2h');
ok( wait_for_log(
		qr/LOG:  removed 2 trace files, 2000 bytes: they were older than pg_trace.retention/,
		$log_start),
	'too old: the log says that files are removed');
is_deeply(there(@late), short($late[1]), 'by the time of their last change');
ok(!-d $older, 'an empty folder of another day is removed as well');
is_deeply(there($writing), short($writing), 'what someone writes stays');
close $lock;
ok( wait_for_log(
		qr/LOG:  removed 1 trace file, \d+ bytes: they were older than pg_trace.retention\n.*DETAIL:  It was "pgsql_tmp_20231231\/pg_trace_7_20231231T090000.trc"\./,
		$log_start),
	'until it is complete');
is_deeply(there(@strange), short(@strange), 'all else is there');
ok(-d $oldest, 'with its folder');

$session->close;
PgTrace::Node::wait_for_end($node, $open);
my $records = PgTrace::File::parse($open);
is_deeply([ PgTrace::Problems::problems($records) ],
	[], 'the trace that went on is sound');

$node->stop;
done_testing();
