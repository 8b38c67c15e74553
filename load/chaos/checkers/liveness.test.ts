import { describe, expect, it } from '@jest/globals';
import type { Sample } from '../books/books.ts';
import type { FaultRecord } from '../faults/fault.ts';
import type { Json } from '../history/operation.ts';
import type { Evidence } from './checker.ts';
import { type Mutable, type Plant, planted, storyOf, wrongs } from './evidence.testing.ts';
import { checkLiveness } from './liveness.ts';

const MINUTE = 60_000;

/** Two orders, one of which is given back; and a look a second, in which all is well. */
function sound() {
  const story = storyOf();
  const cup = story.product();
  const order = story.place('ada', [[cup, 2]]);
  story.place('bob', [[cup, 1]]);
  story.settle();
  story.refund(order);
  story.settle();
  const { from } = story.evidence();
  return planted(story.evidence({ to: from + 2 * MINUTE }), ({ books }) => {
    books.at = from + 3 * MINUTE;
    books.samples = Array.from({ length: 120 }, (_, second) => look(from + second * 1_000));
    for (let n = 0; n < MESSAGES; n++) books.contexts.orders?.outbox.push(row(from + (n * 2 * MINUTE) / MESSAGES));
  });
}

/** Messages of the run beside those of its orders. */
const MESSAGES = 15_000;
/** More than one of a hundred. */
const LATE = 200;
const row = (storedAt: number): Json => ({
  seq: storedAt,
  messageId: String(storedAt),
  kind: 'send',
  target: 'stock',
  sender: 'o',
  key: 'main',
  storedAt,
  sentAt: storedAt + 20,
});

const look = (at: number, ms = 20): Mutable<Sample> => ({
  at,
  balances: [],
  money: [],
  outboxLag: { orders: ms, users: 0 },
});

/** A fault from one second of the run to another. */
const fault = ({ from }: Mutable<Evidence>, begin: number, end: number, more: Partial<FaultRecord> = {}): Json => {
  return {
    kind: 'kill',
    target: 'orders-1',
    from: from + begin * 1_000,
    to: from + end * 1_000,
    evidence: [],
    ...more,
  };
};

const entry = (evidence: Mutable<Evidence>, context: 'orders' | 'inventory', type: string): Json =>
  evidence.books.contexts[context]?.journal.find((each) => each.type === type);
/** Only looks outside of these seconds. */
const lagging = (evidence: Mutable<Evidence>, first: number, last: number, ms: number): void => {
  for (const sample of evidence.books.samples.slice(first, last + 1)) sample.outboxLag = { orders: 3, payments: ms };
};

