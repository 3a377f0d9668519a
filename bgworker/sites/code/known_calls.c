/*
 * known_calls.c
 *		Functions whose arguments say what a wait is for.
 *
 * Nearly every wait for a file is a call of a C library's function, or of one
 * of PostgreSQL's that has the same arguments, and the probe of its start is
 * on that call.  There the registers hold the file, the place in it and the
 * size.  Which function it is can be told in any build: calls out of the file
 * go by relocations, and PostgreSQL exports its own functions.
 *
 * Where the code still branches between the store to the wait event and the
 * call, sites.c asks here for the calls behind, to probe them as well.
 */
#include <elf.h>
#include <string.h>

#include "bgworker/sites/code/known_calls.h"
#include "bgworker/sites/elf/dynamic.h"
#include "bpf/pg_trace.h"

/* Instructions to look at behind a store; 30 is the most that is needed. */
#define MAX_PLACES		64

/* From a call out of the file to the slot that it goes by */
#define MAX_STUB		5

/* From a function's start to its probe */
#define MAX_PROLOGUE	8

/* From a function's start to where it hands on what it was given */
#define MAX_HANDOVER	16

/* A call of it takes no time and leaves no trace: look behind it. */
#define PASSED_OVER		0xff

typedef struct Name
{
	const char *name;
	uint8_t		file_call;
	uint8_t		flags;
} Name;

static const Name names[] = {
	{"pread", PGT_FILE_CALL_BUFFER_OFFSET, 0},
	{"pread64", PGT_FILE_CALL_BUFFER_OFFSET, 0},
	{"pwrite", PGT_FILE_CALL_BUFFER_OFFSET, 0},
	{"pwrite64", PGT_FILE_CALL_BUFFER_OFFSET, 0},
	{"preadv", PGT_FILE_CALL_VECTOR_OFFSET, 0},
	{"preadv64", PGT_FILE_CALL_VECTOR_OFFSET, 0},
	{"pwritev", PGT_FILE_CALL_VECTOR_OFFSET, 0},
	{"pwritev64", PGT_FILE_CALL_VECTOR_OFFSET, 0},
	{"pg_preadv", PGT_FILE_CALL_VECTOR_OFFSET, 0},
	{"pg_pwritev", PGT_FILE_CALL_VECTOR_OFFSET, 0},
	{"pg_pwritev_with_retry", PGT_FILE_CALL_VECTOR_OFFSET, 0},
	{"pg_pwrite_zeros", PGT_FILE_CALL_SIZE_OFFSET, 0},
	{"read", PGT_FILE_CALL_BUFFER, 0},
	{"write", PGT_FILE_CALL_BUFFER, 0},
	{"fsync", PGT_FILE_CALL_FILE, 0},
	{"fdatasync", PGT_FILE_CALL_FILE, 0},
	{"pg_fsync", PGT_FILE_CALL_FILE, 0},
	{"pg_fsync_no_writethrough", PGT_FILE_CALL_FILE, 0},
	{"pg_fsync_writethrough", PGT_FILE_CALL_FILE, 0},
	{"pg_fdatasync", PGT_FILE_CALL_FILE, 0},
	{"pg_flush_data", PGT_FILE_CALL_OFFSET_SIZE, 0},
	{"pg_ftruncate", PGT_FILE_CALL_TRUNCATE, 0},
	{"ftruncate", PGT_FILE_CALL_TRUNCATE, 0},
	{"ftruncate64", PGT_FILE_CALL_TRUNCATE, 0},
	{"sync_file_range", PGT_FILE_CALL_OFFSET_SIZE, 0},
	{"posix_fadvise", PGT_FILE_CALL_OFFSET_SIZE, 0},
	{"posix_fadvise64", PGT_FILE_CALL_OFFSET_SIZE, 0},
	{"posix_fallocate", PGT_FILE_CALL_OFFSET_SIZE, 0},
	{"posix_fallocate64", PGT_FILE_CALL_OFFSET_SIZE, 0},
	{"__errno_location", PASSED_OVER, 0},

	/* void smgrsetowner(SMgrRelation *owner, SMgrRelation reln); 15, 16 */
	{"smgrsetowner", PGT_FILE_CALL_NONE, PGT_SITE_RELATION},

	/*
	 * void WaitReadBuffers(ReadBuffersOperation *operation); 17 on, but in 18
	 * a read may be done when it is called
	 */
	{"WaitReadBuffers", PGT_FILE_CALL_NONE, PGT_SITE_RELATION},

	/*
	 * PgAioHandle *pgaio_io_acquire_nb(struct ResourceOwnerData *resowner,
	 * PgAioReturn *ret); 18 on
	 */
	{"pgaio_io_acquire_nb", PGT_RELATION_RESULT, PGT_SITE_RELATION},

	/*
	 * BlockNumber RelationGetNumberOfBlocksInFork(Relation relation,
	 * ForkNumber forkNum); all, before a relation is extended
	 */
	{"RelationGetNumberOfBlocksInFork", PGT_RELATION_ITSELF, PGT_SITE_RELATION},

	/*
	 * BulkWriteState *smgr_bulk_start_rel(Relation rel, ForkNumber forknum);
	 * 17 on
	 */
	{"smgr_bulk_start_rel", PGT_RELATION_ITSELF, PGT_SITE_RELATION},
	/* void smgrclose(SMgrRelation reln); all */
	{"smgrclose", PGT_RELATION_CLOSED, PGT_SITE_RELATION},
	/* void LockBufferForCleanup(Buffer buffer); all */
	{"LockBufferForCleanup", PGT_ENTRY_BUFFER, PGT_SITE_ENTRY},
	/* void XactLockTableWait(TransactionId, Relation, ItemPointer, XLTW_Oper) */
	{"XactLockTableWait", PGT_ENTRY_TRANSACTION, PGT_SITE_ENTRY},
	/* Node *MultiExecProcNode(PlanState *node); all */
	{"MultiExecProcNode", PGT_ENTRY_MULTI_NODE, PGT_SITE_ENTRY},
	/* What a Bitmap Heap Scan, in all, begins with when it has its bitmap */
	{"tbm_begin_iterate", PGT_ENTRY_MULTI_NODE_DONE, PGT_SITE_ENTRY},
	{"tbm_prepare_shared_iterate", PGT_ENTRY_MULTI_NODE_DONE, PGT_SITE_ENTRY},

	/* void pgaio_wref_wait(PgAioWaitRef *iow); these from 18 on */
	{"pgaio_wref_wait", PGT_ENTRY_AIO_REFERENCE, PGT_SITE_ENTRY},

	/*
	 * PgAioHandle *pgaio_io_acquire(struct ResourceOwnerData *resowner,
	 * PgAioReturn *ret), where no handle is free
	 */
	{"pgaio_io_acquire", PGT_ENTRY_AIO_OLDEST, PGT_SITE_ENTRY},
	/* void pgaio_shutdown(int code, Datum arg) */
	{"pgaio_shutdown", PGT_ENTRY_AIO_OLDEST, PGT_SITE_ENTRY},
	/* void pgaio_closing_fd(int fd) */
	{"pgaio_closing_fd", PGT_ENTRY_AIO_UNKNOWN, PGT_SITE_ENTRY},

	{PGT_PROOF_FUNCTION, PGT_FILE_CALL_NONE, PGT_CALLEE_PROOF},
};

