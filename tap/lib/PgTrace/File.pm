
=pod

=head1 NAME

PgTrace::File - read trace files

=head1 SYNOPSIS

  use PgTrace::Node;

  my $records = PgTrace::File::parse($file);
  is(PgTrace::File::of_type($records, 'EXEC'), 1, 'one execution');

=head1 DESCRIPTION

The parser accepts the grammar that the README describes and nothing else: it
dies with file and line at whatever it doesn't know, so each test that reads a
file tests the grammar as well.  SQL text is taken by its len=, never by what
it looks like.

=cut

package PgTrace::File;

use strict;
use warnings;

use PgTrace::Fields;
use PostgreSQL::Test::Utils;
use Test::More;

# The version of the grammar, as bgworker/trace/grammar.h has it
my $format_version = 2;

# A string in quotes, in which quotes and backslashes are escaped, of either kind
my $quoted = qr/'((?:[^'\\]++|\\.)*+)'/;
my $double_quoted = qr/"((?:[^"\\]++|\\.)*+)"/;

# A value without quotes, in which they and blanks are escaped
my $bare = qr/(?:[^ '"=\\]++|\\(?:x[0-9a-f]{2}|[nrt\\]))+/;
my $iso = qr/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00/;

=pod

=over

=item parse(file, [incomplete => 1])

=item parse_text(name, contents, [incomplete => 1])

Reference to the list of a trace file's records (of one that is compressed as
well, or of such a file's contents), each a hash with

  type     'HEADER', 'TIME', 'CONTEXT', 'NOTE', 'LOST', 'SUMMARY', 'RUNNING', 'EXIT',
           'WAITING', 'ENDED', 'CURSOR', 'PARSE', 'EXEC', 'FETCH', 'CLOSE', 'BINDS',
           'WAIT', 'RUN QUEUE' (a WAIT for a CPU, which is no event of
           PostgreSQL's), 'STAT', 'XCTEND', 'ERROR' or 'PARSE ERROR'
  line     number of its first line
  cursor   where the record has one
  fields   hash of the line's fields, by the names in the file; of a WAIT, those
           of the parameters that aren't padding are in "parameters", and "nam"
           is the name of pg_stat_activity, while "name" is as in the file
  text     SQL, the operation of STAT, what follows *** in a note
  binds    of BINDS: list of {index, fields, value}; value is as in the file,
           unescaped, undef for NULL and a reference to why it is missing

If C<incomplete> is set, the file may end in the middle of a record, as one
does that is being written; that record is left out then.

=cut

sub parse
{
	my ($file, %options) = @_;

	return parse_text($file, contents($file), %options);
}

# What is in a file, which may be compressed
sub contents
{
	my ($file) = @_;

	return PostgreSQL::Test::Utils::slurp_file($file) if $file !~ /\.zst$/;
	open(my $zstd, '-|', 'zstd', '-dcq', '--', $file) or die "zstd: $!";
	local $/;
	my $contents = <$zstd>;
	close $zstd or die "$file: zstd can't decompress it";
	return $contents;
}

sub parse_text
{
	my ($file, $content, %options) = @_;
	my $parser = {
		file => $file,
		content => $content,
		line => 1,
		records => []
	};

	utf8::encode($parser->{content})
	  if utf8::is_utf8($parser->{content});
	pos($parser->{content}) = 0;
	eval {
		parse_header($parser);
		while (pos($parser->{content}) < length $parser->{content})
		{
			$parser->{start} = $parser->{line};
			parse_record($parser);
		}
		1;
	} or do
	{
		my $error = $@;
		die $error unless $parser->{at_end} && $options{incomplete};
	};
	return $parser->{records};
}

sub refuse
{
	my ($parser, $what) = @_;

	die "$parser->{file}:$parser->{line}: $what\n";
}

# A pattern in a longer one is compiled each time that it is another one than
# the last time, which takes longer than all else here.
my (%whole_line, %field);

# The next line, which must match; returns what the pattern captures, and
# 1 if it doesn't.
sub take
{
	my ($parser, $pattern, $what) = @_;

	$parser->{content} =~ /\G([^\n]*)(\n?)/gc;
	my ($line, $newline) = ($1, $2);
	if ($newline eq '')
	{
		$parser->{at_end} = 1;
		refuse($parser, "the file ends in the middle of $what");
	}
	my $whole_line = $whole_line{$pattern} //= qr/^$pattern$/;
	my @captured = $line =~ $whole_line
	  or refuse($parser, "no $what: $line");
	$parser->{line}++;
	return @captured;
}

# So many bytes, whatever they are
sub take_text
{
	my ($parser, $len, $what) = @_;
	my $at = pos $parser->{content};
	my $text = substr($parser->{content}, $at, $len);

	if (length $text < $len)
	{
		$parser->{at_end} = 1;
		refuse($parser, "the file ends in the middle of $what");
	}
	pos($parser->{content}) = $at + $len;
	$parser->{line} += ($text =~ tr/\n//);
	return $text;
}

# Is this what comes next?
sub peek
{
	my ($parser, $string) = @_;

	return substr($parser->{content}, pos $parser->{content}, length $string) eq
	  $string;
}

sub add
{
	my ($parser, $type, %record) = @_;

	$record{type} = $type;
	$record{line} = $parser->{start};
	$record{fields} ||= {};
	push @{ $parser->{records} }, \%record;
	return \%record;
}

sub unescape
{
	my ($string) = @_;
	my %special = (n => "\n", r => "\r", t => "\t");

	$string =~ s{\\(?:x([0-9a-f]{2})|(.))}
		{defined $1 ? chr hex $1 : $special{$2} // $2}ge;
	return $string;
}

# "a=1,b=2" or "a=1 b='x'" to a hash; the names must be those given.
sub fields
{
	my ($parser, $string, $separator, @names) = @_;
	my $field = $field{$separator} //=
	  qr/\G([\w#]+)=(?:$quoted|$double_quoted|([^\s,'"]*))(?:$separator|$)/;
	my @found;
	my %fields;

	while ($string =~ /$field/gc)
	{
		push @found, $1;
		$fields{$1} = defined $4 ? $4 : unescape($2 // $3);
	}
	refuse($parser, "fields: $string")
	  if (pos $string // 0) != length $string || "@found" ne "@names";
	return \%fields;
}

sub parse_header
{
	my ($parser) = @_;
	my %fields;

	$parser->{start} = 1;
	($fields{file}) = take($parser, qr/Trace file (.+)/, 'header');
	($fields{server}, $fields{extension}, $fields{format}) = take(
		$parser,
		qr/PostgreSQL (\S.*) with pg_trace_bgw (\S+) format=(\d+)/,
		'version of the format');
	refuse({ %$parser, line => 2 },
		"the file's format is $fields{format}, and only $format_version is known"
	) if $fields{format} ne $format_version;
	($fields{version_num}) = take($parser, qr/Version (\d+)/, 'header');
	foreach my $name ('System name', 'Node name', 'Release', 'Version',
		'Machine')
	{
		($fields{$name}) = take($parser, qr/$name:\t(.+)/, 'header');
	}
	foreach my $name ('Instance name', 'Database name', 'User name')
	{
		($fields{$name}) = take($parser, qr/$name: (.*)/, 'header');
	}
	($fields{number}) =
	  take($parser, qr/PostgreSQL process number: (-1|\d+)/, 'header');
	($fields{pid}, $fields{image}) =
	  take($parser, qr/Unix process pid: (\d+), image: (.+)/, 'header');
	($fields{'Backend start'}) =
	  take($parser, qr/Backend start: ($iso)/, 'header');
	take($parser, qr//, 'header');
	add($parser, 'HEADER', fields => \%fields);

	$parser->{start} = $parser->{line};
	parse_stars($parser);
	foreach my $label ('SESSION ID', 'CLIENT ID', 'SERVICE NAME',
		'MODULE NAME', 'ACTION NAME')
	{
		$parser->{start} = $parser->{line};
		my $record = parse_stars($parser);
		refuse($parser, "no $label before this")
		  unless $record->{type} eq 'CONTEXT'
		  && $record->{fields}{label} eq $label;
	}
	take($parser, qr//, 'header');
	return;
}

# A line with three stars; the notes are those that the worker knows.
my $note = qr/
	TIMED\ EVENT\ TRACING\ STARTED
	| TIMED\ EVENT\ TRACING\ STOPPED
	| TIMED\ EVENTS\ ARE\ MISSING\ OF\ \d+\ us:\ THE\ PROCESS\ WENT\ ON\ BEFORE\ IT\ HAD\ PROBES
	| TIMED\ EVENTS\ ARE\ NOT\ TRACED:\ .+
	| THE\ RUN\ QUEUE\ IS\ NOT\ TRACED:\ .+
	| TIMED\ EVENT\ TRACING\ STARTED\ IN\ LIBRARY\ \S+
	| TIMED\ EVENTS\ MAY\ BE\ MISSING:\ .+
	| TIMED\ EVENTS\ MAY\ BE\ MISSING\ IN\ LIBRARY\ \S+:\ .+
	| PLAN\ NODES\ ARE\ NOT\ TIMED:\ .+
	| TRACING\ STARTED\ IN\ THE\ MIDDLE\ OF\ A\ CALL\ THAT\ BEGAN\ AT\ $iso
	| TRACING\ STARTED\ IN\ A\ TRANSACTION\ THAT\ BEGAN\ AT\ $iso
	| IDLE,\ AFTER\ THIS\ STATEMENT,\ SINCE\ $iso
	| PARALLEL\ WORKER\ OF\ CURSOR\ \d+:\ PROCESS\ \d+,\ FILE\ \S+
	| PARALLEL\ LEADER:\ PROCESS\ \d+,\ CURSOR\ \d+,\ FILE\ \S+
	| TRACING\ OPTIONS:\ binds=(?:on|off)\ plan_stat=\w+
	| TIMED\ EVENTS\ MAY\ BE\ OUT\ OF\ ORDER\ HERE:\ THE\ BPF\ RING\ BUFFER\ IS\ HELD\ UP
	| EVENTS\ MAY\ BE\ MISSING:\ THE\ PROCESS\ STOPPED\ IN\ THE\ MIDDLE\ OF\ ONE
	| LOST\ AN\ UNKNOWN\ NUMBER\ OF\ EVENTS:\ THE\ SESSION'S\ QUEUE\ WAS\ CORRUPT
	| THE\ WORKER\ STOPS
	| TRACE\ CONTINUED\ AFTER\ A\ RESTART\ OF\ THE\ WORKER,\ EVENTS\ MAY\ BE\ MISSING\ HERE
	| CONTINUED\ FROM\ FILE\ .+:\ .+
	| PART\ \d+\ OF\ A\ TRACE:\ CONTINUED\ FROM\ FILE\ \S+
	| PARTS\ 2\ TO\ \d+\ ARE\ MISSING:\ THE\ SIZE\ IS\ LIMITED\ TO\ \d+\ MB
	| SUMS\ AND\ STATEMENTS\ MAY\ BE\ MISSING:\ THE\ WORKER\ WAS\ RESTARTED
	| DUMP\ FILE\ SIZE\ IS\ LIMITED\ TO\ \d+\ BYTES\ \*\*\*
/x;

sub parse_stars
{
	my ($parser) = @_;
	my ($text) = take($parser, qr/\*\*\* (.+)/, 'line with three stars');

	# readers look for these anywhere in a line; a session's names are its user's
	my ($own) = $text =~ /^([A-Z ]+):\(/ ? $1 : $text;
	$own =~ s/\b(?:FILE|IN LIBRARY) \S+//;
	refuse($parser, "a reader may take this for a record: $text")
	  if $own =~ /WAIT|#\d/;
	return add($parser, 'TIME', fields => { time => $1, tim => $2 })
	  if $text =~ /^($iso) \(tim=(\d+)\)$/;
	return add($parser, 'CONTEXT',
		fields => { label => $1, value => unescape($2), time => $3 })
	  if $text =~
	  /^(SESSION ID|CLIENT ID|SERVICE NAME|MODULE NAME|ACTION NAME|USER ID):\((.*)\) ($iso)$/;
	return add($parser, 'LOST', text => $text,
		fields => { what => lc $2, count => $1 })
	  if $text =~
	  /^LOST (\d+) (EVENTS): (?:THE SESSION'S QUEUE WAS FULL|THE FILE COULD NOT BE WRITTEN|THE FILE'S SIZE IS LIMITED|LESS THAN PG_TRACE\.MIN_FREE_SPACE WAS FREE)$/
	  || $text =~ /^LOST (\d+) (CALLS): ALL CURSOR NUMBERS ARE IN USE$/
	  || $text =~
	  /^LOST (\d+) (TIMED EVENTS): THE BPF RING BUFFER WAS FULL OR THE EVENT UNREADABLE$/
	  || $text =~ /^LOST (\d+) (BYTES) OF THE TEXT ABOVE, SHOWN AS DOTS$/;
	return add($parser, 'RUNNING', cursor => $1,
		fields => {
			e => $2,
			defined $3
			? (nam => unescape($3), type => $4, ela => $5, partial => $6 // 0)
			: ()
		})
	  if $text =~
	  /^RUNNING cursor=(\d+) e=(\d+)(?: event=($bare) type=($bare) ela=(\d+)(?: partial=(1))?)?$/;
	return add($parser, 'WAITING', cursor => $1,
		fields => { nam => unescape($2), type => $3 })
	  if $text =~ /^IN PROGRESS cursor=(\d+) event=($bare) type=($bare)$/;
	return add($parser, 'HELD', fields => {
			us => $1,
			defined $2
			? (attach => $2, library => $3, queue => $4, stop => $5)
			: ()
		})
	  if $text =~
	  /^HELD UP BY PG_TRACE: (\d+) us(?: \(attach=(\d+) library=(\d+) queue=(\d+) stop=(\d+)\))?$/;
	return add($parser, 'SUMMARY', fields => { sqlid => "$1", $2 =~ / (\w+)=(\d+)/g })
	  if $text =~
	  /^SUMMARY sqlid=(others|[0-9a-df-hjkmnp-z]{13})( dep=\d+ parse=\d+ exec=\d+ fetch=\d+ c=\d+ e=\d+ p=\d+ cr=\d+ cu=\d+ r=\d+ events=\d+ ela=\d+)$/;
	return add($parser, 'EXIT', fields => { code => $1 })
	  if $text =~ /^PROCESS EXITS, code=(-?\d+)$/;
	return add($parser, 'ENDED', text => $text)
	  if $text =~ /^TRACE ENDED(: THE PROCESS HAS ENDED|: CONTINUED IN ANOTHER FILE|: CONTINUED IN FILE \S+|: ITS ENTRY IN SHARED MEMORY IS CORRUPT|: THE SERVER OR ITS WORKER WAS RESTARTED, EVENTS MAY BE MISSING)?$/;
	return add($parser, 'NOTE', text => $text) if $text =~ /^$note$/;
	refuse($parser, "unknown note: $text");
	return;
}

sub parse_cursor
{
	my ($parser) = @_;

	take($parser, qr/={21}/, 'separator');
	my ($cursor, $rest) =
	  take($parser, qr/PARSING IN CURSOR #(\d+) (.+)/, 'cursor');
	my $fields =
	  fields($parser, $rest, ' ', qw(len dep uid oct lid tim hv ad sqlid queryid),
	$rest =~ / traceparent=/ ? 'traceparent' : (),
	$rest =~ / cut=\d+$/ ? 'cut' : ());
	my $text = take_text($parser, $fields->{len}, 'SQL text');
	take($parser, qr//, 'end of SQL text');
	take($parser, qr/END OF STMT/, 'END OF STMT');
	PgTrace::Fields::check_sqlid($parser, $fields);
	return add($parser, 'CURSOR', cursor => $cursor, fields => $fields,
		text => $text);
}

sub parse_bind
{
	my ($parser) = @_;
	my ($index) = take($parser, qr/ Bind#(\d+)/, 'bind');
	my ($rest) = take($parser, qr/  (oacdty=.+)/, 'type of a bind');
	my ($more) = take($parser, qr/  (kxsbbbfp=.+)/, 'length of a bind');
	my @names = (
		qw(oacdty mxl mxlc mal scl pre typ typoid),
		$rest =~ / name=/ ? 'name' : (),
		qw(kxsbbbfp bln avl flg));
	$rest .= " $more";
	my ($value) = take($parser, qr/  value=(.+)/, 'value of a bind');

	push @names, 'shown' if $rest =~ / shown=\d+$/;
	my $fields = fields($parser, $rest, ' ', @names);
	$fields->{mxl} =~ /^(\d+)\(\1\)$/
	  or refuse($parser, "mxl=$fields->{mxl}");

	if ($value eq 'NULL')
	{
		$value = undef;
	}
	elsif ($value =~ /^-?\d[-+.e\d]*$/)
	{
		refuse($parser, "a number of type $fields->{typ}: $value")
		  if $fields->{oacdty} !~ /^(?:02|100|101)$/;
		refuse($parser, "$fields->{avl} bytes expected: $value")
		  if length $value != $fields->{avl};
	}
	elsif ($value =~ /^"((?:[^"\\]++|\\.)*+)"$/)
	{
		$value = unescape($1);
		my $len = $fields->{shown} // $fields->{avl};
		refuse($parser, "$len bytes expected: $value")
		  if length $value != $len;
	}
	elsif ($value =~ /^<((?:[^>\\]++|\\.)*+)>$/)
	{
		my $why = unescape($1);
		$value = \$why;
	}
	else
	{
		refuse($parser, "value: $value");
	}
	return { index => $index, fields => $fields, value => $value };
}

# What begins with BINDS, or with Bind# if that was lost.  Other records can
# stand between two values.
sub parse_binds
{
	my ($parser) = @_;

	if (peek($parser, 'BINDS'))
	{
		my ($cursor) = take($parser, qr/BINDS #(\d+):/, 'binds');
		take($parser, qr//, 'binds');
		$parser->{binds} =
		  add($parser, 'BINDS', cursor => $cursor, binds => []);
	}
	elsif (!defined $parser->{binds})
	{
		refuse($parser, 'value without BINDS')
		  unless grep { $_->{type} eq 'LOST' } @{ $parser->{records} };
		$parser->{binds} = add($parser, 'BINDS', binds => []);
	}
	while (peek($parser, ' Bind#'))
	{
		my $bind = parse_bind($parser);
		push @{ $parser->{binds}{binds} }, $bind;
	}
	return;
}

# The names that the parameters of a wait can have; those that are missing are
# p1=0 and so on.
my %wait_parameters = map { $_ => 1 } (
	'', 'file#', 'file# block#', 'file# block# blocks',
	'log#', 'log# block#', 'log# block# blocks', 'block#', 'block# blocks',
	'dbid', 'dbid block#', 'dbid block# row#', 'xid', 'xid block# row#', 'xid token',
	'backend lxid', 'classid objid objsubid', 'dbid key',
	'dbid key1 key2', 'field1 field2 field3', '#bytes');

# And of what follows, in this order
my @wait_additions =
  qw(type node fork file dbid field4 reason mode blocker blockers blocker_sqlid
  blocker_state blocker_xact cpu protocol cont partial);

# All lines of genuine files have this shape, and readers rely on it: three
# parameters that are numbers, no quote but the name's, and the last two fields.
# What stands between is ours.
my $wait =
  qr/WAIT #(\d+): nam='([^']*)' ela= (\d+)((?: [\w#]+=-?\d+){3})((?: \w+=$bare)+) obj#=(-1|\d+) tim=(\d+)/;

sub parse_wait
{
	my ($parser) = @_;
	my ($cursor, $name, $ela, $parameters, $additions, $object, $tim) =
	  take($parser, $wait, 'wait');
	my (@names, @found);
	my %fields = (name => unescape($name), ela => $ela, 'obj#' => $object,
		tim => $tim);

	while ($parameters =~ /([\w#]+)=(\S+)/g)
	{
		push @names, $1;
		refuse($parser, "a parameter twice: $1") if defined $fields{$1};
		$fields{$1} = $2;
	}
	for (my $i = 3; $i > 0 && $names[-1] eq "p$i"; $i--)
	{
		refuse($parser, "parameters: $parameters") if $fields{"p$i"} ne 0;
		pop @names;
		last if !@names;
	}
	refuse($parser, "parameters: @names") unless $wait_parameters{"@names"};
	while ($additions =~ /(\w+)=(\S+)/g)
	{
		push @found, $1;
		refuse($parser, "twice: $1") if defined $fields{$1};
		$fields{$1} = unescape($2);
	}
	my %is_found = map { $_ => 1 } @found;
	refuse($parser, "additions: @found")
	  if !$is_found{type}
	  || "@found" ne join(' ', grep { $is_found{$_} } @wait_additions);
	foreach my $sqlid (split /,/, $fields{blocker_sqlid} // '')
	{
		refuse($parser, "blocker_sqlid=$sqlid")
		  if $sqlid !~ /^(?:0|[0-9a-df-hjkmnp-z]{13})$/;
	}
	$fields{nam} = $fields{name};
	refuse($parser, "nam='$fields{name}' type=$fields{type}")
	  if $fields{nam} =~ s/^LWLock: // != ($fields{type} eq 'LWLock');
	$fields{parameters} = @names ? "@names" : 'p1 p2 p3';
	return add($parser, $fields{type} eq 'CPU' ? 'RUN QUEUE' : 'WAIT',
		cursor => $cursor, fields => \%fields);
}

# What ends each line of STAT: how its time is known
my $timing = qr/ timing=(?:exact|unknown|off|mixed exact=\d\d?% samples=\d+)/;

sub parse_stat
{
	my ($parser) = @_;
	my ($cursor, $rest, $op) =
	  take($parser, qr/STAT #(\d+) (id=.+) op=$quoted/, 'STAT');
	my $fields = fields($parser, $rest, ' ', qw(id cnt pid pos obj));
	my ($text, @measured) = unescape($op) =~
	  /^(.+) \(cr=(\d+) pr=(\d+) pw=(\d+) str=(\d+) time=(\d+|-1) us cost=(\d+) size=(\d+) card=(\d+)((?: \w+=(?:-1|[\w-]+))*$timing)\)$/s
	  or refuse($parser, "operation: $op");
	my $more = pop @measured;

	@$fields{qw(cr pr pw str time cost size card)} = @measured;
	while ($more =~ / (\w+)=(\S+)/g)
	{
		refuse($parser, "twice: $1") if defined $fields->{$1};
		$fields->{$1} = $2;
	}
	refuse($parser, "time=$fields->{time} timing=$fields->{timing}")
	  if ($fields->{time} == -1) != ($fields->{timing} =~ /^(?:unknown|off)$/);
	return add($parser, 'STAT', cursor => $cursor, fields => $fields,
		text => $text);
}

my @error_details = qw(schema table column constraint);

sub parse_record
{
	my ($parser) = @_;

	return parse_cursor($parser) if peek($parser, '=' x 21 . "\n");
	return parse_binds($parser)
	  if peek($parser, 'BINDS') || peek($parser, ' Bind');
	return parse_stars($parser) if peek($parser, '***');

	my ($word) = $parser->{content} =~ /\G(PARSE ERROR|[A-Z]+)/;
	$word //= '';
	if ($word =~ /^(PARSE|EXEC|FETCH|CLOSE)$/)
	{
		my ($cursor, $rest) = take($parser, qr/$word #(\d+):(.+)/, 'call');
		my @names =
		  $word eq 'CLOSE'
		  ? qw(c e dep type tim)
		  : qw(c e p cr cu mis r dep og plh tim);
		delete $parser->{binds};
		return add($parser, $word, cursor => $cursor,
			fields => fields($parser, $rest, ',', @names));
	}
	if ($word eq 'WAIT')
	{
		return parse_wait($parser);
	}
	if ($word eq 'STAT')
	{
		return parse_stat($parser);
	}
	if ($word eq 'XCTEND')
	{
		my ($rest) = take($parser, qr/XCTEND (.+)/, 'XCTEND');
		return add($parser, 'XCTEND',
			fields => fields($parser, $rest, ', ', qw(rlbk rd_only tim)));
	}
	if ($word eq 'ERROR')
	{
		my ($cursor, $rest) = take($parser, qr/ERROR #(\d+):(.+)/, 'error');
		my $fields = fields($parser, $rest, ' ',
			qw(err tim sqlstate message),
			PgTrace::Fields::error_details($rest, @error_details, qw(bind statement cut)));
		return add($parser, 'ERROR', cursor => $cursor,
			fields => PgTrace::Fields::check_error($parser, $fields));
	}
	if ($word eq 'PARSE ERROR')
	{
		my ($cursor, $rest) =
		  take($parser, qr/PARSE ERROR #(\d+):(.+)/, 'parse error');
		my $fields = fields($parser, $rest, ' ',
			qw(len dep uid oct lid tim err sqlstate message),
			PgTrace::Fields::error_details($rest, @error_details), 'pos',
			PgTrace::Fields::error_details($rest, 'cut'));
		my $text = take_text($parser, $fields->{len}, 'SQL text');
		take($parser, qr//, 'end of SQL text');
		return add($parser, 'PARSE ERROR', cursor => $cursor,
			fields => PgTrace::Fields::check_error($parser, $fields), text => $text);
	}
	take($parser, qr/(?!)/, 'record');
	return;
}

=pod

=item of_type(records, type, ...)

The records of these types.

=cut

sub of_type
{
	my ($records, @types) = @_;
	my %wanted = map { $_ => 1 } @types;

	return grep { $wanted{ $_->{type} } } @$records;
}

=pod

=item has_note(records, pattern, what)

A test: there is a *** line that matches.

=cut

sub has_note
{
	my ($records, $pattern, $what) = @_;

	ok((grep { $_->{text} =~ $pattern } of_type($records, 'NOTE')), $what);
	return;
}

=pod

=item cursors_like(records, pattern)

The numbers of the cursors whose text matches.

=cut

sub cursors_like
{
	my ($records, $pattern) = @_;

	return map { $_->{cursor} }
	  grep { $_->{text} =~ $pattern } of_type($records, 'CURSOR');
}

=pod

=item of_cursor(records, cursor, type, ...)

The records of these types that belong to a cursor.

=cut

sub of_cursor
{
	my ($records, $cursor, @types) = @_;

	return grep { defined $_->{cursor} && $_->{cursor} == $cursor }
	  of_type($records, @types);
}

=pod

=back

=cut

1;
