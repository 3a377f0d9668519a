
=pod

=head1 NAME

PgTrace::Faults - file systems that are full, fail, or are gone

=head1 SYNOPSIS

  use PgTrace::Faults;

  my $disk = PgTrace::Faults->tmpfs('small', '1m');
  plan skip_all => PgTrace::Faults::problem() if !defined $disk;
  $node->append_conf('postgresql.conf',
	"pg_trace.output_directory = '" . $disk->path . "/traces'");
  $disk->fill;
  $disk->free;

=head1 DESCRIPTION

Only root can do that, so packaging/fault-helper does, which packaging/run-tests
has started; PGT_FAULTS is its directory.

=cut

package PgTrace::Faults;

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep);

# HEADER, TIME, and what the session is called
use constant HEAD_RECORDS => 7;

my $problem;
my $requests = 0;

=pod

=over

=item PgTrace::Faults::problem()

Why there are no such file systems here.

=cut

sub problem
{
	return $problem;
}

# Have the helper do something; returns whether it could.
sub request
{
	my (@words) = @_;
	my $directory = $ENV{PGT_FAULTS} // '';
	my $id = "$$" . '_' . ++$requests;

	if ($directory eq '' || !-p "$directory/requests")
	{
		$problem = 'only root can mount file systems, and packaging/run-tests'
		  . ' was not allowed to, or not used';
		return 0;
	}
	open(my $fifo, '>>', "$directory/requests")
	  or die "$directory/requests: $!";
	syswrite($fifo, "$id @words\n");
	close $fifo;
	foreach (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
	{
		if (-e "$directory/$id.done")
		{
			chomp(my $answer = slurp_file("$directory/$id.done"));
			$problem = "@words[0, 1]: $answer" if $answer ne '';
			return $answer eq '';
		}
		usleep(10_000);
	}
	die "no answer to @words";
}

=pod

=item PgTrace::Faults->tmpfs(name, size), PgTrace::Faults->ext4(name, size)

A file system of that size, in memory or on a device of its own; undef if there
can be none: see problem().  The name is the test's own.

=cut

sub new
{
	my ($class, $kind, $name, $size) = @_;

	$name = "${name}_$$";
	return undef unless request($kind, $name, $size);
	return bless { name => $name, path => "$ENV{PGT_FAULTS}/$name" }, $class;
}

sub tmpfs { my ($class, @options) = @_; return $class->new('tmpfs', @options); }

sub ext4 { my ($class, @options) = @_; return $class->new('ext4', @options); }

=pod

=item path()

=item run(command, [argument])

Have the helper do that to it: resize, abort, shutdown, umount, or chown of the
trace file in its folder traces.  Dies if it can't.

=item again()

A new one in memory at the same place, once the first is unmounted.

=cut

sub again
{
	my ($self, $size) = @_;

	return $self->run('tmpfs', $size);
}

sub path { my ($self) = @_; return $self->{path}; }

sub run
{
	my ($self, $command, @arguments) = @_;

	request($command, $self->{name}, @arguments) or die problem();
	return;
}

=pod

=item fill([bytes]), free()

Write a file until the file system is full, but for so many bytes; and remove
that file.

=cut

sub fill
{
	my ($self, $leave) = @_;
	my $file = "$self->{path}/ballast";

	open(my $ballast, '>>', $file) or die "$file: $!";
	while (syswrite($ballast, "\0" x 4096)) { }
	while (syswrite($ballast, "\0")) { }
	truncate($ballast, (-s $file) - $leave) or die "$file: $!" if $leave;
	close $ballast;
	return;
}

sub free
{
	my ($self) = @_;

	unlink "$self->{path}/ballast" or die "$self->{path}/ballast: $!";
	return;
}

=pod

=item events_of(file)

What a trace file has: {sql => lines of records, with each bind value, waits =>
waits, lost => the sum of its LOST lines, by their reasons}.

=cut

sub events_of
{
	my ($file) = @_;
	my $records = PgTrace::File::parse($file);
	my %events = (sql => 0, waits => 0, lost => 0, records => $records);

	# the head has lines of the same form as records
	foreach my $record (@$records[ HEAD_RECORDS .. $#$records ])
	{
		my $type = $record->{type};

		$events{waits}++
		  if $type eq 'WAIT' && $record->{fields}{type} ne 'CPU';
		$events{lost} += $record->{fields}{count}
		  if $type eq 'LOST' && $record->{fields}{what} ne 'bytes';
		$events{sql} += @{ $record->{binds} } if $type eq 'BINDS';
		$events{sql}++
		  if $type =~
		  /^(?:CURSOR|PARSE|EXEC|FETCH|CLOSE|BINDS|STAT|XCTEND|ERROR|PARSE ERROR|CONTEXT|EXIT)$/
		  || ($type eq 'NOTE'
			&& $record->{text} =~ /^(?:TRACING OPTIONS:|PARALLEL LEADER:)/);
		# at the end of such a text stands a CLOSE
		$events{sql}-- if $type eq 'PARSE ERROR';
	}
	return \%events;
}

=pod

=back

=cut

1;
