
=pod

=head1 NAME

PgTrace::Account - does a trace file account for all of its process's time?

=head1 SYNOPSIS

  use PgTrace::File;
  use PgTrace::Account;

  my $account = PgTrace::Account::account(PgTrace::File::parse($file));
  print "$account->{rest} us of $account->{wall} us have no name\n";

=cut

package PgTrace::Account;

use strict;
use warnings;

use List::Util qw(max min sum0);
use PgTrace::File;

use constant SECOND => 1_000_000;

# What times that are cut to microseconds may be wrong by
use constant ALLOWANCE => 1;

use constant WAITS => ('WAIT', 'RUN QUEUE');
use constant CALLS => qw(PARSE EXEC FETCH CLOSE);

# The calls that a client waits for.  The CLOSE of a cursor that has no execution,
# or one that was ended by an error, takes no time and may stand anywhere.
sub outer_calls
{
	my ($records) = @_;

	return
	  grep { $_->{fields}{dep} == 0 && ($_->{type} ne 'CLOSE' || $_->{fields}{e} > 0) }
	  PgTrace::File::of_type($records, CALLS);
}

# Calls and the waits between them, in the order of time, as [begin, end, record]
sub steps
{
	my ($records) = @_;
	my (@steps, @waits);
	my $outside = sub {
		my ($end) = @_;
		my @outside = grep { $_->[1] <= $end + ALLOWANCE } @waits;

		@waits = ();
		return @outside;
	};
	my %outer = map { $_->{line} => 1 } outer_calls($records);

	foreach my $record (PgTrace::File::of_type($records, WAITS, CALLS))
	{
		my $fields = $record->{fields};

		if (grep { $record->{type} eq $_ } WAITS)
		{
			push @waits, [ $fields->{tim} - $fields->{ela}, $fields->{tim}, $record ];
		}
		elsif ($outer{ $record->{line} })
		{
			my $begin = $fields->{tim} - $fields->{e};

			push @steps, $outside->($begin), [ $begin, $fields->{tim}, $record ];
		}
	}
	push @steps, @waits;
	return @steps;
}

=pod

=over

=item account(records, [begin => tim, end => tim])

Where the time of the process went, in microseconds: a hash with

  wall      from begin to end; by default, from the first step to the last one
  calls     in calls with dep=0
  waits     in waits between them, but for the client
  client    in those
  protocol  what protocol= of these says
  rest      what is left: above 0, no line has it; below 0, two have it

=cut

sub account
{
	my ($records, %edge) = @_;
	my @steps = steps($records);
	my %account = map { $_ => 0 } qw(calls waits client protocol);

	die "nothing in this file\n" unless @steps;
	foreach my $step (@steps)
	{
		my $record = $step->[2];
		my $fields = $record->{fields};

		if (grep { $record->{type} eq $_ } CALLS)
		{
			$account{calls} += $fields->{e};
			next;
		}
		$account{ $fields->{nam} eq 'ClientRead' ? 'client' : 'waits' } += $fields->{ela};
		$account{protocol} += $fields->{protocol} // 0;
	}
	# the first wait for the client tells of what came before as well
	my $first = $steps[0];
	my $begin = $edge{begin} // $first->[0] - ($first->[2]{fields}{protocol} // 0);
	$account{wall} = ($edge{end} // max(map { $_->[1] } @steps)) - $begin;
	$account{rest} = $account{wall} - sum0(@account{qw(calls waits client protocol)});
	return \%account;
}

=pod

=item gap_problems(records)

In the file of a process that serves a client, if its waits are traced: the
places where a call doesn't begin where what comes before it ended, or where
protocol= isn't what lies before a wait for the client, as a list of strings.

=cut

sub is_traced_client
{
	my ($records) = @_;
	my ($header) = PgTrace::File::of_type($records, 'HEADER');

	return $header->{fields}{image} eq 'client backend'
	  && (grep { $_->{text} eq 'TIMED EVENT TRACING STARTED' }
		PgTrace::File::of_type($records, 'NOTE'))
	  && !grep { ($_->{text} // '') =~ /^(?:LOST|DUMP FILE|THE WORKER STOPS|TIMED EVENTS |EVENTS MAY)/ }
	  PgTrace::File::of_type($records, qw(NOTE LOST));
}

sub gap_problems
{
	my ($records) = @_;
	my ($last, $waited, @problems) = (undef, 0);

	return unless is_traced_client($records);
	my ($started) = grep { $_->{text} eq 'TIMED EVENT TRACING STARTED' }
	  PgTrace::File::of_type($records, 'NOTE');
	my ($first) = grep { $_->{line} > $started->{line} }
	  PgTrace::File::of_type($records, 'WAIT');
	return unless defined $first;
	foreach my $step (steps($records))
	{
		my ($begin, $end, $record) = @$step;
		my $fields = $record->{fields};

		# before, nobody has seen when messages came
		next if $record->{line} < $first->{line};

		if ((grep { $record->{type} eq $_ } WAITS) && $fields->{nam} ne 'ClientRead')
		{
			$waited += $fields->{ela} if defined $last && $end > $last;
			next;
		}
		if (defined $last && $record->{type} eq 'WAIT')
		{
			my $protocol = max($begin - $last - $waited, 0);

			push @problems,
			  "line $record->{line}: protocol=" . ($fields->{protocol} // 0) . ", not $protocol"
			  if abs($protocol - ($fields->{protocol} // 0)) > ALLOWANCE;
		}
		elsif (defined $last)
		{
			push @problems, "line $record->{line}: begins at $begin, not at $last"
			  if abs($begin - $last) > ALLOWANCE;
		}
		($last, $waited) = ($end, 0);
	}
	return @problems;
}

=pod

=item excesses(records)

By how many microseconds CPU time and waits of each call are more than its elapsed
time: a list of [excess, line], without those that aren't.  CPU time within a wait
counts once; where no line says how much that is, waits for reads and writes are
left out.

=back

=cut

sub off_cpu
{
	my ($fields) = @_;

	return $fields->{ela} - $fields->{cpu} if defined $fields->{cpu};
	return ($fields->{type} // '') eq 'IO' ? 0 : $fields->{ela};
}

sub excesses
{
	my ($records) = @_;
	my (@waits, @excesses);

	foreach my $record (PgTrace::File::of_type($records, 'WAIT', CALLS))
	{
		my $fields = $record->{fields};

		if ($record->{type} eq 'WAIT')
		{
			push @waits, $fields;
			next;
		}
		my $begin = $fields->{tim} - $fields->{e};
		my $excess = $fields->{c} - $fields->{e};
		foreach my $wait (reverse @waits)
		{
			last if $wait->{tim} - $wait->{ela} < $begin - ALLOWANCE;
			$excess += off_cpu($wait);
		}
		push @excesses, [ $excess, $record->{line} ] if $excess > 0;
		@waits = () if $fields->{dep} == 0;
	}
	return @excesses;
}

1;
