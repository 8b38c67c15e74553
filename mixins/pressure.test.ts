import { describe, expect, it } from '@jest/globals';
import { createPressure, REST_MAX_MS } from './pressure.ts';

const SECOND = 1_000;

/** A pressure whose clock and load are set by hand. */
function gauged() {
  const gauges = { at: 0, share: 0 };
  const pressure = createPressure({ now: () => gauges.at, utilization: () => gauges.share });
  return { gauges, pressure };
}

describe('work behind', () => {
  it('does not rest while the process has time', () => {
    const { gauges, pressure } = gauged();
    gauges.at = SECOND;
    gauges.share = 0.5;
    pressure.noteCaller();
    expect(pressure.restAfter(10)).toBe(0);
  });

  it('rests the longer the busier the process is, and the longer it worked', () => {
    const { gauges, pressure } = gauged();
    const restAt = (share: number, workedMs: number) => {
      gauges.at += SECOND;
      gauges.share = share;
      pressure.noteCaller();
      return pressure.restAfter(workedMs);
    };
    expect(restAt(0.9, 2)).toBeGreaterThan(restAt(0.85, 2));
    expect(restAt(0.9, 2)).toBeCloseTo(2 * restAt(0.9, 1));
  });

  it('always goes on, however busy the process is', () => {
    const { gauges, pressure } = gauged();
    gauges.at = SECOND;
    gauges.share = 1;
    pressure.noteCaller();
    expect(pressure.restAfter(SECOND)).toBe(REST_MAX_MS);
  });

  it('does not rest for itself: without callers the machine is its own', () => {
    const { gauges, pressure } = gauged();
    gauges.at = SECOND;
    gauges.share = 1;
    expect(pressure.restAfter(10)).toBe(0);
    pressure.noteCaller();
    expect(pressure.restAfter(10)).toBeGreaterThan(0);
    gauges.at += SECOND;
    expect(pressure.restAfter(10)).toBe(0);
  });

  it('looks at the load now and then, not each time', () => {
    const { gauges, pressure } = gauged();
    gauges.at = SECOND;
    gauges.share = 1;
    pressure.noteCaller();
    const busy = pressure.restAfter(1);
    gauges.share = 0;
    expect(pressure.restAfter(1)).toBe(busy);
    gauges.at += 99;
    expect(pressure.restAfter(1)).toBe(busy);
    gauges.at += 1;
    pressure.noteCaller();
    expect(pressure.restAfter(1)).toBe(0);
  });
});
