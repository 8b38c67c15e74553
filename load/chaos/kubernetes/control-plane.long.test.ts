// A real API server takes every manifest, by the definitions of Chaos Mesh, and refuses the fields that it would drop in
// silence otherwise. Nothing is injected: nobody is there who could do it, and each is created with a dry run.
import { afterAll, beforeAll, expect } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { until } from '../../../infra/local/callers.fixture.ts';
import { findChaosMesh, missingChaosMesh } from '../../../infra/local/servers/chaos-mesh.ts';
import { markOf } from '../../../infra/local/servers/orphans.ts';
import { onPath, run } from '../../../infra/local/servers/run.ts';
import { itWhere } from '../../../infra/toolchain/it-where.ts';
import { type ControlPlane, missingControlPlane, startControlPlane } from './control-plane.fixture.ts';
import { type Manifest, parseManifests, readFaults, readKept, readNamespace, textOf } from './manifests.ts';

const definitions = findChaosMesh();
const missing = missingControlPlane() ?? (definitions === undefined ? missingChaosMesh() : undefined);
const withControlPlane = itWhere(missing === undefined, missing ?? '');
const kubectl = onPath('kubectl');
const withKubectl = itWhere(kubectl !== undefined, 'There is no kubectl on the PATH.');

const namespace = readNamespace();
const all = [...readFaults(), ...readKept()];
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

let folder: string;
let plane: ControlPlane | undefined;
const plurals = new Map<string, string>();

/** Has it look at a manifest as `kubectl create --dry-run=server --validate=strict` does. */
const create = async (manifest: Manifest, text: string) => {
  const { apiVersion, kind } = manifest;
  const path = `/apis/${apiVersion}/namespaces/${namespace}/${plurals.get(kind)}`;
  return (plane as ControlPlane).post(`${path}?dryRun=All&fieldValidation=Strict`, text);
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-kubernetes-'));
  if (missing !== undefined) return;
  plane = await startControlPlane(folder, markOf(folder));
  const space = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
  expect(await plane.post('/api/v1/namespaces', space)).toMatchObject({ status: 201 });
  const kinds = new Set(all.map(({ kind }) => kind));
  for (const file of readdirSync(definitions as string)) {
    const text = readFileSync(join(definitions as string, file), 'utf8');
    const { metadata, spec } = parse(text) as {
      readonly metadata: { readonly name: string };
      readonly spec: { readonly names: { readonly kind: string; readonly plural: string } };
    };
    if (!kinds.has(spec.names.kind)) continue;
    expect(await plane.post(DEFINITIONS, text)).toMatchObject({ status: 201 });
    plurals.set(spec.names.kind, spec.names.plural);
    await until(`${metadata.name} is served`, async () => {
      const { status } = await (plane as ControlPlane).get(
        `/apis/chaos-mesh.org/v1alpha1/namespaces/${namespace}/${spec.names.plural}`,
      );
      return status === 200;
    });
  }
});

afterAll(async () => {
  await plane?.stop();
  rmSync(folder, { recursive: true });
});

withControlPlane('takes every manifest', async () => {
  expect(all.length).toBeGreaterThan(15);
  expect([...plurals.keys()].toSorted()).toEqual([...new Set(all.map(({ kind }) => kind))].toSorted());
  for (const manifest of all) {
    const { status, said } = await create(manifest, textOf(manifest.file));
    expect([manifest.file, status, status === 201 ? '' : said]).toEqual([manifest.file, 201, '']);
  }
});

withControlPlane('refuses a field that it does not know, a value that is none, and another namespace', async () => {
  const refusal = async (file: string, from: string, to: string) => {
    const text = textOf(file).replace(from, to);
    const [manifest] = parseManifests(file, text);
    const { status, said } = await create(manifest as Manifest, text);
    return `${status} ${said}`;
  };
  expect(await refusal('faults/kill.yaml', 'gracePeriod', 'gracePeriode')).toMatch(
    /^400 .*unknown field "spec.gracePeriode"/,
  );
  expect(await refusal('nightly.yaml', 'errno', 'errorno')).toMatch(/^400 .*unknown field .*ioChaos.errorno/);
  expect(await refusal('faults/kill.yaml', 'pod-kill', 'pod-stop')).toMatch(/^422 .*Unsupported value: "pod-stop"/);
  expect(await refusal('faults/kill.yaml', 'namespace: souk', 'namespace: default')).toMatch(/^400 .*namespace/);
});

withKubectl('kubectl makes the night, and nothing else, of the folder', async () => {
  const text = await run(kubectl as string, ['kustomize', fileURLToPath(new URL('.', import.meta.url))], {
    env: process.env,
  });
  const made = parseManifests('kubectl kustomize', text).map(({ file: _, ...rest }) => rest);
  expect(made).toEqual(readKept().map(({ file: _, ...rest }) => rest));
});
