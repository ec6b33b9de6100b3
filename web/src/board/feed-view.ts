/** Which lines of the feed are shown. Pure. */

import type { FeedLine } from '../lib/work';

export interface Filter {
  stage: string;
  agent: string;
  /** `all`, or the least level that is shown. */
  level: 'all' | 'warning' | 'error';
}

export const NO_FILTER: Filter = { stage: '', agent: '', level: 'all' };
const LEVELS: readonly string[] = ['info', 'warning', 'error'];

/** The lines that pass. */
export function filtered(lines: readonly FeedLine[], { stage, agent, level }: Filter): readonly FeedLine[] {
  if (!stage && !agent && level === 'all') return lines;
  const least = level === 'all' ? 0 : LEVELS.indexOf(level);
  return lines.filter(
    (line) => (!stage || line.stage === stage) && (!agent || line.agent === agent) && LEVELS.indexOf(line.level) >= least,
  );
}

/** The different values of a column, in the order of their first line. */
export function valuesOf(lines: readonly FeedLine[], column: 'stage' | 'agent'): string[] {
  return [...new Set(lines.map((line) => line[column]))].filter((value) => value !== '');
}
