import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import type { Caller } from './caller.ts';
import { exportFile } from './export-file.ts';

async function* lines(count: number, made: { lines: number } = { lines: 0 }): AsyncGenerator<string> {
  for (; made.lines < count; made.lines++) yield await Promise.resolve(`${made.lines}\n`);
}

describe('an exported file', () => {
  it('says what it is and how it is called', async () => {
    const meta = {} as Caller;
    expect(await text(exportFile(meta, 'orders', 'jsonl', lines(3)))).toBe('0\n1\n2\n');
    expect(meta).toEqual({
      $responseType: 'application/jsonl; charset=utf-8',
      $responseHeaders: { 'Content-Disposition': 'attachment; filename="orders.jsonl"' },
    });
    exportFile(meta, 'orders', 'csv', lines(0)).destroy();
    expect(meta.$responseType).toBe('text/csv; charset=utf-8');
  });

  it('is whole, in few pieces', async () => {
    const pieces: string[] = [];
    for await (const piece of exportFile({} as Caller, 'x', 'csv', lines(100_000))) pieces.push(String(piece));
    const all = pieces.join('');
    expect(all.length).toBe(588_890);
    expect(all.endsWith('99998\n99999\n')).toBe(true);
    expect(pieces.length).toBeLessThan(12);
    expect(await text(exportFile({} as Caller, 'x', 'csv', lines(0)))).toBe('');
  });

  it('is made no further than its reader follows', async () => {
    const made = { lines: 0 };
    const file = exportFile({} as Caller, 'x', 'csv', lines(10_000_000, made));
    file.read(0);
    await once(file, 'readable');
    for (let turn = 0; turn < 1_000; turn++) await new Promise(setImmediate);
    expect(made.lines).toBeLessThan(60_000);
    file.destroy();
  });
});