#define NNAMES	((int) (sizeof(names) / sizeof(names[0])))

/* Functions of the table that are of no use where there is another one */
static const char *const superseded[][2] = {
	{"WaitReadBuffers", "pgaio_io_acquire_nb"},
	{"RelationGetNumberOfBlocksInFork", "smgrsetowner"},
};

/* Symbols of the table above, by their numbers. */
typedef struct Numbers
{
	uint64_t	number[NNAMES];
	const Name *name[NNAMES];
	int			count;
} Numbers;

/* Code that is being looked at, not in any order. */
typedef struct Places
{
	uint64_t	addr[MAX_PLACES];
	int			nplaces;
	int			ndone;
} Places;

static bool is_superseded(const PgtDynamic *dynamic, const char *name);
static bool has_symbol(const PgtDynamic *dynamic, const char *name);
static const Name *find_name(const char *name);
static void add_callee(PgtCallees *callees, const Name *name, uint64_t addr,
					   bool slot);
static void add_slots(PgtCallees *callees, const Numbers *numbers,
					  Elf_Data *table);
static uint8_t find_callee(const PgtCallees *callees, uint64_t addr,
						   bool slot);
static uint8_t called_by(const PgtCallees *callees, PgtDecoder *decoder,
						 const PgtInsn *insn);
static uint8_t called_by_stub(const PgtCallees *callees, PgtDecoder *decoder,
							  uint64_t addr);
static void add_place(Places *places, uint64_t addr);
static bool is_store(const PgtStores *stores, uint64_t addr);

