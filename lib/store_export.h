/*
 * All addresses that the store knows, for an export.
 */
#ifndef LIB_STORE_EXPORT_H
#define LIB_STORE_EXPORT_H

#include "lib/store.h"

/* Calls back for each address on record, in no order that means something; the text is
 * empty where only the key is left.  Stops when it returns non-zero (the result is 0
 * then, too).  The span lives for the call, which must not use the same handle.  It
 * reads one state of the store, however long it takes. */
int store_each_address(struct store *store, int (*each)(void *context, uint64_t address_key, struct span address),
                       void *context, struct err *err);

#endif
