// The schemas of the checkout's commands and events, held against the messages that really travel in a simulation.
import { describe, expect, it } from '@jest/globals';
import { Ajv, type ValidateFunction } from 'ajv';
import type { Actor, ActorName, Message, Reaction } from '../../actors/actor.ts';
import { type Rules, simulate } from '../../actors/checkout.simulation.ts';
import { orderActor } from '../../actors/order.ts';
import { paymentActor } from '../../actors/payment.ts';
import { stockActor } from '../../actors/stock.ts';
import { misfit } from '../event-schemas.ts';
import type { TopicName } from '../topics.ts';
import { orderCommands } from './order.ts';
import { paymentCommands } from './payment.ts';
import { stockCommands } from './stock.ts';

const SEEDS = 200;
const schemas = { order: orderCommands, stock: stockCommands, payment: paymentCommands };

const ajv = new Ajv({ strict: true, allowUnionTypes: true });
const validators = new Map<string, ValidateFunction>();
for (const [actor, commands] of Object.entries(schemas)) {
  for (const [type, schema] of Object.entries(commands)) validators.set(`${actor} ${type}`, ajv.compile(schema));
}

/** One message of each kind as it travelled, and all that did not fit their schemas. */
function listen() {
  const samples = new Map<string, object>();
  const misfits: string[] = [];

  function heard(actor: ActorName, { type, data }: Message): void {
    const name = `${actor} ${type}`;
    samples.set(name, data);
    const validate = validators.get(name);
    if (validate?.(data) !== true) misfits.push(`${name}: ${ajv.errorsText(validate?.errors)}`);
  }

  function told(reaction: Reaction): void {
    if (reaction.kind !== 'publish') return;
    samples.set(reaction.topic, reaction.data);
    const reason = misfit(reaction.topic as TopicName, { ...reaction.data, version: 1 });
    if (reason !== undefined) misfits.push(`${reaction.topic}: ${reason}`);
  }

  /** The actor, with an ear at its door. */
  function overheard<S, C extends Message, E extends Message>(actor: Actor<S, C, E>): Actor<S, C, E> {
    return {
      ...actor,
      decide(state, command) {
        heard(actor.name, command);
        return actor.decide(state, command);
      },
      react(state, event, id) {
        const reactions = actor.react(state, event, id);
        for (const reaction of reactions) told(reaction);
        return reactions;
      },
    };
  }

  const rules: Rules = {
    order: overheard(orderActor),
    stock: overheard(stockActor),
    payment: overheard(paymentActor),
  };
  for (let seed = 1; seed <= SEEDS; seed++) simulate(seed, rules);
  return { samples, misfits };
}

const { samples, misfits } = listen();

describe('the messages of the checkout', () => {
  it('all fit their schemas, and all of them travel', () => {
    const events = ['order.created', 'order.updated', 'payment.requested', 'payment.succeeded', 'payment.failed'];
    expect(misfits).toEqual([]);
    expect([...samples.keys()].sort()).toEqual([...validators.keys(), ...events].sort());
  });

  it.each([...validators.keys()])('%s takes no other field and misses none', (name) => {
    const validate = validators.get(name) as ValidateFunction;
    const sample = samples.get(name) as Record<string, unknown>;
    expect(validate(sample)).toBe(true);
    expect(validate({ ...sample, surprise: 1 })).toBe(false);
    expect(validate(null)).toBe(false);
    const optional = new Set([
      'cartId',
      'customerId',
      'reference',
      'reason',
      ...(name === 'order Refund' ? ['lines'] : []),
    ]);
    for (const field of Object.keys(sample)) {
      const { [field]: _, ...rest } = sample;
      if (!optional.has(field)) expect(validate(rest)).toBe(false);
      expect(validate({ ...rest, [field]: { $where: 1 } })).toBe(false);
    }
  });

  it.each([
    ['order Place', { lines: [] }],
    ['order Refund', { lines: [{ productId: 'p', quantity: 0 }] }],
    ['stock Receive', { quantity: 1.5 }],
    ['stock Receive', { quantity: -1 }],
    ['payment Charge', { amount: 0 }],
    ['payment Charge', { currency: 'pounds' }],
    ['payment RecordOutcome', { outcome: 'perhaps' }],
  ])('%s does not take %j', (name, wrong) => {
    expect(validators.get(name)?.({ ...samples.get(name), ...wrong })).toBe(false);
  });

  it('a delivery or write-off may have a name of its own', () => {
    for (const name of ['stock Receive', 'stock WriteOff']) {
      const sample = samples.get(name) ?? { sku: 'a', quantity: 1, reason: 'broken' };
      expect(validators.get(name)?.({ ...sample, movementId: 'm-1' })).toBe(true);
      expect(validators.get(name)?.({ ...sample, movementId: '' })).toBe(false);
    }
  });
});
