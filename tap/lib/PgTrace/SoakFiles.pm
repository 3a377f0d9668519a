
=pod

=head1 NAME

PgTrace::SoakFiles - what is wrong with the trace files of a long run

=head1 SYNOPSIS

  my $files = PgTrace::SoakFiles->new($directory);
  $files->note_status($session) while $running;
  $files->note_final($session);
  $files->check_and_remove;
  is_deeply([ $files->problems ], [], 'sound');

=head1 DESCRIPTION

Files are checked and removed time after time, so that a long run needs no more
room than a short one.  Events may be lost, as the disk may be full, but what is in
a file and what its LOST lines say must be what pg_trace_status has counted.

Nor does that rest on the tracer's own counters alone: a session's statements of
one kind count up (L<PgTrace::SoakLoad>), so a number that isn't in the file must
be under a LOST line.

=cut

package PgTrace::SoakFiles;

use strict;
use warnings;

use File::Copy;
use PgTrace::Check qw(sum_problems ticks_of time_problems);
use PgTrace::Faults;
use PgTrace::File;
use PgTrace::Problems;
use PostgreSQL::Test::Utils ();

# A wait goes on when a trace is ended, so it is in the file and not yet counted.
use constant MORE_WAITS => 1;

sub new
{
	my ($class, $directory) = @_;

	return bless {
		directory => $directory,
		noted => {},
		count => {
			files => 0,
			bytes => 0,
			written => 0,
			lost => 0,
			numbers => 0,
			'files with losses' => 0,
			'files counted to the end' => 0,
			'files left by a worker' => 0
		},
		problems => []
	}, $class;
}

=pod

=over

=item note_status(session)

Remember what pg_trace_status has counted of each file by now.

=item note_final(session)

The same, at a time when nothing is added to any file but the end of its trace.

=cut

sub note
{
	my ($self, $session, $final) = @_;
	my $rows = $session->query(<<'SQL');
SELECT trace_file, sql_events + wait_events, lost_events
FROM pg_trace_status WHERE trace_file IS NOT NULL
SQL

	foreach my $row (split /\n/, $rows)
	{
		my ($file, $written, $lost) = split /\|/, $row;

		$self->{noted}{$file} =
		  { written => $written, lost => $lost, final => $final };
	}
	return;
}

sub note_status { my ($self, $session) = @_; return $self->note($session, 0); }

sub note_final { my ($self, $session) = @_; return $self->note($session, 1); }

=pod

=item check_and_remove()

Check all files, which must be complete, and remove them.  Those with problems are
kept with the test's logs.

=cut

sub check_and_remove
{
	my ($self) = @_;

	foreach my $file (glob "$self->{directory}/*/*.trc")
	{
		my $events = eval { PgTrace::Faults::events_of($file) };
		my @found = defined $events ? $self->check($file, $events) : $@;

		$self->{count}{files}++;
		$self->{count}{bytes} += -s $file;
		push @{ $self->{problems} }, map { "$file: $_" } @found;
		copy($file, $PostgreSQL::Test::Utils::log_path) or die "$file: $!"
		  if @found;
		unlink $file or die "$file: $!";
	}
	$self->{noted} = {};
	return;
}

sub check
{
	my ($self, $file, $events) = @_;
	my $records = $events->{records};
	my @problems = PgTrace::Problems::problems($records);

	push @problems, sum_problems($records), time_problems($records, ticks_of($records))
	  if !PgTrace::File::of_type($records, 'LOST');
	push @problems, 'the end is missing'
	  if !@$records || $records->[-1]{type} ne 'ENDED';
	push @problems, $self->gaps($records);
	push @problems, $self->miscounts($file, $events);
	$self->{count}{written} += $events->{sql} + $events->{waits};
	$self->{count}{lost} += $events->{lost};
	$self->{count}{'files with losses'}++ if $events->{lost} > 0;
	return @problems;
}

# What the file has is what pg_trace_status has counted, or more where that
# was before the end.  What a worker that was ended while the disk was full had in
# memory is not counted, but the file says so in its last line.
sub miscounts
{
	my ($self, $file, $events) = @_;
	my $noted = $self->{noted}{$file} // return;
	my $written = $events->{sql} + $events->{waits};
	my $more = $written + $events->{lost} - $noted->{written} - $noted->{lost};
	my $final = $noted->{final};

	if ($events->{records}[-1]{text} =~ /EVENTS MAY BE MISSING/)
	{
		$self->{count}{'files left by a worker'}++;
		return;
	}
	$self->{count}{'files counted to the end'}++ if $final;
	return
	  if $more >= 0
	  && $events->{lost} >= $noted->{lost}
	  && (!$final
		|| $more <= MORE_WAITS && $events->{lost} == $noted->{lost});
	return "$written written and $events->{lost} lost; counted as "
	  . "$noted->{written} and $noted->{lost}"
	  . ($final ? '' : ' before the end');
}

# Numbers that are missing without a word.  The number is in the statement, or a
# bind value if there are any.
sub gaps
{
	my ($self, $records) = @_;
	my (%texts, %binds, $expected, @problems);

	foreach my $record (@$records)
	{
		my $cursor = $record->{cursor} // -1;

		if (($record->{text} // '') =~ /^LOST /)
		{
			undef $expected;
		}
		elsif ($record->{type} eq 'CURSOR')
		{
			$texts{$cursor} = $record->{text};
		}
		elsif ($record->{type} eq 'BINDS')
		{
			$binds{$cursor} = $record->{binds}[0]{value};
		}
		elsif ($record->{type} eq 'EXEC'
			&& ($texts{$cursor} // '') =~ /^SELECT (\S+) AS soak_number/)
		{
			my $number = $1 eq '$1' ? delete $binds{$cursor} : $1;

			$self->{count}{numbers}++;
			push @problems, "line $record->{line}: number $number, not $expected"
			  if defined $number && defined $expected && $number != $expected;
			$expected = $number if defined $number;
			$expected++ if defined $expected;
		}
	}
	return @problems;
}

=pod

=item problems()

What was wrong.

=item summary()

How much there was.

=back

=cut

sub problems { my ($self) = @_; return @{ $self->{problems} }; }

sub summary
{
	my ($self) = @_;
	my $count = $self->{count};

	return join ', ', map { "$_ $count->{$_}" } sort keys %$count;
}

1;
