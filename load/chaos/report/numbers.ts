// Numbers of runs as people write them.

/** `1–40, 43, 44` for numbers in their order. */
export function toldNumbers(numbers: readonly number[]): string {
  const rows: number[][] = [];
  for (const number of numbers) {
    const row = rows.at(-1);
    if (row?.at(-1) === number - 1) row.push(number);
    else rows.push([number]);
  }
  return rows.map((row) => (row.length < 3 ? row.join(', ') : `${row[0]}–${row.at(-1)}`)).join(', ');
}
