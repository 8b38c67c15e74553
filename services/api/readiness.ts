// Whether an order would be taken: asks every service that can tell, and misses every one that an order needs.

import type { ServiceBroker } from 'moleculer';

/** Services without which no order is taken. */
const needed = ['users', 'products', 'inventory', 'carts', 'orders', 'payments'] as const;
/** Services whose word counts where they run. */
const welcome = ['notifications', 'activity', 'analytics'] as const;
/** How long a service may think about it, in milliseconds. */
const ANSWER_WITHIN_MS = 1_000;

/** What a service says of itself in its action `ready`; without `ready: false` it is. */
export interface ServiceReady {
  readonly ready?: boolean;
  readonly [particular: string]: unknown;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, ServiceReady & { readonly ready: boolean }>>;
  /** How event time moves, as the activity service tells it. */
  readonly activity?: object;
}

/** Asks the services once, however many ask us meanwhile. */
export function createReadiness(broker: ServiceBroker): () => Promise<Readiness> {
  let asking: Promise<Readiness> | undefined;
  return () => (asking ??= ask(broker).finally(() => (asking = undefined)));
}

async function ask(broker: ServiceBroker): Promise<Readiness> {
  const running = new Set(broker.registry.getServiceList({ onlyAvailable: true }).map(({ name }) => name));
  const names = [...needed, ...welcome.filter((name) => running.has(name))];
  const answers = await Promise.all(
    names.map(async (name) => [name, running.has(name) ? await askOne(broker, name) : absent] as const),
  );
  const checks: Readiness['checks'] = Object.fromEntries(answers);
  const { ready: _, ...activity } = checks['activity'] ?? absent;
  return {
    ready: answers.every(([, { ready }]) => ready),
    checks,
    ...('heartbeatSeconds' in activity ? { activity } : {}),
  };
}

const absent = { ready: false, reason: 'is not running' };

async function askOne(broker: ServiceBroker, name: string): Promise<ServiceReady & { readonly ready: boolean }> {
  try {
    const said = await broker.call<ServiceReady | undefined, object>(
      `${name}.ready`,
      {},
      { timeout: ANSWER_WITHIN_MS },
    );
    return { ...said, ready: said?.ready !== false };
  } catch (error) {
    // A service that runs and has nothing to say of itself is ready.
    const { name: kind, data } = error as { name: string; data?: { action?: string } };
    if (kind === 'ServiceNotFoundError' && data?.action === `${name}.ready`) return { ready: true };
    return { ready: false, reason: 'does not answer' };
  }
}
