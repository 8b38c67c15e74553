// Draws plots as SVG with Vega-Lite, in one look for all reports.

import { parse, View } from 'vega';
import { compile, type Config, type TopLevelSpec } from 'vega-lite';

/** Colours that stay apart for colour-blind eyes and in print (Okabe and Ito, 2008). */
export const COLOURS = { first: '#0072b2', second: '#d55e00', third: '#009e73', quiet: '#8a8f98' } as const;

const LOOK: Config = {
  background: 'white',
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  axis: { grid: true, gridColor: '#e6e8eb', domainColor: '#8a8f98', tickColor: '#8a8f98', labelColor: '#3a3f47' },
  axisX: { grid: false },
  title: {
    anchor: 'start',
    fontSize: 14,
    color: '#1b1f24',
    subtitleColor: '#5a606a',
    subtitleFontSize: 12,
    offset: 10,
  },
};

/**
 * The plot as the text of an SVG file.
 * @throws Error if the specification is none.
 */
export async function toSvg(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec, { config: LOOK }).spec), { renderer: 'none' });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}
