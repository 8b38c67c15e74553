// The architecture as a test. Each rule is shown to hold for the repository, and to be able to fail.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { addressed, missing, withEngines, type Lockfile } from './infra/toolchain/lockfile.ts';
import * as tidy from './infra/toolchain/tidy.ts';

const ROOT = new URL('.', import.meta.url);
const GENERATED = new Set(['node_modules', '.git', '.data', '.cache', 'coverage']);
const isText = (path: string): boolean => /\.(ts|js|mjs|cjs|json|md)$/.test(path);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

function* walk(folder = ''): Generator<string> {
  for (const entry of readdirSync(new URL(`./${folder}`, ROOT), { withFileTypes: true })) {
    if (GENERATED.has(entry.name)) continue;
    if (entry.isDirectory()) yield* walk(`${folder}${entry.name}/`);
    else yield folder + entry.name;
  }
}

const files = [...walk()].map((path) => ({ path, text: isText(path) ? read(path) : '' }));
const manifest = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const lock = JSON.parse(read('package-lock.json')) as Lockfile;

type Sample = readonly [path: string, text?: string];
const given = (...samples: Sample[]) => samples.map(([path, text = '']) => ({ path, text }));

describe('imports', () => {
  it('point one way: actors ← brokers ← mixins ← services', () => {
    expect(tidy.wrongImports(files)).toEqual([]);
  });

  it.each<Sample>([
    ['actors/order.ts', `import { topics } from '../brokers/catalogue.ts';`],
    ['actors/order.ts', `import type { Topic } from '../brokers/catalogue.ts';`],
    ['brokers/kafka.ts', `import {\n  relay,\n} from "../mixins/relay.ts";`],
    ['brokers/kafka.ts', `export { relay } from '../mixins/relay.ts';`],
    ['mixins/host.ts', `const { orders } = await import('../services/orders.service.ts');`],
    ['mixins/host.ts', `let node: import('../services/api.service.ts').Node;`],
    ['services/orders.service.ts', `import '../infra/local/start.ts';`],
    ['services/orders.service.ts', `import config from '../moleculer.config.ts';`],
    ['services/orders.service.ts', `import { given } from './orders.contract.ts';`],
  ])('are refused in %s: %s', (...sample) => {
    expect(tidy.wrongImports(given(sample))).toHaveLength(1);
  });

  it('are free downwards, in tests, and outside the layers', () => {
    const fine = given(
      ['services/orders.service.ts', `import { hosts } from '../mixins/host.ts';\nimport pino from 'pino';`],
      ['services/orders.int.test.ts', `import { start } from '../infra/local/start.ts';`],
      ['infra/local/start.ts', `import { ordersService } from '../../services/orders.service.ts';`],
      ['brokers/kafka.ts', `// not from '../mixins/host.ts'\nexport const a = 1;`],
    );
    expect(tidy.wrongImports(fine)).toEqual([]);
  });
});

describe('actors', () => {
  it('hold rules only', () => {
    expect(tidy.impureActors(files)).toEqual([]);
  });

  it.each<Sample>([
    ['actors/order.ts', `import { createHash } from 'node:crypto';`],
    ['actors/order.ts', `import { Errors } from 'moleculer';`],
    ['actors/order.test.ts', `import { Errors } from 'moleculer';`],
    ['actors/order.ts', `const at = Date.now();`],
    ['actors/order.ts', `const at = new Date(command.at);`],
    ['actors/order.ts', `const id = Math.random();`],
    ['actors/order.ts', `const id = randomUUID();`],
    ['actors/order.ts', `const limit = process.env['LIMIT'];`],
    ['actors/order.ts', `export async function decide() {}`],
    ['actors/order.ts', `const x = await y;`],
    ['actors/order.ts', `export function f(): Promise<void>;`],
    ['actors/order.ts', `setTimeout(f, 1);`],
    ['actors/order.ts', `const shown = total.toLocaleString();`],
    ['actors/order.ts', `let orders = 0;`],
    ['actors/order.ts', 'const id = `order-${Date.now()}`;'],
  ])('are refused: %s with %s', (...sample) => {
    expect(tidy.impureActors(given(sample))).toHaveLength(1);
  });

  it('may speak of what they must not use', () => {
    const prose = `// No async, no Date.now here.\n/* process.exit */\nconst slug = 'await-payment';\nlet_it_be();\n  let sum = 0;`;
    expect(tidy.impureActors(given(['actors/order.ts', prose]))).toEqual([]);
    expect(
      tidy.impureActors(given(['actors/order.test.ts', `import { it } from '@jest/globals';\nawait it;`])),
    ).toEqual([]);
  });
});

