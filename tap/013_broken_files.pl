
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

# Whatever else is broken must end one way or the other, in time, and not touch
# memory that it shouldn't.  Each call breaks a file in many ways in one process,
# which has the sanitizers in it.
sub survives
{
	my ($what, $count, @arguments) = @_;
	my ($status, $out, $err) =
	  run("$ENV{PGT_TEST_BIN}/sites_mutants", @arguments);

	is($status, 0, "$what: no crash") or diag(substr($err, 0, 2000));
	my ($mutants) = $out =~ /^(\d+) mutants\n\z/m;
	is($out, ($mutants // 'no') . " mutants\n", "$what: each ends as it should");
	cmp_ok($mutants // 0, '>=', $count, "$what: enough of them");
	return;
}

my $arm64 = "$ENV{PGT_TEST_SERVERS}/postgres-15-arm64";
# how much code is left of the servers where that isn't what is broken
my $code = 200_000;

survives('the sample', 1, "$tmp/sample", 1, 0, 'as_is');
survives('a server', 1, $installed, 1, 0, 'as_is');
survives('a server for arm64', 1, $arm64, 1, 0, 'as_is');

# Code of one architecture is nothing but broken code of another.
survives('a server as one for arm64', 1, $installed, 1, 0, 'machine', 183);
survives('a server for arm64 as one for x86-64', 1, $arm64, 1, 0, 'machine', 62);

survives('the sample, cut', 37, "$tmp/sample", 2, 0, 'cut', 12);
survives('a server, cut', 37, $installed, 3, $code, 'cut', 12);
survives('a server for arm64, cut', 37, $arm64, 4, $code, 'cut', 12);

# Most of the little sample is headers and tables, and of the smaller one all.
write_file("$tmp/little.c", <<'LITTLE');
static unsigned int local;
unsigned int *my_wait_event_info = &local;
int main(void) { *(volatile unsigned int *) my_wait_event_info = 1; return 0; }
LITTLE
($status, $out, $err) =
  run(qw(gcc -rdynamic -O2 -o), "$tmp/little", "$tmp/little.c");
is($status, 0, 'the smaller sample compiles') or diag($err);
like((run($dump, "$tmp/little"))[1],
	qr/^references=1 stores=1 /m, 'the smaller sample has a store');

survives('the sample, flipped bytes', 75, "$tmp/sample", 5, 0, 'flip', 75, 12, 0);
survives('the smaller sample, flipped bytes',
	225, "$tmp/little", 12, 0, 'flip', 225, 12, 0);
survives('the smaller sample, flipped bytes in headers',
	75, "$tmp/little", 6, 0, 'flip', 75, 12, 0x400);
survives('the smaller sample, impossible headers',
	300, "$tmp/little", 7, 0, 'fields');

# The same by chance in the server's headers and tables
survives('a server, flipped bytes in headers', 30, $installed, 8, $code,
	'flip', 30, 6, 64 + 56 * 13);
survives('a server, flipped bytes in tables', 30, $installed, 9, $code,
	'flip', 30, 6, 0xd0000);

# And of AArch64, where any four bytes are an instruction, all over the file
survives('a server for arm64, flipped bytes', 8, $arm64, 10, 2_000_000,
	'flip', 8, 80_000, 0);
survives('a server for arm64, flipped bytes in tables', 20, $arm64, 11, $code,
	'flip', 20, 80_000, 0xd0000);

done_testing();
