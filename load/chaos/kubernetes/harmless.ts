// What a manifest may never do, whatever the schema allows: reach beyond the shop, last too long, or take every copy of what
// keeps data. Pure: a manifest in, complaints out.
//
//   manifest ─► its hits (a fault alone, the steps of a workflow, those of a scheduled one) ─► each: whom, how many, how long

import { serviceNames } from '../../../brokers/hosting.ts';
import { list, type Manifest, type Tree, tree } from './manifests.ts';
import { fieldOf } from './nightly.ts';

/** Kinds of Chaos Mesh that hit pods, chosen by labels. Others hit machines, kernels or a cloud account. */
export const podFaults = ['PodChaos', 'NetworkChaos', 'IOChaos', 'TimeChaos', 'StressChaos', 'HTTPChaos'] as const;
/** What keeps data, or is alone of its kind: at most one pod of it at a time. */
export const servers = ['nats', 'kafka', 'postgres', 'dynamodb', 'provider'] as const;
/** A server may be away for a minute, and nothing else takes longer. */
export const FAULT_MAX_S = 60;

const APPLICATION = 'app.kubernetes.io/name';
const COMPONENT = 'app.kubernetes.io/component';
const SHOP = 'souk';
/** By anything else (names of pods, of machines) a selector could reach whoever has that name. */
const SELECTORS = ['namespaces', 'labelSelectors', 'expressionSelectors'];
const components: readonly string[] = [...serviceNames, ...servers];
const UNITS_S: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3_600 };

/** Somebody is hit: a fault alone, or a step of a workflow. */
interface Hit {
  /** For complaints: `faults/kill.yaml`, `nightly.yaml, step kill`. */
  readonly where: string;
  readonly kind: string;
  readonly spec: Tree;
  /** The bound that stands beside it in a workflow; undefined: it is alone and has a `duration` of its own. */
  readonly deadline?: string;
}

/** Seconds of a duration such as `30s`; NaN for anything else. */
export function seconds(duration: unknown): number {
  const [, count, unit = ''] = /^(\d+)(ms|s|m|h)$/.exec(String(duration)) ?? [];
  return Number(count) * (UNITS_S[unit] ?? Number.NaN);
}

/** Complaints about a manifest, as sentences; none: it harms only what it may. */
export function complaints(manifest: Manifest, namespace: string): readonly string[] {
  const { file, metadata } = manifest;
  const own = metadata['namespace'] === namespace ? [] : [`${file} is not of the namespace ${namespace}.`];
  const { steps, wrong } = stepsOf(manifest);
  return [...own, ...wrong, ...steps.flatMap((hit) => complaintsOfHit(hit, namespace))];
}

function stepsOf({ file, kind, spec }: Manifest): {
  readonly steps: readonly Hit[];
  readonly wrong: readonly string[];
} {
  if (kind === 'Workflow') return stepsOfWorkflow(file, spec);
  if (kind === 'Schedule' && spec['type'] === 'Workflow') return stepsOfWorkflow(file, tree(spec['workflow']));
  return { steps: [{ where: file, kind, spec }], wrong: [] };
}

/** The rules for workflows that its admission webhook knows and no schema says. */
function stepsOfWorkflow(file: string, { entry, templates }: Tree): ReturnType<typeof stepsOf> {
  const all = list(templates).map(tree);
  const names = all.map(({ name }) => String(name));
  const wrong = names.filter((name, i) => names.indexOf(name) !== i).map((name) => `${file} has two steps ${name}.`);
  if (!names.includes(String(entry))) wrong.push(`${file} begins with ${String(entry)}, which is no step of it.`);
  const called = all.flatMap(({ children }) => list(children).map(String));
  for (const name of called) if (!names.includes(name)) wrong.push(`${file} calls ${name}, which is no step of it.`);
  for (const name of names)
    if (name !== entry && !called.includes(name)) wrong.push(`${file} never comes to its step ${name}.`);
  for (const { name, deadline } of all)
    if (!(seconds(deadline) > 0)) wrong.push(`${file}, step ${String(name)} has no deadline.`);
  const steps = all
    .filter(({ templateType }) => !['Serial', 'Suspend', 'StatusCheck'].includes(String(templateType)))
    .map(({ name, templateType, deadline, ...rest }) => ({
      where: `${file}, step ${String(name)}`,
      kind: String(templateType),
      spec: tree(rest[fieldOf(String(templateType))]),
      deadline: String(deadline),
    }));
  return { steps, wrong };
}

