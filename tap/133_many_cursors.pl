# Many open cursors and deep recursion cost a traced session little more than
# another.

use strict;
use warnings;

use PgTrace::Node;
use Test::More;

my $node = PgTrace::Node::new_node('main', 'pg_trace.on_overflow' => 'discard',
	'max_stack_depth' => '2MB');
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION opens(n int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	c refcursor;
	r int;
BEGIN
	FOR i IN 1 .. n LOOP
		c := NULL;
		OPEN c FOR SELECT i FROM pg_am;
		FETCH c INTO r;
	END LOOP;
	RETURN n;
END $$;
CREATE FUNCTION recurses(n int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	r int;
BEGIN
	IF n > 0 THEN SELECT recurses(n - 1) INTO r; END IF;
	RETURN n;
END $$;
CREATE PROCEDURE calls(n int) LANGUAGE plpgsql AS $$
BEGIN
	IF n > 0 THEN CALL calls(n - 1); END IF;
END $$;
CREATE FUNCTION does(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF n > 0 THEN EXECUTE format('DO ''BEGIN PERFORM does(%s); END''', n - 1); END IF;
	RETURN n;
END $$;
CREATE FUNCTION in_sql(n int) RETURNS int LANGUAGE sql VOLATILE AS $$
	SELECT 1;
	SELECT CASE WHEN n > 0 THEN in_sql(n - 1) ELSE 0 END;
$$;
CREATE FUNCTION depth(statement text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	low int := 1;
	high int := 8000;
	n int;
BEGIN
	WHILE low + 1 < high LOOP
		n := (low + high) / 2;
		BEGIN
			EXECUTE format(statement, n);
			low := n;
		EXCEPTION WHEN statement_too_complex THEN
			high := n;
		END;
	END LOOP;
	RETURN low;
END $$;
SQL

# How much of the depth that is possible otherwise: a function in SQL is so little
# that the frames of two hooks are seen.
my %recursion = (
	'SELECT recurses(%s)' => 0.95,
	'CALL calls(%s)' => 0.95,
	'SELECT does(%s)' => 0.95,
	'SELECT in_sql(%s)' => 0.9);

sub measure
{
	my ($options) = @_;
	my $session = PgTrace::Session->new($node, options => $options);

	$session->query('SELECT opens(10)');
	my $begin = PgTrace::Node::cpu_time($session->pid);
	$session->query('BEGIN; SELECT opens(20000); COMMIT');
	my $took = PgTrace::Node::cpu_time($session->pid) - $begin;
	my %depth =
	  map { $_ => $session->query("SELECT depth('$_')") } keys %recursion;

	$session->close;
	return ($took, \%depth);
}

my ($took, $depth) = measure('');
my ($traced_took, $traced_depth) = measure('-c pg_trace.session=on -c pg_trace.waits=off');
note("20000 cursors: $took s, traced $traced_took s of CPU time");
cmp_ok($traced_took, '<', 2 * $took + 1, 'the CPU time of 20000 open cursors');
foreach my $statement (sort keys %recursion)
{
	note("$statement: $depth->{$statement}, traced $traced_depth->{$statement}");
	cmp_ok($traced_depth->{$statement}, '>=',
		$recursion{$statement} * $depth->{$statement}, "the depth of $statement");
}
$node->stop;
done_testing();
