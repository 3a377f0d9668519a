
=head1 NAME

PgTrace::Sites - what the tests of finding probe sites have in common

=head1 DESCRIPTION

Runs sites_dump, which prints what bgworker/sites/sites.c finds in a file, and
objdump, which tells what is in it.

=cut

package PgTrace::Sites;

use strict;
use warnings;

use Exporter qw(import);
use IPC::Run ();
use PostgreSQL::Test::Utils ();
use Test::More;

our @EXPORT = qw(sites_dump run find_sites disassemble write_file read_file
  check_relations);

# The program
sub sites_dump
{
	my $dump = ($ENV{PGT_TEST_BIN} // '') . '/sites_dump';

	BAIL_OUT("$dump is missing") unless -x $dump;
	return $dump;
}

# Run a command; returns its exit status, or "signal N" or "timeout", and what
# it wrote.
sub run
{
	my @command = @_;
	my ($out, $err) = ('', '');
	my $in = '';

	eval {
		IPC::Run::run(\@command, \$in, \$out, \$err, IPC::Run::timeout(60));
		1;
	} or return ('timeout', $out, $err);
	return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8, $out, $err);
}

# What sites_dump says of a file, as a hash.
sub find_sites
{
	my ($file, $what) = @_;
	my ($status, $out, $err) = run(sites_dump(), $file);
	my %found = (references => {}, probes => [], unknown => [],
		targets => []);

	is($status, 0, "$what: sites_dump succeeds");
	is($err, '', "$what: and says nothing on stderr");
	foreach my $line (split /\n/, $out)
	{
		if ($line =~ /^reference 0x(\w+) (\w+)/)
		{
			$found{references}{$1} = $2;
		}
		elsif ($line =~
			/^probe store=0x(\w+) probe=0x(\w+) offset=0x(\w+) (\w+) (\S+) \[(.*?)\] \[(.*)\]$/
		  )
		{
			push @{ $found{probes} },
			  {
				store => $1,
				probe => $2,
				offset => $3,
				cheap => $4 eq 'cheap',
				restart => $5 eq 'restart',
				store_insn => $6,
				probe_insn => $7
			  };
		}
		elsif ($line =~
			/^target (\w+) probe=0x(\w+) offset=0x(\w+) (\w+) (\d+)$/)
		{
			push @{ $found{targets} },
			  {
				role => $1,
				probe => $2,
				offset => $3,
				cheap => $4 eq 'cheap',
				file_call => $5
			  };
		}
		elsif ($line =~ /^unknown/)
		{
			push @{ $found{unknown} }, $line;
		}
		elsif ($line =~ /^references=/)
		{
			$found{count} = { $line =~ /(\w+)=(\d+)/g };
		}
	}
	return \%found;
}

# A file's code, as objdump has it: ([address, instruction], ...).  Options:
#
#	objdump		the program, for code of another architecture
#	lines		a pattern
#	from, to	patterns
#	ranges		[[first address, last address], ...]
#
# A server has more than a million instructions, which take Perl long.  With
# lines, only those are returned that match it, or are in a range, or stand from
# one that matches from to one that matches to.  The patterns are awk's, of
# "  ADDRESS:\tNAME\tOPERANDS".
sub disassemble
{
	my ($file, %options) = @_;
	my $command = join(' ', $options{objdump} // 'objdump',
		'-d', '-w', '--no-show-raw-insn', "'$file'");
	my @code;

	$command .= ' | ' . filter(%options) if exists $options{lines};
	open(my $pipe, '-|', $command) or die "objdump: $!";
	while (my $line = <$pipe>)
	{
		push @code, [ $1, $2 ] if $line =~ /^ *([0-9a-f]+):\s+(\S.*\S|\S)/;
	}
	close($pipe) or die "objdump failed";
	return \@code;
}

# The command that leaves the other lines out
sub filter
{
	my (%options) = @_;
	my ($lines, $from, $to) =
	  map { $options{$_} // '^$' } qw(lines from to);
	my $list = PostgreSQL::Test::Utils::tempdir() . '/ranges';

	write_file($list,
		join '', map { "$_->[0]: $_->[1]:\n" } @{ $options{ranges} // [] });
	return "LC_ALL=C awk -v list='$list' '" . <<"AWK" . "'";
BEGIN {
	while ((getline range < list) > 0) {
		split(range, at, " ")
		n[at[1]]++
		ends[at[1], n[at[1]]] = at[2]
	}
}
\$1 in n {
	for (i = 1; i <= n[\$1]; i++) {
		inside++
		leaving[ends[\$1, i]]++
	}
}
/$from/ { behind = 1 }
inside > 0 || behind || /$lines/
/$to/ { behind = 0 }
\$1 in leaving {
	inside -= leaving[\$1]
	delete leaving[\$1]
}
AWK
}

sub write_file
{
	my ($name, $content) = @_;

	open(my $fh, '>:raw', $name) or die "$name: $!";
	print $fh $content;
	close($fh) or die "$name: $!";
	return;
}

sub read_file
{
	my ($name) = @_;

	open(my $fh, '<:raw', $name) or die "$name: $!";
	local $/;
	my $content = <$fh>;
	close($fh);
	return $content;
}

# Relations that hold in every file.
sub check_relations
{
	my ($found, $what) = @_;
	my $count = $found->{count};
	my %kinds = (store => 0, pointer => 0, unknown => 0);
	my @probes = @{ $found->{probes} };

	$kinds{$_}++ foreach values %{ $found->{references} };

	is_deeply($found->{unknown}, [], "$what: nothing is unknown");
	is($count->{unknown}, 0, "$what: nor counted as such");
	is(scalar(keys %{ $found->{references} }),
		$count->{references}, "$what: all references are listed");
	is($kinds{store} + $kinds{pointer},
		$count->{references}, "$what: all references are accounted for");
	is($kinds{pointer}, $count->{pointer_writes},
		"$what: references without a store are counted");
	is($count->{probes} + $count->{superseded},
		$count->{stores}, "$what: each store has a probe or shares one");
	is($count->{cheap} + $count->{expensive},
		$count->{probes}, "$what: each probe is cheap or expensive");

	my %offsets = map { $_->{offset} => 1 } @probes;
	is(scalar(keys %offsets), $count->{probes}, "$what: no offset twice");
	is_deeply(
		[ map { $_->{offset} } @probes ],
		[
			map { sprintf '%x', $_ }
			  sort { $a <=> $b } map { hex } keys %offsets
		],
		"$what: in order of offset");
	return;
}

1;
