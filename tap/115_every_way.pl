# Every way in which PostgreSQL runs a statement, in a table: each statement has
# its text, its binds, its depth, its rows and its end, and so has each that fails.
# What a client sees and what the statements are tells what has to be there.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node(
	'main',
	'compute_query_id' => 'on',
	'max_prepared_transactions' => 5,
	'wal_level' => 'logical',
	'max_wal_senders' => 5,
	'max_replication_slots' => 5,
	'autovacuum' => 'off',
	'jit' => 'off');
my $file = $node->basedir . '/rows';
append_to_file($file, "1\n2\n");
my $port = $node->port;
my $host = $node->host;
$node->safe_psql('postgres', <<"SQL");
SET check_function_bodies = off;
CREATE ROLE other SUPERUSER;
CREATE TABLE t (id int, n int);
INSERT INTO t SELECT i, i FROM generate_series(1, 10) i;
CREATE TABLE log (what text);
CREATE TABLE v (id int);
CREATE RULE v_insert AS ON INSERT TO v DO ALSO INSERT INTO log VALUES ('inserted');
CREATE RULE v_update AS ON UPDATE TO v DO ALSO
	(INSERT INTO log VALUES ('one'); DELETE FROM log WHERE what = 'two');
CREATE VIEW w AS SELECT 1 AS id;
CREATE RULE w_delete AS ON DELETE TO w DO INSTEAD UPDATE log SET what = 'deleted';
CREATE MATERIALIZED VIEW mv AS SELECT id FROM t;

CREATE PROCEDURE p(a int, b text) LANGUAGE plpgsql AS
	'BEGIN INSERT INTO log VALUES (b); COMMIT; INSERT INTO log VALUES (b); END';
CREATE FUNCTION divides() RETURNS int LANGUAGE plpgsql AS
	'DECLARE x int := 0; BEGIN RETURN 1 / x; EXCEPTION WHEN others THEN RETURN 1; END';
CREATE FUNCTION undefined() RETURNS int LANGUAGE plpgsql AS
	'BEGIN PERFORM 1 FROM nosuch; RETURN 0; END';
CREATE FUNCTION undefined_caught() RETURNS int LANGUAGE plpgsql AS
	'BEGIN PERFORM 1 FROM nosuch; RETURN 0; EXCEPTION WHEN others THEN RETURN 1; END';
CREATE FUNCTION rethrows() RETURNS int LANGUAGE plpgsql AS
	'BEGIN RAISE EXCEPTION ''no''; EXCEPTION WHEN others THEN RAISE; END';
CREATE FUNCTION warns() RETURNS int LANGUAGE plpgsql AS
	'BEGIN RAISE NOTICE ''x'' USING ERRCODE = ''22012''; RAISE WARNING ''y''; RETURN 1; END';
CREATE FUNCTION does_not_compile() RETURNS int LANGUAGE plpgsql AS 'BEGIN selec 1; END';
CREATE FUNCTION inlined(int) RETURNS int LANGUAGE sql AS 'SELECT \$1 + nosuch';
CREATE FUNCTION several(int) RETURNS bigint LANGUAGE sql AS
	'INSERT INTO t VALUES (\$1, \$1); INSERT INTO v VALUES (\$1); SELECT count(*) FROM v';
CREATE FUNCTION parsed(a int) RETURNS int LANGUAGE sql VOLATILE
	BEGIN ATOMIC INSERT INTO log VALUES ('parsed'); SELECT a; END;
CREATE FUNCTION as_other() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
	'BEGIN RETURN (SELECT count(*) FROM log); END';
ALTER FUNCTION as_other() OWNER TO other;

CREATE FUNCTION logs() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN INSERT INTO log VALUES (tg_op); RETURN NULL; END';
CREATE TABLE by_row (id int);
CREATE TRIGGER r AFTER INSERT ON by_row FOR EACH ROW EXECUTE FUNCTION logs();
CREATE TABLE by_statement (id int);
CREATE TRIGGER s AFTER INSERT ON by_statement EXECUTE FUNCTION logs();
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	BEGIN
		RAISE EXCEPTION 'caught';
	EXCEPTION WHEN others THEN
		NULL;
	END;
	IF new.id = 666 THEN
		EXECUTE 'selec 3';
	END IF;
	RETURN NULL;
