// A server as a process of its own, which says on which port it listens.

import { openServer, portOf } from './server.ts';

process.send?.(portOf(await openServer((_, response) => void response.end(), '127.0.0.1', 0)));
