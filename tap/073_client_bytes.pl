# #bytes of waits for the client, over TCP and over a Unix-domain socket: what
# arrived of the client's message, against the length that the client sent;
# and what the client has not taken, against the kernel's own count.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use PostgreSQL::Test::Utils;
use Test::More;

use constant FIONREAD => 0x541B;

my $node = PgTrace::Node::new_node('main',
	'listen_addresses' => '127.0.0.1', 'autovacuum' => 'off');

# What the client could read at once
sub readable
{
	my ($client) = @_;
	my $count = pack('i', 0);

	ioctl($client->socket, FIONREAD, $count) or die "ioctl: $!";
	return unpack('i', $count);
}

# What stands in the server's socket to the client: tx_queue in /proc/net/tcp
sub unacknowledged
{
	my ($client) = @_;
	my ($from, $to) =
	  map { sprintf '0100007F:%04X', $_ } $node->port, $client->socket->sockport;

	foreach my $line (split /\n/, slurp_file('/proc/net/tcp'))
	{
		my (undef, $local, $remote, undef, $queues) = split ' ', $line;

		return hex((split /:/, $queues)[0])
		  if $local eq $from && $remote eq $to;
	}
	die 'the connection is not in /proc/net/tcp';
}

sub wait_until_waiting
{
	my ($client, $event) = @_;

	$node->poll_query_until('postgres',
		"SELECT wait_event = '$event' FROM pg_stat_activity WHERE pid = "
		  . $client->pid)
	  or die "no $event";
	return;
}

foreach my $tcp (0, 1)
{
	my $what = $tcp ? 'TCP' : 'Unix-domain socket';
	my $client = PgTrace::Protocol->new($node, tcp => $tcp);
	my $file = $node->safe_psql('postgres',
		'SELECT pg_trace_session(' . $client->pid . ')');
	my @lengths = (10, 100, 5000, 20000);
	my $sql = 'SELECT 1';
	my @expected;

	# type, length and the byte that ends the string
	foreach my $length (@lengths)
	{
		wait_until_waiting($client, 'ClientRead');
		$client->query("$sql --" . 'x' x ($length - length $sql))->sync;
		push @expected, $length + 9;
	}

	# a message in two parts
	wait_until_waiting($client, 'ClientRead');
	$client->socket->syswrite("Q" . pack('N', 5 + length $sql) . "SEL");
	push @expected, 8;
	$node->poll_query_until('postgres',
		'SELECT wait_events >= ' . (@expected + 0)
		  . ' FROM pg_trace_status WHERE pid = ' . $client->pid)
	  or die 'the first part was not read';
	wait_until_waiting($client, 'ClientRead');
	$client->socket->syswrite("ECT 1\0");
	push @expected, 6;
	$client->ready;

	# more than the socket can hold
	wait_until_waiting($client, 'ClientRead');
	$client->query("SELECT repeat('x', 20000000)")->send_only;
	wait_until_waiting($client, 'ClientWrite');
	my $arrived = readable($client);
	my $truth = $tcp ? unacknowledged($client) : $arrived;
	$client->ready;
	wait_until_waiting($client, 'ClientRead');
	$node->safe_psql('postgres',
		'SELECT pg_trace_session(' . $client->pid . ', false)');
	$client->close;

	my $records = read_trace($node, $file);
	my @waits = map { $_->{fields} } grep { !$_->{fields}{partial} }
	  PgTrace::File::of_type($records, 'WAIT');
	my @reads = grep { $_->{nam} eq 'ClientRead' } @waits;
	my @writes = sort { $b->{ela} <=> $a->{ela} }
	  grep { $_->{nam} eq 'ClientWrite' } @waits;

	is_deeply([ map { $_->{'#bytes'} } @reads[ 0 .. $#expected - 1 ] ],
		[ @expected[ 1 .. $#expected ] ], "$what: what has arrived")
	  or note(join "\n", map { $_->{'#bytes'} } @reads);
	cmp_ok($truth, '>', 50000, "$what: the socket is full");
	# TCP: what arrives is acknowledged a moment later
	cmp_ok($writes[0]{'#bytes'}, '>=', $truth, "$what: what has not been taken");
	cmp_ok($writes[0]{'#bytes'}, '<=', $truth + ($tcp ? $arrived : 0),
		"$what: and no more");
	is_deeply([ grep { $_->{parameters} ne '#bytes' } @reads, @writes ],
		[], "$what: each wait has a number");
}

# A client that goes away sends nothing.
foreach my $tcp (0, 1)
{
	my $client = PgTrace::Protocol->new($node, tcp => $tcp);
	my $file = $node->safe_psql('postgres',
		'SELECT pg_trace_session(' . $client->pid . ')');

	$client->query('SELECT 1')->sync;
	wait_until_waiting($client, 'ClientRead');
	$client->socket->close;

	my ($last) = reverse PgTrace::File::of_type(read_trace($node, $file), 'WAIT');
	is("$last->{fields}{nam} $last->{fields}{'#bytes'}",
		'ClientRead 0', 'the end of the connection has no bytes');
}

clean_files($node);
done_testing();
