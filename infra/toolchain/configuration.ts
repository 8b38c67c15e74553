// The documentation of the settings, from their table, and the check that nobody reads a variable that is not in it.

import { programs, reserved, type Variable, variables } from '../../mixins/settings-table.ts';
import { bare, type SourceFile } from './tidy.ts';

/** Between these lines the page is written by `node infra/toolchain/write-configuration.ts`. */
export const MARKS = { begin: '<!-- from mixins/settings-table.ts -->', end: '<!-- end -->' };

/** Variables of the surroundings, which are not ours: where programs, homes and temporary files are, and what runs us. */
const FOREIGN = new Set(['PATH', 'HOME', 'TMPDIR', 'CI', 'JAVA_HOME', 'MAVEN_OPTS']);
/** Reads variables by computed names: it hands the surroundings on, and nothing of ours (servers.test.ts). */
const COMPUTES_NAMES = new Set(['infra/local/servers/server-process.ts']);

type Row = readonly [name: string, variable: Variable<unknown>];

/** The tables of the page, in Markdown. */
export function renderTables(): string {
  const rows: readonly Row[] = Object.entries<Variable<unknown>>(variables);
  const isOfTests = ([, { usedBy }]: Row) => usedBy.includes('tests');
  return [
    '## Variables',
    tableOf(rows.filter((row) => !isOfTests(row))),
    'Who reads them:',
    Object.entries(programs)
      .map(([program, what]) => `- **${program}**: ${what}`)
      .join('\n'),
    '## Variables of the tests',
    tableOf(rows.filter(isOfTests)),
    '## Reserved',
    'Names that later programs will read. They change nothing yet.',
    markdownTable(
      ['variable', 'for'],
      Object.entries(reserved).map(([name, meaning]) => [`\`${name}\``, meaning]),
    ),
  ].join('\n\n');
}

/** The page with its tables renewed. @throws Error if it has no place for them */
export function withTables(page: string): string {
  const [before, rest] = split(page, MARKS.begin);
  const [, after] = split(rest, MARKS.end);
  return `${before}${MARKS.begin}\n\n${renderTables()}\n\n${MARKS.end}${after}`;
}

function split(text: string, mark: string): [before: string, after: string] {
  const at = text.indexOf(mark);
  if (at < 0) throw new Error(`the page has no line "${mark}", where its tables belong`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

function tableOf(rows: readonly Row[]): string {
  return markdownTable(
    ['variable', 'must be', 'default', 'for example', 'read by', 'meaning'],
    rows.map(([name, { kind, default: fallback, without, example, usedBy, meaning, secret }]) => [
      `\`${name}\``,
      kind.form,
      fallback === undefined ? (without ?? '') : `\`${fallback}\``,
      `\`${example}\``,
      usedBy.join(', '),
      `${meaning}${secret === undefined ? '' : SECRECY[secret]}`,
    ]),
  );
}

const SECRECY = { whole: ' **Secret.**', within: ' **Secret** where it holds a password.' } as const;

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A variable that is read, and where; `undefined` for a name that is computed. */
export interface Use {
  readonly path: string;
  readonly name: string | undefined;
}

/** Every variable that the files read: TypeScript and JavaScript by `process.env`, other files (shell, YAML) by `$NAME`. */
export function variablesUsed(files: readonly SourceFile[]): readonly Use[] {
  return files.flatMap(({ path, text }) =>
    (/\.(?:ts|js|mjs|cjs)$/.test(path) ? namesInCode(text) : namesInShell(text)).map((name) => ({ path, name })),
  );
}

function namesInCode(text: string): (string | undefined)[] {
  const code = bare(text); // strings and comments are blanks there, at the same places
  const single = [...code.matchAll(/\bprocess\.env\s*(?:\.|\[)/g)].map(({ index }) => {
    const [, dotted, quoted] = /^process\.env\s*(?:\.\s*(\w+)|\[\s*['"](\w+)['"]\s*\])/.exec(text.slice(index)) ?? [];
    return dotted ?? quoted;
  });
  const several = [...code.matchAll(/\{([^{}]*)\}\s*=\s*process\.env\b/g)].flatMap(([, names = '']) =>
    names.split(',').flatMap((part) => part.split(/[:=]/)[0]?.trim() || []),
  );
  return [...single, ...several];
}

function namesInShell(text: string): string[] {
  return [...text.replaceAll(/(?:^|\s)#.*/gm, '').matchAll(/(?<!\$)\$\{?([A-Z][A-Z0-9_]*)/g)]
    .map(([, name = '']) => name)
    .filter((name) => !SHELL.has(name));
}

/** Variables of the shell itself. */
const SHELL = new Set(['BASH_SOURCE', 'EXIT', 'SECONDS']);

/** Uses of variables that neither the table nor the surroundings know. What a test tells a fixture is between the two. */
export function strayUses(uses: readonly Use[]): readonly string[] {
  return uses
    .filter(({ path }) => !path.endsWith('.fixture.ts'))
    .filter(({ path, name }) =>
      name === undefined ? !COMPUTES_NAMES.has(path) : !(name in variables) && !FOREIGN.has(name),
    )
    .map(({ path, name }) => `${path} reads ${name ?? 'a variable whose name it computes'}`);
}
