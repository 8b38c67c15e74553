// I14: every event that was accepted is counted once, in the window that it belongs to, unless it came too late for it.
//
//   202 answers ─► in the log? ─► windows as the rules of event time say ─► windows as analytics has them ─► as it shows them

import { examine, type Finding } from '../../../mixins/finding.ts';
import type { Books, StoredWindow } from '../books/books.ts';
import type { History } from '../history/operation.ts';
import type { Evidence } from './checker.ts';
import { contentOf, RAW_EVENTS, type Sent, sentEvents, wantedWindows, windowName } from './events.ts';

/** I14. */
export function checkWindows({ history, books }: Evidence): readonly Finding[] {
  const sent = sentEvents(history);
  const wanted = wantedWindows(books);
  const products = new Set([...wanted.values()].map(({ productId }) => productId));
  for (const { productId } of sent.accepted.values()) products.add(productId);
  const stored = books.windows.filter(({ productId }) => products.has(productId));
  return [
    checkAccepted(sent, books),
    checkCounts(wanted, stored),
    checkSums(sent, stored, books),
    checkShown(history, stored),
  ];
}

/** What was answered with 202 lies in the log, as often as it was sent. */
function checkAccepted({ accepted }: Sent, { topics }: Books): Finding {
  const kept = examine('I14', 'every event that was accepted is in the log', 'events');
  const there = new Map<string, number>();
  for (const { topic, data } of topics) {
    if (topic !== RAW_EVENTS || data?.timestamp === undefined) continue;
    const content = contentOf(data);
    there.set(content, (there.get(content) ?? 0) + 1);
  }
  for (const { name, content } of accepted.values()) {
    kept.look(1);
    const left = there.get(content) ?? 0;
    if (left === 0) kept.wrong(`the event ${name} was answered with 202, but is not in the log`);
    else there.set(content, left - 1);
  }
  return kept.finding();
}

function checkCounts(wanted: ReturnType<typeof wantedWindows>, stored: readonly StoredWindow[]): Finding {
  const right = examine('I14', 'every event is in its window, and in no other', 'windows');
  const found = new Map(stored.map((window) => [windowName(window.productId, window.from), window]));
  for (const name of new Set([...wanted.keys(), ...found.keys()])) {
    right.look(1);
    const [should, is] = [wanted.get(name), found.get(name)];
    const { productId, from } = (should ?? is) as StoredWindow;
    const where = `${productId} at ${new Date(from).toISOString()}`;
    const [events, users] = [is?.eventCount ?? 0, is?.uniqueUsers ?? 0];
    const eventsWanted = { sure: should?.events.sure ?? 0, all: should?.events.all ?? 0 };
    const usersWanted = { sure: should?.users.sure.size ?? 0, all: should?.users.all.size ?? 0 };
    if (!isWithin(events, eventsWanted))
      right.wrong(`${where}: ${events} events are counted, the log has ${told(eventsWanted)}`);
    else if (!isWithin(users, usersWanted))
      right.wrong(`${where}: ${users} users are counted, the log has ${told(usersWanted)}`);
  }
  return right.finding();
}

interface Bounds {
  readonly sure: number;
  readonly all: number;
}
const isWithin = (count: number, { sure, all }: Bounds): boolean => sure <= count && count <= all;
const told = ({ sure, all }: Bounds): string => (sure === all ? String(all) : `from ${sure} to ${all}`);

/** accepted ≤ counted + late + malformed ≤ accepted + those answered with 503 or not at all */
function checkSums({ accepted, uncertain }: Sent, stored: readonly StoredWindow[], { uncounted }: Books): Finding {
  const summed = examine('I14', 'what was accepted was counted, late or malformed, and nothing else was', 'events');
  summed.look(accepted.size);
  const counted = stored.reduce((sum, { eventCount }) => sum + eventCount, 0);
  const all = counted + uncounted.late + uncounted.malformed;
  const figures = `${counted} are counted, ${uncounted.late} late and ${uncounted.malformed} malformed`;
  if (all < accepted.size) summed.wrong(`${accepted.size} events were accepted, but ${figures}`, accepted.size - all);
  if (all > accepted.size + uncertain) {
    const most = `${accepted.size} events were accepted and ${uncertain} more may have been`;
    summed.wrong(`${most}, but ${figures}`, all - accepted.size - uncertain);
  }
  return summed.finding();
}

/** A window that was shown is closed, so it is what it was. */
function checkShown(history: History, stored: readonly StoredWindow[]): Finding {
  const final = examine('I14', 'a window that was shown stays as it was', 'windows shown');
  const found = new Map(stored.map((window) => [windowName(window.productId, window.from), window]));
  for (const { kind, ending } of history) {
    if (kind !== 'read-windows' || ending?.status !== 200) continue;
    for (const { productId, windowStart, uniqueUserCount, eventCount } of ending.answer?.items ?? []) {
      final.look(1);
      const is = found.get(windowName(productId, Date.parse(windowStart)));
      if (is?.eventCount === eventCount && is?.uniqueUsers === uniqueUserCount && is?.isOpen !== true) continue;
      const kept = is === undefined ? 'none is kept' : `${is.eventCount} of ${is.uniqueUsers} are kept`;
      final.wrong(
        `${productId} at ${windowStart}: ${eventCount} events of ${uniqueUserCount} users were shown, ${kept}`,
      );
    }
  }
  return final.finding();
}
