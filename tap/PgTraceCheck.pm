
=pod

=head1 NAME

PgTraceCheck - look at what is in trace files

=head1 SYNOPSIS

  use PgTraceCheck;

  my $trace = trace($node, 'SELECT 1', 'SELECT 2');
  is_deeply([ rows($trace, qr/^SELECT 1/) ], [1], 'a row');
  clean_files($node);

=head1 DESCRIPTION

What the tests of a trace's content have in common, on top of PgTrace.

=cut

package PgTraceCheck;

use strict;
use warnings;

use Exporter 'import';
use PgTrace;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  clean_files read_trace session_file trace
  cursors_of calls_of calls_below rows waits_of lines stats
  begin_of binds_of sum_problems outline stat_tree inclusive
);

=pod

=over

=item session_file(session)

The file of a session with pg_trace.session = on, or that is traced otherwise.

=cut

sub session_file
{
	my ($node, $session) = @_;

	return $node->safe_psql('postgres',
		'SELECT trace_file FROM pg_trace_status WHERE pid = ' . $session->pid);
}

=pod

=item read_trace(node, file)

The records of a file, once it is complete.

=cut

sub read_trace
{
	my ($node, $file) = @_;

	PgTrace::wait_for_end($node, $file);
	return PgTrace::parse($file);
}

=pod

=item trace(node, [\%options], sql, ...)