describe('liveness', () => {
  it('is found in a shop that settles everything', () => {
    const evidence = sound();
    const findings = checkLiveness(evidence);
    expect(wrongs(findings)).toEqual([]);
    const messages = Object.entries(evidence.books.contexts).flatMap(([context, { outbox }]) =>
      outbox.filter(({ kind }) => context !== 'payments' || kind !== 'perform'),
    );
    expect(findings.map(({ invariant, looked }) => [invariant, looked])).toEqual([
      ['L1', 3],
      ['L2', 2],
      ['L3', messages.length],
      ['L3', 0],
      ['L4', 3],
      ['L6', 0],
    ]);
  });

  it.each<[string, Plant, string | RegExp]>([
    [
      'an order that waits for ever',
      ({ books }) => void ((books.orders[0] as Json).state.status = 'AWAITING_PAYMENT'),
      'is still AWAITING_PAYMENT',
    ],
    [
      'an order that was settled too late',
      (copy) => void (entry(copy, 'orders', 'Paid').at += 80_000 + 2_000),
      /L1: order \S+ was Paid 2\.\d s too late/,
    ],
    [
      'an order that was settled too late after a fault',
      (copy) => {
        (copy.faults as Json[]).push(fault(copy, 20, 50));
        entry(copy, 'orders', 'Paid').at = copy.from + 111_000;
      },
      'was Paid 1.0 s too late',
    ],
    [
      'a refund that nobody confirmed',
      ({ books }) => {
        const { state } = books.orders.find((order) => Object.keys(order.state.refunds).length > 0) as Json;
        for (const refund of Object.values<Json>(state.refunds)) refund.confirmed = false;
      },
      'is still not confirmed',
    ],
    [
      'a refund that was confirmed too late',
      (copy) => void (entry(copy, 'orders', 'Refunded').at += 70_000),
      /refund \S+ of order \S+ was confirmed (9|10)\.\d s too late/,
    ],
    [
      'pieces that are held for ever',
      ({ books }) => {
        const { journal } = books.contexts.inventory as Json;
        journal.splice(
          journal.findIndex(({ type }: Json) => type === 'Committed'),
          1,
        );
      },
      /L2: main held the pieces of order \S+ 1\d\d\.\d s too long, and still does/,
    ],
    [
      'pieces that were held too long',
      (copy) => void (entry(copy, 'inventory', 'Committed').at += 55_000),
      /held the pieces of order \S+ 5\.\d s too long$/m,
    ],
    [
      'pieces held for no order',
      ({ books }) => {
        const { journal } = books.contexts.inventory as Json;
        journal.push({
          ...journal.find(({ type }: Json) => type === 'Reserved'),
          data: { orderId: 'ghost', lines: [] },
        });
      },
      'main holds pieces for ghost, which is no order',
    ],
    [
      'a reservation without a movement',
      ({ books }) => {
        const held = { kind: 'reservation', status: 'reserved', lines: [] } as const;
        books.stock.push({ partition: 'main', key: 'reservation:ghost', row: { ...held, lines: [] } });
      },
      'main holds pieces for ghost, and no movement says why',
    ],
    [
      'an outbox that lags in health',
      ({ books }) => {
        for (const message of books.contexts.orders?.outbox.slice(-LATE) ?? [])
          message.sentAt = message.storedAt + 2_500;
      },
      /200 of 150\d\d took longer; orders had one for 2\.5 s/,
    ],
    [
      'an outbox from which a message never leaves',
      ({ books }) => {
        for (const message of books.contexts.orders?.outbox.slice(-LATE) ?? []) delete message.sentAt;
      },
      /200 of 150\d\d took longer/,
    ],
    [
      'an outbox that is not drained after a fault',
      (copy) => {
        (copy.faults as Json[]).push(fault(copy, 10, 20));
        lagging(copy, 11, 60, 4_000);
      },
      '31.0 s after kill of orders-1 a message of payments was 4.0 s old',
    ],
    ['a group that is stuck', ({ books }) => void ((books.positions[0] as Json).next -= 1), 'is at 1 of 2 in '],
    ['a shop that never rests', (copy) => void delete copy.quietAt, 'the shop never came to rest after the run'],
    [
      'memory that grows',
      (copy) => {
        copy.books.samples = [10, 60, 61, 62].map((minute) => {
          return { ...look(copy.from + minute * MINUTE), memory: { '7 node': minute === 10 ? 1e9 : 1.21e9 } };
        });
      },
      'L6: 954 MB after ten minutes, 1154 MB after an hour',
    ],
    [
      'a process that grows among others',
      (copy) => {
        copy.books.samples = [10, 60, 61, 62].map((minute) => {
          const leak = minute === 10 ? 1e8 : 1.8e8;
          return { ...look(copy.from + minute * MINUTE), memory: { '7 node': 1e9, '8 node': leak } };
        });
      },
      'L6: process 8 node: 95 MB after ten minutes, 172 MB after an hour',
    ],
  ])('is missed by %s', (_, plant, sentence) => {
    const found = wrongs(checkLiveness(planted(sound(), plant))).join('\n');
    if (typeof sentence === 'string') expect(found).toContain(sentence);
    else expect(found).toMatch(sentence);
  });

  it('waits for what a fault holds up', () => {
    const held = planted(sound(), (copy) => {
      (copy.faults as Json[]).push(fault(copy, 15, 49));
      entry(copy, 'orders', 'Paid').at = copy.from + 108_000;
      entry(copy, 'inventory', 'Committed').at = copy.from + 78_000;
      lagging(copy, 16, 79, 30_000);
      lagging(copy, 77, 79, 100);
    });
    const findings = checkLiveness(held);
    expect(wrongs(findings)).toEqual([]);
    const [, , lag] = findings;
    // Those of 13 s before the fault, and of what is left of two minutes from half a minute after it.
    expect(lag?.looked).toBeGreaterThan(MESSAGES / 3);
    expect(lag?.looked).toBeLessThan(MESSAGES / 2);
    expect(findings.map(({ looked }) => looked)).toEqual([3, 2, lag?.looked, 1, 3, 0]);
  });

  it('asks in health only, and not how long the provider took', () => {
    const slow = planted(sound(), ({ books }) => {
      const messages = books.contexts.orders?.outbox.slice(-LATE) ?? [];
      for (const message of messages) message.sentAt = message.storedAt + 9_000;
      books.contexts.payments?.outbox.push(
        ...messages.map((message) => ({ ...message, target: 'charge', kind: 'perform' as const })),
      );
      books.contexts.orders?.outbox.splice(-LATE);
    });
    expect(wrongs(checkLiveness(slow))).toEqual([]);
  });

  it('says nothing of a few thousand messages, of which a single batch would decide', () => {
    const few = planted(sound(), ({ books }) => {
      const outbox = books.contexts.orders?.outbox ?? [];
      outbox.splice(4_000);
      for (const message of outbox.slice(-LATE)) message.sentAt = message.storedAt + 2_500;
    });
    const [, , lag] = checkLiveness(few);
    expect(lag).toMatchObject({ looked: 0, partly: expect.stringMatching(/^nothing: 40\d\d messages in health/) });
  });

  it('does not ask for drained outboxes while another fault goes on', () => {
    const both = planted(sound(), (copy) => {
      (copy.faults as Json[]).push(fault(copy, 10, 20), fault(copy, 10, 70));
      lagging(copy, 11, 72, 30_000);
    });
    const [, , , drained] = checkLiveness(both);
    expect(drained).toMatchObject({ looked: 1, wrongCount: 0, partly: expect.stringContaining('1') });
  });

  describe('a look that comes late', () => {
    /** Of a fault that ends at 20 s, so that it has until 50 s: no look from 21 s on but one, with this lag. */
    const lateLook = (second: number, ms: number, before = 4_000) => {
      const [, , , drained] = checkLiveness(
        planted(sound(), (copy) => {
          (copy.faults as Json[]).push(fault(copy, 10, 20));
          lagging(copy, 10, 20, before);
          const late = look(copy.from + second * 1_000, ms);
          copy.books.samples = [...copy.books.samples.slice(0, 21), late];
        }),
      );
      return drained;
    };
    const UNLOOKED = 'all but 1, at which nobody looked in time';

    it('says nothing of a fault whose outboxes it finds drained: it may have taken a minute', () => {
      expect(lateLook(80, 20)).toMatchObject({ looked: 0, wrongCount: 0, partly: UNLOOKED });
      expect(lateLook(56, 20)).toMatchObject({ looked: 0, wrongCount: 0, partly: UNLOOKED });
    });

    it('counts if it is but a little late, as looks are that are made every second', () => {
      const seen = lateLook(55, 20);
      expect(seen).toMatchObject({ looked: 1, wrongCount: 0 });
      expect(seen?.partly).toBeUndefined();
      expect(lateLook(51, 2_500)).toMatchObject({ looked: 1, wrongCount: 1 });
      expect(lateLook(51, 1_500)).toMatchObject({ looked: 1, wrongCount: 0 });
    });

    it('finds a message that was there when they had to be drained', () => {
      expect(lateLook(80, 30_500)).toMatchObject({
        looked: 1,
        wrong: ['60.0 s after kill of orders-1 a message of orders was 30.5 s old'],
      });
    });

    it('does not blame the fault for a message that came later', () => {
      expect(lateLook(80, 29_500)).toMatchObject({ looked: 0, wrongCount: 0, partly: UNLOOKED });
    });

    it('or never, says nothing either', () => {
      expect(lateLook(19, 20)).toMatchObject({ looked: 0, wrongCount: 0, partly: UNLOOKED });
    });

    it('is told apart from another fault that came too soon', () => {
      const [, , , drained] = checkLiveness(
        planted(sound(), (copy) => {
          (copy.faults as Json[]).push(fault(copy, 10, 20), fault(copy, 30, 40), fault(copy, 90, 95));
          lagging(copy, 20, 119, 4_000);
          copy.books.samples.splice(41, 40);
          lagging(copy, 41, 119, 20);
          copy.books.samples.splice(60);
        }),
      );
      expect(drained).toMatchObject({
        looked: 1,
        wrongCount: 0,
        partly: 'all but 1, after which another one came too soon, and 1, at which nobody looked in time',
      });
    });
  });

  it('believes no times of hosts whose clocks were set wrong, and says so', () => {
    const skewed = planted(sound(), (copy) => {
      (copy.faults as Json[]).push(fault(copy, 15, 20, { kind: 'clock-skew' }));
      entry(copy, 'orders', 'Paid').at += 10 * MINUTE;
      entry(copy, 'inventory', 'Committed').at += 10 * MINUTE;
    });
    const [settled, reserved] = checkLiveness(skewed);
    expect(wrongs(checkLiveness(skewed))).toEqual([]);
    expect([settled?.partly, reserved?.partly]).toEqual([
      expect.stringContaining('clocks'),
      expect.stringContaining('clocks'),
    ]);
  });

  it('says what it could not look at', () => {
    const troubled = planted(sound(), (copy) => {
      (copy.faults as Json[]).push(fault(copy, 0, 118), fault(copy, 118.5, 200));
    });
    const [, , lag, drained, , memory] = checkLiveness(troubled);
    expect(lag).toMatchObject({ looked: 0, partly: expect.stringContaining('nothing') });
    expect(drained).toMatchObject({
      looked: 0,
      partly: 'all but 1, after which another one came too soon, and 1, at which nobody looked in time',
    });
    expect(memory).toMatchObject({ looked: 0, partly: 'nothing: the run took less than an hour' });
    const flat = planted(sound(), (copy) => {
      copy.books.samples = [10, 61].map((minute) => ({
        ...look(copy.from + minute * MINUTE),
        memory: { '7 node': minute * 1e6, [`${minute} java`]: 1e9 },
      }));
    });
    expect(checkLiveness(flat).at(-1)).toMatchObject({ looked: 2, wrongCount: 0 });
  });
});
