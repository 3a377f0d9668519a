
# A call's time is its CPU time, its waits less the CPU time within these, its
# time in the run queue, and a rest: the CPU time within waits is the kernel's
# own, whatever the process does in a wait and whichever probes see it; what
# doesn't add up is found by the check that all tests have their files go through.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'shared_buffers' => '1MB',
	'autovacuum' => 'off',
	'jit' => 'off',
	PgTrace::Node::read_itself());
$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION burn(int, int, int) RETURNS text STRICT LANGUAGE C
  AS '$ENV{PGT_TEST_BIN}/waiter', 'burn';
CREATE TABLE big AS SELECT g AS id, repeat('x', 200) AS filler
  FROM generate_series(1, 20000) g;
CREATE TABLE small (n int);
CREATE FUNCTION nested(n int) RETURNS bigint LANGUAGE plpgsql AS
\$\$
BEGIN
	IF n = 0 THEN
		RETURN (SELECT count(filler) FROM big WHERE id % 7 = 0);
	END IF;
	INSERT INTO small VALUES (n);
	RETURN nested(n - 1) + (SELECT count(*) FROM small);
END
\$\$;
SQL
my $no_watchpoint = PgTrace::Node::watchpoint_problem($node);

###############################################################################
# CPU time within waits, against the process's own clock
###############################################################################

my ($cpu) = slurp_file('/proc/self/status') =~ /^Cpus_allowed_list:\s*(\d+)/m;
my $hog;

END { kill('KILL', $hog) if $hog }

# Something else that wants the CPU that a process is bound to
sub crowd
{
	my ($pid) = @_;

	$hog = fork // die "fork: $!";
	if (!$hog)
	{
		1 while getppid() != 1;
		exit;
	}
	system_or_bail('taskset', '-a', '-c', '-p', $cpu, $_) foreach $hog, $pid;
	return;
}

# name => arguments of burn(): times, us on the CPU, us asleep
my @kinds = (
	'all CPU' => [ 1, 5000, 0 ],
	'no CPU' => [ 1, 0, 5000 ],
	'in turns' => [ 50, 30, 100 ],
	'longer than ticks' => [ 3, 15000, 2000 ]);

sub waits_agree
{
	my ($how, @options) = @_;
	my $session =
	  PgTrace::Session->new($node, options => '-c pg_trace.session=on');
	my $file = session_file($node, $session);
	my @truth;

	# the library is looked at when it is loaded
	$session->query("LOAD '$ENV{PGT_TEST_BIN}/waiter'");
	for (my $i = 0; $i < @kinds; $i += 2)
	{
		push @truth,
		  [ split / /,
			$session->query(
				'SELECT burn(' . join(', ', @{ $kinds[ $i + 1 ] }) . ')') ];
	}
	crowd($session->pid);
	push @truth, [ split / /, $session->query('SELECT burn(4, 10000, 10)') ];
	kill('KILL', $hog);
	waitpid($hog, 0);
	undef $hog;
	$session->close;

	my @waits = waits_of(read_trace($node, $file), qr/^SELECT burn/, 'Extension');
	is(scalar @waits, scalar @truth, "$how: all waits are there");
	for (my $i = 0; $i < @truth; $i++)
	{
		my ($least, $most) = map { $_ / 1000 } @{ $truth[$i] };
		my $what = $i < @kinds / 2 ? $kinds[ 2 * $i ] : 'no CPU for a while';
		my $fields = $waits[$i]{fields};

		ok( $fields->{cpu} > $least - 2
			  && $fields->{cpu} < $most + 2
			  && $fields->{cpu} <= $fields->{ela},
			"$how: $what: cpu=$fields->{cpu} of ela=$fields->{ela} is $least to $most"
		);
	}
	return;
}

PgTrace::Node::set_probe($node, 'uprobe_process', 'uprobe');
waits_agree('uprobe');
PgTrace::Node::set_probe($node, 'uprobe_shared', 'uprobe_shared');
waits_agree('uprobe_shared');
if (!PgTrace::Node::skipped($no_watchpoint, 6))
{
	PgTrace::Node::set_probe($node, 'watchpoint', 'watchpoint');
	waits_agree('watchpoint');
}
PgTrace::Node::set_probe($node, 'auto', 'uprobe');

###############################################################################
# Calls
###############################################################################

