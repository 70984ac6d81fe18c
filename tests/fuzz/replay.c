/*
 * Runs a fuzz target over the files of its corpus, without a fuzzer: each
 * argument is a file, or a folder of files.  Prints how many; ends with 1 where
 * there was none, so that an empty corpus can't pass for a tested one.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path) {
	FILE *file = fopen(path, "rb");
	struct stat st;
	uint8_t *data;
	size_t size;

	if (file == NULL || fstat(fileno(file), &st) != 0) {
		perror(path);
		exit(1);
	}
	data = malloc((size_t)st.st_size + 1);
	size = data == NULL ? 0 : fread(data, 1, (size_t)st.st_size, file);
	fclose(file);
	/* An exact copy, so that a sanitizer sees a read past the end. */
	if (data != NULL && size > 0)
		data = realloc(data, size);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

static int run(const char *path) {
	DIR *folder = opendir(path);
	struct dirent *entry;
	int ran = 0;

	if (folder == NULL)
		return run_file(path);
	while ((entry = readdir(folder)) != NULL) {
		char name[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		ran += run(name);
	}
	closedir(folder);
	return ran;
}

int main(int argc, char **argv) {
	int ran = 0, i;

	for (i = 1; i < argc; i++)
		ran += run(argv[i]);
	printf("%d inputs\n", ran);
	return ran == 0;
}
