
=pod

=head1 NAME

PgTrace::ServerCopy - the installed server's programs, once more

=head1 SYNOPSIS

  use PgTrace::ServerCopy;

  my $bindir = copy_server();
  my $node = PgTrace::Node::create_node('main', { install_path => dirname($bindir) });

=head1 DESCRIPTION

Uprobes belong to a file.  A server that is started from a copy of it has none
of those that other tests have at the same time in all processes, and may be
changed.  Programs find what belongs to them by where they are themselves, so
libraries and all else are where the installed ones are.

=head1 FUNCTION

=over

=item copy_server()

Copy the programs that tests need.  Returns their directory, which is removed
when the test ends.

=back

=cut

package PgTrace::ServerCopy;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use File::Copy;
use File::Path qw(make_path);
use PostgreSQL::Test::Utils ();

our @EXPORT = qw(copy_server);

sub config
{
	my ($name) = @_;

	chomp(my $value = `$ENV{PG_CONFIG} --$name`);
	return $value;
}

sub copy_server
{
	my $bindir = config('bindir');
	my $root = PostgreSQL::Test::Utils::tempdir();

	make_path("$root$bindir");
	foreach my $program (qw(initdb pg_config pg_ctl postgres psql))
	{
		copy("$bindir/$program", "$root$bindir/$program")
		  or die "$bindir/$program: $!";
		chmod 0755, "$root$bindir/$program"
		  or die "$root$bindir/$program: $!";
	}
	foreach my $dir (map { config($_) } qw(pkglibdir sharedir))
	{
		make_path(dirname("$root$dir"));
		symlink $dir, "$root$dir" or die "$root$dir: $!";
	}
	return "$root$bindir";
}

1;
