/*
 * load_store.c
 *		What an AArch64 instruction that loads or stores does.
 *
 * The part of insn.c that decodes the group "Loads and Stores": which memory is
 * accessed, by which registers, and which registers have another value after
 * it.  Loads and stores of 8 bytes are how the followed pointer moves between
 * registers and memory; stores of 4 bytes are what is looked for.
 */
#include "bgworker/sites/aarch64/fields.h"
#include "bgworker/sites/aarch64/load_store.h"

static void describe_exclusive(uint32_t word, PgtInsn *insn);
static void describe_literal(uint32_t word, PgtInsn *insn);
static void describe_pair(uint32_t word, PgtInsn *insn);
static void describe_single(uint32_t word, PgtInsn *insn);
static void describe_atomic(uint32_t word, PgtInsn *insn);
static void set_access(PgtInsn *insn, uint32_t word, unsigned size,
					   bool load, int64_t offset);
static void set_data(PgtInsn *insn, uint32_t word, bool load, bool wide);
static void write_back(PgtInsn *insn, int64_t amount);

void
pgt_aarch64_describe_load_store(uint32_t word, PgtInsn *insn)
{
	switch (bits(word, 28, 2))
	{
		case 0:
			if (bits(word, 26, 1) == 0)
				describe_exclusive(word, insn);
			else
			{
				/* Vectors, one or several */
				set_access(insn, word, 16, bits(word, 22, 1) != 0, 0);
				if (bits(word, 23, 1) != 0)
					insn->changed |= register_bit(insn->mem.base);
			}
			break;
		case 1:
			describe_literal(word, insn);
			break;
		case 2:
			describe_pair(word, insn);
			break;
		default:
			describe_single(word, insn);
			break;
	}
}

/* Exclusive, ordered, and compare and swap */
static void
describe_exclusive(uint32_t word, PgtInsn *insn)
{
	unsigned	size = 1U << bits(word, 30, 2);
	bool		load = bits(word, 22, 1) != 0;
	bool		ordered = bits(word, 23, 1) != 0;
	bool		pair = bits(word, 21, 1) != 0;

	set_access(insn, word, size, load, 0);
	if (ordered && !pair)
		set_data(insn, word, load, size == 8);
	else if (ordered || (pair && size < 4))
	{
		/* cas; casp, of two registers each */
		insn->mem.read = insn->mem.written = true;
		insn->used = general_bit(word, RD);
		insn->changed = general_bit(word, RM);
		if (!ordered)
			insn->changed |= insn->changed << 1;
	}
	else
	{
		insn->exclusive = load;
		set_data(insn, word, load, false);
		if (!load)
			insn->changed = general_bit(word, RM);
		else if (pair)
			insn->changed |= general_bit(word, RA);
	}
}

/* From an address relative to the instruction, and what is encoded alike */
static void
describe_literal(uint32_t word, PgtInsn *insn)
{
	bool		vector = bits(word, 26, 1) != 0;

	if (bits(word, 24, 1) == 0)
	{
		set_access(insn, word, bits(word, 30, 1) ? 8 : 4, true, 0);
		insn->mem.base = PGT_NO_REGISTER;
		insn->mem.fixed = true;
		insn->mem.addr = insn->addr +
			(uint64_t) (signed_bits(word, 5, 19) * 4);
		if (bits(word, 30, 2) == 3 && !vector)
			insn->mem.size = 0; /* prfm */
		else if (!vector)
			set_data(insn, word, true, bits(word, 30, 2) == 1);
	}
	else if (bits(word, 10, 2) == 0 && bits(word, 21, 1) == 0)
	{
		/* ldapur, stlur */
		bool		load = bits(word, 22, 2) != 0;

		set_access(insn, word, 1U << bits(word, 30, 2), load,
				   signed_bits(word, 12, 9));
		set_data(insn, word, load, bits(word, 30, 2) == 3);
	}
	else if (bits(word, 21, 1) == 0 && !vector)
		/* Copying and setting of memory, with sizes in registers */
		insn->changed = general_bit(word, RD) | general_bit(word, RN) |
			general_bit(word, RM);
	else
		/* Memory tags */
		insn->changed = general_bit(word, RD) |
			(bits(word, 10, 1) ? register_bit((int) bits(word, RN, 5)) : 0);
}

