
# Where bgworker/sites/sites.c finds waits to start and end in programs that were
# built in other ways than Debian's servers.
#
# What becomes of a wait depends on compiler, options and linker, and a store
# that isn't found shows up as a wait that is missing, so here the truth is
# what happens: a sample with waits in all shapes is built in many ways and
# run instruction by instruction, and what probes at the sites would have told
# is compared with what was written to the word.  Programs for arm64 run on an
# emulator, whose log has the same facts in it; probes can't be tried there.

use strict;
use warnings;
no warnings 'portable';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PgTrace::Sites;
use PostgreSQL::Test::Utils ();
use Test::More;

my $tap = dirname(abs_path(__FILE__));
my $tmp = abs_path(PostgreSQL::Test::Utils::tempdir());

BAIL_OUT('PGT_TEST_BIN is not set') unless $ENV{PGT_TEST_BIN};
my $stepper = "$ENV{PGT_TEST_BIN}/stepper";
my $samples = abs_path("$ENV{PGT_TEST_BIN}/waits");

# Instructions between a store and its probe; those that wait take more.
my $max_lag = 40;

# Run a command that has to succeed; returns what it wrote.
sub run_ok
{
	my ($status, $out, $err) = run(@_);

	die "@_: status $status: $err" if $status ne '0';
	return $out;
}

###############################################################################
# Running a program
#
# What happened is a list of [step, 'store', value] for what a step has written
# to the word, and [step, 'site', number] for a site that comes next.
###############################################################################

sub run_native
{
	my ($program, @sites) = @_;

	write_file("$tmp/sites",
		join('', map { "$_->{file} $_->{offset}\n" } @sites));
	return map { [ split / / ] }
	  split(/\n/, run_ok($stepper, "$tmp/sites", $program));
}

# A register's value, going by the emulator's log.
sub register
{
	my ($registers, $name) = @_;
	my $logged = $name eq 'sp' ? 'SP' : sprintf 'X%02d', substr($name, 1);
	my ($value) = $registers =~ /\b$logged=(\w+)/
	  or die "$name is not in the log";

	return hex($value);
}

