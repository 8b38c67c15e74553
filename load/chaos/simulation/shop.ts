// A whole shop in one process under virtual time: the production code from the gateway to the rules, two nodes of each
// service over shared stores in memory, and a seed that decides who asks for what and what goes wrong.
//
//   clients ──► 2 gateways ──► 2 × orders, inventory, payments, carts, notifications, activity, analytics
//      │                          │ stores and log in memory (unsteady) │ provider, mail server (unsteady)
//      └─► history                └─► books                             └─► ledger, mails
//
// What it leaves behind is the `Evidence` that the checkers of the campaign take. Call it in virtual time (`time.ts`).

import type { Chance } from '../../../actors/scheduler.simulation.ts';
import type { AnySchema } from '../../../mixins/service-schema.ts';
import type { Platform } from '../../../mixins/platform.ts';
import type { Evidence } from '../checkers/checker.ts';
import { booksOf, sampleOf } from './bookkeeping.ts';
import { clientsOf } from './clients.ts';
import { createGateway, type SimulatedGateway } from './gateway.ts';
import { catalogue, contactOf } from './market.ts';
import { createNodes } from './nodes.ts';
import { outsideOf, PAYMENT_DEADLINE_MS, platformOf } from './platform.ts';
import { simulatedProviderOf } from './provider.ts';
import { type Door, recorderOf } from './recording.ts';
import type { ServiceName, ShopModules } from './seams.ts';
import { type Life, lifeOf, pause, type ShopFault, troubleOf } from './trouble.ts';

const serviceNames = ['orders', 'inventory', 'payments', 'notifications', 'carts', 'activity', 'analytics'] as const;
const NODES = 2;
/** How long a dead node takes to be there again, at most, in milliseconds. */
const REBOOT_MS = 600;
/** Time between two kills or pauses, at most, in milliseconds. */
const KILL_EVERY_MS = 2_500;
/** Time between two outages of a database or the log, at most, and how long one lasts: longer than hosts are patient. */
const OUTAGE_EVERY_MS = 6_000;
const OUTAGE_MS = 8_000;
const SAMPLE_EVERY_MS = 1_000;
/** How long everything may take to come to rest after the last fault, in milliseconds of virtual time. */
const QUIET_MS = 60_000;
const LOOK_MS = 250;
const LOOKS_MAX = 100;

/** What a run was made of. */
export interface ShopRun {
  readonly evidence: Evidence;
  readonly faults: Readonly<Record<ShopFault, number>>;
  /** What services threw that is nobody's business outside, and what they wanted a person to see. */
  readonly complaints: readonly string[];
}

/** The services of a copy, made once and used by one run after another: their schemas take long to compile. */
export interface Workshop {
  readonly modules: ShopModules;
  readonly gateways: readonly SimulatedGateway[];
  /** The schema of the n-th node of a service, whose platform is the one that was set last. */
  schemaOf(service: ServiceName, n: number, platform: Platform): AnySchema;
}

/** Makes what runs share. */
export function workshopOf(modules: ShopModules): Workshop {
  const made = new Map<string, { readonly schema: AnySchema; readonly use: (platform: Platform) => void }>();
  return {
    modules,
    gateways: Array.from({ length: NODES }, () => createGateway(modules)),
    schemaOf(service, n, platform) {
      const name = `${service}-${n}`;
      const known = made.get(name) ?? schemaOverChanging(modules.services[service]);
      made.set(name, known);
      known.use(platform);
      return known.schema;
    },
  };
}

function schemaOverChanging(make: (platform: Platform) => AnySchema) {
  let current = { settings: { paymentDeadlineMs: 0 } } as unknown as Platform;
  // Some keep this function before there is a node.
  const alert: Platform['alert'] = (what, particulars) => current.alert(what, particulars);
  const changing = new Proxy({} as Platform, {
    get: (_, name) => (name === 'alert' ? alert : (Reflect.get(current, name) as unknown)),
  });
  return { schema: make(changing), use: (platform: Platform) => void (current = platform) };
}

