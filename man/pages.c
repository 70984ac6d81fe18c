/* Prints the names that each page's template may use, as mdoc: todoku-pages(5) is made with it. */
#include <stdio.h>
#include <sysexits.h>

#include "lib/confirm_mail.h"
#include "lib/page_names.h"

static void print_names(const struct template_name *names, const struct template_name *without) {
	int i;

	printf(".Bl -tag -width Ds -compact\n");
	for (i = 0; names[i].name != NULL; i++) {
		/* Those that every page has are told once. */
		if (without != NULL && i < IN_COMMON)
			continue;
		printf(".It Ic %s\n%s.\n", names[i].name, names[i].help);
		if (names[i].rows != NULL) {
			printf("Of each row:\n");
			print_names(names[i].rows, NULL);
		}
	}
	printf(".El\n");
}

int main(void) {
	const struct template_name *common = page_kinds[PAGE_WRONG].names;
	int page;

	printf(".Ss All pages\n");
	print_names(common, NULL);
	for (page = 0; page < PAGES; page++) {
		printf(".Ss %s\n%s.\n", page_kinds[page].file, page_kinds[page].help);
		if (page_kinds[page].names[IN_COMMON].name != NULL)
			print_names(page_kinds[page].names, common);
	}
	printf(".Ss consent.txt\n"
	       "What a reader agrees to where option\n.Ic form.consent\nis not set.\n");
	print_names(page_consent_names, NULL);
	printf(".Ss join.txt, leave.txt\n"
	       "The mails that ask for confirmation; the first line is\n.Li Subject: Ar text ,\nthe second is "
	       "empty.\n");
	print_names(confirm_mail_names, NULL);
	return fflush(stdout) == 0 ? EX_OK : EX_OSERR;
}
