
=pod

=head1 NAME

PgTrace::Fields - fields of trace files that say the same in two ways

=head1 DESCRIPTION

A query identifier and an SQLSTATE stand in a file as Oracle's readers expect
them and as PostgreSQL's users know them.  PgTrace::File refuses lines in which
these don't agree.

=cut

package PgTrace::Fields;

use strict;
use warnings;

my $double_quoted = qr/"(?:[^"\\]++|\\.)*+"/;

=pod

=over

=item sqlid_number(sqlid)

The number that an sqlid is in base 32.

=cut

sub sqlid_number
{
	my ($sqlid) = @_;
	my $number = 0;

	foreach my $digit (split //, $sqlid)
	{
		$number = ($number & ~0 >> 5) << 5
		  | index('0123456789abcdfghjkmnpqrstuvwxyz', $digit);
	}
	return $number;
}

sub check_sqlid
{
	my ($parser, $fields) = @_;
	my ($sqlid, $queryid) = @$fields{qw(sqlid queryid)};

	PgTrace::File::refuse($parser, "sqlid=$sqlid")
	  if $sqlid !~ /^[0-9a-df-hjkmnp-z]{13}$/;
	PgTrace::File::refuse($parser, "sqlid=$sqlid, but hv=$fields->{hv}")
	  if (sqlid_number($sqlid) & 0xFFFFFFFF) != $fields->{hv};
	PgTrace::File::refuse($parser, "sqlid=$sqlid, but queryid=$queryid")
	  if $queryid !~ /^-?\d+$/
	  || ($queryid && sqlid_number($sqlid) != ($queryid < 0 ? ~0 + $queryid + 1 : $queryid));
	return;
}

# err= is the SQLSTATE, packed
sub check_error
{
	my ($parser, $fields) = @_;
	my $packed = 0;

	PgTrace::File::refuse($parser, "sqlstate=$fields->{sqlstate}")
	  if $fields->{sqlstate} !~ /^[0-9A-Z]{5}$/;
	foreach my $character (reverse split //, $fields->{sqlstate})
	{
		$packed = $packed << 6 | (ord($character) - ord('0') & 0x3F);
	}
	PgTrace::File::refuse($parser, "sqlstate=$fields->{sqlstate}, but err=$fields->{err}")
	  if $fields->{err} ne $packed;
	return $fields;
}

# Those of the optional fields of an error that it has
sub error_details
{
	my ($line, @names) = @_;
	my $unquoted = $line =~ s/$double_quoted//gr;

	return grep { $unquoted =~ / $_=/ } @names;
}

=pod

=back

=cut

1;
