// In which order the units of a supervisor can start, and why they cannot. Pure.

export interface Ordered {
  readonly name: string;
  readonly after?: readonly string[];
}

/**
 * The units, each behind all that it needs.
 * @throws Error when two have one name, one needs something that is not there, or they wait for each other
 */
export function inOrder<T extends Ordered>(units: readonly T[]): readonly T[] {
  const byName = new Map(units.map((unit) => [unit.name, unit]));
  if (byName.size < units.length) {
    const twice = units.map(({ name }) => name).filter((name, index, all) => all.indexOf(name) !== index);
    throw new Error(`Names of units must differ, and these are given twice: ${twice.join(', ')}.`);
  }
  const ordered = new Set<T>();
  const add = (unit: T, way: readonly string[]): void => {
    if (ordered.has(unit)) return;
    const here = [...way, unit.name];
    if (way.includes(unit.name)) throw new Error(`These units wait for each other: ${here.join(' → ')}.`);
    for (const name of unit.after ?? []) {
      const needed = byName.get(name);
      if (needed === undefined) throw new Error(`${unit.name} starts after ${name}, which is not among the units.`);
      add(needed, here);
    }
    ordered.add(unit);
  };
  for (const unit of units) add(unit, []);
  return [...ordered];
}