describe('names', () => {
  it('say what is in a folder', () => {
    expect(tidy.vagueFolders(files)).toEqual([]);
    const vague = given(
      ['src/a.ts'],
      ['mixins/lib/a.ts'],
      ['infra/utils/a.ts'],
      ['load/common/a.ts'],
      ['helpers/a.ts'],
    );
    expect(tidy.vagueFolders(vague)).toHaveLength(5);
    expect(tidy.vagueFolders(given(['infra/local/a.ts'], ['services/library.ts']))).toEqual([]);
  });

  it('are kebab-case with roles after dots', () => {
    expect(tidy.oddNames(files)).toEqual([]);
    const odd = given(
      ['actors/orderActor.ts'],
      ['mixins/OrderHost.ts'],
      ['load/day_one.csv'],
      ['a--b.ts'],
      ['docs/Readme.md'],
    );
    expect(tidy.oddNames(odd)).toHaveLength(5);
    const fine = given(
      ['README.md'],
      ['LICENSE'],
      ['.oxlintrc.json'],
      ['services/orders.service.int.test.ts'],
      ['.ci/run'],
    );
    expect(tidy.oddNames(fine)).toEqual([]);
  });

  it('number the decisions without gaps', () => {
    expect(tidy.misnumberedDecisions(files)).toEqual([]);
    expect(tidy.misnumberedDecisions(given(['docs/adr/0001-a.md'], ['docs/adr/0003-b.md']))).toEqual([
      'docs/adr/0003-b.md',
    ]);
    expect(tidy.misnumberedDecisions(given(['docs/adr/0001-a.md'], ['docs/adr/0001-b.md']))).toHaveLength(1);
    expect(
      tidy.misnumberedDecisions(given(['docs/adr/0002-b.md'], ['docs/adr/0001-a.md'], ['docs/adr/README.md'])),
    ).toEqual([]);
  });
});

describe('files', () => {
  it('are short where the rules live', () => {
    expect(tidy.longFiles(files)).toEqual([]);
    expect(tidy.longFiles(given(['mixins/host.ts', '\n'.repeat(400) + 'x']))).toEqual(['mixins/host.ts has 401 lines']);
    expect(
      tidy.longFiles(given(['mixins/host.test.ts', '\n'.repeat(400) + 'x'], ['load/a.ts', '\n'.repeat(400) + 'x'])),
    ).toEqual([]);
  });

  it('leave no test out', () => {
    expect(tidy.idleTests(files)).toEqual([]);
    const idle = [
      `it.only('x')`,
      `describe.skip('x')`,
      `it.each([1]).skip;it.skip.each([1])('x')`,
      `xit('x')`,
      `test.concurrent.only('x')`,
    ];
    for (const text of idle) expect(tidy.idleTests(given(['a.test.ts', text]))).toEqual(['a.test.ts']);
    expect(tidy.idleTests(given(['a.test.ts', `it('is the only one', () => split.skip(1));`]))).toEqual([]);
  });
});

describe('packages', () => {
  it('lock every platform, no address and no engine (npm run lock)', () => {
    expect([missing(lock), addressed(lock), withEngines(lock)]).toEqual([[], [], []]);
  });

  it('are pinned', () => {
    expect(tidy.looseVersions(manifest)).toEqual([]);
    expect(
      tidy.looseVersions({ dependencies: { a: '^1.0.0' }, devDependencies: { b: 'latest', c: '1.0.0-beta.1' } }),
    ).toHaveLength(2);
    expect(
      tidy.looseVersions({ dependencies: { '@mikro-orm/core': '7.2.1', '@mikro-orm/sql': '7.2.2' } }),
    ).toHaveLength(1);
  });

  it('offer no command that the README keeps to itself', () => {
    expect(tidy.unmentionedScripts(manifest, read('README.md'))).toEqual([]);
    const scripts = { test: '', 'test:int': '', lock: '' };
    expect(tidy.unmentionedScripts({ scripts }, 'Type `npm test`, and `npm run lock-smith`.')).toEqual([
      'test:int',
      'lock',
    ]);
  });
});
