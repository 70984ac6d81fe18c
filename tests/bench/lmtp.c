/*
 * A client that delivers mail by LMTP as fast as it is taken:
 *
 *     lmtp SOCKET CONNECTIONS <JOBS
 *
 * Each line of JOBS is a recipient, a blank, and a file with the message (CRLF, no line
 * that begins with a dot).  Each gets a field with its number, so that none is another.
 * Prints how many were taken, and in how many seconds.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 1000000
#define TEXT_MAX 65536

struct job {
	char *recipient;
	char *message;
};

static struct job jobs[JOBS_MAX];
static size_t job_count;
static atomic_size_t next_job, taken;
static const char *socket_path;

static char *slurp(const char *path) {
	FILE *file = fopen(path, "rb");
	char *text = calloc(1, TEXT_MAX + 64);
	size_t len;

	if (file == NULL || text == NULL) {
		perror(path);
		exit(1);
	}
	len = fread(text, 1, TEXT_MAX, file);
	fclose(file);
	strcpy(text + len, ".\r\n");
	return text;
}

static void read_jobs(void) {
	char line[4096], *blank, *message = NULL, *last = NULL;

	while (job_count < JOBS_MAX && fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		blank = strchr(line, ' ');
		if (blank == NULL)
			continue;
		*blank = '\0';
		/* Files in a row are read once. */
		if (last == NULL || strcmp(last, blank + 1) != 0) {
			free(last);
			last = strdup(blank + 1);
			message = slurp(last);
		}
		jobs[job_count++] = (struct job){strdup(line), message};
	}
	free(last);
}

/* Reads replies until so many have come: each ends in a line with a blank behind its
 * code.  The last code. */
static int replies(FILE *from, int count) {
	char line[4096];
	int code = 0;

	while (count > 0 && fgets(line, sizeof line, from) != NULL)
		if (strlen(line) > 3 && line[3] == ' ') {
			code = atoi(line);
			count--;
		}
	return count == 0 ? code : 0;
}

static void *deliver(void *unused) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	FILE *from, *to;
	size_t at;

	(void)unused;
	snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		perror(socket_path);
		exit(1);
	}
	from = fdopen(fd, "r");
	to = fdopen(dup(fd), "w");
	fputs("LHLO bench.test\r\n", to);
	fflush(to);
	replies(from, 2);
	while ((at = atomic_fetch_add(&next_job, 1)) < job_count) {
		fprintf(to, "MAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\n", jobs[at].recipient);
		fflush(to);
		if (replies(from, 3) != 354)
			break;
		fprintf(to, "X-Number: %zu\r\n%s", at, jobs[at].message);
		fflush(to);
		if (replies(from, 1) == 250)
			atomic_fetch_add(&taken, 1);
	}
	fclose(from);
	fclose(to);
	return NULL;
}

static double now(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
	int connections = argc == 3 ? atoi(argv[2]) : 0, i;
	pthread_t threads[1000];
	double begun;

	if (connections < 1 || connections > 1000) {
		fprintf(stderr, "usage: lmtp SOCKET CONNECTIONS <JOBS\n");
		return 64;
	}
	socket_path = argv[1];
	read_jobs();
	begun = now();
	for (i = 0; i < connections; i++)
		pthread_create(&threads[i], NULL, deliver, NULL);
	for (i = 0; i < connections; i++)
		pthread_join(threads[i], NULL);
	printf("%zu %.3f\n", (size_t)taken, now() - begun);
	return taken == job_count ? 0 : 1;
}
