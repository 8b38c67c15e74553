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

  it('names a record whose bytes are not UTF-8', async () => {
    const records = await read(
      Buffer.concat([Buffer.from('a,b\n1,'), Buffer.from([0xff, 0x41]), Buffer.from('\n2,ok\n')]),
    );
    expect(cells(records)).toEqual([['a', 'b'], 'malformed-utf8', ['2', 'ok']]);
  });
});

describe('writing CSV', () => {
  it('quotes what needs it, and reads back the same', async () => {
    const values = ['plain', 'a,b', 'say "hi"', 'two\nlines', '', 'café', ' blanks '];
    expect(csvLine(['a', 2.5, undefined, 'x,y'])).toBe('a,2.5,,"x,y"\n');
    expect(cells(await read(csvLine(values)))).toEqual([values]);
  });
});
