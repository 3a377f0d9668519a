/*
 * nesting.c
 *		How deep the process is in the calls of the trace: see nesting.h.
 */
#include "postgres.h"

#include "extension/nesting.h"

int			pgt_call_depth = 0;
bool		pgt_values_hidden = false;
