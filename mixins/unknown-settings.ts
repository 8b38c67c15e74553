// Hints on variables that look like ours and are none: a misspelt one would change nothing, and nobody would know.

import { reserved, variables } from './settings-table.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Families of names that are ours: what begins so and is not known is misspelt, or of another version. */
const FAMILIES = ['ACTIVITY', 'ADMIN', 'DB', 'DYNAMODB', 'KAFKA', 'KEYS', 'NATS', 'PAYMENT', 'RATE', 'SMTP'];
/** Names of those families that others give: an orchestrator's of the services beside it, and options of Kafka's own tools. */
const FOREIGN = /_SERVICE_(?:HOST|PORT)|_PORT(?:_\d+_|$)|^KAFKA_(?:[A-Z0-9]+_)?OPTS$/;
/** Slips that a misspelt name may have: short words are too near to others. */
const slipsMax = (name: string): number => (name.length < 5 ? 0 : name.length < 8 ? 1 : 2);
/** Hints of one start; more are another program's environment, not slips. */
const HINTS_MAX = 20;

/**
 * Hints on unknown variables that look like ours, a sentence each; values are not shown.
 * @returns the first 20, empty if there is nothing to say
 */
export function unknownSettings(environment: Environment): readonly string[] {
  const known = Object.keys(variables);
  return Object.keys(environment)
    .filter((name) => !known.includes(name) && !(name in reserved) && !FOREIGN.test(name))
    .toSorted()
    .flatMap((name) => {
      const meant = meantBy(name.toUpperCase(), known);
      return meant.length === 0 ? [] : `${name} is set, but no setting has this name: did you mean ${listed(meant)}?`;
    })
    .slice(0, HINTS_MAX);
}

/** The names that it may stand for: the nearest ones, else one that it shortens or lengthens, else those of its family. */
function meantBy(name: string, known: readonly string[]): readonly string[] {
  const max = slipsMax(name);
  const near = known.filter((candidate) => Math.abs(candidate.length - name.length) <= max);
  const slips = new Map(near.map((candidate) => [candidate, slipsBetween(name, candidate)]));
  const fewest = Math.min(...slips.values());
  if (fewest <= max) return near.filter((candidate) => slips.get(candidate) === fewest);
  const [family = ''] = name.split('_', 1);
  if (!FAMILIES.includes(family) || family === name) return [];
  const relatives = known.filter((candidate) => candidate.startsWith(`${family}_`));
  const alike = relatives.filter((candidate) => candidate.startsWith(name) || name.startsWith(candidate));
  return alike.length > 0 ? alike : relatives;
}

/** Letters too many, too few, wrong, or two swapped (optimal string alignment). */
function slipsBetween(one: string, other: string): number {
  let [before, last]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      row[j] = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (isSame ? 0 : 1),
        isSwapped ? (before[j - 2] as number) + 1 : Infinity,
      );
    }
    [before, last] = [last, row];
  }
  return last[other.length] as number;
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
