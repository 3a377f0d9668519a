# Many open cursors and deep recursion cost a traced session little more than
# another.

use strict;
use warnings;

use PgTrace;
use Test::More;
use Time::HiRes qw(time);

my $node = PgTrace::new_node('main', 'pg_trace.on_overflow' => 'discard',
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
CREATE FUNCTION depth() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	low int := 1;
	high int := 8000;
	n int;
BEGIN
	WHILE low + 1 < high LOOP
		n := (low + high) / 2;
		BEGIN
			EXECUTE format('SELECT recurses(%s)', n);
			low := n;
		EXCEPTION WHEN statement_too_complex THEN
			high := n;
		END;
	END LOOP;
	RETURN low;
END $$;
SQL

sub measure
{
	my ($options) = @_;
	my $session = PgTrace::Session->new($node, options => $options);

	$session->query('SELECT opens(10)');
	my $begin = time;
	$session->query('BEGIN; SELECT opens(20000); COMMIT');
	my $took = time - $begin;
	my $depth = $session->query('SELECT depth()');

	$session->close;
	return ($took, $depth);
}

my ($took, $depth) = measure('');
my ($traced_took, $traced_depth) = measure('-c pg_trace.session=on -c pg_trace.waits=off');
note("20000 cursors: $took s, traced $traced_took s");
note("depth: $depth, traced $traced_depth");
cmp_ok($traced_took, '<', 2 * $took + 1, 'the time of 20000 open cursors');
cmp_ok($traced_depth, '>=', 0.95 * $depth, 'the depth of recursion');
$node->stop;
done_testing();
