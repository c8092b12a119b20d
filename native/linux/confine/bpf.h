/* Steps of a seccomp filter, for the short lists that services of the helper put on themselves. */
#ifndef AE_BPF_H
#define AE_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#define BPF_LOAD(field)                                                                            \
	((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                    \
				      offsetof(struct seccomp_data, field)))
/* `yes` and `no` are how many steps to leave out. */
#define BPF_WHEN(test, value, yes, no)                                                             \
	((struct sock_filter)BPF_JUMP(BPF_JMP | (test) | BPF_K, (unsigned int)(value), yes, no))
#define BPF_GIVE(action) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action))

#endif
