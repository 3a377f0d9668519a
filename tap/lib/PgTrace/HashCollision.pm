
=pod

=head1 NAME

PgTrace::HashCollision - SQL texts with the same hash

=head1 SYNOPSIS

  use PgTrace::HashCollision;

  my $second = colliding_text('SELECT 1 /* a long comment ... */', 'SELECT 2');

=head1 DESCRIPTION

What an attacker would do who wants one statement to be taken for another.
PostgreSQL's hash_bytes_extended(), whose seed is 0 for a statement of the
client, mixes 12 bytes at a time into a state of 96 bits, in a way that can be
turned round: so whatever stands before, 12 bytes can be found that lead to any
state.

=cut

package PgTrace::HashCollision;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(colliding_text);

use constant BLOCK => 12;

sub rot { my ($x, $k) = @_; return ($x << $k | $x >> 32 - $k) & 0xffffffff; }

# mix() of hashfn.c, and the way back
sub mix
{
	my @s = @_;

	foreach my $step ([ 0, 2, 1, 4 ], [ 1, 0, 2, 6 ], [ 2, 1, 0, 8 ],
		[ 0, 2, 1, 16 ], [ 1, 0, 2, 19 ], [ 2, 1, 0, 4 ])
	{
		my ($x, $y, $z, $k) = @$step;

		$s[$x] = ($s[$x] - $s[$y] & 0xffffffff) ^ rot($s[$y], $k);
		$s[$y] = $s[$y] + $s[$z] & 0xffffffff;
	}
	return @s;
}

sub unmix
{
	my @s = @_;

	foreach my $step ([ 2, 1, 0, 4 ], [ 1, 0, 2, 19 ], [ 0, 2, 1, 16 ],
		[ 2, 1, 0, 8 ], [ 1, 0, 2, 6 ], [ 0, 2, 1, 4 ])
	{
		my ($x, $y, $z, $k) = @$step;

		$s[$y] = $s[$y] - $s[$z] & 0xffffffff;
		$s[$x] = ($s[$x] ^ rot($s[$y], $k)) + $s[$y] & 0xffffffff;
	}
	return @s;
}

# The state after these blocks of a text that is $len bytes long
sub state_after
{
	my ($blocks, $len) = @_;
	my @state = (0x9e3779b9 + $len + 3923095 & 0xffffffff) x 3;

	foreach my $block ($blocks =~ /.{12}/gs)
	{
		my @words = unpack 'V3', $block;

		@state = mix(map { $state[$_] + $words[$_] & 0xffffffff } 0 .. 2);
	}
	return @state;
}

=pod

=over

=item colliding_text(text, begin)

A text of the same length, with the same hash, that begins with begin and a
comment.  The text must end with a comment, whose last 3 bytes it shares, and be
two blocks longer than begin.

=back

=cut

sub colliding_text
{
	my ($text, $begin) = @_;
	my $len = length $text;
	my $blocks = int(($len - 3) / BLOCK) * BLOCK;	# the last one is computed
	my $fixed = "$begin /* ";
	my @wanted = unmix(state_after(substr($text, 0, $blocks), $len));

	$fixed .= 'x' x ($blocks - 2 * BLOCK - length $fixed);
	length($fixed) == $blocks - 2 * BLOCK or die 'the text is too short';
	my @before = state_after($fixed, $len);

	# until all of the 12 bytes can stand in a comment
	for (my $i = 0;; $i++)
	{
		my $nonce = sprintf '%012d', $i;
		my @words = unpack 'V3', $nonce;
		my @state = mix(map { $before[$_] + $words[$_] & 0xffffffff } 0 .. 2);
		my $block = pack 'V3',
		  map { $wanted[$_] - $state[$_] & 0xffffffff } 0 .. 2;

		return $fixed . $nonce . $block . substr($text, $blocks)
		  if $block =~ m{^[ !\#-&()+,\-.0-9<-\[\]-~]{12}$};
	}
}

1;
