# The kept inputs of the fuzz targets: whatever "make fuzz" has found or reached is
# read once more, with the sanitizers and all that the targets assert.

use strict;
use warnings;

use PgTrace::Sites;
use Test::More;

BAIL_OUT('PGT_TEST_BIN is not set') unless $ENV{PGT_TEST_BIN};

foreach my $source (sort glob 'tap/fuzz/*.c')
{
	my ($target) = $source =~ m{(\w+)\.c$};
	my @inputs = glob "tap/fuzz/corpus/$target/*";
	my ($status, $out, $err) = run("$ENV{PGT_TEST_BIN}/fuzz/$target",
		'-runs=0', '-timeout=20', '-rss_limit_mb=2048',
		"tap/fuzz/corpus/$target");

	is($status, 0, "$target: the kept inputs") or diag($err);
	cmp_ok(scalar @inputs, '>=', 20, "$target: which are some");
	like($err, qr/^INFO: +@{[ scalar @inputs ]} files found/m,
		"$target: and are all read");
}

done_testing();