# Elapsed time of the client's calls, and how much of it isn't explained
sub rest
{
	my ($records, $pattern) = @_;
	my ($elapsed, $rest) = (0, 0);

	foreach my $call (grep { $_->{fields}{dep} == 0 }
		calls_of($records, $pattern))
	{
		my ($begin, $end) = (begin_of($call), $call->{fields}{tim});

		$elapsed += $call->{fields}{e};
		$rest += $call->{fields}{e} - $call->{fields}{c};
		foreach my $wait (PgTrace::File::of_type($records, 'WAIT', 'RUN QUEUE'))
		{
			my $fields = $wait->{fields};

			$rest -= $fields->{ela} - ($fields->{cpu} // 0)
			  if $fields->{tim} - $fields->{ela} >= $begin - 1
			  && $fields->{tim} <= $end;
		}
	}
	return ($elapsed, $rest);
}

my @statements = (
	'SELECT count(filler) FROM big',
	'SELECT nested(5)',
	'SELECT count(pg_sleep(0.005)) FROM generate_series(1, 20)',
	'SET work_mem = 64; SELECT count(*) FROM (SELECT * FROM big ORDER BY filler, id DESC OFFSET 0) b',
	'INSERT INTO small SELECT g FROM generate_series(1, 20000) g');
my $trace = trace($node, @statements);
foreach my $statement (@statements)
{
	my ($last) = $statement =~ /([^;]+)$/;
	my ($elapsed, $rest) = rest($trace, qr/^\s*\Q$last\E/);

	note("$last: e=$elapsed rest=$rest");
}
my @unknown =
  grep { !defined $_->{fields}{cpu} && !$_->{fields}{partial} }
  PgTrace::File::of_type($trace, 'WAIT');
cmp_ok(scalar @unknown, '<=', 1, 'the CPU time of all waits but the first is known');
is_deeply([ time_problems($trace) ], [], 'no time counts twice');

###############################################################################
# A file that doesn't add up
###############################################################################

# The first call of the client's that is long enough and has such waits, and
# the last of these
sub example
{
	my ($records) = @_;

	foreach my $call (
		grep { $_->{fields}{dep} == 0 && $_->{fields}{e} > 2000 }
		PgTrace::File::of_type($records, 'FETCH'))
	{
		my @waits =
		  grep {
			     $_->{line} < $call->{line}
			  && $_->{fields}{tim} - $_->{fields}{ela} >= begin_of($call)
			  && $_->{fields}{ela} - ($_->{fields}{cpu} // 0) > 100
		  } PgTrace::File::of_type($records, 'WAIT');
		return ($call, $waits[-1]) if @waits;
	}
	die 'there is no such call';
}

sub is_refused
{
	my ($what, $pattern, $change) = @_;
	my $bad = [ map { { %$_, fields => { %{ $_->{fields} // {} } } } } @$trace ];
	my ($call, $wait) = example($bad);

	$change->($call->{fields}, $wait->{fields});
	my @problems = grep { /^line (?:$call->{line}|$wait->{line}):/ } time_problems($bad);
	like($problems[0] // 'nothing', $pattern, "$what is refused");
	return;
}

my ($call, $wait) = example($trace);
my $allowed = $call->{fields}{e} / 2000 + 3;
my $left = $call->{fields}{e} - $call->{fields}{c};
$left -= $_->{ela} - ($_->{cpu} // 0)
  foreach map { $_->{fields} }
  grep {
	     $_->{line} < $call->{line}
	  && $_->{fields}{tim} - $_->{fields}{ela} >= begin_of($call) - 1
  }
  PgTrace::File::of_type($trace, 'WAIT');

is_refused('more CPU time than is left by the waits',
	qr/: e=\d+ is less than c=[\d.]+ and [\d.]+, the waits off the CPU/,
	sub { $_[0]{c} += $left + $allowed + 2; });
is_refused('a wait that conceals its CPU time',
	qr/: e=\d+ is less than c=[\d.]+ and [\d.]+, the waits off the CPU/,
	sub { $_[0]{c} += $left; $_[1]{cpu} = -$allowed - 2; });
is_refused('more CPU time in a wait than its time',
	qr/: cpu=\d+ in ela=\d+/,
	sub { $_[1]{cpu} = $_[1]{ela} + 1; });
is_refused('more waits than time',
	qr/: e=\d+ is less than \d+, the waits within/,
	sub {
		$_[0]{c} = 0;
		$_[0]{e} = $_[1]{ela} - 4;
		$_[0]{tim} = $_[1]{tim} - 4;
	});

clean_files($node);
done_testing();
