/*
 * report.h
 *		What a report has of each statement: report.c puts it together,
 *		report_print.c prints it, report_plan.c has the plans.
 */
#ifndef PGT_COMMANDS_REPORT_H
#define PGT_COMMANDS_REPORT_H

#include "cli/model/catalog.h"
#include "cli/model/flow.h"

/* The rows of a statement's table */
typedef enum PgtReportCall
{
	PGT_REPORT_PARSE,
	PGT_REPORT_EXECUTE,
	PGT_REPORT_FETCH,
	PGT_REPORT_CLOSE,			/* Oracle's report has none */
	PGT_REPORT_CALLS
} PgtReportCall;

/* Without what calls below have used */
typedef struct PgtReportRow
{
	uint64_t	count;
	int64_t		cpu;			/* µs */
	int64_t		elapsed;		/* µs */
	int64_t		disk;			/* blocks, as the next two */
	int64_t		query;
	int64_t		current;
	int64_t		rows;
	uint64_t	misses;
} PgtReportRow;

typedef struct PgtReportWait
{
	PgtEvent   *event;
	uint64_t	times;
	int64_t		max;			/* µs */
	int64_t		total;
	struct PgtReportWait *next;
} PgtReportWait;

typedef struct PgtReportPlans PgtReportPlans;

/* A statement, or what one user has executed of it */
typedef struct PgtReportEntry
{
	PgtStatement *statement;
	int64_t		uid;			/* of whom it was first seen */
	int64_t		dep;			/* least depth of its calls; -1: no calls */
	PgtReportRow calls[PGT_REPORT_CALLS];
	PgtReportWait *waits;
	PgtReportPlans *plans;
	uint64_t	errors;
	char	   *error;			/* the first one */
	int64_t		key;			/* by which it is sorted */
	struct PgtReportEntry *next;	/* of the same statement */
} PgtReportEntry;

/* Calls and waits of all statements at dep=0, and of all below */
typedef struct PgtReportTotals
{
	PgtReportRow calls[PGT_REPORT_CALLS];
	PgtReportWait *waits;
} PgtReportTotals;

typedef struct PgtReport
{
	PgtReportEntry **entries;	/* sorted */
	int			n;
	int			shown;			/* the first ones */
	PgtReportEntry left_out;	/* what isn't shown, of these */
	int			recursive;		/* statements left out by --sys no, */
	int64_t		recursive_us;	/* and what they have taken */
	PgtReportTotals totals[2];	/* dep=0; below */
	const char *sort;			/* keys, as they were given */
	int			files;
	uint64_t	lines;
	int64_t		interval_us;	/* of all files */
	int			sessions;
} PgtReport;

/* Take note of a wait in a list of them. */
extern void pgt_report_add_wait(PgtReportWait **list, PgtEvent *event,
								uint64_t times, int64_t us, int64_t max);

/*
 * Take note of a STAT line.  plh is the hash of the plan that was executed
 * last by its cursor.
 */
extern void pgt_report_add_stat(PgtReportPlans **plans,
								const PgtEntryStat *stat, int64_t plh);
extern void pgt_report_print_plans(const PgtReportPlans *plans);

/* The hash of the plan, if there is one and only one */
extern int64_t pgt_report_plan(const PgtReportPlans *plans);

extern void pgt_report_print(const PgtReport *report);

#endif							/* PGT_COMMANDS_REPORT_H */
