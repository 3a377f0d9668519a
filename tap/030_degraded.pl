
# What is left without the capabilities or without the probe, and what is
# reported then; and trace directories that can't be used.

use strict;
use warnings;

use Fcntl ':mode';
use PgTrace::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $advice = qr/AmbientCapabilities=CAP_BPF CAP_PERFMON/;

# Start a node as it would be without these tests' ambient capabilities: the
# node finds this pg_ctl first.
sub start_without_capabilities
{
	my ($node) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $bindir = $node->config_data('--bindir');

	open(my $script, '>', "$dir/pg_ctl") or die "$dir/pg_ctl: $!";
	print $script "#!/bin/sh\n",
	  "exec setpriv --ambient-caps=-all --inh-caps=-all $bindir/pg_ctl \"\$@\"\n";
	close $script;
	chmod 0700, "$dir/pg_ctl" or die "$dir/pg_ctl: $!";

	local $ENV{PATH} = "$dir:$ENV{PATH}";
	$node->start;
	return;
}

# Trace a session of a node by the setting; returns its records.
sub trace_something
{
	my ($node) = @_;
	my $session = PgTrace::Session->new($node, dbname => 'other',
		options => '-c pg_trace.session=on');

	$session->query(<<'SQL');
PREPARE q(int, text) AS
	SELECT i FROM generate_series(1, $1) AS i WHERE $2 <> '';
EXECUTE q(7, 'some text');
INSERT INTO t SELECT i FROM generate_series(1, 5) AS i;
SELECT 1 / 0;
SELECT pg_sleep(0.01);
SQL
	my $status = $node->safe_psql('postgres',
		'SELECT probe, last_error FROM pg_trace_status');
	$session->close;
	PgTrace::Node::wait_until_untraced($node);
	my ($file) = PgTrace::Node::trace_files($node, $session->pid);
	return ($status, PgTrace::File::parse($file));
}

# All but the waits is in the trace.
sub check_trace
{
	my ($records, $what) = @_;

	is_deeply([ PgTrace::Problems::problems($records) ], [], "$what: the trace is sound");
	is_deeply([ PgTrace::File::of_type($records, 'WAIT') ], [], "$what: no waits");
	is(PgTrace::File::of_type($records, 'ENDED'), 1, "$what: the file is complete");

	my ($query) = map { $_->{cursor} }
	  grep { $_->{text} =~ /^PREPARE q/ && $_->{fields}{oct} == 3 }
	  PgTrace::File::of_type($records, 'CURSOR');
	ok(defined $query, "$what: the query's text");
	my ($binds) = PgTrace::File::of_cursor($records, $query, 'BINDS');
	is_deeply([ map { $_->{value} } @{ $binds->{binds} } ],
		[ 7, 'some text' ], "$what: binds");
	my ($fetch) = PgTrace::File::of_cursor($records, $query, 'FETCH');
	is($fetch->{fields}{r}, 7, "$what: rows of the query");
	my ($stat) = PgTrace::File::of_cursor($records, $query, 'STAT');
	like($stat->{text}, qr/^Function Scan/, "$what: its plan");
	is($stat->{fields}{cnt}, 7, "$what: the plan's rows");

	my ($insert) = PgTrace::File::cursors_like($records, qr/^INSERT/);
	my ($exec) = PgTrace::File::of_cursor($records, $insert, 'EXEC');
	is($exec->{fields}{r}, 5, "$what: rows of the INSERT");
	my ($error) = PgTrace::File::of_type($records, 'ERROR');
	is($error->{fields}{sqlstate}, '22012', "$what: the error");
	my ($sleep) = PgTrace::File::cursors_like($records, qr/^SELECT pg_sleep/);
	my ($slept) = PgTrace::File::of_cursor($records, $sleep, 'FETCH');
	cmp_ok($slept->{fields}{e}, '>=', 10000, "$what: elapsed time");
	return;
}

###############################################################################
# Without the capabilities
###############################################################################

