/*
 * The kernel never gives the number of a socket twice, and only the broker connects those it hands
 * out, so a number stands for its address as long as it is remembered. A number that was forgotten
 * costs a new socket.
 */
#include "peers.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

enum { PEERS_MAX = 512 };

struct peer_entry {
	uint64_t cookie;
	struct outside_address address;
	struct outside_address leads_to;
};

static struct {
	pthread_mutex_t lock;
	unsigned int next;
	struct peer_entry peer[PEERS_MAX];
} peers = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t cookie_of(int socket)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0 ? 0 : cookie;
}

static bool is_same(const struct outside_address *a, const struct outside_address *b)
{
	return a->family == b->family && a->port == b->port &&
	       !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* With the lock held. A socket leads to one address at a time. */
static struct peer_entry *place_for(uint64_t cookie)
{
	for (size_t i = 0; i < PEERS_MAX; i++) {
		if (peers.peer[i].cookie == cookie)
			return &peers.peer[i];
	}
	return &peers.peer[peers.next++ % PEERS_MAX];
}

void peers_note(int socket, const struct outside_address *address,
		const struct outside_address *leads_to)
{
	struct peer_entry entry = {cookie_of(socket), *address, leads_to ? *leads_to : *address};

	pthread_mutex_lock(&peers.lock);
	*place_for(entry.cookie) = entry;
	pthread_mutex_unlock(&peers.lock);
}

bool peers_has(int socket, const struct outside_address *address, struct outside_address *leads_to)
{
	uint64_t cookie = cookie_of(socket);
	bool found = false;

	pthread_mutex_lock(&peers.lock);
	for (size_t i = 0; cookie != 0 && !found && i < PEERS_MAX; i++) {
		found = peers.peer[i].cookie == cookie && is_same(&peers.peer[i].address, address);
		if (found && leads_to)
			*leads_to = peers.peer[i].leads_to;
	}
	pthread_mutex_unlock(&peers.lock);
	return found;
}
