// What `npm run chaos` was asked for: words from the command line, or a sentence that says what is wrong with them. And back.

import { parseArgs } from 'node:util';
import { type FaultKind, faultKinds } from './faults/fault.ts';
import { type Profile, profiles } from './profiles.ts';

/** Seeds are 32 bits. */
const SEED_LIMIT = 2 ** 32;

export interface CampaignWish {
  readonly profile: Profile;
  readonly seed: number;
  readonly runs: { readonly first: number; readonly last: number };
  readonly kinds?: readonly FaultKind[];
  /** Only what begins with this is hit. */
  readonly target?: string;
  /** Where report and histories go. */
  readonly out: string | undefined;
}

/** Parts of one campaign to be put together. */
export interface MergeWish {
  readonly merge: readonly string[];
  readonly out: string | undefined;
}

/** What is wrong with the words, as a sentence for people. */
export class WrongWords extends Error {
  override name = 'WrongWords';
}

/**
 * Reads the command line.
 * @param drawn the seed if none is given
 * @throws WrongWords
 */
export function readWish(words: readonly string[], drawn: number): CampaignWish | MergeWish {
  const { values, positionals } = parsed(words);
  if (values.merge === true) {
    if (positionals.length === 0) throw new WrongWords('--merge: name the JSON files of the parts behind it');
    return { merge: positionals, out: values.out };
  }
  if (positionals.length > 0)
    throw new WrongWords(`"${positionals.join(' ')}" is not understood; files stand behind --merge only`);
  const name = values.profile ?? 'commit';
  if (!Object.hasOwn(profiles, name))
    throw new WrongWords(`--profile ${name}: there are ${Object.keys(profiles).join(', ')}`);
  const profile = profiles[name as Profile['name']];
  const kinds = values.fault?.flatMap((text) => text.split(',')).filter((text) => text !== '');
  const unknown = kinds?.filter((kind) => !(faultKinds as readonly string[]).includes(kind)) ?? [];
  if (unknown.length > 0)
    throw new WrongWords(`--fault ${unknown.join(',')}: there is no such fault; there are ${faultKinds.join(', ')}`);
  return {
    profile,
    seed: seedIn(values.seed, drawn),
    runs: runsIn(values.runs, profile.runs),
    ...(kinds === undefined ? {} : { kinds: kinds as FaultKind[] }),
    ...(values.target === undefined ? {} : { target: values.target }),
    out: values.out,
  };
}

/** What asks for the same again. */
export function commandOf({ profile, seed, runs, kinds, target }: Omit<CampaignWish, 'out'>): string {
  const words = [
    `--profile ${profile.name} --seed ${seed}`,
    ...(runs.first === 1 && runs.last === profile.runs ? [] : [`--runs ${runs.first}-${runs.last}`]),
    ...(kinds === undefined ? [] : [`--fault ${kinds.join(',')}`]),
    ...(target === undefined ? [] : [`--target ${target}`]),
  ];
  return `npm run chaos -- ${words.join(' ')}`;
}

function parsed(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        profile: { type: 'string' },
        seed: { type: 'string' },
        runs: { type: 'string' },
        fault: { type: 'string', multiple: true },
        target: { type: 'string' },
        out: { type: 'string' },
        merge: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new WrongWords((error as Error).message, { cause: error });
  }
}

function seedIn(text: string | undefined, drawn: number): number {
  const seed = text === undefined ? drawn : Number(text);
  if (text !== '' && Number.isSafeInteger(seed) && seed >= 0 && seed < SEED_LIMIT) return seed;
  throw new WrongWords(`--seed ${text}: a seed is a whole number from 0 to ${SEED_LIMIT - 1}`);
}

function runsIn(text: string | undefined, all: number): CampaignWish['runs'] {
  if (text === undefined) return { first: 1, last: all };
  const [, from = '', to = from] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from !== '' && first >= 1 && first <= last && last <= all) return { first, last };
  throw new WrongWords(`--runs ${text}: write one number or two from 1 to ${all}, as in 1-${Math.min(40, all)}`);
}