my $plain = PgTrace::Node::create_node('plain', {});
start_without_capabilities($plain);
$plain->safe_psql('postgres',
	'CREATE EXTENSION pg_trace_bgw; CREATE DATABASE other');
$plain->safe_psql('other', 'CREATE TABLE t (i int)');
my $worker = PgTrace::Node::worker_pid($plain);

foreach my $thread (PgTrace::Node::capabilities($worker))
{
	is_deeply([ @{ $thread->[1] }{qw(CapPrm CapEff)} ],
		[ 0, 0 ], 'plain: the worker has no capabilities');
}
is( $plain->safe_psql(
		'postgres',
		'SELECT state, capabilities, probe, probe_sites FROM pg_trace_worker'),
	'enabled|none|none|0',
	'plain: pg_trace_worker shows that');
my $last_error =
  $plain->safe_psql('postgres', 'SELECT last_error FROM pg_trace_worker');
like($last_error, qr/lacks CAP_BPF and CAP_PERFMON/, 'plain: and why');
like($last_error, $advice, 'plain: and what to do');
my $log = slurp_file($plain->logfile);
like($log, qr/LOG: .*waits are not traced: .*CAP_BPF/, 'plain: so does the log');
like($log, qr/HINT: .*$advice/, 'plain: what to do is in the log, too');

my ($status, $records) = trace_something($plain);
like($status, qr/^none\|.*CAP_BPF/, 'plain: pg_trace_status shows it');
check_trace($records, 'plain');
PgTrace::File::has_note($records, qr/^TIMED EVENTS ARE NOT TRACED: .*CAP_BPF/,
	'plain: the file says that there are no waits, and why');

my $path = $plain->safe_psql(
	'postgres', <<'SQL');
SELECT pg_trace_start_trace();
SELECT pg_trace_stop_trace();
SQL
like($path, qr/\A(\S+)\n\1\z/, 'plain: the functions return the path');
$plain->stop;

###############################################################################
# With the capabilities, but the probe turned off
###############################################################################

my $node =
  PgTrace::Node::new_node('main', 'pg_trace.wait_probe' => 'off');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE TABLE t (i int)');

is( $node->safe_psql('postgres',
		'SELECT capabilities, probe, last_error FROM pg_trace_worker'),
	'cap_bpf,cap_perfmon|none|pg_trace.wait_probe is off',
	'off: pg_trace_worker shows it');
unlike(slurp_file($node->logfile),
	qr/waits are not traced/, 'off: the log has no complaint');
($status, $records) = trace_something($node);
is($status, 'none|pg_trace.wait_probe is off', 'off: pg_trace_status shows it');
check_trace($records, 'off');
PgTrace::File::has_note($records, qr/^TIMED EVENTS ARE NOT TRACED: pg_trace.wait_probe is off$/,
	'off: the file says so');

# On again, without a restart
$node->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');
$node->append_conf('postgresql.conf', "pg_trace.wait_probe = 'auto'\n");
$node->reload;
$node->poll_query_until('postgres',
	"SELECT probe = 'uprobe' AND last_error IS NULL FROM pg_trace_worker")
  or die 'the probes are not opened';
my $session = PgTrace::Session->new($node, options => '-c pg_trace.session=on');
$session->query('SELECT pg_sleep(0.01)');
is($session->query('SELECT probe FROM pg_trace_status'),
	'uprobe', 'auto: a new trace has probes');
$session->close;
PgTrace::Node::wait_until_untraced($node);
$records = PgTrace::File::parse((PgTrace::Node::trace_files($node, $session->pid))[0]);
ok((grep { $_->{fields}{nam} eq 'PgSleep' }
	  PgTrace::File::of_type($records, 'WAIT')),
	'auto: and waits');

###############################################################################
# Modes
###############################################################################

my $directory = $node->data_dir . '/pg_trace';

sub mode
{
	my ($file) = @_;
	my @stat = stat $file or die "$file: $!";

	return sprintf '%04o', S_IMODE($stat[2]);
}

