
=pod

=head1 NAME

PgTrace::RedactionCases - statements with secrets, and without

=head1 SYNOPSIS

  use PgTrace::RedactionCases;

  $client->query(plain($_))->sync foreach @secrets;

=head1 DESCRIPTION

The statements are in tap/unit/redaction_cases.txt, which says how they are
written down.  In each of @secrets and @failing, what is in [[ ]] is hidden.

=over

=item plain(case)

The statement itself.

=item shown(case)

What a trace shows of it.

=back

=cut

package PgTrace::RedactionCases;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);

our @EXPORT = qw(@secrets @failing @harmless plain shown);

my %characters = (LF => "\n", CR => "\r", TAB => "\t");
my %cases = (secret => [], unparsed => [], failed => [], harmless => []);

{
	my $file = dirname(abs_path(__FILE__)) . '/../../unit/redaction_cases.txt';
	my $kind;

	open(my $fh, '<', $file) or die "$file: $!";
	while (my $line = <$fh>)
	{
		chomp $line;
		if ($line =~ /^== (\w+)$/)
		{
			$kind = $cases{$1} // die "$file: unknown kind of cases: $1";
		}
		elsif ($line ne '' && $line !~ /^#/)
		{
			push @$kind, $line =~ s/<(LF|CR|TAB)>/$characters{$1}/gr;
		}
	}
	close($fh);
}

our @secrets = @{ $cases{secret} };
our @failing = (@{ $cases{unparsed} }, @{ $cases{failed} });
our @harmless = @{ $cases{harmless} };

# What is hidden stands for this.
sub mask
{
	my ($hidden) = @_;

	return '-- ***' if $hidden =~ /^--/;
	return '/* *** */' if $hidden =~ m{^/\*};
	return '"***"' if $hidden =~ /^"/;
	return q{'***'} if $hidden =~ /^(?:[enbx]|u&)?['\$]/i;
	return '***';
}

sub plain { return $_[0] =~ s/\[\[|\]\]//gr; }

sub shown { return $_[0] =~ s/\[\[(.*?)\]\]/mask($1)/gesr =~ s/\s+$//r; }

1;
