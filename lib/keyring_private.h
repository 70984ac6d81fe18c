/*
 * What keyring.c (a ring in memory) and keyring_write.c (its file) share.
 */
#ifndef LIB_KEYRING_PRIVATE_H
#define LIB_KEYRING_PRIVATE_H

#include "lib/keyring.h"

#define RING_FILE_MAX 65536 /* octets of a ring file */
#define RING_IDS 256
#define SECRET_SIZE 32

/* A descriptor of the file for reading, or -1. */
int keyring_open(const char *file, struct err *err);
/* `text` gets the whole of a file that is fit to be a ring; its contents are
 * for keyring_wipe(), whatever the result. */
int keyring_read(int fd, const char *file, struct buf *text, struct err *err);
struct keyring *keyring_parse(const char *file, struct span text, struct err *err);
/* Frees, and leaves no secret behind in the memory. */
void keyring_wipe(struct buf *text);

/* When the key that signs was made. */
time_t keyring_newest(const struct keyring *ring);

#endif
