/*
 * context.h
 *		Whose work a session does: client, module, action, user.
 */
#ifndef PGT_CONTEXT_H
#define PGT_CONTEXT_H

/* A new trace begins: its header has the names that the session has now. */
extern void pgt_context_reset(void);

/*
 * Send what has changed since the last time; to be called before each call
 * that the client has sent.
 */
extern void pgt_context_send(void);

#endif							/* PGT_CONTEXT_H */