is(mode($directory), '0700', 'the directory is for the server alone');
my @files = PgTrace::Node::trace_files($node);
cmp_ok(scalar(@files), '>', 1, 'there are files');
is_deeply([ grep { mode($_) ne '0600' } @files ], [], 'and so are the files');

###############################################################################
# Directories that can't be used
###############################################################################

my $tempdir = PostgreSQL::Test::Utils::tempdir();

# Neither a function nor the setting gets a trace in this directory; the
# session, the worker and other traces go on.
sub is_refused
{
	my ($dir, $why, $what) = @_;
	my $before = PgTrace::Node::worker_pid($node);

	$node->append_conf('postgresql.conf', "pg_trace.output_directory = '$dir'\n");
	$node->reload;
	$node->poll_query_until('postgres',
		"SELECT current_setting('pg_trace.output_directory') = '$dir'")
	  or die 'the setting is not read';

	# The worker reads the setting by itself; it has when the error names the
	# directory.
	$node->poll_query_until('postgres', <<"SQL", 'DO')
DO \$\$
BEGIN
	PERFORM pg_trace_start_trace();
	PERFORM pg_trace_stop_trace();
	RAISE NOTICE 'not yet';
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	IF SQLERRM NOT LIKE '%"$dir%' THEN
		RAISE;
	END IF;
END
\$\$
SQL
	  or die 'the worker accepts the directory';

	my ($status, $out, $error) =
	  $node->psql('postgres', 'SELECT pg_trace_session(pg_backend_pid())');
	is($status, 3, "$what: an error");
	like($error, qr/ERROR:  could not trace process \d+: .*\Q$dir\E.*$why/,
		"$what: which says why");

	local $ENV{PGOPTIONS} = '-c pg_trace.session=on';
	($status, $out, $error) = $node->psql('postgres', 'SELECT 42');
	is("$status $out", '0 42', "$what: a session with the setting works");
	like($error, qr/WARNING:  this session could not be traced: .*$why/,
		"$what: with a warning");
	is($node->safe_psql('postgres', 'SELECT pid FROM pg_trace_worker'),
		$before, "$what: the worker lives");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_trace_status'),
		'0', "$what: nothing is traced");
	return;
}

sub make_directory
{
	my ($name, $mode) = @_;

	mkdir "$tempdir/$name" or die "$tempdir/$name: $!";
	chmod $mode, "$tempdir/$name" or die "$tempdir/$name: $!";
	return "$tempdir/$name";
}

make_directory('elsewhere', 0700);
symlink "$tempdir/elsewhere", "$tempdir/link" or die "symlink: $!";
append_to_file("$tempdir/file", '');

is_refused("$tempdir/link", qr/(Not a directory|symbolic links)/,
	'symbolic link');
is_refused("$tempdir/file", qr/Not a directory/, 'file');
is_refused("$tempdir/missing/below", qr/No such file/, 'missing parent');
is_refused(make_directory('read_only', 0500),
	qr/Permission denied/, 'not writable');
is_refused(make_directory('shared', 0770),
	qr/writable by nobody else/, 'writable by others');
is_deeply([ glob("$tempdir/elsewhere/* $tempdir/shared/*") ],
	[], 'nothing was written there');

# An absolute name of a directory that has to be made
$node->append_conf('postgresql.conf',
	"pg_trace.output_directory = '$tempdir/made'\n");
$node->reload;
$node->poll_query_until('postgres', <<"SQL", "$tempdir/made")
SELECT regexp_replace(pg_trace_start_trace(), '/[^/]*/[^/]*\$', '')
SQL
  or die 'the directory is not used';
is(mode("$tempdir/made"), '0700', 'a directory that was made: its mode');
is_deeply([ grep { mode($_) ne '0600' } glob("$tempdir/made/*/*") ],
	[], 'and the modes of its files');

$node->stop;
done_testing();
