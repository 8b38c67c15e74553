import { describe, expect, it } from '@jest/globals';
import type { Json } from '../history/operation.ts';
import { type Plant, planted, storyOf, wrongs } from './evidence.testing.ts';
import { checkWindows } from './windows.ts';

const NOON = Date.parse('2026-03-01T12:00:00.000Z');
const iso = (seconds: number) => new Date(NOON + seconds * 1_000).toISOString();

interface Event {
  readonly event_id?: string;
  readonly user_id: string;
  readonly product_id: string;
  readonly event_type: string;
  readonly timestamp: string;
}

const view = (id: string, user_id: string, seconds: number, product_id = 'cup'): Event => ({
  event_id: id,
  user_id,
  product_id,
  event_type: 'view',
  timestamp: iso(seconds),
});

/** Events that clients sent and that all lie in the log, in this order; each is received when it happens. */
function told(events: readonly Event[], windows: readonly Json[], more: Json = {}) {
  const story = storyOf();
  for (const event of events) {
    const sent = {
      kind: 'send-event',
      principal: 'guest',
      method: 'POST',
      path: '/api/v1/events',
      body: event,
    } as const;
    story.operation(sent, { status: 202, answer: { accepted: 1, rejected: [] } });
  }
  return planted(story.evidence(), ({ books }) => {
    books.topics = events.map((event, offset) => recordOf(event, offset));
    books.windows = [...windows];
    Object.assign(books, more);
  });
}

const recordOf = (event: Event, offset: number, partition = 0): Json => ({
  topic: 'ecom-raw-events',
  partition,
  offset,
  key: event.product_id,
  id: event.event_id,
  time: Date.parse(event.timestamp),
  appendedAt: Date.parse(event.timestamp),
  data: event,
});

const window = (seconds: number, uniqueUsers: number, eventCount: number, productId = 'cup') => ({
  productId,
  from: NOON + seconds * 1_000,
  uniqueUsers,
  eventCount,
});

const sound = () =>
  told(
    [view('1', 'ann', 0), view('2', 'bob', 30), view('3', 'ann', 31), view('4', 'ann', 61), view('5', 'eve', 55)],
    [window(0, 3, 4), window(60, 1, 1)],
  );

