// The port that all gateways of a cluster share: the supervisor has opened it, and hands it on.

import type { Door } from '../../mixins/platform.ts';
import { LISTENERS } from '../../services/api/listeners.ts';

/** Asks the supervisor for the port, once for each listener: every time it arrives as a file descriptor of its own. */
export async function doorsFromSupervisor(): Promise<readonly Door[]> {
  const doors: Door[] = [];
  while (doors.length < LISTENERS) doors.push(await doorFromSupervisor());
  return doors;
}

function doorFromSupervisor(): Promise<Door> {
  return new Promise((resolve) => {
    process.on('message', function take(what: unknown, door: unknown) {
      if (what !== 'door') return;
      process.off('message', take);
      resolve(door as Door);
    });
    process.send?.({ wants: 'door' });
  });
}
