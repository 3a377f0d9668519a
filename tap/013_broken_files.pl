
# What bgworker/sites/sites.c makes of files that are broken, or made to take long: a
# process that has capabilities reads them, so whatever they hold, it must end in
# time and touch no memory that it shouldn't.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PgTrace::Sites;
use PostgreSQL::Test::Utils ();
use Test::More;

my $root = dirname(dirname(abs_path(__FILE__)));
my $tmp = PostgreSQL::Test::Utils::tempdir();

BAIL_OUT('PGT_TEST_SERVERS is not set') unless $ENV{PGT_TEST_SERVERS};
my $dump = sites_dump();
my $bindir = `pg_config --bindir`;
chomp $bindir;
my $installed = "$bindir/postgres";

# Seconds of CPU time that programs have taken, whatever else the machine does
sub cpu_time
{
	my (undef, undef, $user, $system) = times;

	return $user + $system;
}

sub is_refused
{
	my ($content, $why, $what) = @_;

	write_file("$tmp/broken", $content);
	my ($status, $out, $err) = run($dump, "$tmp/broken");
	is($status, 1, "$what: exit status 1");
	like($err, $why, "$what: says why");
	is(($err =~ tr/\n//), 1, "$what: in one line");
	return;
}

my $server = read_file($installed);
my ($status, $out, $err) =
  run(qw(gcc -rdynamic -O2 -DWITH_ASM -o),
	"$tmp/sample", "$root/tap/programs/known_stores.c");
is($status, 0, 'the sample compiles') or diag($err);
my $sample = read_file("$tmp/sample");

is_refused('', qr/not an ELF file/, 'empty file');
is_refused("#!/bin/sh\n", qr/not an ELF file/, 'script');
is_refused(substr($server, 0, 64), qr/program header/, 'header alone');
is_refused(read_file('/bin/true'), qr/no dynamic symbol/, 'other program');

my $other = $server;
substr($other, 18, 2) = pack('v', 243);
is_refused($other, qr/unsupported machine/, 'file for RISC-V');
$other = $server;
substr($other, 4, 1) = "\1";
is_refused($other, qr/./, '32-bit file');

{
	my ($status, $out, $err) = run($dump, $tmp);
	is($status, 1, 'directory: exit status 1');
	($status, $out, $err) = run($dump, "$tmp/absent");
	is($status, 1, 'absent file: exit status 1');
	($status, $out, $err) = run($dump, '/dev/zero');
	is($status, 1, 'device: exit status 1');
}

# Without a section table, the program header has to do.
{
	my $whole = find_sites($installed, 'whole server');
	my $stripped = $server;

	substr($stripped, 40, 8) = pack('Q<', 0);
	substr($stripped, 60, 4) = pack('v2', 0, 0);
	write_file("$tmp/stripped", $stripped);
	my $found = find_sites("$tmp/stripped", 'without sections');
	is_deeply($found, $whole, 'without sections: finds the same');
}

# Files that are made to take long
my %slow = (
	'a table of what looks like addresses' =>
	  '.rept 100000; .long my_wait_event_info - . - 4; .endr',
	'no end of references' =>
	  '.rept 100000; mov my_wait_event_info(%rip), %rax; .endr',
	'no end of trails' =>
	  '.rept 4000; mov my_wait_event_info(%rip), %rbx; jmp 1f; .endr;'
	  . '1: .rept 8000; movl $0, (%rbx); .endr; ret',
	'no end of jumps' =>
	  'mov my_wait_event_info(%rip), %rbx; movl $0, (%rbx);'
	  . 'movl $1, (%rbx); 1: call main; ret;'
	  . '.rept 20000; .byte 0x0f, 0x84; .long 1b - . - 4; .endr;'
	  . '.fill 20000000, 1, 0x70');
write_file("$tmp/slow.c", <<'SLOW');
static unsigned int local;
unsigned int *my_wait_event_info = &local;
int main(void) { return 0; }
SLOW
foreach my $what (sort keys %slow)
{
	write_file("$tmp/slow.s",
		".text; slow: $slow{$what}\n.section .note.GNU-stack\n");
	my ($status, $out, $err) =
	  run('gcc', '-rdynamic', '-o', "$tmp/slow", "$tmp/slow.c", "$tmp/slow.s");
	is($status, 0, "$what: it compiles") or diag($err);

	my $start = cpu_time();
	($status, $out, $err) = run($dump, "$tmp/slow");
	like($status, qr/^[01]$/, "$what: ends");
	cmp_ok(cpu_time() - $start, '<', 6, "$what: in time");
}

# The same for AArch64, where half of an address leads to others as well
my %slow_arm64 = (
	'no end of halves of addresses' =>
	  '.rept 200000; adrp x19, my_wait_event_info; .endr; ret',
	'no end of halves that are held' =>
	  '.rept 4000; adrp x19, my_wait_event_info; b 1f; .endr;'
	  . '1: .rept 8000; ldr x0, [x19, 8]; .endr; ret',
	'no end of sums' =>
	  'adrp x19, my_wait_event_info; .rept 4000; add x0, x19, 8; .endr; ret');
foreach my $what (sort keys %slow_arm64)
{
	write_file("$tmp/slow.s",
		".text; slow: $slow_arm64{$what}\n.section .note.GNU-stack\n");
	my ($status, $out, $err) =
	  run('aarch64-linux-gnu-gcc', '-rdynamic', '-o', "$tmp/slow",
		"$tmp/slow.c", "$tmp/slow.s");
	is($status, 0, "$what: it compiles") or diag($err);

	my $start = cpu_time();
	($status, $out, $err) = run($dump, "$tmp/slow");
	like($status, qr/^[01]$/, "$what: ends");
	cmp_ok(cpu_time() - $start, '<', 6, "$what: in time");
	note $err, $out =~ /^(references=.*)/m ? $1 : '';
}

# Whatever else is broken must end one way or the other, in time, and not
# touch memory that it shouldn't.
my $checked = "$tmp/sites_dump_checked";
my @sources = ("$root/tap/programs/sites_dump.c",
	grep { read_file($_) !~ /"postgres\.h"|<bpf\// } glob("$root/bgworker/sites/{,*/}*.c"));
my ($built, undef, $errors) = run(
	'cc', '-g', '-O1', '-fsanitize=address,undefined',
	'-fno-sanitize-recover=all',
	"-I$root", '-o', $checked, @sources, '-lcapstone', '-lelf');
is($built, 0, 'sites_dump compiles with the sanitizers') or diag($errors);

sub survives
{
	my ($content) = @_;

	write_file("$tmp/mutant", $content);
	my $start = cpu_time();
	my ($status, $out, $err) = run($checked, "$tmp/mutant");
	my $took = cpu_time() - $start;

	return undef
	  if ($status eq '0' || $status eq '1') && $err !~ /Sanitizer|runtime error/
	  && $took < 20;
	return "status $status after $took s: " . substr($err, 0, 2000);
}

sub report
{
	my ($what, @failures) = @_;

	is(scalar(@failures), 0, "$what: each ends with status 0 or 1")
	  or diag(join("\n", @failures[ 0 .. ($#failures < 4 ? $#failures : 4) ]));
	return;
}

is(survives($server), undef, 'the sanitizers accept the server');
is(survives($sample), undef, 'the sanitizers accept the sample');

my $arm64 = read_file("$ENV{PGT_TEST_SERVERS}/postgres-15-arm64");
is(survives($arm64), undef, 'the sanitizers accept a server for arm64');

# Code of one architecture is nothing but broken code of another.
foreach my $content ($arm64, $server)
{
	my $mutant = $content;

	substr($mutant, 18, 2) = pack('v', $content eq $arm64 ? 62 : 183);
	is(survives($mutant), undef, 'nor do they mind code of another machine');
}

my @failures;
srand(20240601);
foreach my $content ($sample, $server, $arm64)
{
	my @lengths = (0 .. 16, 63 .. 65, 119, 120, 400, 4095, 4096);

	push @lengths, int(rand(length $content)) foreach 1 .. 12;
	push @failures, grep { defined }
	  map { survives(substr($content, 0, $_)) } @lengths;
}
report('truncated files', @failures);

# Flips anywhere in the little sample, most of which is headers and tables
@failures = ();
foreach my $i (1 .. 300)
{
	my $mutant = $sample;
	my $area = $i % 4 == 0 ? 0x400 : length $mutant;

	foreach (1 .. 1 + int(rand(12)))
	{
		my $at = int(rand($area));
		my $byte = (0, 0xff, 0x7f, 0x80, int(rand(256)))[ int(rand(5)) ];
		substr($mutant, $at, 1) = chr($byte);
	}
	my $failure = survives($mutant);
	push @failures, "mutation $i: $failure" if defined $failure;
}
report('flipped bytes in the sample', @failures);

# Fields that are sizes, addresses and counts, made huge or overlapping
@failures = ();
my $phoff = unpack('Q<', substr($sample, 32, 8));
my $shoff = unpack('Q<', substr($sample, 40, 8));
my ($phnum, $shnum) = unpack('v x2 v', substr($sample, 56, 6));
my @fields = ([ 32, 8 ], [ 40, 8 ], [ 56, 2 ], [ 60, 2 ], [ 62, 2 ]);
foreach my $i (0 .. $phnum - 1)
{
	push @fields, [ $phoff + 56 * $i + $_, 8 ] foreach 8, 16, 32, 40;
}
foreach my $i (0 .. $shnum - 1)
{
	push @fields, [ $shoff + 64 * $i + $_, 8 ] foreach 16, 24, 32;
}
foreach my $field (@fields)
{
	foreach my $value (0, 1, 0xffff, 0x7fffffff, ~0, 1 << 63, (1 << 63) - 1)
	{
		next if rand(5) > 1;
		my $mutant = $sample;
		substr($mutant, $field->[0], $field->[1]) =
		  substr(pack('Q<', $value), 0, $field->[1]);
		my $failure = survives($mutant);
		push @failures, "field $field->[0], value $value: $failure"
		  if defined $failure;
	}
}
report('impossible headers', @failures);

# The same by chance in the server's headers and tables
@failures = ();
foreach my $i (1 .. 60)
{
	my $mutant = $server;
	my $area = $i % 2 ? 64 + 56 * 13 : 0xd0000;

	foreach (1 .. 1 + int(rand(6)))
	{
		substr($mutant, int(rand($area)), 1) = chr(int(rand(256)));
	}
	my $failure = survives($mutant);
	push @failures, "mutation $i: $failure" if defined $failure;
}
report('flipped bytes in the server', @failures);

# And of AArch64, where any four bytes are an instruction, all over the code
@failures = ();
foreach my $i (1 .. 20)
{
	my $mutant = $arm64;
	my $area = $i % 4 ? length $mutant : 0xd0000;

	substr($mutant, int(rand($area)), 1) = chr(int(rand(256)))
	  foreach 1 .. 40000;
	my $failure = survives($mutant);
	push @failures, "mutation $i: $failure" if defined $failure;
}
report('flipped bytes in a server for arm64', @failures);

done_testing();
