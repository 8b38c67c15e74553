import { globSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { type Variable, variables } from '../../mixins/settings-table.ts';
import { MARKS, renderTables, strayUses, variablesUsed, withTables } from './configuration.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');
const PATTERNS = [
  '{actors,brokers,mixins,services,infra,load}/**/*.{ts,js,mjs,cjs}',
  '*.{ts,js}',
  '.ci/run',
  'infra/**/*.{yaml,yml,sh}',
];
const files = globSync(PATTERNS, { cwd: ROOT }).map((path) => ({ path, text: read(path) }));
const given = (text: string, path = 'infra/local/a.ts') => variablesUsed([{ path, text }]).map(({ name }) => name);

it('docs/configuration.md says what the table says (node infra/toolchain/write-configuration.ts)', () => {
  const page = read('docs/configuration.md');
  expect(page).toBe(withTables(page));
});

it('the page is made of the table: each variable has its row', () => {
  const lines = renderTables().split('\n');
  for (const [name, { usedBy, secret }] of Object.entries<Variable<unknown>>(variables)) {
    const rows = lines.filter((line) => line.startsWith(`| \`${name}\` |`));
    expect(rows).toHaveLength(1);
    expect(rows[0]).toContain(` | ${usedBy.join(', ')} | `);
    expect(rows[0]?.includes('**Secret')).toBe(secret !== undefined);
  }
});

it('a page has a place for the tables, and keeps what stands around them', () => {
  expect(withTables(`before\n${MARKS.begin}\nold\n${MARKS.end}\nafter`)).toBe(
    `before\n${MARKS.begin}\n\n${renderTables()}\n\n${MARKS.end}\nafter`,
  );
  expect(() => withTables('nothing')).toThrow('the page has no line');
});

it('every variable that is read is in the table, or belongs to the surroundings', () => {
  const uses = variablesUsed(files);
  expect(strayUses(uses)).toEqual([]);
  // Not because nothing was found.
  const found = new Set(uses.map(({ name }) => name));
  for (const name of ['DB_URL', 'SEED', 'CI', 'JAVA_HOME', 'KAFKA_PORT', undefined]) expect(found).toContain(name);
});

it('every variable of the table is read', () => {
  const byAws = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
  const bySettings = new Set([...read('mixins/settings.ts').matchAll(/\bvalues\.([A-Z_]+)/g)].map(([, name]) => name));
  const used = new Set(variablesUsed(files).map(({ name }) => name));
  const idle = Object.keys(variables).filter((name) => ![bySettings, used].some((names) => names.has(name)));
  expect(idle.toSorted()).toEqual(byAws);
});

it('the compose file has the defaults of the table', () => {
  const text = read('infra/local/servers/compose.yaml');
  const defaults = [...text.matchAll(/\$\{([A-Z_]+):-([^}]*)\}/g)].map(
    ([, name = '', value]) => [name, value] as const,
  );
  expect(new Set(defaults.map(([name]) => name)).size).toBe(4);
  for (const [name, value] of defaults) expect([name, variables[name as 'PORT'].default]).toEqual([name, value]);
});

it.each([
  [`const a = process.env['LIMIT'];`, 'LIMIT'],
  ['const a = process.env["LIMIT"] ?? 1;', 'LIMIT'],
  ['const a = process.env.LIMIT;', 'LIMIT'],
  ['const a = `x${process.env.LIMIT}`;', 'LIMIT'],
  ['const { LIMIT } = process.env;', 'LIMIT'],
  ['const { LIMIT: limit = 1 } = process.env;', 'LIMIT'],
])('%s reads %s', (text, name) => {
  expect(given(text)).toEqual([name]);
  expect(strayUses(variablesUsed([{ path: 'load/a.ts', text }]))).toEqual([`load/a.ts reads ${name}`]);
});

it('a computed name is one that cannot be looked up', () => {
  expect(strayUses(variablesUsed([{ path: 'load/a.ts', text: 'process.env[name]' }]))).toEqual([
    'load/a.ts reads a variable whose name it computes',
  ]);
});

it('a test may tell its fixture what it likes', () => {
  const text = 'const { LIMIT } = process.env;';
  expect(strayUses(variablesUsed([{ path: 'infra/a.fixture.ts', text }]))).toEqual([]);
});

it('prose and data read nothing', () => {
  expect(given(`// process.env['LIMIT']\nconst a = "process.env.LIMIT";\nrun({ ...process.env });`)).toEqual([]);
});

it('scripts read variables by $', () => {
  expect(given('# $NOT\nexport CI="${CI:-true}"\nrun "$LIMIT" $$HASH ${lower}', '.ci/run')).toEqual(['CI', 'LIMIT']);
  expect(given(`ports: ['127.0.0.1:\${LIMIT:-1}:1']`, 'a.yaml')).toEqual(['LIMIT']);
});
