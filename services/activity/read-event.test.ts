import { describe, expect, it } from '@jest/globals';
import { flushUntil } from './marks.ts';
import { AHEAD_MAX_MS, METADATA_MAX, siftEvents, TEXT_MAX } from './read-event.ts';

const NOW = Date.UTC(2026, 0, 31, 12);
const iso = (ms: number) => new Date(ms).toISOString();
const view = { user_id: 'u', product_id: 'p', event_type: 'view', timestamp: '2026-01-31T11:59:59Z' };
const sift = (...events: unknown[]) => siftEvents(events, 'command', NOW);
const nested = (depth: number): object => (depth === 1 ? {} : { a: nested(depth - 1) });

describe('an event is taken', () => {
  it('as it is, with its time in UTC and an id', () => {
    const { taken, rejected } = sift({ ...view, timestamp: '2026-01-31T13:59:59.5+02:00', metadata: { price: 1.5 } });
    expect(rejected).toEqual([]);
    expect(taken).toEqual([
      { ...view, timestamp: '2026-01-31T11:59:59.500Z', metadata: { price: 1.5 }, event_id: expect.any(String) },
    ]);
  });

  it('under its own id, or under one that a repeat of the request gives it again', () => {
    const ids = (command: string) =>
      siftEvents([view, 'no event', view, { ...view, event_id: 'mine' }], command, NOW).taken.map(
        ({ event_id }) => event_id,
      );
    expect(ids('a')).toEqual(ids('a'));
    expect(new Set([...ids('a'), ...ids('b')]).size).toBe(5);
    expect(ids('a')[2]).toBe('mine');
  });

  it.each([
    { timestamp: '1970-01-01T00:00:00Z' },
    { timestamp: iso(NOW + AHEAD_MAX_MS) },
    { timestamp: '2024-02-29T23:59:59.999999999-12:00' },
    { event_type: 'VIEW_PRODUCT anything' },
    { user_id: '😀'.repeat(TEXT_MAX) },
    { metadata: {} },
    { metadata: nested(METADATA_MAX.depth) },
  ])('with %j', (more) => {
    expect(sift({ ...view, ...more }).rejected).toEqual([]);
  });
});

describe('an event is rejected', () => {
  it.each<[unknown, string, string | undefined]>([
    [null, 'wrong-type', undefined],
    [[], 'wrong-type', undefined],
    ['view', 'wrong-type', undefined],
    [{ ...view, colour: 'red' }, 'unknown-field', 'colour'],
    [{ ...view, user_id: undefined }, 'required', 'user_id'],
    [{ ...view, timestamp: undefined }, 'required', 'timestamp'],
    [{ ...view, product_id: 42 }, 'wrong-type', 'product_id'],
    [{ ...view, event_type: '' }, 'wrong-length', 'event_type'],
    [{ ...view, user_id: 'u'.repeat(TEXT_MAX + 1) }, 'wrong-length', 'user_id'],
    [{ ...view, user_id: 'a\0b' }, 'null-character', 'user_id'],
    [{ ...view, user_id: '\ud800' }, 'lone-surrogate', 'user_id'],
    [{ ...view, event_id: null }, 'wrong-type', 'event_id'],
    [{ ...view, timestamp: NOW }, 'wrong-type', 'timestamp'],
    [{ ...view, timestamp: '2026-01-31' }, 'wrong-format', 'timestamp'],
    [{ ...view, timestamp: '2026-01-31T11:59:59' }, 'wrong-format', 'timestamp'],
    [{ ...view, timestamp: '2026-02-31T11:59:59Z' }, 'wrong-format', 'timestamp'],
    [{ ...view, timestamp: '2025-02-29T11:59:59Z' }, 'wrong-format', 'timestamp'],
    [{ ...view, timestamp: '2026-01-31T25:00:00Z' }, 'wrong-format', 'timestamp'],
    [{ ...view, timestamp: '1969-12-31T23:59:59Z' }, 'out-of-range', 'timestamp'],
    [{ ...view, timestamp: iso(NOW + AHEAD_MAX_MS + 1) }, 'out-of-range', 'timestamp'],
    [{ ...view, metadata: [] }, 'wrong-type', 'metadata'],
    [{ ...view, metadata: nested(METADATA_MAX.depth + 1) }, 'too-deep', 'metadata'],
    [{ ...view, metadata: { a: 'x'.repeat(METADATA_MAX.characters) } }, 'wrong-length', 'metadata'],
    [{ ...view, metadata: { a: [{ b: '\0' }] } }, 'null-character', 'metadata'],
    [{ ...view, metadata: { '\0': 1 } }, 'null-character', 'metadata'],
  ])('%j: %s', (event, code, field) => {
    const { taken, rejected } = sift(view, event);
    expect(taken).toHaveLength(1);
    expect(rejected).toEqual([
      { index: 1, code, detail: expect.any(String), ...(field === undefined ? {} : { field }) },
    ]);
  });
});

describe('a flush', () => {
  it('goes as far as it says, but not beyond this minute', () => {
    const nextMinute = NOW + 60_000;
    expect(flushUntil(NOW - 1, NOW)).toBe(NOW - 1);
    expect(flushUntil(nextMinute, NOW + 30_000)).toBe(nextMinute);
    expect(flushUntil(NOW + 1e12, NOW)).toBe(nextMinute);
  });
});
