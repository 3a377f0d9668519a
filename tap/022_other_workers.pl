# There is one worker.  Other background workers that a superuser's C code
# starts have no capabilities, whatever library and function they name, nor do
# they disturb it.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $both = (1 << PgTrace::Node::CAP_BPF) | (1 << PgTrace::Node::CAP_PERFMON);
my $modules = $ENV{PGT_TEST_BIN};
my $node = PgTrace::Node::new_node('main',
	'shared_preload_libraries' => "pg_trace_bgw, $modules/forker.so");
$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION start_worker(text, text) RETURNS text
AS '$modules/attacker', 'start_worker' LANGUAGE C STRICT;
SQL

my $worker = PgTrace::Node::worker_pid($node);
my $postmaster = PgTrace::Node::postmaster_pid($node);

# The processes that have had any capability right after their fork
sub capable
{
	my @capable;

	foreach my $file (glob($node->data_dir . '/births/*'))
	{
		my $sets = PgTrace::Node::parse_capabilities(slurp_file($file));

		push @capable, $file =~ m{(\d+)$}
		  if grep { $sets->{$_} } qw(CapInh CapPrm CapEff CapAmb);
	}
	return @capable;
}

is_deeply([ capable() ], [$worker], 'the worker has capabilities');

# By all the names by which the library can be found, and those of descriptors
# that the postmaster has of it
chomp(my $libdir = `$ENV{PG_CONFIG} --pkglibdir`);
my @names = (
	'pg_trace_bgw', '$libdir/pg_trace_bgw',
	"$libdir/pg_trace_bgw", "$libdir/pg_trace_bgw.so");
foreach my $link (glob("/proc/$postmaster/fd/*"))
{
	my $file = readlink $link;

	push @names, '/proc/self/fd/' . ($link =~ m{(\d+)$})[0]
	  if defined $file && $file eq "$libdir/pg_trace_bgw.so";
}
foreach my $name (@names)
{
	my $log = -s $node->logfile;

	is( $node->safe_psql(
			'postgres', "SELECT start_worker('$name', 'pgt_worker_main')"),
		'ended',
		"$name: a second worker ends");
	like(slurp_file($node->logfile, $log),
		qr/LOG: .*pg_trace_bgw can't be started by others than the server/,
		"$name: and says why");
	is(PgTrace::Node::worker_pid($node), $worker, "$name: the first one goes on");
	is_deeply([ capable() ], [$worker], "$name: only that has capabilities");
}

# another library with a function of that name
unlink $node->data_dir . '/attacker.log';
is( $node->safe_psql(
		'postgres',
		"SELECT start_worker('$modules/attacker', 'pgt_worker_main')"),
	'ended',
	'another library: the worker ends');
like(
	slurp_file($node->data_dir . '/attacker.log'),
	qr/^called \d+ 0{16}$/m,
	'another library: it ran without capabilities');
is_deeply([ capable() ], [$worker], 'another library: so no other had any');

# The worker is still what it was.
my @threads = PgTrace::Node::capabilities($worker);
is_deeply([ map { $_->[1]{CapPrm} } @threads ],
	[ ($both) x @threads ], 'the worker has its capabilities');
my $session =
  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
ok( $node->poll_query_until(
		'postgres', "SELECT probe = 'uprobe' FROM pg_trace_status"),
	'and traces waits');
$session->close;
PgTrace::Node::wait_until_untraced($node);

$node->stop;
done_testing();
