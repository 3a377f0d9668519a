/*
 * wait_line.c
 *		Tests the lines of waits, exactly.
 */
#include "postgres.h"

#include "storage/lock.h"
#include "storage/lwlock.h"

#include "tap/unit/support/lines.h"

static const PgtWaitName read_name = {.name = "DataFileRead", .type = "IO"};
static const PgtWaitName lock_name = {.name = "a'b c", .type = "Lock"};

static PgtRelations relations;

/*
 * The line of such a wait, from 1 to 3.5 us; what is common to all is left out,
 * and obj# that isn't known
 */
static void
wait_is(PgtWait wait, const char *middle, const char *name)
{
	const char *object = strstr(middle, " obj#=") == NULL ? " obj#=-1" : "";
	char	   *line;

	if (wait.name == NULL)
		wait.name = &read_name;
	wait.start_ns = 1 * US;
	wait.end_ns = 3 * US + 500;
	wait.relations = &relations;
	line = psprintf("WAIT #0: nam='%s' ela= 2%s%s tim=3\n",
					wait.name == &read_name ? "DataFileRead" : "a\\x27b c",
					middle, object);
	pgt_format_wait(&format, &wait);
	wrote(line, name);
	pfree(line);
}

/* fields that have a value which isn't 0, unless they are given */
#pragma GCC diagnostic ignored "-Woverride-init"
#define WAIT(...) \
	((PgtWait) {.mode = PGT_NO_MODE, .client_bytes = PGT_NO_BYTES, \
			__VA_ARGS__})

static void
file_is(const char *directory, const char *file, int known, uint64 offset,
		uint64 size, const char *parameters, int relation)
{
	struct pgt_target target = {.file = {.known = known, .offset = offset,
		.size = size}};
	char	   *all = psprintf("%s type=IO%s file=%s/%s obj#=%d", parameters,
							   strstr(file, "_fsm") ? " fork=fsm" : "",
							   directory, file, relation);

	strlcpy(target.file.directory, directory, PGT_FILE_NAME_LEN);
	strlcpy(target.file.name, file, PGT_FILE_NAME_LEN);
	wait_is(WAIT(.target_kind = PGT_TARGET_FILE, .target = &target), all, all);
	pfree(all);
}

static void
test_files(void)
{
	const int	both = PGT_FILE_HAS_OFFSET | PGT_FILE_HAS_SIZE;
	struct pgt_target target;

	file_is("5", "100", both, 8192 * 7, 8192 * 2,
			" file#=100 block#=7 blocks=2", 1000);
	file_is("5", "100.2", both, 8192 * 7 + 1, 8192,
			" file#=100 block#=262151 blocks=2", 1000);
	file_is("5", "100_fsm", PGT_FILE_HAS_OFFSET, 0, 0,
			" file#=100 block#=0 p3=0", 1000);
	file_is("5", "100", PGT_FILE_HAS_SIZE, 0, 8192,
			" file#=100 p2=0 p3=0", 1000);
	file_is("5", "100", both, 8192, 0, " file#=100 block#=1 blocks=0", 1000);
	file_is("5", "100", both, UINT64_MAX, 5,
			" file#=100 block#=2251799813685247 blocks=0", 1000);
	file_is("6", "100", 0, 0, 0, " file#=100 p2=0 p3=0", -1);
	file_is("pg_wal", "000000010000000000000003", both, 8192, 8192,
			" log#=3 block#=1 blocks=1", -1);
	file_is("base", "PG_VERSION", both, 0, 1, " block#=0 blocks=1 p3=0", -1);
	file_is("base", "PG_VERSION", PGT_FILE_HAS_SIZE, 0, 1,
			" p1=0 p2=0 p3=0", -1);

	/* names that don't end */
	memset(&target, 0, sizeof(target));
	strcpy(target.file.directory, "5");
	memset(target.file.name, '1', PGT_FILE_NAME_LEN);
	wait_is(WAIT(.target_kind = PGT_TARGET_FILE, .target = &target),
			" p1=0 p2=0 p3=0 type=IO "
			"file=5/1111111111111111111111111111111111111111",
			"a name without an end");
	strcpy(target.file.name, "a' \"=\n\\");
	wait_is(WAIT(.target_kind = PGT_TARGET_FILE, .target = &target),
			" p1=0 p2=0 p3=0 type=IO "
			"file=5/a\\x27\\x20\\x22\\x3d\\n\\\\",
			"a name that has to be escaped");
}

