import { describe, expect, it } from '@jest/globals';
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
