/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * relation.bpf.h - which relation a file is of
 *
 * What a wait shows of a file is its number, and files of several relations can
 * have had the same one.  So the worker is told, in the same stream as it is of
 * waits, before a process uses a relation's file, which relation that is.
 */
#ifndef PG_TRACE_RELATION_H
#define PG_TRACE_RELATION_H

#include <stdbool.h>
#include <stddef.h>

#include "maps.bpf.h"

/*
 * Which relation the argument of a PGT_SITE_RELATION function leads to.  What
 * PostgreSQL makes up to use a file of an unknown relation has no oid.  A
 * file that is closed, whose structure begins with its number as well, is
 * nobody's until it is opened anew.
 */
static __always_inline bool read_relation(struct pgt_relation *to, __u64 argument, __u32 kind)
{
	bool direct = kind == PGT_RELATION_CLOSED || kind == PGT_RELATION_ITSELF;
	__u64 relation = direct ? argument : argument + layout.relation;

	if (!direct && layout.relation_is_address &&
	    bpf_probe_read_user(&relation, sizeof(relation), (void *)relation))
		return false;
	if (!relation ||
	    bpf_probe_read_user(to, offsetof(struct pgt_relation, oid), (void *)relation))
		return false;
	to->oid = 0;
	return kind == PGT_RELATION_CLOSED ||
	       !bpf_probe_read_user(&to->oid, sizeof(to->oid),
				    (void *)(relation + layout.relation_oid));
}

/*
 * The relation that the process is going to use a file of, or no longer.  In
 * most cases it is the same as before.
 */
static __always_inline void submit_relation(struct pgt_wait_state *state,
					    struct pgt_wait_target *target, __u32 slot,
					    __u64 argument, __u32 kind)
{
	struct pgt_relation *last = &target->relation;
	struct pgt_relation relation = {};
	struct pgt_target_event *event;

	if (!read_relation(&relation, argument, kind) ||
	    (relation.file == last->file && relation.oid == last->oid &&
	     relation.database == last->database && relation.tablespace == last->tablespace))
		return;
	last->file = 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		state->lost++;
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->target.relation = relation;
	event->wait.end_ns = bpf_ktime_get_ns();
	event->wait.generation = state->generation;
	event->wait.slot = slot;
	event->wait.target = PGT_TARGET_RELATION;
	bpf_ringbuf_submit(event, 0);
	*last = relation;
}

#endif /* PG_TRACE_RELATION_H */
