/*
 * next_oid.c
 *		A test module that has numbers used again.
 *
 * set_next_oid(oid) sets the server's counter of OIDs, as if it had wrapped
 * around.  The next relation gets a file of this number if there is none.
 */
#include "postgres.h"

#include "access/transam.h"
#include "fmgr.h"
#include "storage/lwlock.h"

#include "extension/compat.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(set_next_oid);

Datum
set_next_oid(PG_FUNCTION_ARGS)
{
	LWLockAcquire(OidGenLock, LW_EXCLUSIVE);
	PGT_TRANSAM_VARIABLES->nextOid = PG_GETARG_OID(0);
	PGT_TRANSAM_VARIABLES->oidCount = 0;
	LWLockRelease(OidGenLock);
	PG_RETURN_VOID();
}
