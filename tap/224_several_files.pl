# pg_trace report, blockers, merge and convert, on traces of sessions that wait for each
# other: what they add up is what the lines say, who was at the head is right, and
# traces that are put together are a trace.

use strict;
use warnings;

use JSON::PP;
use List::Util qw(sum0);
use PgTrace::Check;
use PgTrace::Node;
use PgTrace::Session;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main', 'autovacuum' => 'off',
	'deadlock_timeout' => '1h');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t (id int PRIMARY KEY, n int);
INSERT INTO t VALUES (1, 0), (2, 0);
CREATE FUNCTION nested(int) RETURNS int LANGUAGE plpgsql AS
  $$ BEGIN RETURN (SELECT sum(g) FROM generate_series(1, $1) g); END $$;
SQL

my $traced = '-c pg_trace.session=on';
my ($head, $middle, $last) =
  map { PgTrace::Session->new($node, options => $traced) } 1 .. 3;

# the last one waits for the middle one, which waits for the head
$head->query('BEGIN');
$head->query('UPDATE t SET n = 1 WHERE id = 1');
$middle->query('BEGIN');
$middle->query('UPDATE t SET n = 2 WHERE id = 2');
$middle->send('UPDATE t SET n = 2 WHERE id = 1');
$middle->wait_for_event('transactionid');
$last->send('UPDATE t SET n = 3 WHERE id = 2');
$last->wait_for_event('transactionid');
$head->query('SELECT pg_sleep(0.1)');
$head->query('SELECT nested(10)');
my $quoted = q{SELECT '$1' AS "$2", $q$ $3 $q$ AS c /* $4 */ -- $5};
$head->query("$quoted\n;");
$head->query('COMMIT');
$middle->wait;
$middle->query('COMMIT');
$last->wait;
my @pids = map { $_->pid } $head, $middle, $last;
my @files = map { session_file($node, $_) } $head, $middle, $last;
$_->close foreach $head, $middle, $last;
my @traces = map { read_trace($node, $_) } @files;

sub pg_trace
{
	my (@arguments) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ "$ENV{PGT_TEST_BIN}/pg_trace", @arguments ],
		'>', \$out, '2>', \$err);
	is($err, '', "pg_trace $arguments[0]: no errors or warnings");
	is($? >> 8, 0, "pg_trace $arguments[0]: exit code");
	return $out;
}

###############################################################################
# blockers
###############################################################################

my $locks = decode_json(pg_trace('blockers', '--format', 'json', @files))->{blockers};
my $waited = sum0(map { $_->{fields}{ela} }
	  grep { $_->{fields}{type} eq 'Lock' }
	  map { PgTrace::File::of_type($_, 'WAIT') } @traces);

is(sprintf('%.6f', sum0(map { $_->{waited_s} } @$locks)),
	sprintf('%.6f', $waited / 1e6),
	'what is behind the heads is what was waited');
my %seen = map { ("$_->{head} $_->{blocker} $_->{waiter} $_->{depth}" => $_) } @$locks;
my $direct = $seen{"$pids[0] $pids[0] $pids[1] 1"};
my $chained = $seen{"$pids[0] $pids[1] $pids[2] 2"};
ok($direct, 'the middle one is behind the head');
ok($chained, 'the last one is behind the head as well, in the chain');
is($direct->{event}, 'transactionid', 'what was waited for');
like($direct->{text}, qr{^UPDATE t SET n = \d WHERE id = \d}, 'and in which statement');
cmp_ok($direct->{waited_s}, '>=', 0.1, 'as long as the head has slept');
cmp_ok($chained->{waited_s}, '>=', 0.1, 'and the last one, too');

