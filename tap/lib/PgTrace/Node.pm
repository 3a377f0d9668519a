
=pod

=head1 NAME

PgTrace::Node - servers with pg_trace_bgw

=head1 SYNOPSIS

  use PgTrace::Node;

  my $node = PgTrace::Node::new_node('main', 'pg_trace.max_sessions' => 8);
  my $session = PgTrace::Session->new($node);
  my $file = $session->query('SELECT pg_trace_start_trace()');
  $session->query('SELECT 1');
  $session->close;
  PgTrace::Node::wait_for_end($node, $file);

  my $records = PgTrace::File::parse($file);
  is_deeply([ PgTrace::Problems::problems($records) ], [], 'sound');
  is(PgTrace::File::of_type($records, 'EXEC'), 1, 'one execution');

=head1 DESCRIPTION

Servers that have the library, and what processes of theirs may do.  Loads what
else the tests need: L<PgTrace::File> reads trace files, L<PgTrace::Problems>
says what contradicts itself in them, L<PgTrace::Session> is a client.

=cut

package PgTrace::Node;

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Path qw(remove_tree);
use PgTrace::File;
use PgTrace::Problems;
use PgTrace::Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { CAP_PERFMON => 38, CAP_BPF => 39 };

=pod

=head1 SERVERS

=over

=item create_node(name, \%init, %settings)

A node that has the library and pg_trace.enabled = on in its configuration and
isn't started yet; the disk may be small, so pg_trace.min_free_space = 0, and
the machine busy, so sessions wait for their probes.  C<%init> goes to the node's init(), except for install_path,
where another server than the usual one is installed.  The environment variable
PGT_FAILING_PROBES becomes its pg_trace.debug_failing_probes.

=cut

sub create_node
{
	my ($name, $init, %settings) = @_;
	my %init = %$init;
	my $node = PostgreSQL::Test::Cluster->new($name,
		install_path => delete $init{install_path});

	%settings = (
		'shared_preload_libraries' => 'pg_trace_bgw',
		'pg_trace.enabled' => 'on',
		'pg_trace.min_free_space' => '0',
		'pg_trace.attach_timeout' => '30s',
		'pg_trace.debug_failing_probes' => $ENV{PGT_FAILING_PROBES} // '',
		%settings);
	init($node, %init);
	$node->append_conf('postgresql.conf',
		join('', map { "$_ = '$settings{$_}'\n" } sort keys %settings));
	return $node;
}

# What initdb makes is the same for each server, so all tests of a run copy what
# the first one has made.  From 16 on, PostgreSQL's own module does the copying.
sub init
{
	my ($node, %init) = @_;
	my $template = template();
	my $run = \&PostgreSQL::Test::Utils::system_or_bail;

	no warnings 'redefine';
	local $ENV{INITDB_TEMPLATE} = $template;
	local *PostgreSQL::Test::Utils::system_or_bail = sub {
		my ($program) = @_;

		return $run->(@_) if $program ne 'initdb' || $init{extra};
		return $run->('cp', '-RPp', '--reflink=auto', $template,
			$node->data_dir);
	  }
	  if major() < 16;
	$node->init(%init);
	return;
}

=pod

=item template()

A data directory that no server has used yet, to be copied; made once in a run.

=cut

sub template
{
	my $dir = "$PostgreSQL::Test::Utils::tmp_check/template";

	return $dir if -d $dir;
	open(my $lock, '>', "$dir.lock") or die "$dir.lock: $!";
	flock($lock, LOCK_EX) or die "$dir.lock: $!";
	if (!-d $dir)
	{
		remove_tree("$dir.new");
		PostgreSQL::Test::Utils::system_or_bail('initdb', '-D', "$dir.new",
			'-A', 'trust', '-N');
		rename "$dir.new", $dir or die "$dir: $!";
	}
	return $dir;
}

=pod

=item new_node(name, %settings)

The same, started, with the extension in the database postgres and its worker
ready for work.

=cut

sub new_node
{
	my ($name, %settings) = @_;
	my $node = create_node($name, {}, %settings);

	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_trace_bgw');
	worker_pid($node);
	return $node;
}

=pod

=item major()

The server's major version.

=cut

my $major;

sub major
{
	($major) = `pg_config --version` =~ /^PostgreSQL (\d+)/
	  unless defined $major;
	return $major;
}

=pod

=item event(name)

What the server calls a wait event that has this name in PostgreSQL 15.

=cut

