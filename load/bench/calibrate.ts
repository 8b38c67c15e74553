// What this machine could do at most, measured in the same minute: answers of a bare node:http server, and durable
// commits of the shop's own PostgreSQL. Figures of other machines mean something only beside theirs.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '../../mixins/postgres/database.ts';
import { generate } from './generate.ts';

const CLIENTS = 64;
const SECONDS = 3;
const CONNECTIONS = 16;
const ECHO = fileURLToPath(new URL('echo.ts', import.meta.url));

/** POSTs a second that a bare node:http server in a process of its own answers to the same load generator. */
export async function httpLimit(body: object): Promise<number> {
  const server = fork(ECHO);
  try {
    const [port] = (await once(server, 'message')) as [number];
    const { statuses, tookMs } = await generate({
      url: `http://127.0.0.1:${port}/`,
      clients: CLIENTS,
      seconds: SECONDS,
      body,
    });
    return ((statuses['200'] ?? 0) / tookMs) * 1_000;
  } finally {
    server.kill();
  }
}

/** Durable one-row commits a second, from as many connections as waiting callers would use. */
export async function commitLimit(databaseUrl: string): Promise<number> {
  const database = await openDatabase({ url: databaseUrl, schema: 'bench', poolMax: CONNECTIONS });
  try {
    const em = database.em();
    await em.execute(
      'create table commits (id bigint generated always as identity primary key, at timestamptz default now())',
    );
    const end = performance.now() + SECONDS * 1_000;
    let commits = 0;
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        while (performance.now() < end) {
          await em.execute('insert into commits default values');
          commits += 1;
        }
      }),
    );
    await em.execute('drop schema bench cascade');
    return commits / SECONDS;
  } finally {
    await database.close();
  }
}
