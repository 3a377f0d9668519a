/*
 * privilege.c
 *		Keeps CAP_BPF and CAP_PERFMON to the worker.
 *
 * The postmaster is started with both capabilities, ambient (systemd,
 * setpriv) or from the binary's file capabilities.  When the library is
 * loaded, the postmaster gives up all but these two, and keeps them only as
 * permitted: it can't use them itself, and nothing that it executes inherits
 * them.  Each process that is forked loses them for good before it has run a
 * line of PostgreSQL, unless it is going to be our worker (fork.c), and that
 * runs no code but what the postmaster has loaded (worker.c).  So no user's
 * code ever runs with a capability.
 *
 * Where uprobe_multi links don't exist (before Linux 6.6), uprobes may take
 * CAP_SYS_ADMIN.  If the administrator has given that to the server as well,
 * the worker keeps it, but there only, and even then uses it only in the
 * moments in which it attaches uprobes.  Everywhere else it is dropped like
 * any other, so that it does no harm to have given it in vain.
 *
 * See capabilities(7) for the sets.
 */
#include "postgres.h"

#include <linux/capability.h>
#include <sys/capability.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "extension/guc.h"
#include "extension/privilege.h"

static const struct
{
	cap_value_t value;
	const char *name;
}			wanted[] = {
	{CAP_BPF, "cap_bpf"},
	{CAP_PERFMON, "cap_perfmon"},
	{CAP_SYS_ADMIN, "cap_sys_admin"},	/* only where it is of use */
};

#define NREQUIRED	2

/* Decided once, when the server starts */
static bool admin_is_of_use = false;

static bool
kernel_lacks_uprobe_multi(void)
{
	struct utsname name;
	int			major;
	int			minor;

	return uname(&name) == 0 &&
		sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
		(major < 6 || (major == 6 && minor < 6));
}

static bool
is_permitted(cap_t capabilities, cap_value_t value)
{
	cap_flag_value_t permitted = CAP_CLEAR;

	/* a kernel that doesn't know the capability reports an error */
	return cap_get_flag(capabilities, value, CAP_PERMITTED, &permitted) == 0 &&
		permitted == CAP_SET;
}

/*
 * Reduce the process's capabilities to those of the wanted ones that it has
 * permitted and that keep asks for; make the required ones effective or not,
 * and CAP_SYS_ADMIN.  Returns how many of the required are left, -1 on error.
 */
static int
reduce(bool keep, bool effective, bool admin_effective)
{
	cap_t		have = cap_get_proc();
	cap_t		left = cap_init();
	int			nleft = 0;
	bool		ok = have != NULL && left != NULL;

	for (int i = 0; ok && keep && i < (int) lengthof(wanted); i++)
	{
		bool		is_required = i < NREQUIRED;

		if ((!is_required && !admin_is_of_use) ||
			!is_permitted(have, wanted[i].value))
			continue;
		nleft += is_required;
		ok = cap_set_flag(left, CAP_PERMITTED, 1, &wanted[i].value,
						  CAP_SET) == 0;
		if (ok && (is_required ? effective : admin_effective))
			ok = cap_set_flag(left, CAP_EFFECTIVE, 1, &wanted[i].value,
							  CAP_SET) == 0;
	}
	/* an emptied inheritable set empties the ambient set with it */
	if (ok)
		ok = cap_set_proc(left) == 0;

	cap_free(have);
	cap_free(left);
	return ok ? nleft : -1;
}

void
pgt_privilege_install(void)
{
	admin_is_of_use = pgt_wait_probe == PGT_WAIT_PROBE_PERF_UPROBE ||
		kernel_lacks_uprobe_multi();
	if (reduce(true, false, false) < 0)
		ereport(FATAL,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("could not reduce the capabilities of the server: %m")));
}

/*
 * Not by libcap, which allocates memory: whoever forked may have been in the
 * middle of that.
 */
void
pgt_privilege_drop(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	/*
	 * Giving up capabilities needs no permission, so this can't fail; if it
	 * does, there is no such process rather than one with capabilities.
	 */
	if (syscall(SYS_capset, &header, none) != 0)
		_exit(1);
}

bool
pgt_privilege_raise(char *buffer, size_t len)
{
	int			nleft = reduce(true, true, false);
	cap_t		have = cap_get_proc();

	buffer[0] = '\0';
	for (int i = 0; have != NULL && i < (int) lengthof(wanted); i++)
	{
		if (!is_permitted(have, wanted[i].value))
			continue;
		if (buffer[0] != '\0')
			strlcat(buffer, ",", len);
		strlcat(buffer, wanted[i].name, len);
	}
	cap_free(have);
	if (buffer[0] == '\0')
		strlcpy(buffer, "none", len);
	return nleft == NREQUIRED;
}

void
pgt_privilege_use_admin(bool use)
{
	if (admin_is_of_use)
		(void) reduce(true, true, use);
}
