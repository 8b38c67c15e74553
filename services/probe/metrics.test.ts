import { afterAll, expect, it } from '@jest/globals';
import { ServiceBroker } from 'moleculer';
import { metricNames, probeMetrics } from './metrics.ts';
import { invariants } from './suspicion.ts';

const broker = new ServiceBroker({ logger: false, metrics: { enabled: true, collectProcessMetrics: false } });
afterAll(() => broker.stop());

it('stand in the registry under their names, and in the report, also where the registry is switched off', () => {
  const quiet = new ServiceBroker({ logger: false, metrics: false });
  for (const { metrics } of [broker, quiet]) {
    const measures = probeMetrics({ metrics });
    measures.checked('I5', 3);
    measures.checked('I5', 4);
    measures.violations(new Map([['I7', 2]]));
    measures.cycle('stock', 1.5);
    measures.lag('orders', 0.25);
    const shown = measures.samples().map(({ name, labels, value }) => [name, Object.values(labels)[0], value]);
    expect(shown).toEqual(
      expect.arrayContaining([
        [metricNames.checked, 'I5', 7],
        [metricNames.violations, 'I7', 2],
        [metricNames.cycle, 'stock', 1.5],
        [metricNames.lag, 'orders', 0.25],
        // Nothing is missing because nothing was looked at.
        ...invariants.filter((invariant) => invariant !== 'I5').map((invariant) => [metricNames.checked, invariant, 0]),
      ]),
    );
  }
  const listed = broker.metrics.list({ includes: 'souk_**' }) as unknown as readonly {
    readonly name: string;
    readonly values: readonly { readonly labels: object; readonly value: number }[];
  }[];
  expect(listed.map(({ name }) => name).toSorted()).toEqual(Object.values(metricNames).toSorted());
  expect(listed.find(({ name }) => name === metricNames.checked)?.values).toMatchObject([
    { labels: { invariant: 'I5' }, value: 7 },
  ]);
});
