// A server as a process of its own, which says on which port it listens.

import { openServer } from './server.ts';

const { listeners } = await openServer((_, response) => void response.end(), '127.0.0.1', 0);
process.send?.(listeners.port);