static void
lock_is(LockTagType type, const char *parameters, const char *fourth,
		int relation)
{
	struct pgt_target target = {.lock = {1, 2, 3, 4, type, DEFAULT_LOCKMETHOD}};
	char	   *middle = psprintf("%s type=Lock%s mode=OtherLock obj#=%d",
								  parameters, fourth, relation);

	wait_is(WAIT(.name = &lock_name, .target_kind = PGT_TARGET_LOCK,
				 .target = &target, .mode = ShareLock), middle, parameters);
	pfree(middle);
}

static void
test_locks(void)
{
	struct pgt_target target = {.lock = {1, UINT32_MAX, UINT32_MAX, 1,
		LOCKTAG_ADVISORY, USER_LOCKMETHOD}};

	lock_is(LOCKTAG_RELATION, " dbid=1 p2=0 p3=0", "", 2);
	lock_is(LOCKTAG_RELATION_EXTEND, " dbid=1 p2=0 p3=0", "", 2);
	lock_is(LOCKTAG_DATABASE_FROZEN_IDS, " dbid=1 p2=0 p3=0", "", -1);
	lock_is(LOCKTAG_PAGE, " dbid=1 block#=3 p3=0", "", 2);
	lock_is(LOCKTAG_TUPLE, " dbid=1 block#=3 row#=4", "", 2);
	lock_is(LOCKTAG_TRANSACTION, " xid=1 p2=0 p3=0", "", -1);
	lock_is(LOCKTAG_VIRTUALTRANSACTION, " backend=1 lxid=2 p3=0", "", -1);
	lock_is(LOCKTAG_SPECULATIVE_TOKEN, " xid=1 token=2 p3=0", "", -1);
	lock_is(LOCKTAG_OBJECT, " classid=2 objid=3 objsubid=4", " dbid=1", -1);
	lock_is(LOCKTAG_USERLOCK, " field1=1 field2=2 field3=3", " field4=4", -1);
	lock_is(200, " field1=1 field2=2 field3=3", " field4=4", -1);
	lock_is(LOCKTAG_ADVISORY, " dbid=1 key1=2 key2=3", "", -1);
	wait_is(WAIT(.target_kind = PGT_TARGET_LOCK, .target = &target,
				 .mode = ExclusiveLock),
			" dbid=1 key=-1 p3=0 type=IO mode=ExclusiveLock",
			"a key of 64 bits");
	target.lock.type = LOCKTAG_TRANSACTION;
	target.lock.field1 = 7;
	target.row_relation = 11;
	target.row_block = 12;
	wait_is(WAIT(.target_kind = PGT_TARGET_LOCK, .target = &target),
			" xid=7 p2=0 p3=0 type=IO obj#=11", "a relation");
	target.row_number = 13;
	wait_is(WAIT(.target_kind = PGT_TARGET_LOCK, .target = &target),
			" xid=7 block#=12 row#=13 type=IO obj#=11", "a row");
	target.lock = (struct pgt_lock)
	{
		1, UINT32_MAX, UINT32_MAX, 2, LOCKTAG_ADVISORY, 3
	};
	wait_is(WAIT(.target_kind = PGT_TARGET_LOCK, .target = &target,
				 .mode = ExclusiveLock),
			" dbid=1 key1=-1 key2=-1 type=IO",
			"keys of 32 bits, an unknown method");
	target.lock.method = USER_LOCKMETHOD;
	wait_is(WAIT(.target_kind = PGT_TARGET_LOCK, .target = &target,
				 .mode = MaxLockMode + 1),
			" dbid=1 key1=-1 key2=-1 type=IO", "an unknown mode");
	wait_is(WAIT(.target_kind = PGT_TARGET_LOCK, .target = &target,
				 .mode = NoLock),
			" dbid=1 key1=-1 key2=-1 type=IO", "no mode");
}

