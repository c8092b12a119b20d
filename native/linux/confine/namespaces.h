/* Namespaces and privileges. Functions return 0 or -errno. */
#ifndef AE_NAMESPACES_H
#define AE_NAMESPACES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The supervisor's half: the user namespace, with the caller's own ids mapped to themselves, and
 * the pid namespace, which takes effect for the next child.
 */
int namespaces_enter_outer(uint32_t flags);
/* The broker's half: mount, network and IPC namespaces, owned by the user namespace when there is
 * one. */
int namespaces_enter_inner(uint32_t flags);
/* Brings `lo` of a new network namespace up. */
int namespaces_raise_loopback(void);
/* Sockets of a new network namespace on which its programs ask for names. */
int namespaces_listen_for_names(int *datagram, int *stream);
/* Lets the box's own group ping; where that cannot be had, the box cannot ping. */
void namespaces_allow_ping(void);
/* True when the process may administer the system, which is what a filter without no_new_privs
 * takes. */
bool namespaces_may_administer(void);
/* Empties every capability set, for good. */
int namespaces_drop_capabilities(void);

#endif
