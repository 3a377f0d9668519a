
# Where bgworker/sites/sites.c finds waits to start and end: on the installed server
# and those of other versions, and on a program with known stores built in
# several ways.
#
# A store that is missed, or a probe that is put in the wrong place, shows up
# much later as a wait that is missing or too long in somebody's trace, so
# what is found is held against the disassembly of objdump here.

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
	15 => "entry0 $nodes entry7 relation0 relation1",
	16 => "entry0 $nodes entry7 relation0 relation1",
	17 => "entry0 $nodes entry7 relation0 relation1 relation3 relation3",
	18 => "entry0 $nodes entry4 entry4 entry5 entry6 entry7"
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
	my $count = $found->{count};

	# all references and stores of constants that may be wait events, whatever
	# was found; and what was
	my $code = disassemble(
		$file,
		lines => '<my_wait_event_info[@>]|movl +[$]0x[1-9ab]0000',
		ranges => [
			(map { [ $_->{store}, $_->{probe} ] } @{ $found->{probes} }),
			(map { [ $_->{probe}, $_->{probe} ] } @{ $found->{targets} })
		]);

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
	  run(split(/ /, $what), '-o', $file, "$root/tap/programs/known_stores.c");
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

done_testing();
