// What a cluster leaves behind whose supervisor was killed: servers and nodes that work on its data folder, and the file that
// says where they are. Whoever opens the folder next ends them first: two payment providers on one ledger would both charge,
// and servers whose folder is deleted could be found by nobody.

import { StartRefused } from '../start-refused.ts';
import { endMarked, markOf } from '../servers/orphans.ts';
import { removeAddresses } from './addresses.ts';

/**
 * Ends it. The caller holds the lock of the folder, so no living cluster works on it.
 * @param say takes a sentence on what was ended, if anything was
 * @throws StartRefused when one of the processes cannot be ended
 */
export async function endLeftBehind(folder: string, say: (sentence: string) => void): Promise<void> {
  const ended = await endMarked(markOf(folder)).catch((error: unknown) => {
    throw new StartRefused((error as Error).message, { cause: error });
  });
  removeAddresses(folder);
  if (ended.length > 0)
    say(`Ended what a killed cluster had left running on ${folder} (processes ${ended.join(', ')}).`);
}
