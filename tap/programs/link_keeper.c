/*
 * link_keeper.c
 *		Keeps the kernel's BPF links attached that are there now.
 *
 * A link is detached when its last file descriptor is closed, which may take a
 * busy kernel seconds.  This program holds one of each link, so that those
 * that the worker closes stay attached, as if that took longer still: until
 * the program's input ends.  Prints how many they are.  Needs CAP_SYS_ADMIN.
 *
 * usage: link_keeper
 */
#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tap/programs/fail.h"

int
main(void)
{
	__u32		id = 0;
	int			kept = 0;
	char		byte;

	while (bpf_link_get_next_id(id, &id) == 0)
	{
		/* it may have ended in the meantime */
		if (bpf_link_get_fd_by_id(id) >= 0)
			kept++;
		else if (errno != ENOENT)
			fail("link %u can't be opened: %s", id, strerror(errno));
	}
	printf("%d\n", kept);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
