# How texts are read for what is secret in them: as PostgreSQL reads them, in
# time that is linear in their length, and without reading beyond their ends.

use strict;
use warnings;

use IPC::Run;
use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use PostgreSQL::Test::Utils;
use PgTrace::RedactionCases;
use Test::More;
use Time::HiRes qw(time);

my %token = (end => 0, comment => 1, name => 2, quoted_name => 3, string => 4);

# Answers of redact_text to requests [what, standard, text]
sub ask
{
	my (@requests) = @_;
	my $in = join '',
	  map { "$_->[0] $_->[1] " . length($_->[2]) . "\n$_->[2]" } @requests;
	my ($out, $err) = ('', '');

	IPC::Run::run([ $ENV{PGT_TEST_BIN} . '/redact_text' ],
		'<', \$in, '>', \$out, '2>', \$err)
	  or die "redact_text failed: $err";
	my $at = 0;
	my $line = sub {
		my $end = index $out, "\n", $at;
		my $text = substr $out, $at, $end - $at;
		$at = $end + 1;
		return $text;
	};
	my $bytes = sub { $at += $_[0]; return substr $out, $at - $_[0], $_[0]; };
	my @answers;

	foreach my $request (@requests)
	{
		if ($request->[0] =~ /[sfau]/)
		{
			my ($sensitive, $us, $length) = split / /, $line->();
			push @answers,
			  { sensitive => $sensitive, us => $us, text => $bytes->($length) };
		}
		elsif ($request->[0] eq 't')
		{
			my @tokens;
			do
			{
				my ($type, $length) = split / /, $line->();
				push @tokens, [ $type, $bytes->($length) ];
			} while ($tokens[-1][0] != $token{end});
			push @answers, \@tokens;
		}
		else
		{
			push @answers, $line->();
		}
	}
	return @answers;
}