END \$\$;
CREATE TABLE deferred (id int);
CREATE CONSTRAINT TRIGGER d AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION fails();

CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE rows (id int) SERVER files OPTIONS (filename '$file');
CREATE EXTENSION postgres_fdw;
CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host '$host', port '$port', dbname 'postgres');
CREATE USER MAPPING FOR PUBLIC SERVER loop;
CREATE FOREIGN TABLE remote (id int, n int) SERVER loop OPTIONS (table_name 't');
SQL
my %oid = map { split /\|/ } split /\n/,
  $node->safe_psql('postgres', 'SELECT proname, oid FROM pg_proc WHERE oid >= 16384');
my %uid = map { split /\|/ } split /\n/,
  $node->safe_psql('postgres', 'SELECT rolname, oid FROM pg_roles');
my $self = $node->safe_psql('postgres', 'SELECT current_user');

sub shown
{
	my ($bind) = @_;

	return defined $bind->{value} ? $bind->{value} : 'NULL';
}

# What is in a file, a line for each record, by dep and text: but for what belongs
# to the connection, and PARSE and CLOSE, of which there is one for each plan and
# query
sub outline_of
{
	my ($records) = @_;
	my (%cursor, @lines);

	foreach my $record (@$records)
	{
		my ($type, $fields) = @$record{qw(type fields)};
		my $cursor = $cursor{ $record->{cursor} // 0 };
		my $text = defined $cursor ? $cursor->{text} : '';
		my $dep = $fields->{dep} // (defined $cursor ? $cursor->{fields}{dep} : '');

		$cursor{ $record->{cursor} } = $record if $type eq 'CURSOR';
		push @lines, "$dep EXEC r=$fields->{r} $text" if $type eq 'EXEC';
		push @lines, "$dep FETCH r=$fields->{r} $text" if $type eq 'FETCH';
		push @lines, "$dep ERROR $fields->{sqlstate} $text" if $type eq 'ERROR';
		push @lines, "$dep PARSE ERROR $fields->{sqlstate} $fields->{pos} $record->{text}"
		  if $type eq 'PARSE ERROR';
		push @lines,
		  "$dep BINDS " . join(',', map { shown($_) } @{ $record->{binds} }) . " $text"
		  if $type eq 'BINDS';
		push @lines, "XCTEND rlbk=$fields->{rlbk} rd_only=$fields->{rd_only}"
		  if $type eq 'XCTEND';
	}
	shift @lines;
	return @lines;
}

# The signed number that PostgreSQL shows
sub identifier_of
{
	my ($cursor) = @_;

	return $cursor->{fields}{queryid};
}

# A session that sends messages: a string is one of the simple protocol, a list is
# sent by parse, bind and execute, with types, values, and limits of rows
sub trace_of
{
	my ($options, @messages) = @_;
	my $client = PgTrace::Protocol->new($node, %$options,
		options => '-c pg_trace.session=on');
	my $path = session_file($node, $client);

	foreach my $message (@messages)
	{
		if (ref $message eq 'CODE')
		{
			$message->($client);
			next;
		}
		if (!ref $message)
		{
			$client->query($message)->sync;
			next;
		}
		my ($sql, $types, $values, @limits) = @$message;
		$client->parse('', $sql, @$types)->bind('', '', @$values);
		$client->execute('', $_) foreach @limits ? @limits : 0;
		$client->sync;
	}
	$client->close;
	return read_trace($node, $path);
}

sub copy_in
{
	my ($client) = @_;

	$client->query('COPY log FROM STDIN')->message('d', "a\nb\n")
	  ->message('c', '')->sync;
	return;
}

my ($committed, $wrote, $rolled_back) = map {
	"XCTEND rlbk=$_->[0] rd_only=$_->[1]"
} [ 0, 1 ], [ 0, 0 ], [ 1, 1 ];
my @wrote = ($wrote, '0 EXEC r=0 <commit>');
my $action = '/* action of a rule, for: */';
my $do = q{DO $$ BEGIN EXECUTE 'selec 1'; END $$};
my $caught = q{DO $$ BEGIN EXECUTE 'selec 1'; EXCEPTION WHEN others THEN PERFORM 7; END $$};
my $several = 'INSERT INTO t VALUES ($1, $1); INSERT INTO v VALUES ($1); SELECT count(*) FROM v';

foreach my $case (
	[
		'simple protocol, several in a string',
		['SELECT 1; INSERT INTO log VALUES (2); SELECT id FROM t WHERE id < 3'],
		'0 EXEC r=0 SELECT 1',
		'0 FETCH r=1 SELECT 1',
		'0 EXEC r=1 INSERT INTO log VALUES (2)',
		'0 EXEC r=0 SELECT id FROM t WHERE id < 3',
		'0 FETCH r=2 SELECT id FROM t WHERE id < 3',
		@wrote
	],
	[
		'extended protocol, in parts',
		[ [ 'SELECT id FROM t WHERE id > $1', [23], [5], 3, 3 ] ],
		'0 BINDS 5 SELECT id FROM t WHERE id > $1',
		'0 EXEC r=0 SELECT id FROM t WHERE id > $1',
		'0 FETCH r=3 SELECT id FROM t WHERE id > $1',
		'0 FETCH r=2 SELECT id FROM t WHERE id > $1',
		$committed
	],
	[
		'what does not get as far as a call',
		[ 'SELEC 1', 'SELECT 1; SELECT 1 FROM nosuch', q{SELECT 'x'::int} ],
		'0 PARSE ERROR 42601 1 SELEC 1',
		$rolled_back,
		'0 EXEC r=0 SELECT 1',
		'0 FETCH r=1 SELECT 1',
		'0 PARSE ERROR 42P01 25 SELECT 1; SELECT 1 FROM nosuch',
		$rolled_back,
		q{0 PARSE ERROR 22P02 8 SELECT 'x'::int},
		$rolled_back
	],
	[
		'CALL, with binds and COMMIT',
		[ [ 'CALL p($1, $2)', [ 23, 25 ], [ 1, 'x' ] ] ],
		'0 BINDS 1,x CALL p($1, $2)',
		'1 BINDS x INSERT INTO log VALUES (b)',
		'1 EXEC r=1 INSERT INTO log VALUES (b)',
		$wrote,
		'1 EXEC r=0 <commit>',
		'1 BINDS x INSERT INTO log VALUES (b)',
		'1 EXEC r=1 INSERT INTO log VALUES (b)',
		'0 EXEC r=0 CALL p($1, $2)',
		@wrote
	],
	[
		'EXPLAIN, with binds',
		[
			[ 'EXPLAIN SELECT $1', [23], [1] ],
			[ 'EXPLAIN ANALYZE SELECT $1', [23], [undef] ]
		],
		'0 BINDS 1 EXPLAIN SELECT $1',
		'0 EXEC r=0 EXPLAIN SELECT $1',
		$committed,
		'0 BINDS NULL EXPLAIN ANALYZE SELECT $1',
		'1 BINDS NULL EXPLAIN ANALYZE SELECT $1',
		'1 EXEC r=0 EXPLAIN ANALYZE SELECT $1',
		'1 FETCH r=1 EXPLAIN ANALYZE SELECT $1',
		'0 EXEC r=0 EXPLAIN ANALYZE SELECT $1',
		$committed
	],
	[
		'CREATE TABLE AS, REFRESH',
		[
			[ 'CREATE TABLE c AS SELECT $1 AS x', [23], [1] ],
			'SELECT 1; REFRESH MATERIALIZED VIEW mv'
		],
		'0 BINDS 1 CREATE TABLE c AS SELECT $1 AS x',
		'1 BINDS 1 CREATE TABLE c AS SELECT $1 AS x',
		'1 EXEC r=0 CREATE TABLE c AS SELECT $1 AS x',
		'1 FETCH r=1 CREATE TABLE c AS SELECT $1 AS x',
		'0 EXEC r=1 CREATE TABLE c AS SELECT $1 AS x',
		@wrote,
		'0 EXEC r=0 SELECT 1',
		'0 FETCH r=1 SELECT 1',
		'1 EXEC r=0 REFRESH MATERIALIZED VIEW mv',
		'1 FETCH r=10 REFRESH MATERIALIZED VIEW mv',
		'0 EXEC r=10 REFRESH MATERIALIZED VIEW mv',
		@wrote
	],
	[
		'PREPARE and EXECUTE',
		[ 'PREPARE q AS SELECT $1 + 1', 'EXECUTE q(4)' ],
		'0 EXEC r=0 PREPARE q AS SELECT $1 + 1',
		$committed,
		'1 BINDS 4 PREPARE q AS SELECT $1 + 1',
		'1 EXEC r=0 PREPARE q AS SELECT $1 + 1',
		'1 FETCH r=1 PREPARE q AS SELECT $1 + 1',
		'0 EXEC r=1 EXECUTE q(4)',
		$committed
	],
	[
		'cursors, WITH HOLD and without',
		[
			'BEGIN',
			'DECLARE c CURSOR FOR SELECT id FROM t',
			'DECLARE h CURSOR WITH HOLD FOR SELECT n FROM t',
			'FETCH 2 FROM c',
			'FETCH 1 FROM h',
			'CLOSE c',
			'COMMIT',
			'FETCH 3 FROM h'
		],
		'0 EXEC r=0 BEGIN',
		'1 EXEC r=0 DECLARE c CURSOR FOR SELECT id FROM t',
		'0 EXEC r=0 DECLARE c CURSOR FOR SELECT id FROM t',
		'1 EXEC r=0 DECLARE h CURSOR WITH HOLD FOR SELECT n FROM t',
		'0 EXEC r=0 DECLARE h CURSOR WITH HOLD FOR SELECT n FROM t',
		'1 FETCH r=2 DECLARE c CURSOR FOR SELECT id FROM t',
		'0 EXEC r=2 FETCH 2 FROM c',
		'1 FETCH r=1 DECLARE h CURSOR WITH HOLD FOR SELECT n FROM t',
		'0 EXEC r=1 FETCH 1 FROM h',
		'0 EXEC r=0 CLOSE c',
		'1 FETCH r=10 DECLARE h CURSOR WITH HOLD FOR SELECT n FROM t',
		$committed,
		'0 EXEC r=0 COMMIT',
		'0 EXEC r=3 FETCH 3 FROM h',
		$committed
	],
	[
		# PostgreSQL counts no rows of an action
		'rules, in a string of several statements',
		[
			'SELECT 1; INSERT INTO v VALUES (1); SELECT 2',
			'SELECT 3; UPDATE v SET id = 2; DELETE FROM w WHERE id = 2'
		],
		'0 EXEC r=0 SELECT 1',
		'0 FETCH r=1 SELECT 1',
		'0 EXEC r=1 INSERT INTO v VALUES (1)',
		"0 EXEC r=0 $action INSERT INTO v VALUES (1)",
		'0 EXEC r=0 SELECT 2',
		'0 FETCH r=1 SELECT 2',
		@wrote,
		'0 EXEC r=0 SELECT 3',
		'0 FETCH r=1 SELECT 3',
		"0 EXEC r=0 $action UPDATE v SET id = 2",
		"0 EXEC r=0 $action UPDATE v SET id = 2",
		'0 EXEC r=1 UPDATE v SET id = 2',
		"0 EXEC r=0 $action DELETE FROM w WHERE id = 2",
		@wrote
	],
	[
		'rules, in the extended protocol and EXPLAIN',
		[
			[ 'INSERT INTO v VALUES ($1)', [23], [1] ],
			'EXPLAIN INSERT INTO v VALUES (5)'
		],
		'0 BINDS 1 INSERT INTO v VALUES ($1)',
		'0 EXEC r=1 INSERT INTO v VALUES ($1)',
		"0 BINDS 1 $action INSERT INTO v VALUES (\$1)",
		"0 EXEC r=0 $action INSERT INTO v VALUES (\$1)",
		@wrote,
		'0 EXEC r=0 EXPLAIN INSERT INTO v VALUES (5)',
		$committed
	],
	[
		'SQL functions of several statements, with a rule',
		['SELECT several(77)'],
		'0 EXEC r=0 SELECT several(77)',
		'1 BINDS 77 INSERT INTO t VALUES ($1, $1)',
		'1 EXEC r=1 INSERT INTO t VALUES ($1, $1)',
		'1 BINDS 77 INSERT INTO v VALUES ($1)',
		'1 EXEC r=1 INSERT INTO v VALUES ($1)',
		"1 BINDS 77 $action INSERT INTO v VALUES (\$1)",
		"1 EXEC r=0 $action INSERT INTO v VALUES (\$1)",
		'1 BINDS 77 SELECT count(*) FROM v',
		'1 EXEC r=0 SELECT count(*) FROM v',
		'1 FETCH r=1 SELECT count(*) FROM v',
		'0 FETCH r=1 SELECT several(77)',
		@wrote
	],
	[
		'errors in nested SQL',
		[
			$do,
			'SELECT undefined()',
			'SELECT does_not_compile()',
			'SELECT inlined(id) FROM t'
		],
		'1 PARSE ERROR 42601 1 selec 1',
		"0 EXEC r=0 $do",
		"0 ERROR 42601 $do",
		$rolled_back,
		'0 EXEC r=0 SELECT undefined()',
		'1 PARSE ERROR 42P01 15 SELECT 1 FROM nosuch',
		'0 FETCH r=0 SELECT undefined()',
		'0 ERROR 42P01 SELECT undefined()',
		$rolled_back,
		'0 EXEC r=0 SELECT does_not_compile()',
		'1 PARSE ERROR 42601 1 selec 1',
		'0 FETCH r=0 SELECT does_not_compile()',
		'0 ERROR 42601 SELECT does_not_compile()',
		$rolled_back,
		'1 PARSE ERROR 42703 13 SELECT $1 + nosuch',
		'0 ERROR 42703 SELECT inlined(id) FROM t',
		$rolled_back
	],
	[
		'errors that are caught',
		[
			$caught, 'SELECT divides()',
			'SELECT undefined_caught()', 'SELECT rethrows()',
			'SELECT warns()'
		],
		'1 PARSE ERROR 42601 1 selec 1',
		'1 EXEC r=0 SELECT 7',
		'1 FETCH r=1 SELECT 7',
		"0 EXEC r=0 $caught",
		$committed,
		'0 EXEC r=0 SELECT divides()',
		'0 ERROR 22012 SELECT divides()',
		'0 FETCH r=1 SELECT divides()',
		$committed,
		'0 EXEC r=0 SELECT undefined_caught()',
		'1 PARSE ERROR 42P01 15 SELECT 1 FROM nosuch',
		'0 FETCH r=1 SELECT undefined_caught()',
		$committed,
		'0 EXEC r=0 SELECT rethrows()',
		'0 FETCH r=0 SELECT rethrows()',
		'0 ERROR P0001 SELECT rethrows()',
		$rolled_back,
		'0 EXEC r=0 SELECT warns()',
		'0 FETCH r=1 SELECT warns()',
		$committed
	],
	[
		'triggers of rows and statements',
		[
			'INSERT INTO by_row VALUES (1), (2)',
			'INSERT INTO by_statement VALUES (1), (2)'
		],
		(
			'1 BINDS INSERT INSERT INTO log VALUES (tg_op)',
			'1 EXEC r=1 INSERT INTO log VALUES (tg_op)'
		) x 2,
		'0 EXEC r=2 INSERT INTO by_row VALUES (1), (2)',
		@wrote,
		'1 BINDS INSERT INSERT INTO log VALUES (tg_op)',
		'1 EXEC r=1 INSERT INTO log VALUES (tg_op)',
		'0 EXEC r=2 INSERT INTO by_statement VALUES (1), (2)',
		@wrote
	],
	[
		'deferred triggers',
		[
			'BEGIN',
			'INSERT INTO deferred VALUES (1)',
			'COMMIT',
			'BEGIN',
			'INSERT INTO deferred VALUES (666)',
			'COMMIT',
			'INSERT INTO deferred VALUES (2)',
			'INSERT INTO deferred VALUES (666)'
		],
		'0 EXEC r=0 BEGIN',
		'0 EXEC r=1 INSERT INTO deferred VALUES (1)',
		'0 ERROR P0001 COMMIT',
		$wrote,
		'0 EXEC r=0 COMMIT',
		'0 EXEC r=0 BEGIN',
		'0 EXEC r=1 INSERT INTO deferred VALUES (666)',
		'0 ERROR P0001 COMMIT',
		'1 PARSE ERROR 42601 1 selec 3',
		'0 EXEC r=0 COMMIT',
		'0 ERROR 42601 COMMIT',
		'XCTEND rlbk=1 rd_only=0',
		'0 EXEC r=1 INSERT INTO deferred VALUES (2)',
		'0 ERROR P0001 INSERT INTO deferred VALUES (2)',
		@wrote,
		'0 EXEC r=1 INSERT INTO deferred VALUES (666)',
		'0 ERROR P0001 INSERT INTO deferred VALUES (666)',
		'0 PARSE ERROR 42601 1 selec 3',
		'XCTEND rlbk=1 rd_only=0'
	],
	[
		'COPY',
		[
			\&copy_in, 'COPY by_row TO STDOUT',
			'COPY (SELECT id FROM t WHERE id < 3) TO STDOUT'
		],
		'0 EXEC r=2 COPY log FROM STDIN',
		@wrote,
		'0 EXEC r=2 COPY by_row TO STDOUT',
		$committed,
		'1 EXEC r=0 COPY (SELECT id FROM t WHERE id < 3) TO STDOUT',
		'1 FETCH r=2 COPY (SELECT id FROM t WHERE id < 3) TO STDOUT',
		'0 EXEC r=2 COPY (SELECT id FROM t WHERE id < 3) TO STDOUT',
		$committed
	],
	[
		'functions called by message',
		[
			map {
				my $oid = $oid{$_};
				sub { $_[0]->function($oid)->sync }
			} 'undefined',
			'undefined_caught',
			'divides'
		],
		'1 PARSE ERROR 42P01 15 SELECT 1 FROM nosuch',
		'0 EXEC r=0 <fast-path call> public.undefined()',
		'0 ERROR 42P01 <fast-path call> public.undefined()',
		$rolled_back,
		'1 PARSE ERROR 42P01 15 SELECT 1 FROM nosuch',
		$committed,
		'0 EXEC r=1 <fast-path call> public.undefined_caught()',
		'0 ERROR 22012 <fast-path call> public.divides()',
		$committed,
		'0 EXEC r=1 <fast-path call> public.divides()'
	],
	[
		'foreign tables',
		[ 'SELECT id FROM rows', 'SELECT n FROM remote WHERE id = 3' ],
		'0 EXEC r=0 SELECT id FROM rows',
		'0 FETCH r=2 SELECT id FROM rows',
		$committed,
		'0 EXEC r=0 SELECT n FROM remote WHERE id = 3',
		'0 FETCH r=1 SELECT n FROM remote WHERE id = 3',
		$committed
	],
	[
		'prepared transactions',
		[
			(
				'BEGIN',
				'INSERT INTO log VALUES (1)',
				q{PREPARE TRANSACTION 'x'},
				q{ROLLBACK PREPARED 'x'}
			),
			(
				'BEGIN',
				'INSERT INTO log VALUES (1)',
				q{PREPARE TRANSACTION 'x'},
				q{COMMIT PREPARED 'x'}
			),
			q{ROLLBACK PREPARED 'nosuch'}
		],
		'0 EXEC r=0 BEGIN',
		'0 EXEC r=1 INSERT INTO log VALUES (1)',
		q{0 EXEC r=0 PREPARE TRANSACTION 'x'},
		'XCTEND rlbk=1 rd_only=0',
		q{0 EXEC r=0 ROLLBACK PREPARED 'x'},
		'0 EXEC r=0 BEGIN',
		'0 EXEC r=1 INSERT INTO log VALUES (1)',
		q{0 EXEC r=0 PREPARE TRANSACTION 'x'},
		$wrote,
		q{0 EXEC r=0 COMMIT PREPARED 'x'},
		q{0 EXEC r=0 ROLLBACK PREPARED 'nosuch'},
		q{0 ERROR 42704 ROLLBACK PREPARED 'nosuch'},
		$rolled_back
	])
{
	my ($name, $messages, @expected) = @$case;
	my @lines = outline_of(trace_of({}, @$messages));

	# PARSE lines are left out, and so are the failed ones with their error
	is_deeply(\@lines, \@expected, $name) or diag(join "\n", @lines);
}

# What is secret stays so in a nested text that isn't understood
{
	my $secret = $node->safe_psql('postgres', q{SELECT md5('1')});
	my @errors = PgTrace::File::of_type(
		trace_of({}, q{DO $$ BEGIN EXECUTE 'ALTER ROLE x PASS' || 'WORD '}
			  . q{|| quote_literal(md5('1')) || ' nonsense'; END $$}),
		'PARSE ERROR');

	is(scalar @errors, 1, 'a nested text with a password');
	like($errors[0]{text}, qr/^ALTER ROLE x PASSWORD/, 'it is shown');
	unlike($errors[0]{text}, qr/\Q$secret\E/, 'without the password')
}

# Whose statement it is, and which: as EXPLAIN has it
{
	my $identifier = sub {
		my ($sql, @settings) = @_;
		my ($id) = $node->safe_psql('postgres',
			join(';', @settings, "EXPLAIN (VERBOSE) $sql")) =~ /^Query Identifier: (-?\d+)$/m;

		return $id;
	};
	my @messages = (
		'SELECT count(*) FROM log', 'SELECT as_other()',
		'SET ROLE other', 'SELECT count(*) FROM log',
		'CREATE SCHEMA s CREATE TABLE log (other int)',
		'SET search_path = s', 'SELECT count(*) FROM log');
	my $trace = trace_of({}, @messages);
	my $outer = $identifier->('SELECT count(*) FROM log');
	my $s = $identifier->('SELECT count(*) FROM log', 'SET search_path = s');

	isnt($s, $outer, 'the table is another');
	is_deeply(
		[
			map { "$_->{fields}{dep} $_->{fields}{uid} " . identifier_of($_) }
			  cursors_of($trace, qr/^\(?SELECT count/)
		],
		[
			"0 $uid{$self} $outer",
			"1 $uid{other} " . identifier_of((cursors_of($trace, qr/^\(SELECT count/))[0]),
			"0 $uid{other} $outer",
			"0 $uid{other} $s"
		],
		'user and identifier of each');

	# a plan that is another has STAT lines again, one that was there has not
	my $query = 'SELECT id FROM t WHERE n = 3';
	$trace = trace_of({}, $query, $query, 'SET enable_seqscan = off',
		'CREATE INDEX i ON t (n)', $query, $query, 'DROP INDEX i', $query);
	is_deeply([ map { $_->{text} } stats($trace, qr/^SELECT id FROM t/) ],
		[ 'Seq Scan on t', 'Index Scan using i on t' ],
		'STAT of each plan, once');
	is(scalar(cursors_of($trace, qr/^SELECT id FROM t/)), 1, 'of one cursor');
}

# Parallel workers, whose own files have what they did
{
	my $trace = trace_of(
		{},
		'SET force_parallel_mode = on',
		'SELECT 1; SELECT max(id) FROM t; SELECT 2');
	my @files = map { $_->{text} =~ /^PARALLEL WORKER OF .* FILE (\S+)$/ ? $1 : () }
	  PgTrace::File::of_type($trace, 'NOTE');

	is_deeply(
		[ map { outline_of(read_trace($node, $_)) } @files ],
		[
			map { ("0 EXEC r=0 $_", "0 FETCH r=1 $_") } 'SELECT 1',
			'SELECT max(id) FROM t',
			'SELECT 2'
		],
		'parallel workers');
}

# A walsender: SQL, and replication commands, which pass no hook, but can fail
{
	my @lines = outline_of(
		trace_of(
			{ startup => { replication => 'database' } },
			'IDENTIFY_SYSTEM', 'SELECT 3', 'DROP_REPLICATION_SLOT nosuch'));

	is_deeply(
		[ grep { !/^XCTEND/ } @lines ],
		[
			'0 EXEC r=0 SELECT 3', '0 FETCH r=1 SELECT 3',
			'0 PARSE ERROR 42704 0 DROP_REPLICATION_SLOT nosuch'
		],
		'replication commands')
	  or diag(join "\n", @lines);
}

# A worker that applies changes: what its triggers do
{
	my $subscriber = PgTrace::Node::new_node('subscriber',
		'max_logical_replication_workers' => 4);
	my $from = $node->connstr('postgres') =~ s/'/''/gr;

	$node->safe_psql('postgres',
		'CREATE TABLE r (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE r');
	$subscriber->safe_psql('postgres', <<"SQL");
CREATE TABLE r (id int PRIMARY KEY);
CREATE TABLE log (what text);
CREATE FUNCTION undefined() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	IF new.id = 2 THEN
		BEGIN
			PERFORM 1 / (new.id - 2);
		EXCEPTION WHEN others THEN
			INSERT INTO public.log VALUES (sqlstate);
		END;
		BEGIN
			RAISE EXCEPTION 'x';
		EXCEPTION WHEN others THEN
			NULL;
		END;
		PERFORM 1 FROM nosuch;
	END IF;
	RETURN NULL;
END \$\$;
CREATE TRIGGER u AFTER INSERT ON r FOR EACH ROW EXECUTE FUNCTION undefined();
ALTER TABLE r ENABLE ALWAYS TRIGGER u;
CREATE SUBSCRIPTION s CONNECTION '$from' PUBLICATION p WITH (disable_on_error = true);
SQL
	$subscriber->wait_for_subscription_sync($node, 's');
	my $pid = $subscriber->safe_psql('postgres',
		'SELECT pid FROM pg_stat_subscription WHERE relid IS NULL');
	my $path = $subscriber->safe_psql('postgres', "SELECT pg_trace_session($pid)");
	$node->safe_psql('postgres', 'INSERT INTO r VALUES (1)');
	$node->safe_psql('postgres', 'INSERT INTO r VALUES (2)');
	my @lines = outline_of(read_trace($subscriber, $path));
	my @errors = grep { /ERROR|log/ } @lines;

	is_deeply(
		\@errors,
		[
			'0 ERROR 22012 SELECT 1 / (new.id - 2)',
			'0 BINDS 22012 INSERT INTO public.log VALUES (sqlstate)',
			'0 EXEC r=1 INSERT INTO public.log VALUES (sqlstate)',
			# in no call, it goes with the last cursor, as a wait would
			'0 ERROR P0001 INSERT INTO public.log VALUES (sqlstate)',
			'0 PARSE ERROR 42P01 15 SELECT 1 FROM nosuch'
		],
		'apply worker') or diag(join "\n", @lines);
	clean_files($subscriber);
}

clean_files($node);
done_testing();
