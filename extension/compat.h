/*
 * compat.h
 *		Every difference between the supported PostgreSQL majors (15 to 19).
 *
 * Hook signatures, renamed fields and moved headers are hidden here, so that
 * no other file tests PG_VERSION_NUM.
 */
#ifndef PGT_COMPAT_H
#define PGT_COMPAT_H

#include "executor/execdesc.h"
#include "postmaster/bgworker_internals.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/smgr.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "nodes/queryjumble.h"
#else
#include "utils/queryjumble.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "postmaster/postmaster.h"
#include "storage/aio_internal.h"
#include "storage/waiteventset.h"
#endif

#if PG_VERSION_NUM < 150000
#error "pg_trace_bgw needs PostgreSQL 15 or newer"
#endif

/* A function for SQL; 15 doesn't declare it to be seen from outside */
#define PGT_FUNCTION(name) \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)

/* planner_hook: 19 passes the ExplainState */
#if PG_VERSION_NUM >= 190000
#define PGT_PLANNER_PARAMS Query *parse, const char *query_string, \
	int cursor_options, ParamListInfo bound_params, ExplainState *es
#define PGT_PLANNER_ARGS parse, query_string, cursor_options, bound_params, es
#else
#define PGT_PLANNER_PARAMS Query *parse, const char *query_string, \
	int cursor_options, ParamListInfo bound_params
#define PGT_PLANNER_ARGS parse, query_string, cursor_options, bound_params
#endif

/* post_parse_analyze_hook: 19 has its last argument const */
#if PG_VERSION_NUM >= 190000
#define PGT_ANALYZE_PARAMS ParseState *pstate, Query *query, \
	const JumbleState *jstate
#else
#define PGT_ANALYZE_PARAMS ParseState *pstate, Query *query, \
	JumbleState *jstate
#endif
#define PGT_ANALYZE_ARGS pstate, query, jstate

/* ExecutorRun_hook: execute_once went away in 18 */
#if PG_VERSION_NUM >= 180000
#define PGT_EXECUTOR_RUN_PARAMS QueryDesc *query, ScanDirection direction, \
	uint64 count
#define PGT_EXECUTOR_RUN_ARGS query, direction, count
#else
#define PGT_EXECUTOR_RUN_PARAMS QueryDesc *query, ScanDirection direction, \
	uint64 count, bool execute_once
#define PGT_EXECUTOR_RUN_ARGS query, direction, count, execute_once
#endif

/* Join types that were added */
#if PG_VERSION_NUM >= 160000
#define PGT_HAVE_RIGHT_ANTI
#endif
#if PG_VERSION_NUM >= 180000
#define PGT_HAVE_RIGHT_SEMI
#endif

/* A PGPROC's index in ProcGlobal->allProcs */
#if PG_VERSION_NUM >= 170000
#define PGT_PROC_NUMBER(proc) GetNumberFromPGProc(proc)
#else
#define PGT_PROC_NUMBER(proc) ((proc)->pgprocno)
#endif

/* The own PGPROC's, as the server has noted it */
#if PG_VERSION_NUM >= 170000
#define PGT_MY_PROC_NUMBER	((uint32) MyProcNumber)
#else
#define PGT_MY_PROC_NUMBER	((uint32) MyProc->pgprocno)
#endif

/* WaitEventSets got a resource owner in 17 */
#if PG_VERSION_NUM >= 170000
#define pgt_create_wait_event_set(nevents) CreateWaitEventSet(NULL, nevents)
#else
#define pgt_create_wait_event_set(nevents) \
	CreateWaitEventSet(TopMemoryContext, nevents)
#endif

/*
 * Own wait event names exist from 17 on; before, all extensions share one.
 * cache is a static uint32 of the caller.
 */
static inline uint32
pgt_wait_event(uint32 *cache, const char *name)
{
#if PG_VERSION_NUM >= 170000
	if (*cache == 0)
		*cache = WaitEventExtensionNew(name);
	return *cache;
#else
	(void) cache;
	(void) name;
	return PG_WAIT_EXTENSION;
#endif
}

