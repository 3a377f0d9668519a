# The reader of the BPF ring buffer stops where a process has reserved an event
# and not sent it yet, and says so; and it reads no further than it is told.  The
# order of waits and statements in a file rests on that.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

chomp(my $cpus = `nproc --all`);
plan skip_all => 'two processes must send at the same time: one CPU'
  if $cpus < 2;

my ($output, $error) = run_command(["$ENV{PGT_TEST_BIN}/ring_order"]);
note($output);
is($error, '', 'it runs');
my %got = $output =~ /(\w+)=(\S*)/g;

cmp_ok($got{held}, '>', 0, 'an event behind one that is being sent is held up');
is($got{early}, 0, 'nothing is handed over before');
is($got{order}, '12', 'events come in the order in which they were begun');
is($got{cut}, 1, 'what comes behind the end that was noted is left');
is($got{rest}, 1, 'and read the next time');

done_testing();
