// Webhooks as they should not be: ten times the same, overtaken by later ones, forged, or signed too long ago. The true one is sent as
// well, so that nothing is lost by it; it is the shop that has to tell them apart.

import type { Conduct, WrongWebhook } from './misbehaviour.ts';
import type { Webhook } from './rows.ts';

const REPEATS = 10;
/** Longest wait of a webhook that others may overtake, in milliseconds. */
const OVERTAKEN_MS = 1_500;
/** Beyond what a shop takes for fresh, in seconds. */
const STALE_S = { least: 301, most: 7_200 };
/** No shop knows it. */
const FORGERS_SECRET = 'whsec_of_somebody_else';

export interface Post {
  /** Sends a body; resolves with the status, 0 if there was no answer. */
  (body: string, signed?: { readonly at?: number; readonly keys?: readonly string[] }): Promise<number>;
}

/** How long a webhook waits, so that later ones overtake it, in milliseconds. */
export const overtakenMs = (id: string): number => Math.round(spread(id) * OVERTAKEN_MS);

const nowS = () => Math.floor(Date.now() / 1_000);

/** Sends a webhook, and what is wrong beside it; resolves with the status of the true one. */
export async function deliverWrongly(
  kind: Exclude<WrongWebhook, 'webhook-reordered'> | undefined,
  { body, id }: Webhook,
  post: Post,
  conduct: Conduct,
): Promise<number> {
  const answered = conduct.counting();
  switch (kind) {
    case undefined:
      return await post(body);
    case 'webhook-repeated': {
      const statuses = await Promise.all(Array.from({ length: REPEATS }, () => post(body)));
      for (const status of statuses) answered(status);
      return Math.min(...statuses.map((status) => (status === 0 ? 599 : status)));
    }
    case 'webhook-forged':
      answered(await post(opposite(body), { keys: [FORGERS_SECRET] }));
      return await post(body);
    case 'webhook-stale': {
      const age = Math.round(STALE_S.least + spread(id) * (STALE_S.most - STALE_S.least));
      answered(await post(body, { at: nowS() - age }));
      return await post(body);
    }
  }
}

/** What would harm the shop most if it believed it: a decline that was a success, a success that was none. */
export function opposite(body: string): string {
  const event = JSON.parse(body) as Record<string, unknown> & { type: string };
  const type = event.type === 'charge.succeeded' ? 'charge.declined' : 'charge.succeeded';
  return JSON.stringify({ ...event, id: `${String(event['id'])}f`, type, reason: 'forged' });
}

/** From 0 to 1, by the id: neighbours lie far apart. */
function spread(id: string): number {
  const number = Number(/\d+$/.exec(id)?.[0] ?? 0);
  return (number * 0.618_033_988_75) % 1;
}
