/*
 * Files of a configuration: read whole, bounded, wiped after use.
 */
#include "config/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

char *path_beside(const char *path, const char *beside)
{
	const char *slash = strrchr(beside, '/');
	char *joined = NULL;

	if (path[0] == '/' || slash == NULL) {
		return strdup(path);
	}
	if (asprintf(&joined, "%.*s%s", (int)(slash + 1 - beside), beside, path) < 0) {
		return NULL;
	}
	return joined;
}

/* Bytes read, at most `cap`; -1 and errno. */
static ssize_t read_all(int fd, char *to, size_t cap)
{
	size_t n = 0;

	while (n < cap) {
		ssize_t got = read(fd, to + n, cap - n);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return -1;
		}
		if (got == 0) {
			break;
		}
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static bool read_fd(struct file_content *out, int fd, size_t max, char *why, size_t why_cap)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		out->mode = st.st_mode & 07777;
	}
	/* One more than allowed shows what is too long, and is the room of the NUL otherwise. */
	out->text = malloc(max + 1);
	ssize_t n = out->text ? read_all(fd, out->text, max + 1) : -1;
	if (n < 0) {
		snprintf(why, why_cap, "cannot be read: %s", strerror(errno));
		return false;
	}
	out->n = (size_t)n;
	if (out->n > max) {
		snprintf(why, why_cap, "is too long, expected at most %zu bytes", max);
		return false;
	}
	out->text[out->n] = '\0';
	return true;
}

bool file_read(struct file_content *out, const char *path, size_t max, char *why, size_t why_cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*out = (struct file_content){NULL, 0, 0};
	if (fd < 0) {
		snprintf(why, why_cap, "cannot be opened: %s", strerror(errno));
		return false;
	}
	bool ok = read_fd(out, fd, max, why, why_cap);
	close(fd);
	if (!ok) {
		file_content_fini(out);
	}
	return ok;
}

void file_content_fini(struct file_content *f)
{
	if (f->text) {
		secret_wipe(f->text, f->n);
	}
	free(f->text);
	*f = (struct file_content){NULL, 0, 0};
}
