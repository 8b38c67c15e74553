// Turns events of the log into commands of an actor: the command is committed before the group's position moves, and
// the event's id is the command's id, so that a repeat changes nothing.

import type { Message } from '../actors/actor.ts';
import { type EventLog, type LogRecord, PermanentFailure, type Subscription } from '../brokers/event-log.ts';
import type { Placed } from './placed.ts';

/**
 * Subscribes the hosts of a service to topics; whichever node reads a record, its command goes to the actor's. `command`
 * maps a record to a command and the id of its actor, or to undefined if the record concerns nobody here. A refusal by
 * the actor ends the record as much as its success does.
 */
export function consume(
  log: EventLog,
  host: Placed,
  options: {
    readonly group: string;
    readonly topics: readonly string[];
    readonly command: (record: LogRecord) => { readonly id: string; readonly command: Message } | undefined;
  },
): Promise<Subscription> {
  return log.subscribe({
    group: options.group,
    topics: options.topics,
    async handle(records) {
      const deliveries = records.flatMap((record) => {
        const mapped = map(record, options.command);
        return mapped === undefined
          ? []
          : [{ record, delivery: { ...mapped, commandId: record.id, sentAt: record.appendedAt } }];
      });
      const answers = await host.receive(deliveries.map(({ delivery }) => delivery));
      const away = answers.find((answer) => 'retry' in answer);
      if (away !== undefined) throw new Error(away.retry);
    },
  });
}

function map<C>(
  record: LogRecord,
  command: (record: LogRecord) => { readonly id: string; readonly command: C } | undefined,
) {
  try {
    return command(record);
  } catch (error) {
    throw new PermanentFailure(record.offset, `${record.topic} ${record.id}: ${(error as Error).message}`);
  }
}
