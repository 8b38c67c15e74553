// Orders with a history, for tests: the order's own host over PostgreSQL, the log in PostgreSQL, a DynamoDB behind a door
// that can be shut, and as many projections as there are nodes. Stock and payments are played by the test.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Order, orderActor, type OrderCommand, type OrderLine } from '../../../actors/order.ts';
import type { NewEvent } from '../../../brokers/event-log.ts';
import { createStoredLog } from '../../../brokers/stored-log.ts';
import type { Caller } from '../../../mixins/caller.ts';
import { createCursors } from '../../../mixins/cursor.ts';
import { testDynamo } from '../../../mixins/dynamodb/testing.ts';
import { logMigrations } from '../../../mixins/embedded-log/embedded-log.ts';
import { postgresStorage } from '../../../mixins/embedded-log/storage.ts';
import { createHost, type Host } from '../../../mixins/host.ts';
import { postgresStore } from '../../../mixins/postgres/store.ts';
import { testDatabase } from '../../../mixins/postgres/testing.ts';
import { listOrders, type ListParams } from '../list.ts';
import { Migration0001Orders } from '../migrations/0001-orders.ts';
import { Migration0002Unprojected } from '../migrations/0002-unprojected.ts';
import { OrderRow, readColumns } from '../orders.entities.ts';
import { createHistoryList, type ListHistory } from './history-list.ts';
import { historyTable } from './history-table.ts';
import { type Projection, type ProjectionOptions, startProjection } from './projection.ts';
import { unprojectedOrders } from './unprojected.ts';

const LOOPBACK = '127.0.0.1';
const DEADLINE_MS = 900_000;
/** Shorter than in a shop: tests wait for it. */
const GATHER_MS = 20;
/** Longer than any test: what comes by the log must come by the log. */
const NEVER_MS = 3_600_000;
/** How long a list waits for DynamoDB, in milliseconds: what a busy machine takes is not what is tested. */
const PATIENCE_MS = 10_000;

export type HistoryFixture = Awaited<ReturnType<typeof openHistoryFixture>>;

/** What an order is placed with. */
export interface Wish {
  readonly customerId?: string;
  readonly reference?: string;
  readonly lines?: readonly OrderLine[];
}

export const line = (sku: string, quantity = 1, unitPrice = 25_500, name = `The ${sku}`): OrderLine => ({
  productId: `p-${sku}`,
  sku,
  name,
  quantity,
  unitPrice,
  partition: 'main',
});

/** A customer as the gateway names one. */
export const customer = (id: string): Caller => ({ principal: { kind: 'user', id, role: 'customer' } }) as Caller;

/** Opens it; `close` it. `now` is the clock of the host: when orders are placed and changed. */
export async function openHistoryFixture(now: () => number = Date.now) {
  const alerts: string[] = [];
  const alert = (what: string, particulars: object) => void alerts.push(`${what}: ${JSON.stringify(particulars)}`);
  const database = await testDatabase({
    entities: [OrderRow],
    migrations: [Migration0001Orders, Migration0002Unprojected],
  });
  const logDatabase = await testDatabase({ migrations: logMigrations, poolMax: 1 });
  const log = createStoredLog({ storage: await postgresStorage(await logDatabase.again()), alert });
  const dynamo = await testDynamo();
  const door = await openDoor((await dynamo.client.config.endpoint?.())?.port ?? 0);
  const client = dynamo.connect({ endpoint: door.url });
  const tableName = `history-${randomUUID()}`;
  const table = historyTable(client, tableName, PATIENCE_MS);
  const unprojected = unprojectedOrders(database);
  const projections = new Set<Projection>();
  /** Events that the relay has handed over, in order. */
  const published: NewEvent[] = [];
  let mayPublish = Promise.resolve();
  const host: Host<Order, OrderCommand> = createHost({
    actor: orderActor,
    store: postgresStore({ database, actor: 'order', readColumns }),
    transport: {
      deliver: async (_, deliveries) => deliveries.map(() => ({ done: true })),
      async publish(events) {
        await mayPublish;
        published.push(...events.filter(({ topic }) => topic === 'order.updated'));
        await log.append(events);
      },
      perform: () => Promise.resolve(),
    },
    alert,
    now,
  });
  await host.start();

  const cursors = createCursors(Buffer.alloc(32));
  /** Answers of the history, and how often it could not say. */
  const counts = { answered: 0, passed: 0 };
  const fromHistory = createHistoryList(table, unprojected);
  const counted: ListHistory = async (...question) => {
    const answer = await fromHistory(...question);
    if (answer === undefined) counts.passed += 1;
    else counts.answered += 1;
    return answer;
  };

  const tell = (id: string, command: OrderCommand, answer?: () => object) =>
    host.tell(id, command, { commandId: randomUUID(), ...(answer === undefined ? {} : { answer }) });

  return {
    database,
    client,
    door,
    log,
    table,
    tableName,
    unprojected,
    published,
    alerts,
    counts,
    tell,
    /** Places an order; the answer is its id. */
    async place({ customerId, reference, lines = [line('mug')] }: Wish = {}): Promise<string> {
      const id = randomUUID();
      const data = {
        ...(customerId === undefined ? {} : { customerId }),
        ...(reference === undefined ? {} : { reference }),
        email: 'ada@example.org',
        currency: 'GBP',
        lines,
        payment: { method: 'simulated', sealed: 'sealed-token' },
        deadlineMs: DEADLINE_MS,
      };
      await tell(id, { type: 'Place', data });
      return id;
    },
    /** Nothing gets to the log until the returned function is called. */
    holdEvents(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      mayPublish = promise;
      return resolve;
    },
    /** Stock is there, and the money comes. */
    async pay(id: string): Promise<void> {
      await tell(id, { type: 'RecordReserved', data: { partition: 'main' } });
      await tell(id, { type: 'RecordPayment', data: { outcome: 'succeeded' } });
    },
    /** Another node that keeps the history. */
    project(options: Partial<ProjectionOptions> = {}): Projection {
      const projection = startProjection({
        table,
        unprojected,
        log: () => Promise.resolve(log),
        alert,
        gatherMs: GATHER_MS,
        sweepMs: NEVER_MS,
        ...options,
      });
      projections.add(projection);
      return projection;
    },
    /** As the history has it, with what it does not know from PostgreSQL. */
    list: (customerId: string, params: ListParams = {}) =>
      listOrders(database, cursors, params, customer(customerId), counted),
    /** As PostgreSQL has it. */
    primaryList: (customerId: string, params: ListParams = {}) =>
      listOrders(database, cursors, params, customer(customerId)),
    async close() {
      for (const projection of projections) await projection.stop();
      await host.stop();
      await log.close();
      await dynamo.close();
      await door.close();
      await database.close();
      await logDatabase.close();
    },
  };
}

/** A way to a port of loopback that can be shut, with everybody thrown out, and opened again. */
async function openDoor(target: number) {
  const sockets = new Set<Socket>();
  let isOpen = true;
  const server = createServer((inside) => {
    if (!isOpen) return void inside.destroy();
    const outside = connect(target, LOOPBACK);
    for (const [socket, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy()).on('close', () => other.destroy() && sockets.delete(socket));
      socket.pipe(other);
    }
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  const throwOut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://${LOOPBACK}:${(server.address() as AddressInfo).port}`,
    shut() {
      isOpen = false;
      throwOut();
    },
    open() {
      isOpen = true;
    },
    async close() {
      throwOut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
