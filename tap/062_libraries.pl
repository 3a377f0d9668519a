# Waits that are reported by libraries, not by the server: loaded before the
# trace begins or after, in parallel workers, and libraries in which they can't
# be seen by uprobes.  None of PostgreSQL's own modules reports waits with code
# of its own, so there is one for the test.

use strict;
use warnings;

use File::Copy;
use PgTrace::GroundTruth;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => PgTrace::GroundTruth::problem() if PgTrace::GroundTruth::problem();

my $node = PgTrace::Node::new_node(
	'main',
	'autovacuum' => 'off',
	'parallel_setup_cost' => 0,
	'parallel_tuple_cost' => 0,
	'min_parallel_table_scan_size' => 0,
	'max_parallel_workers_per_gather' => 2,
	'jit' => 'off');
my $dir = PostgreSQL::Test::Utils::tempdir();
my $no_watchpoint = PgTrace::Node::watchpoint_problem($node);

# The function of a module of its own, a copy of one of the test's
sub create_function
{
	my ($name, $module) = @_;

	$module //= 'waiter';
	copy("$ENV{PGT_TEST_BIN}/$module.so", "$dir/$name.so")
	  or die "$dir/$name.so: $!";
	$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION $name(int, int) RETURNS int STRICT PARALLEL SAFE LANGUAGE C
  AS '$dir/$name', 'waits';
SQL
	return "$dir/$name.so";
}

sub count_of
{
	my ($records, $name) = @_;

	return
	  scalar grep { $_->{fields}{nam} eq $name }
	  PgTrace::File::of_type($records, 'WAIT');
}

sub notes_like
{
	my ($records, $pattern) = @_;

	return grep { $_->{text} =~ $pattern } PgTrace::File::of_type($records, 'NOTE');
}

###############################################################################
# Before and after the trace has begun, with each kind of probe
###############################################################################

$node->safe_psql('postgres', 'CREATE EXTENSION postgres_fdw');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE t (id int) WITH (parallel_workers = 2, fillfactor = 10);
INSERT INTO t SELECT generate_series(1, 100);
CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw
  OPTIONS (host '$node->{_host}', port '$node->{_port}', dbname 'postgres');
CREATE USER MAPPING FOR CURRENT_USER SERVER loopback;
CREATE FOREIGN TABLE foreign_t (id int) SERVER loopback
  OPTIONS (table_name 't');
SQL

foreach my $setting (qw(uprobe_process uprobe_shared watchpoint))
{
	my %probe = (uprobe_process => 'uprobe');
	my $probe = $probe{$setting} // $setting;

	next if $probe eq 'watchpoint' && PgTrace::Node::skipped($no_watchpoint, 10);
	my @names = map { "${setting}_$_" } qw(before after utility);
	my @paths = map { create_function($_) } @names;

	PgTrace::Node::set_probe($node, $setting, $probe);
	my $session = PgTrace::Session->new($node);
	$session->query("SELECT $names[0](1, 0)");
	my $file = $session->query('SELECT pg_trace_start_trace()');
	my $truth = PgTrace::GroundTruth->start($session);
	$session->query("SELECT $names[0](5, 10)");
	# the first use of a library; the executor's start loads it
	$session->query("SELECT $names[1](7, 10)");
	$session->query("LOAD '$paths[2]'");
	$session->query("DO \$\$ BEGIN PERFORM $names[2](11, 10); END \$\$");
	# a module of PostgreSQL's
	is($session->query('SELECT count(*) FROM foreign_t'),
		100, "$setting: a foreign table");
	$truth->finish;
	$session->query('SELECT pg_trace_stop_trace()');
	my $records = PgTrace::File::parse($file);
	my $count = $truth->compare($records, $setting);
	is($count->{'Timeout:PgSleep'}, 23, "$setting: all waits of the module");
	is( scalar(notes_like($records, qr/^TIMED EVENT TRACING STARTED IN LIBRARY/)),
		$probe eq 'watchpoint' ? 0 : 3,
		"$setting: the file says from where on they are in it");
	$session->close;

	# traced by another session, the library loaded before
	$session = PgTrace::Session->new($node);
	$session->query("SELECT $names[0](1, 0)");
	$file = $node->safe_psql('postgres',
		'SELECT pg_trace_session(' . $session->pid . ')');
	# the first look at its libraries isn't waited for
	$session->query('SELECT 1');
	$session->query("SELECT $names[0](3, 10), $names[1](4, 10)");
	$session->close;
	PgTrace::Node::wait_for_end($node, $file);
	is(count_of(PgTrace::File::parse($file), 'PgSleep'),
		7, "$setting: traced by another session");
}

###############################################################################
# A parallel worker, with each kind of probe
###############################################################################

