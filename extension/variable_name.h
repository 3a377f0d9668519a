/*
 * variable_name.h
 *		Names of the variables of PL/pgSQL.
 */
#ifndef PGT_VARIABLE_NAME_H
#define PGT_VARIABLE_NAME_H

#include "nodes/params.h"

#include "extension/record.h"

/* With the name of a record's field, both */
#define PGT_VARIABLE_LEN	(2 * NAMEDATALEN)

/*
 * The name of the variable behind a parameter, by its index from 0.  Returns
 * false if it isn't one of PL/pgSQL's.
 */
extern bool pgt_variable_name(ParamListInfo params, int index,
							  char name[PGT_VARIABLE_LEN]);

#endif							/* PGT_VARIABLE_NAME_H */
