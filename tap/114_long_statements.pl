# A statement of 100 MB costs a traced session little more than another: what is
# not shown of a text is not looked at.  The aim is 2 %; the bound leaves room for
# the noise of a busy machine.

use strict;
use warnings;

use List::Util qw(min);
use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	MB => 1024 * 1024,
	ROUNDS => 6,
	MAX_MORE => 0.2
};

my $node = PgTrace::Node::new_node('main', 'autovacuum' => 'off');

# Run a statement in one session, untraced and traced in turn: two processes differ
# by more than that in what memory they get.
sub compare
{
	my ($name, $statement, $pattern) = @_;
	my $client = PgTrace::Protocol->new($node);
	my @times = ([], []);
	my $file;

	# In the first round memory is got, which later ones find again.  What else
	# the machine does only adds to the times: the least of each kind counts, and
	# no more rounds are needed once they are near each other.
	foreach my $round (0 .. ROUNDS)
	{
		last
		  if $round > 1
		  && min(@{ $times[1] }) <= (1 + MAX_MORE) * min(@{ $times[0] });
		foreach my $traced ($round % 2 ? (0, 1) : (1, 0))
		{
			$client->query('SET pg_trace.session = ' . ($traced ? 'on' : 'off'))
			  ->sync;
			$client->query('SELECT 1')->sync;
			$file = session_file($node, $client) if $traced;
			my $before = PgTrace::Node::cpu_time($client->pid);

			$client->query($statement)->sync;
			push @{ $times[$traced] }, PgTrace::Node::cpu_time($client->pid) - $before
			  if $round > 0;
			# each in a file of its own
			$client->query('SET pg_trace.session = off')->sync;
		}
	}
	$client->close;

	my ($untraced, $traced) = map { min(@$_) } @times;
	note(sprintf '%s: %.3f s, traced %.3f s, %+.1f %%',
		$name, $untraced, $traced, 100 * ($traced / $untraced - 1));
	cmp_ok($traced, '<=', (1 + MAX_MORE) * $untraced, "$name: CPU time in s");

	my ($cursor) =
	  cursors_of(read_trace($node, $file), $pattern);
	is($cursor->{fields}{len}, MB, "$name: as much is shown as may be");
	is($cursor->{fields}{cut}, length $statement, "$name: the length is true");
	cmp_ok(-s $file, '<', 2 * (MB + 65536), "$name: size of the file");
	return;
}

compare('a literal', "SELECT length('" . 'x' x (100 * MB) . "')",
	qr/^SELECT length/);
compare('many tokens',
	'SELECT 1 WHERE 1 IN (' . join(',', ('1') x (2 * MB)) . ')',
	qr/^SELECT 1 WHERE/);
$node->stop;
done_testing();
