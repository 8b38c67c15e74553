// Goal: the commands around a shop do what they say, to the shop that runs, and nothing to one that they must leave alone.
// Method: one shop, and the commands as a person types them, each a process of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actorNames } from '../../actors/actor.ts';
import { startTestShop, type TestShop, until } from './shop.fixture.ts';

const PROMPT = 'souk $ ';

let folder: string;
let shop: TestShop;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-commands-'));
  shop = await startTestShop({ dataDir: folder });
});
afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  await shop.stop();
  rmSync(folder, { recursive: true, force: true });
});

function start(file: string, words: readonly string[] = [], environment: Readonly<Record<string, string>> = {}) {
  const program = fileURLToPath(new URL(file, import.meta.url));
  // A place without a home: Moleculer's REPL keeps its history there.
  const env = { ...process.env, DATA_DIR: folder, HOME: tmpdir(), NODE_OPTIONS: '', ...environment };
  const child = spawn(process.execPath, [program, ...words], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { child, said: () => stripVTControlCharacters(said) };
}

async function run(file: string, words: readonly string[] = [], environment: Readonly<Record<string, string>> = {}) {
  const { child, said } = start(file, words, environment);
  child.stdin.end();
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said: said() };
}

/** A person at the REPL: types a line and reads what comes before the next prompt. */
async function person() {
  const { child, said } = start('repl.ts');
  const prompts = () => said().split(PROMPT).length - 1;
  await until('the REPL shows its prompt', () => prompts() > 0);
  return {
    async types(line: string): Promise<string> {
      const [before, seen] = [prompts(), said().length];
      child.stdin.write(`${line}\n`);
      await until(`the answer to ${line}`, () => prompts() > before);
      return said().slice(seen);
    },
    async leaves(): Promise<number | null> {
      child.stdin.end();
      return ((await once(child, 'close')) as [number | null])[0];
    },
    said,
    child,
  };
}

describe('npm run repl', () => {
  it('joins the running shop as a node, and shows what it does', async () => {
    const product = await shop.product('2.55', 10);
    const { id } = await shop.place([[product, 3]]);
    await shop.reaches(id, 'PAID');

    const ada = await person();
    expect(await ada.types('nodes')).toMatch(/souk .*ONLINE/);
    expect(await ada.types('actions')).toMatch(/orders\.place/);

    const order = await ada.types(`order ${id}`);
    expect(order).toMatch(new RegExp(`order ${id}  PAID  7.65 GBP`));
    expect(order).toContain(`3 × ${product.sku}`);
    expect(order).toMatch(/Placed[\s\S]*StockReserved[\s\S]*Paid/);
    expect(order).toContain('waits for somebody to ship it');
    expect(await ada.types('order nowhere')).toContain('! there is no order nowhere');

    expect(await ada.types(`stock ${product.sku}`)).toContain('received 10  onHand 7  reserved 0  available 7  sold 3');
    await until('the outboxes are empty', async () => (await ada.types('outbox')).includes('Every outbox is empty'));
    const actors = await ada.types('actors');
    for (const actor of actorNames) expect(actors).toMatch(new RegExp(`^${actor} +at `, 'm'));

    expect(await ada.types(`call orders.get --id ${id}`)).toContain("status: 'PAID'");
    expect(await ada.leaves()).toBe(0);
    expect((await shop.call('GET /health/ready')).status).toBe(200);
  });

  it('shows what an order waits for while the payment provider is away', async () => {
    const ada = await person();
    const resume = shop.pauseProvider();
    try {
      const { id } = await shop.place([[await shop.product(), 1]]);
      const order = await until('the charge is under way', async () => {
        const told = await ada.types(`order ${id}`);
        return /on its way: payment\/.* ─perform─► charge/.test(told) && told;
      });
      expect(order).toContain('waits for the payment, until its deadline');
      resume();
      await shop.reaches(id, 'PAID');
    } finally {
      resume();
    }
    await ada.leaves();
  });

  it('shows the process, the circuits, and which invariants hold', async () => {
    const { id } = await shop.place([[await shop.product('3.00', 4), 2]]);
    await shop.reaches(id, 'PAID');
    const ada = await person();
    expect(await ada.types('pids')).toMatch(new RegExp(`^souk  pid ${process.pid}  since \\d{4}-.*Z  .*orders`, 'm'));
    const breakers = await ada.types('breakers');
    expect(breakers).toMatch(/^souk ─► payment provider  closed  calls .* at it \d+, waiting \d+$/m);
    expect(breakers).toContain('All circuits are closed; 0 of 1 nodes have breakers towards others.');
    const invariants = await ada.types('invariants');
    expect(invariants).toMatch(/^I6 +inventory  the balances of each SKU .*: holds \(\d+ movements\)$/m);
    expect(invariants).toMatch(/^I11 +orders  .*: holds \(\d+ orders\)$/m);
    expect(invariants).toMatch(/^I7 +orders ↔ payments  .* in flight.*: holds/m);
    expect(invariants).toMatch(/^I3 +probe  an order is captured once at most, .*: (holds|nothing was checked)/m);
    expect(invariants).toMatch(/^Invariants: \d+ hold, 0 violated, \d+ with nothing to check\.$/m);
    await ada.leaves();
  });

  it('serves several people at a time, and commands through a pipe, each to its end', async () => {
    const [ada, { child, said }] = [await person(), start('repl.ts')];
    child.stdin.end('actors\ncall products.list --limit 1\n');
    const [code] = (await once(child, 'close')) as [number];
    expect([code, said().includes('>> Response:')]).toEqual([0, true]);
    expect(await ada.types('actors')).toContain('mailbox');
    await ada.leaves();
  });

  it('opens to the owner of the data only', () => {
    expect(statSync(join(folder, 'repl.sock')).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o007).toBe(0);
  });

  it('can act: what it calls, it calls as staff', async () => {
    const product = await shop.product('1.00', 5);
    const ada = await person();
    expect(await ada.types(`call inventory.receiveStock --sku ${product.sku} --quantity 7`)).toContain('onHand: 12');
    await ada.leaves();
    expect(await shop.stockOf(product.sku)).toMatchObject({ received: 12 });
  });
});

