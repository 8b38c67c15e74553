// Bugs of the machinery, which services share, that the checkers of the simulated shop find. What they are stands in the
// catalogue, from which `mixins/planted-bugs.test.ts` plants them as well.

import { bugs } from '../../../mixins/planted-bugs.testing.ts';
import type { SeededBug } from './planting.ts';

export const machineryBugs: readonly SeededBug[] = [
  bugs.versionIgnored,
  bugs.checkThenAct,
  bugs.noDedup,
  bugs.noLookAfterDoubt,
  bugs.noOutbox,
  bugs.noSweep,
  bugs.refusalRemembered,
  bugs.inboxApart,
  bugs.failureGivenUp,
  { ...bugs.sentBeforeCommit, seed: 5 },
  bugs.connectionHeld,
  bugs.changedRowsDropped,
  bugs.nothingDropped,
  { ...bugs.refusedBeforeCheck, seed: 6 },
  { ...bugs.readNotConfirmed, seed: 3 },
  bugs.answeredBeforeCommit,
  bugs.acknowledgedBeforeEffect,
  { ...bugs.positionAhead, seed: 5 },
  bugs.positionAlone,
  { ...bugs.formerOwnerNotAsked, seed: 11 },
  bugs.eventIdPerAttempt,
  bugs.firstEventAlone,
  bugs.firstRowAlone,
];
