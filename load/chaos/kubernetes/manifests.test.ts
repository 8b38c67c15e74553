// The manifests say the same as the faults, hit nobody but the shop, and are what Chaos Mesh understands.
import { describe, expect, it } from '@jest/globals';
import { findChaosMesh, missingChaosMesh } from '../../../infra/local/servers/chaos-mesh.ts';
import { itWhere } from '../../../infra/toolchain/it-where.ts';
import { faultKinds } from '../faults/fault.ts';
import { complaints, FAULT_MAX_S, seconds } from './harmless.ts';
import { list, type Manifest, parseManifests, readFaults, readKept, readNamespace, textOf, tree } from './manifests.ts';
import { fieldOf, renderNightly } from './nightly.ts';
import { type Validate, validation } from './schema.ts';

const faults = readFaults();
const namespace = readNamespace();
const all = [...faults, ...readKept()];
const named = (name: string): Manifest => {
  const found = all.find(({ metadata }) => metadata['name'] === name);
  if (found === undefined) throw new Error(`There is no manifest ${name}.`);
  return found;
};
/** One that exists, with a word in it replaced. */
const changed = (name: string, from: string, to: string): Manifest => {
  const text = textOf(named(name).file);
  if (!text.includes(from)) throw new Error(`${name} holds no "${from}".`);
  const [manifest] = parseManifests(`changed ${name}`, text.replaceAll(from, to));
  return manifest as Manifest;
};

describe('the faults of the cluster', () => {
  const kinds = faults.map(({ metadata }) => String(metadata['name']));
  // The first column of the table "What Chaos Mesh cannot do".
  const exceptions = [...textOf('README.md').matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, kind = '']) => kind);

  it('are those of the campaign: each has a manifest, or a line that says why not', () => {
    expect([...kinds, ...exceptions].toSorted()).toEqual([...faultKinds].toSorted());
    expect(kinds.length).toBeGreaterThan(15);
    expect(exceptions.length).toBeGreaterThan(3);
  });

  it.each(faults)('are each in the file of its name: $file', ({ file, metadata }) => {
    expect(file).toBe(`faults/${String(metadata['name'])}.yaml`);
    expect(metadata['labels']).toMatchObject({ 'souk/fault': metadata['name'] });
  });

  it.each(all)('harm the shop only, and for a bounded time: $file', (manifest) => {
    expect(complaints(manifest, namespace)).toEqual([]);
  });

  it.each<[name: string, from: string, to: string, complaint: RegExp]>([
    ['kill', 'namespace: souk', 'namespace: default', /is not of the namespace souk/],
    ['kill', 'namespaces: [souk]', 'namespaces: [souk, default]', /chooses in souk, default; it may only in souk/],
    ['kill', 'namespaces: [souk]', 'namespaces: []', /chooses in no namespace/],
    [
      'kill',
      'app.kubernetes.io/name: souk',
      'app.kubernetes.io/name: bazaar',
      /does not demand app.kubernetes.io\/name/,
    ],
    ['kill', 'values: [inventory', 'values: [inventories', /chooses inventories; there are inventory, /],
    ['kill', 'operator: In', 'operator: NotIn', /names no app.kubernetes.io\/component; it would take all/],
    ['kill', '    namespaces: [souk]', '    namespaces: [souk]\n    pods: {kube-system: [dns]}', /chooses by pods/],
    ['kill', 'mode: one', 'mode: fixed-percent', /has the mode fixed-percent/],
    ['kafka', 'mode: one', 'mode: all', /takes all pods of kafka at once/],
    ['one-way', 'mode: one', 'mode: all', /target takes all pods of postgres at once/],
    ['latency', "duration: '30s'", "duration: '10m'", /lasts longer than 60 s/],
    ['latency', "duration: '30s'", '', /or does not say how long/],
    [
      'latency',
      'direction: to',
      'direction: to\n  externalTargets: [example.org]',
      /beyond the namespace by externalTargets/,
    ],
    ['link-down', 'direction: to', 'direction: both', /has the direction both and no target/],
    ['kill', 'kind: PodChaos', 'kind: KernelChaos', /is a KernelChaos, which is none of PodChaos/],
    ['provider', 'entry: provider', 'entry: supplier', /begins with supplier, which is no step/],
    [
      'provider',
      '- provider-slow',
      '- provider-slower',
      /calls provider-slower, which is no step .* never comes to its step provider-slow/,
    ],
    ['provider', 'name: provider-slow', 'name: provider-silent', /has two steps provider-silent/],
    ['provider', 'deadline: 60s', 'deadline: 2m', /step provider-slow lasts longer/],
    ['provider', 'mode: one', 'mode: all', /takes all pods of provider/],
    ['provider', 'method: POST', "method: POST\n        duration: '30s'", /says its duration twice/],
    ['nightly', 'mode: one', 'mode: all', /step kafka, selector takes all pods of kafka at once/],
    ['nightly', '- souk', '- default', /step kill, selector chooses in default/],
  ])('are refused otherwise: %s with "%s" as "%s"', (name, from, to, complaint) => {
    expect(complaints(changed(name, from, to), namespace).join(' ')).toMatch(complaint);
  });

  it('are refused if they are no manifests at all', () => {
    expect(() => parseManifests('a.yaml', 'kind: [')).toThrow('a.yaml is no YAML');
    expect(() => parseManifests('a.yaml', 'mode: one')).toThrow('a.yaml holds a document without apiVersion and kind');
    expect(() => parseManifests('a.yaml', '')).toThrow('a.yaml holds nothing');
  });
});

