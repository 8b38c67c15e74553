// For tests: the gateway over services that are stubs, on a free port.

import { createHash } from 'node:crypto';
import { ServiceBroker, type ServiceSchema } from 'moleculer';
import type { Platform } from '../../mixins/platform.ts';
import type { Settings } from '../../mixins/settings.ts';
import type { AnySchema } from '../../mixins/service-schema.ts';
import { createTokens, type Tokens } from '../../mixins/tokens.ts';
import { apiService } from './api.service.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into it as they please
  readonly body: any;
  readonly text: string;
}

export interface Call {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; text and bytes as they are. */
  readonly body?: unknown;
}

export interface StubShop {
  readonly url: string;
  readonly port: number;
  readonly tokens: Tokens;
  readonly broker: ServiceBroker;
  /** What was logged as a fault. */
  readonly faults: readonly unknown[][];
  call(path: string, call?: Call): Promise<Answer>;
  stop(): Promise<void>;
}

/** The gateway's way to the log, which tests listen to. */
interface Faulty {
  readonly gateway: { logFault: (error: unknown, particulars: object) => void };
}

const secret = (name: string): Buffer => createHash('sha256').update(`stub/${name}`).digest();

/** Starts a gateway over these services, and those of other nodes that the broker reaches. */
export async function startStubShop(
  services: readonly ServiceSchema[],
  settings: Partial<Settings> = {},
  broker = new ServiceBroker({ logger: false, nodeID: `stub-${process.pid}-${Math.random()}` }),
): Promise<StubShop> {
  const platform = {
    settings: { host: '127.0.0.1', port: 0, rateLimits: 'default', ...settings },
    secret,
  } as Platform;
  for (const service of services) broker.createService(service);
  const api = broker.createService(apiService(platform) as AnySchema) as unknown as Faulty;
  const faults: unknown[][] = [];
  api.gateway.logFault = (...fault) => faults.push(fault);
  await broker.start();
  const { url, port } = await broker.call<{ url: string; port: number }>('api.address');
  return {
    url,
    port,
    broker,
    faults,
    tokens: createTokens({ secret }),
    call: (path, call) => callOver(url, path, call),
    stop: () => broker.stop(),
  };
}

async function callOver(url: string, path: string, { method, headers = {}, body }: Call = {}): Promise<Answer> {
  const asIs = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(url + path, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: body === undefined ? headers : { 'Content-Type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: asIs ? (body as string) : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson && text !== '' ? JSON.parse(text) : text,
  };
}
