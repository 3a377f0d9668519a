/*
 * record.c
 *		Records what the worker's merge is given.
 *
 * Linked with the library's own objects into a library of the same name, whose
 * calls of the functions below are wrapped by the linker.  Each trace has a
 * file of its own, recording.<n> in the data directory; recording.h says what
 * is in it.  What can't be written ends that recording.
 */
#include "postgres.h"

#include <unistd.h>

#include "miscadmin.h"

#include "bench/recording.h"
#include "bgworker/trace/merge.h"

#define MAX_RECORDINGS	64

extern void __real_pgt_merge_init(PgtMerge *merge);
extern void __real_pgt_merge_free(PgtMerge *merge);
extern void __real_pgt_merge_add_wait(PgtMerge *merge,
									  const struct pgt_wait_event *wait);
extern int	__real_pgt_merge_run(PgtMerge *merge, PgtQueueReader *queue,
								 uint64 head, uint64 safe_ns, const PgtMergeSink *sink,
								 bool *held);

extern void __wrap_pgt_merge_init(PgtMerge *merge);
extern void __wrap_pgt_merge_free(PgtMerge *merge);
extern void __wrap_pgt_merge_add_wait(PgtMerge *merge,
									  const struct pgt_wait_event *wait);
extern int	__wrap_pgt_merge_run(PgtMerge *merge, PgtQueueReader *queue,
								 uint64 head, uint64 safe_ns, const PgtMergeSink *sink,
								 bool *held);

static struct
{
	const PgtMerge *merge;		/* NULL: unused */
	FILE	   *file;
}			recordings[MAX_RECORDINGS];

static FILE *
file_of(const PgtMerge *merge)
{
	for (int i = 0; i < MAX_RECORDINGS; i++)
	{
		if (recordings[i].merge == merge)
			return recordings[i].file;
	}
	return NULL;
}

static void
end_recording(const PgtMerge *merge)
{
	for (int i = 0; i < MAX_RECORDINGS; i++)
	{
		if (recordings[i].merge != merge)
			continue;
		fclose(recordings[i].file);
		recordings[i].merge = NULL;
	}
}

static void
put_item(const PgtMerge *merge, PgtItemKind kind, uint64 safe_ns,
		 const void *data, uint32 len)
{
	PgtItem		item = {.kind = kind, .len = len, .safe_ns = safe_ns};
	FILE	   *file = file_of(merge);

	if (file != NULL &&
		(fwrite(&item, sizeof(item), 1, file) != 1 ||
		 (len > 0 && fwrite(data, len, 1, file) != 1)))
		end_recording(merge);
}

/* Only the worker has merges; a replay's aren't recorded. */
void
__wrap_pgt_merge_init(PgtMerge *merge)
{
	static int	number = 0;
	char		path[MAXPGPATH];

	__real_pgt_merge_init(merge);
	end_recording(merge);
	for (int i = 0; i < MAX_RECORDINGS && MyBackendType == B_BG_WORKER; i++)
	{
		if (recordings[i].merge != NULL)
			continue;
		snprintf(path, sizeof(path), "recording.%d", ++number);
		recordings[i].file = fopen(path, "w");
		if (recordings[i].file != NULL)
			recordings[i].merge = merge;
		break;
	}
}

void
__wrap_pgt_merge_free(PgtMerge *merge)
{
	end_recording(merge);
	__real_pgt_merge_free(merge);
}

void
__wrap_pgt_merge_add_wait(PgtMerge *merge, const struct pgt_wait_event *wait)
{
	put_item(merge, PGT_ITEM_WAIT, 0, wait,
			 wait->target == PGT_TARGET_NONE ?
			 sizeof(struct pgt_wait_event) : sizeof(struct pgt_target_event));
	__real_pgt_merge_add_wait(merge, wait);
}

int
__wrap_pgt_merge_run(PgtMerge *merge, PgtQueueReader *queue,
					 uint64 head, uint64 safe_ns, const PgtMergeSink *sink, bool *held)
{
	uint64		tail = queue->tail;

	while (tail < head)
	{
		uint32		offset = tail & (queue->place.size - 1);
		uint32		len = Min(head - tail, queue->place.size - offset);

		put_item(merge, PGT_ITEM_QUEUE, 0, queue->place.data + offset, len);
		tail += len;
	}
	put_item(merge, PGT_ITEM_RUN, safe_ns, NULL, 0);
	return __real_pgt_merge_run(merge, queue, head, safe_ns, sink, held);
}
