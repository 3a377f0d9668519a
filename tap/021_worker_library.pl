# The worker, which has the capabilities, runs no code but that of the library
# that the postmaster has loaded: neither a library that dynamic_library_path
# leads to, nor whatever stands in the place of the library's file by now.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use File::Copy;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use PgTrace::ServerCopy;
use Test::More;

my $both = (1 << PgTrace::Node::CAP_BPF) | (1 << PgTrace::Node::CAP_PERFMON);
my $attacker = "$ENV{PGT_TEST_BIN}/attacker.so";

# A server whose libraries can be changed: what is in their directory are links,
# but for ours.
my $bindir = copy_server();
chomp(my $installed = `$ENV{PG_CONFIG} --pkglibdir`);
chomp(my $original_bindir = `$ENV{PG_CONFIG} --bindir`);
my $libdir =
  substr($bindir, 0, -length $original_bindir) . $installed;
unlink $libdir or die "$libdir: $!";
mkdir $libdir or die "$libdir: $!";
foreach my $file (glob("$installed/*"))
{
	symlink $file, "$libdir/" . basename($file) or die "$file: $!";
}
my $library = "$libdir/pg_trace_bgw.so";
unlink $library or die "$library: $!";
copy("$installed/pg_trace_bgw.so", $library) or die "$library: $!";

my $node = PgTrace::Node::create_node('main', { install_path => dirname($bindir) },
	'restart_after_crash' => 'on');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_trace_bgw');

# What the attacker's library has left since the last time
sub attacks
{
	my $log = $node->data_dir . '/attacker.log';
	my $lines = -e $log ? slurp_file($log) : '';

	unlink $log;
	return $lines;
}

# Wait until a function returns something true.
sub poll
{
	my ($condition, $what) = @_;

	foreach my $try (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my ($result) = $condition->();
		return $result if $result;
		select(undef, undef, undef, 0.1);
	}
	die "no $what";
}

# The process that the server has started to be the worker, whatever it is, if
# it is another one than before.
sub new_worker
{
	my ($before) = @_;
	my %children = PgTrace::Node::children($node);
	my @workers =
	  grep { $children{$_} =~ /^pg_trace_bgw/ && $_ != $before } keys %children;

	return $workers[0];
}

# Have the worker started again, because it or another process ends, and see
# that it is the one that it was.  Some of what happens here keeps the functions
# of the extension from being found, so none is called.
sub check_restart
{
	my ($what, $signal, $victim) = @_;
	my $before = poll(sub { new_worker(0) }, 'worker');

	kill($signal, $victim // $before) == 1 or die "kill: $!";
	my $worker = poll(sub { new_worker($before) }, 'worker');
	# it is started before the server takes connections again
	PgTrace::Node::poll_through_crash($node, 'SELECT true')
	  or die "$what: the server doesn't come back";
	my $session = PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	# a session isn't kept waiting for long by a worker that is just starting
	my ($file) =
	  poll(sub { return PgTrace::Node::trace_files($node, $session->pid) }, 'file');
	poll(sub { slurp_file($file) =~ /^\*\*\* TIMED EVENT TRACING STARTED$/m },
		'trace of waits');
	$session->query('SELECT pg_sleep(0.01)');
	$session->close;

	is(attacks(), '', "$what: nothing else is loaded");
	my @threads = PgTrace::Node::capabilities($worker);
	is_deeply([ map { $_->[1]{CapEff} } @threads ],
		[ ($both) x (@threads || 1) ], "$what: it has the capabilities");
	ok(defined $file, "$what: a session is traced");
	ok(defined $file && poll(sub { slurp_file($file) =~ /WAIT #.*'PgSleep'/ }, 'wait'),
		"$what: with its waits");
	return;
}

# What is loaded is seen.
$node->psql('postgres', "LOAD '$attacker'");
like(attacks(), qr/^loaded \d+ 0{16}$/, 'a library that is loaded is seen');

###############################################################################
# A library of that name, where dynamic_library_path leads to
###############################################################################

my $dir = PostgreSQL::Test::Utils::tempdir();
copy($attacker, "$dir/pg_trace_bgw.so") or die "$dir: $!";
PgTrace::Node::set($node, 'dynamic_library_path', "$dir:\$libdir");
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION redirected() RETURNS void
AS 'pg_trace_bgw', 'attack' LANGUAGE C
SQL
like(attacks(), qr/^loaded /, 'dynamic_library_path leads to the library');
check_restart('dynamic_library_path', 'TERM');
check_restart('dynamic_library_path, killed', 'KILL');
PgTrace::Node::set($node, 'dynamic_library_path', $dir);
check_restart('dynamic_library_path, without the usual one', 'TERM');
PgTrace::Node::set($node, 'dynamic_library_path', '$libdir');

###############################################################################
# Another file in the library's place, or beside it where it would be found
###############################################################################

copy($attacker, "$libdir/pg_trace_bgw") or die "$libdir: $!";
check_restart('a file without the suffix', 'TERM');

copy($attacker, "$library.new") or die "$libdir: $!";
rename "$library.new", $library or die "$library: $!";
check_restart('replaced', 'TERM');

my $backend = PgTrace::Session->new($node);
check_restart('replaced, after a crash', 'KILL', $backend->pid);

rename $library, "$library.so" or die "$library: $!";
check_restart('removed, with twice the suffix there', 'TERM');
unlink "$library.so", "$libdir/pg_trace_bgw";
check_restart('removed', 'TERM');

###############################################################################
# Where the library is loaded from by a path, however long
###############################################################################

$node->stop;
my $deep = "$dir/" . join('/', ('a' x 100) x 6);
system('mkdir', '-p', $deep) == 0 or die "$deep: $!";
copy("$installed/pg_trace_bgw.so", "$deep/pg_trace_bgw.so")
  or die "$deep: $!";
symlink "$deep/pg_trace_bgw.so", $library or die "$library: $!";
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = '$deep/pg_trace_bgw.so'\n");
$node->start;
check_restart('a long path', 'TERM');

$node->stop;
done_testing();
