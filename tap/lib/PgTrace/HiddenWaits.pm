
=pod

=head1 NAME

PgTrace::HiddenWaits - a server with places that aren't understood

=head1 SYNOPSIS

  use PgTrace::HiddenWaits;

  my $bindir = copy_server();
  my $problem = hide_waits("$bindir/postgres", 'FileRead', 'WaitEventSetWait');

=head1 FUNCTION

=over

=item hide_waits(file, function, ...)

In a copy of the server, replace the instruction of each of the functions that
loads the pointer to the wait event to start a wait by others that do the same.
Returns what the worker says of the places.  For x86-64.

=back

=cut

package PgTrace::HiddenWaits;

use strict;
use warnings;

use Exporter 'import';
use PgTrace::Sites;

our @EXPORT = qw(hide_waits);

# The address range of an exported function
sub range_of
{
	my ($file, $function) = @_;
	my ($status, $out) = run('readelf', '--dyn-syms', '-W', $file);

	$out =~ /:\s+(\w+)\s+(\d+) FUNC .* $function$/m
	  or die "there is no $function";
	return (hex $1, hex($1) + $2);
}

# mov pointer(%rip), %register -> push pointer(%rip); pop %register, where the
# first instruction reaches the pointer from one byte less far
sub hide
{
	my ($code, $at) = @_;
	my ($opcode, $register, $distance) = unpack 'nCl<', substr $$code, $at, 7;

	return 0 unless $opcode == 0x488b && ($register & 0xc7) == 5;
	substr $$code, $at, 7,
	  pack 'nl<C', 0xff35, $distance + 1, 0x58 | ($register >> 3);
	return 1;
}

sub hide_waits
{
	my ($file, @functions) = @_;
	my $code = read_file($file);
	my ($status, $references) = run(sites_dump(), $file);
	my $hidden = 0;

	foreach my $function (@functions)
	{
		my ($from, $to) = range_of($file, $function);

		while ($references =~
			/^reference 0x(\w+) store store=0x\w+ probe=0x(\w+) offset=0x(\w+) .*\[mov dword ptr \[\w+\], [a-z]\w+\] /mg
		  )
		{
			my ($reference, $probe, $offset) = map { hex } $1, $2, $3;

			$hidden += hide(\$code, $reference + $offset - $probe)
			  if $reference >= $from && $reference < $to;
		}
	}
	write_file($file, $code);
	($status, $references) = run(sites_dump(), $file);
	my ($count, $unknown) =
	  $references =~ /^references=(\d+) .* unknown=(\d+)$/m;
	die "$hidden of @functions are hidden"
	  unless $hidden == @functions && $unknown == @functions;
	return
	  "$unknown of $count places that may report a wait event are not understood";
}

1;
