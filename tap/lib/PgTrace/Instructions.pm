
=pod

=head1 NAME

PgTrace::Instructions - count the instructions that a backend needs for a query

=head1 SYNOPSIS

  use PgTrace::Instructions;

  my $without = instructions_per_execution(bindir => $bindir);
  my $with = instructions_per_execution(
      bindir => $bindir,
      settings => ['shared_preload_libraries=pg_trace_bgw']);

=head1 DESCRIPTION

What a library costs a backend that it has nothing to do for is too little to
be seen in run times, but it is exact in instructions: the same work takes the
same number of them, however busy the machine is.  Hardware counters would do,
but virtual machines often have none, so the instructions are counted by
valgrind's tool callgrind.

=over

=item *

The whole server runs under callgrind, with postmaster, background workers and
shared memory, so that a library has done all that it does at server start.
Client sessions are forked by the postmaster and are therefore counted, too,
each into a file of its own when it ends.

=item *

A forked process inherits the postmaster's count.  Collecting instructions
only inside of PostgresMain(), which just client sessions run, and whose symbol
a stripped server exports as well, keeps that number at zero.

=item *

Session start, parsing and the first plans are not wanted.  So there are two
sessions which differ only in how often they execute the prepared statement;
the difference of their counts belongs to the additional executions.

=item *

Whether a backend finds the client's next message already there depends on the
scheduler, and costs a different number of instructions.  So the messages go
out a hundred executions at a time in one write, as a pipelining driver does
it.  Each execution is a Bind, an Execute and a Sync: a transaction of its own.

=item *

The server has settings that keep it from doing things by the clock.  A first
session fills caches (relation cache file, buffers, hint bits).

=back

Server processes must not run as root, and neither must the caller.

Valgrind doesn't know every command of the system call bpf(2) and fails the
others with EINVAL, so a background worker that loads a BPF program can't
succeed here.  That's no matter for what backends do which aren't traced.

=cut

package PgTrace::Instructions;

use strict;
use warnings;

use Carp;
use Exporter 'import';
use File::Temp;
use IO::Socket::UNIX;

our @EXPORT = qw(instructions_per_execution);

# Executions that are sent in one write.  Their messages (under 4 kB) fit into
# one socket buffer, and so do the answers, so neither side ever waits midway.
my $batch = 100;

# Batches in the shorter and in the longer session.  The first six executions
# differ from the others because they choose the generic plan.
my ($short, $long) = (1, 4);

my $default_query = 'SELECT relname FROM pg_class WHERE oid = 1259';

# Nothing that happens by the clock; no state that a session finds changed.
my @quiet_settings = (
	'listen_addresses=', 'fsync=off',
	'autovacuum=off', 'track_counts=off',
	'jit=off', 'logging_collector=off');

=pod

=head1 FUNCTION

=over

=item instructions_per_execution(bindir => ..., ...)

Return how many user-space instructions a backend executes for one execution
of a prepared statement, from reading the message to sending the answer.

=over

=item bindir

The directory of initdb, pg_ctl and postgres.  Required.  Uprobes that are shared
put breakpoints into the pages of a file, whoever runs it, and valgrind stumbles
over them; so it had better be a copy (L<PgTrace::ServerCopy>).

=item settings

Reference to a list of settings, each "name=value".

=item template

A data directory that is copied, of a server that was shut down cleanly.  By
default one is made by initdb.

=item user

Role to connect as, by default named like the operating system's user, which
is also the superuser that initdb makes.

=item query

The statement, without parameters.

=back

Dies with a message if the server or valgrind can't be run.

=back

=cut

