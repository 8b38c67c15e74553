// Who listens where, as the kernel has it (/proc/net/tcp); for tests that a server is reachable from this machine only.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { treeOf } from '../process-tree.ts';

const LISTENING = '0A';

interface Listener {
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

/** The addresses on which anybody in our network namespace listens on this port. */
export const addressesOf = (port: number): readonly string[] =>
  listeners()
    .filter((listener) => listener.port === port)
    .map(({ address }) => address);

/** The addresses, each once, on which a process and its descendants listen in our network namespace. */
export function addressesOfProcess(pid: number): readonly string[] {
  return [...new Set(listenersOf(pid).map(({ address }) => address))];
}

/** The ports, each once, on which a process and its descendants listen in our network namespace. */
export function portsOfProcess(pid: number): readonly number[] {
  return [...new Set(listenersOf(pid).map(({ port }) => port))];
}

function listenersOf(pid: number): readonly Listener[] {
  const inodes = new Set(treeOf(pid).flatMap(socketsOf));
  return listeners().filter(({ inode }) => inodes.has(inode));
}

/** The lines of /proc/net/tcp or tcp6 that listen. */
export function parseListeners(table: string): readonly Listener[] {
  return table
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTENING)
    .map((fields) => {
      const [address = '', port = ''] = (fields[1] ?? '').split(':');
      return { address: readable(address), port: Number.parseInt(port, 16), inode: fields[9] ?? '' };
    });
}

const listeners = () =>
  ['tcp', 'tcp6'].flatMap((table) => parseListeners(readFileSync(`/proc/self/net/${table}`, 'utf8')));

/** The kernel writes 32 bits at a time, as the machine keeps them: the least byte first. */
function readable(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).toReversed());
  const numbers = bytes.map((byte) => Number.parseInt(byte, 16));
  const v4 = numbers.slice(-4).join('.');
  if (numbers.length === 4) return v4;
  const text = bytes.join('');
  if (text.startsWith(`${'0'.repeat(20)}ffff`) || text.startsWith(`${'0'.repeat(20)}FFFF`)) return v4;
  if (/^0+$/.test(text)) return '::';
  return /^0+1$/.test(text) ? '::1' : text.toLowerCase();
}

function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return []; // closed while we looked
      }
    });
  } catch {
    return [];
  }
}