describe('the night', () => {
  const workflow = tree(named('nightly').spec['workflow']);
  const steps = list(workflow['templates']).map(tree);
  const step = (name: string) => steps.find((one) => one['name'] === name) ?? {};

  it('is what the faults are (node load/chaos/kubernetes/write-nightly.ts)', () => {
    expect(textOf('nightly.yaml')).toBe(renderNightly(faults, namespace));
  });

  it('holds every fault, and after each waits until the shop serves and the outboxes are empty', () => {
    const [first, ...children] = list(step('night')['children']).map(String);
    expect(first).toBe('serves');
    const rounds = Array.from({ length: children.length / 3 }, (_, i) => children.slice(3 * i, 3 * i + 3));
    expect(rounds.map(([, ...rest]) => rest)).toEqual(faults.map(() => ['serves', 'calm']));
    expect(new Set(rounds.map(([fault]) => fault))).toEqual(new Set(faults.map(({ metadata }) => metadata['name'])));
  });

  it('does to the shop what the single fault does', () => {
    for (const { kind, metadata, spec } of faults.filter((fault) => fault.kind !== 'Workflow')) {
      const { duration, ...rest } = spec;
      const { deadline, ...done } = step(String(metadata['name']));
      expect(done).toEqual({ name: metadata['name'], templateType: kind, [fieldOf(kind)]: rest });
      expect(deadline).toBe(duration ?? '30s');
    }
    expect(step('rolling-restart')['children']).toEqual(
      tree(list(named('rolling-restart').spec['templates'])[0])['children'],
    );
  });

  it('has more time than all its steps together', () => {
    const lasts = (name: string): number => {
      const { children, deadline } = step(name);
      const own = list(children).reduce<number>((sum, child) => sum + lasts(String(child)), 0);
      return own === 0 ? seconds(deadline) : own;
    };
    expect(lasts('night')).toBeGreaterThan(faults.length * 60);
    expect(lasts('night')).toBeLessThan(seconds(step('night')['deadline']));
    expect(lasts('rolling-restart')).toBeLessThanOrEqual(seconds(step('rolling-restart')['deadline']));
    expect(seconds('90')).toBeNaN();
    expect([seconds('90s'), seconds('2m'), seconds('500ms')]).toEqual([90, 120, 0.5]);
    expect(FAULT_MAX_S).toBe(60);
  });
});

describe('by the definitions of Chaos Mesh', () => {
  const folder = findChaosMesh();
  const withDefinitions = itWhere(folder !== undefined, missingChaosMesh(), 'fetched');
  let known: Validate | undefined;
  const validate: Validate = (manifest) => (known ??= validation(folder as string))(manifest);

  withDefinitions('every manifest is valid', () => {
    expect(all.flatMap(validate)).toEqual([]);
    expect(new Set(all.map(({ kind }) => kind)).size).toBe(8);
  });

  withDefinitions('what is mistaken is not: it is told where, and what would be right', () => {
    const told = (name: string, from: string, to: string) => validate(changed(name, from, to)).join(' ');
    expect(told('kill', 'gracePeriod', 'gracePeriode')).toBe(
      'changed kill at /spec must NOT have additional properties (gracePeriode).',
    );
    expect(told('kill', 'gracePeriod: 0', "gracePeriod: 'none'")).toMatch(/at \/spec\/gracePeriod must be integer/);
    expect(told('kill', 'pod-kill', 'pod-stop')).toMatch(
      /at \/spec\/action must be .*pod-kill, pod-failure, container-kill/,
    );
    expect(told('kill', 'labelSelectors', 'labelSelector')).toMatch(/at \/spec\/selector must NOT .*\(labelSelector\)/);
    expect(told('latency', "latency: '200ms'", "latency: '200 ms'")).toMatch(/at \/spec\/delay\/latency must match/);
    expect(told('slow-disk', 'volumePath', 'volume')).toMatch(/must have required property 'volumePath'/);
    expect(told('provider', 'abort', 'cut')).toMatch(/at \/spec\/templates\/1\/httpChaos must NOT .*\(cut\)/);
    expect(told('nightly', 'errno', 'errorno')).toMatch(
      /at \/spec\/workflow\/templates\/\d+\/ioChaos must NOT .*\(errorno\)/,
    );
    expect(told('kill', 'metadata:', 'metadata:\n  labelz: {}')).toMatch(/at \/metadata must NOT .*\(labelz\)/);
    expect(told('kill', 'v1alpha1', 'v1')).toMatch(
      /is a PodChaos of chaos-mesh.org\/v1, of which there is no definition/,
    );
    expect(told('kill', 'PodChaos', 'PodChaoz')).toMatch(/is a PodChaoz of .* no definition/);
  });
});
