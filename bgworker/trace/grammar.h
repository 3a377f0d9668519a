/*
 * grammar.h
 *		The words that a trace file is made of.
 *
 * The grammar is that of Oracle's extended SQL trace.  A line begins with a
 * keyword, most often followed by " #<cursor>"; then come fields, <name>=
 * <value>, in a fixed order.  Who writes the lines (format.c and the files
 * beside it) and whoever reads them has the words from here, so this needs
 * nothing of PostgreSQL.
 */
#ifndef PGT_TRACE_GRAMMAR_H
#define PGT_TRACE_GRAMMAR_H

/*
 * The version of all this, in the second line of a file.  It changes when a
 * reader that knows the one before would misread a file.
 */
#define PGT_FORMAT_VERSION		"2"

/* ----------
 * Beginnings of lines
 * ----------
 */

/* The head of a file */
#define PGT_HEAD_FILE			"Trace file "
#define PGT_HEAD_SERVER			"PostgreSQL "
#define PGT_HEAD_EXTENSION		" with pg_trace_bgw "
#define PGT_HEAD_FORMAT			" format="
#define PGT_HEAD_VERSION_NUM	"Version "
#define PGT_HEAD_SYSTEM			"System name:\t"
#define PGT_HEAD_NODE			"Node name:\t"
#define PGT_HEAD_RELEASE		"Release:\t"
#define PGT_HEAD_VERSION		"Version:\t"
#define PGT_HEAD_MACHINE		"Machine:\t"
#define PGT_HEAD_INSTANCE		"Instance name: "
#define PGT_HEAD_DATABASE		"Database name: "
#define PGT_HEAD_USER			"User name: "
#define PGT_HEAD_NUMBER			"PostgreSQL process number: "
#define PGT_HEAD_PID			"Unix process pid: "
#define PGT_HEAD_IMAGE			", image: "
#define PGT_HEAD_START			"Backend start: "

/* Statements */
#define PGT_LINE_SEPARATOR		"====================="
#define PGT_LINE_CURSOR			"PARSING IN CURSOR"
#define PGT_LINE_END_OF_STMT	"END OF STMT"
#define PGT_LINE_PARSE_ERROR	"PARSE ERROR"
#define PGT_LINE_ERROR			"ERROR"

/* Calls */
#define PGT_LINE_PARSE			"PARSE"
#define PGT_LINE_EXEC			"EXEC"
#define PGT_LINE_FETCH			"FETCH"
#define PGT_LINE_CLOSE			"CLOSE"

/* What belongs to them */
#define PGT_LINE_BINDS			"BINDS"
#define PGT_LINE_BIND			" Bind#"
#define PGT_LINE_WAIT			"WAIT"
#define PGT_LINE_STAT			"STAT"
#define PGT_LINE_XCTEND			"XCTEND"

/*
 * All else begins with this.  Readers look for words anywhere in a line: there
 * is no WAIT in these, nor a '#', but in what a session is called.
 */
#define PGT_STARS				"*** "

/* It goes on with one of these, */
#define PGT_NOTE_RUNNING		"RUNNING"
#define PGT_NOTE_BUSY			"IN PROGRESS"
#define PGT_NOTE_LOST			"LOST "
#define PGT_NOTE_LATE			"TIMED EVENTS ARE MISSING OF "
#define PGT_NOTE_EXIT			"PROCESS EXITS, code="
#define PGT_NOTE_SUMMARY		"SUMMARY"
#define PGT_NOTE_OPTIONS		"TRACING OPTIONS: "
#define PGT_NOTE_ENDED			"TRACE ENDED"
/* with what a session is called, <name>:(<value>) <time>, */
#define PGT_NOTE_SESSION		"SESSION ID"
#define PGT_NOTE_CLIENT			"CLIENT ID"
#define PGT_NOTE_SERVICE		"SERVICE NAME"
#define PGT_NOTE_MODULE			"MODULE NAME"
#define PGT_NOTE_ACTION			"ACTION NAME"
#define PGT_NOTE_ROLE			"USER ID"
/* with a time, or with a text in capitals. */

