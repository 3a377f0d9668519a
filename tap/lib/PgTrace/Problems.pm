
=pod

=head1 NAME

PgTrace::Problems - what contradicts itself in a trace file

=head1 SYNOPSIS

  use PgTrace::Node;

  my $records = PgTrace::File::parse($file);
  is_deeply([ PgTrace::Problems::problems($records) ], [], 'sound');

=cut

package PgTrace::Problems;

use strict;
use warnings;

use PgTrace::File;

=pod

=over

=item orphans(records)

The calls that are nested in the statement in whose middle tracing began, which
has no line itself.

=cut

sub orphans
{
	my ($records) = @_;
	my @calls = PgTrace::File::of_type($records, qw(PARSE EXEC FETCH CLOSE));

	return
	  unless grep { $_->{text} =~ /^TRACING STARTED IN THE MIDDLE/ }
	  PgTrace::File::of_type($records, 'NOTE');
	my ($first) = grep { $_->{fields}{dep} == 0 } @calls;
	return grep {
		$_->{fields}{dep} > 0
		  && ( !defined $first
			|| $_->{fields}{tim} <= $first->{fields}{tim} -
			$first->{fields}{e} + 1)
	} @calls;
}

=pod

=item problems(records)

What contradicts itself in a trace, as a list of strings:

=over

=item *

times never decrease;

=item *

a cursor is used only after PARSING IN CURSOR has introduced it, and is
introduced again only after CLOSE has given its number back (0 is no cursor);

=item *

a wait doesn't begin before the one above it has ended, and is either inside
or outside of each call;

=item *

calls at a greater depth lie inside of the call that is written next with the
depth above;

=item *

what the process has waited for the worker is the sum of these waits;

=item *

the time of a statement's top plan node is that of its calls, and no nodes below
a node have taken more than that, each for itself and all together;

=item *

nothing follows TRACE ENDED.

=back

A microsecond is allowed for, since times are cut to those.  Where a LOST line
says that lines are missing, what they would have had to say is not missed.

=cut

# The top node's time is that of its calls.  Nodes below may have worked outside of
# these, too: seldom, and not for long.  In us.
use constant OUTSIDE_OF_CALLS => 1000;

sub problems
{
	my ($records) = @_;
	my %state = (
		last => 0,
		wait_end => 0,
		cursors => { 0 => 1 },
		waits => [],
		inner => [],
		orphans => { map { $_->{line} => 1 } orphans($records) },
		problems => []);

	foreach my $record (@$records)
	{
		my $say = sub {
			push @{ $state{problems} }, "line $record->{line}: $_[0]";
		};

		forget(\%state, $record->{text}) if $record->{type} eq 'LOST';
		$say->('after the end') if $state{ended};
		$state{ended} = 1 if $record->{type} eq 'ENDED';
		check_order(\%state, $record, $say);
		check_cursor(\%state, $record, $say);
		check_wait(\%state, $record, $say)
		  if $record->{type} =~ /^(WAIT|RUN QUEUE)$/;
		check_held(\%state, $record, $say);
		check_execution(\%state, $record);
		check_node(\%state, $record, $say) if $record->{type} eq 'STAT';
		check_call(\%state, $record, $say)
		  if $record->{type} =~ /^(PARSE|EXEC|FETCH|CLOSE)$/;
	}
	return @{ $state{problems} };
}

# Lines are missing here: among them may be the end of a wait or of a call, and
# the CLOSE that gives a cursor back.
sub forget
{
	my ($state, $text) = @_;

	# of a call whose beginning found no room, the end may have found some
	$state->{unknown} = 1 if $text =~ /QUEUE WAS FULL/;
	$state->{waits} = [];
	$state->{inner} = [];
	$state->{again} = { %{ $state->{cursors} } };
	$state->{limited} = 1;
	return;
}

sub check_order
{
	my ($state, $record, $say) = @_;
	my $tim = $record->{fields}{tim};

	return unless defined $tim;

	$say->("tim=$tim after $state->{last}") if $tim < $state->{last};
	$state->{last} = $tim;
	return;
}

