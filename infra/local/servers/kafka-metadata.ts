// Asks a Kafka broker which brokers it knows, in Kafka's own protocol, without a client: the question whether it serves.

import { connect } from 'node:net';

const HOST = '127.0.0.1';
const ANSWER_MS = 1_000;
const METADATA = 3;
const VERSION = 2;
/** Length, what is asked in which version, a number to know the answer by, no client name, a list of no topics. */
const QUESTION = Buffer.alloc(4 + 2 + 2 + 4 + 2 + 4);
QUESTION.writeInt32BE(QUESTION.length - 4, 0);
QUESTION.writeInt16BE(METADATA, 4);
QUESTION.writeInt16BE(VERSION, 6);
QUESTION.writeInt32BE(1, 8);
QUESTION.writeInt16BE(-1, 12);
QUESTION.writeInt32BE(0, 14);

/** What a broker says of its cluster. */
export interface Metadata {
  readonly clusterId: string;
  /** The ids of those that it takes for alive. */
  readonly brokers: readonly number[];
}

/** Asks the broker on this port of loopback; undefined if there is none that answers. Never rejects. */
export function askBroker(port: number): Promise<Metadata | undefined> {
  const { promise, resolve } = Promise.withResolvers<Metadata | undefined>();
  const socket = connect(port, HOST, () => socket.write(QUESTION));
  let heard = Buffer.alloc(0);
  socket.setTimeout(ANSWER_MS, () => resolve(undefined));
  socket.on('data', (part: Buffer) => {
    heard = Buffer.concat([heard, part]);
    if (heard.length >= 4 && heard.length >= 4 + heard.readInt32BE(0)) resolve(metadataIn(heard.subarray(4)));
  });
  socket.on('error', () => resolve(undefined)).on('close', () => resolve(undefined));
  return promise.finally(() => socket.destroy());
}

/** Reads an answer: its number, then for each broker id, host, port and rack, then the id of the cluster. */
export function metadataIn(answer: Buffer): Metadata {
  const count = answer.readInt32BE(4);
  const brokers: number[] = [];
  let at = 8;
  while (brokers.length < count) {
    brokers.push(answer.readInt32BE(at));
    at = afterText(answer, at + 4) + 4;
    at = afterText(answer, at);
  }
  return { clusterId: answer.toString('utf8', at + 2, afterText(answer, at)), brokers };
}

/** Where a text that may be missing (length −1) ends. */
function afterText(answer: Buffer, at: number): number {
  return at + 2 + Math.max(0, answer.readInt16BE(at));
}
