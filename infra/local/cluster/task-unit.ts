// Something that has to be done once before others start, as a unit of the supervisor: it "runs" until it is stopped.

import type { Unit } from '../servers/supervisor.ts';

/** A unit that is ready when the task is done. */
export const taskUnit = (name: string, after: readonly string[], task: () => Promise<void>): Unit => ({
  name,
  after,
  async start() {
    await task();
    const { promise: exited, resolve } = Promise.withResolvers<string>();
    return { pid: undefined, exited, stop: async () => resolve('is done') };
  },
});
