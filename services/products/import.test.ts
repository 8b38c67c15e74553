import { describe, expect, it } from '@jest/globals';
import { Problem } from '../../brokers/problem.ts';
import { IMPORT_BATCH, IMPORT_ERRORS_MAX, importCsv, type NumberedRow, type Take } from './import.ts';

const HEADER = 'sku,name,description,category,price,currency,stock\n';

async function importText(text: string, take: Take = () => Promise.resolve()) {
  const rows: NumberedRow[] = [];
  async function* bytes() {
    yield await Promise.resolve(Buffer.from(text));
  }
  const report = await importCsv(bytes(), async (batch) => {
    rows.push(...batch);
    await take(batch);
  });
  return { report, rows };
}

describe('an import', () => {
  it('takes what is right and names what is wrong, by line', async () => {
    const { report, rows } = await importText(
      `\ufeff${HEADER}1,ONE,,,2.55,GBP,1\r\n\r\n2,TWO,"in\r\ntwo lines",,,,\n3,THREE,,,1\n4,"FO"UR,,,1,,\n5,FIVE,"in\ntwo",A/B,0.001,,\n`,
    );
    expect(rows.map(({ line, row }) => [line, row.sku])).toEqual([
      [2, '1'],
      [8, '5'],
    ]);
    expect(report).toMatchObject({ accepted: 2, rejected: 3 });
    expect(report.errors.map(({ line, code }) => [line, code])).toEqual([
      [4, 'missing-price'],
      [6, 'wrong-number-of-cells'],
      [7, 'bad-quotes'],
    ]);
  });

  it('takes any number of rows in batches, one batch after another', async () => {
    const count = 2 * IMPORT_BATCH + 7;
    const text = HEADER + Array.from({ length: count }, (_, i) => `${i},N,,,1,,\n`).join('');
    let underWay = 0;
    const sizes: number[] = [];
    const { report } = await importText(text, async (batch) => {
      expect(++underWay).toBe(1);
      sizes.push(batch.length);
      await new Promise(setImmediate);
      underWay -= 1;
    });
    expect(report).toEqual({ accepted: count, rejected: 0, errors: [] });
    expect(sizes).toEqual([IMPORT_BATCH, IMPORT_BATCH, 7]);
  });

  it('makes shorter batches of rows with long texts', async () => {
    const sizes: number[] = [];
    const text = HEADER + `1,N,${'x'.repeat(20_000)},,1,,\n`.repeat(31);
    await importText(text, (batch) => {
      sizes.push(batch.length);
      return Promise.resolve();
    });
    expect(sizes).toEqual([13, 13, 5]);
  });

  it('that cannot go on says how far it has come', async () => {
    const text = HEADER + '1,N,,,1,,\n'.repeat(IMPORT_BATCH + 1);
    const take: Take = ([first]) =>
      first?.line === 2 ? Promise.resolve() : Promise.reject(new Problem('unavailable', 'stock does not answer'));
    await expect(importText(text, take)).rejects.toMatchObject({
      type: 'unavailable',
      code: 503,
      message: expect.stringContaining(`stock does not answer (the rows before line ${IMPORT_BATCH + 2} are taken`),
    });
  });

  it('whose file breaks off ends when the rows that were being taken are taken', async () => {
    async function* bytes() {
      yield await Promise.resolve(Buffer.from(HEADER + '1,N,,,1,,\n'.repeat(IMPORT_BATCH)));
      throw new Error('broken off');
    }
    let taken = 0;
    const importing = importCsv(bytes(), async (rows) => {
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      taken += rows.length;
    });
    await expect(importing).rejects.toThrow('broken off');
    expect(taken).toBe(IMPORT_BATCH);
  });

  it('counts all errors and names the first thousand', async () => {
    const { report } = await importText(HEADER + ',,,,,,x\n'.repeat(IMPORT_ERRORS_MAX + 5));
    expect(report.rejected).toBe(IMPORT_ERRORS_MAX + 5);
    expect(report.errors).toHaveLength(IMPORT_ERRORS_MAX);
  });

  it.each([
    ['', 'the file is empty'],
    ['sku,colour\n', 'the column "colour" is unknown'],
    ['"sku"x,name\n', 'line 1 should be the header'],
  ])('without a header of ours is refused whole: %j', async (text, sentence) => {
    await expect(importText(text)).rejects.toThrow(sentence);
  });

  it.each([1, IMPORT_BATCH, 3 * IMPORT_BATCH])('fails if its rows cannot be taken (%i rows)', async (count) => {
    const text = HEADER + '1,N,,,1,,\n'.repeat(count);
    await expect(importText(text, () => Promise.reject(new Error('database away')))).rejects.toThrow('database away');
  });
});
