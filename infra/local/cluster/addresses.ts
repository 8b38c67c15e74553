// Where the running cluster of a data folder is found: `cluster.json` (mode 600), for the REPL and other commands.

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from '../data-dir.ts';

/** Addresses of a cluster's doors. */
export interface Addresses {
  /** Of the gateways. */
  readonly url: string;
  /** With user and password: not to be shown. */
  readonly natsUrl: string;
  /** "127.0.0.1:20001", several for a Kafka of several nodes. */
  readonly kafkaBrokers: readonly string[];
}

const fileOf = (dataDir: string): string => join(dataDir, 'cluster.json');

export function writeAddresses(dataDir: string, addresses: Addresses): void {
  writeDurably(fileOf(dataDir), `${JSON.stringify(addresses, undefined, 2)}\n`, 0o600);
}

/** The addresses of the cluster that works on the folder; undefined: none does, or it was killed with its supervisor. */
export function readAddresses(dataDir: string): Addresses | undefined {
  const file = fileOf(dataDir);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Addresses) : undefined;
}

export function removeAddresses(dataDir: string): void {
  rmSync(fileOf(dataDir), { force: true });
}