The records of a session that runs these statements, one message each (in
psql's syntax, so C<\;> puts several into one).  The options are those of
PgTrace::Session->new; C<set> are settings in addition.

=cut

sub trace
{
	my ($node, @statements) = @_;
	my %options = ref $statements[0] ? %{ shift @statements } : ();
	my %settings = %{ delete $options{set} || {} };
	my $session = PgTrace::Session->new(
		$node, %options,
		options => join(' ', '-c pg_trace.session=on',
			map { "-c $_=$settings{$_}" } sort keys %settings));
	my $file = session_file($node, $session);

	foreach my $statement (@statements)
	{
		$session->query($statement);
	}
	$session->close;
	return read_trace($node, $file);
}

=pod

=item clean_files(node, [file => 1, ...])

A test that nothing contradicts itself in any file of the node, that all are
complete, and that no events are lost.  The files that are named may end in the
middle, since their process was killed.

=cut

sub clean_files
{
	my ($node, %incomplete) = @_;
	my @bad;
	my $files = 0;

	PgTrace::wait_until_untraced($node);
	foreach my $file (PgTrace::trace_files($node))
	{
		my $records =
		  eval { PgTrace::parse($file, incomplete => $incomplete{$file}) };

		$files++;
		push @bad, defined $records
		  ? map { "$file: $_" } PgTrace::problems($records),
		  sum_problems($records)
		  : $@;
		push @bad, "$file: incomplete"
		  if defined $records
		  && !$incomplete{$file}
		  && $records->[-1]{type} ne 'ENDED';
		push @bad, "$file: events are lost"
		  if defined $records && PgTrace::of_type($records, 'LOST');
	}
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply(\@bad, [], "all files of $files are sound");
	return;
}

=pod

=item cursors_of(records, pattern)

The CURSOR records of the statements whose text matches.

=item calls_of(records, pattern, [type, ...])

The calls of these statements, all of them unless types are given.

=item rows(records, pattern, [type, ...])

Their numbers of rows.

=item waits_of(records, pattern, [event])

The waits of these statements.

=item stats(records, pattern)

Their STAT lines.

=item binds_of(records, pattern)

The bind values of each of their executions, as lists of values.

=cut

sub cursors_of
{
	my ($records, $pattern) = @_;

	return grep { $_->{text} =~ $pattern }
	  PgTrace::of_type($records, 'CURSOR');
}

# A cursor's number stands for another text after it has been introduced again.
sub of_statement
{
	my ($records, $pattern, @types) = @_;
	my %type = map { $_ => 1 } @types;
	my (%wanted, @found);

	foreach my $record (grep { defined $_->{cursor} } @$records)
	{
		$wanted{ $record->{cursor} } = $record->{text} =~ $pattern
		  if $record->{type} eq 'CURSOR';
		push @found, $record
		  if $wanted{ $record->{cursor} } && $type{ $record->{type} };
	}
	return @found;
}

sub calls_of
{
	my ($records, $pattern, @types) = @_;

	@types = qw(PARSE EXEC FETCH CLOSE) unless @types;
	return of_statement($records, $pattern, @types);
}

sub rows
{
	my ($records, $pattern, @types) = @_;

	@types = qw(EXEC FETCH) unless @types;
	return map { $_->{fields}{r} } calls_of($records, $pattern, @types);
}

sub waits_of
{
	my ($records, $pattern, $event) = @_;

	return grep { !defined $event || $_->{fields}{nam} eq $event }
	  of_statement($records, $pattern, 'WAIT');
}

sub stats
{
	my ($records, $pattern) = @_;

	return of_statement($records, $pattern, 'STAT');
}

sub binds_of
{
	my ($records, $pattern) = @_;

	return map { [ map { $_->{value} } @{ $_->{binds} } ] }
	  of_statement($records, $pattern, 'BINDS');
}

=pod

=item lines(records, pattern, [type, ...])

What happens to a statement, as a list of words: the types of its records in
the order of the file.

=cut

sub lines
{
	my ($records, $pattern, @types) = @_;

	@types = qw(PARSE EXEC FETCH CLOSE ERROR) unless @types;
	return map { $_->{type} } of_statement($records, $pattern, @types);
}

=pod

=item outline(records, name => pattern, ...)

What happens to several statements, in the order of the file: "<type> <name>"
for each record of theirs, and plain XCTEND.

=cut

sub outline
{
	my ($records, @names) = @_;
	my (@patterns, %name, @lines);

	while (my ($name, $pattern) = splice @names, 0, 2)
	{
		push @patterns, [ $name, $pattern ];
	}
	foreach my $record (
		PgTrace::of_type($records,
			qw(CURSOR EXEC FETCH CLOSE ERROR XCTEND)))
	{
		if ($record->{type} eq 'XCTEND')
		{
			push @lines, "XCTEND rlbk=$record->{fields}{rlbk}";
		}
		elsif ($record->{type} eq 'CURSOR')
		{
			($name{ $record->{cursor} }) =
			  map { $_->[0] } grep { $record->{text} =~ $_->[1] } @patterns;
		}
		elsif (defined $name{ $record->{cursor} })
		{
			push @lines, "$record->{type} $name{$record->{cursor}}";
		}
	}
	return @lines;
}

=pod

=item stat_tree(node, records, pattern)

A statement's STAT lines as "<depth in the tree>.<position> <operation>
cnt=<rows> str=<starts>", followed by the name of obj where there is one.

=item inclusive(stats)

Are the figures of each node not less than those of each one below?  (The sum
of several can be more: what a CTE Scan reads is the CTE's as well.)

=cut

sub stat_tree
{
	my ($node, $records, $pattern) = @_;
	my %name = map { split /\|/ } split /\n/, $node->safe_psql('postgres',
		'SELECT oid, relname FROM pg_class WHERE oid >= 16384');
	my %depth = (0 => -1);
	my @lines;

	foreach my $stat (stats($records, $pattern))
	{
		my $fields = $stat->{fields};

		$depth{ $fields->{id} } = $depth{ $fields->{pid} } + 1;
		push @lines,
		  "$depth{$fields->{id}}.$fields->{pos} $stat->{text}"
		  . " cnt=$fields->{cnt} str=$fields->{str}"
		  . ($fields->{obj} ? ' ' . ($name{ $fields->{obj} } || 'unknown') : '');
	}
	return @lines;
}

sub inclusive
{
	my (@stats) = @_;
	my %by_id = map { $_->{fields}{id} => $_ } @stats;

	foreach my $child (grep { $_->{fields}{pid} } @stats)
	{
		my $parent = $by_id{ $child->{fields}{pid} };

		foreach my $field (qw(cr pr pw time))
		{
			return 0
			  if $child->{fields}{$field} > $parent->{fields}{$field};
		}
	}
	return 1;
}

=pod

=item begin_of(call)

When a call began.

=item calls_below(records, call)

The calls that ran within another: those at greater depths, above it in the
file, that begin no earlier.

=cut

sub begin_of
{
	my ($call) = @_;

	return $call->{fields}{tim} - $call->{fields}{e};
}

sub calls_below
{
	my ($records, $call) = @_;
	my $begin = begin_of($call);

	return grep {
		     $_->{line} < $call->{line}
		  && $_->{fields}{dep} > $call->{fields}{dep}
		  && begin_of($_) >= $begin - 1
	} PgTrace::of_type($records, qw(PARSE EXEC FETCH CLOSE));
}

=pod

=item sum_problems(records)

The calls whose CPU and elapsed time and blocks don't include those of the
calls right below them, as a list of strings.

=back

=cut

sub sum_problems
{
	my ($records) = @_;
	my @fields = qw(c e p cr cu);
	my @below;
	my @problems;

	foreach my $call (PgTrace::of_type($records, qw(PARSE EXEC FETCH CLOSE)))
	{
		my $depth = $call->{fields}{dep};
		my %sum = map { $_ => 0 } @fields;

		foreach my $inner (@{ $below[ $depth + 1 ] || [] })
		{
			$sum{$_} += $inner->{fields}{$_} // 0 foreach @fields;
		}
		$below[ $depth + 1 ] = [];
		push @{ $below[$depth] }, $call if $depth > 0;
		foreach my $field (grep { defined $call->{fields}{$_} } @fields)
		{
			push @problems,
			  "line $call->{line}: $field=$call->{fields}{$field}, but $sum{$field} below"
			  if $sum{$field} > $call->{fields}{$field};
		}
	}
	return @problems;
}

=pod

=head1 THE PROTOCOL

PgTraceCheck::Protocol is a client that sends the messages that it is told to,
which psql can't: Parse, Bind, Execute with a limit of rows.

=over

=item PgTraceCheck::Protocol->new(node, [dbname => ..., options => ...,
startup => {...}])

Connect; C<options> is what PGOPTIONS would be, C<startup> are more parameters of
the startup message, such as user and application_name.

=cut

package PgTraceCheck::Protocol;

use strict;
use warnings;

use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;

sub new
{
	my ($class, $node, %options) = @_;
	my $path = $node->host . '/.s.PGSQL.' . $node->port;
	my $socket = IO::Socket::UNIX->new(Peer => $path)
	  or die "cannot connect to $path: $!";
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

=cut

sub pid { my ($self) = @_; return $self->{pid}; }

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

=item sync

Send all that, with a Sync at its end unless it was a query, and wait until the
server is ready; returns the messages that it has sent as list of [type, body].

=item send_only([message type])

Send it, with a Sync or Flush, without waiting.

=item ready

Wait until the server is ready.

=cut

sub send_only
{
	my ($self, $last) = @_;

	$last = $self->{pending} =~ /^Q/ ? '' : 'S' unless defined $last;
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
