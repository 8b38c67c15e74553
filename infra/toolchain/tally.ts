// Adds up what jest reported. A run that broke without a failing test still counts as a failure.

/** The part of jest's `--json` output that is read here. */
export type JestReport = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
};

export type Tally = {
  readonly passed: number;
  readonly failed: number;
  readonly notShown: readonly string[];
  readonly broken: readonly string[];
};

export const none: Tally = { passed: 0, failed: 0, notShown: [], broken: [] };

export const plus = (a: Tally, b: Tally): Tally => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  notShown: [...a.notShown, ...b.notShown],
  broken: [...a.broken, ...b.broken],
});

/** The counts of one jest process, from its report, its exit code and the reason it was killed for, if it was. */
export function count(
  names: readonly string[],
  report: JestReport | undefined,
  exitCode: number | null,
  killedFor: string | undefined,
): Tally {
  const level = names.join(', ');
  const failed = report === undefined ? 0 : report.numFailedTests + report.numRuntimeErrorTestSuites;
  const broken: string[] = [];
  if (killedFor !== undefined) broken.push(`${level}: ${killedFor}`);
  else if (report === undefined) broken.push(`${level}: jest ended without a report (exit ${exitCode})`);
  else if (exitCode !== 0 && failed === 0) broken.push(`${level}: a threshold was missed (exit ${exitCode})`);
  return {
    passed: report?.numPassedTests ?? 0,
    failed: failed + broken.length,
    notShown: (report?.testResults ?? [])
      .flatMap((file) => file.assertionResults)
      .filter((test) => test.status === 'todo' || test.status === 'pending')
      .map((test) => test.fullName),
    broken,
  };
}

/** The closing lines: what could not be shown and why, what broke, and the counts alone on the last one. */
export function summary(total: Tally, wholeLevels: boolean): string[] {
  return [
    '',
    ...total.notShown.map((name) => `not shown: ${name}`),
    ...total.broken.map((reason) => `broken: ${reason}`),
    ...(wholeLevels && total.passed + total.failed === 0 ? ['broken: no test was found'] : []),
    `${total.passed} passed, ${total.failed} failed`,
  ];
}
