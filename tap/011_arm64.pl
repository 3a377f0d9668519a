
# Where bgworker/sites/sites.c finds waits to start and end in Debian's servers for
# arm64.
#
# These can't run here, so what is found is held against the disassembly of
# objdump.  In AArch64 code it takes two instructions to address a variable,
# which may be far apart.  Two plain ways to match them, line by line, find too
# few and too many, and what is right has to lie between these.

use strict;
use warnings;
no warnings 'portable';

use PgTrace::Sites;
use Test::More;

BAIL_OUT('PGT_TEST_SERVERS is not set') unless $ENV{PGT_TEST_SERVERS};

# Where code has to go for the variable: its address, and whatever holds that.
sub targets
{
	my ($file) = @_;
	my ($addr) = `readelf -W --dyn-syms '$file' | grep my_wait_event_info` =~
	  /: 0*(\w+) .* my_wait_event_info$/m;

	return ($addr,
		`readelf -W -r '$file' | grep $addr` =~
		  /^0*(\w+) .* R_AARCH64_RELATIVE\s+$addr$/mg);
}

# Loads and additions that complete a target's address: by the last adrp
# before them that set the same register, if it was to the target's page.
# Strictly, only if nothing in between changes the register or leads away.
sub completions
{
	my ($code, $strict, @targets) = @_;
	my %is_target = map { hex($_) => 1 } @targets;
	my %is_page = map { (hex($_) & ~0xfff) => 1 } @targets;
	my (%pages, %found);

	foreach (@$code)
	{
		my ($addr, $insn) = @$_;

		if ($insn =~ /^adrp\s+(x\d+), ([0-9a-f]+)/)
		{
			delete $pages{$1};
			$pages{$1} = hex($2) if $is_page{ hex($2) };
		}
		next unless %pages;
		if ($insn =~
			/^(?:ldr|str)\s+x\d+, \[(x\d+)(?:, #(\d+))?\]|^add\s+x\d+, (x\d+), #(0x\w+)/
		  )
		{
			my ($reg, $rest) = defined $1 ? ($1, $2 // 0) : ($3, hex($4));

			$found{$addr} = 1
			  if defined $pages{$reg} && $is_target{ $pages{$reg} + $rest };
		}
		if ($strict)
		{
			%pages = () if $insn =~ /^(?:b|br|ret)\b/;
			delete @pages{ map { "x$_" } 0 .. 18 } if $insn =~ /^blr?\b/;
			delete @pages{ "x$1", 'x' . ($2 // $1) }
			  if $insn =~
			  /^(?!st|cmp|tst|cb|tb|adrp)\w+\s+[wx](\d+)(?:, [wx](\d+))?/;
		}
	}
	return %found;
}

# What stands between a store and its probe.
sub check_walks
{
	my ($found, $code, $what) = @_;
	my %index = map { $_->{store} => undef, $_->{probe} => undef }
	  @{ $found->{probes} };
	my $branch =
	  qr/^(?:b|bl|br|blr|ret|cbn?z|tbn?z|b\.\w+)\b|^(?:svc|ldaxr|ldxr)\b/;
	my @wrong;

	foreach my $i (0 .. $#$code)
	{
		$index{ $code->[$i][0] } = $i if exists $index{ $code->[$i][0] };
	}
	foreach my $probe (@{ $found->{probes} })
	{
		my $from = $index{ $probe->{store} };
		my $to = $index{ $probe->{probe} };

		if (!defined $from || !defined $to || $to <= $from)
		{
			push @wrong, "$probe->{store}: not at instructions";
			next;
		}
		push @wrong, "$probe->{store}: $code->[$from][1] is no such store"
		  unless $code->[$from][1] =~ /^str\s+w\w+, \[x\d+\]$/;
		push @wrong, "$probe->{probe}: $code->[$to][1] is not as said"
		  unless $probe->{cheap} ==
		  ($code->[$to][1] =~ /$branch|^adrp?\b/ ? 1 : 0);
		push @wrong, "$probe->{store}: something may pass"
		  if grep { $code->[$_][1] =~ $branch } $from + 1 .. $to - 1;
	}
	is_deeply(\@wrong, [], "$what: nothing passes between store and probe");
	return;
}

# A file's code, as far as the functions here look at it: what stands between
# store and probe; what stands from a target's page, or from what may be a wait
# event, to the next branch; all other pages and constants; and whatever may
# complete a target's address.
sub relevant_code
{
	my ($file, $found, @targets) = @_;
	my $pages = join '|', map { /(\w+)\w{3}$/ } @targets;
	my $rests = join '|', map { ($_, sprintf '0x%x', $_) }
	  map { hex($_) & 0xfff } @targets;

	return disassemble($file,
		objdump => 'aarch64-linux-gnu-objdump',
		lines => "\tadrp\t|\tmov\tw[0-9]+, #0x"
		  . "|\t(ldr|str|add)\t.*, #($rests)(]|\$|\t)",
		from => "\tadrp\tx[0-9]+, ($pages)000"
		  . "|\tmovk?\tw[0-9]+, #0x[1-9ab]00(0000|, lsl #16)",
		to => '\t(b|br|ret)($|[.\t])',
		ranges => [ map { [ $_->{store}, $_->{probe} ] } @{ $found->{probes} } ]);
}

# Stores of a constant that looks like a wait event, made by two instructions
sub starts
{
	my ($code) = @_;
	my (%low, %class, %stores);

	foreach (@$code)
	{
		my ($addr, $insn) = @$_;

		next unless %class || $insn =~ /^mov/;
		if ($insn =~ /^movk\s+w(\d+), #0x[1-9ab]00, lsl #16/)
		{
			$class{$1} = 1 if $low{$1};
		}
		elsif ($insn =~ /^mov\s+w(\d+), #0x([1-9ab]000000|\w\w?)\b/)
		{
			$low{$1} = length($2) <= 2;
			$class{$1} = !$low{$1};
		}
		elsif ($insn =~ /^str\s+w(\d+), \[x\d+\]$/ && $class{$1})
		{
			$stores{$addr} = 1;
		}
		elsif ($insn =~ /^(?:bl|blr|b|br|ret)\b/)
		{
			%class = ();
		}
		elsif ($insn =~ /^\w+\s+[wx](\d+),/)
		{
			delete $class{$1};
			delete $low{$1};
		}
	}
	return \%stores;
}

foreach my $version (15, 17, 18)
{
	my $file = "$ENV{PGT_TEST_SERVERS}/postgres-$version-arm64";
	my $what = "server $version";
	my $found = find_sites($file, $what);
	my $count = $found->{count};

	note join(' ', map { "$_=$count->{$_}" } sort keys %$count);
	check_relations($found, $what);
	cmp_ok($count->{stores}, '>', 150, "$what: enough stores");
	is($count->{pointer_writes}, 2, "$what: set and reset of the pointer");
	is($count->{expensive}, 0, "$what: all probes are cheap");

	my $restarts = grep { $_->{restart} } @{ $found->{probes} };
	is($restarts, $count->{superseded},
		"$what: each superseded store makes a restart");

	# It takes long to disassemble all of them.
	next if $version ne '15';
	my @targets = targets($file);
	my $code = relevant_code($file, $found, @targets);
	my %few = completions($code, 1, @targets);
	my %many = completions($code, 0, @targets);
	my $references = $found->{references};
	cmp_ok(scalar(keys %few), '>', 40, "$what: objdump shows references");
	is_deeply([ grep { !$references->{$_} } sort keys %few ],
		[], "$what: and none is missed");
	is_deeply([ grep { !$many{$_} } sort keys %$references ],
		[], "$what: nor is one made up");
	note 'at least ' . keys(%few) . ', at most ' . keys(%many);
	check_walks($found, $code, $what);

	my %stores = map { $_->{store} => 1 } @{ $found->{probes} };
	my $starts = starts($code);
	note scalar(keys %$starts), ' starts';
	cmp_ok(scalar(keys %$starts), '>', 40, "$what: many waits start");
	is_deeply([ grep { !$stores{$_} } sort keys %$starts ],
		[], "$what: no wait's start is missed");
}

done_testing();
