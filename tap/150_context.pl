# Whose work it was: the header, the *** lines that follow each change of the
# user, the application or the end-to-end identifiers, the name of the file, and
# the wall clock.

use strict;
use warnings;

use PgTrace::Node;
use PgTrace::Check;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PgTrace::Node::new_node('main');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE ordinary LOGIN;
CREATE ROLE other;
ALTER ROLE ordinary SET pg_trace.session = on;
GRANT pg_read_all_stats TO ordinary;
CREATE FUNCTION as_owner() RETURNS text SECURITY DEFINER LANGUAGE plpgsql AS
	$$ BEGIN RETURN (SELECT current_user FROM pg_am LIMIT 1); END $$;
SQL

# What changes, in front of which statement: "<label>=<value>", and the text of
# the statements at depth 0 that match
sub changes
{
	my ($records, $pattern) = @_;
	my @changes;
	my $header = 1;

	foreach my $record (PgTrace::File::of_type($records, 'NOTE', 'CONTEXT', 'CURSOR'))
	{
		$header = 0 if $record->{type} ne 'CONTEXT';
		next if $header;
		push @changes, "$record->{fields}{label}=$record->{fields}{value}"
		  if $record->{type} eq 'CONTEXT';
		push @changes, $record->{text}
		  if $record->{type} eq 'CURSOR' && $record->{text} =~ $pattern;
	}
	return \@changes;
}

# the header
{
	local $ENV{PGAPPNAME} = "appl 'x' (y)";
	my $trace = trace($node, 'SELECT 1');
	my ($header) = PgTrace::File::of_type($trace, 'HEADER');
	my %context = map { $_->{fields}{label} => $_->{fields}{value} }
	  PgTrace::File::of_type($trace, 'CONTEXT');
	my ($pid) = $header->{fields}{file} =~ /pg_trace_(\d+)_/;
	my ($version) =
	  $node->safe_psql('postgres', 'SHOW server_version') =~ /^(\S+)/;

	like($header->{fields}{server}, qr/^\Q$version\E/, 'version');
	is($header->{fields}{'System name'}, 'Linux', 'system');
	is($header->{fields}{'Instance name'}, 'main', 'cluster_name');
	is($header->{fields}{'Database name'}, 'postgres', 'database');
	is($header->{fields}{pid}, $pid, 'pid');
	is($header->{fields}{image}, 'client backend', 'kind of process');
	like($context{'SESSION ID'}, qr/^$pid\.\d+$/, 'session');
	is($context{'SERVICE NAME'}, 'postgres', 'service');
	is($context{'MODULE NAME'}, "appl 'x' (y)", 'module');
	is($context{'CLIENT ID'} . $context{'ACTION NAME'}, '', 'nothing else');

	# the version of the format, which readers must know
	my $content = slurp_file($header->{fields}{file});
	my $other = PostgreSQL::Test::Utils::tempdir() . '/other.trc';
	my $error_of = sub {
		my ($second_line) = @_;

		(my $changed = $content) =~ s/^(.*\n)(.*) format=2\n/$1$second_line\n/
		  or die "no format=2: $content";
		unlink($other);
		append_to_file($other, $changed);
		return eval { PgTrace::File::parse($other) } ? '' : $@;
	};
	my $same = 'PostgreSQL 15.0 with pg_trace_bgw 1.0';
	is($header->{fields}{format}, 2, 'version of the format');
	is($error_of->("$same format=2"), '', 'a reader knows it');
	like($error_of->("$same format=3"),
		qr/other.trc:2: the file's format is 3, and only 2 is known$/,
		'a reader refuses another one');
	like($error_of->($same), qr/other.trc:2: no version of the format: /,
		'and a file that has none');
}

# changes
{
	local $ENV{PGAPPNAME} = 'first';
	my $trace = trace(
		$node,
		'SELECT 1',
		"SET application_name = 'second'",
		'SELECT 2',
		"SET application_name = 'second'",
		'SELECT 3',
		"SET pg_trace.client_id = 'client'",
		"SET pg_trace.module = 'module'; SET pg_trace.action = 'action'",
		'SELECT 4',
		'BEGIN',
		"SET LOCAL pg_trace.action = 'local'",
		'SELECT 5',
		'COMMIT',
		'SELECT 6',
		'RESET pg_trace.module',
		'SELECT 7');

	is_deeply(
		changes($trace, qr/^SELECT \d/),
		[
			'SELECT 1',
			'MODULE NAME=second', 'SELECT 2', 'SELECT 3',
			'CLIENT ID=client', 'MODULE NAME=module', 'ACTION NAME=action',
			'SELECT 4',
			'ACTION NAME=local', 'SELECT 5',
			'ACTION NAME=action', 'SELECT 6',
			'MODULE NAME=second', 'SELECT 7'
		],
		'each change, once, ahead of the next statement');

	my $oid =
	  $node->safe_psql('postgres', "SELECT 'other'::regrole::oid");
	$trace = trace(
		$node,
		'SELECT 1',
		'SET ROLE other',
		'SELECT 2',
		'SELECT 3',
		'RESET ROLE',
		'SELECT 4',
		'SELECT as_owner(), 5',
		'SELECT 6');
	is_deeply(
		changes($trace, qr/^SELECT (\d|as)/),
		[
			'SELECT 1',
			"USER ID=$oid", 'SELECT 2', 'SELECT 3',
			'USER ID=10', 'SELECT 4', 'SELECT as_owner(), 5', 'SELECT 6'
		],
		'SET ROLE');
	my %uid = map { $_->{text} => "$_->{fields}{uid} $_->{fields}{lid}" }
	  PgTrace::File::of_type($trace, 'CURSOR');
	is($uid{'SELECT 2'}, "$oid 10", 'uid and lid');
	is($uid{'SELECT 4'}, '10 10', 'and again');
}

