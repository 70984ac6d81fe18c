/*
 * A name server on loopback for tests: a real UDP socket and a thread.  What it
 * says depends on the first label of the name asked for:
 *
 *   one       MX 10 mx.example.net, TTL 7200
 *   two       MX 20 a.example.net, MX 10 MX2.Example.NET, MX 10 mx1.example.net, MX 0 "bad host"
 *   null      MX 0 . (RFC 7505)
 *   plain     no MX, SOA that says 900
 *   nx        no such domain, SOA that says 600
 *   refused   REFUSED
 *   silent    nothing at all
 *   garbage   the right id, then random bytes
 *   stranger  the answer to another question
 *   cut       an answer that ends in the middle
 *   loop      names that point to themselves
 *   google    MX 10 aspmx.l.google.com
 *   others    as `one`
 */
#ifndef TESTS_UNIT_DNS_SERVER_H
#define TESTS_UNIT_DNS_SERVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct dns_server {
	int fd;
	char address[32]; /* "127.0.0.1:PORT" */
	pthread_t thread;
	_Atomic unsigned asked;
	unsigned seed;
};

struct dns_packet {
	unsigned char at[1024];
	size_t len;
};

static inline void dns_put(struct dns_packet *packet, const void *bytes, size_t len) {
	if (packet->len + len > sizeof packet->at)
		abort();
	memcpy(packet->at + packet->len, bytes, len);
	packet->len += len;
}

static inline void dns_put_number(struct dns_packet *packet, uint32_t value, int octets) {
	while (octets-- > 0) {
		unsigned char octet = (unsigned char)(value >> (8 * octets));

		dns_put(packet, &octet, 1);
	}
}

/* "a.b" as labels; "." as the root. */
static inline void dns_put_name(struct dns_packet *packet, const char *name) {
	while (strcmp(name, ".") != 0 && *name != '\0') {
		size_t len = strcspn(name, ".");

		dns_put_number(packet, (uint32_t)len, 1);
		dns_put(packet, name, len);
		name += len + (name[len] == '.');
	}
	dns_put_number(packet, 0, 1);
}

static inline void dns_put_mx(struct dns_packet *packet, unsigned preference, const char *host, uint32_t ttl) {
	struct dns_packet name = {.len = 0};

	dns_put_name(&name, host);
	dns_put(packet, "\xc0\x0c\0\x0f\0\1", 6);
	dns_put_number(packet, ttl, 4);
	dns_put_number(packet, (uint32_t)name.len + 2, 2);
	dns_put_number(packet, preference, 2);
	dns_put(packet, name.at, name.len);
	packet->at[7]++; /* ANCOUNT */
}

static inline void dns_put_soa(struct dns_packet *packet, uint32_t least) {
	struct dns_packet data = {.len = 0};

	dns_put_name(&data, "ns.example.net");
	dns_put_name(&data, "hostmaster.example.net");
	dns_put(&data, "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4", 16);
	dns_put_number(&data, least, 4);
	dns_put(packet, "\xc0\x0c\0\x06\0\1\0\1\x51\x80", 10); /* 86400 */
	dns_put_number(packet, (uint32_t)data.len, 2);
	dns_put(packet, data.at, data.len);
	packet->at[9]++; /* NSCOUNT */
}

static inline bool dns_is(const unsigned char *question, const char *label) {
	return question[0] == strlen(label) && memcmp(question + 1, label, question[0]) == 0;
}

/* The answer to a question, or nothing (len 0). */
static inline void dns_answer(struct dns_server *server, const unsigned char *asked, size_t len,
                              struct dns_packet *packet) {
	const unsigned char *question = asked + 12;
	size_t end = 12, i;

	packet->len = 0;
	while (end < len && asked[end] != 0)
		end += asked[end] + 1u;
	end += 5;
	if (end > len || dns_is(question, "silent"))
		return;
	dns_put(packet, asked, 2);
	dns_put(packet, "\x81\x80\0\1\0\0\0\0\0\0", 10);
	dns_put(packet, question, end - 12);
	if (dns_is(question, "two")) {
		dns_put_mx(packet, 20, "a.example.net", 7200);
		dns_put_mx(packet, 10, "MX2.Example.NET", 3600);
		dns_put_mx(packet, 10, "mx1.example.net", 7200);
		dns_put_mx(packet, 0, "bad host", 60);
	} else if (dns_is(question, "null")) {
		dns_put_mx(packet, 0, ".", 7200);
	} else if (dns_is(question, "plain")) {
		dns_put_soa(packet, 900);
	} else if (dns_is(question, "nx")) {
		packet->at[3] |= 3;
		dns_put_soa(packet, 600);
	} else if (dns_is(question, "refused")) {
		packet->at[3] |= 5;
	} else if (dns_is(question, "garbage")) {
		packet->len = 2;
		for (i = 0; i < 200; i++)
			dns_put_number(packet, (uint32_t)rand_r(&server->seed) & 0xff, 1);
		packet->at[2] |= 0x80;
	} else if (dns_is(question, "stranger")) {
		packet->at[13] ^= 1;
		dns_put_mx(packet, 1, "evil.example.net", 7200);
	} else if (dns_is(question, "cut")) {
		dns_put_mx(packet, 10, "mx.example.net", 7200);
		packet->len -= 7;
	} else if (dns_is(question, "loop")) {
		dns_put(packet, "\xc0\x0c\0\x0f\0\1\0\0\x1c\x20\0\4\0\1\xc0", 15);
		dns_put_number(packet, (uint32_t)packet->len - 1, 1);
		packet->at[7]++;
	} else if (dns_is(question, "google")) {
		dns_put_mx(packet, 10, "aspmx.l.google.com", 7200);
	} else {
		dns_put_mx(packet, 10, "mx.example.net", 7200);
	}
}

static inline void *dns_main(void *argument) {
	struct dns_server *server = argument;

	while (true) {
		unsigned char asked[512];
		struct sockaddr_storage peer;
		socklen_t size = sizeof peer;
		struct dns_packet packet;
		ssize_t len = recvfrom(server->fd, asked, sizeof asked, 0, (struct sockaddr *)&peer, &size);

		if (len == 1) /* dns_server_stop() */
			return NULL;
		if (len < 17)
			continue;
		server->asked++;
		dns_answer(server, asked, (size_t)len, &packet);
		if (packet.len > 0)
			(void)!sendto(server->fd, packet.at, packet.len, 0, (struct sockaddr *)&peer, size);
	}
}

static inline void dns_server_start(struct dns_server *server) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;

	*server = (struct dns_server){.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), .seed = 1};
	if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    getsockname(server->fd, (struct sockaddr *)&address, &size) != 0)
		abort();
	snprintf(server->address, sizeof server->address, "127.0.0.1:%u", ntohs(address.sin_port));
	if (pthread_create(&server->thread, NULL, dns_main, server) != 0)
		abort();
}

static inline void dns_server_stop(struct dns_server *server) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	address.sin_port = htons((uint16_t)atoi(strchr(server->address, ':') + 1));
	(void)!sendto(server->fd, "x", 1, 0, (struct sockaddr *)&address, sizeof address);
	pthread_join(server->thread, NULL);
	close(server->fd);
}

#endif
