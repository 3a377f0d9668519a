# Statements within statements: functions, triggers, foreign keys, procedures
# that end transactions, event triggers.
# Every call is in the file, at its depth, and its line comes before the line
# of the call that it is a part of.

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

CREATE FUNCTION inner_sum(int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT sum(n) FROM t WHERE id <= $1);
END $$;
CREATE FUNCTION outer_sum(int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	SELECT inner_sum($1) INTO result;
	RETURN result;
END $$;
CREATE FUNCTION of_sql() RETURNS bigint LANGUAGE sql AS
	'UPDATE t SET n = n WHERE id <= 3; SELECT count(*) FROM t WHERE id > 90';
CREATE FUNCTION with_body() RETURNS bigint LANGUAGE sql BEGIN ATOMIC
	UPDATE t SET n = n WHERE id <= 4;
	SELECT count(*) FROM t WHERE id > 90;
END;
CREATE FUNCTION down(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF n > 0 THEN
		PERFORM down(n - 1);
	END IF;
	RETURN n;
END $$;
SQL

# The depths of statements
sub depths
{
	my ($records, $pattern) = @_;

	return map { $_->{fields}{dep} } cursors_of($records, $pattern);
}

# functions
{
	my $trace = trace(
		$node,
		'SELECT outer_sum(10)',
		'SELECT of_sql()',
		'SELECT down(5)',
		'SELECT down(200)',
		'SELECT with_body()');
	my ($outer) = calls_of($trace, qr/^SELECT outer_sum/, 'FETCH');
	my ($inner) = calls_of($trace, qr/SELECT inner_sum/, 'FETCH');
	my ($sum) = calls_of($trace, qr/sum\(n\)/, 'FETCH');

	is_deeply([ map { $_->{fields}{dep} } $outer, $inner, $sum ],
		[ 0, 1, 2 ], 'PL/pgSQL: depths');
	cmp_ok($sum->{line}, '<', $inner->{line}, 'the deepest comes first');
	cmp_ok($inner->{line}, '<', $outer->{line}, 'then the one above');
	cmp_ok($sum->{fields}{cr}, '>=', 1, 'blocks got');
	cmp_ok($inner->{fields}{cr}, '>=', $sum->{fields}{cr}, 'are included');
	cmp_ok($outer->{fields}{cr}, '>=', $inner->{fields}{cr}, 'and again');
	cmp_ok(begin_of($outer), '<=', begin_of($sum), 'it began before');

	is_deeply([ depths($trace, qr/^UPDATE t SET n = n/) ],
		[1], 'SQL function: depth');
	is_deeply([ rows($trace, qr/^UPDATE t SET n = n WHERE id <= 3$/) ],
		[3], 'its first statement has its own text and rows');
	is_deeply(
		[ rows($trace, qr/^SELECT count\(\*\) FROM t WHERE id > 90$/, 'FETCH') ],
		[1], 'so has the second');
	is_deeply([ depths($trace, qr/down\(n - 1\)/) ],
		[ 1 .. 200 ], 'recursion: a cursor for each depth');
	is_deeply(
		[ map { $_->{fields}{dep} } calls_of($trace, qr/down\(/, 'FETCH') ],
		[ reverse(0 .. 5), reverse(0 .. 200) ],
		'and ends the deepest first');

	# the server has no text of these
	my ($with_body) = calls_of($trace, qr/^SELECT with_body/, 'FETCH');
	my %command = map { $_->{cursor} => $_->{fields}{oct} }
	  PgTrace::File::of_type($trace, 'CURSOR');
	is_deeply(
		[
			map { "$_->{type} oct=$command{$_->{cursor}} r=$_->{fields}{r}" }
			  grep { $_->{type} =~ /EXEC|FETCH/ }
			  calls_below($trace, $with_body)
		],
		[ 'EXEC oct=6 r=4', 'EXEC oct=3 r=0', 'FETCH oct=3 r=1' ],
		'function with a body: a cursor for each statement');
}

# triggers and foreign keys
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE triggered (id int);
CREATE FUNCTION log_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log VALUES ('row');
	RETURN new;
END $$;
CREATE FUNCTION log_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log VALUES ('statement');
	RETURN NULL;
END $$;
CREATE TRIGGER r BEFORE INSERT ON triggered FOR EACH ROW
	EXECUTE FUNCTION log_row();
CREATE TRIGGER s AFTER INSERT ON triggered FOR EACH STATEMENT
	EXECUTE FUNCTION log_statement();
CREATE CONSTRAINT TRIGGER d AFTER DELETE ON triggered
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
	EXECUTE FUNCTION log_statement();
CREATE TABLE child (id int REFERENCES t,
	late int REFERENCES t DEFERRABLE INITIALLY DEFERRED);
SQL
{
	my $trace = trace(
		$node,
		'INSERT INTO triggered VALUES (1), (2), (3)',
		'BEGIN',
		'DELETE FROM triggered WHERE id = 1',
		'COMMIT',
		'INSERT INTO child (id) VALUES (4), (5)',
		'BEGIN',
		'INSERT INTO child (late) VALUES (6)',
		'END');
	my ($insert) = calls_of($trace, qr/^INSERT INTO triggered/, 'EXEC');
	my @row = calls_of($trace, qr/^INSERT INTO log VALUES \('row'\)/, 'EXEC');
	my @statement =
	  calls_of($trace, qr/^INSERT INTO log VALUES \('statement'\)/, 'EXEC');

	is($insert->{fields}{r}, 3, 'rows inserted');
	is(scalar @row, 3, 'a row trigger runs for each row');
	is(scalar @statement, 2, 'a statement trigger and a deferred one');
	is(scalar(grep { $_->{fields}{dep} == 1 && $_->{line} < $insert->{line} }
			  @row, $statement[0]),
		4, 'those of the statement are a part of it');

	my ($delete) = calls_of($trace, qr/^DELETE FROM triggered/, 'EXEC');
	my ($commit) = calls_of($trace, qr/^COMMIT/, 'EXEC');
	my ($end) = grep { $_->{line} > $delete->{line} }
	  PgTrace::File::of_type($trace, 'XCTEND');
	cmp_ok($statement[1]{line}, '>', $delete->{line},
		'a deferred trigger runs after its statement');
	is( scalar(
			grep { $_->{line} == $statement[1]{line} }
			  calls_below($trace, $commit)),
		1,
		'as a part of COMMIT');
	cmp_ok($statement[1]{line}, '<', $end->{line}, 'in the transaction');
	cmp_ok($end->{line}, '<', $commit->{line}, 'that COMMIT ends');

	my ($child) = calls_of($trace, qr/^INSERT INTO child \(id\)/, 'EXEC');
	my @checks = grep { $_->{fields}{r} == 1 }
	  calls_of($trace, qr/FROM ONLY "public"."t".*FOR KEY SHARE/, 'FETCH');
	is(scalar @checks, 3, 'a foreign key check for each row');
	is(scalar(grep { $_->{fields}{dep} == 1 && $_->{line} < $child->{line} }
			  @checks),
		2, 'those of the statement are a part of it');
	($end) = calls_of($trace, qr/^END/, 'EXEC');
	cmp_ok($checks[2]{line}, '>',
		(calls_of($trace, qr/^INSERT INTO child \(late\)/, 'EXEC'))[0]{line},
		'the deferred one is not');
	is( scalar(
			grep { $_->{line} == $checks[2]{line} } calls_below($trace, $end)),
		1,
		'it is a part of END');
}

# procedures that end transactions, and event triggers
$node->safe_psql('postgres', <<'SQL');
CREATE PROCEDURE transactions() LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log VALUES ('first');
	COMMIT;
	INSERT INTO log VALUES ('second');
	ROLLBACK;
	INSERT INTO log VALUES ('third');
END $$;
CREATE FUNCTION log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log VALUES (tg_event);
END $$;
CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION log_ddl();
SQL
{
	my $trace = trace($node, 'CALL transactions()', 'CREATE TABLE made ()');

	is_deeply(
		[
			outline(
				$trace,
				call => qr/^CALL/,
				first => qr/first/,
				second => qr/second/,
				third => qr/third/,
				ddl => qr/^CREATE TABLE made/,
				log => qr/tg_event/)
		],
		[
			# what PgTrace::Session does first
			('XCTEND rlbk=0') x 2,
			'EXEC first', 'CLOSE first', 'XCTEND rlbk=0',
			'EXEC second', 'CLOSE second', 'XCTEND rlbk=1',
			'EXEC third', 'CLOSE third', 'EXEC call', 'XCTEND rlbk=0',
			'EXEC log', 'CLOSE log', 'EXEC ddl', 'XCTEND rlbk=0'
		],
		'transactions within a procedure, and an event trigger');
	is_deeply([ depths($trace, qr/^INSERT INTO log/) ],
		[ 1, 1, 1, 1 ], 'depths');
}
$node->safe_psql('postgres', 'DROP EVENT TRIGGER e');

clean_files($node);
done_testing();