/* ----------
 * Names of fields
 * ----------
 */

/* In many lines */
#define PGT_FIELD_TIM			"tim"	/* CLOCK_MONOTONIC, in us, as all
										 * times */
#define PGT_FIELD_DEP			"dep"
#define PGT_FIELD_LEN			"len"
#define PGT_FIELD_UID			"uid"
#define PGT_FIELD_OCT			"oct"
#define PGT_FIELD_LID			"lid"
#define PGT_FIELD_ERR			"err"	/* PostgreSQL's packed SQLSTATE */
#define PGT_FIELD_SQLSTATE		"sqlstate"
#define PGT_FIELD_MESSAGE		"message"
#define PGT_FIELD_SCHEMA		"schema"
#define PGT_FIELD_TABLE			"table"
#define PGT_FIELD_COLUMN		"column"
#define PGT_FIELD_CONSTRAINT	"constraint"
#define PGT_FIELD_STATEMENT		"statement"
#define PGT_FIELD_BIND			"bind"
#define PGT_FIELD_CUT			"cut"
#define PGT_FIELD_NAM			"nam"
#define PGT_FIELD_TYPE			"type"	/* of a wait, and of a CLOSE */
#define PGT_FIELD_ELA			"ela"
#define PGT_FIELD_PARTIAL		"partial"
#define PGT_FIELD_E				"e"

/* PARSING IN CURSOR, PARSE ERROR */
#define PGT_FIELD_HV			"hv"
#define PGT_FIELD_AD			"ad"
#define PGT_FIELD_SQLID			"sqlid"
#define PGT_FIELD_QUERYID		"queryid"
#define PGT_FIELD_TRACEPARENT	"traceparent"
#define PGT_FIELD_POS			"pos"	/* of a STAT, too */

/* PARSE, EXEC, FETCH, CLOSE */
#define PGT_FIELD_C				"c"
#define PGT_FIELD_P				"p"
#define PGT_FIELD_CR			"cr"	/* of a STAT, too */
#define PGT_FIELD_CU			"cu"
#define PGT_FIELD_MIS			"mis"
#define PGT_FIELD_R				"r"
#define PGT_FIELD_OG			"og"
#define PGT_FIELD_PLH			"plh"

/* type= of a CLOSE */
#define PGT_CLOSE_TYPE_HARD		0	/* the number can be used again */
#define PGT_CLOSE_TYPE_CACHED	3	/* the cursor keeps its number */

/* Bind# */
#define PGT_FIELD_OACDTY		"oacdty"
#define PGT_FIELD_MXL			"mxl"
#define PGT_FIELD_TYP			"typ"
#define PGT_FIELD_TYPOID		"typoid"
#define PGT_FIELD_NAME			"name"
#define PGT_FIELD_BLN			"bln"
#define PGT_FIELD_AVL			"avl"
#define PGT_FIELD_SHOWN			"shown"
#define PGT_FIELD_VALUE			"value"

/* nam= of a WAIT for a light-weight lock begins with this. */
#define PGT_LWLOCK_PREFIX		"LWLock: "

