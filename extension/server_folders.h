/*
 * server_folders.h
 *		The folders in the data directory that are the server's own.
 */
#ifndef PGT_SERVER_FOLDERS_H
#define PGT_SERVER_FOLDERS_H

/* Their names, of all majors, and NULL behind the last one */
extern const char *const pgt_server_folders[];

/*
 * Does a path, absolute or relative to the data directory, lead to the data
 * directory itself or into one of these folders?  Says so by the path alone:
 * links and the like are for whoever opens it to see.
 */
extern bool pgt_server_folder_named(const char *path);

#endif							/* PGT_SERVER_FOLDERS_H */
