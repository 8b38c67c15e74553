// A network link is taken down under a server: packets go nowhere, nobody is told, connections stay as they were. Up again,
// what was under way is sent once more and arrives.
//
//   DynamoDB Local in its network namespace ─► its link down ─► a probe hears nothing ─► up ─► a probe is answered
//
// Only a server in a network namespace of its own has a link that is nobody else's.

import { execFileSync, spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { greetings, type Probe, probe } from '../../../infra/local/cluster/edge-probe.ts';
import { systemTools } from '../../../infra/local/servers/network-namespace.ts';
import type { Fault, FaultSource } from './fault.ts';
import { harmDone, lifting, pidNow, portsOf } from './witness.ts';

const SECONDS = [1, 2, 3, 5, 8, 12, 20];
const SERVER = 'dynamodb';
const LINK = 'lo';
const TOOL_MS = 5_000;
const SILENCE_MS = 1_000;
const PATIENCE_MS = 3_000;
const WELL_WITHIN_MS = 60_000;
const POLL_MS = 100;

/** The link of DynamoDB's own network. */
export const linksDown: FaultSource = (world, chance) => {
  const pid = pidNow(world, SERVER);
  const impossible = pid === undefined ? `${SERVER} does not run.` : missingLink(pid);
  return [linkDown(chance.pick(SECONDS) * 1_000, impossible)];
};

/** Why the link of a process cannot be taken down, in a sentence; undefined if it can. */
export function missingLink(pid: number): string | undefined {
  if (process.platform !== 'linux') return `Network namespaces are of Linux, and this is ${process.platform}.`;
  if (namespaceOf(pid) === namespaceOf('self'))
    return `Process ${pid} is in no network namespace of its own: this machine permits none (see the warning at its start).`;
  const tried = spawnSync('nsenter', enter(pid, 'show'), { encoding: 'utf8', timeout: TOOL_MS, env: systemTools() });
  if (tried.status === 0) return undefined;
  const why = tried.error?.message ?? tried.stderr.trim();
  return `The network of process ${pid} cannot be entered (${why}): run it as root, with nsenter and ip.`;
}

function namespaceOf(pid: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

const enter = (pid: number, ...words: readonly string[]): readonly string[] => [
  '--target',
  String(pid),
  '--net',
  'ip',
  'link',
  ...words,
  ...(words[0] === 'show' ? ['dev', LINK] : []),
];
const inNamespace = (pid: number, ...words: readonly string[]): string =>
  execFileSync('nsenter', enter(pid, ...words), { encoding: 'utf8', timeout: TOOL_MS, env: systemTools() });

/** What the kernel says of the link: `LOOPBACK,UP,LOWER_UP`. */
const flagsOf = (pid: number): string => /<([^>]*)>/.exec(inNamespace(pid, 'show'))?.[1] ?? 'nothing';

function linkDown(lastsMs: number, impossible: string | undefined): Fault {
  return {
    kind: 'link-down',
    target: `the link of ${SERVER}`,
    lastsMs,
    ...(impossible === undefined ? {} : { impossible }),
    async inject(world) {
      const pid = world.cluster.pidOf(SERVER);
      const [port] = portsOf(pid);
      if (port === undefined) throw new Error(`${SERVER} (process ${pid}) listens nowhere`);
      const ask = (answerMs: number): Promise<Probe> =>
        probe(port, greetings.http('/'), { answerMs, closeMs: SILENCE_MS });
      const before = await ask(PATIENCE_MS);
      if (before.outcome !== 'answered')
        throw new Error(`${SERVER} was not well before: a probe was ${before.outcome}`);
      const usual = flagsOf(pid);
      world.say(`the link of ${SERVER} goes down`);
      try {
        inNamespace(pid, 'set', LINK, 'down');
      } catch (error) {
        inNamespace(pid, 'set', LINK, 'up'); // the tool may have been ended after its work
        throw error;
      }
      const from = performance.now();
      const { isLifted, healedAt } = lifting();
      const said: string[] = [];
      return {
        async heal() {
          // Killed meanwhile, it was started again in a new network, whose link is up.
          if (pidNow(world, SERVER) === pid) {
            try {
              const seen = await ask(SILENCE_MS);
              if (seen.outcome !== 'answered') {
                said.push(
                  `its link was ${flagsOf(pid)}, before ${usual}, for ${((performance.now() - from) / 1_000).toFixed(1)} s`,
                  `a probe was ${seen.outcome} after ${Math.round(seen.tookMs)} ms, before answered after ${Math.round(before.tookMs)} ms`,
                );
              }
            } finally {
              inNamespace(pid, 'set', LINK, 'up');
            }
          }
          isLifted();
          for (const deadline = performance.now() + WELL_WITHIN_MS; (await ask(PATIENCE_MS)).outcome !== 'answered'; ) {
            if (performance.now() > deadline) throw new Error(`${SERVER} does not answer after its link came up again`);
            await pause(POLL_MS);
          }
        },
        healedAt,
        async evidence(history) {
          const harm = harmDone(history);
          return said.length === 0 || harm === undefined ? said : [...said, harm];
        },
      };
    },
  };
}