my $module = create_function('in_worker');
foreach my $setting (qw(uprobe_process uprobe_shared watchpoint))
{
	my $probe = $setting eq 'uprobe_process' ? 'uprobe' : $setting;
	my $what = "$setting, parallel worker";

	next if $probe eq 'watchpoint' && PgTrace::Node::skipped($no_watchpoint, 9);
	PgTrace::Node::set_probe($node, $setting, $probe);
	my $session = PgTrace::Session->new($node);
	$session->query('SET parallel_leader_participation = off');
	my $leader_file = $session->query('SELECT pg_trace_start_trace()');
	my ($truth, $file) =
	  PgTrace::GroundTruth->of_worker($node, $session, $module, 't');
	my $records = PgTrace::File::parse($file);
	my $count = $truth->compare($records, $what);
	cmp_ok($count->{'Timeout:PgSleep'}, '>=', 100, "$what: waits of the module");
	is( scalar(notes_like($records, qr/^TIMED EVENT TRACING STARTED IN LIBRARY/)),
		$probe eq 'watchpoint' ? 0 : 1,
		"$what: which has probes of its own");
	$session->query('SELECT pg_trace_stop_trace()');
	is(count_of(PgTrace::File::parse($leader_file), 'PgSleep'),
		0, "$what: its leader has none of them");
	$session->close;
}

###############################################################################
# A library in which not every place is found: rather a watchpoint
###############################################################################

my $hidden = create_function('hidden', 'hidden_waiter');
foreach my $loaded (1, 0)
{
	my $what = 'not understood, ' . ($loaded ? 'loaded before' : 'loaded after');

	next if PgTrace::Node::skipped($no_watchpoint, 8);
	PgTrace::Node::set_probe($node, 'auto', 'uprobe');
	my $session = PgTrace::Session->new($node);
	$session->query('SELECT hidden(1, 0)') if $loaded;
	my $file = $session->query('SELECT pg_trace_start_trace()');
	my $truth = PgTrace::GroundTruth->start($session);
	$session->query('SELECT hidden(3, 10)');
	ok( $node->poll_query_until(
			'postgres', "SELECT probe = 'watchpoint' FROM pg_trace_status"),
		"$what: a watchpoint");
	$truth->finish;
	$session->query('SELECT pg_trace_stop_trace()');
	my $count = $truth->compare(PgTrace::File::parse($file), $what);
	is($count->{'Timeout:PgSleep'}, 3, "$what: all waits");
	$session->close;
}

# Whoever wants uprobes gets them, and is told.
PgTrace::Node::set_probe($node, 'uprobe', 'uprobe');
my $session = PgTrace::Session->new($node, options => '-c pg_trace.session=on');
$session->query('SELECT hidden(3, 10)');
like(
	$session->query('SELECT probe, last_error FROM pg_trace_status'),
	qr/^uprobe\|TIMED EVENTS MAY BE MISSING IN LIBRARY \Q$hidden\E: 1 of \d+ places/,
	'not understood, uprobe: pg_trace_status');
like(
	slurp_file($node->logfile),
	qr/LOG:  1 of \d+ places that may report a wait event are not understood in "\Q$hidden\E"/,
	'not understood: the log says so');
$session->close;
PgTrace::Node::wait_until_untraced($node);

###############################################################################
# A library that was replaced since it was loaded
###############################################################################

my $path = create_function('replaced');
$session = PgTrace::Session->new($node);
$session->query('SELECT replaced(1, 0)');
copy("$ENV{PGT_TEST_BIN}/waiter.so", "$path.new") or die "$path.new: $!";
rename "$path.new", $path or die "$path: $!";

PgTrace::Node::set_probe($node, 'uprobe_process', 'uprobe');
my $file = $session->query('SELECT pg_trace_start_trace()');
$session->query('SELECT replaced(3, 10)');
like(
	$session->query('SELECT probe, last_error FROM pg_trace_status'),
	qr/^uprobe\|TIMED EVENTS MAY BE MISSING IN LIBRARY \Q$path\E: the file was replaced/,
	'replaced, uprobe: pg_trace_status says so');
$session->query('SELECT pg_trace_stop_trace()');
my $records = PgTrace::File::parse($file);
is( scalar(
		notes_like(
			$records, qr/^TIMED EVENTS MAY BE MISSING IN LIBRARY \Q$path\E: the file/)),
	1,
	'replaced, uprobe: so does the file');
is(count_of($records, 'PgSleep'), 0, 'replaced, uprobe: and they are');
like(slurp_file($node->logfile),
	qr/LOG:  waits in "\Q$path\E" are not traced: the file was replaced/,
	'replaced, uprobe: and the log');

# By default rather a watchpoint than that; for this session only
unless (PgTrace::Node::skipped($no_watchpoint, 8))
{
	PgTrace::Node::set_probe($node, 'auto', 'uprobe');
	my $other = PgTrace::Session->new($node);
	$other->query('SELECT pg_trace_start_trace()');
	my $file = $session->query('SELECT pg_trace_start_trace()');
	my $truth = PgTrace::GroundTruth->start($session);
	$session->query('SELECT replaced(3, 10)');
	$node->poll_query_until('postgres',
		'SELECT probe = \'watchpoint\' FROM pg_trace_status WHERE pid = '
		  . $session->pid)
	  or die 'no watchpoint';
	is($other->query('SELECT probe FROM pg_trace_status WHERE pid = '
			  . $other->pid),
		'uprobe', 'replaced, auto: other sessions go on');
	$truth->finish;
	$session->query('SELECT pg_trace_stop_trace()');
	my $count =
	  $truth->compare(PgTrace::File::parse($file), 'replaced, auto');
	is($count->{'Timeout:PgSleep'}, 3, 'replaced, auto: waits of the module');
	$other->close;
}
$session->close;

$node->stop;
done_testing();
