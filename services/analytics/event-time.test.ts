import { describe, expect, it } from '@jest/globals';
import type { LogRecord } from '../../brokers/event-log.ts';
import { DISORDER_MS, type Progress, sortRecords, watermarkOf, WINDOW_MS } from './event-time.ts';

/** Midnight of a day long ago: everything was received much later, unless a test says otherwise. */
const DAY = Date.UTC(2019, 9, 1);
const RECEIVED = Date.UTC(2026, 0, 1);
const at = (seconds: number) => DAY + seconds * 1_000;

const fresh: readonly Progress[] = [
  { next: 0, time: undefined },
  { next: 0, time: undefined },
];
const reached = (...seconds: readonly number[]): Progress[] => seconds.map((second) => ({ next: 0, time: at(second) }));

function record(partition: number, offset: number, data: object, appendedAt = RECEIVED): LogRecord {
  return { topic: 'ecom-raw-events', partition, offset, key: 'k', id: 'i', source: 's', time: 0, appendedAt, data };
}
const event = (seconds: number, more: object = {}) => ({
  event_id: 'e',
  user_id: 'u',
  product_id: 'p',
  event_type: 'view',
  timestamp: new Date(at(seconds)).toISOString(),
  ...more,
});
const flush = (seconds: number) => ({ type: 'flush', until: new Date(at(seconds)).toISOString() });
const heartbeat = (seconds: number) => ({ type: 'heartbeat', at: new Date(at(seconds)).toISOString() });

describe('a window', () => {
  it('begins with its first millisecond and ends before the first one of the next', () => {
    const seconds = [0, 59.999, 60, 119.999, 120];
    const { placed } = sortRecords(
      fresh,
      seconds.map((second, i) => record(0, i, event(second))),
    );
    expect(placed.map(({ windowStart }) => (windowStart - DAY) / WINDOW_MS)).toEqual([0, 0, 1, 1, 2]);
  });

  it('of a device that is ahead is that of the receipt', () => {
    const { placed, progress } = sortRecords(fresh, [record(0, 0, event(90), at(50))]);
    expect(placed).toMatchObject([{ windowStart: at(0) }]);
    expect(progress[0]?.time).toBe(at(50) - DISORDER_MS);
  });
});

describe('time', () => {
  it('of a partition is its newest event less the usual disorder, and never goes back', () => {
    const { progress } = sortRecords(fresh, [record(0, 0, event(100)), record(0, 1, event(30))]);
    expect(progress).toEqual([
      { next: 2, time: at(90) },
      { next: 0, time: undefined },
    ]);
  });

  it('is that of the slowest partition; one that has seen nothing holds it back', () => {
    expect(watermarkOf(reached(300, 40, 200))).toBe(at(40));
    expect(watermarkOf([...reached(300), { next: 0, time: undefined }])).toBeUndefined();
  });

  it('moves by flushes to what they say, and by heartbeats to that less the usual disorder', () => {
    const marks = [record(0, 0, flush(100)), record(1, 0, heartbeat(100)), record(1, 1, flush(20))];
    expect(sortRecords(fresh, marks).progress.map(({ time }) => time)).toEqual([at(100), at(90)]);
  });

  it('does not move by marks that are unknown here', () => {
    const { progress, accepted } = sortRecords(reached(5, 5), [record(0, 0, { type: 'rest', at: new Date(at(90)) })]);
    expect([progress[0], accepted]).toEqual([{ next: 1, time: at(5) }, 0]);
  });
});

describe('an event', () => {
  it('is late once the watermark has reached the end of its window, not before', () => {
    const one = [record(0, 0, event(59))];
    expect(sortRecords(reached(59.999, 500), one)).toMatchObject({ late: 0, placed: [{}] });
    expect(sortRecords(reached(60, 500), one)).toMatchObject({ late: 1, placed: [] });
    expect(sortRecords(reached(500, 59), one)).toMatchObject({ late: 0 });
  });

  it('is judged at its turn: a mark before it in the same batch counts', () => {
    const { late, placed } = sortRecords(reached(0, 500), [
      record(0, 0, event(1)),
      record(0, 1, flush(60)),
      record(0, 2, event(2)),
    ]);
    expect([late, placed.length]).toEqual([1, 1]);
  });

  it('at most 10 s behind its partition is never late', () => {
    const { late, placed } = sortRecords(reached(0, 500), [record(0, 0, event(69.999)), record(0, 1, event(59.999))]);
    expect([late, placed.length]).toEqual([0, 2]);
  });

  it('that was taken before is left out', () => {
    const before = [{ next: 2, time: at(0) }, ...reached(0)];
    const { progress, accepted } = sortRecords(before, [
      record(0, 1, event(1)),
      record(0, 2, event(2)),
      record(0, 2, event(2)),
    ]);
    expect([progress[0]?.next, accepted]).toEqual([3, 1]);
  });

  it.each([
    { timestamp: 'yesterday' },
    { timestamp: 12 },
    { user_id: undefined },
    { product_id: 7 },
    { event_id: null },
    { product_id: 'a\0' },
    { product_id: 'a'.repeat(257) },
  ])('without sense is counted and moves nothing: %j', (more) => {
    const { progress, accepted, malformed, placed } = sortRecords(fresh, [record(0, 0, event(5, more))]);
    expect([progress[0], accepted, malformed, placed]).toEqual([{ next: 1, time: undefined }, 1, 1, []]);
  });
});
