
=pod

=head1 NAME

PgTrace::RedactionCases - statements with secrets, and without

=head1 SYNOPSIS

  use PgTrace::RedactionCases;

  $client->query(plain($_))->sync foreach @secrets;

=head1 DESCRIPTION

In each statement of @secrets and @failing, what is in [[ ]] is hidden and all
else is shown; whatever is secret contains "cr3t".  Those of @failing fail before
they are executed.  What is in @harmless is shown as it is.

=over

=item plain(case)

The statement itself.

=item shown(case)

What a trace shows of it.

=back

=cut

package PgTrace::RedactionCases;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(@secrets @failing @harmless plain shown);

our @secrets = (

	# roles
	q{CREATE ROLE r1 PASSWORD [['s3cr3t']] VALID UNTIL [['infinity']]},
	q{CREATE USER r2 WITH ENCRYPTED PASSWORD [['s3''cr3t it''s3cr3t']]},
	q{CREATE GROUP r3 PASSWORD [[E's3cr3t\' s3cr3t \\\\']] CONNECTION LIMIT [[3]]},
	q{ALTER ROLE r PASSWORD [[U&'\0073s3cr3t']]},
	q{ALTER USER r PASSWORD [[U&'s3cr3t!0073s3cr3t']] UESCAPE [['!']]},
	q{ALTER USER r WITH PASSWORD [[$$s3cr3t$$]]},
	q{ALTER USER r WITH PASSWORD [[$a$s3cr3t $$ ' s3cr3t$a$]]},
	q{ALTER GROUP r PASSWORD [['s3cr3t']]},
	qq{ALTER ROLE r\n\tpassword\n\n\t[['s3cr3t']]},
	q{alter role r PaSsWoRd[['s3cr3t']]},
	qq{ALTER ROLE r PASSWORD [['one s3cr3t'\n  'two s3cr3t']] NOLOGIN},
	qq{ALTER ROLE r PASSWORD [['one s3cr3t' -- it's\n -- so\n 'two s3cr3t']]},
	qq{ALTER ROLE r PASSWORD [[E'one s3cr3t\\''\n'\\'s3cr3t']]},
	q{ALTER ROLE r PASSWORD /* a comment */ [['s3cr3t']]},
	q{ALTER ROLE r PASSWORD /* a /* nested ' */ one */ [['s3cr3t']]},
	qq{ALTER ROLE r PASSWORD -- a comment\n[['s3cr3t']]},
	qq{ALTER ROLE r PASSWORD -- isn't one\r[['s3cr3t']]},
	qq{ALTER ROLE r PASSWORD [['s3cr3t\nover s3cr3t\nlines']]},
	q{ALTER ROLE nosuch PASSWORD [['s3cr3t']]},
	q{ALTER ROLE r PASSWORD [['md5cr3t']] VALID UNTIL [['2030-01-01']]},
	q{ALTER ROLE r VALID UNTIL [['infinity']] PASSWORD [['s3cr3t']]},
	q{CREATE ROLE r4 IN ROLE r PASSWORD [['SCRAM-SHA-256$4096:cr3t']]},
	q{ALTER ROLE "r" PASSWORD [['s3cr3t']]},
	q{ALTER ROLE CURRENT_USER PASSWORD [['s3cr3t']]},
	q{ALTER ROLE r ENCRYPTED PASSWORD [[e's3cr3t']] LOGIN},

	# options and connection strings
	q{CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host [['h']], password [['s3cr3t']])},
	q{CREATE SERVER s2 TYPE [['t']] FOREIGN DATA WRAPPER w OPTIONS (key [['s3cr3t']])},
	q{CREATE USER MAPPING FOR r SERVER s OPTIONS (user [['u']], password [['s3cr3t']])},
	q{CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (auth [['s3cr3t']])},
	q{ALTER USER MAPPING FOR r SERVER s OPTIONS (SET password [['s3cr3t']])},
	q{ALTER USER MAPPING FOR r SERVER s OPTIONS (ADD U&"\0070w" [['s3cr3t']])},
	q{ALTER SERVER s OPTIONS (SET "password" [['s3cr3t']])},
	q{ALTER SERVER s OPTIONS (ADD other [[$$s3cr3t$$]])},
	q{ALTER FOREIGN DATA WRAPPER w OPTIONS (ADD x [['s3cr3t']])},
	q{CREATE FOREIGN DATA WRAPPER w2 OPTIONS (x [['s3cr3t']])},
	q{CREATE FOREIGN TABLE ft (a int OPTIONS (x [['1']])) SERVER s OPTIONS (secret [['s3cr3t']])},
	q{CREATE SUBSCRIPTION sub CONNECTION [['host=h password=s3cr3t user=u']] PUBLICATION p WITH (connect = false)},
	q{CREATE SUBSCRIPTION sub2 CONNECTION [['service=s3cr3t']] PUBLICATION p WITH (connect = false)},
	q{ALTER SUBSCRIPTION sub CONNECTION [['host=h password = ''s3cr3t and s3cr3t'' user=u']]},
	q{ALTER SUBSCRIPTION sub CONNECTION [['postgresql://u:s3cr3t@h:5432/d?application_name=a']]},
	q{SELECT [['host=h password=s3cr3t user=u']]},
	q{SELECT [['host=h sslpassword=s3cr3t']], [[$$password='s3cr3t' user=u$$]]},
	q{SELECT [['password=''s3\\''cr3t s3cr3t'' host=h']]},
	q{SELECT dblink_connect([['c']], [['dbname=x password=s3cr3t']])},
	q{SELECT * FROM dblink([['postgres://u:s3cr3t@h/d']], [['SELECT 1']]) AS t(a int)},
	q{SELECT dblink_connect([['dbname=x ']] || [['password=']] || [['s3cr3t']])},
	q{SELECT dblink_connect([[E'dbname=x p\\x61ssword=s3cr3t']])},
	q{SELECT dblink_connect([[E'p\\141ssword=s3cr3t']])},
	q{SELECT dblink_connect([[U&'p\0061ssword=s3cr3t']])},
	q{SELECT dblink_connect([[E'p\\u0061ssword=s3cr3t']])},
	qq{SELECT dblink_connect([['pass'\n'word=s3cr3t']])},
	q{COPY plain FROM PROGRAM [['false --password=s3cr3t']]},
	q{COPY (SELECT password FROM users WHERE name = [['s3cr3t']]) TO [['/nonexistent/x']]},

	# settings
	q{SET app.password = [['s3cr3t']]},
	q{SET app.password TO [['s3cr3t']]},
	q{SET app.password TO [[s3cr3t]]},
	q{SET app.password = [[s3cr3t]], [[s3cr3t]]},
	q{SET SESSION app.api_key = [["s3cr3t"]]},
	q{SET LOCAL "app"."password" = [['s3cr3t']]},
	q{SET app.other = [['password=s3cr3t']]},
	q{SET app.number_token = [[12345]]},
	q{ALTER ROLE r SET app.password = [['s3cr3t']]},
	q{ALTER ROLE r IN DATABASE postgres SET app.token TO [[s3cr3t]]},
	q{ALTER DATABASE postgres SET app.secret = [['s3cr3t']]},
	q{ALTER DATABASE postgres SET app.secret = [[s3cr3t]]},
	q{ALTER SYSTEM SET primary_conninfo = [['host=h user=s3cr3t']]},
	q{ALTER SYSTEM SET primary_conninfo TO [['host=h password=s3cr3t']]},
	q{ALTER SYSTEM SET ssl_passphrase_command = [['echo s3cr3t']]},
	q{ALTER FUNCTION say(text) SET app.password TO [[s3cr3t]]},
	q{SELECT set_config([['app.password']], [['s3cr3t']], false)},
	q{SELECT set_config([['app.pass']] || [['word']], [['password: s3cr3t']], false)},
	q{UPDATE pg_settings SET setting = [['s3cr3t']] WHERE name = [['app.password']]},

	# DML
	q{UPDATE users SET password = [['s3cr3t']] WHERE id = [[1]]},
	q{UPDATE users SET password=[['s3cr3t']],name=[['n']] WHERE id=[[1]]},
	q{UPDATE users SET (name, password) = ([['n']], [['s3cr3t']])},
	q{UPDATE users u SET "password" = [[$$s3cr3t$$]] WHERE u.id IN ([[1]], -[[2]])},
	q{UPDATE users SET U&"pass\0077ord" = [['s3cr3t']]},
	q{UPDATE users SET U&"pass!0077ord" UESCAPE [['!']] = [['s3cr3t']]},
	q{UPDATE users SET "userPassword" = [['s3cr3t']]},
	q{UPDATE users SET password_hash = [['s3cr3t']] WHERE name = [['bob']]},
	q{UPDATE users SET api_key = [['s3cr3t']]},
	q{UPDATE users SET password = [['s3']] || [['cr3t']]},
	q{UPDATE users SET password = crypt([['s3cr3t']], gen_salt([['md5']]))},
	q{INSERT INTO users (id, password) VALUES ([[1]], [['s3cr3t']])},
	q{INSERT INTO users (id, password) VALUES ([[1]], [['s3cr3t']]), ([[2]], [[E's3cr3t']]), ([[1e5]], NULL)},
	q{INSERT INTO users (id, password) SELECT [[1]], [['s3cr3t']]},
	q{INSERT INTO users VALUES ([[1]], [['n']], [['s3cr3t']]) RETURNING password},
	q{INSERT INTO settings VALUES ([['smtp_password']], [['s3cr3t']])},
	q{INSERT INTO settings AS s VALUES ([['x']], [['y']]) ON CONFLICT DO NOTHING RETURNING [['s3cr3t']] AS token},
	q{DELETE FROM users WHERE password = [['s3cr3t']]},
	q{SELECT * FROM users WHERE name = [['bob']] AND password = [['s3cr3t']]},
	q{SELECT * FROM users WHERE password LIKE [['s3cr3t%']] LIMIT [[10]]},
	q{SELECT * FROM users WHERE [['s3cr3t']] IN (password, api_key)},
	q{SELECT u.password = [['s3cr3t']], [[1000]] FROM users u},
	q{SELECT [['s3cr3t']] AS "access-token"},
	q{SELECT [['s3cr3t']] AS "accessToken"},
	q{SELECT [['s3cr3t']] AS client_secret},
	q{SELECT [['s3cr3t']] AS passwd},
	q{SELECT [['s3cr3t']] AS user_pwd},
	q{SELECT [['s3cr3t']] AS passphrase},
	q{SELECT [['s3cr3t']] AS APIKEY},
	q{SELECT [['s3cr3t']] AS "apiKeys"},
	q{SELECT [['s3cr3t']] AS tokens},
	q{SELECT [['s3cr3t']] AS mypassword2},
	q{SELECT [['s3cr3t']] AS user_pass},
	q{SELECT [['s3cr3t']] AS credentials},
	q{SELECT [['s3cr3t']]::text AS private_key, [[B'101']], [[X'1F']], [[N'x']], [[1.5e-3]], [[.5]]},
	q{SELECT login([['bob']], password => [['s3cr3t']])},
	q{SELECT login([['bob']], password := [['s3cr3t']])},
	q{SELECT login(name => [['bob']], "password" => [[$x$s3cr3t$x$]])},
	q{CALL set_password([['bob']], [['s3cr3t']])},
	q{SELECT crypt([['s3cr3t']], gen_salt([['md5']]))},
	q{SELECT pgp_sym_encrypt([['data']], [['s3cr3t']])},
	q{SELECT hmac([['data']], [['s3cr3t']], [['sha256']])},
	q{WITH x AS (SELECT [['s3cr3t']] AS password) SELECT * FROM x, plain WHERE id = [[7]]},
	q{MERGE INTO users u USING plain p ON p.id = u.id WHEN MATCHED THEN UPDATE SET password = [['s3cr3t']]},

	# JSON and other values with keys
	q{SELECT [['{"user": "u", "password": "s3cr3t"}']]},
	q{SELECT [['{"password":"s3cr3t"}']]::jsonb},
	q{SELECT [['{"api-key" : "s3cr3t"}']]::jsonb},
	q{SELECT [[E'{\\"password\\": \\"s3cr3t\\"}']]},
	q{SELECT json_build_object([['password']], [['s3cr3t']])},
	q{SELECT jsonb_set(data, [['{user,password}']], [['"s3cr3t"']]) FROM plain},
	q{SELECT data->[['password']] FROM plain WHERE data->>[['x']] = [['s3cr3t']]},
	q{SELECT hstore([['token']], [['s3cr3t']])},
	q{SELECT [['password=>s3cr3t']]::hstore},
	q{SELECT [['<password>s3cr3t</password>']]},
	q{SELECT [['https://h/x?user=u&token=s3cr3t']]},
	q{SELECT [['https://u:s3cr3t@h/x']]},
	q{SELECT [['redis://:s3cr3t@h/0']]},
	q{SELECT [['a password%3Ds3cr3t']]},
	q{SELECT say([['Password: s3cr3t']])},
	q{INSERT INTO plain VALUES ([[1]], [['n']], [['{"credentials": ["s3cr3t"]}']])},
	q{NOTIFY c, [['token=s3cr3t']]},
	q{COMMENT ON TABLE plain IS [['password = s3cr3t']]},

	# within others
	q{EXPLAIN UPDATE users SET password = [['s3cr3t']]},
	q{EXPLAIN (COSTS off) SELECT [['s3cr3t']] AS token},
	q{CREATE TABLE t1 AS SELECT [['s3cr3t']] AS password},
	q{CREATE TABLE t2 (id int, password varchar([[30]]) DEFAULT [['s3cr3t']])},
	q{CREATE VIEW v1 AS SELECT * FROM users WHERE password = [['s3cr3t']]},
	q{CREATE RULE ru AS ON INSERT TO plain DO ALSO UPDATE users SET password = [['s3cr3t']]},
	q{ALTER TABLE users ALTER password SET DEFAULT [['s3cr3t']]},
	q{BEGIN},
	q{DECLARE c CURSOR FOR SELECT [['s3cr3t']] AS password},
	q{COMMIT},
	q{PREPARE q1 AS UPDATE users SET password = [['s3cr3t']] WHERE id = $1},
	q{PREPARE q2(text, int) AS UPDATE users SET password = $1 WHERE id = $2},
	q{EXECUTE q2([['s3cr3t']], [[1]])},
	q{EXPLAIN EXECUTE q2([['s3cr3t']], [[2]])},
	q{EXPLAIN ANALYZE EXECUTE q2([[$$s3cr3t$$]], [[3]])},
	q{PREPARE q3(text) AS SELECT $1 AS token},
	q{CREATE TABLE t3 AS EXECUTE q3([['s3cr3t']])},
	q{EXPLAIN CREATE TABLE t4 AS EXECUTE q3([['s3cr3t']])},
	q{EXECUTE nosuch([['s3cr3t']])},
	q{DO $$ BEGIN EXECUTE [['ALTER ROLE r PASSWORD ''s3cr3t''']]; END $$},
	q{DO $$ BEGIN EXECUTE [['ALTER ROLE r PASSWORD ''s3''''cr3t s3cr3t''']]; END $$},
	q{DO $x$ BEGIN EXECUTE [[$$ALTER ROLE r PASSWORD 's3cr3t'$$]]; /* keep */ END $x$},
	q{DO $$ BEGIN ALTER ROLE r PASSWORD [['s3cr3t']]; PERFORM [[1]]; END $$},
	q{DO $$ DECLARE pw text := [['s3cr3t']]; BEGIN PERFORM say(pw); END $$},
	q{DO $$ BEGIN EXECUTE format([['ALTER ROLE r PASSWORD %L']], [['s3cr3t']]); END $$},
	q{DO $$ BEGIN EXECUTE [['ALTER ROLE r PASSWORD ']] || quote_literal([['s3cr3t']]); END $$},
	q{DO LANGUAGE plpgsql $$ BEGIN ALTER ROLE r PASSWORD [['s3cr3t']]; END $$},
	q{DO [['BEGIN EXECUTE ''ALTER ROLE r PASSWORD ''''s3cr3t''''''; END']]},
	q{DO [[$$ password = 's3cr3t'; it's s3cr3t $$]] LANGUAGE nosuch},
	q{CREATE FUNCTION f1() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN ALTER ROLE r PASSWORD [['s3cr3t']]; END $f$},
	q{SELECT f1()},
	q{CREATE OR REPLACE FUNCTION f2(a int DEFAULT [[5]]) RETURNS text LANGUAGE sql AS $$ SELECT [['s3cr3t']] AS token $$},
	q{CREATE PROCEDURE p1() LANGUAGE sql AS [['UPDATE users SET password = ''s3cr3t''']]},
	q{CREATE FUNCTION f3() RETURNS int LANGUAGE sql SET app.password TO [[s3cr3t]] AS $$ SELECT [[1]] $$},
	q{CREATE FUNCTION f4() RETURNS int LANGUAGE nosuch AS [[$$ my $password = "s3cr3t"; # isn't it $$]]},
	q{CREATE FUNCTION f5() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT [['s3cr3t']] AS token; END},

	# comments
	q{SELECT 1 [[/* password=s3cr3t */]]},
	qq{SELECT 2 [[-- token: s3cr3t]]\n},
	q{SELECT 3 /* a */ [[/* https://u:s3cr3t@h */]] + 4},
	q{UPDATE users SET password = [['s3cr3t']] /* stays */ [[/* was 's3cr3t': password 's3cr3t' */]]});

# A statement that could not be parsed: all from its first constant on is hidden,
# and in one that could, names in quotes as well.
our @failing = (
	q{ALTER ROLE r PASSWORD [['s3cr3t' nonsense]]},
	q{ALTER ROLE r PASSWORD = [['s3cr3t']]},
	q{ALTER ROLE r PASSWORD ([['s3cr3t')]]},
	q{ALTER ROLE r PASSWORD [["s3cr3t"]]},
	q{ALTER ROLE r PASSWORD [[s3cr3t]]},
	q{ALTER ROLE r PASWORD [['s3cr3t']]},
	q{ALTER ROLE r PASSWORD [['it's s3cr3t' VALID UNTIL 'infinity']]},
	q{ALTER USER r IDENTIFIED BY [['s3cr3t']]},
	q{ALTER USER r IDENTIFIED BY [[s3cr3t]]},
	q{GRANT ALL ON users TO r IDENTIFIED BY [[s3cr3t]]},
	q{CREATE USER r9 IDENTIFIED BY [["s3cr3t"]]},
	q{ALTER ROLE r PASSWORD [[N's3cr3t']]},
	q{CREATE USER MAPPING FOR r SERVER s OPTIONS (user [['u' password 's3cr3t')]]},
	q{UPDATE users SET password = [['it's s3cr3t' WHERE id = 1]]},
	q{SELECT FROM; UPDATE users SET password = [['s3cr3t']]},
	q{INSERT INTO users(password) VALUES ([['s3cr3t'), (]]},
	q{UPDATE users SET password = [["s3cr3t"]] WHERE id = [[1]]},
	q{UPDATE users SET password = [[s3cr3t]] WHERE name = [['bob']]},
	q{INSERT INTO users (password, nosuch) VALUES ([["s3cr3t"]], [[s3cr3t]], [['s3cr3t']])},
	q{SELECT * FROM nosuch WHERE password = [['s3cr3t']] AND [["x"]] = [[1]]},
	q{ALTER ROLE r PASSWORD [['s3cr3t without an end]]},
	q{ALTER ROLE r PASSWORD [[$x$s3cr3t without an end]]},
	q{SELECT * FROM users WHERE password = [["s3cr3t without an end]]},
	q{SELECT; ALTER ROLE r PASSWORD [['s3cr3t' oops]]});

our @harmless = (
	q{SELECT 'forgot password' FROM users WHERE name = 'bob'},
	q{SELECT 'Forgot your password?', 1},
	q{SELECT 'password is too short' WHERE 1 = 1},
	q{SELECT 'the tokens, and a secret too', 2},
	q{SELECT count(*) FROM plain WHERE name = 'secretary'},
	q{SELECT 'secretary' AS secretary},
	q{SELECT 'x' AS tokenizer, 'y' AS bypass, 'z' AS compass},
	q{SELECT 'x' AS passed, 'y' AS passenger, 'z' AS pwned},
	q{SELECT name, id FROM users WHERE name = 'x'},
	q{SELECT 'it''s', E'it\'s', $$it's$$, U&'\0041', B'1', X'F', N'n'},
	q{SELECT '--', '/*', $a$ /* $$ -- $a$, "?column?" FROM (SELECT 1) x},
	q{SELECT 1 -- password},
	q{SELECT 1 /* the password column is not read */},
	q{SELECT 1 /* a /* nested 'password */ comment */, 'x'},
	q{SELECT 'https://example.com:8080/a@b', 'a@b.c', '12:30'},
	q{SELECT 'https://example.com/x?user=u&page=2'},
	q{SELECT '{"user": "u", "name": "n"}'::jsonb},
	q{SELECT 'host=h user=u dbname=d'},
	q{SELECT 'Create a password with 8 letters'},
	q{SELECT * FROM plain WHERE name LIKE '%password%'},
	q{INSERT INTO plain VALUES (1, 'a password', '{"note": "no password"}')},
	q{UPDATE plain SET name = 'x' WHERE id = 1},
	q{UPDATE plain SET name = $x$y$x$ WHERE id = 1},
	q{DELETE FROM plain WHERE name IN ('a', 'b') AND id BETWEEN 1 AND 2},
	q{SET work_mem = '8MB'},
	q{SET search_path TO public, pg_catalog},
	q{SET app.name = 'x'},
	q{ALTER ROLE r SET work_mem = '8MB'},
	q{ALTER ROLE r VALID UNTIL 'infinity' CONNECTION LIMIT 3},
	q{ALTER ROLE password_admin VALID UNTIL 'infinity'},
	q{ALTER ROLE r PASSWORD NULL VALID UNTIL 'infinity'},
	q{ALTER SYSTEM SET log_line_prefix = '%m '},
	q{CREATE ROLE r5 LOGIN VALID UNTIL '2030-01-01'},
	q{SELECT password, name FROM users},
	q{SELECT name AS "password" FROM users},
	q{ALTER TABLE users RENAME password_hash TO password_digest},
	q{GRANT SELECT (password) ON users TO r},
	q{CREATE INDEX ON users (password)},
	q{DO $$ BEGIN PERFORM say('x'), 1; END $$},
	q{CREATE FUNCTION g1() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$},
	q{CREATE FUNCTION g2() RETURNS text LANGUAGE sql AS 'SELECT ''it''''s'''},
	q{PREPARE h(int) AS SELECT $1, 'x'},
	q{EXECUTE h(42)},
	q{SELECT current_setting('server_version'), 1e5, 0.5},
	q{SELECT now() - interval '1 day', '2024-01-01'::date},
	q{SELECT 1 AS a$b, 'x' AS "it's"},
	q{SELECT count(*) FROM pg_class WHERE relname ~ '^pg_' AND relkind = 'r'});

# What is hidden stands for this.
sub mask
{
	my ($hidden) = @_;

	return '-- ***' if $hidden =~ /^--/;
	return '/* *** */' if $hidden =~ m{^/\*};
	return '"***"' if $hidden =~ /^"/;
	return q{'***'} if $hidden =~ /^(?:[enbx]|u&)?['\$]/i;
	return '***';
}

sub plain { return $_[0] =~ s/\[\[|\]\]//gr; }

sub shown { return $_[0] =~ s/\[\[(.*?)\]\]/mask($1)/gesr =~ s/\s+$//r; }

1;