sub instructions_per_execution
{
	my (%args) = @_;

	my $bindir = $args{bindir} // croak 'bindir is required';
	my $user = $args{user} // getpwuid($>);
	my $query = $args{query} // $default_query;
	my $dir = File::Temp->newdir('instructionsXXXXXX', TMPDIR => 1);

	make_data_directory($bindir, $dir, $user, $args{template});
	make_wrapper($bindir, $dir);

	my ($alive, $short_pid, $long_pid);
	my $ok = eval {
		$alive = start_server($bindir, $dir, @{ $args{settings} // [] });
		# the first one fills caches
		(undef, $short_pid, $long_pid) =
		  map { run_session($dir, $user, $query, $_) } ($short, $short, $long);
		1;
	};
	my $error = $@;
	stop_server($bindir, $dir, $alive) if $alive;
	die $error unless $ok;

	return (session_count($dir, $long_pid) - session_count($dir, $short_pid)) /
	  (($long - $short) * $batch);
}

# Make the server's data directory.
sub make_data_directory
{
	my ($bindir, $dir, $user, $template) = @_;

	if (defined $template)
	{
		run_command($dir, 'cp', '-a', $template, "$dir/data");
	}
	else
	{
		run_command($dir, "$bindir/initdb", '--no-sync', '-D', "$dir/data",
			'-U', $user, '-A', 'trust');
	}

	write_file("$dir/data/pg_hba.conf", 0600, "local all all trust\n");
	return;
}

# Make the program that pg_ctl is to start in the place of postgres.
sub make_wrapper
{
	my ($bindir, $dir) = @_;

	my $command = join(' ',
		'valgrind', '--quiet',
		'--tool=callgrind', '--toggle-collect=PostgresMain',
		shell_quote("--callgrind-out-file=$dir/count.%p"),
		shell_quote("$bindir/postgres"));

	write_file("$dir/wrapper", 0700, "#!/bin/sh\nexec $command \"\$@\"\n");
	return;
}

# Start the server and wait until it accepts connections.
#
# The result is a pipe whose other end just the server's processes have.
sub start_server
{
	my ($bindir, $dir, @settings) = @_;

	my $options = join(' ',
		map { '-c ' . shell_quote($_) } @quiet_settings,
		"unix_socket_directories=$dir", 'port=5432', @settings);

	# Perl would close the pipe in the programs that it starts.
	local $^F = 1000;
	pipe(my $alive, my $held) or die "could not make a pipe: $!\n";

	my $ok = eval {
		run_command($dir, "$bindir/pg_ctl", 'start', '-w', '-D', "$dir/data",
			'-l', "$dir/log", '-p', "$dir/wrapper", '-o', $options);
		1;
	};
	my $error = $@;
	close $held;

	# A server that isn't ready in time is still there; any other has ended.
	eval { stop_server($bindir, $dir, $alive) } unless $ok;
	die $error unless $ok;
	return $alive;
}

# Stop the server and wait until all its processes have ended.
#
# For pg_ctl the server has stopped when its lock file is gone, but callgrind
# writes a process's count later than that.
sub stop_server
{
	my ($bindir, $dir, $alive) = @_;

	run_command($dir, "$bindir/pg_ctl", 'stop', '-w', '-m', 'fast', '-D',
		"$dir/data");
	sysread($alive, my $nothing, 1);
	return;
}

# Run one session that executes the query, and return its process id.
sub run_session
{
	my ($dir, $user, $query, $batches) = @_;

	# A server that crashes is an error like others.
	local $SIG{PIPE} = 'IGNORE';

	my $socket = IO::Socket::UNIX->new(Peer => "$dir/.s.PGSQL.5432")
	  // die "could not connect to the server: $!\n";

	# The start-up packet has no type byte, and the protocol's version 3.0.
	my $startup =
	  pack('N(Z*)4x', 3 << 16, 'user', $user, 'database', 'postgres');
	send_all($socket, pack('N', length($startup) + 4) . $startup);
	my $pid = await_ready($socket, 1);

	send_all($socket,
		message('P', pack('Z*Z*n', 'q', $query, 0)) . message('S', ''));
	await_ready($socket, 1);

	# Bind: portal, statement, no parameters, all results as text.  Execute:
	# portal, all rows.
	my $execution =
		message('B', pack('Z*Z*nnn', '', 'q', 0, 0, 0))
	  . message('E', pack('Z*N', '', 0))
	  . message('S', '');
	for (1 .. $batches)
	{
		send_all($socket, $execution x $batch);
		await_ready($socket, $batch);
	}

	send_all($socket, message('X', ''));
	close $socket;
	return $pid;
}

# Build a message of the frontend/backend protocol.
sub message
{
	my ($type, $body) = @_;

	return $type . pack('N', length($body) + 4) . $body;
}

# Send everything.
sub send_all
{
	my ($socket, $data) = @_;

	# A blocking stream socket takes all of it, except after an error.
	my $sent = syswrite($socket, $data);
	die "could not send to the server: $!\n"
	  if !defined $sent || $sent != length($data);
	return;
}

# Read messages until the server was ready for a query so many times.  Return
# the process id if the server has told it.
sub await_ready
{
	my ($socket, $count) = @_;

	my $buffer = '';
	my $pid;

	while ($count > 0)
	{
		my $length = sysread($socket, $buffer, 65536, length($buffer));
		die "the server closed the connection\n" if !$length;

		while (length($buffer) >= 5)
		{
			my ($type, $size) = unpack('aN', $buffer);
			last if length($buffer) < $size + 1;
			my $body = substr(substr($buffer, 0, $size + 1, ''), 5);

			$count-- if $type eq 'Z';
			$pid = unpack('N', $body) if $type eq 'K';
			die 'the server reports: ' . join(' ', split(/\0/, $body)) . "\n"
			  if $type eq 'E';
		}
	}
	return $pid;
}

# Return the instructions that were counted in one process.
sub session_count
{
	my ($dir, $pid) = @_;

	my $content = read_file("$dir/count.$pid");
	my ($total) = $content =~ /^totals: (\d+)$/m;
	die "no instruction was counted in process $pid\n" unless $total;
	return $total;
}

# Run a command; die with its output, and the server's log, if it fails.
#
# The output goes to a file because a server keeps it open.
sub run_command
{
	my ($dir, @command) = @_;

	my $pid = fork() // die "could not fork: $!\n";
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', "$dir/output");
		open(STDERR, '>&', \*STDOUT);
		exec(@command) or print "could not execute $command[0]: $!\n";
		require POSIX;
		POSIX::_exit(127);
	}
	waitpid($pid, 0);

	die "\"@command\" failed:\n"
	  . join('', map { -e $_ ? read_file($_) : '' } "$dir/output", "$dir/log")
	  if $? != 0;
	return;
}

sub shell_quote
{
	my ($word) = @_;

	$word =~ s/'/'\\''/g;
	return "'$word'";
}

sub read_file
{
	my ($path) = @_;

	open(my $file, '<', $path) or die "could not open \"$path\": $!\n";
	local $/ = undef;
	my $content = <$file>;
	close $file;
	return $content;
}

sub write_file
{
	my ($path, $mode, $content) = @_;

	open(my $file, '>', $path) or die "could not create \"$path\": $!\n";
	print $file $content;
	close $file or die "could not write \"$path\": $!\n";
	chmod $mode, $path or die "could not set the mode of \"$path\": $!\n";
	return;
}

1;
