
=pod

=head1 NAME

BenchServer - private servers to measure, and reports of what was measured

=head1 DESCRIPTION

Servers run as user postgres with CAP_BPF and CAP_PERFMON if the caller is
root, else as the caller. Their data is in a directory that is removed when the
program ends, however it does.

=cut

package BenchServer;

use strict;
use warnings;

use Exporter 'import';
use File::Temp qw(tempdir);
use JSON::PP;

our @EXPORT = qw(base bindir idle_sessions init_template run server_command sql start_server
  stop_server summary as_text machine machine_text wait_until write_json);

my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
chomp(my $bindir = `$pg_config --bindir`);

my @as_postgres = $> == 0
  ? ('setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups',
	'--inh-caps=-all,+bpf,+perfmon', '--ambient-caps=+bpf,+perfmon')
  : ();

my $base = tempdir('pg_trace_bench_XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $template_settings;
my %servers;
my $owner = $$;

chmod 0755, $base;
if ($> == 0)
{
	chown((getpwnam('postgres'))[ 2, 3 ], $base);
	chmod 0700, $base;
}
$ENV{PGUSER} = 'postgres';

END
{
	if ($$ == $owner)
	{
		my $status = $?;

		stop_server($_, 'immediate') foreach values %servers;
		$? = $status;
	}
}
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = $SIG{PIPE} = sub { exit 1 };

# The directory of everything, and that of the server's programs
sub base { return $base }
sub bindir { return $bindir }

# The command that runs a program as the server's user
sub server_command
{
	return (@as_postgres, @_);
}

# Run a command as the server's user. Returns its output, dies if it fails.
sub run
{
	my @command = server_command(@_);
	my $pid = open(my $pipe, '-|') // die "fork: $!";
	if ($pid == 0)
	{
		chdir $base;
		open(STDERR, '>&', \*STDOUT);
		exec @command or die "$command[0]: $!";
	}
	my $output = do { local $/; <$pipe> } // '';
	close($pipe) or die "@command failed:\n$output";
	return $output;
}

# A cluster to start servers on copies of; settings are lines of its
# configuration.
sub init_template
{
	my ($settings) = @_;

	run("$bindir/initdb", '-D', "$base/template", '-A', 'trust', '-U',
		'postgres', '--no-sync');
	$template_settings = "fsync = off\nautovacuum = off\n"
	  . "logging_collector = off\njit = off\n"
	  . "max_parallel_workers_per_gather = 0\n$settings";
	open(my $conf, '>>', "$base/template/postgresql.conf") or die $!;
	print $conf $template_settings;
	close($conf);
	return;
}

# Start a server on a copy of the template. settings is name=value, separated
# by blanks.
sub start_server
{
	my ($settings, $port) = @_;
	my $data = "$base/data$port";
	my $options = "-p $port -k $base -h ''";

	run('cp', '-a', "$base/template", $data);
	$options .= " -c $_" foreach split ' ', $settings;
	# pg_ctl's children must not keep our pipe open
	run("$bindir/pg_ctl", '-D', $data, '-o', $options, '-l', "$base/log$port",
		'-w', 'start');
	open(my $file, '<', "$data/postmaster.pid") or die "$data: $!";
	chomp(my $pid = <$file>);
	return $servers{$data} = { data => $data, port => $port, pid => $pid };
}

sub stop_server
{
	my ($server, $mode) = @_;

	run("$bindir/pg_ctl", '-D', $server->{data}, '-m', $mode, '-w', 'stop');
	delete $servers{ $server->{data} };
	return;
}

sub sql
{
	my ($server, @queries) = @_;

	return run("$bindir/psql", '-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', $base,
		'-p', $server->{port}, (map { ('-c', $_) } @queries), 'postgres');
}

# Wait until a condition is true in the server.
sub wait_until
{
	my ($server, $query) = @_;

	foreach (1 .. 600)
	{
		return if sql($server, $query) eq "t\n";
		select(undef, undef, undef, 0.05);
	}
	die "this does not become true: $query\n";
}

# Sessions that have done a statement and do nothing from then on; returns what
# ends them when it goes.
sub idle_sessions
{
	my ($server, $number, $options) = @_;
	my @sessions;

	foreach (1 .. $number)
	{
		my $pid = open(my $pipe, '|-') // die "fork: $!";
		if ($pid == 0)
		{
			chdir $base;
			open(STDOUT, '>', '/dev/null');
			$ENV{PGOPTIONS} = $options;
			$ENV{PGAPPNAME} = 'idle';
			exec server_command("$bindir/psql", '-Xq', '-h', $base, '-p',
				$server->{port}, 'postgres')
			  or die "psql: $!";
		}
		$pipe->autoflush;
		print $pipe "SELECT 1;\n";
		push @sessions, $pipe;
	}
	wait_until($server, <<"SQL");
SELECT count(*) >= $number FROM pg_stat_activity
WHERE application_name = 'idle' AND state = 'idle' AND query = 'SELECT 1;'
SQL
	return \@sessions;
}

# ----------

sub summary
{
	my @value = sort { $a <=> $b } @_;

	return {
		median => $value[ $#value / 2 ],
		min => $value[0],
		max => $value[-1]
	};
}

# median (min-max)
sub as_text
{
	my ($summary, $decimals) = @_;

	return sprintf "%.${decimals}f (%.${decimals}f-%.${decimals}f)",
	  @$summary{qw(median min max)};
}

# What a report has to say about where its figures are from
sub machine
{
	my (%settings) = @_;
	my $cpuinfo = do { local $/; open(my $f, '<', '/proc/cpuinfo'); <$f> };
	my ($model) = $cpuinfo =~ /^model name\s*:\s*(.*)$/m;
	my $cores = () = $cpuinfo =~ /^processor/mg;
	my ($memory) = do
	{
		local $/;
		open(my $f, '<', '/proc/meminfo');
		<$f> =~ /^MemTotal:\s+(\d+)/;
	};

	chomp(my $kernel = `uname -r`);
	chomp(my $architecture = `uname -m`);
	chomp(my $version = `$bindir/postgres --version`);
	return {
		server => $version,
		kernel => $kernel,
		architecture => $architecture,
		virtual => $cpuinfo =~ /\bhypervisor\b/ ? JSON::PP::true : JSON::PP::false,
		cpu => $model,
		cores => $cores,
		memory_kb => $memory + 0,
		server_settings => [ split /\n/, $template_settings ],
		%settings
	};
}

sub machine_text
{
	my ($machine) = @_;

	return "$machine->{server}, Linux $machine->{kernel}, "
	  . "$machine->{cores} cores, "
	  . ($machine->{cpu} // $machine->{architecture});
}

sub write_json
{
	my ($path, $report) = @_;

	open(my $file, '>', $path) or die "$path: $!";
	print $file JSON::PP->new->canonical->pretty->encode($report);
	close($file) or die "$path: $!";
	return;
}

1;
