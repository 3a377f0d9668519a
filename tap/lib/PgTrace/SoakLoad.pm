
=pod

=head1 NAME

PgTrace::SoakLoad - clients that come, work in all manners, and leave

=head1 SYNOPSIS

  use PgTrace::SoakLoad;

  PgTrace::SoakLoad::prepare($node);
  PgTrace::SoakLoad::keep_up($node) until $enough;
  PgTrace::SoakLoad::stop();

=head1 DESCRIPTION

Programs, pgbench and psql, with fifty clients in all.  Each runs for some seconds,
with a protocol and a mix of statements that are chosen at random; half of the
sessions are traced from their begin on.  Their application_name is
"soaking".

Each session has statements C<SELECT n AS soak_number>, in which n counts up, so
that it can be seen in a trace whether anything is missing.  With the extended
protocols, n is a bind value.

=cut

package PgTrace::SoakLoad;

use strict;
use warnings;

use POSIX qw(:sys_wait_h);
use PostgreSQL::Test::Utils;

use constant { CLIENTS => 50, CLIENTS_OF_PGBENCH => 5, RATE => 20 };

my %scripts = (
	number => <<'SQL',
\set number :number + 1
SELECT :number AS soak_number;
SQL
	parallel => <<'SQL',
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT count(*), sum(abalance) FROM pgbench_accounts;
COMMIT;
SQL
	functions => <<'SQL',
SELECT soak_function(:client_id);
SQL
	errors => join('', map { <<"SQL" } 1 .. 50));
SELECT $_ AS soak_number;
SELECT 1 / ($_ - $_);
SELECT no_such_column FROM pgbench_accounts;
BEGIN;
INSERT INTO pgbench_branches VALUES (1);
SELECT 'in a transaction that has failed';
ROLLBACK;
SELECT no such syntax at all;
SELECT pg_sleep(0.1);
SQL

my %programs;	# pid => number of clients
my $started = 0;
my $directory;

=pod

=over

=item prepare(node)

Make the tables and scripts that the load needs.

=cut

sub prepare
{
	my ($node) = @_;

	$directory = PostgreSQL::Test::Utils::tempdir();
	foreach my $name (keys %scripts)
	{
		PostgreSQL::Test::Utils::append_to_file("$directory/$name.sql",
			$scripts{$name});
	}
	$node->command_ok([ 'pgbench', '-i', '-q', '-s', 2, '-d', $node->connstr('postgres') ],
		'tables of pgbench');
	$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION soak_function(n int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	balance int;
BEGIN
	FOR i IN 1 .. 5 LOOP
		BEGIN
			SELECT abalance / (i - 3) INTO balance
				FROM pgbench_accounts WHERE aid = n * 10 + i;
		EXCEPTION WHEN division_by_zero THEN
			balance := 0;
		END;
	END LOOP;
	RETURN balance;
END
$$;
SQL
	return;
}

sub pick
{
	my @of = @_;

	return $of[ rand @of ];
}

sub pgbench
{
	my ($node) = @_;
	my @command = (
		'pgbench', '-n', '-c', CLIENTS_OF_PGBENCH,
		'-T', 3 + int(rand(10)),
		'-M', pick(qw(simple extended prepared)),
		'-D', 'number=0');

	# where each transaction has a connection, there are fewer
	push @command, rand() < 0.2 ? ('-C', '-R', RATE / 4) : ('-R', RATE);
	push @command,
	  map { ('-f', "$directory/$_->[0].sql\@$_->[1]") }
	  [ number => 4 ], [ parallel => 1 ], [ functions => 2 ];
	push @command, '-b', 'tpcb-like@2', '-b', 'select-only@2',
	  $node->connstr('postgres');
	return @command;
}

sub psql
{
	my ($node) = @_;

	return ('psql', '-Xq', '-f', "$directory/errors.sql",
		$node->connstr('postgres'));
}

sub start_program
{
	my ($clients, @command) = @_;
	my $pid = fork() // die "fork: $!";

	if ($pid == 0)
	{
		$ENV{PGAPPNAME} = 'soaking';
		$ENV{PGOPTIONS} = join ' ',
		  map { "-c pg_trace.$_" } (
			rand() < 0.5 ? 'session=on' : 'session=off',
			'plan_stat='
			  . pick(qw(never first_execution adaptive all_executions)),
			'on_overflow=' . pick(qw(wait wait discard)));
		open(STDOUT, '>>', "$directory/out") or die "$directory/out: $!";
		open(STDERR, '>&', \*STDOUT) or die "standard error: $!";
		exec { $command[0] } @command or die "$command[0]: $!";
	}
	$programs{$pid} = $clients;
	$started++;
	return;
}

# Forget the programs that have ended.
sub reap
{
	foreach my $pid (keys %programs)
	{
		delete $programs{$pid} if waitpid($pid, WNOHANG) == $pid;
	}
	return;
}

=pod

=item keep_up(node)

Start new programs for those that have ended.

=cut

sub keep_up
{
	my ($node) = @_;
	my $clients = 0;

	reap();
	$clients += $_ foreach values %programs;
	while ($clients < CLIENTS)
	{
		my $several =
		  $clients + CLIENTS_OF_PGBENCH <= CLIENTS && rand() < 0.7;

		start_program($several
			? (CLIENTS_OF_PGBENCH, pgbench($node))
			: (1, psql($node)));
		$clients += $several ? CLIENTS_OF_PGBENCH : 1;
	}
	return;
}

=pod

=item freeze()

Have all programs stand still: they send nothing more.

=item stop()

End all programs, as they are.

=item started()

How many programs were started so far.

=back

=cut

sub freeze
{
	reap();
	kill 'STOP', keys %programs;
	return;
}

sub stop
{
	kill $_, keys %programs foreach qw(TERM CONT);
	waitpid($_, 0) foreach keys %programs;
	%programs = ();
	return;
}

sub started { return $started; }

1;
