
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

	write_file("$program.sites",
		join('', map { "$_->{file} $_->{offset}\n" } @sites));
	return map { [ split / / ] }
	  split(/\n/, run_ok($stepper, "$program.sites", $program));
}

# With the emulator, whose log has the registers before each instruction.
sub run_emulated
{
	my ($program, @sites) = @_;
	my @emulator = ('qemu-aarch64', '-L', '/usr/aarch64-linux-gnu');
	my %code = map { hex($_->[0]) => $_->[1] }
	  @{ disassemble($program, 'aarch64-linux-gnu-objdump') };
	my (%numbers, %registers, $word, @happened);
	my $step = 0;

	$numbers{ hex($sites[$_]->{probe}) } = $_ foreach 0 .. $#sites;
	# the same addresses in each run: where is the program loaded?
	local $ENV{QEMU_RESERVED_VA} = '0x8000000000';
	run_ok(@emulator, '-d', 'page', '-D', "$program.log", $program);
	my ($start) = PostgreSQL::Test::Utils::slurp_file("$program.log") =~
	  /^start_code\s+(0x\w+)$/m;
	my $base =
	  run_ok('readelf', '-h', $program) =~ /Type:\s+EXEC/ ? 0 : hex($start);

	# one instruction at a time; QEMU 8.1 has another name for that
	local $ENV{QEMU_SINGLESTEP} = 1;
	local $ENV{QEMU_ONE_INSN_PER_TB} = 1;
	run_ok(@emulator, '-d', 'cpu,nochain', '-dfilter', "$start+0x40000",
		'-D', "$program.log", $program);

	open(my $log, '<', "$program.log") or die "$program.log: $!";
	while (my $line = <$log>)
	{
		$registers{$1} = hex($2) while $line =~ /\b(X\d\d|SP|PC)=(\w+)/g;
		next unless $line =~ /^PSTATE/;

		my $insn = $code{ $registers{PC} - $base } // '';
		my $number = $numbers{ $registers{PC} - $base };
		push @happened, [ $step, 'site', $number ]
		  if defined $word && defined $number;
		$step++;
		# by newer versions of objdump the latter, which may change x16
		if ($insn =~ /^(?:hint\s+#0x28|chkfeat\s+x16)/)
		{
			$word = $registers{X09};
			last if $word == 0;
		}
		next unless defined $word;
		next unless $insn =~ /^stu?r\s+w(\w+), \[(x\d+|sp)(?:, #(-?\d+))?\]/;

		my ($value, $at, $offset) = ($1, uc $2, $3 // 0);
		$at =~ s/^X(\d)$/X0$1/;
		next unless $registers{$at} + $offset == $word;
		$value = $value eq 'zr' ? 0 :
		  $registers{ sprintf 'X%02d', $value } & 0xffffffff;
		push @happened, [ $step, 'store', sprintf '%x', $value ];
	}
	close($log);
	unlink "$program.log";
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

# Build and run the sample; returns what compare_waits() needs.
my $programs = 0;

sub check_build
{
	my ($what) = @_;
	my ($compiler, @options) = split / /, $what;
	my $arm = $what =~ /aarch64/;
	my $module = grep { $_ eq 'module' } @options;
	my $program = "$tmp/program" . $programs++;
	my @parts = ("$tap/programs/waits_sample.c", "$tap/programs/waits_main.c");
	my @files = ($program);

	@options = grep { $_ ne 'module' } @options;
	if ($module)
	{
		@files = ("$program.so", $program);
		run_ok($compiler, @options, '-shared', '-fPIC', '-o', $files[0],
			shift @parts);
		push @parts, $files[0];
	}
	run_ok($compiler, @options, '-rdynamic', '-o', $program, @parts);
	run_ok('strip', @files) unless $arm;

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
# x86-64
###############################################################################

my $no_pie = '-fno-pie -no-pie';

foreach my $build (
	'gcc -O1', 'gcc -Os', 'gcc -Og',
	"gcc -O0 $no_pie",
	"gcc -O2 $no_pie",
	"gcc -O3 -fcf-protection=full $no_pie",
	'gcc -O3 -fno-omit-frame-pointer',
	'gcc -O2 -fPIC -Wl,--no-relax',
	'gcc -O2 -flto', "gcc -O3 -flto $no_pie",
	'gcc -O0 module', 'gcc -O3 module',
	'gcc -O2 -flto -fno-plt module',
	'clang -O1',
	'clang -O2 -fcf-protection=full',
	"clang -O3 $no_pie",
	'clang -O2 -flto -fuse-ld=lld',
	'clang -O2 module')
{
	check_build($build);
}

# Where nothing is inlined, as in builds for debugging, all waits begin in one
# function and end in another; only two stores of the sample's are elsewhere.
foreach my $build ('gcc -O0', 'clang -O0', 'gcc -O2 -fno-inline',
	'clang -O2 -fno-inline')
{
	my ($happened, $sites) = check_build($build);

	is(scalar @$sites, 4, "$build: nothing is inlined");
}

# That what is compared can differ at all: most sites are missed.
{
	my ($happened, $sites, $waits) = check_build('gcc -O2');
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

###############################################################################
# arm64
###############################################################################

foreach my $build (
	'-O0', '-O1', '-O2', '-O3', '-Os',
	"-O2 $no_pie",
	'-O2 -mbranch-protection=standard',
	'-O3 -flto')
{
	check_build("aarch64-linux-gnu-gcc $build");
}
check_build("clang $_ --target=aarch64-linux-gnu")
  foreach '-O0', '-O2', "-O3 $no_pie";

# A shared library's place isn't known here, so go by its code: other than
# those of wait events, it has no stores of 4 bytes through a register.
{
	my $what = 'aarch64-linux-gnu-gcc -O2 -shared';
	my $file = "$tmp/arm64.so";

	run_ok(split(/ /, $what), '-fPIC', '-o', $file, "$tap/programs/waits_sample.c");
	my $found = find_sites($file, $what);
	my $code = disassemble($file, 'aarch64-linux-gnu-objdump');

	check_relations($found, $what);
	is( $found->{count}{stores},
		scalar(grep { $_->[1] =~ /^str\s+w\w+, \[x\d+\]$/ } @$code),
		"$what: all stores");
	cmp_ok($found->{count}{stores}, '>', 40, "$what: which are many");
}

done_testing();
