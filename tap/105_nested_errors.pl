# Errors within nested statements, caught or not, and subtransactions: what has
# failed has its line and its ERROR, and whatever was open is closed, the
# deepest first, before the transaction is at its end.  Also cursors that are
# open at the same time.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use Test::More;

my $node = PgTrace::Node::new_node('main');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE t (id int PRIMARY KEY, n int);
INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;
CREATE TABLE log (what text);
VACUUM ANALYZE t, log;

CREATE FUNCTION fails_in_loop() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT id FROM t ORDER BY id LOOP
		IF r.id = 70 THEN
			PERFORM 1 / (n - 70) FROM t WHERE id = r.id;
		END IF;
	END LOOP;
END $$;
CREATE FUNCTION two_cursors() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	a CURSOR FOR SELECT n AS a FROM t;
	b CURSOR FOR SELECT n AS b FROM t;
	x int;
	y int;
BEGIN
	OPEN a;
	OPEN b;
	FOR i IN 1 .. 2 LOOP
		FETCH a INTO x;
		FETCH b INTO y;
	END LOOP;
	CLOSE a;
	FETCH b INTO y;
	CLOSE b;
	RETURN x;
END $$;
SQL

# Is each of these lines there once, in this order?
sub in_order
{
	my ($lines, @wanted) = @_;
	my %wanted = map { $_ => 1 } @wanted;

	return join(',', grep { $wanted{$_} } @$lines) eq join(',', @wanted);
}

{
	my $caught = 'DO $$ BEGIN PERFORM fails_in_loop();'
	  . ' EXCEPTION WHEN division_by_zero THEN'
	  . " INSERT INTO log VALUES ('caught'); END \$\$";
	my @names = (
		do => qr/^DO/,
		outer => qr/^SELECT fails_in_loop/,
		loop => qr/^SELECT id FROM t ORDER BY id/,
		division => qr/^SELECT 1 \/ \(n - 70\)/,
		caught => qr/^INSERT INTO log VALUES \('caught'\)/);
	my $trace = trace($node, $caught);

	my @lines = outline($trace, @names);
	is_deeply(
		[ grep { !/^CLOSE (division|loop|outer)/ } @lines ],
		[
			('XCTEND rlbk=0') x 2,
			'EXEC outer', 'EXEC loop',
			('FETCH loop') x 3,
			'EXEC division', 'FETCH division', 'ERROR division',
			'FETCH outer', 'ERROR outer',
			'EXEC caught', 'CLOSE caught',
			'EXEC do', 'XCTEND rlbk=0'
		],
		'an error in a loop, which an outer block handles')
	  or note explain \@lines;
	ok(in_order(\@lines, 'ERROR division', 'CLOSE division', 'CLOSE outer',
			'EXEC caught'),
		'what failed is closed before that goes on');
	ok(in_order(\@lines, 'ERROR division', 'CLOSE loop', 'EXEC caught'),
		'so is what was open');
	is_deeply([ rows($trace, qr/^SELECT id FROM t/, 'FETCH') ],
		[ 10, 50, 40 ], 'rows fetched in advance');
	is_deeply(
		[ map { $_->{fields}{sqlstate} } PgTrace::File::of_type($trace, 'ERROR') ],
		[ '22012', '22012' ], 'SQLSTATE');

	$trace = trace($node, 'SELECT fails_in_loop()', 'SELECT two_cursors()');
	@lines = outline($trace, @names);
	ok(in_order(\@lines, 'FETCH outer', 'ERROR outer', 'CLOSE outer',
			'XCTEND rlbk=1'),
		'which nobody handles')
	  or note explain \@lines;
	ok(in_order(\@lines, 'ERROR division', 'CLOSE division', 'CLOSE outer'),
		'what failed is closed, the deepest first');
	ok(in_order(\@lines, 'ERROR division', 'CLOSE loop', 'XCTEND rlbk=1'),
		'so is what was open');

	is_deeply(
		[ outline($trace, a => qr/^SELECT n AS a/, b => qr/^SELECT n AS b/) ],
		[
			('XCTEND rlbk=0') x 2, 'XCTEND rlbk=1',
			'EXEC a', 'EXEC b',
			'FETCH a', 'FETCH b', 'FETCH a', 'FETCH b', 'CLOSE a',
			'FETCH b', 'CLOSE b', 'XCTEND rlbk=0'
		],
		'two cursors at once');
	is_deeply([ rows($trace, qr/^SELECT n AS [ab]/, 'FETCH') ],
		[ (1) x 5 ], 'a row each');

	# subtransactions
	$trace = trace(
		$node,
		'BEGIN',
		'SAVEPOINT s',
		'DECLARE c CURSOR FOR SELECT id FROM t',
		'FETCH 7 FROM c',
		'ROLLBACK TO s',
		'DECLARE d CURSOR FOR SELECT n FROM t',
		'FETCH 8 FROM d',
		'SELECT 1 / (id - 1) FROM t WHERE id = 1',
		'ROLLBACK TO s',
		'SELECT 2',
		'COMMIT');
	@lines = outline(
		$trace,
		back => qr/^ROLLBACK TO/,
		one => qr/^SELECT 1/,
		two => qr/^SELECT 2/,
		c => qr/^DECLARE c CURSOR/,
		d => qr/^DECLARE d CURSOR/,
		fetch => qr/^FETCH/,
		commit => qr/^COMMIT/);
	is_deeply(
		[ grep { $_ ne 'CLOSE one' } @lines ],
		[
			('XCTEND rlbk=0') x 2,
			('EXEC c') x 2,
			'FETCH c', 'EXEC fetch', 'EXEC back', 'CLOSE c',
			('EXEC d') x 2,
			'FETCH d', 'EXEC fetch', 'EXEC one', 'FETCH one', 'ERROR one',
			'CLOSE d', 'EXEC back',
			'EXEC two', 'FETCH two', 'CLOSE two', 'XCTEND rlbk=0',
			'EXEC commit'
		],
		'the abort of a subtransaction closes its cursors');
	ok(in_order(\@lines, 'ERROR one', 'CLOSE one', 'EXEC two'),
		'and what failed');
}

clean_files($node);
done_testing();
