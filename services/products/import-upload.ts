// An import whose file is the body of a request, read as it arrives: what the shop cannot take yet waits with its sender.

import type { Readable } from 'node:stream';
import { Problem } from '../../brokers/problem.ts';
import { importCsv, type ImportReport, type Take } from './import.ts';

/**
 * Reads and takes all rows of the body.
 * @throws Problem `invalid-request` (no body, no header of ours), `malformed-request` (its sender left before the end:
 * whole rows of it are taken, never a part of one), and whatever `take` throws.
 */
export async function importUpload(body: Readable | null, take: Take): Promise<ImportReport> {
  if (body === null) throw new Problem('invalid-request', 'the body is missing: send the rows as text/csv');
  // A file that is given up must not take the connection with it, on which the reason travels.
  const bytes = body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  try {
    return await importCsv(bytes, take);
  } catch (error) {
    if (!isBrokenOff(body, error)) throw error;
    throw new Problem('malformed-request', 'the connection was closed in the middle of the file: send it again');
  }
}

function isBrokenOff(body: Readable, error: unknown): boolean {
  return body.errored === error || (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
}
