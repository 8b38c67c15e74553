// The rules of the house as pure functions: files in, complaints out. `tidy.test.ts` runs them on the repository.
import { posix } from 'node:path';

export type SourceFile = { readonly path: string; readonly text: string };

const LINES_MAX = 400;

/** What a layer may import from. Everything else in the repository (infra, load, the root) may import from anywhere. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  actors: ['actors'],
  brokers: ['brokers', 'actors'],
  mixins: ['mixins', 'brokers', 'actors'],
  services: ['services', 'mixins', 'brokers', 'actors'],
};
const folderOf = (path: string): string => path.split('/')[0] ?? '';
const isTest = (path: string): boolean => /\.(test|contract)\.ts$/.test(path);
const isLayered = (file: SourceFile): boolean => file.path.endsWith('.ts') && folderOf(file.path) in mayImport;

const TOKENS = /\/\/.*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

const blank = (text: string): string => text.replaceAll(/[^\n]/g, ' ');

/** The code with its comments and strings blanked, so that prose and data break no rule; what a template computes is code. */
export const bare = (text: string): string =>
  text.replaceAll(TOKENS, (token) =>
    token.startsWith('`')
      ? token.replaceAll(/(\$\{[^}]*\})|[^$]+|\$/g, (part, code?: string) => code ?? blank(part))
      : blank(token),
  );

/** Everything that a file imports, types included. */
export const importsOf = (text: string): string[] =>
  [...text.matchAll(/^(?:import|export)\b[^'";]*?from\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/gm)].map(
    (match) => match[1] ?? match[2] ?? '',
  );

/** Imports point one way: actors ← brokers ← mixins ← services. A test may reach for what it needs to run its subject. */
export const wrongImports = (files: readonly SourceFile[]): string[] =>
  files
    .filter((file) => isLayered(file) && !isTest(file.path))
    .flatMap(({ path, text }) =>
      importsOf(text)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => posix.join(posix.dirname(path), specifier))
        .filter((target) => isTest(target) || mayImport[folderOf(path)]?.includes(folderOf(target)) !== true)
        .map((target) => `${path} imports ${target}`),
    );

const impure =
  /\b(?:Date\.now|new Date|Math\.random|randomUUID|process\.|async\b|await\b|Promise\b|setTimeout|setInterval|setImmediate|queueMicrotask|performance\b|crypto\b|fetch\(|console\.|globalThis\b|toLocale\w*|Intl\b)|^(?:export )?(?:let|var)\b/gm;

/** Actors know nothing but actors: no package, no clock, no randomness, no waiting, no locale, no state of the module's own. */
export const impureActors = (files: readonly SourceFile[]): string[] =>
  files
    .filter((file) => isLayered(file) && folderOf(file.path) === 'actors')
    .flatMap(({ path, text }) => {
      const outside = importsOf(text).filter((specifier) => !specifier.startsWith('.'));
      if (isTest(path))
        return outside.filter((it) => !/^(?:@jest\/globals$|node:)/.test(it)).map((it) => `${path} imports ${it}`);
      const words = [...bare(text).matchAll(impure)].map((match) => match[0].trim());
      return [...outside.map((it) => `${path} imports ${it}`), ...words.map((it) => `${path} holds ${it}`)];
    });

/** A folder is named after what is in it. */
export const vagueFolders = (files: readonly SourceFile[]): string[] =>
  files.map((file) => file.path).filter((path) => /(?:^|\/)(?:src|lib|utils?|common|helpers?)\//.test(path));

/** Names are kebab-case, a role is a suffix after a dot; prose for everyone is in capitals. */
export const oddNames = (files: readonly SourceFile[]): string[] =>
  files
    .map((file) => file.path)
    .filter((path) => {
      const name = posix.basename(path);
      const kebab = /^\.?[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*$/.test(name);
      return !kebab && !/^(?:[A-Z]+(?:\.md)?|Dockerfile|CODEOWNERS)$/.test(name);
    });

/** Decisions are numbered 1, 2, 3 …, each number once. */
export const misnumberedDecisions = (files: readonly SourceFile[]): string[] =>
  files
    .map((file) => file.path)
    .filter((path) => /^docs\/adr\/\d/.test(path))
    .toSorted()
    .filter((path, index) => Number(/\d+/.exec(path)?.[0]) !== index + 1);

/** Files that rules live in stay small enough to be read in one sitting. */
export const longFiles = (files: readonly SourceFile[]): string[] =>
  files
    .filter((file) => isLayered(file) && !isTest(file.path))
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > LINES_MAX)
    .map(({ path, lines }) => `${path} has ${lines} lines`);

/** No test is left out or run alone. */
export const idleTests = (files: readonly SourceFile[]): string[] =>
  files
    .filter((file) => isTest(file.path))
    .filter(({ text }) =>
      /\b(?:it|test|describe)\b[.\w]*\.(?:skip|only|failing)\b|\b(?:xit|xtest|xdescribe|fit|fdescribe)\s*\(/.test(
        bare(text),
      ),
    )
    .map((file) => file.path);

type Manifest = {
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
};

/** Every command that a person may type is in the README. */
export const unmentionedScripts = (manifest: Manifest, readme: string): string[] =>
  Object.keys(manifest.scripts ?? {}).filter((name) => !new RegExp(`\\bnpm (?:run )?${name}(?![\\w:-])`).test(readme));

/** Dependencies are pinned; those of one family, which must match, are of one version. */
export const looseVersions = (manifest: Manifest): string[] => {
  const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  const family = all.filter(([name]) => name.startsWith('@mikro-orm/'));
  return [
    ...all.filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)),
    ...family.filter(([, version]) => version !== family[0]?.[1]),
  ].map(([name, version]) => `${name} ${version}`);
};
