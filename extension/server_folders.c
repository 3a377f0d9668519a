/*
 * server_folders.c
 *		The folders in the data directory that are the server's own.
 *
 * What is in there is the server's alone: it removes files that it doesn't
 * know from some and stumbles over them in others, and base backups leave
 * some out.  So no trace files may be written there.  guc_define.c refuses the
 * names, bgworker/trace/directory.c whatever leads there in the end.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "extension/server_folders.h"

const char *const pgt_server_folders[] = {
	"base",
	"global",
	"pg_commit_ts",
	"pg_dynshmem",
	"pg_logical",
	"pg_multixact",
	"pg_notify",
	"pg_replslot",
	"pg_serial",
	"pg_snapshots",
	"pg_stat",
	"pg_stat_tmp",
	"pg_subtrans",
	"pg_tblspc",
	"pg_twophase",
	"pg_wal",
	"pg_xact",
	NULL
};

bool
pgt_server_folder_named(const char *path)
{
	char		clean[MAXPGPATH];
	const char *name = clean;
	size_t		len;

	strlcpy(clean, path, sizeof(clean));
	canonicalize_path(clean);
	if (is_absolute_path(clean))
	{
		if (DataDir == NULL || !path_is_prefix_of_path(DataDir, clean))
			return false;
		name += strlen(DataDir);
	}
	name += strspn(name, "/");
	len = strcspn(name, "/");
	if (len == 0 || (len == 1 && name[0] == '.'))
		return name[len] == '\0';
	for (int i = 0; pgt_server_folders[i] != NULL; i++)
	{
		if (strlen(pgt_server_folders[i]) == len &&
			strncmp(pgt_server_folders[i], name, len) == 0)
			return true;
	}
	return false;
}