describe('I14', () => {
  it('holds when every event is in its window', () => {
    const findings = checkWindows(sound());
    expect(wrongs(findings)).toEqual([]);
    expect(findings.map(({ looked }) => looked)).toEqual([5, 2, 5, 0]);
  });

  it.each<[string, Plant, string]>([
    [
      'an event that is counted nowhere',
      ({ books }) => void ((books.windows[0] as Json).eventCount = 3),
      '3 events are counted, the log has 4',
    ],
    [
      'an event that is counted twice',
      ({ books }) => void ((books.windows[1] as Json).eventCount = 2),
      '2 events are counted, the log has 1',
    ],
    [
      'a user who is counted twice',
      ({ books }) => void ((books.windows[0] as Json).uniqueUsers = 4),
      '4 users are counted, the log has 3',
    ],
    ['a window that is missing', ({ books }) => void books.windows.pop(), '0 events are counted, the log has 1'],
    [
      'an event in a wrong window',
      ({ books }) => void ((books.windows[1] as Json).from += 60_000),
      '1 events are counted, the log has 0',
    ],
    [
      'an accepted event that is not in the log',
      ({ books }) => void books.topics.pop(),
      'the event cup 5 was answered with 202, but is not in the log',
    ],
    [
      'an event that nobody accounts for',
      ({ books }) => void ((books.windows[0] as Json).eventCount = 3),
      '5 events were accepted, but 4 are counted, 0 late and 0 malformed',
    ],
    [
      'more than anybody sent',
      ({ books }) => void ((books.uncounted as Json).late = 1),
      '5 events were accepted and 0 more may have been, but 5 are counted, 1 late and 0 malformed',
    ],
  ])('sees %s', (_, plant, sentence) => {
    expect(wrongs(checkWindows(planted(sound(), plant))).join('\n')).toContain(sentence);
  });

  it('demands an event that is ten seconds behind, and bears that one further behind is late', () => {
    const events = [view('1', 'ann', 69.999), view('2', 'bob', 59.999), view('3', 'ann', 71), view('4', 'eve', 59)];
    const uncounted = { late: 1, malformed: 0 };
    expect(wrongs(checkWindows(told(events, [window(0, 1, 1), window(60, 1, 2)], { uncounted })))).toEqual([]);
    expect(wrongs(checkWindows(told(events, [window(0, 2, 2), window(60, 1, 2)])))).toEqual([]);
    expect(wrongs(checkWindows(told(events, [window(60, 1, 2)], { uncounted: { late: 2, malformed: 0 } })))).toEqual([
      'I14: cup at 2026-03-01T12:00:00.000Z: 0 events are counted, the log has from 1 to 2',
    ]);
  });

  it('knows marks, and the time that a partition had before the run', () => {
    const events = [view('1', 'ann', 5)];
    const uncounted = { late: 1, malformed: 0 };
    const flushed = planted(told(events, [], { uncounted }), ({ books }) => {
      const data = { type: 'flush', until: iso(60) } as unknown as Event;
      (books.topics as Json[]).unshift({ ...recordOf(events[0] as Event, 0), id: 'flush', data });
    });
    expect(wrongs(checkWindows(flushed))).toEqual([]);
    expect(wrongs(checkWindows(told(events, [], { uncounted, eventTimes: { 0: NOON + 60_000 } })))).toEqual([]);
    expect(wrongs(checkWindows(told(events, [], { uncounted, eventTimes: { 1: NOON + 60_000 } })))).toHaveLength(1);
  });

  it('counts an id once per product, and an event that is ahead of the log at its receipt', () => {
    const ahead = view('2', 'bob', 61);
    const repeated = planted(told([view('1', 'ann', 1), ahead], [window(0, 2, 2)]), ({ books }) => {
      (books.topics[1] as Json).appendedAt = NOON + 59_999;
      (books.topics as Json[]).push(recordOf(view('1', 'ann', 1), 2));
    });
    expect(wrongs(checkWindows(repeated))).toEqual([]);
  });

  it('bears that events in requests without an answer count or not', () => {
    const lost = planted(sound(), ({ history, books }) => {
      const [operation] = history as Json[];
      operation.ending = { endedAt: operation.at + 5, outcome: 'unknown', status: 503 };
      books.topics.push(recordOf(view('6', 'eve', 2, 'pot'), 5));
      books.windows.push(window(0, 1, 1, 'pot'));
    });
    expect(wrongs(checkWindows(lost))).toEqual([
      'I14: 4 events were accepted and 1 more may have been, but 6 are counted, 0 late and 0 malformed',
    ]);
    expect(wrongs(checkWindows(planted(lost, ({ books }) => void (books.topics.pop(), books.windows.pop()))))).toEqual(
      [],
    );
  });

  it('sees a window that was shown otherwise than it is kept', () => {
    const story = storyOf();
    const item = { productId: 'cup', windowStart: iso(0), windowEnd: iso(60), uniqueUserCount: 2, eventCount: 3 };
    const path = '/api/v1/analytics/products/cup';
    story.operation(
      { kind: 'read-windows', principal: 'guest', method: 'GET', path },
      { status: 200, answer: { items: [item] } },
    );
    const shown = (windows: readonly Json[]) => {
      const evidence = planted(story.evidence(), ({ books }) => {
        books.topics = [view('1', 'a', 1), view('2', 'b', 1), view('3', 'b', 1)].map((event, i) => recordOf(event, i));
        books.windows = [...windows];
      });
      return wrongs(checkWindows(evidence).slice(3));
    };
    expect(shown([window(0, 2, 3)])).toEqual([]);
    expect(shown([window(0, 2, 4)])).toEqual([
      `I14: cup at ${iso(0)}: 3 events of 2 users were shown, 4 of 2 are kept`,
    ]);
    expect(shown([{ ...window(0, 2, 3), isOpen: true }])).toHaveLength(1);
    expect(shown([])).toEqual([`I14: cup at ${iso(0)}: 3 events of 2 users were shown, none is kept`]);
  });

  it('says when there was nothing to look at', () => {
    expect(checkWindows(storyOf().evidence()).map(({ looked }) => looked)).toEqual([0, 0, 0, 0]);
  });
});
