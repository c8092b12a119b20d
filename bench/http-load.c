/*
 * Load for the HTTP benchmarks: CONNECTIONS kept-alive connections, each with one request under way
 * at a time, for SECONDS. In the body @N is replaced by a number that is never used twice, @C by
 * the connection's own. One thread, so that the server has the other processors.
 *
 * http-load PORT PATH CONNECTIONS SECONDS BODYFILE [FIRST]
 * prints {"requests":…,"errors":…,"seconds":…,"p50":…,"p90":…,"p99":…,"max":…,"next":…}, times in
 * microseconds; an error is any status but 2xx.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { connections_max = 1024, holes_max = 4096, head_max = 4096, slots = 4000000 };

struct connection {
	int fd;
	size_t sent, received;
	long content_left;
	int in_body, status;
	long long started;
	char *request;
	char head[head_max];
};

static struct connection connections[connections_max];
static char *template;
static size_t template_size, head_size;
static size_t holes[holes_max];
static char hole_kinds[holes_max];
static int hole_count;
static unsigned long long next_number;
static long requests, errors;
/* One for each microsecond; the last is for everything slower. */
static unsigned *times;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Holes are 10 digits wide, so that the length never changes. */
static void fill(struct connection *c)
{
	char digits[16];
	for (int i = 0; i < hole_count; i++) {
		unsigned long long value = hole_kinds[i] == 'N'
						   ? next_number++
						   : (unsigned long long)(c - connections);
		snprintf(digits, sizeof digits, "%010llu", value % 10000000000ULL);
		memcpy(c->request + holes[i], digits, 10);
	}
}

static void read_template(const char *path, const char *target, const char *port)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		die(path);
	static char raw[1 << 22];
	size_t size = fread(raw, 1, sizeof raw, file);
	fclose(file);
	template = malloc(size * 5 + head_max);
	char *body = malloc(size * 5 + 1);
	size_t length = 0;
	for (size_t i = 0; i < size; i++) {
		int is_hole =
			raw[i] == '@' && i + 1 < size && (raw[i + 1] == 'N' || raw[i + 1] == 'C');
		if (!is_hole) {
			body[length++] = raw[i];
			continue;
		}
		if (hole_count == holes_max)
			die("too many holes");
		holes[hole_count] = length;
		hole_kinds[hole_count++] = raw[++i];
		memset(body + length, '0', 10);
		length += 10;
	}
	head_size = (size_t)sprintf(template,
				    "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n"
				    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
				    target, port, length);
	memcpy(template + head_size, body, length);
	template_size = head_size + length;
	for (int i = 0; i < hole_count; i++)
		holes[i] += head_size;
	free(body);
}

static void send_more(struct connection *c)
{
	while (c->sent < template_size) {
		ssize_t n =
			send(c->fd, c->request + c->sent, template_size - c->sent, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0)
			die("send");
		c->sent += (size_t)n;
	}
}

static void begin(struct connection *c)
{
	fill(c);
	c->sent = c->received = 0;
	c->in_body = 0;
	c->started = now();
	send_more(c);
}

static void finish(struct connection *c)
{
	long us = (long)((now() - c->started) / 1000);
	times[us < slots ? us : slots - 1]++;
	requests++;
	if (c->status < 200 || c->status > 299)
		errors++;
}

/* Returns 1 when the answer is whole. */
static int take(struct connection *c, char *data, size_t size)
{
	if (!c->in_body) {
		size_t room = head_max - 1 - c->received;
		size_t part = size < room ? size : room;
		memcpy(c->head + c->received, data, part);
		c->received += part;
		c->head[c->received] = 0;
		char *end = strstr(c->head, "\r\n\r\n");
		if (!end)
			return 0;
		char *length = strcasestr(c->head, "content-length:");
		if (!length || length > end)
			die("an answer without a length");
		c->status = atoi(c->head + 9);
		c->content_left = atol(length + 15) -
				  (long)(c->received - (size_t)(end + 4 - c->head)) -
				  (long)(size - part);
		c->in_body = 1;
	} else {
		c->content_left -= (long)size;
	}
	return c->content_left <= 0;
}

static long percentile(double share)
{
	long wanted = (long)(share * (double)requests), seen = 0;
	for (long us = 0; us < slots; us++) {
		seen += times[us];
		if (seen > wanted)
			return us;
	}
	return slots;
}

int main(int argc, char **argv)
{
	if (argc < 6)
		return 2;
	int count = atoi(argv[3]);
	double seconds = atof(argv[4]);
	next_number = argc > 6 ? strtoull(argv[6], NULL, 10) : 1;
	if (count < 1 || count > connections_max)
		return 2;
	times = calloc(slots, sizeof *times);
	read_template(argv[5], argv[2], argv[1]);
	int epoll = epoll_create1(0);
	for (int i = 0; i < count; i++) {
		struct connection *c = &connections[i];
		struct sockaddr_in to = {.sin_family = AF_INET,
					 .sin_port = htons((unsigned short)atoi(argv[1]))};
		inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
		c->fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
			die("connect");
		int on = 1;
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		c->request = malloc(template_size);
		memcpy(c->request, template, template_size);
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
		epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
	}
	long long started = now(), until = started + (long long)(seconds * 1e9);
	for (int i = 0; i < count; i++)
		begin(&connections[i]);
	static char data[1 << 20];
	int open = count;
	while (open > 0) {
		struct epoll_event events[256];
		int ready = epoll_wait(epoll, events, 256, 10000);
		if (ready == 0)
			die("no answer within ten seconds");
		for (int i = 0; i < ready; i++) {
			struct connection *c = events[i].data.ptr;
			if (c->sent < template_size)
				send_more(c);
			ssize_t n = recv(c->fd, data, sizeof data, MSG_DONTWAIT);
			if (n < 0 && (errno == EAGAIN || errno == EINTR))
				continue;
			if (n <= 0)
				die("recv");
			if (!take(c, data, (size_t)n))
				continue;
			finish(c);
			if (now() < until) {
				begin(c);
			} else {
				epoll_ctl(epoll, EPOLL_CTL_DEL, c->fd, NULL);
				close(c->fd);
				open--;
			}
		}
	}
	double spent = (double)(now() - started) / 1e9;
	long max = slots - 1;
	while (max > 0 && times[max] == 0)
		max--;
	printf("{\"requests\":%ld,\"errors\":%ld,\"seconds\":%.6f,\"p50\":%ld,\"p90\":%ld,\"p99\":%"
	       "ld,"
	       "\"max\":%ld,\"next\":%llu}\n",
	       requests, errors, spent, percentile(0.5), percentile(0.9), percentile(0.99), max,
	       next_number);
	return 0;
}
