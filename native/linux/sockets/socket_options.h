/* What a program may have set on a socket before it connects it. */
#ifndef AE_SOCKET_OPTIONS_H
#define AE_SOCKET_OPTIONS_H

/* Gives `to` the options and status flags of `from`. 0 or -errno. */
int socket_options_copy(int from, int to);

#endif
