// What every client command does around its work: a client of the shop and a progress line, both ended whatever happens.

import { type Client, createClient } from './client.ts';
import { createProgress, type Progress } from './progress.ts';

/** Does work at the shop of this URL. Throws what the work throws. */
export async function visit<T>(url: string, work: (client: Client, progress: Progress) => Promise<T>): Promise<T> {
  const client = createClient(url);
  const progress = createProgress(process.stdout);
  try {
    return await work(client, progress);
  } finally {
    progress.end();
    client.close();
  }
}
