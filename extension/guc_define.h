/*
 * guc_define.h
 *		Defines the settings pg_trace.*
 */
#ifndef PGT_GUC_DEFINE_H
#define PGT_GUC_DEFINE_H

/* Postmaster, at load: define all settings. */
extern void pgt_guc_define(void);

#endif							/* PGT_GUC_DEFINE_H */
