// Whether a shop may listen where its settings say, asked before anything is started.

import { createServer } from 'node:net';
import { StartRefused } from './start-refused.ts';

/**
 * Resolves if the port is free; 0 always is.
 * @param command what the user has typed, for an example
 * @throws StartRefused saying why it is not, and what to change
 */
export async function demandFree(host: string, port: number, command: string): Promise<void> {
  if (port === 0) return;
  // Binding alone would not tell that somebody else listens: a server of a moment does.
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (error: NodeJS.ErrnoException) =>
      reject(portRefused(host, port, error.code ?? error.message, command)),
    );
    probe.listen(port, host, resolve);
  });
  await new Promise((resolve) => probe.close(resolve));
}

/** Why a port cannot be had, in a sentence. */
export function portRefused(host: string, port: number, why: string, command: string): StartRefused {
  return why === 'EADDRINUSE'
    ? new StartRefused(
        `Port ${port} on ${host} is taken by another program: end it, or choose another port, as in PORT=${port + 1} ${command}.`,
      )
    : new StartRefused(`The shop cannot listen on ${host}:${port} (${why}): check HOST and PORT.`);
}
