/* Prints the options of todoku.conf as mdoc: todoku.conf(5) is made with it. */
#include <stdio.h>
#include <sysexits.h>

#include "lib/conf.h"

#define MANUAL_MAX 1048576

int main(void) {
	struct buf manual;
	int status;

	buf_init(&manual, MANUAL_MAX);
	conf_manual(&manual);
	status = manual.failed || fputs(manual.at, stdout) < 0 || fflush(stdout) != 0 ? EX_OSERR : EX_OK;
	buf_free(&manual);
	return status;
}
