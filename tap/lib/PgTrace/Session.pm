
=pod

=head1 NAME

PgTrace::Session - a client session that stays open: psql, fed through a pipe

=head1 SYNOPSIS

  use PgTrace::Node;

  my $session = PgTrace::Session->new($node);
  $session->query('SELECT 1');
  $session->close;

=cut

package PgTrace::Session;

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Utils;

=pod

=over

=item PgTrace::Session->new(node, [dbname => ..., user => ..., options => ...])

Connect; C<options> is what PGOPTIONS is to be.

=cut

sub new
{
	my ($class, $node, %options) = @_;
	my $dbname = $options{dbname} || 'postgres';
	my $self = bless
	  { node => $node, in => '', out => '', err => '', marker => 0 }, $class;
	local $ENV{PGOPTIONS} = $options{options} || '';

	$self->{timer} =
	  IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
	$self->{psql} = IPC::Run::start(
		[
			'psql', '-XAtq', '-d', $node->connstr($dbname),
			($options{user} ? ('-U', $options{user}) : ()), '-f', '-'
		],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err},
		$self->{timer});
	$self->{pid} = $self->query('SELECT pg_backend_pid()');
	return $self;
}

=pod

=item pid

The backend's pid.

=item error

What psql has said on stderr.

=cut

sub pid { my ($self) = @_; return $self->{pid}; }

sub error { my ($self) = @_; return $self->{err}; }

=pod

=item send(sql)

Send, without waiting for the end.

=cut

sub send
{
	my ($self, $sql) = @_;
	my $marker = ++$self->{marker};

	# it has run since the last wait, however long ago that was
	$self->{timer}->start($PostgreSQL::Test::Utils::timeout_default);
	$self->{in} .= "$sql\n;\n\\echo done $marker\n";
	$self->{psql}->pump_nb;
	return;
}

=pod

=item wait

Wait until all that was sent is done; returns the output since the last time.

=cut

sub wait
{
	my ($self) = @_;
	my $marker = "done $self->{marker}";

	$self->{timer}->start($PostgreSQL::Test::Utils::timeout_default);
	$self->{psql}->pump while $self->{out} !~ /^\Q$marker\E\n/m;
	my $out = $self->{out};
	$self->{out} = '';
	$out =~ s/^done \d+\n//mg;
	chomp $out;
	return $out;
}

=pod

=item query(sql)

Send and wait.

=cut

sub query
{
	my ($self, $sql) = @_;

	$self->send($sql);
	return $self->wait;
}

=pod

=item wait_for_event(name)

Wait until the session waits for that event.

=cut

sub wait_for_event
{
	my ($self, $event) = @_;

	$self->{node}->poll_query_until('postgres',
		    "SELECT wait_event = '$event' FROM pg_stat_activity WHERE pid = "
		  . $self->pid)
	  or die "no wait for $event";
	return;
}

=pod

=item close

End the session.

=back

=cut

sub close
{
	my ($self) = @_;

	# as in send()
	$self->{timer}->start($PostgreSQL::Test::Utils::timeout_default);
	$self->{in} .= "\\q\n";
	$self->{psql}->finish;
	return;
}

1;
