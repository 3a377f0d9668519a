
# Where bgworker/sites.c finds waits to start and end: on the installed server
# and those of other versions, on a program with known stores built in several
# ways, and on files that are broken.
#
# A store that is missed, or a probe that is put in the wrong place, shows up
# much later as a wait that is missing or too long in somebody's trace, so
# what is found is held against the disassembly of objdump here.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PgTraceSites;
use PostgreSQL::Test::Utils ();
use Test::More;

my $root = dirname(dirname(abs_path(__FILE__)));
my $tmp = PostgreSQL::Test::Utils::tempdir();

BAIL_OUT('PGT_TEST_SERVERS is not set') unless $ENV{PGT_TEST_SERVERS};
my $dump = sites_dump();
my $bindir = `pg_config --bindir`;
chomp $bindir;
my ($installed) = `pg_config --version` =~ /^PostgreSQL (\d+)/;

my %servers = (
	'installed' => "$bindir/postgres",
	'17' => "$ENV{PGT_TEST_SERVERS}/postgres-17",
	'18' => "$ENV{PGT_TEST_SERVERS}/postgres-18");

foreach my $file ($dump, values %servers)
{
	BAIL_OUT("$file is missing") unless -x $file;
}

###############################################################################
# Servers
###############################################################################

# What stands between a store and its probe, going by objdump.
sub check_walks
{
	my ($found, $code, $what) = @_;
	my %index;
	my @wrong;

	$index{ $code->[$_][0] } = $_ foreach 0 .. $#$code;
	foreach my $probe (@{ $found->{probes} })
	{
		my $from = $index{ $probe->{store} };
		my $to = $index{ $probe->{probe} };
		my $emulated = qr/^(call\s+[0-9a-f]|j\w+\s+[0-9a-f]|push\s+%|nop$)/;

		if (!defined $from || !defined $to || $to <= $from)
		{
			push @wrong, "$probe->{store}: not at instructions";
			next;
		}
		push @wrong, "$probe->{store}: $code->[$from][1] is no such store"
		  unless $code->[$from][1] =~ /^mov\w?\s+\S+,\(%\w+\)$/;
		push @wrong, "$probe->{probe}: $code->[$to][1] is not as said"
		  unless $probe->{cheap} == ($code->[$to][1] =~ $emulated);
		foreach my $i ($from + 1 .. $to - 1)
		{
			push @wrong, "$probe->{store}: leaves or waits at $code->[$i][0]"
			  if $code->[$i][1] =~ /^(call|j|ret|syscall|ud2|push\s+%|nop$)/;
		}
	}
	is_deeply(\@wrong, [], "$what: nothing passes between store and probe");
	return;
}

# Calls from whose arguments a wait's file can be told: 1 only the file, 2 and
# 3 buffer and size (and offset), 4 a vector, 5 offset and size, 6 size and
# offset, 7 new size
my %file_calls = (
	(map { $_ => 1 } qw(fsync fdatasync pg_fsync pg_fdatasync
		pg_fsync_no_writethrough pg_fsync_writethrough)),
	(map { $_ => 2 } qw(read write)),
	(map { $_ => 3 } qw(pread pread64 pwrite pwrite64)),
	(map { $_ => 4 }
		qw(preadv preadv64 pwritev pwritev64 pg_pwritev_with_retry)),
	(map { $_ => 5 } qw(pg_flush_data posix_fadvise posix_fadvise64
		posix_fallocate posix_fallocate64 sync_file_range)),
	pg_pwrite_zeros => 6,
	(map { $_ => 7 } qw(ftruncate ftruncate64 pg_ftruncate)));

# What a call goes to, going by objdump.
sub callee
{
	my ($insn) = @_;

	return $insn =~ /^(?:call|jmp)\s+[0-9a-f]+ <(\w+)@/ ? $1 : '';
}

# At the starts of functions, by their kinds: all have waits for buffers, plan
# nodes without rows of their own, and relations' files closed; that they are
# used is seen at smgrsetowner(), or at WaitReadBuffers() or
# pgaio_io_acquire_nb() and two that extend them; in 18 there are four waits for
# I/O.
my $nodes = 'entry1 entry2 entry2';
my %functions = (
	15 => "entry0 $nodes relation0 relation1",
	16 => "entry0 $nodes relation0 relation1",
	17 => "entry0 $nodes relation0 relation1 relation3 relation3",
	18 => "entry0 $nodes entry4 entry4 entry5 entry6"
	  . ' relation1 relation2 relation3 relation3');