static void
describe_pair(uint32_t word, PgtInsn *insn)
{
	bool		vector = bits(word, 26, 1) != 0;
	bool		load = bits(word, 22, 1) != 0;
	uint32_t	opc = bits(word, 30, 2);
	uint32_t	mode = bits(word, 23, 2);
	unsigned	size = vector ? 4U << opc : opc == 2 ? 8 : 4;
	int64_t		offset = signed_bits(word, 15, 7) * (int64_t) size;

	/* The address is the base before, 1, or behind the addition, 3. */
	set_access(insn, word, 2 * size, load, mode == 1 ? 0 : offset);
	if (!vector)
	{
		set_data(insn, word, load, size == 8);
		if (load)
		{
			insn->changed |= general_bit(word, RA);
			if (insn->op == PGT_OP_LOAD)
				insn->dst2 = general(word, RA);
		}
		else
		{
			insn->used |= general_bit(word, RA);
			if (insn->op == PGT_OP_SAVE)
				insn->src2 = general(word, RA);
		}
		if (!load && insn->src == PGT_NO_REGISTER &&
			insn->src2 == PGT_NO_REGISTER)
			insn->mem.value = PGT_VALUE_ZERO;
		else
			insn->mem.value = PGT_VALUE_ANY;
	}
	if (mode == 1 || mode == 3)
		write_back(insn, offset);
}

static void
describe_single(uint32_t word, PgtInsn *insn)
{
	bool		vector = bits(word, 26, 1) != 0;
	uint32_t	size = bits(word, 30, 2);
	uint32_t	opc = bits(word, 22, 2);
	bool		load = vector ? (opc & 1) != 0 : opc != 0;
	bool		scaled = bits(word, 24, 1) != 0;
	uint32_t	mode = bits(word, 10, 2);
	int64_t		offset = 0;

	if (vector && opc >= 2)
		size = 4;
	if (!scaled && bits(word, 21, 1) != 0 && mode != 2)
	{
		describe_atomic(word, insn);
		return;
	}

	if (scaled)
		offset = (int64_t) bits(word, 10, 12) << size;
	else if (bits(word, 21, 1) == 0)
		offset = signed_bits(word, 12, 9);

	set_access(insn, word, 1U << size, load,
			   !scaled && mode == 1 ? 0 : offset);
	insn->mem.indexed = !scaled && bits(word, 21, 1) != 0;
	if (!vector && size == 3 && opc == 2)
		insn->mem.size = 0;		/* prfm */
	else if (!vector)
		set_data(insn, word, load, size == 3);
	if (!scaled && !insn->mem.indexed && (mode == 1 || mode == 3))
		write_back(insn, offset);
}

/* Read, modify, write; ldapr, ldraa */
static void
describe_atomic(uint32_t word, PgtInsn *insn)
{
	set_access(insn, word, 1U << bits(word, 30, 2), true, 0);
	insn->changed = general_bit(word, RD);
	if (bits(word, 10, 2) != 0)
	{
		/* ldraa, ldrab, whose offset doesn't matter to anybody */
		insn->mem.indexed = true;
		if (bits(word, 11, 1) != 0)
			insn->changed |= register_bit(insn->mem.base);
	}
	else if (bits(word, 12, 4) == 0xc)
		set_data(insn, word, true, bits(word, 30, 2) == 3);
	else
	{
		insn->mem.written = true;
		insn->used = general_bit(word, RM);
	}
}

static void
set_access(PgtInsn *insn, uint32_t word, unsigned size, bool load,
		   int64_t offset)
{
	insn->mem.size = (uint8_t) size;
	insn->mem.read = load;
	insn->mem.written = !load;
	insn->mem.base = (int) bits(word, RN, 5);
	insn->mem.offset = offset;
}

/* The general register that is loaded or stored; wide ones may be followed. */
static void
set_data(PgtInsn *insn, uint32_t word, bool load, bool wide)
{
	int			reg = general(word, RD);

	if (load)
	{
		insn->changed |= general_bit(word, RD);
		insn->op = wide ? PGT_OP_LOAD : PGT_OP_OTHER;
		insn->dst = wide ? reg : PGT_NO_REGISTER;
		return;
	}
	insn->op = wide ? PGT_OP_SAVE : PGT_OP_OTHER;
	insn->src = wide ? reg : PGT_NO_REGISTER;
	insn->used |= general_bit(word, RD);
	insn->mem.value = reg == PGT_NO_REGISTER ?
		PGT_VALUE_ZERO : PGT_VALUE_ANY;
}

static void
write_back(PgtInsn *insn, int64_t amount)
{
	insn->changed |= register_bit(insn->mem.base);
	if (insn->mem.base == SP)
		insn->amount = amount;
}
