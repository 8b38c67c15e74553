// How often callers may call, where it is limited: told before it is reached, and refused with when to come back.

import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Answer, startTestShop, type TestShop } from '../infra/local/shop.fixture.ts';

let shop: TestShop;
beforeAll(async () => {
  shop = await startTestShop({ settings: { rateLimits: 'on' } });
});
afterAll(() => shop?.stop());

it('guessing passwords ends soon, whatever address is claimed; other calls go on', async () => {
  const guess = (headers: Readonly<Record<string, string>>) =>
    shop.call('POST /api/v1/auth/login', { headers, body: { email: 'admin@shop.example', password: 'guess' } });
  const answers: Answer[] = [];
  for (let i = 0; i < 40 && answers.at(-1)?.status !== 429; i++) {
    answers.push(await guess({ 'X-Forwarded-For': `10.0.0.${i}`, Forwarded: `for=10.0.0.${i}` }));
  }
  const last = answers.at(-1) as Answer;
  expect(last).toMatchObject({ status: 429, body: { code: 'too-many-requests' } });
  expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
  for (const { status } of answers.slice(0, -1)) expect(status).toBe(401);
  const { status, headers } = await shop.call('GET /api/v1/customers/me', { token: shop.staff.token });
  expect(status).toBe(200);
  expect(headers.get('ratelimit-policy')).toMatch(/^"\w+";q=\d+;w=\d+$/);
  expect(headers.get('ratelimit')).toMatch(/^"\w+";r=\d+;t=\d+$/);
});
