
=pod

=head1 NAME

PgTrace::Check - look at what is in trace files

=head1 SYNOPSIS

  use PgTrace::Check;

  my $trace = trace($node, 'SELECT 1', 'SELECT 2');
  is_deeply([ rows($trace, qr/^SELECT 1/) ], [1], 'a row');
  clean_files($node);

=head1 DESCRIPTION

What the tests of a trace's content have in common, on top of PgTrace.

=cut

package PgTrace::Check;

use strict;
use warnings;

use Exporter 'import';
use PgTrace::Account;
use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  clean_files read_trace session_file trace
  cursors_of calls_of calls_below rows waits_of whole_waits lines stats
  begin_of binds_of sum_problems ticks_of time_problems outline stat_tree inclusive
);

=pod

=over

=item session_file(session)

The file of a session with pg_trace.session = on, or that is traced otherwise;
waits for it, since a session doesn't wait for a busy worker for ever.

=cut

sub session_file
{
	my ($node, $session) = @_;
	my $sql =
	  'SELECT trace_file FROM pg_trace_status WHERE pid = ' . $session->pid;
	my $file = $node->safe_psql('postgres', $sql);

	if ($file eq '')
	{
		$node->poll_query_until('postgres', "SELECT ($sql) IS NOT NULL")
		  or die 'the session is not traced';
		$file = $node->safe_psql('postgres', $sql);
	}
	return $file;
}

=pod

=item read_trace(node, file)

The records of a file, once it is complete.

=cut

