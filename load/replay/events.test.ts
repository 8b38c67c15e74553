// What a replay of events reads, expects and compares; the replay itself is `replay-events.long.test.ts`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { oracleBeside } from './events.ts';
import { type FileEvent, inArrivalOrder, readEvents } from './events-file.ts';
import { compareWindows, readOracle, type Windows, windowsOf } from './events-windows.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-clicks-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(content: string | Uint8Array, name = 'clicks.csv'): string {
  const path = join(mkdtempSync(join(folder, 'files-')), name);
  writeFileSync(path, content);
  return path;
}

const HEAD = 'event_id,event_time,event_type,product_id,category,user_id\n';
const INVOICES = 'row,invoice_no,stock_code,description,quantity,invoice_date,unit_price,customer_id\n';

describe('a click stream', () => {
  it('is read as events in their order, what else is known of them as metadata', async () => {
    const text = `\ufeff${HEAD}7,2019-10-01T00:00:05Z,view,cup,tea,ann\r\n\r\n3,2019-10-01T02:00:00+02:00,cart,"a, b",,bob\n`;
    for (const path of [file(text), file(gzipSync(text), 'clicks.csv.gz')]) {
      expect(await readEvents(path)).toEqual([
        {
          line: 2,
          time: Date.UTC(2019, 9, 1, 0, 0, 5),
          event: {
            event_id: '7',
            user_id: 'ann',
            product_id: 'cup',
            event_type: 'view',
            timestamp: '2019-10-01T00:00:05Z',
            metadata: { category: 'tea' },
          },
        },
        {
          line: 4,
          time: Date.UTC(2019, 9, 1),
          event: {
            event_id: '3',
            user_id: 'bob',
            product_id: 'a, b',
            event_type: 'cart',
            timestamp: '2019-10-01T02:00:00+02:00',
          },
        },
      ]);
    }
  });

  it.each([
    ['1,2019-10-01T00:00:00Z,view,cup,,', 'line 2: user_id must not be empty'],
    [
      '1,yesterday,view,cup,,u',
      'line 2: timestamp must be a time with its zone, like 2026-01-31T12:00:00Z, not "yesterday"',
    ],
    ['1,2019-10-01T00:00:00Z,view', 'line 2: 3 cells, but the head names 6 columns'],
    ['1,2019-10-01T00:00:00Z,view,a,b,c,u', 'line 2: 7 cells, but the head names 6 columns'],
    ['1,2999-01-01T00:00:00Z,view,cup,,u', 'line 2: timestamp must not be more than 60 seconds ahead'],
    [`1,2019-10-01T00:00:00Z,view,${'x'.repeat(129)},,u`, 'line 2: product_id must have at most 128 characters'],
    [
      '1,2019-10-01T00:00:00Z,view,p,,u\n1,2019-10-01T00:00:00Z,view,p,,u',
      'line 3: the event_id 1 stands on line 2 already',
    ],
  ])('with the row %s is refused', async (row, reason) => {
    await expect(readEvents(file(`${HEAD}${row}\n`))).rejects.toThrow(reason);
  });

  it('names twenty bad rows, and how many more there are', async () => {
    const rows = Array.from({ length: 25 }, (_, i) => `${i},,view,p,,u\n`).join('');
    await expect(readEvents(file(HEAD + rows))).rejects.toThrow(
      /25 rows are no events; nothing was sent\n.*line 21.*and 5 more$/s,
    );
  });

  it.each([
    ['', /holds no row/],
    [HEAD, /holds no row/],
    ['a,b\n1,2\n', /has the columns a, b, but needs event_id, .*; or row, invoice_no/],
    [`${HEAD}1,"2019-10-01T00:00:00Z,view,p,,u\n`, /is no sound CSV: .*/],
  ])('that is %j is refused', async (text, reason) => {
    await expect(readEvents(file(text))).rejects.toThrow(reason);
  });

  it('that is cut off, or is no gzip at all, is refused by its name', async () => {
    const whole = gzipSync(`${HEAD}1,2019-10-01T00:00:00Z,view,p,,u\n`);
    for (const content of [whole.subarray(0, -9), HEAD])
      await expect(readEvents(file(content, 'clicks.csv.gz'))).rejects.toThrow(/clicks\.csv\.gz cannot be unzipped: /);
    await expect(readEvents(join(folder, 'nowhere.csv'))).rejects.toThrow(/no such file .*nowhere\.csv/);
  });

  it('of one day leaves out the others, and must have some', async () => {
    const path = file(`${HEAD}1,2019-10-01T23:59:59Z,view,p,,u\n2,2019-10-02T00:00:00Z,view,p,,u\n`);
    expect(await readEvents(path, '2019-10-02')).toMatchObject([{ event: { event_id: '2' } }]);
    await expect(readEvents(path, '2019-10-03')).rejects.toThrow('no event of 2019-10-03');
    await expect(readEvents(path, 'tomorrow')).rejects.toThrow('the day is "tomorrow"');
  });
});

