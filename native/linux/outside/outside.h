/*
 * The outside service: a child of the supervisor that stays in the host's network namespace and
 * makes sockets for the broker, which has no way out. It is the only process of the helper that
 * knows the gateway's secret. What it hands out is connected to the gateway, or to an address the
 * gateway has checked; the broker cannot ask for anything else.
 */
#ifndef AE_OUTSIDE_H
#define AE_OUTSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../common/limits.h"
#include "../../common/plan.h"

/* The first six are also the kinds of the preamble the gateway reads. */
enum outside_kind {
	OUTSIDE_STREAM = 1,
	OUTSIDE_PROXY,
	OUTSIDE_DATAGRAM,
	OUTSIDE_ICMP,
	OUTSIDE_RESOLVER,
	OUTSIDE_RESOLVER_STREAM,
	/* Two descriptors, datagram and stream, on which the box asks for names. */
	OUTSIDE_SERVE_NAMES = 16,
	/* A socket that listens on an address of the host, which a rule lets the box serve. */
	OUTSIDE_LISTEN,
};

/* An internet address as the gateway is told it; IPv4 is never inside IPv6 here. */
struct outside_address {
	uint8_t family; /* 4 or 6 */
	uint8_t bytes[16];
	uint16_t port;
};

struct outside_request {
	uint8_t kind;
	/* Family of the socket that is wanted: 4 or 6. */
	uint8_t socket_family;
	/* The caller does not wait for the connection to be there; of what listens: IPv6 only. */
	uint8_t no_wait;
	struct outside_address address;
	uint32_t pid;
	uint16_t exe_size;
	char exe[AE_PATH_MAX];
};

/* Starts the service as a child. Its link, -1 when the plan has no gateway; or -errno. */
int outside_start(const struct plan *plan, int *link);
/*
 * In the broker: asks for a socket and waits for it. Descriptors to hand over, -1 for none. The
 * socket, or the negative errno to tell the caller; -EINTR when a signal came first.
 */
int outside_ask(int link, const struct outside_request *request);
/*
 * In the broker, where a caller's socket cannot be replaced: the same on the caller's own, in the
 * host's network. 0: it is connected, a stream to the gateway, one for datagrams to *peer, which
 * the gateway has checked; or the negative errno to tell the caller.
 */
int outside_connect(int link, const struct outside_request *request, int socket,
		    struct outside_address *peer);
/* In the broker: hands the sockets over on which the box asks for names. 0 or -errno. */
int outside_serve_names(int link, int datagram, int stream);

#endif
