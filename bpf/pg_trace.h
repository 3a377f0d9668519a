/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * pg_trace.h - what the BPF program and the background worker share
 *
 * The BPF program (pg_trace.bpf.c) sends one pgt_wait_event per finished wait
 * through a ring buffer to the worker (bgworker/probes/probes.c), with a pgt_target
 * behind it if there is more to say than what was waited for.  The worker tells
 * it by the array of pgt_wait_state, which it has mapped, whom to watch.
 * Both sides are built from the same tree at the same time, so the layout
 * needs no version; sizes are asserted all the same.
 */
#ifndef PG_TRACE_BPF_H
#define PG_TRACE_BPF_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/*
 * A link's per-site cookie: which session the link was made for, in which
 * generation of that slot, and what is special about the site.
 */
#define PGT_SITE_RESTART 0x1ULL
/* A call that says what the wait that is going on is for, unless it is known */
#define PGT_SITE_CALL 0x2ULL
/*
 * The start of a function that says which file is which relation's; or, with
 * PGT_RELATION_CLOSED as the kind of call, that this may change
 */
#define PGT_SITE_RELATION 0x4ULL
#define PGT_RELATION_CLOSED 1
#define PGT_RELATION_RESULT 2 /* what leads to the relation is the second argument */
#define PGT_RELATION_ITSELF 3 /* the argument is the relation's address */
/*
 * The start of a function that says something about what comes after; which
 * function, enum pgt_entry says, as the kind of call
 */
#define PGT_SITE_ENTRY 0x8ULL
/* enum pgt_file_call of the instruction that the probe is on */
#define PGT_SITE_FILE_CALL(flags) (((flags) >> 4) & 0xf)
#define PGT_SITE_FLAGS(file_call, flags) (((__u64)(file_call) << 4) | (flags))
#define PGT_COOKIE(generation, slot, flags) \
	(((__u64)(generation) << 32) | ((__u64)(slot) << 8) | (flags))
#define PGT_COOKIE_GENERATION(cookie) ((__u32)((cookie) >> 32))
#define PGT_COOKIE_SLOT(cookie) ((__u32)((cookie) >> 8) & 0xffff)
/*
 * A link goes on firing while it is being detached, in which time another one
 * may be attached to the same places.  Of the two only the one whose number the
 * state has counts: else a restart would be seen twice.
 */
#define PGT_COOKIE_NUMBER(number) ((__u64)(number) << 24)
#define PGT_COOKIE_NUMBER_OF(cookie) ((__u8)((cookie) >> 24))

/*
 * How the program is made to run when a process's word changes.  In the order
 * in which the worker tries them.
 */
enum pgt_probe {
	PGT_PROBE_NONE,
	PGT_PROBE_UPROBE,        /* a uprobe_multi link per process */
	PGT_PROBE_UPROBE_SHARED, /* one for all processes */
	PGT_PROBE_PERF_UPROBE,   /* a perf event per site for all processes */
	PGT_PROBE_WATCHPOINT,    /* a hardware watchpoint on the word */
};

/* No wait event has this value; the state of a thread not seen yet. */
#define PGT_VALUE_UNKNOWN 0xffffffffU

enum pgt_wait_flags {
	/*
	 * The first hit since the probes were attached: what was waited for
	 * until now isn't known here.  wait_event_info is PGT_VALUE_UNKNOWN,
	 * next_value what the thread does from now on.
	 */
	PGT_WAIT_FIRST = 1,
	/*
	 * No wait but a sample: the thread has used the CPU for about
	 * end_ns - start_ns since the last one, and was at plan_node.
	 */
	PGT_WAIT_SAMPLE = 2,
	/* It goes on with the wait for the same lock that was before it. */
	PGT_WAIT_CONTINUED = 4,
};

/* Functions with a probe of kind PGT_SITE_ENTRY */
enum pgt_entry {
	PGT_ENTRY_BUFFER,          /* waits for a buffer's other users */
	PGT_ENTRY_MULTI_NODE,      /* executes a plan node that yields no rows */
	PGT_ENTRY_MULTI_NODE_DONE, /* is called after the last one of these */
	/* wait for asynchronous I/O: */
	PGT_ENTRY_AIO_REFERENCE, /* that which the argument points to */
	PGT_ENTRY_AIO_OLDEST,    /* the oldest of the process's own */
	PGT_ENTRY_AIO_UNKNOWN,
	PGT_ENTRY_AIO_HANDLE,  /* that of the handle's address and its generation */
	PGT_ENTRY_TRANSACTION, /* waits for a transaction that has a row of a relation */
};