sub check_targets
{
	my ($found, $code, $version, $what) = @_;
	my %insn = map { $_->[0] => $_->[1] } @$code;
	my (%expected, %starts, @calls, @wrong);

	foreach my $probe (@{ $found->{probes} })
	{
		my $kind = $file_calls{ callee($insn{ $probe->{probe} }) };

		next if $probe->{store_insn} =~ /, 0$/;
		$expected{ $probe->{probe} } = $kind if defined $kind;
	}
	foreach my $target (@{ $found->{targets} })
	{
		$starts{ $target->{probe} } = $target->{file_call}
		  if $target->{role} eq 'start';
		next unless $target->{role} eq 'call';
		push @calls, $target;
		push @wrong, $insn{ $target->{probe} }
		  if !$target->{cheap}
		  || ($file_calls{ callee($insn{ $target->{probe} }) } // 0) !=
		  $target->{file_call};
	}
	is_deeply(\%starts, \%expected,
		"$what: the starts at calls of functions on files");
	is_deeply(\@wrong, [], "$what: the calls behind starts");
	cmp_ok(scalar(keys %starts), '>=', 50, "$what: enough of the former");
	cmp_ok(scalar @calls, '>=', 3, "$what: and of the latter");
	is( join(' ', sort map { "$_->{role}$_->{file_call}" }
			  grep { $_->{role} =~ /relation|entry/ && $_->{cheap} }
			  @{ $found->{targets} }),
		$functions{ $version eq 'installed' ? $installed : $version },
		"$what: cheap probes for buffers, nodes, relations opened and closed, and I/O");
	return;
}

foreach my $version (sort keys %servers)
{
	my $file = $servers{$version};
	my $what = "server $version";
	my $found = find_sites($file, $what);
	my $code = disassemble($file);
	my $count = $found->{count};

	note join(' ', map { "$_=$count->{$_}" } sort keys %$count);
	check_relations($found, $what);
	cmp_ok($count->{references}, '>', 150, "$what: enough references");
	is($count->{pointer_writes}, 2, "$what: set and reset of the pointer");
	cmp_ok($count->{cheap}, '>', 20 * $count->{expensive},
		"$what: few probes are expensive");

	my %expected = map { $_->[0] => 1 }
	  grep { $_->[1] =~ /<my_wait_event_info(@@\w+)?>/ } @$code;
	is_deeply(
		[ sort keys %{ $found->{references} } ],
		[ sort keys %expected ],
		"$what: the same references as objdump's");
	check_walks($found, $code, $what);
	check_targets($found, $code, $version, $what);

	# Stores of a constant that looks like a wait event, of whatever reference
	my %stores = map { $_->{store} => 1 } @{ $found->{probes} };
	my @missed = grep {
		$_->[1] =~ /^movl\s+\$0x[1-9ab]0000[0-9a-f]{2},\(%\w+\)$/
		  && !$stores{ $_->[0] }
	} @$code;
	is_deeply(\@missed, [], "$what: no wait's start is missed");

	# Of two stores in a row, the first is an end and the second a start.
	my $restarts = grep { $_->{restart} } @{ $found->{probes} };
	is($restarts, $count->{superseded},
		"$what: each superseded store makes a restart");
}

###############################################################################
# A program with known stores
###############################################################################

write_file("$tmp/sample.c", <<'SAMPLE');
#include <stdint.h>

#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))
#define STORE(p, x) (*(volatile uint32_t *) (p) = (x))

extern uint32_t *my_wait_event_info;
static uint32_t local;
uint32_t *my_wait_event_info = &local;

/* Unknown to the compiler, and it returns. */
extern void opaque(void);
__asm__(".pushsection .text\n"
		".globl opaque\n.type opaque, @function\n"
		"opaque: ret\n"
		".size opaque, . - opaque\n.popsection");

INLINE void start(uint32_t event) { STORE(my_wait_event_info, event); }
INLINE void end(void) { STORE(my_wait_event_info, 0); }

NOINLINE void pair(void)
{ start(0x1001); opaque(); end(); opaque(); }

NOINLINE void any_event(uint32_t event)
{ start(event); opaque(); end(); opaque(); }

NOINLINE void end_then_start(void)
{ start(0x1003); opaque(); end(); start(0x1004); opaque(); end(); opaque(); }

NOINLINE void one_load(void)
{ uint32_t *p = my_wait_event_info;
  STORE(p, 0x1005); opaque(); STORE(p, 0); opaque(); }

NOINLINE void around_loop(int n)
{ start(0x1006); do opaque(); while (n-- > 0); end(); opaque(); }

NOINLINE void above_loop(int n)
{ uint32_t *p = my_wait_event_info;
  while (n-- > 0) { STORE(p, 0x1007); opaque(); STORE(p, 0); opaque(); } }

NOINLINE void branches(int n)
{ uint32_t *p = my_wait_event_info;
  opaque();
  if (n > 7) { STORE(p, 0x1008); opaque(); }
  else { opaque(); STORE(p, 0x1009); opaque(); opaque(); }
  STORE(p, 0); opaque(); }

NOINLINE void spilled(void)
{ uint32_t *p = my_wait_event_info;
  opaque();
  __asm__ volatile("" ::: "rbx", "r12", "r13", "r14", "r15", "memory");
  STORE(p, 0x100a); opaque();
  __asm__ volatile("" ::: "rbx", "r12", "r13", "r14", "r15", "memory");
  STORE(p, 0); opaque(); }

NOINLINE void switched(int n)
{ opaque(); start(0x100f);
  switch (n)
  { case 0: opaque(); break;
    case 1: opaque(); opaque(); break;
    case 2: opaque(); opaque(); opaque(); break;
    case 3: local++; opaque(); local++; break;
    case 4: local--; opaque(); local--; break;
    case 5: local = 7; opaque(); local ^= 2; break; }
  end(); opaque(); }

NOINLINE void system_call(void)
{ long nr = 39;
  start(0x100b);
  __asm__ volatile("syscall" : "+a" (nr) :: "rcx", "r11", "memory");
  end(); opaque(); }

/* Writes of the pointer, which are no stores through it */
NOINLINE void set_pointer(uint32_t *p) { my_wait_event_info = p; }
NOINLINE void reset_pointer(void) { my_wait_event_info = &local; }

#ifdef WITH_ASM
/* Data right before the code, which looks like the start of a long mov */
__asm__(".pushsection .text\n"
		".byte 0x0f, 0xff, 0x06, 0x48, 0xb8\n"
		"after_data:\n"
		"mov my_wait_event_info(%rip), %rax\n"
		"movl $0x100c, (%rax)\n"
		"call opaque\n"
		"mov my_wait_event_info(%rip), %rcx\n"
		"andl $0, (%rcx)\n"
		"nop\n"
		"ret\n"
/* A loop that is entered behind an end and a start, and jumps back there */
		"entered:\n"
		"mov my_wait_event_info(%rip), %rax\n"
		"movl $0, (%rax)\n"
		"movl $0x100d, (%rax)\n"
		"1: call opaque\n"
		"dec %ebx\n"
		"jnz 1b\n"
		"ret\n"
/* A jump to itself while the pointer is held, and no way on */
		"stuck:\n"
		"mov my_wait_event_info(%rip), %rax\n"
		"1: jmp 1b\n"
/* Instructions that no probe may be put on stand in between. */
		"unfriendly:\n"
		"mov my_wait_event_info(%rip), %rax\n"
		"movl $0x100e, (%rax)\n"
		"mov %rbx, %rdi\n"
		"lock incl (%rdi)\n"
		"xchg %ax, %ax\n"
		"nopw %cs:0(%rax,%rax)\n"
		"nopl (%rax)\n"
		"nopl 0(%rax,%rax)\n"
		"nopw 0(%rax,%rax)\n"
		"syscall\n"
		"ret\n"
		".popsection");
#endif

int main(void)
{
	pair(); any_event(0x1002); end_then_start(); one_load();
	around_loop(3); above_loop(3); branches(1); spilled();
	switched(2); system_call();
	set_pointer(&local); reset_pointer();
	return 0;
}
SAMPLE

# How it is built.  A compiler may copy a store, but never leaves one out.
my $no_pie = '-no-pie -fno-pie';
my $with_slots = '-fPIC -Wl,--no-relax';
my @builds = (
	'gcc -rdynamic -O0',
	'gcc -rdynamic -O1',
	'gcc -rdynamic -O2 -DWITH_ASM',
	'gcc -rdynamic -O3',
	'gcc -rdynamic -Os',
	"gcc -rdynamic -O0 $no_pie",
	"gcc -rdynamic -O2 $no_pie -DWITH_ASM",
	'gcc -rdynamic -O2 -fcf-protection=full',
	'gcc -rdynamic -O2 -fno-omit-frame-pointer',
	'gcc -rdynamic -O2 -fPIC',
	"gcc -rdynamic -O2 $with_slots",
	"gcc -rdynamic -O2 $with_slots -no-pie",
	"gcc -rdynamic -O2 $with_slots -Wl,-z,pack-relative-relocs",
	'gcc -rdynamic -O2 -Wl,--hash-style=sysv',
	'gcc -rdynamic -O2 -Wl,-z,noseparate-code',
	'gcc -shared -O0 -fPIC',
	'gcc -shared -O2 -fPIC',
	'gcc -shared -O2 -fPIC -fno-plt',
	'clang -rdynamic -O0',
	'clang -rdynamic -O2 -DWITH_ASM',
	'clang -shared -O2 -fPIC');

foreach my $i (0 .. $#builds)
{
	my $what = $builds[$i];
	my $file = "$tmp/sample.$i";
	my ($status, $out, $err) =
	  run(split(/ /, $what), '-o', $file, "$tmp/sample.c");
	my $asm = $what =~ /WITH_ASM/;
	my $optimized = $what !~ /-O0/;

  SKIP:
	{
		skip 'the linker cannot pack relocations', 1
		  if $status ne '0' && $what =~ /pack-relative-relocs/;
		is($status, 0, "$what: the sample compiles") or diag($err);

		# With symbols, objdump isn't misled by data in the code.
		my $code = disassemble($file);
		run('strip', $file);
		my $found = find_sites($file, $what);
		my $count = $found->{count};
		my @probes = @{ $found->{probes} };
		note join(' ', map { "$_=$count->{$_}" } sort keys %$count);

		check_relations($found, $what);
		# Nothing but these stores goes through a pointer in the sample.
		my @stores = grep {
			$_->[1] =~ /^(?:(?:mov|and)l\s+\$\w+|mov\s+%(?:e\w\w|r\d+d)),
				(?:0x0)?\((?!%rsp)%\w+\)$/x
		} @$code;
		is($count->{stores}, scalar(@stores),
			"$what: all stores, and no other");
		cmp_ok(scalar(@stores), '>=', 23 + ($asm ? 5 : 0),
			"$what: no fewer than the source has");
		is($count->{pointer_writes},
			2 + ($asm ? 1 : 0),
			"$what: what isn't a store is told apart");

		# Unoptimized, the argument of an inlined function is in a register.
		foreach my $event (
			0x1005, 0x1007 .. 0x100a,
			($optimized ? (0x1001, 0x1003, 0x1004, 0x1006) : ()),
			($optimized ? (0x100b, 0x100f) : ()),
			($asm ? (0x100c .. 0x100e) : ()))
		{
			my $hex = sprintf '0x%x', $event;
			ok((grep { $_->{store_insn} =~ /, $hex$/ } @probes) >= 1,
				"$what: the store of $hex has a probe");
		}

		next unless $optimized;
		is( join(' ',
				map { $_->{store_insn} =~ /, (0x\w+)$/ }
				  grep { $_->{restart} } @probes),
			'0x1004',
			"$what: the start right behind an end is a restart");

		# The indirect call of a build without PLT has to be stepped.
		my ($call) = grep { $_->{store_insn} =~ /0x1001$/ } @probes;
		is($call->{cheap} + 0,
			($what =~ /no-plt/ ? 0 : 1),
			"$what: a start's probe costs as much as it should");
		like($call->{probe_insn},
			qr/^call/, "$what: and is on the call that waits");

		my ($syscall) = grep { $_->{store_insn} =~ /0x100b$/ } @probes;
		unlike($syscall->{probe_insn}, qr/syscall|call/,
			"$what: a start's probe is before the system call");

		next unless $asm;
		my ($before) =
		  grep { $_->{probe_insn} =~ /0x100d$/ } @probes;
		ok(defined $before && !$before->{cheap},
			"$what: an end has its own probe if a jump enters behind it");
		my ($unfriendly) = grep { $_->{store_insn} =~ /0x100e$/ } @probes;
		is($unfriendly->{probe_insn},
			'mov rdi, rbx', "$what: no probe on what the kernel refuses or replaces");
	}
}

###############################################################################
# Broken files
###############################################################################

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

my $server = read_file($servers{installed});
my $sample = read_file("$tmp/sample.2");

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
	my $whole = find_sites($servers{installed}, 'whole server');
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

	my $start = time;
	($status, $out, $err) = run($dump, "$tmp/slow");
	like($status, qr/^[01]$/, "$what: ends");
	cmp_ok(time - $start, '<', 6, "$what: in time");
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

	my $start = time;
	($status, $out, $err) = run($dump, "$tmp/slow");
	like($status, qr/^[01]$/, "$what: ends");
	cmp_ok(time - $start, '<', 6, "$what: in time");
	note $err, $out =~ /^(references=.*)/m ? $1 : '';
}

# Whatever else is broken must end one way or the other, in time, and not
# touch memory that it shouldn't.
my $checked = "$tmp/sites_dump_checked";
my @sources = ("$root/tap/sites_dump.c",
	grep { read_file($_) !~ /"postgres\.h"|<bpf\// } glob("$root/bgworker/*.c"));
my ($built, undef, $errors) = run(
	'cc', '-g', '-O1', '-fsanitize=address,undefined',
	'-fno-sanitize-recover=all',
	"-I$root", '-o', $checked, @sources, '-lcapstone', '-lelf');
is($built, 0, 'sites_dump compiles with the sanitizers') or diag($errors);

sub survives
{
	my ($content) = @_;

	write_file("$tmp/mutant", $content);
	my $start = time;
	my ($status, $out, $err) = run($checked, "$tmp/mutant");
	my $took = time - $start;

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
