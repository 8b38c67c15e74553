// How long connections wait, counted in turns of the event loop and not in time.

import type { OpenServer } from './server.ts';

/** Resolves with the turns between the first connection that the server takes and the last of so many. */
export function turnsUntilTaken({ http }: OpenServer, connections: number): Promise<number> {
  return new Promise((resolve) => {
    let [taken, turns] = [0, 0];
    const turn = () => {
      turns += 1;
      if (taken < connections) setImmediate(turn);
      else resolve(turns);
    };
    http.on('connection', () => {
      taken += 1;
      if (taken === 1) setImmediate(turn);
    });
  });
}