static void
test_blockers(void)
{
	PgtBlockers blockers = {.total = 3, .count = 2, .pids = {7, 0}};

	wait_is(WAIT(.blockers = &blockers),
			" p1=0 p2=0 p3=0 type=IO blocker=7,0 blockers=3",
			"two blockers of three");
	blockers.total = 2;
	blockers.known[1] = true;
	blockers.query_ids[1] = UINT64_MAX;
	blockers.states[1] = "active";
	wait_is(WAIT(.blockers = &blockers),
			" p1=0 p2=0 p3=0 type=IO blocker=7,0 "
			"blocker_sqlid=0,gzzzzzzzzzzzz blocker_state=unknown,active "
			"blocker_xact=0,0", "what they execute");
	blockers.query_ids[1] = 0;
	blockers.xact_starts[1] = 1500000;
	wait_is(WAIT(.blockers = &blockers),
			" p1=0 p2=0 p3=0 type=IO blocker=7,0 "
			"blocker_sqlid=0,0 blocker_state=unknown,active "
			"blocker_xact=0,2000-01-01T00:00:01.500000+00:00",
			"and since when");
	blockers.total = blockers.count = 0;
	wait_is(WAIT(.blockers = &blockers),
			" p1=0 p2=0 p3=0 type=IO", "none found");
}

static void
test_others(void)
{
	struct pgt_target buffer = {.buffer = {1663, 5, 100, 1, 9}};
	struct pgt_target aio = {.aio = {.database = 5, .file = 100,
			.block = RELSEG_SIZE + 1, .nblocks = 4, .fork = 2,
		.flags = PGT_AIO_TEMPORARY, .owner = 3}};

	wait_is(WAIT(.client_bytes = 0),
			" #bytes=0 p2=0 p3=0 type=IO", "bytes of a client");
	wait_is(WAIT(.mode = LW_SHARED),
			" p1=0 p2=0 p3=0 type=IO mode=Shared", "shared");
	wait_is(WAIT(.mode = LW_EXCLUSIVE),
			" p1=0 p2=0 p3=0 type=IO mode=Exclusive", "exclusive");
	wait_is(WAIT(.mode = LW_WAIT_UNTIL_FREE),
			" p1=0 p2=0 p3=0 type=IO mode=WaitUntilFree",
			"until it is free");
	wait_is(WAIT(.mode = LW_WAIT_UNTIL_FREE + 1, .partial = true),
			" p1=0 p2=0 p3=0 type=IO partial=1", "a part");
	wait_is(WAIT(.continued = true),
			" p1=0 p2=0 p3=0 type=IO cont=1", "the rest of one");
	wait_is(WAIT(.target_kind = PGT_TARGET_BUFFER, .target = &buffer),
			" file#=100 block#=9 blocks=1 type=IO fork=fsm obj#=1000",
			"a buffer");
	buffer.buffer.fork = INT32_MIN;
	wait_is(WAIT(.target_kind = PGT_TARGET_BUFFER, .target = &buffer),
			" file#=100 block#=9 blocks=1 type=IO obj#=1000",
			"a fork that there isn't");
	wait_is(WAIT(.target_kind = PGT_TARGET_AIO, .target = &aio),
			" file#=100 block#=131073 blocks=4 type=IO fork=vm "
			"file=5/t3_100_vm.1 obj#=1000", "asynchronous I/O");
	aio.aio = (struct pgt_aio)
	{
		.file = 200, .fork = 255, .block = 1
	};
	wait_is(WAIT(.target_kind = PGT_TARGET_AIO, .target = &aio),
			" file#=200 block#=1 blocks=0 type=IO "
			"file=global/200", "of a shared relation");
	wait_is(WAIT(.plan_node = UINT64CONST(0x500000007)),
			" p1=0 p2=0 p3=0 type=IO", "no node between calls");
}

static void
test_names(void)
{
	static const PgtWaitName lwlock = {.name = "WALWrite", .type = "LWLock",
		.is_lwlock = true};
	static const PgtWaitName custom = {.name = "a \"b'=\\\n", .type = "x y"};
	PgtWait		wait = WAIT(.name = &lwlock);

	pgt_format_wait(&format, &wait);
	wrote("WAIT #0: nam='LWLock: WALWrite' ela= 0 p1=0 p2=0 p3=0 type=LWLock "
		  "obj#=-1 tim=0\n", "a light-weight lock's name is its own");
	wait.name = &custom;
	pgt_format_wait(&format, &wait);
	wrote("WAIT #0: nam='a \\x22b\\x27=\\\\\\n' ela= 0 p1=0 p2=0 p3=0 "
		  "type=x\\x20y obj#=-1 tim=0\n", "any name");
}

