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
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use constant { FIONREAD => 0x541B, SIOCOUTQ => 0x5411 };

# A session that has statistics to report wakes up ten seconds later for that.
my $node = PgTrace::Node::new_node(
	'main',
	'listen_addresses' => '127.0.0.1',
	'autovacuum' => 'off',
	'track_counts' => 'off');

sub ask_socket
{
	my ($client, $request) = @_;
	my $count = pack('i', 0);

	ioctl($client->socket, $request, $count) or die "ioctl: $!";
	return unpack('i', $count);
}

# What the client could read at once
sub readable
{
	my ($client) = @_;

	return ask_socket($client, FIONREAD);
}

# What stands in the server's socket to the client, and what in that from it:
# tx_queue and rx_queue in /proc/net/tcp
sub server_queues
{
	my ($client) = @_;
	my ($from, $to) =
	  map { sprintf '0100007F:%04X', $_ } $node->port, $client->socket->sockport;

	foreach my $line (split /\n/, slurp_file('/proc/net/tcp'))
	{
		my (undef, $local, $remote, undef, $queues) = split ' ', $line;

		return map { hex } split /:/, $queues
		  if $local eq $from && $remote eq $to;
	}
	die 'the connection is not in /proc/net/tcp';
}

sub unacknowledged
{
	my ($client) = @_;

	return (server_queues($client))[0];
}

# Wait until the server has read what the client has sent.
sub wait_until_read
{
	my ($client, $tcp) = @_;

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $unread =
		  $tcp ? (server_queues($client))[1] : ask_socket($client, SIOCOUTQ);

		return if $unread == 0;
		select(undef, undef, undef, 0.1);
	}
	die 'the server does not read';
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

# What the client hasn't read, what of it has arrived, and since when it has been
# like that: once no more comes.
sub stuck
{
	my ($client, $tcp) = @_;
	my ($arrived, $truth, $since) = (-1, -1, 0);

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $now = clock_gettime(CLOCK_MONOTONIC) * 1e6;
		my $readable = readable($client);
		my $left = $tcp ? unacknowledged($client) : $readable;

		return ($truth, $arrived, $since)
		  if $readable == $arrived && $left == $truth;
		($truth, $arrived, $since) = ($left, $readable, $now);
		select(undef, undef, undef, 0.1);
	}
	die 'the server never stops sending';
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
	wait_until_read($client, $tcp);
	wait_until_waiting($client, 'ClientRead');
	$client->socket->syswrite("ECT 1\0");
	push @expected, 6;
	$client->ready;

	# more than the socket can hold
	wait_until_waiting($client, 'ClientRead');
	$client->query("SELECT repeat('x', 20000000)")->send_only;
	wait_until_waiting($client, 'ClientWrite');
	my ($truth, $arrived, $since) = stuck($client, $tcp);
	my $until = clock_gettime(CLOCK_MONOTONIC) * 1e6;
	$client->ready;
	wait_until_waiting($client, 'ClientRead');
	$node->safe_psql('postgres',
		'SELECT pg_trace_session(' . $client->pid . ', false)');
	$client->close;

	my $records = read_trace($node, $file);
	my @waits = map { $_->{fields} } grep { !$_->{fields}{partial} }
	  PgTrace::File::of_type($records, 'WAIT');
	# whatever else wakes a process, no bytes come with it
	my @reads = grep { $_->{nam} eq 'ClientRead' && $_->{'#bytes'} != 0 } @waits;
	# the one at that time, or the last of several, if the process was woken
	my ($write) = reverse grep {
		$_->{nam} eq 'ClientWrite'
		  && $_->{tim} >= $since
		  && $_->{tim} - $_->{ela} <= $until
	} @waits;

	is_deeply([ map { $_->{'#bytes'} } @reads[ 0 .. $#expected - 1 ] ],
		[ @expected[ 1 .. $#expected ] ], "$what: what has arrived")
	  or note(join "\n", map { $_->{'#bytes'} } @reads);
	cmp_ok($truth, '>', 50000, "$what: the socket is full");
	# TCP: what arrives is acknowledged a moment later
	cmp_ok($write->{'#bytes'}, '>=', $truth, "$what: what has not been taken");
	cmp_ok($write->{'#bytes'}, '<=', $truth + ($tcp ? $arrived : 0),
		"$what: and no more");
	# but one that began just when the client was reading, which changes what is
	# being counted
	is_deeply(
		[
			grep { $_->{parameters} ne '#bytes' }
			  (grep { $_->{nam} eq 'ClientRead' } @waits), $write
		],
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

	my ($last) = reverse grep { $_->{fields}{nam} eq 'ClientRead' }
	  PgTrace::File::of_type(read_trace($node, $file), 'WAIT');
	is($last->{fields}{'#bytes'}, 0, 'the end of the connection has no bytes');
}

clean_files($node);
done_testing();
