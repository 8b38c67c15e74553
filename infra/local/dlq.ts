// `npm run dlq`: the records that a consumer could never handle.
//
//   -- list                                     how many wait in each topic, the newest, the reasons
//   -- show TOPIC [--id ID | --partition P --offset O]      headers and value
//   -- redrive TOPIC (--id ID | --all [--reason TEXT])      back to the topic; the same letter never twice
//
// Where it looks: dlq-source.ts. What to do when: docs/dead-letters.md.

import { parseArgs } from 'node:util';
import { isTopic, type TopicName, topics } from '../../brokers/topics.ts';
import type { DeadLetter, DeadLetters } from '../../mixins/kafka-log/dead-letters.ts';
import { BadSetting, readSettings } from '../../mixins/settings.ts';
import { DlqRefused, type DlqSource, dlqSource, namedSource, openSource } from './dlq-source.ts';

/** Letters that one call shows. */
const SHOWN_MAX = 20;
/** Characters of a value, and reasons of a topic, that are shown. */
const VALUE_MAX = 4_000;
const REASONS_MAX = 5;

const USAGE =
  'list | show TOPIC [--id ID | --partition P --offset O] | redrive TOPIC (--id ID | --all [--reason TEXT])';

/** What is asked for. */
export type DlqRequest =
  | { readonly what: 'list' }
  | { readonly what: 'show'; readonly topic: TopicName; readonly id?: string; readonly place?: Place }
  | { readonly what: 'redrive'; readonly topic: TopicName; readonly id: string }
  | { readonly what: 'redrive'; readonly topic: TopicName; readonly reason: string };

interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** Reads the words of the command line. @throws DlqRefused saying what was expected */
export function parseDlq(words: readonly string[]): DlqRequest {
  const { positionals, values } = parsed(words);
  const [what, topic, ...more] = positionals;
  const { id, partition, offset, all = false, reason } = values;
  const given = Object.keys(values);
  const only = (...allowed: string[]): void => {
    const odd = given.find((name) => !allowed.includes(name));
    if (odd !== undefined) throw new DlqRefused(`--${odd} does not go with that: ${USAGE}.`);
  };
  if (more.length > 0) throw new DlqRefused(`"${more.join(' ')}" is too much: ${USAGE}.`);
  if (what === 'list') {
    if (topic !== undefined) throw new DlqRefused(`list takes no topic ("${topic}"): it lists all of them.`);
    only();
    return { what };
  }
  if (what !== 'show' && what !== 'redrive') {
    throw new DlqRefused(what === undefined ? `Say what is wanted: ${USAGE}.` : `There is no "${what}": ${USAGE}.`);
  }
  if (topic === undefined || !isTopic(topic)) {
    throw new DlqRefused(
      `${topic === undefined ? 'A topic is missing' : `There is no topic "${topic}"`}: ${knownTopics()}.`,
    );
  }
  const letter = id === undefined ? undefined : idOf(topic, id);
  if (what === 'show') {
    only('id', 'partition', 'offset');
    if (letter !== undefined && (partition ?? offset) !== undefined)
      throw new DlqRefused('Either --id, or --partition with --offset.');
    if (letter !== undefined) return { what, topic, id: letter };
    if (partition === undefined && offset === undefined) return { what, topic };
    return { what, topic, place: { partition: whole('partition', partition), offset: whole('offset', offset) } };
  }
  only('id', 'all', 'reason');
  if ((letter === undefined) !== all)
    throw new DlqRefused('Say which: --id ID for one letter, or --all for every one that waits.');
  if (letter === undefined) return { what, topic, reason: reason ?? '' };
  if (reason !== undefined) throw new DlqRefused('--reason goes with --all: a letter is named by its id already.');
  return { what, topic, id: letter };
}

function parsed(words: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    const options = { id: text, partition: text, offset: text, reason: text, all: { type: 'boolean' } } as const;
    return parseArgs({ args: [...words], allowPositionals: true, options });
  } catch (error) {
    throw new DlqRefused(`${(error as Error).message.split('. ')[0]}: ${USAGE}.`, { cause: error });
  }
}

const knownTopics = (): string => `the catalogue has ${Object.keys(topics).join(', ')}`;

/** `product.deleted:17` as `list` shows it, or 17 alone. */
function idOf(topic: TopicName, id: string): string {
  const number = id.startsWith(`${topic}:`) ? id.slice(topic.length + 1) : id;
  if (!/^\d+$/.test(number)) throw new DlqRefused(`--id is "${id}", but must be one of the list, such as ${topic}:17.`);
  return `${topic}:${number}`;
}

function whole(name: string, text: string | undefined): number {
  if (text === undefined)
    throw new DlqRefused(`--${name} is missing: a place in a topic is --partition with --offset.`);
  if (!/^\d{1,15}$/.test(text)) throw new DlqRefused(`--${name} is "${text}", but must be a whole number from 0 on.`);
  return Number(text);
}