/* Waits for the worker */
static void
test_tracer(void)
{
	static const char *const reasons[] = {"attach", "library", "queue", "stop"};
	static const PgtWaitName name = {.name = "a'b c", .type = "Extension"};

	for (int i = 0; i < (int) lengthof(reasons); i++)
	{
		struct pgt_target target = {.tracer = {.since_ns = 1,
			.reason = PGT_TRACER_ATTACH + (uint32) i}};
		char	   *middle = psprintf(" p1=0 p2=0 p3=0 type=Extension reason=%s",
									  reasons[i]);

		wait_is(WAIT(.name = &name, .target_kind = PGT_TARGET_TRACER,
					 .target = &target), middle, reasons[i]);
		pfree(middle);
	}
}

static void
test_nodes(void)
{
	PgtWait		wait = WAIT(.name = &read_name,
							.plan_node = UINT64CONST(0x500000007));

	begin_call(10, 0);
	pgt_format_wait(&format, &wait);
	wrote("WAIT #10: nam='DataFileRead' ela= 0 p1=0 p2=0 p3=0 type=IO "
		  "node=7 obj#=-1 tim=0\n", "a node, with no relations known");
	end_call(10, 0, false);
}

static void
test_run_queue(void)
{
	new_file();
	pgt_format_run_queue(&format, 5 * US, 100 * US);
	wrote("", "the run queue isn't traced");
	format.has_run_queue = true;
	pgt_format_run_queue(&format, 5 * US, 100 * US);
	wrote("WAIT #0: nam='CPU run queue' ela= 5 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=100\n", "time in it");
	pgt_format_run_queue(&format, 5 * US + 999, 200 * US);
	wrote("", "less than a microsecond");
	pgt_format_run_queue(&format, 6 * US, 300 * US);
	wrote("WAIT #0: nam='CPU run queue' ela= 1 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=300\n", "isn't forgotten");
	pgt_format_run_queue_in_wait(&format, 20 * US);
	pgt_format_run_queue_in_wait(&format, 10 * US);
	pgt_format_run_queue(&format, 20 * US, 400 * US);
	pgt_format_run_queue(&format, 0, 400 * US);
	wrote("", "what is contained in a wait, and what is unknown");
	PUT(PGT_RECORD_BEGIN, PgtBeginRecord, "", .header.cursor = 10,
		.header.time_ns = 500 * US, .run_delay_ns = 21 * US,
		.lead_ns = 50 * US);
	wrote("WAIT #0: nam='CPU run queue' ela= 1 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=500\n", "in the lead of a call");
	PUT(PGT_RECORD_END, PgtEndRecord, "", .header.cursor = 10, .begun = true,
		.header.time_ns = 600 * US, .run_delay_ns = 23 * US,
		.kind = PGT_CALL_CLOSE, .elapsed_ns = 100 * US);
	wrote("WAIT #10: nam='CPU run queue' ela= 2 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=600\n"
		  "CLOSE #10:c=0,e=150,dep=0,type=0,tim=600\n", "in it");
}

