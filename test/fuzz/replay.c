/*
 * Runs a fuzz target over files: the corpus as an ordinary test where there is no libFuzzer.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { INPUT_MAX = 1 << 20 };

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(INPUT_MAX);

	if (!f || !data) {
		perror(path);
		free(data);
		if (f)
			fclose(f);
		return 1;
	}
	size_t n = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 0;
}

static int run_dir(const char *path)
{
	char file[4096];
	struct dirent *entry;
	int failed = 0, ran = 0;
	DIR *dir = opendir(path);

	if (!dir) {
		perror(path);
		return 1;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
		failed |= run_file(file);
		ran++;
	}
	closedir(dir);
	printf("%s: %d inputs\n", path, ran);
	return failed || !ran;
}

int main(int argc, char **argv)
{
	struct stat st;
	int failed = argc < 2;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			failed |= run_dir(argv[i]);
		else
			failed |= run_file(argv[i]);
	}
	return failed;
}
