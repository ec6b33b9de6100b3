/** What differs between two texts, line by line. Loaded when somebody looks at changes. */

import { diffLines, structuredPatch } from 'diff';

/** Unchanged lines around a change. */
const CONTEXT_LINES = 3;
/** Longest time that one comparison may take, in milliseconds. */
const COMPARE_MS_MAX = 1_000;

/** A line of a diff; 0 where the text has no such line. Numbers begin at 1. */
export interface DiffLine {
  kind: 'same' | 'added' | 'removed';
  before: number;
  after: number;
}

/** Lines that stand together. */
export interface Hunk {
  lines: readonly DiffLine[];
}

export interface Diff {
  hunks: readonly Hunk[];
  added: number;
  removed: number;
}

const KINDS: Record<string, DiffLine['kind'] | undefined> = { '+': 'added', '-': 'removed', ' ': 'same' };

/** Undefined where the two have too little in common to be compared in time. */
export function diffOf(before: string, after: string): Diff | undefined {
  const options = { context: CONTEXT_LINES, timeout: COMPARE_MS_MAX };
  const patch = structuredPatch('', '', before, after, undefined, undefined, options);
  if (!patch) return undefined;
  const diff = { hunks: [] as Hunk[], added: 0, removed: 0 };
  for (const { oldStart, newStart, lines } of patch.hunks) {
    let [old, own] = [oldStart, newStart];
    const read = lines.flatMap((line): DiffLine[] => {
      const kind = KINDS[line.charAt(0)];
      // Beside lines there is the remark that a text does not end with a newline.
      if (!kind) return [];
      if (kind === 'added') diff.added += 1;
      if (kind === 'removed') diff.removed += 1;
      return [{ kind, before: kind === 'added' ? 0 : old++, after: kind === 'removed' ? 0 : own++ }];
    });
    diff.hunks.push({ lines: read });
  }
  return diff;
}

/** Where a line of `before` stands in `after`: itself, or where it stood if it is gone. */
export function lineNow(before: string, after: string, line: number): number {
  let [old, own] = [1, 1];
  for (const { count, added, removed } of diffLines(before, after, { timeout: COMPARE_MS_MAX }) ?? []) {
    if (added) {
      own += count;
    } else if (removed) {
      if (line < old + count) return Math.max(1, own);
      old += count;
    } else {
      if (line < old + count) return own + line - old;
      old += count;
      own += count;
    }
  }
  return Math.max(1, Math.min(line, own - 1));
}
