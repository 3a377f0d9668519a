
=pod

=head1 NAME

PgTrace::Breakpoints - which probes the code of a process has

=head1 SYNOPSIS

  my $breakpoints = PgTrace::Breakpoints->new;
  is($breakpoints->in($pid), 0, 'none');

=cut

package PgTrace::Breakpoints;

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

=pod

=over

=item PgTrace::Breakpoints->new

Finds the places of the probes in the server's executable.

=cut

sub new
{
	my ($class) = @_;

	chomp(my $bindir = `$ENV{PG_CONFIG} --bindir`);
	my ($dump) =
	  run_command([ "$ENV{PGT_TEST_BIN}/sites_dump", "$bindir/postgres" ]);
	my %offset = map { $_ => 1 } $dump =~ /\boffset=(?:0x)?([0-9a-f]+)/g;
	my $self = bless {
		places => scalar keys %offset,
		file => PostgreSQL::Test::Utils::tempdir() . '/offsets'
	}, $class;

	append_to_file($self->{file}, join('', map { "$_\n" } sort keys %offset));
	return $self;
}

=pod

=item places()

How many there are.

=cut

sub places { my ($self) = @_; return $self->{places}; }

=pod

=item in(pid)

How many of these places have a breakpoint in that process; undef, with a
message, if that can't be told of all of them.

=cut

sub in
{
	my ($self, $pid) = @_;
	my ($output, $error) = run_command(
		[ "$ENV{PGT_TEST_BIN}/breakpoints", $pid, $self->{file} ]);
	my ($checked, $breakpoints) =
	  $output =~ /^checked=(\d+) breakpoints=(\d+)$/;

	diag($error) if $error;
	return defined $checked && $checked == $self->{places}
	  ? $breakpoints
	  : undef;
}

=pod

=item left_in(pid)

The same of a process that is no longer traced, after the time that the kernel
may take to remove them.

=cut

sub left_in
{
	my ($self, $pid) = @_;
	my $left;

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$left = $self->in($pid);
		last if defined $left && $left == 0;
		select(undef, undef, undef, 0.1);
	}
	return $left;
}

=pod

=back

=cut

1;
