/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See sink.h.
 */
#include "sink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <rte_mbuf.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SINK_BURST   32
#define SINK_IDLE_NS 500000
#define SINK_WAIT_MS 100 /* for a full socket buffer, then the packet is lost */

static socklen_t to_sockaddr(struct sockaddr_storage *to, const struct endpoint *endpoint)
{
	memset(to, 0, sizeof(*to));
	if (endpoint->ipv6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(endpoint->port);
		memcpy(&in6->sin6_addr, endpoint->address, 16);
		return sizeof(*in6);
	}

	struct sockaddr_in *in = (struct sockaddr_in *)to;

	in->sin_family = AF_INET;
	in->sin_port = htons(endpoint->port);
	memcpy(&in->sin_addr, endpoint->address, 4);
	return sizeof(*in);
}

static bool send_datagram(const struct sink *sink, const struct endpoint *endpoint,
			  const void *bytes, size_t n)
{
	struct sockaddr_storage to;
	socklen_t to_len = to_sockaddr(&to, endpoint);
	struct pollfd fd = {.fd = endpoint->ipv6 ? sink->socket_ipv6 : sink->socket_ipv4,
			    .events = POLLOUT};

	for (unsigned attempt = 0; attempt < 2; attempt++) {
		if (sendto(fd.fd, bytes, n, 0, (struct sockaddr *)&to, to_len) == (ssize_t)n)
			return true;
		if (errno != EAGAIN && errno != ENOBUFS)
			return false;
		(void)poll(&fd, 1, SINK_WAIT_MS);
	}
	return false;
}

static bool find_endpoint(struct endpoint *endpoint, struct sink *sink, const uint8_t *bytes)
{
	const struct endpoint *found;

	pthread_mutex_lock(&sink->lock);
	found = services_find_header(&sink->services, bytes);
	if (found)
		*endpoint = *found;
	pthread_mutex_unlock(&sink->lock);
	return found != NULL;
}

static void deliver(struct sink *sink, struct rte_mbuf *mbuf)
{
	const uint8_t *bytes = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	struct endpoint endpoint;

	if (find_endpoint(&endpoint, sink, bytes) &&
	    send_datagram(sink, &endpoint, bytes, rte_pktmbuf_data_len(mbuf)))
		count_add(&sink->count.delivered, 1);
	else
		count_add(&sink->count.drop[LM_DROP_SINK_ERROR], 1);
	rte_pktmbuf_free(mbuf);
}

static void *sink_main(void *context)
{
	static const struct timespec idle = {.tv_nsec = SINK_IDLE_NS};
	struct sink *sink = context;
	struct rte_mbuf *mbuf[SINK_BURST];

	for (uint64_t turn = 0;;) {
		enum sink_stop stop = __atomic_load_n(&sink->stop, __ATOMIC_ACQUIRE);

		if (stop == SINK_LEAVE)
			return NULL;
		__atomic_store_n(&sink->turn, turn + 1, __ATOMIC_RELEASE);

		unsigned n = rte_ring_sc_dequeue_burst(sink->ring, (void **)mbuf, SINK_BURST, NULL);

		__atomic_store_n(&sink->in_hand, n, __ATOMIC_RELAXED);
		for (unsigned i = 0; i < n; i++)
			deliver(sink, mbuf[i]);
		__atomic_store_n(&sink->in_hand, 0, __ATOMIC_RELAXED);
		turn += n > 0 ? 2 : 0;
		__atomic_store_n(&sink->turn, turn, __ATOMIC_RELEASE);
		if (n == 0 && stop == SINK_FINISH)
			return NULL;
		if (n == 0)
			nanosleep(&idle, NULL);
	}
}

void sink_init(struct sink *sink, const struct services *services)
{
	pthread_mutex_init(&sink->lock, NULL);
	sink->services = *services;
}

void sink_set_services(struct sink *sink, const struct services *services)
{
	pthread_mutex_lock(&sink->lock);
	sink->services = *services;
	pthread_mutex_unlock(&sink->lock);
}

int sink_start(struct sink *sink, struct lm_error *err)
{
	sink->socket_ipv4 = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* a kernel without IPv6 has no services there either: sending then fails and is counted */
	sink->socket_ipv6 = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sink->socket_ipv4 < 0)
		return lm_error_set(err, errno, "no UDP socket for services: %s", strerror(errno));

	int rc = pthread_create(&sink->thread, NULL, sink_main, sink);

	if (rc != 0)
		return lm_error_set(err, rc, "no thread for services: %s", strerror(rc));
	return 0;
}

void sink_stop(struct sink *sink, enum sink_stop how)
{
	__atomic_store_n(&sink->stop, how, __ATOMIC_RELEASE);
	pthread_join(sink->thread, NULL);
	close(sink->socket_ipv4);
	if (sink->socket_ipv6 >= 0)
		close(sink->socket_ipv6);
}

unsigned sink_held(const struct sink *sink)
{
	return rte_ring_count(sink->ring) + __atomic_load_n(&sink->in_hand, __ATOMIC_RELAXED);
}
