# pgbench's read/write mix in several sessions at once, all of them traced:
# what pgbench did, by its own history table, is in the files exactly.

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $clients = 4;
my $transactions = 500;

my $node = PgTrace::Node::new_node('main', 'shared_buffers' => '8MB');
$node->run_log([ 'pgbench', '-i', '-q', '-s', 5, '-d', $node->connstr('postgres') ]);
{
	local $ENV{PGOPTIONS} = '-c pg_trace.session=on';
	$node->command_ok(
		[
			'pgbench', '-n', '-M', 'prepared', '-c', $clients, '-j', 2,
			'-t', $transactions, '-d', $node->connstr('postgres')
		],
		'pgbench, traced');
}
PgTrace::Node::wait_until_untraced($node);

# pgbench has a connection of its own first, with a few statements
my @traces = grep { PgTrace::File::of_type($_, 'EXEC') > 10 }
  map { PgTrace::File::parse($_) } PgTrace::Node::trace_files($node);
is(scalar @traces, $clients, 'a file per session');

my @kinds = (
	[ qr/^BEGIN/, 'EXEC', 0 ],
	[ qr/^UPDATE pgbench_accounts/, 'EXEC', 1 ],
	[ qr/^SELECT abalance/, 'FETCH', 1 ],
	[ qr/^UPDATE pgbench_tellers/, 'EXEC', 1 ],
	[ qr/^UPDATE pgbench_branches/, 'EXEC', 1 ],
	[ qr/^INSERT INTO pgbench_history/, 'EXEC', 1 ],
	[ qr/^END/, 'EXEC', 0 ]);

sub binds_of
{
	my ($records, $pattern) = @_;
	my %cursor = map { $_ => 1 } PgTrace::File::cursors_like($records, $pattern);

	return map { join(',', map { $_->{value} } @{ $_->{binds} }) }
	  grep { $cursor{ $_->{cursor} } } PgTrace::File::of_type($records, 'BINDS');
}

my (@history, @accounts, @tellers);
foreach my $records (@traces)
{
	is(scalar PgTrace::File::of_type($records, 'EXEC'),
		$transactions * 7, 'seven executions a transaction');
	foreach my $kind (@kinds)
	{
		my ($pattern, $type, $rows) = @$kind;
		my @cursors = PgTrace::File::cursors_like($records, $pattern);
		my @calls = PgTrace::File::of_cursor($records, $cursors[0], $type);

		is(scalar @cursors, 1, "$pattern: one cursor");
		is(scalar(grep { $_->{fields}{r} == $rows } @calls),
			$transactions, "$pattern: each $type has $rows rows");
	}
	is(scalar(grep { $_->{fields}{rlbk} == 0 && $_->{fields}{rd_only} == 0 }
			  PgTrace::File::of_type($records, 'XCTEND')),
		$transactions, 'transactions committed');
	is_deeply([ PgTrace::Problems::problems($records) ],
		[], 'in order, waits inside or between calls');
	is(scalar PgTrace::File::of_type($records, 'LOST'), 0, 'nothing lost');
	cmp_ok(scalar PgTrace::File::of_type($records, 'WAIT'),
		'>', $transactions, 'waits');

	push @history, binds_of($records, qr/^INSERT INTO pgbench_history/);
	push @accounts, binds_of($records, qr/^UPDATE pgbench_accounts/);
	push @tellers, binds_of($records, qr/^UPDATE pgbench_tellers/);
}

sub rows
{
	my ($columns) = @_;
	my $output = $node->safe_psql('postgres',
		"SELECT concat_ws(',', $columns) FROM pgbench_history");

	return [ sort split /\n/, $output ];
}

is_deeply([ sort @history ], rows('tid, bid, aid, delta'),
	'binds of the insertions are what was inserted');
is_deeply([ sort @accounts ], rows('delta, aid'),
	'binds of the accounts updated');
is_deeply([ sort @tellers ], rows('delta, tid'),
	'binds of the tellers updated');
is($node->safe_psql('postgres', 'SELECT lost_events FROM pg_trace_worker'),
	0, 'the worker knows of no loss');

done_testing();
