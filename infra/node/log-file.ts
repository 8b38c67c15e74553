// Log files that must not fill the disk.

import { renameSync, statSync } from 'node:fs';

/** A log that has grown past this is set aside at the next start, replacing the one before. */
export const LOG_BYTES_MAX = 10_000_000;

/** Sets a log that has grown long aside, as `<file>.1`; call it before the log is opened. */
export function turnOver(file: string): void {
  const { size } = statSync(file, { throwIfNoEntry: false }) ?? { size: 0 };
  if (size > LOG_BYTES_MAX) renameSync(file, `${file}.1`);
}