describe('a living shop', () => {
  it('is asked what it has put aside, also in the middle of its work', async () => {
    expect(await run('dlq.ts', ['list'])).toEqual({ code: 0, said: 'Dlq: no dead letters wait.\n' });
    const { code, said } = await run('dlq.ts', ['show', 'order.created', '--id', '1']);
    expect([code, said]).toEqual([1, expect.stringContaining('Dlq: there is no dead letter order.created:1')]);
  });

  it('is not reset', async () => {
    const { code, said } = await run('reset.ts', ['--yes']);
    expect(code).toBe(1);
    expect(said).toMatch(new RegExp(`data folder .* is in use by another running shop \\(process ${process.pid}\\)`));
  });

  it('is not migrated behind its back', async () => {
    const { code, said } = await run('migrate.ts');
    expect(code).toBe(1);
    expect(said).toContain('is in use by another running shop');
  });
});

describe('a shop that was stopped', () => {
  it('ends the REPLs that were open, with a sentence', async () => {
    const ada = await person();
    await shop.stop('keep');
    await until('the REPL ended', () => ada.child.exitCode !== null);
    expect(ada.said()).toContain('The shop has stopped.');
    expect(existsSync(join(folder, 'repl.sock'))).toBe(false);
  });

  it('is not to be talked to', async () => {
    const { code, said } = await run('repl.ts');
    expect(code).toBe(1);
    expect(said).toContain(`No shop is running on the data in ${folder}`);
    const deep = join(folder, 'x'.repeat(100));
    expect((await run('repl.ts', [], { DATA_DIR: deep })).said).toContain('too long for a socket');
  });

  it('can be migrated: every schema, as the shop would', async () => {
    const { code, said } = await run('migrate.ts');
    expect([code, said.trim().split('\n').at(-1)]).toEqual([0, 'Migrate: 9 schemas are up to date.']);
  });

  it('is deleted only after a yes', async () => {
    const asked = await run('reset.ts');
    expect([asked.code, existsSync(join(folder, 'postgres'))]).toEqual([1, true]);
    const sure = await run('reset.ts', ['--yes']);
    expect(sure).toEqual({ code: 0, said: `Deleted: ${folder}. The next npm start begins anew.\n` });
    expect(existsSync(folder)).toBe(false);
    expect((await run('reset.ts', ['--yes'])).said).toContain('There is nothing to delete');
  });

  it('is not mixed up with somebody else’s folder', async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'precious.txt'), 'mine');
    const { code, said } = await run('reset.ts', ['--yes']);
    expect([code, existsSync(join(folder, 'precious.txt'))]).toEqual([1, true]);
    expect(said).toContain('is no data folder of a shop');
  });
});
