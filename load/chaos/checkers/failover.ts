// L5: what clients notice when one of several nodes of a service is killed: nothing, if what they asked for may be asked
// twice; else no more than two seconds.
//
//   kill of a node    keyed and idempotent calls: none fails      others: none fails that began 2 s after it
//   kill of a gateway what broke off under a key: a later attempt with that key is answered

import { examine, type Finding } from '../../../mixins/finding.ts';
import type { FaultRecord } from '../faults/fault.ts';
import type { Ending, History, Operation } from '../history/operation.ts';
import type { Evidence } from './checker.ts';

/** The gateway's service. */
const GATEWAY = 'api';
/** Failures that end so soon after a kill are its doing, in milliseconds, also once the node is back. */
const AFTERMATH_MS = 2_000;
/** Calls that may be asked only once are spared after so many milliseconds. */
const SPARED_MS = 2_000;
/** A kill within so many milliseconds of another fault shows nothing about itself. */
const APART_MS = 1_000;
/** So long after its end a fault is still felt by what begins, in milliseconds. */
const FELT_MS = 3_000;
/** A call is answered within so many milliseconds, or broken off: the longest deadline of the gateway. */
const ANSWER_WITHIN_MS = 15_000;
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);

/** L5. */
export function checkFailover({ history, faults, nodes = [] }: Evidence): readonly Finding[] {
  const safe = examine('L5', 'when a node is killed, no keyed or idempotent call fails', 'calls');
  const spared = examine('L5', 'when a node is killed, no other call fails that began 2 s after it', 'calls');
  const again = examine('L5', 'what broke off with a gateway is answered when it is asked again', 'calls');
  const kills = faults.filter(({ kind, target }) => kind === 'kill' && isOneOfSeveral(target, nodes));
  const alone = kills.filter((kill) => isAlone(kill, faults));
  let leftOut = 0;
  for (const kill of alone) {
    // What was under way when the next fault came may be the doing of that one; of one before, what it may still wait for.
    const next = Math.min(...faults.filter(({ from }) => from > kill.to).map(({ from }) => from));
    const all = history.filter(
      ({ at, ending }) => (ending?.endedAt ?? at) >= kill.from && at <= kill.to + AFTERMATH_MS,
    );
    const under = all.filter(
      ({ at, ending }) => (ending?.endedAt ?? at) < next && !maySufferFromEarlier(at, kill, faults),
    );
    leftOut += all.length - under.length;
    if (serviceOf(kill.target) === GATEWAY) {
      for (const operation of under) {
        const answered = isAskedAgain(operation, history);
        if (answered === undefined) continue;
        again.look(1);
        if (!answered)
          again.wrong(`${told(operation)} broke off with ${kill.target}, and no later attempt was answered`);
      }
      continue;
    }
    for (const operation of under) {
      if (isSafe(operation)) {
        safe.look(1);
        if (hasFailed(operation)) safe.wrong(`${kill.target} was killed: ${told(operation)}`);
      } else if (operation.at > kill.from + SPARED_MS) {
        spared.look(1);
        if (hasFailed(operation))
          spared.wrong(
            `${kill.target} was killed ${Math.round(operation.at - kill.from)} ms before: ${told(operation)}`,
          );
      }
    }
  }
  const partly = scopeOf(kills, alone, leftOut, nodes);
  return [safe.finding(partly), spared.finding(partly), again.finding(partly)];
}

const serviceOf = (node: string): string => node.replace(/-\d+$/, '');

function isOneOfSeveral(target: string, nodes: readonly string[]): boolean {
  return nodes.includes(target) && nodes.filter((node) => serviceOf(node) === serviceOf(target)).length > 1;
}

/** Whether what began at this time may suffer from a fault before the kill: what was under way at the kill may wait long. */
function maySufferFromEarlier(at: number, kill: FaultRecord, faults: readonly FaultRecord[]): boolean {
  const afterMs = at < kill.from ? ANSWER_WITHIN_MS : FELT_MS;
  return faults.some((other) => other !== kill && other.from <= kill.from && other.to >= at - afterMs);
}

function isAlone(kill: FaultRecord, faults: readonly FaultRecord[]): boolean {
  const [from, to] = [kill.from - APART_MS, kill.to + APART_MS];
  return faults.every((other) => other === kill || other.to < from || other.from > to);
}

function scopeOf(
  kills: readonly FaultRecord[],
  alone: readonly FaultRecord[],
  leftOut: number,
  nodes: readonly string[],
): string | undefined {
  if (nodes.length === 0) return 'nothing: nobody said which nodes there are';
  if (kills.length === 0) return 'nothing: no node that has others beside it was killed';
  const parts = [
    ...(alone.length === kills.length
      ? []
      : [`${alone.length} of ${kills.length} kills; others had a fault beside them`]),
    ...(leftOut === 0 ? [] : [`all but ${leftOut} calls, which may have felt another fault`]),
  ];
  return parts.length === 0 ? undefined : parts.join('; ');
}

const isSafe = ({ key, method }: Operation): boolean => key !== undefined || idempotent.has(method);

/** The client was left without an answer, or told to come back. What the run itself broke off is neither. */
function hasFailed({ ending }: Operation): boolean {
  return ending !== undefined && (ending.status === undefined || ending.status >= 500);
}

function told({ method, path, ending }: Operation): string {
  return `${method} ${path} ${ending?.status === undefined ? `broke off (${ending?.error ?? 'no answer'})` : `answered ${ending.status}`}`;
}

/** Of a call that broke off and was tried again under its key: whether that was answered, and not put off. */
function isAskedAgain(operation: Operation, history: History): boolean | undefined {
  const { id, key, principal, ending } = operation;
  if (key === undefined || ending === undefined || ending.status !== undefined) return undefined;
  const later = history.filter((other) => other.key === key && other.principal === principal && other.id > id);
  if (later.length === 0) return undefined;
  return later.some(({ ending: end }) => end?.status !== undefined && end.status < 500 && !isPutOff(end));
}

const isPutOff = ({ status, answer }: Ending): boolean =>
  status === 429 || (status === 409 && answer?.code === 'request-in-progress');
