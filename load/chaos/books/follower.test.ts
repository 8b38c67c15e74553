// Who had done something before the run is asked once, patiently; looks ask only for what has changed.

import { expect, it } from '@jest/globals';
import type { Ask, BookRow } from './book-database.ts';
import { createFollower } from './follower.ts';

const SINCE = 1_000;

/** Tables of one context: actors, and those of them that are older. Tells what it was asked. */
function tables(actors: Record<string, number>, older: readonly string[]) {
  const asked: string[] = [];
  const ask: Ask = async (text, values = []): Promise<readonly BookRow[]> => {
    asked.push(text);
    if (text.includes('.inbox')) return older.map((actor_id) => ({ actor_id }));
    const wanted = values[0] === undefined ? Object.keys(actors) : (JSON.parse(values[0] as string) as string[]);
    return wanted.map((id) => ({ id, version: actors[id], state: JSON.stringify({ of: id }) }));
  };
  return { ask, asked };
}

it('follows what had done nothing before, and takes in only what has changed', async () => {
  const actors: Record<string, number> = { old: 7, new: 1 };
  const { ask } = tables(actors, ['old']);
  const follower = createFollower<{ of: string }>('orders', SINCE);
  await follower.begin(ask);
  expect(await follower.follow(ask)).toEqual(['new']);
  expect(follower.states.get('new')).toEqual({ of: 'new' });
  expect(follower.states.has('old')).toBe(false);
  expect(await follower.follow(ask)).toEqual([]);
  actors['old'] = 8;
  actors['another'] = 1;
  expect(await follower.follow(ask)).toEqual(['another']);
});

it('asks who is older once, and never as a part of a look', async () => {
  const patient = tables({}, ['old']);
  const look = tables({ old: 1, new: 1 }, []);
  const follower = createFollower('payments', SINCE);
  await expect(follower.follow(look.ask)).rejects.toThrow('nobody has asked yet who of payments is older');
  const away: Ask = () => Promise.reject(new Error('the server is away'));
  await expect(follower.begin(away)).rejects.toThrow('away');
  await follower.begin(patient.ask);
  await follower.begin(patient.ask);
  await follower.follow(look.ask);
  await follower.follow(look.ask);
  expect(patient.asked).toHaveLength(1);
  expect(look.asked.filter((text) => text.includes('.inbox'))).toEqual([]);
});
