/*
 * Mounts a file system at the directory given, says `ready`, and from then on answers nothing but
 * what it takes to be mounted: every look-up in it waits for ever. Ends with its standard input.
 */
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static void reply(int fd, uint64_t id, void *body, size_t size)
{
	struct fuse_out_header header = {(uint32_t)(sizeof(header) + size), 0, id};
	struct iovec parts[] = {{&header, sizeof(header)}, {body, size}};

	if (writev(fd, parts, 2) < 0)
		perror("stuck: reply");
}

static void answer(int fd)
{
	static char buffer[1 << 17];
	const struct fuse_in_header *header = (const struct fuse_in_header *)buffer;

	if (read(fd, buffer, sizeof(buffer)) < (ssize_t)sizeof(*header))
		return;
	if (header->opcode == FUSE_INIT) {
		struct fuse_init_out init = {.major = 7, .minor = 31, .max_write = 4096};

		reply(fd, header->unique, &init, sizeof(init));
	} else if (header->opcode == FUSE_GETATTR && header->nodeid == FUSE_ROOT_ID) {
		struct fuse_attr_out attributes = {.attr_valid = 3600};

		attributes.attr.ino = FUSE_ROOT_ID;
		attributes.attr.mode = S_IFDIR | 0755;
		attributes.attr.nlink = 2;
		reply(fd, header->unique, &attributes, sizeof(attributes));
	}
}

int main(int count, char **arguments)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	struct pollfd waits[] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
	char options[96];

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
		 fd);
	if (count != 2 || mount("stuck", arguments[1], "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		perror("stuck: mount");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (poll(waits, 2, -1) > 0 && !waits[1].revents)
		answer(fd);
	umount2(arguments[1], MNT_DETACH);
	return 0;
}
