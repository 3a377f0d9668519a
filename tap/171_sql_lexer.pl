# How texts are read for what is secret in them: as PostgreSQL reads them, and in
# a server in time that is linear in their length.  What needs no server is in
# tap/unit/redact.c.

use strict;
use warnings;

use IPC::Run;
use PgTrace::Node;
use PgTrace::Check;
use PgTrace::Protocol;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my %token = (end => 0, comment => 1, name => 2, quoted_name => 3, string => 4);

# The tokens that sql_tokens finds in texts: [[type, value], ...] of each
sub tokens_of
{
	my ($standard, @texts) = @_;
	my $in = join '', map { "$standard " . length($_) . "\n$_" } @texts;
	my ($out, $err) = ('', '');
	my @answers;

	IPC::Run::run([ $ENV{PGT_TEST_BIN} . '/sql_tokens' ],
		'<', \$in, '>', \$out, '2>', \$err)
	  or die "sql_tokens failed: $err";
	my $at = 0;
	foreach my $text (@texts)
	{
		my @tokens;
		do
		{
			my $end = index $out, "\n", $at;
			my ($type, $length) = split / /, substr $out, $at, $end - $at;
			push @tokens, [ $type, substr $out, $end + 1, $length ];
			$at = $end + 1 + $length;
		} while ($tokens[-1][0] != $token{end});
		push @answers, \@tokens;
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
	my @answers = tokens_of($standard, @texts);
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

# what takes long if anything is looked at again and again, in comments, which the
# server itself reads fast, and what the worker reads of it
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