sub check_cursor
{
	my ($state, $record, $say) = @_;
	my $cursor = $record->{cursor};

	# a part of a trace, of which another worker had written the part before
	$state->{unknown} = 1
	  if ($record->{text} // '') =~ /^SUMS AND STATEMENTS MAY BE MISSING/;
	return unless defined $cursor;
	if ($record->{type} eq 'CURSOR')
	{
		$say->("cursor #$cursor is in use already")
		  if $state->{cursors}{$cursor} && !$state->{again}{$cursor};
		delete $state->{again}{$cursor};
		$state->{cursors}{$cursor} = 1;
		return;
	}
	$say->("cursor #$cursor is unknown")
	  unless $state->{cursors}{$cursor} || $state->{unknown};
	delete $state->{cursors}{$cursor}
	  if $record->{type} eq 'CLOSE' && $record->{fields}{type} == 0 && $cursor;
	return;
}

sub check_wait
{
	my ($state, $record, $say) = @_;
	my $end = $record->{fields}{tim};
	my $begin = $end - $record->{fields}{ela};

	$say->("begins at $begin, before $state->{wait_end}")
	  if $begin < $state->{wait_end} - 1;
	$state->{wait_end} = $end;
	push @{ $state->{waits} }, [ $begin, $end, $record->{line} ]
	  unless $record->{fields}{partial};
	return;
}

sub check_held
{
	my ($state, $record, $say) = @_;
	my $fields = $record->{fields};

	$state->{held} += $fields->{ela}
	  if $record->{type} eq 'WAIT' && $fields->{nam} eq 'pg_trace';
	$state->{limited} = 1
	  if ($record->{text} // '') =~ /^DUMP FILE SIZE|^PART \d/;
	$say->("held up for $fields->{us}, not " . ($state->{held} // 0))
	  if $record->{type} eq 'HELD'
	  && !$state->{limited}
	  && defined $fields->{attach}
	  && $fields->{us} != ($state->{held} // 0);
	return;
}

sub check_call
{
	my ($state, $record, $say) = @_;
	my $fields = $record->{fields};
	my $end = $fields->{tim};
	my $begin = $end - $fields->{e};
	my $depth = $fields->{dep};

	# those before the first that had ended by then had ended, too
	foreach my $wait (reverse @{ $state->{waits} })
	{
		last if $wait->[1] <= $begin + 1;
		$say->("begins in the middle of the wait in line $wait->[2]")
		  if $wait->[0] < $begin - 1;
	}
	# no other call can begin earlier than the outermost that goes on
	$state->{waits} = [] if $depth == 0;

	foreach my $call (@{ $state->{inner}[ $depth + 1 ] || [] })
	{
		$say->("doesn't contain the call in line $call->[2]")
		  if $call->[0] < $begin - 1 || $call->[1] > $end + 1;
	}
	$state->{inner}[ $depth + 1 ] = [];
	push @{ $state->{inner}[$depth] }, [ $begin, $end, $record->{line} ]
	  if $depth > 0 && !$state->{orphans}{ $record->{line} };
	return;
}

# What the calls of each cursor have taken, while executions of it are open.
# Where there are several, an error has ended one, or lines are missing, it can't
# be told which calls are which execution's.
sub check_execution
{
	my ($state, $record) = @_;
	my $type = $record->{type};

	$state->{gaps} = 1
	  if ($record->{text} // '') =~ /^DUMP FILE SIZE|^LOST|MISSING|CONTINUED/
	  && $type =~ /^(?:NOTE|LOST|ENDED)$/;
	return unless $record->{cursor};
	my $calls = $state->{calls}{ $record->{cursor} } //= { open => 0 };

	if ($type eq 'CURSOR')
	{
		delete $state->{calls}{ $record->{cursor} };
	}
	elsif ($type eq 'EXEC')
	{
		@$calls{qw(EXEC FETCH several)} = (0, 0, 0)
		  if $calls->{open} == 0 && !$calls->{unclear};
		$calls->{several} = 1 if $calls->{open}++ > 0;
	}
	elsif ($type eq 'CLOSE')
	{
		$calls->{open}-- if $calls->{open} > 0;
	}
	elsif ($type eq 'ERROR')
	{
		$calls->{unclear} = 1;
	}
	$calls->{$type} += $record->{fields}{e} if $type =~ /^(?:EXEC|FETCH)$/;
	$calls->{outermost} = 1 if ($record->{fields}{dep} // 1) == 0;
	return;
}

sub check_node
{
	my ($state, $record, $say) = @_;
	my $fields = $record->{fields};
	my ($id, $time) = @$fields{qw(id time)};
	my $nodes = $state->{nodes}{ $record->{cursor} } //= {};

	if ($fields->{pid} == 0)
	{
		check_top_node($state, $record, $say);
		$nodes = $state->{nodes}{ $record->{cursor} } = {};
		$nodes->{$id} = { limit => $time, below => 0 };
		return;
	}
	my $above = $nodes->{ $fields->{pid} };
	if (!defined $above)
	{
		$say->("node $id is below node $fields->{pid}, which isn't there")
		  unless $state->{gaps};
		return;
	}
	$nodes->{$id} =
	  { limit => $time == -1 ? $above->{limit} : $time, below => 0 };
	return if $time == -1;
	$above->{below} += $time;
	$say->("time=$time of node $id, and $above->{limit} above it")
	  if $time > $above->{limit};
	$say->("time=$above->{below} of all nodes below node $fields->{pid}, and $above->{limit} in it"
	  )
	  if $time <= $above->{limit}
	  && $above->{below} >
	  $above->{limit} + ($fields->{pid} == 1 ? OUTSIDE_OF_CALLS : 1);
	return;
}

sub check_top_node
{
	my ($state, $record, $say) = @_;
	my $time = $record->{fields}{time};
	my $calls = $state->{calls}{ $record->{cursor} };
	my $changes = $record->{text} =~ /^(?:Insert|Update|Delete|Merge) on /;
	my $elapsed =
	  $changes
	  ? $calls->{EXEC}
	  : ($calls->{FETCH} // 0) + ($record->{fields}{finish_time} // 0);

	return if $state->{gaps};
	if (!defined $elapsed)
	{
		$say->('STAT without a call');
	}
	# those of the client have what was done before the executor, too
	elsif ($calls->{unclear} || $calls->{several} || $calls->{outermost}
		? $time > $elapsed : $time != $elapsed)
	{
		$say->("time=$time of the top node, but $elapsed of its calls");
	}
	return;
}

=pod

=back

=cut

1;