my %since_17 = (
	'AutoVacuumMain' => 'AutovacuumMain',
	'BufFileRead' => 'BuffileRead',
	'BufFileWrite' => 'BuffileWrite',
	'SLRUFlushSync' => 'SlruFlushSync',
	'SLRURead' => 'SlruRead',
	'SLRUSync' => 'SlruSync',
	'SLRUWrite' => 'SlruWrite',
	'WALInitSync' => 'WalInitSync',
	'WALInitWrite' => 'WalInitWrite',
	'WALRead' => 'WalRead',
	'WALSync' => 'WalSync',
	'WALWrite' => 'WalWrite');

sub event
{
	my ($name) = @_;

	return major() >= 17 ? $since_17{$name} // $name : $name;
}

=pod

=item read_itself()

Settings with which a session reads blocks by itself, and one by one, in all
versions, so that each is a wait DataFileRead.

=cut

sub read_itself
{
	return (
		major() >= 17 ? ('io_combine_limit' => '8kB') : (),
		major() >= 18 ? ('io_method' => 'sync') : ());
}

=pod

=item apply_worker()

What pg_stat_activity calls the worker of a subscription.

=cut

sub apply_worker
{
	return major() >= 17 ?
	  'logical replication apply worker' : 'logical replication worker';
}

=pod

=item skipped(reason, number)

Whether there is a reason not to run that many tests, which then count as
skipped: C<< next if PgTrace::Node::skipped($reason, 3) >>.

=cut

sub skipped
{
	my ($reason, $number) = @_;

  SKIP:
	{
		skip $reason, $number if defined $reason;
		return 0;
	}
	return 1;
}

=pod

=item set(node, name, value)

ALTER SYSTEM SET, and reload; returns when the worker has followed as well.
Only for pg_trace.enabled is there something to see that by.

=cut

