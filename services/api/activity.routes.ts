// User activity and its analytics, and what operators ask the gateway itself.

import { documentedEvents, events, flush, windowLimit } from './requests.schemas.ts';
import { route } from './route.ts';

export const activityRoutes = [
  route('POST /api/v1/events', {
    action: 'activity.append',
    summary: 'Report user activity',
    who: 'public',
    kind: 'events',
    body: events,
    documentedBody: documentedEvents,
    statuses: [202],
    answer: 'EventsReport',
    idempotent: true,
    lookup: 'activity.answered',
  }),
  route('POST /api/v1/events/flush', {
    action: 'activity.flush',
    summary: 'Let event time pass',
    who: 'staff',
    body: flush,
    statuses: [204],
    idempotent: true,
  }),
  route('GET /api/v1/analytics/products/{id}', {
    action: 'analytics.windows',
    summary: 'Unique users of a product by minute, newest first',
    who: 'public',
    query: windowLimit,
    answer: 'Windows',
  }),
];

export const operationRoutes = [
  route('GET /health/live', {
    action: 'api.live',
    summary: 'The process answers',
    who: 'public',
    answer: 'Live',
    allowance: 'none',
  }),
  route('GET /health/ready', {
    action: 'api.ready',
    summary: 'An order would be taken',
    who: 'public',
    answer: 'Ready',
    allowance: 'none',
  }),
  route('GET /openapi.json', {
    action: 'api.openapi',
    summary: 'This document',
    who: 'public',
    answer: 'Document',
    allowance: 'none',
  }),
  route('GET /metrics', {
    action: 'api.metrics',
    summary: 'Counts and durations in the Prometheus text format',
    who: 'public',
    kind: 'export',
    allowance: 'none',
  }),
];