/** One run, by the chance's draws. */
export async function runShop(workshop: Workshop, chance: Chance): Promise<ShopRun> {
  const { modules, gateways } = workshop;
  let ids = 0;
  globalThis.simulatedId = () => uuidOf(chance, (ids += 1));
  const trouble = troubleOf(chance);
  const outside = outsideOf(modules, trouble);
  const nodes = createNodes(trouble);
  const doors: (Door | undefined)[] = [];
  const open = (): readonly Door[] => doors.filter((door) => door?.life.isAlive() === true) as readonly Door[];
  const complaints: string[] = [];
  for (const { faults } of gateways) faults.length = 0;

  const provider = simulatedProviderOf(modules, trouble, async (body, headers) => {
    const [door] = open();
    if (door === undefined) return false;
    const path = '/api/v1/payments/webhooks/simulated';
    const answered = door.gateway.answer({ method: 'POST', path, headers, body });
    const late = pause(5_000).then(() => ({ status: 0 }));
    return (await Promise.race([answered, late])).status === 204;
  });

  /** Starts a node, and again whenever it dies. */
  function boot(service: ServiceName, n: number): void {
    const life = lifeOf(`${service}-${n}`, () => void again(() => boot(service, n)));
    const platform = platformOf(modules, trouble, outside, provider, service, life);
    nodes.start(life.node, workshop.schemaOf(service, n, platform), life);
  }
  function bootGateway(n: number): void {
    const life: Life = lifeOf(`api-${n + 1}`, () => void again(() => bootGateway(n)));
    const gateway = gateways[n] as SimulatedGateway;
    gateway.boot(nodes.brokerOf(life));
    doors[n] = { gateway, life };
  }
  async function again(start: () => void): Promise<void> {
    await pause(50 + chance.below(REBOOT_MS));
    start();
  }

  nodes.start('products-1', productsSchema, lifeOf('products-1'));
  nodes.start('users-1', usersSchema, lifeOf('users-1'));
  for (const service of serviceNames) for (let n = 1; n <= NODES; n++) boot(service, n);
  for (let n = 0; n < NODES; n++) bootGateway(n);
  await pause(500);

  const recorder = recorderOf(trouble, open);
  /** As a login does it: if carts do not answer, it fails as a whole. */
  const merge = (token: string, userId: string): Promise<boolean> => {
    const merging = nodes.brokerOf(lifeOf('users-1')).call('carts.merge', { token, userId });
    return merging.then(
      () => true,
      () => false,
    );
  };
  const clients = clientsOf(chance, recorder, merge);
  const from = recorder.clock();
  const samples = sampleOf(outside, provider);
  const killing = (async () => {
    for (;;) {
      await pause(300 + chance.below(KILL_EVERY_MS));
      if (trouble.isHealed()) return;
      const lives = [...nodes.living().map(({ life }) => life), ...open().map(({ life }) => life)];
      const life = chance.pick(lives.filter(({ node }) => node !== 'products-1' && node !== 'users-1'));
      if (chance.percent(40)) trouble.pauseSome(life);
      else {
        trouble.noteKill();
        life.kill();
      }
    }
  })();
  const outages = (async () => {
    for (;;) {
      await pause(500 + chance.below(OUTAGE_EVERY_MS));
      if (trouble.isHealed()) return;
      trouble.goAway(chance.pick([...Object.keys(outside.stores), 'log']), chance.below(OUTAGE_MS));
    }
  })();
  const sampling = (async () => {
    while (!trouble.isHealed()) {
      await pause(SAMPLE_EVERY_MS);
      await samples.take();
    }
  })();
  await clients.open();
  await clients.day();
  trouble.heal();
  const healedAt = recorder.clock();
  await Promise.all([killing, outages, sampling]);

  let isFlushed = false;
  let quietAt: number | undefined;
  for (const deadline = Date.now() + QUIET_MS; Date.now() < deadline && quietAt === undefined; await pause(LOOK_MS)) {
    const [door] = open();
    if (!isFlushed && door !== undefined) isFlushed = (await clients.flush(door.gateway)) === 204;
    if (isFlushed && (await samples.isQuiet())) quietAt = recorder.clock();
  }
  const to = recorder.clock();
  await clients.close();
  // The heart goes on beating: what came of the last beat is waited for.
  for (let looks = 0; looks < LOOKS_MAX && !(await samples.isQuiet()); looks++) await pause(LOOK_MS / 10);
  const books = await booksOf(outside, provider, samples.all);
  provider.close();
  for (const { faults } of gateways) complaints.push(...faults);
  complaints.push(...outside.alerts.map(({ what, particulars }) => `${what}: ${JSON.stringify(particulars)}`));
  const total = Object.values(trouble.counts).reduce((sum, count) => sum + count, 0);
  return {
    faults: trouble.counts,
    complaints,
    evidence: {
      history: recorder.operations,
      books,
      faults: [
        {
          kind: 'jitter',
          target: 'everything, everywhere',
          from,
          to: healedAt,
          evidence: [`${total} faults: ${JSON.stringify(trouble.counts)}`],
        },
      ],
      from,
      to,
      ...(quietAt === undefined ? {} : { quietAt }),
      paymentDeadlineMs: PAYMENT_DEADLINE_MS,
      products: catalogue.map(({ id, sku, currency }) => ({ id, sku, currency })),
    },
  };
}

/** A UUID from the seed, in the form of those that are in the order of time. */
function uuidOf(chance: Chance, n: number): string {
  const word = (): string => chance.below(0x1_0000).toString(16).padStart(4, '0');
  return `${n.toString(16).padStart(8, '0')}-0000-7000-8${word().slice(1)}-${word()}${word()}${word()}`;
}

/** Prices are what this says; the catalogue's own store is no part of the simulation. */
const productsSchema: AnySchema = {
  name: 'products',
  actions: {
    quote: (ctx: { readonly params: { readonly items: readonly { readonly productId: string }[] } }) =>
      ctx.params.items.map(({ productId }) => {
        const product = catalogue.find(({ id }) => id === productId);
        if (product === undefined) return null;
        const { sku, name, unitPrice, currency } = product;
        return { productId, sku, name, unitPrice, currency, partition: 'main', deleted: false };
      }),
    list: (ctx: { readonly params: { readonly sku: string } }) => ({
      items: catalogue.filter(({ sku }) => sku === ctx.params.sku),
    }),
  },
};

const usersSchema: AnySchema = {
  name: 'users',
  actions: {
    contact: (ctx: { readonly params: { readonly id: string } }) => contactOf(ctx.params.id) as object,
  },
};
