/* What lib/template.c and lib/template_parse.c share. */
#ifndef LIB_TEMPLATE_PRIVATE_H
#define LIB_TEMPLATE_PRIVATE_H

#include "lib/template.h"

enum template_op {
	TEMPLATE_OP_TEXT,
	TEMPLATE_OP_VALUE,
	TEMPLATE_OP_IF,     /* goes to `skip` where the value is empty */
	TEMPLATE_OP_UNLESS, /* goes to `skip` where it isn't */
	TEMPLATE_OP_EACH,   /* its body ends before `skip` */
	TEMPLATE_OP_ELSE,   /* goes to `skip` */
	TEMPLATE_OP_END,
};

struct template_node {
	enum template_op op;
	struct span text;
	unsigned depth; /* 0: the template's names, 1: those of the outermost {{each}} */
	unsigned name;
	size_t skip;
};

struct template {
	enum template_kind kind;
	struct template_node *nodes;
	size_t count, room;
	struct strings texts; /* of the files; what nodes point into */
};

#endif
