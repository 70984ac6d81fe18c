/*
 * lib/addr.h: whatever comes in, an address that comes out is canonical, and
 * its quoted spelling is the same address (W7).
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_domain(struct span domain) {
	size_t i;

	assert(domain.len > 0 && domain.len <= 255);
	for (i = 0; i < domain.len; i++)
		assert(domain.at[i] > ' ' && domain.at[i] < 0x7f && domain.at[i] == ascii_lower(domain.at[i]) &&
		       domain.at[i] != '@');
}

static void check_address(const struct addr *addr) {
	struct span local = addr_local(addr), domain = addr_domain(addr);
	struct addr again;
	struct buf quoted;
	size_t i;

	assert(addr->len <= ADDR_MAX && addr->text[addr->len] == '\0' && strlen(addr->text) == addr->len);
	assert(local.len > 0 && local.len <= 64 && addr->text[addr->at] == '@');
	check_domain(domain);
	buf_init(&quoted, 1024);
	buf_add_text(&quoted, "<\"");
	for (i = 0; i < local.len; i++) {
		assert((unsigned char)local.at[i] >= ' ' && local.at[i] != 0x7f);
		if (local.at[i] == '"' || local.at[i] == '\\')
			buf_add_byte(&quoted, '\\');
		buf_add_byte(&quoted, local.at[i]);
	}
	buf_add_text(&quoted, "\"@");
	buf_add_span(&quoted, domain);
	buf_add_text(&quoted, ">");
	assert(addr_parse(buf_span(&quoted), &again) == 0 && span_equal(addr_span(&again), addr_span(addr)));
	assert(addr_parse_header(buf_span(&quoted), &again) == 0 && span_equal(addr_span(&again), addr_span(addr)));
	assert(addr_matches(addr, addr_span(addr)));
	buf_free(&quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span text = span_make((const char *)data, size);
	struct addr addr;
	struct buf domain;

	if (addr_parse(text, &addr) == 0)
		check_address(&addr);
	else
		assert(addr.len == 0);
	if (addr_parse_header(text, &addr) == 0)
		check_address(&addr);
	else
		assert(addr.len == 0);
	buf_init(&domain, 255);
	if (addr_domain_canonical(text, &domain) == 0) {
		check_domain(buf_span(&domain));
		assert(addr_domain_under(buf_span(&domain), buf_span(&domain)));
	} else {
		assert(domain.len == 0 || domain.failed);
	}
	buf_free(&domain);
	return 0;
}