# The value that a text is for the lexer, if it is a string and perhaps a name
sub string_value
{
	my ($tokens) = @_;
	my @tokens = grep { $_->[0] != $token{comment} } @$tokens;

	return if $tokens[0][0] != $token{string};
	return if grep {
		$_->[0] != $token{name} && $_->[0] != $token{quoted_name}
	} @tokens[ 1 .. $#tokens - 1 ];
	return $tokens[0][1];
}

# Pieces of strings in any order, each of which PostgreSQL may take or not
sub random_texts
{
	my ($n) = @_;
	my @pieces = (
		q{'}, q{'}, q{'}, q{''}, '\\', q{\\'}, '"', '$$', '$a$', '$', '--', "\n",
		"\n", ' ', '/*', '*/', 'E', q{E'}, q{U&'}, q{N'}, 'a', 'b', '\\x41',
		'\\101', '\\0041', '1');

	srand 4711;
	return map {
		join '', map { $pieces[ rand @pieces ] } 1 .. 2 + int rand 8
	} 1 .. $n;
}

my $node = PgTrace::Node::new_node('main',
	'track_activity_query_size' => '1MB', 'log_statement' => 'none',
	'log_min_error_statement' => 'panic', 'log_min_messages' => 'fatal');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE texts (id int, text text, result text);
CREATE FUNCTION value_of(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE 'SELECT ' || $1 INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN NULL;
END
$$;
SQL

# as PostgreSQL reads them
foreach my $standard (1, 0)
{
	my @texts = random_texts(20000);
	my $copy = join '',
	  map { "$_\t" . unpack('H*', $texts[$_]) . "\n" } 0 .. $#texts;
	my $file = $node->basedir . "/texts$standard";

	append_to_file($file, $copy);
	my $setting = $standard ? 'on' : 'off';
	my $results = $node->safe_psql('postgres', <<"SQL");
SET escape_string_warning = off;
SET standard_conforming_strings = $setting;
TRUNCATE texts;
COPY texts (id, text) FROM '$file';
SELECT id || ' ' || encode(convert_to(value, 'UTF8'), 'hex')
FROM (SELECT id, value_of(convert_from(decode(text, 'hex'), 'UTF8')) AS value
	FROM texts) x
WHERE value IS NOT NULL;
SQL
	my %expected = map { /^(\d+) (.*)/ ? ($1 => pack('H*', $2)) : () }
	  split /\n/, $results;
	my @answers = ask(map { [ 't', $standard, $_ ] } @texts);
	my @wrong;
	my $compared = 0;

	foreach my $id (sort { $a <=> $b } keys %expected)
	{
		my $value = string_value($answers[$id]);
		next unless defined $value;
		$compared++;
		# N'' makes a character(n)
		s/ +$// foreach $value, $expected{$id};
		push @wrong, "$texts[$id]: $value, not $expected{$id}"
		  if $value ne $expected{$id};
	}
	cmp_ok($compared, '>', 200, "strings, standard_conforming_strings $setting");
	is_deeply(\@wrong, [], 'the values that PostgreSQL sees');
}

# what else there is in SQL
{
	my @tokens = map {
		join '|', map { $_->[1] } grep { $_->[0] >= $token{name} && $_->[0] <= $token{string} } @$_
	  } ask(
		map { [ 't', 1, $_ ] } 'a$b$c $1$$x$$ $1', 'a.b"c""d"e', "b'1''0'x'F'",
		'a@--b', 'a/*/**/b*/c', "u&'x' u &'y'", '1e5a b', 'a--b' . "\r" . 'c',
		"'a'/**/'b'", "'a'\n/**/'b'", '$a$ $A$ $a$', "n'x'E'\\''");
	is_deeply(
		\@tokens,
		[
			'a$b$c|x', 'a|b|c"d|e', '1|0|F', 'a', 'a|c', 'x|u|y', 'b', 'a|c',
			'a|b', 'a|b', ' $A$ ', "x|'"
		],
		'names and strings');
}

# every beginning of every statement, in memory of that size, and what stands in
# pg_stat_activity, whose session isn't known
{
	my @cases = (@secrets, @failing, @harmless);
	my @requests = map {
		my $text = plain($_);
		map { [ substr('sfau', $_ % 4, 1), $_ & 1, substr($text, 0, $_) ] }
		  0 .. length $text
	} @cases;

	is(scalar ask(@requests), scalar @requests, 'beginnings of statements');

	my @answers = ask(map { [ 'f', 1, plain($_) ] } @secrets);
	my @leaks = grep { $answers[$_]{text} =~ /cr3t/ } 0 .. $#secrets;
	is_deeply([ map { $secrets[$_] } @leaks ], [],
		'what another session executes');

	# whether EXECUTE or a role's options are harmless isn't known
	my @known = grep { !/^EXECUTE|^ALTER ROLE/ } @harmless;
	@answers = ask(map { [ 'f', 1, $_ ] } @known);
	is_deeply([ map { $_->{text} } @answers ], \@known, 'and what is harmless');

	# with the other setting, the string ends elsewhere
	my ($answer) = ask([ 'f', 1, q{SELECT '\\' AS password, 's3cr3t', ' x'} ]);
	is($answer->{text}, q{SELECT '***'}, 'a string whose end is not known');
	($answer) = ask([ 'f', 1, q{SELECT '\\' AS "x", 's3cr3t', ' x'} ]);
	is($answer->{text}, q{SELECT '\\' AS "x", 's3cr3t', ' x'}, 'nothing secret');
}

# 1 MB of what takes long if anything is looked at again and again
my @long = map { substr($_->[0] . $_->[1] x 1e6, 0, 1e6) } (
	[ 'SELECT 1 /*', 'password/*' ], [ q{SELECT '}, 'password/*' ],
	[ '', 'password/*' ], [ '', 'password' ], [ q{SELECT '}, 'password ' ],
	[ q{SELECT '}, 'password\\' ], [ q{SELECT '}, "password ''" ],
	[ q{SELECT 'password}, ' ' ], [ q{SELECT '}, '://a:' ], [ '', '://a:' ],
	[ '', 'password = ' ], [ '', "password '" ], [ '', q{'a'} . "\n" ],
	[ '', q{'a' --'} . "\n" ], [ q{'a'}, "\n" ], [ q{'a'}, "--\n" ],
	[ '', '$a$' ], [ '', '$a' ], [ '$aaaaaaaaaaaaaaaa$', '$aaaaaaaaaaaaaaa' ],
	[ '', '$' ], [ '', '/*' ], [ '', '/**/' ], [ '', '--' ], [ '', "--\n" ],
	[ '', '"' ], [ '', q{'} ], [ q{SELECT E'}, '\\' ], [ q{SELECT E'}, '\\x70' ],
	[ q{SELECT '}, 'alter role ' ], [ 'do ', '$$ password $$' ],
	[ 'do $$', '$a$ password ' ], [ 'SELECT password ', ',1' ], [ '', '1' ],
	[ '', '1e+' ], [ '', '(' ], [ 'CREATE SERVER x ', '(' ], [ '', 'a ' ],
	[ '', 'pppp' ], [ q{SELECT '}, 'tokento' ], [ '', q{U&"} ],
	[ '/*', q{traceparent='} ], [ '/*', 'traceparent=' . '0' x 40 ]);

foreach my $what ('s', 'f', 'a', 'u')
{
	my @answers = ask(map { [ $what, 1, $_ ] } @long);
	my @slow = grep { $answers[$_]{us} > 3e6 } 0 .. $#long;

	is_deeply([ map { substr($long[$_], 0, 30) . " $answers[$_]{us}" } @slow ],
		[], "linear time: $what");
}

# the same in a server, in comments, which it reads faster than that, and what
# the worker reads of it
{
	my $client = PgTrace::Protocol->new($node,
		options => '-c pg_trace.session=on -c statement_timeout=20s');
	my $file = session_file($node, $client);

	foreach my $text ('password/*', "traceparent='", '://a:')
	{
		my $closed = $text =~ m{/\*} ? '*/' x 1e5 : '';
		my $begin = time;
		my @tags = PgTrace::Protocol::tags($client->query(
				"SELECT 1 /*" . $text x 1e5 . "$closed*/")->sync);

		is_deeply(\@tags, ['SELECT 1'], "a statement of $text");
		cmp_ok(time - $begin, '<', 10, 'in time');
	}

	$client->query("SELECT pg_sleep(60), '" . 'password/*' x 1e5 . q{'});
	$client->send_only;
	$node->poll_query_until('postgres',
		"SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = "
		  . $client->pid)
	  or die 'the statement does not run';
	$node->safe_psql('postgres', 'SELECT pg_trace_session(' . $client->pid . ', false)');
	my $begin = time;
	my $second = $node->safe_psql('postgres',
		'SELECT pg_trace_session(' . $client->pid . ')');
	cmp_ok(time - $begin, '<', 10, 'a running statement');
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $client->pid . ')');
	$client->ready;
	$client->close;
	read_trace($node, $_) foreach $file, $second;
}

clean_files($node);
done_testing();
