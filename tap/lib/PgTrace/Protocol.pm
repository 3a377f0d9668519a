
=pod

=head1 NAME

PgTrace::Protocol - a client that sends the protocol messages that it is told to

=head1 SYNOPSIS

  use PgTrace::Protocol;

  my $client = PgTrace::Protocol->new($node);
  my @answer = $client->parse('s', 'SELECT $1', 23)
	->bind('', 's', 1)->execute('', 10)->sync;

=head1 DESCRIPTION

What psql can't do: Parse, Bind, Execute with a limit of rows, or a function
call.

=over

=item PgTrace::Protocol->new(node, [dbname => ..., tcp => 1, options => ...,
startup => {...}])

Connect; C<options> is what PGOPTIONS would be, C<startup> are more parameters of
the startup message, such as user and application_name.

=cut

package PgTrace::Protocol;

use strict;
use warnings;

use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use PostgreSQL::Test::Utils;

sub new
{
	my ($class, $node, %options) = @_;
	my $path = $node->host . '/.s.PGSQL.' . $node->port;
	my $socket =
	  $options{tcp}
	  ? IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $node->port)
	  : IO::Socket::UNIX->new(Peer => $path);
	die "cannot connect: $!" unless $socket;
	$socket->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1) if $options{tcp};
	my $self = bless {
		socket => $socket,
		timeout => $PostgreSQL::Test::Utils::timeout_default,
		pending => ''
	}, $class;
	my %startup = (
		user => (getpwuid $<)[0],
		database => $options{dbname} || 'postgres',
		client_encoding => 'SQL_ASCII',
		%{ $options{startup} || {} },
		options => $options{options} || '');
	my $body = pack('N', 196608)
	  . join('', map { "$_\0$startup{$_}\0" } sort keys %startup) . "\0";

	$socket->syswrite(pack('N', 4 + length $body) . $body);
	$self->ready;
	return $self;
}

=pod

=item pid

The backend's pid.

=item socket

The connection, an IO::Socket.

=cut

sub pid { my ($self) = @_; return $self->{pid}; }

sub socket { my ($self) = @_; return $self->{socket}; }

sub message
{
	my ($self, $type, $body) = @_;

	$self->{pending} .= $type . pack('N', 4 + length $body) . $body;
	return $self;
}

=pod

=item message(type, body), query(sql), parse(name, sql, type OIDs), bind(portal, name, value, ...),
execute(portal, rows), close_portal(name)

Put a message into what will be sent; each returns the connection.  A value is
a string, undef or a reference to the binary format.

=cut

sub query { my ($self, $sql) = @_; return $self->message('Q', "$sql\0"); }

sub parse
{
	my ($self, $name, $sql, @types) = @_;

	return $self->message('P',
		"$name\0$sql\0" . pack('n N*', scalar @types, @types));
}

sub bind
{
	my ($self, $portal, $name, @values) = @_;
	my $body = "$portal\0$name\0";

	$body .= pack('n n*', scalar @values, map { ref $_ ? 1 : 0 } @values);
	$body .= pack('n', scalar @values);
	foreach my $value (@values)
	{
		my $bytes = ref $value ? $$value : $value;

		$body .=
		  defined $bytes ? pack('N', length $bytes) . $bytes : pack('N', -1);
	}
	return $self->message('B', $body . pack('n', 0));
}

sub execute
{
	my ($self, $portal, $rows) = @_;

	return $self->message('E', "$portal\0" . pack('N', $rows || 0));
}

sub close_portal
{
	my ($self, $name) = @_;

	return $self->message('C', "P$name\0");
}

=pod

=item function(OID, value, ...)

Put the call of a function, with arguments and result in text format, into what
will be sent.  The server is ready after it, as after a query.

=cut

sub function
{
	my ($self, $oid, @values) = @_;

	return $self->message('F',
		    pack('N n n n', $oid, 1, 0, scalar @values)
		  . join('', map { defined $_ ? pack('N', length $_) . $_ : pack('N', -1) } @values)
		  . pack('n', 0));
}

=pod

=item sync

Send all that, with a Sync at its end unless it was a query or a function call, and wait until the
server is ready; returns the messages that it has sent as list of [type, body].

=item send_only([message type])

Send it, with a Sync or Flush, without waiting.

=item ready

Wait until the server is ready.

=cut

sub send_only
{
	my ($self, $last) = @_;

	$last = $self->{pending} =~ /^[QF]/ ? '' : 'S' unless defined $last;
	$self->message($last, '') if $last ne '';
	my $bytes = $self->{pending};
	$self->{pending} = '';
	while (length $bytes)
	{
		my $sent = $self->{socket}->syswrite($bytes)
		  or die "cannot send: $!";
		$bytes = substr($bytes, $sent);
	}
	return $self;
}

sub sync
{
	my ($self) = @_;

	$self->send_only;
	return $self->ready;
}

sub receive
{
	my ($self, $length) = @_;
	my $bytes = '';

	while (length $bytes < $length)
	{
		local $SIG{ALRM} = sub { die "no answer from the server\n" };
		alarm $self->{timeout};
		my $got = $self->{socket}
		  ->sysread($bytes, $length - length $bytes, length $bytes);
		alarm 0;
		return unless $got;
	}
	return $bytes;
}

sub ready
{
	my ($self) = @_;
	my @messages;

	while (defined(my $head = $self->receive(5)))
	{
		my ($type, $length) = unpack 'a N', $head;
		my $body = $length > 4 ? $self->receive($length - 4) : '';

		($self->{pid}) = unpack 'N', $body if $type eq 'K';
		push @messages, [ $type, $body ];
		last if $type eq 'Z';
	}
	return @messages;
}

=pod

=item tags(messages)

The command tags in an answer, and what stands for them: 'suspended', or the
SQLSTATE of an error.

=item close

End the session.

=back

=cut

sub tags
{
	my (@messages) = @_;
	my %tag = (
		C => sub { $_[0] =~ /^([^\0]*)/; return $1 },
		s => sub { return 'suspended' },
		E => sub { $_[0] =~ /C([^\0]+)\0/; return $1 });

	return
	  map { $tag{ $_->[0] } ? $tag{ $_->[0] }->($_->[1]) : () } @messages;
}

sub close
{
	my ($self) = @_;

	$self->{pending} = '';
	$self->send_only('X');
	$self->{socket}->close;
	return;
}

1;