# With the emulator, whose log has the registers before each instruction.
sub run_emulated
{
	my ($program, @sites) = @_;
	my @emulator = ('qemu-aarch64', '-L', '/usr/aarch64-linux-gnu');
	my %code = map { hex($_->[0]) => $_->[1] }
	  @{ disassemble($program, objdump => 'aarch64-linux-gnu-objdump') };
	my (%numbers, $word, @happened);
	my $step = 0;
	my $log_file = "$tmp/log";

	$numbers{ hex($sites[$_]->{probe}) } = $_ foreach 0 .. $#sites;
	# the same addresses in each run: where is the program loaded?
	local $ENV{QEMU_RESERVED_VA} = '0x8000000000';
	run_ok(@emulator, '-d', 'page', '-D', $log_file, $program);
	my ($start) = PostgreSQL::Test::Utils::slurp_file($log_file) =~
	  /^start_code\s+(0x\w+)$/m;
	my $base =
	  run_ok('readelf', '-h', $program) =~ /Type:\s+EXEC/ ? 0 : hex($start);

	# one instruction at a time; QEMU 8.1 has another name for that
	local $ENV{QEMU_SINGLESTEP} = 1;
	local $ENV{QEMU_ONE_INSN_PER_TB} = 1;
	run_ok(@emulator, '-d', 'cpu,nochain', '-dfilter', "$start+0x40000",
		'-D', $log_file, $program);

	open(my $log, '<', $log_file) or die "$program.log: $!";
	local $/ = 'PSTATE=';
	while (my $registers = <$log>)
	{
		my ($pc) = $registers =~ /\bPC=(\w+)/ or next;
		my $insn = $code{ hex($pc) - $base } // '';
		my $number = $numbers{ hex($pc) - $base };

		push @happened, [ $step, 'site', $number ]
		  if defined $word && defined $number;
		$step++;
		# by newer versions of objdump the latter, which may change x16
		if ($insn =~ /^(?:hint\s+#0x28|chkfeat\s+x16)/)
		{
			$word = register($registers, 'x9');
			last if $word == 0;
		}
		next unless defined $word;
		next unless $insn =~ /^stu?r\s+w(\w+), \[(x\d+|sp)(?:, #(-?\d+))?\]/;

		my ($value, $at, $offset) = ($1, $2, $3 // 0);
		next unless register($registers, $at) + $offset == $word;
		$value = $value eq 'zr' ? 0 :
		  register($registers, "x$value") & 0xffffffff;
		push @happened, [ $step, 'store', sprintf '%x', $value ];
	}
	close($log);
	unlink $log_file;
	die "$program did not run to its end" unless defined $word && $word == 0;
	return @happened;
}

# What a program waited for, and what probes at the sites would have told of
# it, as the BPF program does it.  Also the longest way from a store to where
# it is seen.
sub compare_waits
{
	my ($happened, $sites) = @_;
	my (@waits, @seen);
	my ($word, $state, $lag) = (0, 0, 0);
	my $unseen;

	foreach (@$happened)
	{
		my ($step, $what, $value) = @$_;

		if ($what eq 'store')
		{
			$value = hex($value);
			push @waits, sprintf('%x', $word) if $word;
			$lag = $step - $unseen
			  if defined $unseen && $step - $unseen > $lag;
			$word = $value;
			$unseen = $step;
			next;
		}
		$lag = $step - $unseen if defined $unseen && $step - $unseen > $lag;
		$unseen = undef;
		next if $word == $state && !($sites->[$value]->{restart} && $word);
		push @seen, sprintf('%x', $state) if $state;
		$state = $word;
	}
	return ("@waits", "@seen", $lag);
}

# Run the sample, built that way; returns what compare_waits() needs.
sub check_build
{
	my ($what) = @_;
	my $arm = $what =~ /aarch64/;
	my $program = "$samples/" . $what =~ tr/ /_/r;
	my @files = ($program);

	push @files, "$program.so" if $what =~ / module$/;
	my @sites;
	foreach my $file (@files)
	{
		my $found = find_sites($file, $what);

		push @sites, map { $_->{file} = $file; $_ } @{ $found->{probes} };
		is_deeply($found->{unknown}, [], "$what: nothing is unknown");
	}

	my @happened = $arm ? run_emulated($program, @sites) :
	  run_native($program, @sites);
	my ($waits, $seen, $lag) = compare_waits(\@happened, \@sites);
	is(scalar(split / /, $waits),
		$arm ? 61 : 59, "$what: the program waits");
	is($seen, $waits, "$what: the probes tell all waits, and no other");
	cmp_ok($lag, '<', $max_lag, "$what: and tell them at once");
	return (\@happened, \@sites, $waits);
}

###############################################################################
# All builds
###############################################################################

my @builds = grep { /^[a-z]/ }
  split /\n/, read_file("$tap/programs/waits_builds.txt");
cmp_ok(scalar(grep { /aarch64/ } @builds), '>=', 12, 'builds for arm64');
cmp_ok(scalar(grep { !/aarch64/ } @builds), '>=', 23, 'builds for x86-64');

foreach my $build (grep { !/ library$/ } @builds)
{
	my ($happened, $sites, $waits) = check_build($build);

	# Where nothing is inlined, as in builds for debugging, all waits begin in
	# one function and end in another; only two stores of the sample's are
	# elsewhere.
	is(scalar @$sites, 4, "$build: nothing is inlined")
	  if $build =~ /-O0|-fno-inline/ && $build !~ /module|aarch64/;

	# That what is compared can differ at all: most sites are missed.
	next if $build ne 'gcc -O2';
	my %hit = map { $_->[2] => 1 } grep { $_->[1] eq 'site' } @$happened;
	my @missed = grep {
		my $number = $_;
		my @rest =
		  grep { $_->[1] eq 'store' || $_->[2] != $number } @$happened;
		my (undef, $seen, $lag) = compare_waits(\@rest, $sites);
		$seen ne $waits || $lag >= $max_lag;
	} keys %hit;
	cmp_ok(scalar(keys %hit), '>', 30, 'most sites are reached');
	cmp_ok(scalar(@missed), '>', 0.75 * keys %hit,
		'a site that is left out makes a difference');
}

# A shared library's place isn't known here, so go by its code: other than
# those of wait events, it has no stores of 4 bytes through a register.
foreach my $what (grep { / library$/ } @builds)
{
	my $file = "$samples/" . ($what =~ tr/ /_/r) . '.so';
	my $found = find_sites($file, $what);
	my $code = disassemble($file, objdump => 'aarch64-linux-gnu-objdump');

	check_relations($found, $what);
	is( $found->{count}{stores},
		scalar(grep { $_->[1] =~ /^str\s+w\w+, \[x\d+\]$/ } @$code),
		"$what: all stores");
	cmp_ok($found->{count}{stores}, '>', 40, "$what: which are many");
}

done_testing();
