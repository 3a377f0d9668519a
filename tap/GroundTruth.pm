
=pod

=head1 NAME

GroundTruth - what a process's wait_event_info word really went through

=head1 SYNOPSIS

  my $truth = GroundTruth->start($node, $pid);
  ...
  $truth->finish;
  my $count = $truth->compare(PgTrace::File::parse($file), 'what');

=head1 DESCRIPTION

The truth is a hardware watchpoint on the word, see watchpoint.c.

=cut

package GroundTruth;

use strict;
use warnings;

use IPC::Run;
use PgTrace;
use PostgreSQL::Test::Utils;
use Test::More;

=pod

=over

=item GroundTruth->start(node, pid, [name])

Watch a process from now on.  The name tells several for a process apart.

=cut

sub start
{
	my ($class, $node, $pid, $name) = @_;
	my $self = bless {
		file => join('.', "$node->{_host}/watchpoint", $pid, $name // ()),
		in => '',
		out => '',
		err => ''
	}, $class;

	$self->{run} = IPC::Run::start(
		[ "$ENV{PGT_TEST_BIN}/watchpoint", $pid, $self->{file} ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	eval { $self->{run}->pump until $self->{out} =~ /ready/; 1 }
	  or die "no watchpoint: $self->{err}$@";
	return $self;
}

=pod

=item GroundTruth->of_worker(node, session, module, table)

Have a traced session execute waits_while() of a module (waiter.c) for a table,
and watch one of its parallel workers for several hundred waits, until there are
no more.  Returns what was seen, and the worker's trace file.

=cut

sub of_worker
{
	my ($class, $node, $session, $module, $table) = @_;
	my $until = "$node->{_host}/waiting";
	my $workers = "SELECT pid, trace_file FROM pg_trace_status"
	  . " WHERE state = 'active' AND pid IN (SELECT pid FROM pg_stat_activity)"
	  . " AND leader_pid = "
	  . $session->pid;

	$node->safe_psql('postgres', <<"SQL");
CREATE OR REPLACE FUNCTION waits_while(int, text) RETURNS int STRICT
  PARALLEL SAFE LANGUAGE C AS '$module';
SQL
	append_to_file($until, '');
	$session->send("SELECT sum(waits_while(100, '$until')) FROM $table");
	$node->poll_query_until('postgres',
		"SELECT EXISTS ($workers AND wait_events > 0)")
	  or die 'no parallel worker is traced';
	my ($worker, $file) =
	  split /\|/, $node->safe_psql('postgres',
		"$workers AND wait_events > 0 LIMIT 1");
	my $truth = $class->start($node, $worker);
	my $count = "SELECT wait_events FROM pg_trace_status WHERE pid = $worker";
	my $before = $node->safe_psql('postgres', $count);
	$node->poll_query_until('postgres', "SELECT ($count) > $before + 600")
	  or die 'the parallel worker does not wait';
	unlink $until or die "$until: $!";
	$session->wait;
	$truth->finish;
	PgTrace::wait_for_end($node, $file);
	return ($truth, $file);
}

=pod

=item finish()

Watch no longer.  The process may have ended.

=cut

sub finish
{
	my ($self) = @_;
	my ($start, $value);

	$self->{run}->finish;
	foreach my $line (split /\n/, slurp_file($self->{file}))
	{
		if ($line =~ /^(\d+) (?:0x)?([0-9a-f]+)$/)
		{
			my ($time, $new) = ($1, hex $2);

			push @{ $self->{waits} },
			  { start => $start, end => $time, value => $value }
			  if $value;
			($start, $value) = ($time, $new);
		}
		else
		{
			$self->{summary} = $line;
		}
	}
	unlink $self->{file};
	return;
}

=pod

=item compare(records, what, [early_us])

Test that the trace has the same waits in the time watched, in the same order,
at the same times.  A uprobe comes after the write; but if the trace has a
watchpoint, too, both trap together, and its may come first: within early_us.
Returns a reference to a hash with the number of waits by type:name.

=back

=cut

sub compare
{
	my ($self, $records, $what, $early_us) = @_;
	my @truth = @{ $self->{waits} };

	$early_us //= 0;

	like($self->{summary}, qr/lost=0\b/, "$what: the watchpoint missed nothing");
	is_deeply([ PgTrace::Problems::problems($records) ], [], "$what: the trace is sound");

	# times in the trace are cut to microseconds
	my @waits = grep {
		$_->{fields}{tim} - $_->{fields}{ela} >=
		  int($truth[0]{start} / 1000) - 1 - $early_us
	} PgTrace::File::of_type($records, 'WAIT');

	# short waits before the first one may be early enough to be among them
	my $early = $early_us > 0 ? grep {
		$_->{fields}{tim} - $_->{fields}{ela} <
		  int($truth[0]{start} / 1000) + $early_us
	} @waits : 0;
	my @best;
	foreach my $extra (0 .. $early)
	{
		my @found = differences([ @waits[ $extra .. $#waits ] ], \@truth,
			$early_us);

		@best = @found
		  if !@best
		  || $found[0] + $found[1] < $best[0] + $best[1]
		  || ($found[0] + $found[1] == $best[0] + $best[1]
			&& $found[5] < $best[5]);
	}
	my ($mixed_up, $misplaced, $number, $count, $true_count) = @best;
	is($number, scalar @truth, "$what: the same number of waits");
	is($mixed_up, 0, "$what: each wait is the right one");
	is($misplaced, 0, "$what: and at its place in time");
	is_deeply($count, $true_count, "$what: the same number for each event");
	note("$what: $_: $count->{$_}") foreach sort keys %$count;
	return $count;
}

# One by one: the same event, and not earlier than the write.  Returns how many
# are not, how many waits there are, the numbers by event, and by how much the
# times differ in all.
sub differences
{
	my ($waits, $truth, $early_us) = @_;
	my (%name_of, %value_of, %count, %true_count);
	my ($mixed_up, $misplaced, $distance) = (0, 0, 0);
	my @waits = @$waits;

	splice @waits, scalar @$truth if @waits > @$truth;
	foreach my $i (0 .. $#waits)
	{
		my $fields = $waits[$i]{fields};
		my $true = $truth->[$i];
		my $name = "$fields->{type}:$fields->{nam}";

		$name_of{ $true->{value} } //= $name;
		$value_of{$name} //= $true->{value};
		$mixed_up++
		  if $name_of{ $true->{value} } ne $name
		  || $value_of{$name} != $true->{value};
		$misplaced++
		  if $fields->{tim} < int($true->{end} / 1000) - $early_us
		  || $fields->{tim} - $fields->{ela} <
		  int($true->{start} / 1000) - 1 - $early_us;
		$distance += abs($fields->{tim} - int($true->{end} / 1000));
		$count{$name}++;
	}
	$true_count{ $name_of{ $_->{value} } // $_->{value} }++ foreach @$truth;
	return ($mixed_up, $misplaced, scalar @waits, \%count, \%true_count,
		$distance);
}

1;
