// What every node of the shop says of itself, as lines: its process, its actors, its outbox, its circuits.

import type { ServiceBroker } from 'moleculer';
import type { GuardState } from '../../../mixins/provider.ts';
import type { ActorLine, CircuitsOfNode, OutboxLine, ProcessOfNode, WaitingLine } from '../../node/repl-server.ts';
import { askAll } from './ask-all.ts';

export type Print = (text: string) => void;

function tellSilent(silent: readonly string[], print: Print): void {
  for (const sentence of silent) print(`! ${sentence}`);
}

/** `orders-1  pid 4711  since 2026-11-21T17:00:00.000Z  orders`: one line per process. */
export async function showPids(broker: ServiceBroker, print: Print): Promise<void> {
  const { answers, silent } = await askAll<ProcessOfNode>(broker, 'repl.process');
  const width = Math.max(0, ...answers.map(({ node }) => node.length));
  for (const { node, answer } of answers) {
    const { pid, since, services } = answer;
    print(`${node.padEnd(width)}  pid ${pid}  since ${new Date(since).toISOString()}  ${services.join(', ')}`);
  }
  tellSilent(silent, print);
}

/** Every actor on every node that hosts it. */
export async function showActors(broker: ServiceBroker, print: Print): Promise<void> {
  const { answers, silent } = await askAll<readonly ActorLine[]>(broker, 'repl.actors');
  const lines = answers.flatMap(({ node, answer }) => answer.map((line) => ({ node, ...line })));
  const width = Math.max(0, ...lines.map(({ node }) => node.length));
  for (const { node, actor, service, waiting, cached, outbox, parked } of lines) {
    print(
      `${actor.padEnd(13)} at ${service.padEnd(14)} on ${node.padEnd(width)}  ` +
        `mailbox ${waiting}  cached ${cached}  outbox ${outbox}  parked ${parked}`,
    );
  }
  tellSilent(silent, print);
}

/** An outbox as the nodes of its context see it. */
export interface Outbox extends OutboxLine {
  readonly nodes: readonly string[];
}

/**
 * What has not left, each row once: the nodes of a context look into the same tables. They look at different moments; the
 * one that saw most of an actor is believed.
 */
export async function readOutboxes(
  broker: ServiceBroker,
): Promise<{ readonly asked: number; readonly outboxes: readonly Outbox[]; readonly silent: readonly string[] }> {
  const { answers, silent } = await askAll<readonly OutboxLine[]>(broker, 'repl.outbox');
  const seen = answers.flatMap(({ node, answer }) =>
    [...Map.groupBy(answer, ({ actor }) => actor)].map(([actor, lines]) => ({ node, actor, lines })),
  );
  const outboxes = [...Map.groupBy(seen, ({ actor }) => actor).values()].flatMap((views) => {
    const nodes = views.map(({ node }) => node);
    const sums = views.map(({ lines }) => lines.reduce((sum, { messages }) => sum + messages, 0));
    const fullest = views[sums.indexOf(Math.max(...sums))];
    return (fullest?.lines ?? []).map((line) => ({ ...line, nodes }));
  });
  return { asked: answers.length, outboxes, silent };
}

export async function showOutbox(broker: ServiceBroker, print: Print): Promise<void> {
  const { outboxes, silent } = await readOutboxes(broker);
  for (const { actor, kind, target, messages, atLeast, oldestMs, nodes } of outboxes) {
    const count = `${atLeast ? 'at least ' : ''}${messages}`;
    print(`${actor} ─${kind}─► ${target}  ${count} waiting, the oldest for ${oldestMs} ms  (${nodes.join(', ')})`);
  }
  if (outboxes.length === 0)
    print(
      silent.length === 0
        ? 'Every outbox is empty: everything that was committed has left.'
        : 'No outbox that could be asked for holds anything.',
    );
  tellSilent(silent, print);
}

/** What is on its way from or to an actor, each message once; and who could not say. */
export async function readWaiting(
  broker: ServiceBroker,
  id: string,
): Promise<{ readonly messages: readonly string[]; readonly silent: readonly string[] }> {
  const { answers, silent } = await askAll<readonly WaitingLine[]>(broker, 'repl.waits', { id });
  const messages = new Map(answers.flatMap(({ answer }) => answer.map((line) => [line.messageId, line.text] as const)));
  return { messages: [...messages.values()], silent };
}

/** Circuits that are not closed, on every node, and the ways to the payment provider. */
export async function showBreakers(broker: ServiceBroker, print: Print): Promise<void> {
  const [nodes, providers] = await Promise.all([
    askAll<CircuitsOfNode>(broker, 'repl.circuits'),
    askAll<GuardState | null>(broker, 'payments.provider'),
  ]);
  for (const { node, answer } of nodes.answers) {
    for (const { endpoint, state, failures, calls } of answer.circuits)
      print(`${node} ─► ${endpoint}  ${state}  calls without an answer ${failures} of ${calls}`);
  }
  for (const { node, answer } of providers.answers) {
    if (answer === null) {
      print(`${node} ─► payment provider  unguarded`);
      continue;
    }
    const { circuit, unknowns, busy, waiting } = answer;
    const counts = `calls without an answer in a row ${unknowns}, at it ${busy}, waiting ${waiting}`;
    print(`${node} ─► payment provider  ${circuit}  ${counts}`);
  }
  if (providers.answers.length === 0)
    print('No node with payments answers: the way to the payment provider is not known.');
  print(verdict(nodes.answers, providers.answers));
  tellSilent([...new Set([...nodes.silent, ...providers.silent])], print);
}

function verdict(
  nodes: readonly { readonly answer: CircuitsOfNode }[],
  providers: readonly { readonly answer: GuardState | null }[],
): string {
  const open =
    nodes.reduce((sum, { answer }) => sum + answer.circuits.length, 0) +
    providers.filter(({ answer }) => answer !== null && answer.circuit !== 'closed').length;
  const guarding = nodes.filter(({ answer }) => answer.guarding).length;
  const whose = `${guarding} of ${nodes.length} nodes have breakers towards others`;
  return open === 0 ? `All circuits are closed; ${whose}.` : `Circuits that are not closed: ${open}; ${whose}.`;
}
