
=pod

=head1 NAME

PgTrace::Intruder - a session that can do anything to the extension's shared memory

=head1 SYNOPSIS

  use PgTrace::Intruder;

  PgTrace::Intruder::install($node);
  my $size = PgTrace::Intruder::area_size($node);
  $session->query("SELECT stop_in_record($size)");

=cut

package PgTrace::Intruder;

use strict;
use warnings;

use PgTrace::Node;
use PostgreSQL::Test::Utils;

=pod

=over

=item install(node)

Make the functions of intruder.c known in the database postgres.

=cut

sub install
{
	my ($node) = @_;
	my $module = "$ENV{PGT_TEST_BIN}/intruder";

	$node->safe_psql('postgres', <<"SQL");
CREATE FUNCTION scribble(int8, float8, int) RETURNS int8 STRICT
  LANGUAGE C AS '$module';
CREATE FUNCTION attack(int8, float8, int) RETURNS int STRICT
  LANGUAGE C AS '$module';
CREATE FUNCTION forge_text(int8, int8, int) RETURNS int STRICT
  LANGUAGE C AS '$module';
CREATE FUNCTION stop_in_record(int8) RETURNS void STRICT
  LANGUAGE C AS '$module';
CREATE FUNCTION stop_in_activity() RETURNS void STRICT
  LANGUAGE C AS '$module';
CREATE FUNCTION stop_with_lock() RETURNS void STRICT
  LANGUAGE C AS '$module';
SQL
	return;
}

=pod

=item area_size(node)

The size by which its functions find the memory.

=cut

sub area_size
{
	my ($node) = @_;

	return $node->safe_psql('postgres',
		"SELECT size FROM pg_shmem_allocations WHERE name = 'pg_trace_bgw'");
}

=pod

=item wait_until_stopped(pid)

Wait until a process has been stopped by a signal.

=back

=cut

sub wait_until_stopped
{
	my ($pid) = @_;

	foreach (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return if slurp_file("/proc/$pid/stat") =~ /^.*\) T /s;
		select(undef, undef, undef, 0.01);
	}
	die "$pid is not stopped";
}

1;
