
=pod

=head1 NAME

PgTrace::GroundTruth - what a process's wait_event_info word really went through

=head1 SYNOPSIS

  my $truth = PgTrace::GroundTruth->start($session);
  ...
  $truth->finish;
  my $count = $truth->compare(PgTrace::File::parse($file), 'what');

=head1 DESCRIPTION

The truth is a software watchpoint on the word, in the process itself: see
word_watch.c.

=cut

package PgTrace::GroundTruth;

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { HEADER_SIZE => 32, STORE_SIZE => 16 };

=pod

=over

=item PgTrace::GroundTruth::problem()

Why there is no truth on this machine; undef if there is.

=cut

sub problem
{
	chomp(my $machine = `uname -m`);

	return $machine eq 'x86_64' ? undef :
	  "the software watchpoint takes single steps of x86-64, this is $machine";
}

# What word_watch.c has in SQL; returns the beginning of its files' names.
sub create_functions
{
	my ($node) = @_;

	$node->safe_psql('postgres', <<"SQL");
CREATE OR REPLACE FUNCTION watch_word(text) RETURNS bool STRICT
  PARALLEL SAFE LANGUAGE C AS '$ENV{PGT_TEST_BIN}/word_watch';
CREATE OR REPLACE FUNCTION unwatch_word() RETURNS void
  LANGUAGE C AS '$ENV{PGT_TEST_BIN}/word_watch';
SQL
	return "$node->{_host}/stores";
}

=pod

=item PgTrace::GroundTruth->start(session)

Watch a session's process from now on.

=cut

sub start
{
	my ($class, $session) = @_;
	my $files = create_functions($session->{node});
	my $self =
	  bless { session => $session, file => "$files." . $session->pid }, $class;

	$session->query("SELECT watch_word('$files')") eq 't'
	  or die 'the word is not watched: ' . $session->error;
	return $self;
}

=pod

=item of_worker(node, session, module, table)

Have a traced session execute waits_while() of a module (waiter.c) for a table,
and watch one of its parallel workers for several hundred waits, until there are
no more.  Returns what was seen, and the worker's trace file.

=cut

sub of_worker
{
	my ($class, $node, $session, $module, $table) = @_;
	my $files = create_functions($node);
	my ($begin, $until) = map { "$node->{_host}/$_" } qw(starting waiting);
	my $workers = "SELECT pid, trace_file FROM pg_trace_status"
	  . " WHERE state = 'active' AND pid IN (SELECT pid FROM pg_stat_activity)"
	  . " AND leader_pid = "
	  . $session->pid;

	$node->safe_psql('postgres', <<"SQL");
CREATE OR REPLACE FUNCTION waits_while(int, text) RETURNS int STRICT
  PARALLEL SAFE LANGUAGE C AS '$module';
SQL
	append_to_file($_, '') foreach $begin, $until;
	# in each worker, the first row takes all the time
	$session->send(<<"SQL");
SELECT sum(CASE WHEN waits_while(100, '$begin') >= 0 AND watch_word('$files')
	THEN waits_while(100, '$until') END) FROM $table
SQL
	$node->poll_query_until('postgres',
		"SELECT EXISTS ($workers AND wait_events > 0)")
	  or die 'no parallel worker is traced';
	my ($worker, $file) =
	  split /\|/, $node->safe_psql('postgres',
		"$workers AND wait_events > 0 LIMIT 1");
	my $self = bless { file => "$files.$worker" }, $class;
	unlink $begin or die "$begin: $!";
	$self->wait_for_stores(1200);
	unlink $until or die "$until: $!";
	$session->wait;
	PgTrace::Node::wait_for_end($node, $file);
	$node->poll_query_until('postgres',
		"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $worker)")
	  or die 'the parallel worker does not end';
	$self->finish;
	return ($self, $file);
}

sub wait_for_stores
{
	my ($self, $number) = @_;

	foreach (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $header = '';

		if (open(my $fh, '<:raw', $self->{file}))
		{
			sysread $fh, $header, HEADER_SIZE;
			close $fh;
		}
		return if length $header && unpack('Q', $header) >= $number;
		select(undef, undef, undef, 0.01);
	}
	die "$self->{file} does not grow";
}

=pod

=item finish()

Watch no longer; a process without a session has to have ended.  Afterwards,
C<< $truth->{waits} >> is what was seen, in order: waits with their C<start>,
C<end> and C<value>, all of whose two stores were seen.