my $text = pg_trace('blockers', @files);
like($text, qr/^1\. process $pids[0] \(/m, 'text: the head is first');
like($text, qr/meanwhile: +0\.\d+ s \S+ SELECT pg_sleep/, 'text: what it did meanwhile');
my ($missing) = pg_trace('blockers', @files[ 1, 2 ]) =~ /process $pids[0].*\n +(meanwhile.*)/;
like($missing, qr/it has no trace/, 'text: a head without a trace');

###############################################################################
# report
###############################################################################

my $report = decode_json(pg_trace('report', '--format', 'json', @files));
my @calls = map { PgTrace::File::of_type($_, qw(PARSE EXEC FETCH CLOSE)) } @traces;
my %columns = (cr => 'query', cu => 'current', p => 'disk');

# without what is nested, all calls are those at dep=0
is( sprintf('%.6f', sum0(map { $_->{elapsed_s} } @{ $report->{calls} })),
	sprintf('%.6f', sum0(map { $_->{fields}{e} } grep { $_->{fields}{dep} == 0 } @calls) / 1e6),
	'elapsed time adds up');
foreach my $field (sort keys %columns)
{
	is( sum0(map { $_->{ $columns{$field} } } @{ $report->{calls} }),
		sum0(map { $_->{fields}{$field} // 0 } grep { $_->{fields}{dep} == 0 } @calls),
		"$field adds up");
}
is(sum0(map { $_->{count} } @{ $report->{calls} }),
	scalar @calls, 'number of calls');
is( sprintf('%.6f', sum0(map { $_->{total_s} } @{ $report->{waits} })),
	sprintf('%.6f',
		sum0(map { $_->{fields}{ela} } map { PgTrace::File::of_type($_, 'WAIT', 'RUN QUEUE') } @traces) / 1e6),
	'waits add up');
my ($nested) = grep { $_->{text} =~ /sum\(g\)/ } @{ $report->{calls} };
is($nested->{depth}, 1, 'a nested statement is at its depth');

$text = pg_trace('report', '--print', '1', '--sort', 'execnt', @files);
my ($first) = $text =~ /^SQL ID: (\w+)/m;
my %count;
$count{ $_->{sqlid} } += $_->{call} eq 'Execute' ? $_->{count} : 0
  foreach @{ $report->{calls} };
my ($most) = sort { $count{$b} <=> $count{$a} } keys %count;
is($count{$first}, $count{$most}, '--sort execnt: the first one');
like($text, qr/^others: \d+ statements that are not shown \(--print\)$/m,
	'--print: what is left out is said');
like(pg_trace('report', '--sys', 'no', @files),
	qr/^others: [1-9]\d* recursive statements that are not shown \(--sys no\), elapsed/m,
	'--sys no: as well');

###############################################################################
# merge
###############################################################################

sub merged
{
	my (@arguments) = @_;
	my $file = $node->basedir . '/merged.trc';
	my $trace = pg_trace('merge', @arguments);

	unlink $file;
	append_to_file($file, $trace);
	like(pg_trace('check', $file), qr/^1 file, 0 problems;/m,
		"merge: a sound trace");
	return $trace;
}

# the lines of a kind, each without its cursor's number, which is another one
sub lines_of
{
	my ($kind, @texts) = @_;

	return sort map { s/#\d+/#/r } map { /^(?:$kind) #.*/mg } @texts;
}

$text = merged(@files);
my @texts = map { slurp_file($_) } @files;
is_deeply(
	[ lines_of($_, $text) ],
	[ lines_of($_, @texts) ],
	"merge: all lines $_") foreach qw(WAIT PARSE EXEC FETCH CLOSE STAT);
my @tim = $text =~ /[ ,(]tim=(\d+)/g;
is_deeply(\@tim, [ sort { $a <=> $b } @tim ], 'merge: in the order of time');
my %session;
$session{$1}++ while $text =~ /^\*\*\* SESSION ID:\((\d+)\./mg;
is_deeply([ sort keys %session ], [ sort @pids ], 'merge: all sessions are named');

my ($statement) = grep { $_->{text} =~ /pg_sleep/ } @{ $report->{calls} };
$text = merged('--sqlid', $statement->{sqlid}, @files);
is(scalar(() = $text =~ /^PARSING IN CURSOR/mg),
	1, 'merge: a statement is introduced once');
like($text, qr/^EXEC #/m, 'merge: and executed');
unlike($text, qr/UPDATE/, 'merge: and there is no other one');

$text = merged('--session', $pids[0], $files[0]);
like($text, qr/pg_sleep/, 'merge: one session');
is(scalar(keys %{ { map { $_ => 1 } $text =~ /^\*\*\* SESSION ID:\((\d+)/mg } }),
	1, 'merge: and no other one');

###############################################################################
# convert
###############################################################################

# the entries of a kind, by what Oracle's have in common with ours
my ($oracle, $said) = ('', '');
IPC::Run::run([ "$ENV{PGT_TEST_BIN}/pg_trace", 'convert', '--oracle', $files[0] ],
	'>', \$oracle, '2>', \$said);
is($? >> 8, 0, 'convert --oracle: exit code');
my $left_out = () = $texts[0] =~ /^\*\*\* (?!\d{4}-|(?:SESSION ID|CLIENT ID|SERVICE NAME|MODULE NAME|ACTION NAME):)/mg;
is($said, "pg_trace: $left_out lines that Oracle's grammar hasn't are left out\n",
	'convert --oracle: what is left out is said');
my $number = qr/-?\d+/;
my %shape = (
	WAIT => qr/^WAIT #\d+: nam='[^'\n]+' ela= $number(?: [^ =]+(?: id)?=$number){3} obj#=$number tim=\d+$/m,
	EXEC => qr/^EXEC #\d+:c=\d+,e=\d+,p=\d+,cr=\d+,cu=\d+,mis=\d,r=\d+,dep=\d+,og=\d,plh=\d+,tim=\d+$/m,
	CLOSE => qr/^CLOSE #\d+:c=\d+,e=\d+,dep=\d+,type=\d,tim=\d+$/m,
	STAT => qr/^STAT #\d+ id=\d+ cnt=\d+ pid=\d+ pos=\d+ obj=\d+ op='[^'\n]+ \(cr=\d+ pr=\d+ pw=\d+ str=\d+(?: time=\d+ us)? cost=\d+ size=\d+ card=\d+\)'$/m,
	PARSING => qr/^PARSING IN CURSOR #\d+ len=\d+ dep=\d+ uid=\d+ oct=\d+ lid=\d+ tim=\d+ hv=\d+ ad='0' sqlid='\w{13}'$/m,
	XCTEND => qr/^XCTEND rlbk=[01], rd_only=[01], tim=\d+$/m);
foreach my $kind (sort keys %shape)
{
	my @all = $texts[0] =~ /^$kind /mg;
	my @strict = $oracle =~ /$shape{$kind}/g;

	is(scalar @strict, scalar @all, "convert --oracle: the shape of all lines $kind");
}
like($oracle, qr/^WAIT .* nam='SQL\*Net message from client'/m, 'convert --oracle: a name');
like($oracle, qr/generate_series\(1, :1\)/, 'convert --oracle: placeholders');
like($oracle, qr/^\Q$quoted\E$/m, 'convert --oracle: and what looks like them');

my %kinds;
$kinds{ decode_json($_)->{kind} }++ foreach split /\n/, pg_trace('convert', @files);
my $all = join '', @texts;
foreach my $kind ('WAIT', 'EXEC', 'FETCH', 'CLOSE', 'STAT', 'XCTEND', 'PARSING IN CURSOR')
{
	my @lines = $all =~ /^$kind /mg;

	is($kinds{$kind}, scalar @lines, "convert: all entries $kind");
}

$node->stop;
done_testing();
