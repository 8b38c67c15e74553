// A test that needs something a machine may not have. Where it is missing the run says so in a line instead of passing silently.
import { it } from '@jest/globals';

/**
 * `it`, where `available`; else a test that is listed as not shown, with the reason.
 * What an ordinary registry provides is `fetched`: its absence is a failure under CI.
 */
export function itWhere(available: boolean, reason: string, kind: 'found' | 'fetched' = 'found') {
  return (name: string, body: () => void | Promise<void>, timeoutMs?: number): void => {
    if (available) it(name, body, timeoutMs);
    else if (kind === 'fetched' && process.env['CI'] === 'true')
      it(name, () => {
        throw new Error(`cannot be left out under CI: ${reason}`);
      });
    else it.todo(`${name} (${reason})`);
  };
}
