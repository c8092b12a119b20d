/* What a box may say to those who connect for it: the proxy and the resolver. */
#include "attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 1500, TEXT_MAX = 4096, DNS_PORT = 53 };

/* Where HTTP_PROXY leads, "http://USER:PASSWORD@ADDRESS:PORT", and the two in front of it. */
struct proxy {
	struct sockaddr_in at;
	char user[64];
	char password[256];
};

static int find_proxy(struct proxy *proxy)
{
	const char *text = getenv("HTTP_PROXY");
	char address[64];
	int port;

	if (!text || sscanf(text, "http://%63[^:]:%255[^@]@%63[0-9.]:%d", proxy->user,
			    proxy->password, address, &port) != 4)
		return ABSENT;
	proxy->at.sin_family = AF_INET;
	proxy->at.sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, address, &proxy->at.sin_addr) == 1 ? 0 : ABSENT;
}

static void put_base64(char *out, const char *text)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i += 3) {
		uint32_t bits = (uint32_t)(uint8_t)text[i] << 16;

		if (i + 1 < size)
			bits |= (uint32_t)(uint8_t)text[i + 1] << 8;
		if (i + 2 < size)
			bits |= (uint8_t)text[i + 2];
		for (size_t k = 0; k < 4; k++)
			*out++ = k > size - i ? '=' : letters[bits >> (18 - 6 * k) & 63];
	}
	*out = 0;
}

/*
 * "\HH" is a byte and "\A" the header with the password, "\S" the same in SOCKS5; the size.
 * A backslash ends nothing else.
 */
static size_t expand(const struct proxy *proxy, const char *text, char *out)
{
	size_t size = 0;

	while (*text && size + 1024 < TEXT_MAX) {
		char pair[512];
		unsigned int byte;

		if (*text != '\\') {
			out[size++] = *text++;
		} else if (text[1] == 'A') {
			char coded[700];

			snprintf(pair, sizeof(pair), "%s:%s", proxy->user, proxy->password);
			put_base64(coded, pair);
			size += (size_t)sprintf(out + size, "Proxy-Authorization: Basic %s\r\n",
						coded);
			text += 2;
		} else if (text[1] == 'S') {
			size += (size_t)sprintf(out + size, "\001%c%s%c%s",
						(int)strlen(proxy->user), proxy->user,
						(int)strlen(proxy->password), proxy->password);
			text += 2;
		} else if (sscanf(text + 1, "%2x", &byte) == 1) {
			out[size++] = (char)byte;
			text += 3;
		} else {
			break;
		}
	}
	return size;
}

/* Reads until `wanted` is among what came, the other side ends, or patience does. */
static bool hears(int fd, const char *wanted, size_t wanted_size)
{
	char heard[TEXT_MAX];
	size_t size = 0;
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	while (size < sizeof(heard) && poll(&polled, 1, PATIENCE_MS) == 1) {
		ssize_t more = read(fd, heard + size, sizeof(heard) - size);

		if (more <= 0)
			return false;
		size += (size_t)more;
		if (memmem(heard, size, wanted, wanted_size))
			return true;
	}
	return false;
}

/* STEPS: what to say and what to hear, in turn. Worked when the last of it is heard. */
static int try_proxy(char **a)
{
	struct proxy proxy = {0};
	int error = find_proxy(&proxy);
	int fd;

	if (error != 0)
		return error;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&proxy.at, sizeof(proxy.at)) < 0)
		return errno;
	for (; a[0] && a[1]; a += 2) {
		char text[TEXT_MAX];
		char wanted[TEXT_MAX];
		size_t size = expand(&proxy, a[0], text);

		if (send(fd, text, size, MSG_NOSIGNAL) < 0)
			return errno;
		if (!hears(fd, wanted, expand(&proxy, a[1], wanted)))
			return EACCES;
	}
	return 0;
}

static int resolver(struct sockaddr_in *out)
{
	FILE *file = fopen("/etc/resolv.conf", "re");
	char line[256];
	char address[64];
	int found = 0;

	while (!found && file && fgets(line, sizeof(line), file))
		found = sscanf(line, "nameserver %63[0-9.]", address) == 1;
	if (file)
		fclose(file);
	out->sin_family = AF_INET;
	out->sin_port = htons(DNS_PORT);
	return found && inet_pton(AF_INET, address, &out->sin_addr) == 1 ? 0 : ABSENT;
}

/* A box may have streams only; a message then has its length before it. -1 and errno. */
static int ask_resolver(const struct sockaddr_in *to, unsigned char *question, size_t size,
			bool *has_size)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*has_size = fd < 0;
	if (fd < 0)
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	question[0] = (unsigned char)(size >> 8);
	question[1] = (unsigned char)size;
	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 ||
	    send(fd, *has_size ? question : question + 2, *has_size ? size + 2 : size,
		 MSG_NOSIGNAL) < 0)
		return -1;
	return fd;
}

/* NAME TYPE: worked when the resolver has an answer. RFC 1035 4.1. */
static int try_name(char **a)
{
	/* Room for a length first. */
	unsigned char question[512] = {0, 0, 0x41, 0x47, 1, 0, 0, 1};
	unsigned char answer[512];
	struct sockaddr_in to = {0};
	int error = resolver(&to);
	struct pollfd polled = {.events = POLLIN};
	bool has_size;
	size_t size = 14;
	ssize_t got;

	if (error != 0)
		return error;
	for (const char *label = a[0]; *label && size < 300;) {
		size_t length = strcspn(label, ".");

		question[size++] = (unsigned char)length;
		memcpy(question + size, label, length);
		size += length;
		label += length + (label[length] == '.');
	}
	size++;
	question[size + 1] = (unsigned char)atoi(a[1]);
	question[size + 3] = 1;
	polled.fd = ask_resolver(&to, question, size + 4 - 2, &has_size);
	if (polled.fd < 0)
		return errno;
	if (poll(&polled, 1, PATIENCE_MS) != 1)
		return ETIMEDOUT;
	got = recv(polled.fd, answer, sizeof(answer), 0) - (has_size ? 2 : 0);
	if (got < 12)
		return EPROTO;
	return answer[has_size ? 8 : 6] || answer[has_size ? 9 : 7] ? 0 : EACCES;
}

const struct attack attack_proxy[] = {
	{"proxy", 2, try_proxy},
	{"name", 2, try_name},
	{0},
};