/* WAIT: parameters, which are three numbers, */
#define PGT_FIELD_FILE_NUMBER	"file#"
#define PGT_FIELD_BLOCK_NUMBER	"block#"
#define PGT_FIELD_BLOCKS		"blocks"
#define PGT_FIELD_LOG_NUMBER	"log#"
#define PGT_FIELD_ROW_NUMBER	"row#"
#define PGT_FIELD_BYTES			"#bytes"
#define PGT_FIELD_DBID			"dbid"
#define PGT_FIELD_XID			"xid"
#define PGT_FIELD_BACKEND		"backend"
#define PGT_FIELD_LXID			"lxid"
#define PGT_FIELD_TOKEN			"token"
#define PGT_FIELD_CLASSID		"classid"
#define PGT_FIELD_OBJID			"objid"
#define PGT_FIELD_OBJSUBID		"objsubid"
#define PGT_FIELD_KEY			"key"	/* or key1, key2 */
#define PGT_FIELD_FIELD			"field" /* field1 to field4 */
#define PGT_PARAMETERS			3	/* what is missing is p<n>=0 */
/* additions, without quotes, */
#define PGT_FIELD_FORK			"fork"
#define PGT_FIELD_FILE			"file"
#define PGT_FIELD_MODE			"mode"
#define PGT_FIELD_BLOCKER		"blocker"
#define PGT_FIELD_BLOCKERS		"blockers"
#define PGT_FIELD_BLOCKER_SQLID "blocker_sqlid"
#define PGT_FIELD_BLOCKER_STATE "blocker_state"
#define PGT_FIELD_BLOCKER_XACT	"blocker_xact"
#define PGT_FIELD_NODE			"node"
#define PGT_FIELD_PROTOCOL		"protocol"
#define PGT_FIELD_CONT			"cont"
#define PGT_FIELD_CPU			"cpu"
/* and the relation */
#define PGT_FIELD_OBJECT_NUMBER	"obj#"

/* RUNNING, IN PROGRESS */
#define PGT_FIELD_CURSOR		"cursor"
#define PGT_FIELD_EVENT			"event"

/* STAT: before op=, */
#define PGT_FIELD_ID			"id"
#define PGT_FIELD_CNT			"cnt"
#define PGT_FIELD_PID			"pid"
#define PGT_FIELD_OBJ			"obj"
#define PGT_FIELD_OP			"op"
/* and in the parentheses at the end of it */
#define PGT_FIELD_PR			"pr"
#define PGT_FIELD_PW			"pw"
#define PGT_FIELD_STR			"str"
#define PGT_FIELD_TIME			"time"
#define PGT_FIELD_COST			"cost"
#define PGT_FIELD_SIZE			"size"
#define PGT_FIELD_CARD			"card"
#define PGT_FIELD_PLANNED		"workers_planned"
#define PGT_FIELD_LAUNCHED		"workers_launched"
#define PGT_FIELD_FILTERED		"filtered"
#define PGT_FIELD_JOIN_FILTERED "join_filtered"
#define PGT_FIELD_RECHECKED		"rechecked"
#define PGT_FIELD_HEAP_FETCHES	"heap_fetches"
#define PGT_FIELD_SORT_METHOD	"sort_method"
#define PGT_FIELD_BUCKETS		"buckets"
#define PGT_FIELD_BATCHES		"batches"
#define PGT_FIELD_MEMORY		"memory_kb"
#define PGT_FIELD_DISK			"disk_kb"
#define PGT_FIELD_JIT_FUNCTIONS "jit_functions"
#define PGT_FIELD_JIT_TIME		"jit_time"
#define PGT_FIELD_WAL_RECORDS	"wal_records"
#define PGT_FIELD_WAL_FPI		"wal_fpi"
#define PGT_FIELD_WAL_BYTES		"wal_bytes"
#define PGT_FIELD_WAIT			"wait"
#define PGT_FIELD_WAITS			"waits"
#define PGT_FIELD_START_TIME	"start_time"
#define PGT_FIELD_FINISH_TIME	"finish_time"
#define PGT_FIELD_PROCS			"procs"
#define PGT_FIELD_PROCS_TIME	"procs_time"
#define PGT_FIELD_LEADER_CNT	"leader_cnt"
#define PGT_FIELD_LEADER_STR	"leader_str"
#define PGT_FIELD_TIMING		"timing"
#define PGT_FIELD_EXACT			"exact"
#define PGT_FIELD_SAMPLES		"samples"

/* What a process waits for because it is traced, and reason= of it */
#define PGT_WAIT_TRACER			"pg_trace"
#define PGT_FIELD_REASON		"reason"
#define PGT_NOTE_TRACER			"HELD UP BY PG_TRACE: "

/* XCTEND */
#define PGT_FIELD_RLBK			"rlbk"
#define PGT_FIELD_RD_ONLY		"rd_only"

#endif							/* PGT_TRACE_GRAMMAR_H */
