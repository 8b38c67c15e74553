// Reads a history back: pairs the lines of each operation, in the order in which operations began.
//
//   {"invoke":7,…}, {"end":7,…} ─► Operation        a last line cut short ─► told; any other fault ─► an error with its line

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Ending, History, Invocation, Json, Operation } from './operation.ts';

export interface ReadHistory {
  readonly history: History;
  /** What of the file could not be taken, in a sentence: its last line, if its writer died in the middle of it. */
  readonly cutShort?: string;
}

/**
 * Reads the history at this path.
 * @throws Error that names the line, if one in the middle is broken or does not fit the others
 */
export async function readHistory(path: string): Promise<ReadHistory> {
  const operations = new Map<number, Operation>();
  let number = 0;
  let broken: string | undefined;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (broken !== undefined) throw new Error(`${path}:${number}: ${broken}`);
    number += 1;
    if (line === '') continue;
    const entry = parse(line);
    if (entry === undefined) broken = `"${line.slice(0, 80)}" is no JSON object`;
    else take(operations, entry, `${path}:${number}`);
  }
  const history = [...operations.values()];
  return broken === undefined ? { history } : { history, cutShort: `line ${number} was cut short: ${broken}` };
}

function parse(line: string): Json {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function take(operations: Map<number, Operation>, entry: Json, where: string): void {
  if (Number.isSafeInteger(entry.invoke)) {
    const { invoke: id, ...invocation } = entry;
    if (operations.has(id)) throw new Error(`${where}: operation ${id} begins a second time`);
    operations.set(id, { id, ...invocation } as Invocation);
  } else if (Number.isSafeInteger(entry.end)) {
    const { end: id, at: endedAt, ...rest } = entry;
    const begun = operations.get(id);
    if (begun === undefined) throw new Error(`${where}: operation ${id} ends and never began`);
    if (begun.ending !== undefined) throw new Error(`${where}: operation ${id} ends a second time`);
    operations.set(id, { ...begun, ending: { endedAt, ...rest } as Ending });
  } else throw new Error(`${where}: a line is {"invoke":…} or {"end":…}, not ${JSON.stringify(entry).slice(0, 80)}`);
}