void
pgt_callees_find(const PgtElfImage *image, PgtCallees *callees)
{
	PgtDynamic	dynamic;
	Numbers		numbers;
	uint64_t	count;
	GElf_Sym	symbol;

	memset(callees, 0, sizeof(*callees));
	memset(&numbers, 0, sizeof(numbers));
	if (!pgt_elf_dynamic_read(image, &dynamic))
		return;

	count = pgt_elf_dynamic_count(&dynamic);
	for (uint64_t i = 1; i < count; i++)
	{
		const char *found;
		const Name *name;

		if (gelf_getsym(dynamic.symbols, (int) i, &symbol) == NULL)
			break;
		found = pgt_elf_dynamic_name(&dynamic, &symbol);
		name = found == NULL ? NULL : find_name(found);
		if (name == NULL || is_superseded(&dynamic, found))
			continue;
		if (symbol.st_shndx != SHN_UNDEF)
			add_callee(callees, name, symbol.st_value, false);
		if (numbers.count < NNAMES)
		{
			numbers.number[numbers.count] = i;
			numbers.name[numbers.count++] = name;
		}
	}
	add_slots(callees, &numbers,
			  pgt_elf_dynamic_table(&dynamic, dynamic.jmprel,
									dynamic.jmprelsz));
	add_slots(callees, &numbers,
			  pgt_elf_dynamic_table(&dynamic, dynamic.rela, dynamic.relasz));
}

static bool
is_superseded(const PgtDynamic *dynamic, const char *name)
{
	for (size_t i = 0; i < sizeof(superseded) / sizeof(superseded[0]); i++)
	{
		if (strcmp(name, superseded[i][0]) == 0)
			return has_symbol(dynamic, superseded[i][1]);
	}
	return false;
}

static bool
has_symbol(const PgtDynamic *dynamic, const char *name)
{
	uint64_t	count = pgt_elf_dynamic_count(dynamic);
	GElf_Sym	symbol;

	for (uint64_t i = 1; i < count; i++)
	{
		const char *found;

		if (gelf_getsym(dynamic->symbols, (int) i, &symbol) == NULL)
			break;
		found = pgt_elf_dynamic_name(dynamic, &symbol);
		if (found != NULL && strcmp(found, name) == 0)
			return true;
	}
	return false;
}

static const Name *
find_name(const char *name)
{
	for (int i = 0; i < NNAMES; i++)
	{
		if (names[i].name[0] == name[0] && strcmp(names[i].name, name) == 0)
			return &names[i];
	}
	return NULL;
}

static void
add_callee(PgtCallees *callees, const Name *name, uint64_t addr, bool slot)
{
	PgtCallee  *callee = &callees->items[callees->nitems];

	if (addr == 0 || callees->nitems == PGT_MAX_CALLEES)
		return;
	callee->addr = addr;
	callee->file_call = name->file_call;
	callee->flags = name->flags;
	callee->slot = slot;
	callees->nitems++;
}

/*
 * Slots that the loader fills with the address of a known function.  Any
 * type of relocation that names a function's symbol does that.
 */
static void
add_slots(PgtCallees *callees, const Numbers *numbers, Elf_Data *table)
{
	GElf_Rela	rela;

	if (table == NULL)
		return;
	for (int i = 0; gelf_getrela(table, i, &rela) != NULL; i++)
	{
		for (int j = 0; j < numbers->count; j++)
		{
			if (GELF_R_SYM(rela.r_info) == numbers->number[j] &&
				rela.r_addend == 0)
				add_callee(callees, numbers->name[j], rela.r_offset, true);
		}
	}
}

static uint8_t
find_callee(const PgtCallees *callees, uint64_t addr, bool slot)
{
	for (int i = 0; i < callees->nitems; i++)
	{
		if (callees->items[i].addr == addr &&
			callees->items[i].slot == slot && callees->items[i].flags == 0)
			return callees->items[i].file_call;
	}
	return PGT_FILE_CALL_NONE;
}

/*
 * What the instruction calls: enum pgt_file_call.
 *
 * A call goes to the function itself; by a slot; or to a stub, which goes by
 * a slot.  A jump may be a call, too: the last thing that a function does.
 */
static uint8_t
called_by(const PgtCallees *callees, PgtDecoder *decoder, const PgtInsn *insn)
{
	uint8_t		called;

	if (insn->flow != PGT_FLOW_CALL && insn->flow != PGT_FLOW_JUMP)
		return PGT_FILE_CALL_NONE;
	if (insn->mem.size > 0)
		return insn->mem.fixed ?
			find_callee(callees, insn->mem.addr, true) : PGT_FILE_CALL_NONE;

	called = find_callee(callees, insn->target, false);
	return called != PGT_FILE_CALL_NONE ? called :
		called_by_stub(callees, decoder, insn->target);
}