/* Arguments of functions on files; the first one is the file descriptor. */
enum pgt_file_call {
	PGT_FILE_CALL_NONE,
	PGT_FILE_CALL_FILE,          /* nothing else */
	PGT_FILE_CALL_BUFFER,        /* buffer, size: at the file's position */
	PGT_FILE_CALL_BUFFER_OFFSET, /* buffer, size, offset */
	PGT_FILE_CALL_VECTOR_OFFSET, /* buffers, their number, offset */
	PGT_FILE_CALL_OFFSET_SIZE,
	PGT_FILE_CALL_SIZE_OFFSET,
	PGT_FILE_CALL_TRUNCATE, /* new size */
};

enum pgt_target_kind {
	PGT_TARGET_NONE,
	PGT_TARGET_FILE,     /* struct pgt_file */
	PGT_TARGET_LOCK,     /* struct pgt_lock */
	PGT_TARGET_BUFFER,   /* struct pgt_buffer */
	PGT_TARGET_AIO,      /* struct pgt_aio */
	PGT_TARGET_TRACER,   /* struct pgt_tracer_wait: waits for the worker */
	PGT_TARGET_RELATION, /* struct pgt_relation; no wait, but what else
			      * has to be known from end_ns on
			      */
};

enum pgt_file_known {
	PGT_FILE_HAS_OFFSET = 1,
	PGT_FILE_HAS_SIZE = 2,
};

/* The last two parts of a path, as the kernel has them; nothing is cut. */
#define PGT_FILE_NAME_LEN 40

struct pgt_file {
	__u64 offset; /* bytes */
	__u64 size;
	__u32 known; /* enum pgt_file_known */
	__u32 reserved;
	char name[PGT_FILE_NAME_LEN];
	char directory[PGT_FILE_NAME_LEN];
};

/* PostgreSQL's LOCKTAG, the same in all majors */
struct pgt_lock {
	__u32 field1;
	__u32 field2;
	__u32 field3;
	__u16 field4;
	__u8 type;   /* LockTagType */
	__u8 method; /* as lockmethodid */
};

/* PostgreSQL's BufferTag, the same in all majors */
struct pgt_buffer {
	__u32 tablespace;
	__u32 database;
	__u32 file; /* relfilenode */
	__s32 fork; /* ForkNumber */
	__u32 block;
};

/* PostgreSQL's PgAioTargetData.smgr, and whose it is */
struct pgt_aio {
	__u32 tablespace;
	__u32 database;
	__u32 file; /* relfilenode */
	__u32 block;
	__u32 nblocks;
	__u8 fork;  /* ForkNumber */
	__u8 flags; /* PGT_AIO_TEMPORARY */
	__u16 reserved;
	__s32 owner; /* number of the PGPROC */
};

#define PGT_AIO_TEMPORARY 0x1

struct pgt_relation {
	__u32 tablespace;
	__u32 database;
	__u32 file;
	__u32 oid; /* 0: nobody knows whose file it is now */
};

/* Why a traced process waits for the worker */
enum pgt_tracer_reason {
	PGT_TRACER_NONE,
	PGT_TRACER_ATTACH,  /* a trace is to begin */
	PGT_TRACER_LIBRARY, /* one that was just loaded is looked at */
	PGT_TRACER_QUEUE,   /* there is no room for records */
	PGT_TRACER_STOP,    /* a trace is to end */
	PGT_TRACER_REASONS
};

/*
 * Where a process says that it is the worker that it waits for
 * (extension/tracer_wait.c); what it waits in may be cut into several waits by
 * its latch, which have the same since_ns.
 */
struct pgt_tracer_wait {
	__u64 since_ns; /* 0: it doesn't */
	__u32 reason;   /* enum pgt_tracer_reason */
	__u32 reserved;
};

struct pgt_target {
	union {
		struct pgt_file file;
		struct {
			struct pgt_lock lock;
			/* if that is a transaction's: the row that it has, 0 is none */
			__u32 row_relation; /* OID */
			__u32 row_block;
			__u32 row_number;
		};
		struct pgt_buffer buffer;
		struct pgt_aio aio;
		struct pgt_relation relation;
		struct pgt_tracer_wait tracer;
	};
};

