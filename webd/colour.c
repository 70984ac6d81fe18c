#include "webd/colour.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WANTED 4.5
#define STEPS 64

struct rgb {
	double part[3]; /* 0-255 */
};

static struct rgb parse(const char *text) {
	unsigned long value = strtoul(text + 1, NULL, 16);

	return (struct rgb){{(double)(value >> 16 & 255), (double)(value >> 8 & 255), (double)(value & 255)}};
}

/* WCAG 2.2, relative luminance. */
static double luminance(const struct rgb *c) {
	static const double share[3] = {0.2126, 0.7152, 0.0722};
	double sum = 0;
	int i;

	for (i = 0; i < 3; i++) {
		double s = round(c->part[i]) / 255;

		sum += share[i] * (s <= 0.04045 ? s / 12.92 : pow((s + 0.055) / 1.055, 2.4));
	}
	return sum;
}

static double contrast(const struct rgb *a, const struct rgb *b) {
	double one = luminance(a), two = luminance(b);

	return one > two ? (one + 0.05) / (two + 0.05) : (two + 0.05) / (one + 0.05);
}

double colour_contrast(const char *a, const char *b) {
	struct rgb one = parse(a), two = parse(b);

	return contrast(&one, &two);
}

/* The least step towards `goal` (0 or 255 in each part) that both grounds allow. */
static void adjust(const char *colour, double goal, const char *first, const char *second, char out[COLOUR_SIZE]) {
	struct rgb from = parse(colour), one = parse(first), two = parse(second), c = from;
	int step, i;

	for (step = 0; step <= STEPS; step++) {
		for (i = 0; i < 3; i++)
			c.part[i] = from.part[i] + (goal - from.part[i]) * step / STEPS;
		if (contrast(&c, &one) >= WANTED && contrast(&c, &two) >= WANTED)
			break;
	}
	snprintf(out, COLOUR_SIZE, "#%02x%02x%02x", (unsigned)lround(c.part[0]) & 255,
	         (unsigned)lround(c.part[1]) & 255, (unsigned)lround(c.part[2]) & 255);
}

void colour_for_light(const char *colour, char out[COLOUR_SIZE]) {
	adjust(colour, 0, COLOUR_LIGHT_CARD, COLOUR_LIGHT_CARD, out);
}

void colour_for_dark(const char *colour, char out[COLOUR_SIZE]) {
	adjust(colour, 255, COLOUR_DARK_CARD, COLOUR_DARK_TEXT, out);
}
