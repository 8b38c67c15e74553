// A server on a shared port as a process of its own, which says how many turns of its loop it took to take as many
// connections as its argument says.

import { doorsFromSupervisor } from '../../node/doors.ts';
import { openServer } from '../../../services/api/server.ts';
import { turnsUntilTaken } from '../../../services/api/turns.testing.ts';

const server = await openServer((_, response) => void response.end(), '127.0.0.1', 0, await doorsFromSupervisor());
const turns = turnsUntilTaken(server, Number(process.argv[2]));
process.send?.('listening');
process.send?.(await turns);
