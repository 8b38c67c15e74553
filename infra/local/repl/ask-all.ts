// One question to every node that has a service, all at the same time. Who does not answer is named, never left out: also a
// node that was gone before the REPL came, of which only others know.

import { Errors, type ServiceBroker } from 'moleculer';
import { nodesWith } from '../../node/repl-server.ts';

/** A node that takes longer counts as silent, in milliseconds. */
const ANSWER_WITHIN_MS = 2_000;

/** What was answered, by node, and who was silent, as sentences; both by the nodes' names. */
export interface Answers<T> {
  readonly answers: readonly { readonly node: string; readonly answer: T }[];
  readonly silent: readonly string[];
}

/** Asks all nodes that have the action's service. */
export async function askAll<T>(broker: ServiceBroker, action: string, params: object = {}): Promise<Answers<T>> {
  const [service = ''] = action.split('.', 1);
  const present = nodesWith(broker, service).filter(({ available }) => available);
  const [asked, known] = await Promise.all([
    Promise.all(present.map(({ id }) => ask<T>(broker, id, action, params))),
    knownTo(broker, service),
  ]);
  const here = new Set(present.map(({ id }) => id));
  const gone = [...known]
    .filter((id) => !here.has(id))
    .map((node) => ({ node, silent: `${node} is gone: it is not heard of any more` }));
  const all = [...asked, ...gone].toSorted((a, b) => a.node.localeCompare(b.node, 'en', { numeric: true }));
  return {
    answers: all.flatMap((each) => ('answer' in each ? [{ node: each.node, answer: each.answer }] : [])),
    silent: all.flatMap((each) => ('silent' in each ? [each.silent] : [])),
  };
}

type Asked<T> = { readonly node: string } & ({ readonly answer: T } | { readonly silent: string });

async function ask<T>(broker: ServiceBroker, node: string, action: string, params: object): Promise<Asked<T>> {
  try {
    const options = { nodeID: node, timeout: ANSWER_WITHIN_MS, retries: 0 };
    return { node, answer: await broker.call<T, object>(action, params, options) };
  } catch (error) {
    return { node, silent: `${node} ${whyOf(error as Error)}` };
  }
}

/** Who has the service, or had it, as far as any node has heard. */
async function knownTo(broker: ServiceBroker, service: string): Promise<ReadonlySet<string>> {
  const known = new Set(nodesWith(broker, service).map(({ id }) => id));
  const nodes = nodesWith(broker, 'repl').filter(({ available }) => available);
  const heard = await Promise.all(nodes.map(({ id }) => ask<readonly string[]>(broker, id, 'repl.known', { service })));
  return new Set([...known, ...heard.flatMap((each) => ('answer' in each ? each.answer : []))]);
}

function whyOf(error: Error): string {
  if (error instanceof Errors.RequestTimeoutError) return `did not answer within ${ANSWER_WITHIN_MS / 1_000} s`;
  return `answered: ${error.message}`;
}