/* The i-th entry of the snapshot of pg_stat_activity, from 1 */
#if PG_VERSION_NUM >= 160000
#define pgt_local_beentry(i) pgstat_get_local_beentry_by_index(i)
#else
#define pgt_local_beentry(i) pgstat_fetch_stat_local_beentry(i)
#endif

/*
 * From what the function that shows which relation is going to be read is
 * given to that relation: in 15 and 16 smgrsetowner() is given the address of
 * its rd_smgr; in 17 WaitReadBuffers() a structure that has its address; and in
 * 18 pgaio_io_acquire_nb(), as the second argument, the place for the result
 * in that structure.
 */
#if PG_VERSION_NUM >= 180000
#define PGT_RELATION_OFFSET			((int) offsetof(ReadBuffersOperation, rel) - \
	(int) offsetof(ReadBuffersOperation, io_return))
#define PGT_RELATION_IS_ADDRESS		true
#elif PG_VERSION_NUM >= 170000
#define PGT_RELATION_OFFSET			offsetof(ReadBuffersOperation, rel)
#define PGT_RELATION_IS_ADDRESS		true
#else
#define PGT_RELATION_OFFSET			(-(int) offsetof(RelationData, rd_smgr))
#define PGT_RELATION_IS_ADDRESS		false
#endif

/* Asynchronous I/O, from 18 on */
#if PG_VERSION_NUM >= 180000
#define PGT_HAVE_AIO
#endif

/* Have each relation's file opened anew, so that this function is called. */
static inline void
pgt_forget_open_files(void)
{
#if PG_VERSION_NUM < 170000
	smgrcloseall();
#endif
}

/* The counters of OIDs and transactions; access/transam.h */
#if PG_VERSION_NUM >= 170000
#define PGT_TRANSAM_VARIABLES	TransamVariables
#else
#define PGT_TRANSAM_VARIABLES	ShmemVariableCache
#endif

/* Memory for what a setting's check hook leaves to its assign hook */
#if PG_VERSION_NUM >= 160000
#define pgt_guc_malloc(size) guc_malloc(LOG, size)
#else
#define pgt_guc_malloc(size) malloc(size)
#endif

/* Query identifiers are signed from 19 on; they are printed unsigned. */
#define PGT_QUERY_ID(id) ((uint64) (id))

/* In the postmaster: the background worker that was registered last, or NULL */
static inline const BackgroundWorker *
pgt_newest_worker(void)
{
#if PG_VERSION_NUM >= 180000
	if (dlist_is_empty(&BackgroundWorkerList))
		return NULL;
	return &dlist_head_element(RegisteredBgWorker, rw_lnode,
							   &BackgroundWorkerList)->rw_worker;
#else
	if (slist_is_empty(&BackgroundWorkerList))
		return NULL;
	return &slist_head_element(RegisteredBgWorker, rw_lnode,
							   &BackgroundWorkerList)->rw_worker;
#endif
}

/*
 * In the child of a fork by the postmaster, before any PostgreSQL code ran:
 * the background worker that this child is going to be, or NULL if it is no
 * background worker.  The postmaster assigns a child slot before it forks and
 * stores the pid after it, so the worker being started is the one that has
 * the former but not the latter.  In other processes the lists are freed memory.
 */
static inline const BackgroundWorker *
pgt_starting_worker(void)
{
#if PG_VERSION_NUM >= 180000
	dlist_iter	iter;

	dlist_foreach(iter, &ActiveChildList)
	{
		PMChild    *child = dlist_container(PMChild, elem, iter.cur);

		if (child->pid == 0)
			return child->rw != NULL ? &child->rw->rw_worker : NULL;
	}
#else
	slist_iter	iter;

	slist_foreach(iter, &BackgroundWorkerList)
	{
		RegisteredBgWorker *rw =
			slist_container(RegisteredBgWorker, rw_lnode, iter.cur);

		if (rw->rw_pid == 0 && rw->rw_child_slot != 0)
			return &rw->rw_worker;
	}
#endif
	return NULL;
}

#endif							/* PGT_COMPAT_H */