sub set
{
	my ($node, $name, $value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = '$value'");
	$node->reload;
	$node->poll_query_until('postgres',
		"SELECT current_setting('$name') = '$value'")
	  or die "$name is not $value";
	if ($name eq 'pg_trace.enabled')
	{
		my $state = $value eq 'on' ? 'enabled' : 'disabled';

		$node->poll_query_until('postgres',
			"SELECT state = '$state' FROM pg_trace_worker")
		  or die "the worker is not $state";
	}
	return;
}

=pod

=item set_probe(node, setting, probe)

Set pg_trace.wait_probe; returns when new traces get that kind of probe.

=cut

sub set_probe
{
	my ($node, $setting, $probe) = @_;

	$node->safe_psql('postgres',
		"ALTER SYSTEM SET pg_trace.wait_probe = '$setting'");
	$node->reload;
	$node->poll_query_until('postgres',
		"SELECT probe = '$probe' FROM pg_trace_worker")
	  or die "probes are not $probe";
	return;
}

=pod

=item watchpoint_problem(node)

Why hardware watchpoints can't be used here, as the worker's self-test has found
out, or undef if they can.  The node is running, with pg_trace.enabled = on and
any pg_trace.wait_probe but off.

=cut

sub watchpoint_problem
{
	my ($node) = @_;

	$node->poll_query_until('postgres',
		"SELECT probe <> 'none' OR unusable_probes IS NOT NULL"
		  . ' FROM pg_trace_worker')
	  or die 'watchpoints are not tried';
	my $problem = $node->safe_psql('postgres',
		q{SELECT substring(unusable_probes FROM 'watchpoint: ([^;]*)')}
		  . ' FROM pg_trace_worker');
	return $problem eq '' ? undef : $problem;
}

=pod

=item worker_pid(node)

The worker's pid; waits for a worker that is being restarted.

=cut

sub worker_pid
{
	my ($node) = @_;

	$node->poll_query_until('postgres',
		"SELECT pid IS NOT NULL AND state IN ('enabled', 'disabled')"
		  . ' FROM pg_trace_worker')
	  or die 'there is no worker';
	return $node->safe_psql('postgres', 'SELECT pid FROM pg_trace_worker');
}

=pod

=item poll_through_crash(node, query)

poll_query_until() while the server starts anew.  psql may end before it has read
the query then, which that one dies of.

=cut

sub poll_through_crash
{
	my ($node, $query) = @_;

	foreach (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $answer = eval { ($node->psql('postgres', $query))[1] };

		return 1 if ($answer // '') eq 't';
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

=pod

=item postmaster_pid(node)

=item children(node)

A server's processes, without the postmaster, as {pid => title}.

=cut

sub postmaster_pid
{
	my ($node) = @_;

	return (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
}

sub children
{
	my ($node) = @_;
	my $postmaster = postmaster_pid($node);
	my %children;

	foreach my $file (glob('/proc/[0-9]*/stat'))
	{
		open(my $stat, '<', $file) or next;
		my $line = <$stat>;
		close $stat;
		next unless defined $line;
		my ($pid, $state, $parent) = $line =~ /^(\d+) \(.*\) (\S) (\d+) /s;
		next if $parent != $postmaster || $state eq 'Z';

		open(my $cmdline, '<', "/proc/$pid/cmdline") or next;
		local $/;
		my $title = <$cmdline> // '';
		close $cmdline;
		$title =~ tr/\0/ /;
		$title =~ s/\s+$//;
		$title =~ s/^postgres: \w+: //
		  or $title =~ s/^postgres: //;
		$children{$pid} = $title;
	}
	return %children;
}

=pod

=item cpu_time(pid)

How long a process has been on a CPU so far, in seconds.

=cut

sub cpu_time
{
	my ($pid) = @_;
	my ($ns) = slurp_file("/proc/$pid/schedstat") =~ /^(\d+)/;

	return $ns / 1e9;
}

=pod

=item trace_files(node, [pid])

The paths of all trace files, or those of one process, the oldest first.

=cut

sub trace_files
{
	my ($node, $pid) = @_;
	my %order;

	$pid = '*' unless defined $pid;
	foreach my $file (
		glob($node->data_dir . "/pg_trace/*/pg_trace_${pid}_*.trc{,.zst}"))
	{
		my ($of, $time, $number) =
		  $file =~ /pg_trace_(\d+)_(\w+T\d+)(?:_(\d+))?[^\/]*$/;
		my ($part) = $file =~ /\.p(\d+)\./;

		$order{$file} = sprintf '%s %09d %09d %09d', $time, $of, $number // 1,
		  $part // 1;
	}
	my @files = sort { $order{$a} cmp $order{$b} } keys %order;
	return @files;
}

=pod

=item wait_for_end(node, file)

Wait until the file is complete.

=cut

sub wait_for_end
{
	my ($node, $file) = @_;

	$node->poll_query_until('postgres', <<"SQL")
SELECT position('\n*** TRACE ENDED' IN convert_from(
	pg_read_binary_file('$file',
		greatest((pg_stat_file('$file')).size - 100, 0), 100), 'LATIN1')) > 0
SQL
	  or die "$file doesn't end";
	return;
}

=pod

=item wait_until_untraced(node, [pid])

Wait until neither the process nor, without a pid, any other is traced; the
files are complete then.

=cut

sub wait_until_untraced
{
	my ($node, $pid) = @_;
	my $where = defined $pid ? "WHERE pid = $pid" : '';

	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_trace_status $where")
	  or die 'traces do not end';
	return;
}

=pod

=item wait_until_traces(node, can)

Wait until traces can begin, or can't: the worker follows a change of settings by
itself.  Returns whether they do in time.

=cut

sub wait_until_traces
{
	my ($node, $can) = @_;
	my ($begun, $refused) =
	  $can ? ('NULL', "RAISE NOTICE 'not yet'") : ("RAISE NOTICE 'not yet'", 'NULL');

	return $node->poll_query_until('postgres', <<"SQL", 'DO');
DO \$\$
BEGIN
	PERFORM pg_trace_start_trace();
	PERFORM pg_trace_stop_trace();
	$begun;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	$refused;
END
\$\$
SQL
}

=pod

=back

=head1 CAPABILITIES

=over

=item capabilities(pid)

The capability sets of each thread of a process, as ([tid, {CapInh => ...,
CapPrm => ..., CapEff => ..., CapBnd => ..., CapAmb => ...}], ...); empty if
there is no such process.

=cut

sub capabilities
{
	my ($pid) = @_;
	my @threads;

	foreach my $file (glob("/proc/$pid/task/*/status"))
	{
		my ($tid) = $file =~ m{(\d+)/status$};

		open(my $fh, '<', $file) or next;
		my @lines = <$fh>;
		close $fh;
		my $sets = parse_capabilities(join('', @lines));
		push @threads, [ $tid, $sets ] if %$sets;
	}
	return @threads;
}

=pod

=item parse_capabilities(status)

The same sets from the text of a /proc/PID/status.

=cut

sub parse_capabilities
{
	my ($status) = @_;
	no warnings 'portable';

	return { map { /^(Cap\w+):\s+([0-9a-f]+)$/ ? ($1 => hex $2) : () }
		  split /\n/, $status };
}

=pod

=back

=cut

1;
