/*
 * The admin listener: /healthz and /metrics, for the operator's own net.
 */
#ifndef WEBD_ADMIN_H
#define WEBD_ADMIN_H

#include "webd/app.h"

/* 200 "ok" while events can be recorded and the store answers; else 503 with what is
 * wrong, one a line.  Clicks are redirected either way. */
route_handler admin_healthz;
/* The metrics of all daemons (lib/metrics.h), as Prometheus' text format. */
route_handler admin_metrics;

#endif