/* mode and client_bytes of a wait that has none */
#define PGT_NO_MODE 0xff
#define PGT_NO_BYTES 0xffffffffU

/* BPF program -> worker, one per finished wait. */
struct pgt_wait_event {
	__u64 start_ns; /* CLOCK_MONOTONIC */
	__u64 end_ns;
	__u32 generation;
	__u32 slot;
	__u32 wait_event_info;    /* what was waited for */
	__u32 next_value;         /* the word's value at end_ns, 0 is no wait */
	__u16 flags;              /* enum pgt_wait_flags */
	__u8 target;              /* enum pgt_target_kind */
	__u8 mode;                /* LOCKMODE or LWLockMode, or PGT_NO_MODE */
	__u32 client_bytes;       /* see bpf/client.bpf.h, or PGT_NO_BYTES */
	__u64 plan_node;          /* the word plan_node_address at start_ns */
	__u64 run_delay_start_ns; /* in the run queue until start_ns, or 0 */
	__u64 run_delay_end_ns;   /* and until end_ns */
	__u64 cpu_start_ns;       /* see bpf/cpu.bpf.h; 0: unknown */
	__u64 cpu_end_ns;
};

/* The same with a target that isn't PGT_TARGET_NONE. */
struct pgt_target_event {
	struct pgt_wait_event wait;
	struct pgt_target target;
};

/*
 * BPF program -> worker, in a ring buffer of its own: a wait for a heavyweight
 * lock has begun.  Who holds the lock can only be found out while it lasts.
 */
struct pgt_lock_event {
	__u64 start_ns;
	__u32 generation;
	__u32 slot;
};

/*
 * Where PostgreSQL, from 18 on, keeps asynchronous I/O: an array of handles,
 * each of which stands for one I/O until it gets another generation.
 */
struct pgt_aio_layout {
	__u64 handles; /* address of the array, 0 is none */
	__u64 backend; /* address of the variable that has that of the process's own */
	__u32 handle_size;
	__u32 handle_count;
	/* in a handle */
	__u32 target;
	__u32 generation;
	__u32 owner;
	__u32 node; /* in the list in_flight */
	__u32 target_data;
	/* in what is the process's own */
	__u32 in_flight; /* the oldest */
	__u32 nstaged;
	__u32 staged;
	/* of an index, in what a PGT_ENTRY_AIO_REFERENCE points to */
	__u32 reference_index;
	__u32 reference_generation; /* upper half, lower half */
	/* values of wait_event_info, 0 is none */
	__u32 completion;
	__u32 execution;
	__u32 submission;
	__u32 relation_target; /* value of target if it is a relation's file */
};

/* Where PostgreSQL keeps what the BPF program reads; constant once loaded. */
struct pgt_layout {
	__u64 buffer_descriptors; /* address of the array, 0 is none */
	__u32 buffer_descriptor_size;
	/* in PGPROC, from wait_event_info */
	__s32 lwlock_mode;
	__s32 lock;
	__s32 lock_mode;
	__s32 lock_wait_start; /* when the process began to wait for the lock */
	/* in RelationData, whose first member says which file it has */
	__u32 relation_oid;
	/*
	 * From the argument of a PGT_SITE_RELATION function to the relation,
	 * or to its address.
	 */
	__s32 relation;
	__u32 relation_is_address;
	/* Plan nodes, as extension/plan_watch.c has them */
	__u32 plan_state_plan; /* in PlanState */
	__u32 plan_state_state;
	__u32 plan_node_id; /* in Plan */
	__u32 watched_node_size;
	__u32 client_read;  /* wait_event_info of ClientRead */
	__u64 local_word;   /* the process's word as long as it has no PGPROC */
	__u64 watched_plan; /* address of the process's pgt_watched_plan */
	__u64 tracer_wait;  /* address of the process's pgt_tracer_wait */
	__u64 client_port;  /* address of the pointer to the process's Port */
	__u32 port_socket;  /* in it */
	__u32 client_write; /* wait_event_info of ClientWrite */
	struct pgt_aio_layout aio;
};

/* extension/plan_watch.c: the plan of which a node was executed last */
struct pgt_watched_plan {
	__u64 estate; /* addresses */
	__u64 nodes;  /* by plan_node_id; each one begins with a pgt_watched_node */
};

