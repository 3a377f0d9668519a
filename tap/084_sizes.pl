# How much a trace takes, in numbers that no machine changes: events of an
# execution, and lines and bytes that it has in the file.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Protocol;
use PostgreSQL::Test::Utils;
use Test::More;

use constant EXECUTIONS => 100;

my $node = PgTrace::Node::new_node('main', 'autovacuum' => 'off');
my $client = PgTrace::Protocol->new($node, options => '-cpg_trace.session=on');
my $pid = $client->pid;

# {column => number} of what the worker has had, once nothing more comes
sub counters
{
	my $last = '';

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $now = $node->safe_psql('postgres',
			'SELECT sql_events, wait_events, bytes_written'
			  . " FROM pg_trace_status WHERE pid = $pid");

		if ($now eq $last)
		{
			my %counter;

			@counter{qw(events waits bytes)} = split /\|/, $now;
			return \%counter;
		}
		$last = $now;
		select(undef, undef, undef, 0.3);
	}
	die 'the counters never settle';
}

sub execute
{
	my ($times) = @_;

	foreach (1 .. $times)
	{
		$client->bind('', 's', 1259)->execute('', 0)->sync;
	}
	return;
}

$client->parse('s', 'SELECT relname FROM pg_class WHERE oid = $1', 26)->sync;
execute(10);
my $before = counters();
execute(EXECUTIONS);
my $after = counters();
my $file = $node->safe_psql('postgres',
	"SELECT trace_file FROM pg_trace_status WHERE pid = $pid");
my %more = map { $_ => $after->{$_} - $before->{$_} } keys %$after;

# BINDS, its value, EXEC, FETCH, CLOSE, and the end of a transaction
is($more{events}, 6 * EXECUTIONS, 'events of an execution');
cmp_ok($more{waits}, '<=', EXECUTIONS, 'and a wait for the client at most');
my $bytes = $more{bytes} / EXECUTIONS;
note("$bytes bytes in the file");
cmp_ok($bytes, '<=', 520, 'bytes of an execution in the file');
$client->close;
PgTrace::Node::wait_for_end($node, $file);

# The longest of each kind; numbers have their digits, and some of these are
# times since the machine was started.
my %longest;
my $content = slurp_file($file);
$content =~ s/^.*?^XCTEND[^\n]*\n//ms;
while ($content =~ /^(BINDS #.*?value="[^\n]*|[A-Z]+[ #][^\n]*)\n/msg)
{
	my ($record) = $1;
	my ($kind) = $record =~ /^([A-Z]+)/;
	my $length = 1 + length $record;

	$longest{$kind} = $length
	  if !defined $longest{$kind} || $length > $longest{$kind};
}
my %bounds = (
	BINDS => 190,
	EXEC => 110,
	FETCH => 115,
	CLOSE => 65,
	XCTEND => 55,
	WAIT => 130);
foreach my $kind (sort keys %bounds)
{
	note("$kind: $longest{$kind} bytes");
	cmp_ok($longest{$kind}, '<=', $bounds{$kind}, "bytes of $kind");
}

$node->stop;
done_testing();