=cut

sub finish
{
	my ($self) = @_;
	my ($start, $value);

	$self->{session}->query('SELECT unwatch_word()') if $self->{session};
	open(my $fh, '<:raw', $self->{file}) or die "$self->{file}: $!";
	read($fh, my $header, HEADER_SIZE) == HEADER_SIZE
	  or die "$self->{file} has no header";
	(my $count, @$self{qw(lost end)}) = unpack 'Q3', $header;
	read($fh, my $stores, $count * STORE_SIZE) == $count * STORE_SIZE
	  or die "$self->{file} is too short";
	close $fh;
	unlink $self->{file};

	for (my $at = 0; $at < length $stores; $at += STORE_SIZE)
	{
		my ($time, $new) = unpack 'Q2', substr $stores, $at, STORE_SIZE;

		push @{ $self->{waits} },
		  { start => $start, end => $time, value => $value }
		  if $value;
		($start, $value) = ($time, $new);
	}
	return;
}

=pod

=item watched(wait, ...)

Those of a trace's waits that began and ended while the process was watched.

=cut

sub watched
{
	my ($self, @waits) = @_;
	my $first_us = int($self->{waits}[0]{start} / 1000);
	my $last_us = int($self->{end} / 1000);

	# times in the trace are cut to microseconds
	return grep {
		my $fields = $_->{fields};

		$fields->{tim} - $fields->{ela} >= $first_us - 1
		  && ($last_us == 0 || $fields->{tim} <= $last_us)
	} @waits;
}

=pod

=item compare(records, what)

Test that the trace has the same waits in the time watched, in the same order,
at the same times.  Returns a reference to a hash with the number of waits by
type:name.

=back

=cut

sub compare
{
	my ($self, $records, $what) = @_;
	my @truth = @{ $self->{waits} };
	my @waits = $self->watched(PgTrace::File::of_type($records, 'WAIT'));

	is($self->{lost}, 0, "$what: the watchpoint missed nothing");
	is_deeply([ PgTrace::Problems::problems($records) ],
		[], "$what: the trace is sound");
	is(scalar @waits, scalar @truth, "$what: the same number of waits");

	my ($mixed_up, $misplaced, $count, $true_count) =
	  differences(\@waits, \@truth);
	is($mixed_up, 0, "$what: each wait is the right one");
	is($misplaced, 0, "$what: and at its place in time");
	is_deeply($count, $true_count, "$what: the same number for each event");
	note("$what: $_: $count->{$_}") foreach sort keys %$count;
	return $count;
}

# One by one: the same event; and not earlier than the store, nor later than the
# next one.  But where a wait's end is directly followed by the next one's start,
# both may be seen after the latter.  Returns how many waits are not right, how
# many not at their place, and the numbers by event.
# The trace knows more of the waits for its worker than the event.
sub name_of
{
	my ($fields) = @_;

	return "$fields->{type}:$fields->{nam}"
	  unless $fields->{nam} eq 'pg_trace';
	return 'Extension:Extension' if PgTrace::Node::major() < 17;
	return 'Extension:pg_trace '
	  . ($fields->{reason} eq 'stop' ? 'attach' : $fields->{reason});
}

sub differences
{
	my ($waits, $truth) = @_;
	my (%name_of, %value_of, %count, %true_count);
	my ($mixed_up, $misplaced) = (0, 0);
	my $last = $#$waits < $#$truth ? $#$waits : $#$truth;

	foreach my $i (0 .. $last)
	{
		my $fields = $waits->[$i]{fields};
		my $true = $truth->[$i];
		my $next = $truth->[ $i + 1 ];
		my $name = name_of($fields);
		my $start = $fields->{tim} - $fields->{ela};

		$name_of{ $true->{value} } //= $name;
		$value_of{$name} //= $true->{value};
		$mixed_up++
		  if $name_of{ $true->{value} } ne $name
		  || $value_of{$name} != $true->{value};
		# times in the trace are cut to microseconds
		$misplaced++
		  if $start < int($true->{start} / 1000) - 1
		  || $start > int($true->{end} / 1000) + 1
		  || $fields->{tim} < int($true->{end} / 1000)
		  || $next && $fields->{tim} > int($next->{end} / 1000);
		$count{$name}++;
	}
	$true_count{ $name_of{ $_->{value} } // $_->{value} }++ foreach @$truth;
	return ($mixed_up, $misplaced, \%count, \%true_count);
}

1;