sub read_trace
{
	my ($node, $file) = @_;

	PgTrace::Node::wait_for_end($node, $file);
	return PgTrace::File::parse($file);
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

	PgTrace::Node::wait_until_untraced($node);
	foreach my $file (PgTrace::Node::trace_files($node))
	{
		my $records =
		  eval { PgTrace::File::parse($file, incomplete => $incomplete{$file}) };

		$files++;
		push @bad, defined $records
		  ? map { "$file: $_" } PgTrace::Problems::problems($records),
		  sum_problems($records), time_problems($records, ticks_of($records)),
		  PgTrace::Account::gap_problems($records)
		  : $@;
		push @bad, "$file: incomplete"
		  if defined $records
		  && !$incomplete{$file}
		  && $records->[-1]{type} ne 'ENDED';
		push @bad, "$file: events are lost"
		  if defined $records && PgTrace::File::of_type($records, 'LOST');
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

The waits of these statements, without the time in the run queue unless that is
the event.

=item whole_waits(wait, ...)

The same waits, with those in one that are parts of one.  Whatever sets a
process's latch while it waits for a lock, such as a signal of a timer of
PostgreSQL's that was stopped, or the check for a deadlock, makes two waits of
one: the same event for the same thing twice in a row.

=item stats(records, pattern)

Their STAT lines.

=item binds_of(records, pattern)

The bind values of each of their executions, as lists of values.

=cut

sub cursors_of
{
	my ($records, $pattern) = @_;

	return grep { $_->{text} =~ $pattern }
	  PgTrace::File::of_type($records, 'CURSOR');
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
	  of_statement($records, $pattern,
		($event // '') eq 'CPU run queue' ? 'RUN QUEUE' : 'WAIT');
}

sub whole_waits
{
	my (@waits) = @_;
	my @whole;

	foreach my $wait (@waits)
	{
		my $last = $whole[-1];
		my %fields = %{ $wait->{fields} };

		if (defined $last
			&& ($last->{cursor} // 0) == ($wait->{cursor} // 0)
			&& same_wait($last->{fields}, \%fields))
		{
			my $begin = $last->{fields}{tim} - $last->{fields}{ela};

			%fields = (%fields, %{ $last->{fields} }, tim => $fields{tim});
			$fields{ela} = $fields{tim} - $begin;
			pop @whole;
		}
		push @whole, { %$wait, fields => \%fields };
	}
	return @whole;
}

# Are they for the same thing, and of a kind that a latch ends?  Who is in the
# way isn't known of a short one.
sub same_wait
{
	my ($one, $other) = @_;
	my @names = grep { !/^(ela|tim|partial|cont|blocker.*)$/ } keys %$one;

	return 0 if $one->{type} eq 'LWLock';
	return 0 if grep { ($other->{$_} // '') ne $one->{$_} } @names;
	return 1;
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
		PgTrace::File::of_type($records,
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
	} PgTrace::File::of_type($records, qw(PARSE EXEC FETCH CLOSE));
}

=pod

=item sum_problems(records)

The calls whose CPU and elapsed time and blocks don't include those of the
calls right below them, as a list of strings.

=item time_problems(records)

The calls whose elapsed time is less than that of the waits within, or less
than the CPU time and what the waits were off the CPU: ela less cpu.  Where waits
don't tell their CPU time, reads and writes are taken for CPU time.  Likewise
with the time in the run queue.  ticks_of(records) is how many of them may be out
by a tick of the scheduler; without it, none may.

=back

=cut

# A call's CPU time is read a moment after its end, which those around it are spared.
use constant LATE_READING => 100;

sub sum_problems
{
	my ($records) = @_;
	my @fields = qw(c e p cr cu);
	my %orphan = map { $_->{line} => 1 } PgTrace::Problems::orphans($records);
	my @below;
	my @problems;

	foreach my $call (PgTrace::File::of_type($records, qw(PARSE EXEC FETCH CLOSE)))
	{
		my $depth = $call->{fields}{dep};
		my %sum = map { $_ => 0 } @fields;

		foreach my $inner (@{ $below[ $depth + 1 ] || [] })
		{
			$sum{$_} += $inner->{fields}{$_} // 0 foreach @fields;
		}
		$below[ $depth + 1 ] = [];
		push @{ $below[$depth] }, $call
		  if $depth > 0 && !$orphan{ $call->{line} };
		foreach my $field (grep { defined $call->{fields}{$_} } @fields)
		{
			push @problems,
			  "line $call->{line}: $field=$call->{fields}{$field}, but $sum{$field} below"
			  if $sum{$field} > $call->{fields}{$field} +
			  ($field eq 'c' ? LATE_READING : 0);
		}
	}
	return @problems;
}

# What is allowed for, in microseconds.  Times are cut to whole ones, once in c,
# once in e, and once in each wait, but so that ela - cpu isn't less exact than
# ela.  The CPU time is counted by another clock than the elapsed time, which NTP
# makes go faster or slower by 500 ppm at most.
use constant ALLOWANCE => 3;
use constant CLOCK_RATES => 0.0005;

# What is too short to be asked for (extension/run_queue.c) may have been before the
# call: on a machine that others use as well, a time slice is lost at once.
use constant ALLOWANCE_FOR_RUN_QUEUE => 10_000;

# What the hypervisor takes is taken for CPU time until the scheduler looks at its
# clock, at the next tick.  That is seldom: one call in a hundred may be out by that.
use constant ALLOWANCE_FOR_TICK => 4000;
use constant CALLS_FOR_A_TICK => 100;

# Where the CPU time within waits isn't known: what a process that waits uses of
# it before it sleeps and after it has been woken, which in a virtual machine
# contains what the host has taken away from it in the meantime.
use constant ALLOWANCE_FOR_CPU => 100_000;
use constant ALLOWANCE_FOR_WAIT => 300;

# What of a call's time is in these waits
sub sum_of_waits
{
	my (@waits) = @_;
	my %sum = (all => 0, off_cpu => 0, run_queue => 0, unknown => 0);

	foreach my $wait (@waits)
	{
		$sum{all} += $wait->{ela};
		if ($wait->{type} eq 'CPU')
		{
			$sum{run_queue} += $wait->{ela};
		}
		elsif (defined $wait->{cpu})
		{
			$sum{off_cpu} += $wait->{ela} - $wait->{cpu};
		}
		else
		{
			$sum{unknown}++;
			$sum{off_cpu} += $wait->{ela} if $wait->{type} ne 'IO';
		}
	}
	return %sum;
}

# How many calls may be out by a tick
sub ticks_of
{
	my ($records) = @_;

	return 1 + PgTrace::File::of_type($records, qw(PARSE EXEC FETCH CLOSE)) /
	  CALLS_FOR_A_TICK;
}

sub time_problems
{
	my ($records, $ticks) = @_;
	my (@waits, @problems);

	foreach my $record (
		PgTrace::File::of_type($records, 'WAIT', 'RUN QUEUE', qw(PARSE EXEC FETCH CLOSE)))
	{
		my $fields = $record->{fields};

		if ($record->{type} =~ /^(WAIT|RUN QUEUE)$/)
		{
			push @waits, $fields unless $fields->{partial};
			push @problems,
			  "line $record->{line}: cpu=$fields->{cpu} in ela=$fields->{ela}"
			  if ($fields->{cpu} // 0) > $fields->{ela};
			next;
		}

		my $begin = begin_of($record) - 1;
		my ($e, $c) = @$fields{qw(e c)};
		my $first = @waits;
		$first--
		  while $first > 0
		  && $waits[ $first - 1 ]{tim} - $waits[ $first - 1 ]{ela} >= $begin;
		my %sum = sum_of_waits(@waits[ $first .. $#waits ]);
		my $allowance = ALLOWANCE + $e * CLOCK_RATES;

		push @problems,
		  "line $record->{line}: e=$e is less than $sum{all}, the waits within"
		  if $e + ALLOWANCE < $sum{all};
		$allowance +=
		  ALLOWANCE_FOR_CPU + ALLOWANCE_FOR_WAIT * $sum{unknown}
		  if $sum{unknown};
		$allowance += ALLOWANCE_FOR_TICK
		  if $e + $allowance < $c + $sum{off_cpu} && $ticks && $ticks-- >= 1;
		push @problems,
		  "line $record->{line}: e=$e is less than c=$c and $sum{off_cpu}, the waits off the CPU"
		  if $e + $allowance < $c + $sum{off_cpu};
		push @problems,
		  "line $record->{line}: e=$e is less than c=$c, $sum{off_cpu}, the waits off the CPU, and $sum{run_queue} in the run queue"
		  if $e + $allowance + ALLOWANCE_FOR_RUN_QUEUE <
		  $c + $sum{off_cpu} + $sum{run_queue};
		@waits = () if $fields->{dep} == 0;
	}
	return @problems;
}

1;
