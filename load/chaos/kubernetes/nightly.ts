// The night: every fault that has a manifest, one after another, each only when the shop serves again.
//
//   faults/*.yaml ─► nightly: serves ─► kill ─► serves ─► calm ─► rolling-restart ─► serves ─► calm ─► …   (a Schedule of a Workflow)
//
// nightly.yaml is written from the faults' own files (write-nightly.ts), so that a fault is the same by night and by hand.

import { stringify } from 'yaml';
import { faultKinds } from '../faults/fault.ts';
import { type Manifest, type Tree, tree } from './manifests.ts';

/** At two in the morning, by the clock of Chaos Mesh, which is UTC. */
const AT = '0 2 * * *';
/** More than all steps may take together; a night that takes longer is stuck. */
const NIGHT_DEADLINE = '3h';
/** For a fault that happens at one moment, until its outcome is looked at. */
const MOMENT = '30s';
/** After a fault the outboxes may take half a minute until they are empty; the next fault waits for that. */
const CALM = '30s';
/** Successes in a row that mean that the shop serves. */
const SUCCESSES = 5;
const INTERVAL_S = 3;
/** Failures in a row that mean that it does not come back: a minute and a half, after which the night is broken off. */
const FAILURES = 30;
/** Longer than all that may fail and succeed. */
const SERVES_DEADLINE = '5m';
/** Where the gateway says whether it can serve; of the namespace. */
const readyUrl = (namespace: string): string => `http://api.${namespace}.svc:3000/health/ready`;

const HEAD = `# The night: every fault of faults/, one after another, each only when the shop serves again; the night ends where it does not.
# Written by "node load/chaos/kubernetes/write-nightly.ts" from the files in faults/; a test fails until that is done.
`;

/** `podChaos` for `PodChaos`, `ioChaos` for `IOChaos`: the field of a template that holds a fault of this kind. */
export const fieldOf = (kind: string): string => {
  const acronym = /^(?:IO|HTTP)(?=[A-Z])/.exec(kind)?.[0];
  return acronym === undefined
    ? kind.charAt(0).toLowerCase() + kind.slice(1)
    : kind.replace(acronym, acronym.toLowerCase());
};

/** The night as YAML. */
export function renderNightly(faults: readonly Manifest[], namespace: string): string {
  const ordered = faultKinds.flatMap((kind) => faults.filter(({ metadata }) => metadata['name'] === kind));
  const names = ordered.map(({ metadata }) => String(metadata['name']));
  const templates = [
    {
      name: 'night',
      templateType: 'Serial',
      deadline: NIGHT_DEADLINE,
      children: ['serves', ...names.flatMap((name) => [name, 'serves', 'calm'])],
    },
    {
      name: 'serves',
      templateType: 'StatusCheck',
      deadline: SERVES_DEADLINE,
      abortWithStatusCheck: true,
      statusCheck: {
        mode: 'Synchronous',
        type: 'HTTP',
        http: { url: readyUrl(namespace), method: 'GET', criteria: { statusCode: '200' } },
        timeoutSeconds: 2,
        intervalSeconds: INTERVAL_S,
        successThreshold: SUCCESSES,
        failureThreshold: FAILURES,
      },
    },
    { name: 'calm', templateType: 'Suspend', deadline: CALM },
    ...ordered.flatMap(templatesOf),
  ];
  const night = {
    apiVersion: 'chaos-mesh.org/v1alpha1',
    kind: 'Schedule',
    metadata: { name: 'nightly', namespace, labels: { 'app.kubernetes.io/part-of': 'souk' } },
    spec: {
      schedule: AT,
      concurrencyPolicy: 'Forbid',
      historyLimit: 7,
      startingDeadlineSeconds: 600,
      type: 'Workflow',
      workflow: { entry: 'night', templates },
    },
  };
  return HEAD + stringify(night, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** A fault as a step: in a workflow its duration is the deadline of the step, and may not be said twice. */
function templatesOf({ kind, metadata, spec }: Manifest): readonly Tree[] {
  if (kind === 'Workflow') return (spec['templates'] as readonly unknown[]).map(tree);
  const { duration = MOMENT, ...rest } = spec;
  return [{ name: metadata['name'], templateType: kind, deadline: duration, [fieldOf(kind)]: rest }];
}
