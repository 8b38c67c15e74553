// What the provider makes of a file that tells it to misbehave: one that is no wish, and one that was forgotten.
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { type Conduct, followWishes, misbehaved, type Misbehaviour, tellProvider } from './misbehaviour.ts';

const HOUR_MS = 3_600_000;

let dir: string;
let conducts: Conduct[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'souk-conduct-'));
});
afterEach(() => {
  jest.restoreAllMocks();
  for (const conduct of conducts) conduct.stop();
  conducts = [];
  rmSync(dir, { recursive: true });
});

const file = () => join(dir, 'misbehaviour.json');
const wish = (more: Partial<Misbehaviour> = {}): Misbehaviour => ({
  id: 'w',
  kind: 'silent',
  share: 1,
  slowMs: 0,
  seed: 1,
  until: Date.now() + HOUR_MS / 2,
  ...more,
});

/** As after a start. */
function follow(): Conduct {
  const conduct = followWishes(dir);
  conducts.push(conduct);
  return conduct;
}

it.each(['null', '7', '"silent"', '[]', '{}'])('a file that holds %s is no wish, and it says so', (content) => {
  const said = jest.spyOn(console, 'error').mockReturnValue();
  writeFileSync(file(), content);
  expect(follow().ofCall()).toBeUndefined();
  expect(said).toHaveBeenCalledWith(expect.stringContaining('not understood'));
});

it('one that lasts is taken up at every start', () => {
  tellProvider(dir, wish());
  expect(follow().ofCall()).toBe('silent');
  expect(follow().ofCall()).toBe('silent');
});

it('a forgotten one lasts an hour from when it was told, however often the provider starts, and is taken away', () => {
  tellProvider(dir, wish({ until: Date.now() + 100 * HOUR_MS }));
  expect(follow().ofCall()).toBe('silent');
  const longAgo = (Date.now() - 1.1 * HOUR_MS) / 1_000;
  utimesSync(file(), longAgo, longAgo);
  expect(follow().ofCall()).toBeUndefined();
  expect(existsSync(file())).toBe(false);
  expect(misbehaved(dir)?.isOver).toBe(true);
});

it('one that is over is taken away', () => {
  tellProvider(dir, wish({ until: Date.now() - 1 }));
  expect(follow().ofCall()).toBeUndefined();
  expect(existsSync(file())).toBe(false);
});
