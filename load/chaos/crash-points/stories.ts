// The orders whose processes end at every boundary: what their clients do, and how each must end, whether a process died on
// the way or not. Together they pass every step of the saga, each step in three orders or more.

import { paidStories } from './stories-paid.ts';
import { unpaidStories } from './stories-unpaid.ts';
import type { Story } from './story.ts';

export const stories: readonly Story[] = [...paidStories, ...unpaidStories];