# the W3C trace context
{
	my $id = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';
	my @statements = (
		"SELECT 1 /*traceparent='00-$id-01'*/",
		"SELECT 2 -- action='x',traceparent='00-$id-02',db=1",
		"/* traceparent: 00-$id-03 */ SELECT 3, 'don''t'",
		"SELECT 4, 'traceparent=00-$id-04'",
		"SELECT 5, '/*' /*it''s traceparent='00-$id-05'*/",
		"SELECT 6 /*traceparent='00-$id'*/",
		"SELECT 7 /*traceparent='*/");
	my $trace = trace($node, @statements);
	my %found = map { $_->{text} => $_->{fields}{traceparent} // '' }
	  cursors_of($trace, qr/SELECT \d/);

	is_deeply(
		[ map { $found{$_} } @statements ],
		[
			"00-$id-01", "00-$id-02", "00-$id-03", '', "00-$id-05", '', ''
		],
		'traceparent');
}

# by an ordinary user, with the trace switched on for the role
{
	my $user =
	  $node->safe_psql('postgres', "SELECT 'ordinary'::regrole::oid");
	my $session = PgTrace::Session->new($node, user => 'ordinary');
	my $file = session_file($node, $session);

	$session->query("SET pg_trace.client_id = 'mine'");
	$session->query('SELECT 1');
	$session->query('SET pg_trace.session = off');
	$session->query('SELECT as_owner()');
	my $error = $session->error;
	$session->close;
	like($error, qr/permission denied to set parameter "pg_trace.session"/,
		'a user cannot end the trace');
	my $trace = read_trace($node, $file);
	is_deeply(
		changes($trace, qr/^SELECT 1/),
		[ 'CLIENT ID=mine', 'SELECT 1' ],
		'but name what it is for');
	my ($header) = PgTrace::File::of_type($trace, 'HEADER');
	is($header->{fields}{'User name'}, 'ordinary', 'user');
	my %uid = map { $_->{text} => "$_->{fields}{uid} $_->{fields}{lid}" }
	  PgTrace::File::of_type($trace, 'CURSOR');
	is($uid{'SELECT 1'}, "$user $user", 'uid and lid');
	my ($inner) = grep { /current_user/ } keys %uid;
	is($uid{$inner}, "10 $user", 'within a SECURITY DEFINER function');
}

# names of files
{
	my $session = PgTrace::Session->new($node, options =>
		  '-c pg_trace.tracefile_identifier=my-Run_1 -c pg_trace.session=on');
	my $pid = $session->pid;
	my $file = session_file($node, $session);

	like($file, qr/\/pg_trace_${pid}_\d{8}T\d{6}_my-Run_1\.trc$/,
		'tracefile_identifier');
	foreach my $wrong ('../x', 'a/b', 'a b', 'a.b', "a\tb", 'ä', 'x' x 64)
	{
		my $before = length $session->error;

		$session->query("SET pg_trace.tracefile_identifier = '$wrong'");
		like(
			substr($session->error, $before),
			qr/invalid value for parameter "pg_trace.tracefile_identifier"/,
			"not '$wrong'");
	}
	$session->close;
	my $trace = read_trace($node, $file);
	is((PgTrace::File::of_type($trace, 'HEADER'))[0]{fields}{file},
		$file, 'the file knows its name');
}

# the wall clock and tim
{
	my $now = q{SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC',
		'YYYY-MM-DD"T"HH24:MI:SS.US')};
	my $before = $node->safe_psql('postgres', $now);
	my $trace = trace($node, 'SELECT 1');
	my $after = $node->safe_psql('postgres', $now);
	my @times = PgTrace::File::of_type($trace, 'TIME');

	cmp_ok(scalar @times, '>=', 1, 'wall-clock lines');
	cmp_ok($times[0]{fields}{time}, 'gt', $before, 'not too early');
	cmp_ok($times[-1]{fields}{time}, 'lt', $after, 'nor too late');
	my ($parse) = calls_of($trace, qr/^SELECT 1/, 'PARSE');
	cmp_ok($times[0]{fields}{tim}, '<=', $parse->{fields}{tim},
		'on the clock of tim');
}

clean_files($node);
done_testing();