struct pgt_watched_node {
	__u64 state;      /* address of its PlanState */
	__u64 multi_word; /* for plan_node; 0 if its wrapper sets that */
};

/*
 * What the current wait of a traced process is for, indexed by session slot.
 * Only the BPF program uses it.
 */
struct pgt_wait_target {
	__u32 generation; /* that buffer, aio, client, relation are of */
	__s32 buffer;     /* that the process may be going to wait for, or 0 */
	__u8 kind;        /* enum pgt_target_kind */
	__u8 mode;
	__u8 aio; /* how to find the I/O: PGT_ENTRY_AIO_HANDLE, _OLDEST, or not */
	__u8 client_known;
	__u32 client_bytes;    /* when the wait began, if it was to send */
	__u64 client;          /* the kernel's socket to the client, or 0 */
	__u64 lock_wait_start; /* of the last wait for a lock, or 0 */
	__u32 continued;       /* it is the same wait's, which was interrupted */
	__u32 row_relation;    /* of the last wait for a transaction, as in pgt_target */
	__u32 row_block;
	__u32 row_number;
	__u64 aio_handle;
	__u64 aio_generation;
	struct pgt_relation relation; /* that the worker was told of last */
	/*
	 * Whose names file has: the kernel's entry of the file, of its
	 * directory, and the hash of its name.
	 */
	__u64 entry;
	__u64 parent;
	__u64 name_hash;
	struct pgt_file file;
	struct pgt_target other; /* if it isn't a file */
};

/*
 * One traced process, indexed by session slot.  address, pointer and generation
 * are the worker's, most of the rest the BPF program's once generation is set; only
 * one thread, the traced backend, ever runs the program on an entry.
 * Cache lines of their own, so that sessions don't disturb each other.
 */
struct pgt_wait_state {
	__u64 address;    /* of the process's wait_event_info word */
	__u64 pointer;    /* if not 0, of the pointer to that, which will change */
	__u64 start_ns;   /* when the current wait began */
	__u64 submitted;  /* events put into the ring buffer */
	__u64 lost;       /* events that found the ring buffer full */
	__u64 hits;       /* runs of the program */
	__u64 faults;     /* runs in which the word could not be read */
	__u32 value;      /* the word's last value */
	__u32 generation; /* 0: nobody */
	__u64 plan_node;  /* the word plan_node_address at start_ns */

	__u64 run_delay_ns; /* in the run queue until start_ns */
	__u64 cpu_ns;       /* see bpf/cpu.bpf.h */
	__u64 sampled_ns;   /* CPU time of the thread that samples stand for so far */

	/*
	 * While the word plan_node_address is multi_base, the node at work is
	 * this one, since it has no wrapper; 0: it is what the word says
	 */
	__u64 multi_word;
	__u64 multi_base;

	/*
	 * enum pgt_probe: whose runs count, and whose are to count from the
	 * next change of the word on.  The worker sets both, and to change
	 * over, next_seen = 0 and then next; the program follows by setting
	 * owner, and the worker may then detach the old probes.
	 */
	__u8 owner;
	__u8 next;
	__u8 next_seen;        /* a probe of kind next has run */
	__u8 sees_multi_nodes; /* PGT_ENTRY_MULTI_NODE has been seen by the owner */
	__u8 tracer_reason;    /* of the current wait: enum pgt_tracer_reason */
	__u8 own_number;       /* PGT_COOKIE_NUMBER of the links that count */
	__u8 common_number;    /* the same, of those that are for all processes */
	__u8 watch_cpu;        /* else run_delay_ns and cpu_ns aren't read */
	__u8 cpu_is_unknown;   /* the latter, on this kernel */
	__u8 reserved[7];
};

_Static_assert(sizeof(struct pgt_wait_event) == 80, "shared record layout");
_Static_assert(sizeof(struct pgt_target_event) == 184, "shared record layout");
_Static_assert(sizeof(struct pgt_lock) == 16, "LOCKTAG");
_Static_assert(sizeof(struct pgt_buffer) == 20, "BufferTag");
_Static_assert(sizeof(struct pgt_aio) == 28, "PgAioTargetData and owner");
_Static_assert(sizeof(struct pgt_lock_event) == 16, "shared record layout");
_Static_assert(sizeof(struct pgt_wait_state) == 128, "whole cache lines");

#endif /* PG_TRACE_BPF_H */
