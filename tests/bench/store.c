/*
 * store FOLDER [SECONDS]: records a second through the store's writer, by 1, 20 and
 * 100 threads that each wait for their record, beside the limit of the disk: a
 * loop of write(2) and fdatasync(2) of as many octets as a record's text.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/store.h"

struct run {
	struct store_writer *writer;
	_Atomic bool over;
	_Atomic unsigned long records;
	_Atomic bool failed;
};

static double now(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *add_records(void *context) {
	struct run *run = context;
	struct err err;

	while (!run->over) {
		unsigned long number = atomic_fetch_add(&run->records, 1);
		char address[64];
		struct store_send send = {
		        .campaign = 1,
		        .address_key = number * UINT64_C(0x9e3779b97f4a7c15),
		        .message = number,
		        .time = time(NULL),
		        .list = SPAN("news"),
		        .campaign_name = SPAN("2026-12-01"),
		        .stream = SPAN("main"),
		        .queue_id = SPAN("4BENCHQUEUE"),
		        .message_id = SPAN("<20261201000000.4BENCH@mail.example.com>"),
		};

		snprintf(address, sizeof address, "reader%lu@example.net", number);
		send.address = span_of(address);
		if (store_writer_add(run->writer, &send, 1, &err) != 0) {
			fprintf(stderr, "%s\n", err.text);
			run->failed = true;
			return NULL;
		}
	}
	return NULL;
}

static double measure_writer(const char *folder, size_t threads, unsigned seconds) {
	pthread_t ids[100];
	struct run run = {0};
	char path[4096];
	struct conf_store conf = {.path = path, .busy_timeout = 5};
	struct err err;
	double started, rate;
	size_t i;

	snprintf(path, sizeof path, "%s/bench-%zu.db", folder, threads);
	run.writer = store_writer_start(&conf, &err);
	if (run.writer == NULL) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	started = now();
	for (i = 0; i < threads; i++)
		pthread_create(&ids[i], NULL, add_records, &run);
	sleep(seconds);
	run.over = true;
	for (i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	rate = (double)run.records / (now() - started);
	store_writer_stop(&run.writer);
	return run.failed ? 0 : rate;
}

static double measure_disk(const char *folder, unsigned seconds) {
	char path[4096], record[256] = {0};
	double started = now();
	unsigned long writes = 0;
	int fd;

	snprintf(path, sizeof path, "%s/bench.raw", folder);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	while (now() - started < seconds) {
		if (write(fd, record, sizeof record) < 0 || fdatasync(fd) != 0) {
			perror(path);
			exit(1);
		}
		writes++;
	}
	close(fd);
	return (double)writes / (now() - started);
}

int main(int argc, char **argv) {
	static const size_t threads[] = {1, 20, 100};
	unsigned seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 3;
	size_t i;

	if (argc < 2) {
		fprintf(stderr, "usage: store FOLDER [SECONDS]\n");
		return 64;
	}
	printf("| threads | records/s | write and fdatasync/s | ratio |\n|---:|---:|---:|---:|\n");
	for (i = 0; i < sizeof threads / sizeof *threads; i++) {
		double rate = measure_writer(argv[1], threads[i], seconds), disk = measure_disk(argv[1], seconds);

		printf("| %zu | %.0f | %.0f | %.2f |\n", threads[i], rate, disk, rate / disk);
	}
	return 0;
}