/* Calls that share what the kernel has counted */
static void
test_run_queue_of_calls(void)
{
	new_file();
	format.has_run_queue = true;
	PUT(PGT_RECORD_BEGIN, PgtBeginRecord, "", .header.cursor = 10,
		.header.time_ns = 100 * US, .cpu_ns = 7 * US);
	pgt_format_run_queue(&format, 50 * US, 120 * US);
	wrote("WAIT #10: nam='CPU run queue' ela= 20 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=120\n", "not before the call began");
	pgt_format_wait(&format, &WAIT(.name = &read_name, .start_ns = 120 * US,
								   .end_ns = 150 * US, .cpu_is_known = true,
								   .cpu_ns = 10 * US));
	pgt_format_run_queue_in_wait(&format, 50 * US);
	wrote("WAIT #10: nam='DataFileRead' ela= 30 p1=0 p2=0 p3=0 type=IO cpu=10 "
		  "obj#=-1 tim=150\n", "a wait");
	pgt_format_run_queue(&format, 90 * US, 160 * US);
	wrote("WAIT #10: nam='CPU run queue' ela= 10 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=160\n", "not before a wait ended");
	/* 40 elapsed, 9 of them on the CPU, less 30 that are known */
	PUT(PGT_RECORD_BEGIN, PgtBeginRecord, "", .header.cursor = 11,
		.header.depth = 1, .header.time_ns = 180 * US, .cpu_ns = 36 * US,
		.run_delay_ns = 90 * US);
	wrote("WAIT #10: nam='CPU run queue' ela= 1 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=180\n", "not while the call was on the CPU");
	PUT(PGT_RECORD_END, PgtEndRecord, "", .header.cursor = 11, .begun = true,
		.header.depth = 1, .header.time_ns = 220 * US, .elapsed_ns = 40 * US,
		.cpu_ns = 35 * US, .run_delay_ns = 90 * US, .kind = PGT_CALL_CLOSE);
	wrote("WAIT #11: nam='CPU run queue' ela= 5 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=220\n"
		  "CLOSE #11:c=35,e=40,dep=1,type=0,tim=220\n",
		  "nor in one that was nested");
	PUT(PGT_RECORD_END, PgtEndRecord, "", .header.cursor = 10, .begun = true,
		.header.time_ns = 300 * US, .elapsed_ns = 200 * US,
		.cpu_ns = 140 * US, .run_delay_ns = 90 * US, .kind = PGT_CALL_CLOSE);
	wrote("WAIT #10: nam='CPU run queue' ela= 4 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=300\n"
		  "CLOSE #10:c=140,e=200,dep=0,type=0,tim=300\n",
		  "what is left is the outer call's");
	pgt_format_run_queue(&format, 130 * US, 310 * US);
	wrote("WAIT #10: nam='CPU run queue' ela= 10 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=310\n", "not before the last call ended");
}

/* A call may begin where the process was about to wait for the worker. */
static void
test_run_queue_around(void)
{
	new_file();
	format.has_run_queue = true;
	format.last_end_ns = 50 * US;
	pgt_format_run_queue_around(&format, 30 * US, 80 * US, 100 * US);
	wrote("WAIT #0: nam='CPU run queue' ela= 10 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=80\n"
		  "WAIT #0: nam='CPU run queue' ela= 20 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=100\n", "before and behind a boundary");
	pgt_format_run_queue_around(&format, 40 * US, 110 * US, 130 * US);
	wrote("WAIT #0: nam='CPU run queue' ela= 10 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=130\n", "only behind it");
	pgt_format_run_queue_around(&format, 100 * US, 140 * US, 150 * US);
	wrote("WAIT #0: nam='CPU run queue' ela= 10 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=140\n"
		  "WAIT #0: nam='CPU run queue' ela= 10 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=150\n", "no more than there is room for");
	pgt_format_run_queue_around(&format, 100 * US, 200 * US, 170 * US);
	wrote("WAIT #0: nam='CPU run queue' ela= 20 p1=0 p2=0 p3=0 "
		  "type=CPU obj#=-1 tim=170\n", "a boundary that isn't one");
}

/* ela - cpu is the time off the CPU */
static void
test_cpu(void)
{
	new_file();
	wait_is(WAIT(.cpu_is_known = true, .cpu_ns = 0),
			" p1=0 p2=0 p3=0 type=IO cpu=0", "no CPU time");
	wait_is(WAIT(.cpu_is_known = true, .cpu_ns = 2500),
			" p1=0 p2=0 p3=0 type=IO cpu=2", "nothing but CPU time");
	wait_is(WAIT(.cpu_is_known = true, .cpu_ns = 1501),
			" p1=0 p2=0 p3=0 type=IO cpu=2", "off the CPU for 999 ns");
	wait_is(WAIT(.cpu_is_known = true, .cpu_ns = 1500),
			" p1=0 p2=0 p3=0 type=IO cpu=1", "off the CPU for 1 us");
	wait_is(WAIT(.partial = true),
			" p1=0 p2=0 p3=0 type=IO partial=1", "unknown");
}

