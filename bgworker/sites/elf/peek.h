/*
 * peek.h
 *		What the dynamic table of an ELF file says, without reading the file.
 *
 * Pure C: neither PostgreSQL nor libbpf.
 */
#ifndef PGT_SITES_ELF_PEEK_H
#define PGT_SITES_ELF_PEEK_H

#include <stdbool.h>

/*
 * Is it certain that no dynamic symbol of that name is in the file, neither
 * its own nor another's?  False also if the file isn't understood.
 */
extern bool pgt_elf_peek_lacks(int fd, const char *name);

/*
 * Hands over what the file says of the libraries that it needs: the name of
 * each (directory is false), and lists of directories, separated by colons, to
 * look for them.
 */
extern void pgt_elf_peek_needed(int fd,
								void (*take) (void *arg, const char *name,
											  bool directory),
								void *arg);

#endif							/* PGT_SITES_ELF_PEEK_H */