type Print = (line: string) => void;

/** Does what is asked for, and returns the sentence that says what was shown. @throws DlqRefused, RangeError */
export async function runDlq(letters: DeadLetters, request: DlqRequest, print: Print): Promise<string> {
  switch (request.what) {
    case 'list':
      return showList(await letters.list(), print);
    case 'show':
      return await showLetters(letters, request, print);
    case 'redrive': {
      const given =
        'id' in request
          ? [await letters.redrive(request.id)]
          : await letters.redriveAll(request.topic, ({ reason }) => reason.includes(request.reason));
      for (const { id, group, partition, offset } of given)
        print(`${id}  of ${group}, partition ${partition}, offset ${offset}`);
      return `${counted(given.length)} given back to ${request.topic}.`;
    }
    default:
      return request satisfies never;
  }
}

const counted = (count: number): string => (count === 1 ? '1 dead letter' : `${count} dead letters`);

function showList(all: readonly DeadLetter[], print: Print): string {
  const byTopic = Map.groupBy(all, ({ topic }) => topic);
  for (const [topic, letters] of byTopic) {
    const newest = letters.reduce((latest, { at }) => (at > latest ? at : latest), '');
    print(`${topic}  ${letters.length} waiting, the newest of ${newest}`);
    const reasons = [...Map.groupBy(letters, ({ group, reason }) => `${group}: ${printable(reason)}`)];
    const byCount = reasons.toSorted(([, a], [, b]) => b.length - a.length);
    for (const [reason, same] of byCount.slice(0, REASONS_MAX)) {
      print(`  ${same.length} × ${reason}  (${(same.at(-1) as DeadLetter).id})`);
    }
    if (reasons.length > REASONS_MAX) print(`  and ${reasons.length - REASONS_MAX} other reasons`);
  }
  return all.length === 0
    ? 'no dead letters wait.'
    : `${counted(all.length)} in ${byTopic.size} of ${Object.keys(topics).length} topics.`;
}

type ShowRequest = Extract<DlqRequest, { what: 'show' }>;

async function showLetters(letters: DeadLetters, { topic, id, place }: ShowRequest, print: Print): Promise<string> {
  const found = id === undefined ? await letters.list([topic]) : [await letters.show(id)];
  const wanted =
    place === undefined
      ? found
      : found.filter((letter) => letter.partition === place.partition && letter.offset === place.offset);
  if (wanted.length === 0 && place !== undefined) {
    throw new DlqRefused(
      `No dead letter of ${topic} waits for partition ${place.partition}, offset ${place.offset}: the list shows what there is.`,
    );
  }
  if (topics[topic].personalData && wanted.length > 0)
    print(`! ${topic} holds personal data: do not pass on what follows.\n`);
  for (const letter of wanted.slice(-SHOWN_MAX)) showLetter(letter, print);
  const shown = Math.min(wanted.length, SHOWN_MAX);
  return shown === wanted.length
    ? `${counted(shown)} of ${topic} shown.`
    : `the newest ${shown} of ${counted(wanted.length)} of ${topic} shown.`;
}

function showLetter(
  { id, group, partition, offset, reason, at, key, value, headers, isRedriven }: DeadLetter,
  print: Print,
): void {
  print(`${id}${isRedriven ? '  (given back)' : ''}`);
  print(`  ${group} could not handle partition ${partition}, offset ${offset}; put aside ${at}`);
  print(`  reason: ${printable(reason)}`);
  print(`  key: ${key === '' ? '(none)' : printable(key)}`);
  for (const [name, text] of Object.entries(headers)) print(`  ${name}: ${printable(text)}`);
  print(`  value: ${value === '' ? '(none)' : printable(value.slice(0, VALUE_MAX))}`);
  if (value.length > VALUE_MAX) print(`  … ${value.length - VALUE_MAX} more characters`);
  print('');
}

/** What strangers wrote must not steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

if (import.meta.main) {
  try {
    const request = parseDlq(process.argv.slice(2));
    console.log(`Dlq: ${await ask(dlqSource(readSettings(process.env)), request)}`);
  } catch (error) {
    if (![DlqRefused, RangeError, BadSetting].some((kind) => error instanceof kind)) throw error;
    console.error(`Dlq: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}

async function ask(source: DlqSource, request: DlqRequest): Promise<string> {
  let letters: Awaited<ReturnType<typeof openSource>> | undefined;
  try {
    letters = await openSource(source);
    return await runDlq(letters, request, console.log);
  } catch (error) {
    if (error instanceof DlqRefused || error instanceof RangeError) throw error;
    const said = `${namedSource(source)} does not answer: ${(error as Error).message}. Is it running?`;
    throw new DlqRefused(said, { cause: error });
  } finally {
    await letters?.close();
  }
}