describe('invoices', () => {
  it('are purchases: of a customer, of one piece at least, in UTC', async () => {
    const rows = [
      '1,536365,85123A,A bag,6,2010-12-01T08:26:00,2.55,17850',
      '2,C536379,D,Discount,-1,2010-12-01T09:41:00,27.50,14527',
      '3,536380,85123A,nobody,1,2010-12-01T09:41:00,2.55,',
      '4,536381,85123A,damaged,-2,2010-12-01T09:41:00,0,12345',
      '5,536382,85123a,free,3,2010-12-01T09:42:00,0,12345',
    ];
    expect(await readEvents(file(`${INVOICES}${rows.join('\n')}\n`))).toMatchObject([
      {
        event: {
          event_id: '1',
          user_id: '17850',
          product_id: '85123A',
          event_type: 'purchase',
          timestamp: '2010-12-01T08:26:00Z',
        },
      },
      { event: { event_id: '5', product_id: '85123a' } },
    ]);
  });
});

const click = (id: string, at: string, product: string, user: string): FileEvent => ({
  line: 2,
  time: Date.parse(at),
  event: { event_id: id, user_id: user, product_id: product, event_type: 'view', timestamp: at },
});

describe('an order of arrival', () => {
  const events = ['a', 'b', 'c'].map((id) => click(id, '2019-10-01T00:00:00Z', 'p', 'u'));
  const arrived = (text: string) => inArrivalOrder(events, file(`event_id\n${text}`, 'arrival.csv'));

  it('is kept', async () => {
    expect((await arrived('c\na\nb\n')).map(({ event }) => event.event_id)).toEqual(['c', 'a', 'b']);
  });

  it('names every event, once', async () => {
    await expect(arrived('c\nc\nx\n')).rejects.toThrow(
      'arrival.csv is no order of the events: 4 faults; nothing was sent\n' +
        '  line 3: event c has arrived before\n  line 4: there is no event "x"\n  event a never arrives\n  event b never arrives',
    );
  });
});

describe('windows', () => {
  const minute = Date.UTC(2019, 9, 1);
  const of = (...rows: [string, number, number, number][]): Windows => {
    const windows: Windows = new Map();
    for (const [product, n, users, events] of rows) {
      windows.set(product, (windows.get(product) ?? new Map()).set(minute + n * 60_000, { users, events }));
    }
    return windows;
  };

  it('count distinct users, and every event', () => {
    const events = [
      click('1', '2019-10-01T00:00:00Z', 'cup', 'ann'),
      click('2', '2019-10-01T00:00:59.999Z', 'cup', 'ann'),
      click('3', '2019-10-01T00:00:30Z', 'cup', 'bob'),
      click('4', '2019-10-01T00:01:00Z', 'cup', 'bob'),
    ];
    expect(windowsOf(events)).toEqual(of(['cup', 0, 2, 3], ['cup', 1, 1, 1]));
  });

  it('are read from an oracle, with or without a zone', async () => {
    const head = 'window_start,product_id,unique_users,events,units\n';
    const path = file(`${head}2019-10-01T00:00:00,cup,2,3,9\n2019-10-01T00:01:00Z,cup,1,1,1\n`);
    expect(await readOracle(path)).toEqual(of(['cup', 0, 2, 3], ['cup', 1, 1, 1]));
    await expect(readOracle(file(`${head}2019-10-01T00:00:00,cup,two,3,9\n`))).rejects.toThrow('line 2: a window has');
  });

  it('that stand beside the file are found by its name', () => {
    const path = file('', 'day-events.csv.gz');
    expect(oracleBeside(path)).toBeUndefined();
    const oracle = path.replace('day-events.csv.gz', 'day-oracle-windows.csv.gz');
    writeFileSync(oracle, '');
    expect(oracleBeside(path)).toBe(oracle);
  });

  it('are compared within the time of the file; windows of another time are another’s', () => {
    const shown = of(['cup', 0, 2, 3], ['cup', 9, 1, 1], ['pot', 1, 1, 1]);
    const compare = (expected: Windows) => compareWindows(expected, shown, minute, minute + 60_000);
    expect(compare(of(['cup', 0, 2, 3], ['pot', 1, 1, 1]))).toEqual({ windows: 2, counted: 4, differences: [] });
    expect(compare(of(['cup', 0, 2, 4], ['cup', 1, 1, 1])).differences).toEqual([
      'product cup, window 2019-10-01T00:00:00.000Z: 2 users and 3 events, expected 2 users and 4 events',
      'product cup, window 2019-10-01T00:01:00.000Z: no window, expected 1 users and 1 events',
      'product pot, window 2019-10-01T00:01:00.000Z: 1 users and 1 events, expected no window',
    ]);
  });

  it('that an answer could not hold are told apart from windows that are not there', () => {
    const shown = of(...Array.from({ length: 100 }, (_, n): [string, number, number, number] => ['cup', n + 1, 1, 1]));
    const { differences } = compareWindows(of(['cup', 0, 1, 1]), shown, minute, minute);
    expect(differences).toEqual([
      'product cup, window 2019-10-01T00:00:00.000Z: out of sight, the shop shows the newest 100, expected 1 users and 1 events',
    ]);
  });
});
