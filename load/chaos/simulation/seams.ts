// Where the simulated shop is cut off from its databases: the production files are copied, and the few functions that
// speak SQL or DynamoDB ask memory instead. Everything else, from the gateway to the rules, runs as it is.
//
//   services, mixins, brokers, actors ──copy──► postgresStore ─► database.store (memory)      randomUUID ─► simulatedId
//
// A planted bug is one more change of the same copy.

import type * as logs from '../../../brokers/log-storage.ts';
import type * as memoryLogs from '../../../brokers/memory-log.ts';
import type * as problems from '../../../brokers/problem.ts';
import type { Copies, Copy, TextChange } from '../../../infra/toolchain/changed-copies.ts';
import type * as memoryStores from '../../../mixins/memory-store.ts';
import type { Platform } from '../../../mixins/platform.ts';
import type * as providers from '../../../mixins/provider.ts';
import type * as simulatedProviders from '../../../mixins/provider-simulated.ts';
import type { AnySchema } from '../../../mixins/service-schema.ts';
import type * as stores from '../../../mixins/store.ts';
import type * as tokens from '../../../mixins/tokens.ts';
import type * as allowances from '../../../services/api/allowances.ts';
import type * as exchanges from '../../../services/api/exchange.ts';
import type * as metrics from '../../../services/api/metrics.ts';
import type * as routeTable from '../../../services/api/routes.ts';
import type * as running from '../../../services/api/running.ts';

/** Puts a statement at the head of what follows this text. */
const head = (file: string, from: string, statement: string): TextChange => ({
  file,
  from,
  to: `${from}\n  ${statement}`,
});

const seams: readonly TextChange[] = [
  {
    file: 'mixins/postgres/store.ts',
    from: `export function postgresStore({`,
    to: `export const postgresStore = ({ database }) => database.store;\nexport function storeOfPostgres({`,
  },
  head('mixins/postgres/reads.ts', `return coalesce(async (ids) => {`, `return await read(kysely.readActors(ids));`),
  head(
    'mixins/postgres/arrays.ts',
    `export function textArray(values: readonly (string | null)[]): Buffer {`,
    `return values;`,
  ),
  head(
    'mixins/postgres/arrays.ts',
    `export function int8Array(values: readonly (number | null)[]): Buffer {`,
    `return values;`,
  ),
  {
    file: 'services/inventory/stock.store.ts',
    from: `if (skus.length === 0) return [];`,
    to: `return await read(kysely.readRows(partition, skus.map(skuKey)));`,
  },
  {
    file: 'services/orders/list.ts',
    from: `const where: FilterQuery<OrderRow>[] = [{ createdAt: { $ne: null } }];`,
    to: `const all = await read(database.listOrders({ customerId, from, to, after, reference, status }, max));
  return all.map(({ id, state }) => ({ position: [state.createdAt, id], order: viewOrder(id, state) }));
  const where = [];`,
  },
  head(
    'services/activity/kept-requests.ts',
    `export function keptRequests(database: Database): KeptRequests {`,
    `return database.requests;`,
  ),
  head(
    'mixins/dynamodb/store.ts',
    `export function createDynamoStore(options: DynamoStoreOptions): ActorStore {`,
    `return options.client.store;`,
  ),
  head(
    'mixins/dynamodb/tables.ts',
    `export async function ensureTable(client: DynamoDBClient, table: Table): Promise<void> {`,
    `return;`,
  ),
  head(
    'services/carts/cart-index.ts',
    `export function createCartIndex(client: DynamoDBClient, table: string): CartIndex {`,
    `return client.index;`,
  ),
  // Two nodes of a service, or two gateways, are one program: what it compiles is compiled once.
  {
    file: 'services/api/validation.ts',
    from: `export function compileValidation({ params, query, body }: Route): Validation {`,
    to: `const compiled = new Map();
export function compileValidation(route: Route): Validation {
  if (!compiled.has(route)) compiled.set(route, compileRoute(route));
  return compiled.get(route);
}
function compileRoute({ params, query, body }: Route): Validation {`,
  },
  {
    file: 'mixins/hosts.mixin.ts',
    from: `const validators = compile(options.commands);`,
    to: `const validators = compiled.get(options.commands) ?? compile(options.commands);
  compiled.set(options.commands, validators);`,
  },
  {
    file: 'mixins/hosts.mixin.ts',
    from: `/** The mixin. \`this.host\` is there`,
    to: `const compiled = new Map();
/** The mixin. \`this.host\` is there`,
  },
  // Names that are random, or tell the process, come from the seed: a run is the same for the same seed.
  {
    file: 'mixins/host.ts',
    from: 'options.holder ?? `${actor.name}-${process.pid}-${process.hrtime.bigint().toString(36)}`',
    to: `store.holder`,
  },
  head(
    'services/api/command-id.ts',
    `export function randomCommandId(now: number = Date.now()): string {`,
    `return globalThis.simulatedId();`,
  ),
  { file: 'services/carts/merging.ts', from: '`merge/${randomUUID()}`', to: '`merge/${globalThis.simulatedId()}`' },
  // The pressure on the machine that simulates is no concern of the shop that is simulated.
  { file: 'mixins/pressure.ts', from: `if (share < BUSY || at - calledAt >= CALLER_MS) return 0;`, to: `return 0;` },
];