/*
 * What the stub at addr goes to: it loads from a slot, of which it may have
 * made the page's address first.
 */
static uint8_t
called_by_stub(const PgtCallees *callees, PgtDecoder *decoder, uint64_t addr)
{
	int			reg = PGT_NO_REGISTER;
	uint64_t	page = 0;
	PgtInsn		insn;

	for (int i = 0; i < MAX_STUB && pgt_decoder_at(decoder, addr, &insn); i++)
	{
		const PgtMemory *mem = &insn.mem;
		uint8_t		called = PGT_FILE_CALL_NONE;

		if (mem->size == 8 && mem->read && mem->fixed)
			called = find_callee(callees, mem->addr, true);
		else if (mem->size == 8 && mem->read && !mem->indexed &&
				 reg != PGT_NO_REGISTER && mem->base == reg)
			called = find_callee(callees, page + (uint64_t) mem->offset,
								 true);
		if (called != PGT_FILE_CALL_NONE)
			return called;
		if (insn.flow != PGT_FLOW_NEXT)
			break;
		if (insn.op == PGT_OP_ADDRESS && insn.constant != 0)
		{
			reg = insn.dst;
			page = insn.constant;
		}
		addr += insn.size;
	}
	return PGT_FILE_CALL_NONE;
}

int
pgt_callees_reached(const PgtCallees *callees, PgtDecoder *decoder,
					const PgtStores *stores, uint64_t addr,
					PgtFileCall *reached)
{
	Places		places = {.addr = {addr}, .nplaces = 1};
	int			nreached = 0;

	while (places.ndone < places.nplaces)
	{
		uint8_t		called;
		PgtInsn		insn;

		addr = places.addr[places.ndone++];
		if (is_store(stores, addr) || !pgt_decoder_at(decoder, addr, &insn))
			continue;
		called = called_by(callees, decoder, &insn);
		if (called != PGT_FILE_CALL_NONE && called != PASSED_OVER)
		{
			if (insn.probe == PGT_PROBE_EMULATED &&
				nreached < PGT_MAX_REACHED)
			{
				reached[nreached].addr = addr;
				reached[nreached++].file_call = called;
			}
			continue;
		}
		if (insn.flow == PGT_FLOW_JUMP || insn.flow == PGT_FLOW_BRANCH)
			add_place(&places, insn.target);
		if (insn.flow == PGT_FLOW_NEXT || insn.flow == PGT_FLOW_BRANCH ||
			called == PASSED_OVER)
			add_place(&places, addr + insn.size);
	}
	return nreached;
}

static void
add_place(Places *places, uint64_t addr)
{
	for (int i = 0; i < places->nplaces; i++)
	{
		if (places->addr[i] == addr)
			return;
	}
	if (places->nplaces < MAX_PLACES)
		places->addr[places->nplaces++] = addr;
}

static bool
is_store(const PgtStores *stores, uint64_t addr)
{
	for (int i = 0; i < stores->nitems; i++)
	{
		if (stores->items[i].addr == addr)
			return true;
	}
	return false;
}

bool
pgt_callees_entry(PgtDecoder *decoder, uint64_t addr, uint64_t *probe,
				  bool *cheap)
{
	const PgtRegisters *registers = pgt_decoder_registers(decoder);
	PgtInsn		insn;

	*probe = 0;
	*cheap = false;
	for (int i = 0; i < MAX_PROLOGUE && !*cheap; i++)
	{
		if (!pgt_decoder_at(decoder, addr, &insn))
			break;
		if (insn.probe == PGT_PROBE_EMULATED ||
			(insn.probe == PGT_PROBE_STEPPED && *probe == 0))
		{
			*probe = addr;
			*cheap = (insn.probe == PGT_PROBE_EMULATED);
		}
		if (insn.flow != PGT_FLOW_NEXT || insn.mem.written ||
			(insn.changed & registers->arguments) != 0)
			break;
		addr += insn.size;
	}
	return *probe != 0;
}

bool
pgt_callees_handover(PgtDecoder *decoder, uint64_t addr, uint64_t *probe)
{
	PgtInsn		insn;

	for (int i = 0; i < MAX_HANDOVER; i++)
	{
		if (!pgt_decoder_at(decoder, addr, &insn))
			return false;
		if (insn.flow == PGT_FLOW_JUMP || insn.flow == PGT_FLOW_CALL)
		{
			*probe = addr;
			return insn.probe == PGT_PROBE_EMULATED;
		}
		if (insn.flow != PGT_FLOW_NEXT)
			return false;
		addr += insn.size;
	}
	return false;
}
