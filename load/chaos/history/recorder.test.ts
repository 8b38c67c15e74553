import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { outcomeOf } from './operation.ts';
import { readHistory } from './read-history.ts';
import { type Begun, createRecorder } from './recorder.ts';

let folder: string;
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-history-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fresh = () => join(folder, `${++files}.jsonl`);
const read: Begun = {
  process: 'staff-1',
  kind: 'read-stock',
  principal: 'staff',
  intent: 'i-1',
  method: 'GET',
  path: '/api/v1/stock/bag',
};

describe('a history', () => {
  it('is read back as it was recorded, in the order of the beginnings', async () => {
    let time = 1_000.25;
    const recorder = createRecorder(fresh(), () => time++);
    const [first, second, third] = [
      recorder.begin(read),
      recorder.begin({ ...read, intent: 'i-2' }),
      recorder.begin(read),
    ];
    recorder.end(second, { outcome: 'ok', status: 200, answer: { available: 3 }, etag: '"1"' });
    recorder.end(first, { outcome: 'unknown', error: 'ECONNRESET: the connection broke' });
    expect(recorder).toMatchObject({ begun: 3, underWay: 1 });
    await recorder.close();
    const { history, cutShort } = await readHistory(recorder.path);
    expect(cutShort).toBeUndefined();
    expect(history).toEqual([
      {
        ...read,
        id: first,
        at: 1_000.25,
        ending: { endedAt: 1_004.25, outcome: 'unknown', error: 'ECONNRESET: the connection broke' },
      },
      {
        ...read,
        intent: 'i-2',
        id: second,
        at: 1_001.25,
        ending: { endedAt: 1_003.25, outcome: 'ok', status: 200, answer: { available: 3 }, etag: '"1"' },
      },
      { ...read, id: third, at: 1_002.25 },
    ]);
    expect(history.map(outcomeOf)).toEqual(['unknown', 'ok', 'unknown']);
  });

  it('can be read while it is recorded, as far as it was flushed', async () => {
    const recorder = createRecorder(fresh());
    const id = recorder.begin(read);
    await recorder.flush();
    expect((await readHistory(recorder.path)).history).toMatchObject([{ id, kind: 'read-stock' }]);
    recorder.end(id, { outcome: 'ok', status: 200 });
    await recorder.close();
    expect((await readHistory(recorder.path)).history).toMatchObject([{ id, ending: { outcome: 'ok' } }]);
  });

  it('of a minute at a thousand operations a second is written in seconds', async () => {
    const recorder = createRecorder(fresh());
    const answer = { id: 'x'.repeat(36), lines: ['y'.repeat(400)] };
    for (let second = 0; second < 60; second++) {
      for (let n = 0; n < 1_000; n++) recorder.end(recorder.begin(read), { outcome: 'ok', status: 200, answer });
      await recorder.flush();
    }
    await recorder.close();
    expect(readFileSync(recorder.path, 'utf8').match(/\n/g)).toHaveLength(120_000);
  });

  it('whose file is there already, or cannot be made, is refused with its path', async () => {
    const path = fresh();
    writeFileSync(path, '');
    await expect(createRecorder(path).flush()).rejects.toThrow('EEXIST');
    const nowhere = createRecorder(join(folder, 'nowhere', 'h.jsonl'));
    await expect(nowhere.flush()).rejects.toThrow('ENOENT');
    expect(() => nowhere.begin(read)).toThrow(/nowhere\/h\.jsonl cannot be written: ENOENT/);
  });

  it('ends an operation once', async () => {
    const recorder = createRecorder(fresh());
    const id = recorder.begin(read);
    recorder.end(id, { outcome: 'ok' });
    expect(() => recorder.end(id, { outcome: 'ok' })).toThrow(`operation ${id} has ended already`);
    await recorder.close();
  });
});

describe('a file', () => {
  const begun = JSON.stringify({ invoke: 1, at: 1, ...read });

  it('whose last line was cut short gives all the others, and says so', async () => {
    const path = fresh();
    appendFileSync(path, `${begun}\n{"end":1,"at":2,"outc`);
    const { history, cutShort } = await readHistory(path);
    expect(history).toHaveLength(1);
    expect(cutShort).toMatch(/^line 2 was cut short: "\{"end":1,"at":2,"outc" is no JSON object$/);
  });

  it.each([
    ['a broken line in the middle', `{"invoke":1,\n${begun}\n`, /:1: "\{"invoke":1," is no JSON object/],
    [
      'an end without a beginning',
      `${begun}\n{"end":2,"at":2,"outcome":"ok"}\n`,
      /:2: operation 2 ends and never began/,
    ],
    ['two ends', `${begun}\n{"end":1,"at":2}\n{"end":1,"at":3}\n`, /:3: operation 1 ends a second time/],
    ['two beginnings', `${begun}\n${begun}\n`, /:2: operation 1 begins a second time/],
    ['a line of another kind', `{"begin":1}\n`, /:1: a line is \{"invoke":…\} or \{"end":…\}, not \{"begin":1\}/],
  ])('with %s is an error that names the line', async (_, content, message) => {
    const path = fresh();
    writeFileSync(path, content);
    await expect(readHistory(path)).rejects.toThrow(message);
  });
});
