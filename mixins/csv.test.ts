import { describe, expect, it } from '@jest/globals';
import { type CsvRecord, csvLine, readCsv, RECORD_LENGTH_MAX } from './csv.ts';

async function read(input: string | Uint8Array, chunk = 65_536): Promise<readonly CsvRecord[]> {
  const bytes = typeof input === 'string' ? Buffer.from(input) : input;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += chunk) yield await Promise.resolve(bytes.subarray(at, at + chunk));
  }
  const records: CsvRecord[] = [];
  for await (const record of readCsv(chunks())) records.push(record);
  return records;
}

const cells = (records: readonly CsvRecord[]) =>
  records.map((record) => ('cells' in record ? record.cells : record.code));
const lines = (records: readonly CsvRecord[]) => records.map(({ line }) => line);

describe('reading CSV', () => {
  it.each([1, 2, 3, 7, 65_536])('gives the same records however the bytes arrive (%i at a time)', async (chunk) => {
    const text = '\ufeffsku,name\r\n1,"two\r\nlines, ""quoted"""\r\n\r\n2,café\r3,x\n';
    const records = await read(text, chunk);
    expect(cells(records)).toEqual([
      ['sku', 'name'],
      ['1', 'two\r\nlines, "quoted"'],
      ['2', 'café'],
      ['3', 'x'],
    ]);
    expect(lines(records)).toEqual([1, 2, 5, 6]);
  });

  it('needs no line end after the last record, and keeps empty cells', async () => {
    expect(cells(await read('a,,c\n,x,'))).toEqual([
      ['a', '', 'c'],
      ['', 'x', ''],
    ]);
    expect(cells(await read('a,"b"'))).toEqual([['a', 'b']]);
    expect(cells(await read('a\r'))).toEqual([['a']]);
    expect(await read('')).toEqual([]);
  });

  it.each([1_000, 100_000, 1_000_000])(
    'draws the line at the same length however the bytes arrive (%i)',
    async (chunk) => {
      const fits = 'x'.repeat(RECORD_LENGTH_MAX - 4);
      const text = `1,${fits}y\n2,${fits}yy\n3,"${fits}"\n4,"${'y\n'.repeat(RECORD_LENGTH_MAX / 4)}"\n5,${fits}yy`;
      const records = await read(text, chunk);
      // The second cell's length, because nobody wants to read it.
      const seen = records.map((record) => ('cells' in record ? record.cells[1]?.length : record.code));
      const middle = RECORD_LENGTH_MAX / 2;
      expect(seen).toEqual([fits.length + 1, 'record-too-long', 'unclosed-quote', middle, fits.length + 2]);
    },
  );

  it('leaves blank records out, but counts their lines', async () => {
    const records = await read('a,b\n\n  , \n,\n1,2\n');
    expect(cells(records)).toEqual([
      ['a', 'b'],
      ['1', '2'],
    ]);
    expect(lines(records)).toEqual([1, 5]);
  });

  it.each([1, 65_536])(
    'names a record with stray quotes and goes on with the next line (%i at a time)',
    async (chunk) => {
      const records = await read('a,b\n1,x"y\r\n2,"a"b\n3,"c""d"\n"e"f', chunk);
      expect(cells(records)).toEqual([['a', 'b'], 'bad-quotes', 'bad-quotes', ['3', 'c"d'], 'bad-quotes']);
      expect(lines(records)).toEqual([1, 2, 3, 4, 5]);
    },
  );

  it('does not let a quote that is left open take the next rows along', async () => {
    const records = await read('a,b\n1,"open\n2,"fine"\n3,x\n');
    expect(cells(records)).toEqual([['a', 'b'], 'bad-quotes', ['2', 'fine'], ['3', 'x']]);
    expect(lines(records)).toEqual([1, 2, 3, 4]);
  });

  it('reads a long record that arrives byte by byte in one go', async () => {
    const long = 'x\r\n'.repeat(80_000);
    const startedAt = performance.now();
    expect(cells(await read(`a,b\n1,"${long}"\n2,x`, 1))).toEqual([
      ['a', 'b'],
      ['1', long],
      ['2', 'x'],
    ]);
    // Looked at with each byte it would take minutes.
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  it('names a record whose quote is never closed and goes on with the next line', async () => {
    const records = await read('a,b\n1,"open\n2,x\n3,y\n');
    expect(cells(records)).toEqual([['a', 'b'], 'unclosed-quote', ['2', 'x'], ['3', 'y']]);
    expect(lines(records)).toEqual([1, 2, 3, 4]);
  });

  it('does not let a quote that is never closed swallow a long file', async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => `${i},x\n`).join('');
    const records = await read(`1,"open\n${rows}`);
    expect(records[0]).toMatchObject({ line: 1, code: 'unclosed-quote' });
    expect(records).toHaveLength(60_001);
    expect(records.at(-1)).toMatchObject({ line: 60_001, cells: ['59999', 'x'] });
  });

  it.each([1_000, 52_429])(
    'names a record that is too long, and goes on with the next line (%i at a time)',
    async (chunk) => {
      const records = await read(
        `a\n${'x'.repeat(3 * RECORD_LENGTH_MAX)}\r\nb\n"${'y'.repeat(2 * RECORD_LENGTH_MAX)}`,
        chunk,
      );
      expect(cells(records)).toEqual([['a'], 'record-too-long', ['b'], 'unclosed-quote']);
      expect(lines(records)).toEqual([1, 2, 3, 4]);
    },
  );

  it.each([1, 2, 3, 5, 65_536])('names a record whose bytes are not UTF-8 (%i at a time)', async (chunk) => {
    const bad = (...bytes: number[]) => Buffer.from(bytes);
    const parts = [
      Buffer.from('a,b\n1,'),
      bad(0xff, 0x41),
      Buffer.from('\n2,ök €😀\n3,'),
      // Cut off within a character, a character spelt too long, half a surrogate pair, and the end of nothing.
      bad(0xe2, 0x82),
      Buffer.from('\n4,ok\n5,'),
      bad(0xc0, 0xaf),
      Buffer.from('\n6,'),
      bad(0xed, 0xa0, 0x80),
      Buffer.from('\n7,'),
      bad(0x80),
      Buffer.from('\n8,x'),
      bad(0xf0, 0x9f),
    ];
    const records = await read(Buffer.concat(parts), chunk);
    const damaged = 'malformed-utf8';
    const right = [['a', 'b'], damaged, ['2', 'ök €😀'], damaged, ['4', 'ok'], damaged, damaged, damaged, damaged];
    expect(cells(records)).toEqual(right);
    expect(lines(records)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it.each([1, 2, 3, 65_536])('takes the character U+FFFD for itself (%i at a time)', async (chunk) => {
    const text = Buffer.from('a\ufffd,\ufffd\ufffd\n');
    const records = await read(Buffer.concat([text, Buffer.from([0xe2]), text, Buffer.from([0xef, 0xbf])]), chunk);
    expect(cells(records)).toEqual([['a\ufffd', '\ufffd\ufffd'], 'malformed-utf8', 'malformed-utf8']);
    expect(lines(records)).toEqual([1, 2, 3]);
  });
});

describe('writing CSV', () => {
  it('quotes what needs it, and reads back the same', async () => {
    const values = ['plain', 'a,b', 'say "hi"', 'two\nlines', '', 'café', ' blanks '];
    expect(csvLine(['a', 2.5, undefined, 'x,y'])).toBe('a,2.5,,"x,y"\n');
    expect(cells(await read(csvLine(values)))).toEqual([values]);
  });
});