function complaintsOfHit({ where, kind, spec, deadline }: Hit, namespace: string): readonly string[] {
  const wrong: string[] = [];
  if (!podFaults.some((known) => known === kind))
    wrong.push(`${where} is a ${kind}, which is none of ${podFaults.join(', ')}.`);
  for (const way of ['remoteCluster', 'externalTargets', 'tls'])
    if (way in spec) wrong.push(`${where} reaches beyond the namespace by ${way}.`);

  const isMoment = kind === 'PodChaos' && spec['action'] === 'pod-kill';
  if (deadline !== undefined && 'duration' in spec)
    wrong.push(`${where} says its duration twice; in a step it is the deadline.`);
  const lasts = seconds(deadline ?? (isMoment ? '0s' : spec['duration']));
  if (!(lasts <= FAULT_MAX_S)) wrong.push(`${where} lasts longer than ${FAULT_MAX_S} s, or does not say how long.`);

  wrong.push(...complaintsOfChoice(`${where}, selector`, spec, namespace, true));
  if (kind === 'NetworkChaos') wrong.push(...complaintsOfTarget(where, spec, namespace));
  return wrong;
}

/** Between whom the network is disturbed. */
function complaintsOfTarget(where: string, { direction, target }: Tree, namespace: string): readonly string[] {
  // Towards a target: it says only whither, and nothing is done to it.
  if (target !== undefined) return complaintsOfChoice(`${where}, target`, tree(target), namespace, direction !== 'to');
  return direction === 'to' ? [] : [`${where} has the direction ${String(direction)} and no target.`];
}

/** Whom a selector chooses, and how many of them. */
function complaintsOfChoice(where: string, choice: Tree, namespace: string, isHit: boolean): readonly string[] {
  const { mode } = choice;
  const selector = tree(choice['selector']);
  const wrong = Object.keys(selector)
    .filter((key) => !SELECTORS.includes(key))
    .map((key) => `${where} chooses by ${key}; it may only by ${SELECTORS.join(', ')}.`);
  const namespaces = list(selector['namespaces']);
  if (namespaces.length !== 1 || namespaces[0] !== namespace)
    wrong.push(`${where} chooses in ${namespaces.join(', ') || 'no namespace'}; it may only in ${namespace}.`);
  const labels = tree(selector['labelSelectors']);
  if (labels[APPLICATION] !== SHOP) wrong.push(`${where} does not demand ${APPLICATION}: ${SHOP}.`);

  const chosen = componentsOf(selector);
  if (chosen.length === 0) wrong.push(`${where} names no ${COMPONENT}; it would take all.`);
  for (const name of chosen)
    if (!components.includes(name)) wrong.push(`${where} chooses ${name}; there are ${components.join(', ')}.`);
  if (mode !== 'one' && mode !== 'all') wrong.push(`${where} has the mode ${String(mode)}; it may be one or all.`);
  const kept = chosen.filter((name) => servers.some((server) => server === name));
  if (mode === 'all' && isHit && kept.length > 0) wrong.push(`${where} takes all pods of ${kept.join(', ')} at once.`);
  return wrong;
}

/** The components that a selector chooses among; none: it does not say. */
function componentsOf(selector: Tree): readonly string[] {
  const label = tree(selector['labelSelectors'])[COMPONENT];
  const ofExpressions = list(selector['expressionSelectors'])
    .map(tree)
    .filter(({ key, operator }) => key === COMPONENT && operator === 'In')
    .flatMap(({ values }) => list(values).map(String));
  return typeof label === 'string' ? [label, ...ofExpressions] : ofExpressions;
}
