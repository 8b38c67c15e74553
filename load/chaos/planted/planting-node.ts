// Plants bugs into a node of the cluster: what is changed are the files as this process reads them, none on the disk.

import { registerHooks } from 'node:module';
import type { TextChange } from '../../../infra/toolchain/changed-copies.ts';

const ROOT = new URL('../../../', import.meta.url);

/** From now on, files that are imported hold these changes. */
export function plant(changes: readonly TextChange[]): void {
  const byUrl = Map.groupBy(changes, ({ file }) => new URL(file, ROOT).href);
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      const mine = byUrl.get(url);
      if (mine === undefined || loaded.source === undefined || loaded.source === null) return loaded;
      let text =
        typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString();
      for (const { from, to } of mine) text = text.replace(from, () => to);
      return { ...loaded, source: text };
    },
  });
}