const services = ['orders', 'inventory', 'payments', 'notifications', 'carts', 'activity', 'analytics'] as const;
export type ServiceName = (typeof services)[number];

const entries = {
  exchange: 'services/api/exchange.ts',
  routes: 'services/api/routes.ts',
  running: 'services/api/running.ts',
  allowances: 'services/api/allowances.ts',
  metrics: 'services/api/metrics.ts',
  tokens: 'mixins/tokens.ts',
  memoryStore: 'mixins/memory-store.ts',
  store: 'mixins/store.ts',
  memoryLog: 'brokers/memory-log.ts',
  logStorage: 'brokers/log-storage.ts',
  problem: 'brokers/problem.ts',
  provider: 'mixins/provider.ts',
  simulatedProvider: 'mixins/provider-simulated.ts',
} as const;

/** The shop's own code as a simulation runs it: the production files, or a copy with a bug put back. */
export interface ShopModules {
  readonly services: Readonly<Record<ServiceName, (platform: Platform) => AnySchema>>;
  readonly handlerOf: typeof exchanges.handlerOf;
  readonly routes: typeof routeTable.routes;
  readonly createRunning: typeof running.createRunning;
  readonly createAllowances: typeof allowances.createAllowances;
  readonly createMetrics: typeof metrics.createMetrics;
  readonly createTokens: typeof tokens.createTokens;
  readonly memoryStore: typeof memoryStores.memoryStore;
  readonly StoreUnavailable: typeof stores.StoreUnavailable;
  readonly memoryStorage: typeof memoryLogs.memoryStorage;
  readonly createMemoryLog: typeof memoryLogs.createMemoryLog;
  readonly LogUnavailable: typeof logs.LogUnavailable;
  readonly Problem: typeof problems.Problem;
  readonly ProviderRefused: typeof providers.ProviderRefused;
  readonly ProviderUnknown: typeof providers.ProviderUnknown;
  readonly simulatedProvider: typeof simulatedProviders.simulatedProvider;
}

const fileOf = (service: ServiceName): string => `services/${service}/${service}.service.ts`;

/**
 * A copy of the shop whose databases are memory, with these changes.
 * @throws Error if a text to be replaced does not occur exactly once
 */
export async function shopOf(copies: Copies, changes: readonly TextChange[] = []): Promise<ShopModules> {
  const copy = copies.copy([...services.map(fileOf), ...Object.values(entries)], [...seams, ...changes]);
  const made: Partial<Record<ServiceName, (platform: Platform) => AnySchema>> = {};
  for (const service of services) {
    const module = await copy.load<Record<string, (platform: Platform) => AnySchema>>(fileOf(service));
    const make = module[`${service}Service`];
    if (make === undefined) throw new Error(`${fileOf(service)} exports no ${service}Service`);
    made[service] = make;
  }
  return { services: made as ShopModules['services'], ...(await parts(copy)) };
}

async function parts(copy: Copy): Promise<Omit<ShopModules, 'services'>> {
  const { handlerOf } = await copy.load<typeof exchanges>(entries.exchange);
  const { routes } = await copy.load<typeof routeTable>(entries.routes);
  const { createRunning } = await copy.load<typeof running>(entries.running);
  const { createAllowances } = await copy.load<typeof allowances>(entries.allowances);
  const { createMetrics } = await copy.load<typeof metrics>(entries.metrics);
  const { createTokens } = await copy.load<typeof tokens>(entries.tokens);
  const { memoryStore } = await copy.load<typeof memoryStores>(entries.memoryStore);
  const { StoreUnavailable } = await copy.load<typeof stores>(entries.store);
  const { memoryStorage, createMemoryLog } = await copy.load<typeof memoryLogs>(entries.memoryLog);
  const { LogUnavailable } = await copy.load<typeof logs>(entries.logStorage);
  const { Problem } = await copy.load<typeof problems>(entries.problem);
  const { ProviderRefused, ProviderUnknown } = await copy.load<typeof providers>(entries.provider);
  const { simulatedProvider } = await copy.load<typeof simulatedProviders>(entries.simulatedProvider);
  return {
    handlerOf,
    routes,
    createRunning,
    createAllowances,
    createMetrics,
    createTokens,
    memoryStore,
    StoreUnavailable,
    memoryStorage,
    createMemoryLog,
    LogUnavailable,
    Problem,
    ProviderRefused,
    ProviderUnknown,
    simulatedProvider,
  };
}
