// Query strings: every parameter once, percent-encoded UTF-8, nothing nested. A parameter that is repeated or cannot be
// decoded is refused, because whoever sent it meant something that would not happen.

import { Problem } from '../../brokers/problem.ts';

/** Parameters that are looked at; more than any call has. */
const PARAMETERS_MAX = 50;

/**
 * Splits the target of a request.
 * @throws Problem `malformed-request` or `invalid-request`
 */
export function parseQuery(target: string): Record<string, unknown> {
  // Without a prototype, so that no name means anything but itself.
  const query = Object.create(null) as Record<string, unknown>;
  const start = target.indexOf('?');
  if (start === -1) return query;
  const pairs = target.slice(start + 1).split('&', PARAMETERS_MAX);
  for (const pair of pairs) {
    if (pair === '') continue;
    const split = pair.indexOf('=');
    const name = decode(split === -1 ? pair : pair.slice(0, split));
    if (Object.hasOwn(query, name)) {
      const detail = 'is given more than once';
      throw new Problem('invalid-request', `?${name.slice(0, 100)} ${detail}`, [
        { pointer: `?${name.slice(0, 100)}`, code: 'repeated', detail },
      ]);
    }
    query[name] = split === -1 ? '' : decode(pair.slice(split + 1));
  }
  return query;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new Problem('malformed-utf8', 'the query is not percent-encoded UTF-8');
  }
}
