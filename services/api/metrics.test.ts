import { expect, it } from '@jest/globals';
import { createMetrics } from './metrics.ts';

it('metrics are counted by route and status, and cumulate in the histogram', () => {
  const metrics = createMetrics();
  const place = metrics.of({ method: 'POST', path: '/api/v1/orders' });
  metrics.of({ method: 'GET', path: '/never-called' });
  place.observe(201, 0.003);
  place.observe(201, 0.02);
  place.observe(409, 60);
  const lines = metrics.text().split('\n');
  const labels = 'method="POST",route="/api/v1/orders"';
  expect(lines).toEqual(
    expect.arrayContaining([
      `souk_http_requests_total{${labels},status="201"} 2`,
      `souk_http_requests_total{${labels},status="409"} 1`,
      `souk_http_request_duration_seconds_bucket{${labels},le="0.0025"} 0`,
      `souk_http_request_duration_seconds_bucket{${labels},le="0.005"} 1`,
      `souk_http_request_duration_seconds_bucket{${labels},le="10"} 2`,
      `souk_http_request_duration_seconds_bucket{${labels},le="+Inf"} 3`,
      `souk_http_request_duration_seconds_sum{${labels}} 60.023`,
      `souk_http_request_duration_seconds_count{${labels}} 3`,
    ]),
  );
  expect(metrics.text()).not.toContain('never-called');
});
