/*
 * guc_define.h
 *		Defines the settings pg_trace.*
 */
#ifndef PGT_GUC_DEFINE_H
#define PGT_GUC_DEFINE_H

#include "utils/guc.h"

/* The values of pg_trace.plan_stat, of which guc.c says the names */
extern const struct config_enum_entry pgt_plan_stat_options[];

/* Postmaster, at load: define all settings. */
extern void pgt_guc_define(void);

#endif							/* PGT_GUC_DEFINE_H */