/* What a call takes for CPU time, without asking the kernel, may be a wait. */
static void
test_assumed_cpu(void)
{
	PgtEndRecord end = {.header.cursor = 10, .header.time_ns = 120 * US,
		.kind = PGT_CALL_CLOSE, .elapsed_ns = 40 * US, .cpu_ns = 20 * US,
		.cpu_age_ns = 9 * US};

	new_file();
	PUT(PGT_RECORD_BEGIN, PgtBeginRecord, "", .header.cursor = 10,
		.header.time_ns = 80 * US);
	for (int i = 0; i < 2 * PGT_OFF_CPU_RECENT; i++)
		pgt_format_wait(&format,
						&WAIT(.name = &read_name, .start_ns = 109 * US + i * 100,
							  .end_ns = 109 * US + i * 100 + 100,
							  .cpu_is_known = true, .cpu_ns = i % 2 * 100));
	pgt_format_wait(&format, &WAIT(.name = &read_name, .start_ns = 111 * US,
								   .end_ns = 115 * US, .cpu_is_known = true,
								   .cpu_ns = 1 * US));
	pgt_format_wait(&format, &WAIT(.name = &read_name, .start_ns = 115 * US,
								   .end_ns = 116 * US));
	resetStringInfo(&out);
	put_record(PGT_RECORD_END, &end.header, sizeof(end), "");
	wrote("CLOSE #10:c=17,e=40,dep=0,type=0,tim=120\n",
		  "c has no time off the CPU since the kernel was asked");

	/* 4.8 are waits, whose CPU time isn't always known */
	end.begun = true;
	end.cpu_age_ns = 0;
	end.cpu_ns = 35 * US;
	put_record(PGT_RECORD_END, &end.header, sizeof(end), "");
	wrote("CLOSE #10:c=35,e=40,dep=0,type=0,tim=120\n", "c as told");
	PUT(PGT_RECORD_BEGIN, PgtBeginRecord, "", .header.cursor = 10,
		.header.time_ns = 120 * US);
	end.header.time_ns = 160 * US;
	end.cpu_ns = 41 * US;
	put_record(PGT_RECORD_END, &end.header, sizeof(end), "");
	wrote("CLOSE #10:c=40,e=40,dep=0,type=0,tim=160\n",
		  "c was told after the call");
	end.cpu_ns = 141 * US;
	put_record(PGT_RECORD_END, &end.header, sizeof(end), "");
	wrote("CLOSE #10:c=141,e=40,dep=0,type=0,tim=160\n",
		  "what can't be isn't concealed");
}

static void
test_relations(void)
{
	struct pgt_relation relation = {.tablespace = 1, .database = 5,
		.file = 100, .oid = 7};

	ok(pgt_relations_find(&relations, 5, 100) == 1000, "known");
	ok(pgt_relations_find(&relations, 100, 5) == InvalidOid, "unknown");
	pgt_relations_learn(&relations, &relation);
	ok(pgt_relations_find(&relations, 5, 100) == InvalidOid,
	   "another tablespace has such a file as well");
	relation.file = 101;
	pgt_relations_learn(&relations, &relation);
	relation.oid = 8;
	pgt_relations_learn(&relations, &relation);
	ok(pgt_relations_find(&relations, 5, 101) == 8, "the last one counts");
	for (int i = 0; i < 65536; i++)
	{
		relation.file = 1000 + i;
		pgt_relations_learn(&relations, &relation);
	}
	ok(pgt_relations_find(&relations, 5, 1000) == InvalidOid &&
	   pgt_relations_find(&relations, 5, relation.file) == 8,
	   "too many: older ones are forgotten");
	pgt_relations_forget(&relations);
	ok(pgt_relations_find(&relations, 5, relation.file) == InvalidOid,
	   "all are forgotten");
	pgt_relations_forget(&relations);
}

int
main(void)
{
	struct pgt_relation relation = {.database = 5, .file = 100, .oid = 1000};

	pgt_relations_learn(&relations, &relation);
	new_file();
	test_files();
	test_locks();
	test_blockers();
	test_others();
	test_tracer();
	test_names();
	test_nodes();
	test_run_queue();
	test_run_queue_of_calls();
	test_run_queue_around();
	test_cpu();
	test_assumed_cpu();
	test_relations();
	pgt_format_free(&format);
	pfree(out.data);
	return done();
}
