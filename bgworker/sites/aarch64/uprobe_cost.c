/*
 * uprobe_cost.c
 *		What Linux does with a uprobe on an AArch64 instruction.
 *
 * Part of what insn.c tells of an instruction; sites/placement.c chooses by it
 * where the probes go.  What arch/arm64/kernel/probes/ simulates is done with
 * in the one trap of the breakpoint.  Other instructions are stepped out of
 * line, which takes a second trap, and the rest is refused: one refused probe
 * fails the link with all the others.
 *
 * This is the narrowest reading from Linux 6.6 to 6.18.  Left out on purpose,
 * as versions differ: nop is stepped by the older ones, and a load relative to
 * the instruction, which they simulate wrongly, is refused by the newer ones.
 */
#include "bgworker/sites/code/arch.h"

/* Numbers of hints that all versions step: nop, pac*, bti */
#define HINT_NOP		0
#define HINT_PACIA1716	8
#define HINT_PACIB1716	10
#define HINT_PACIAZ		24
#define HINT_PACIBSP	27
#define HINT_BTI		32		/* with targets: + 2, 4, 6 */

static bool is_steppable_hint(uint32_t hint);

PgtProbeCost
pgt_aarch64_probe_cost(uint32_t word)
{
	/* adr, adrp; b, bl; b.cond; cbz, cbnz; tbz, tbnz; br, blr, ret */
	if ((word & 0x1f000000) == 0x10000000 ||
		(word & 0x7c000000) == 0x14000000 ||
		(word & 0xff000010) == 0x54000000 ||
		(word & 0x7e000000) == 0x34000000 ||
		(word & 0x7e000000) == 0x36000000 ||
		(word & 0xfffffc1f) == 0xd61f0000 ||
		(word & 0xfffffc1f) == 0xd63f0000 ||
		(word & 0xfffffc1f) == 0xd65f0000)
		return PGT_PROBE_EMULATED;

	/* Of branches and system instructions, only harmless hints and barriers */
	if ((word & 0x1c000000) == 0x14000000)
	{
		if ((word & 0xfffff01f) == 0xd503201f)
			return is_steppable_hint(word >> 5 & 0x7f) ?
				PGT_PROBE_STEPPED : PGT_PROBE_REFUSED;
		return (word & 0xfffff01f) == 0xd503301f &&
			(word >> 5 & 7) >= 4 ? PGT_PROBE_STEPPED : PGT_PROBE_REFUSED;
	}

	/*
	 * Loads relative to the instruction; exclusive loads and stores, with
	 * casp; copying of memory; and what isn't assigned, or SME.
	 */
	if ((word & 0x3b000000) == 0x18000000 ||
		(word & 0x3f800000) == 0x08000000 ||
		(word & 0x3b200c00) == 0x19000400 ||
		(word & 0x1e000000) == 0)
		return PGT_PROBE_REFUSED;
	return PGT_PROBE_STEPPED;
}

static bool
is_steppable_hint(uint32_t hint)
{
	return hint == HINT_NOP ||
		hint == HINT_PACIA1716 || hint == HINT_PACIB1716 ||
		(hint >= HINT_PACIAZ && hint <= HINT_PACIBSP) ||
		(hint >= HINT_BTI && hint <= HINT_BTI + 6 && hint % 2 == 0);
}
