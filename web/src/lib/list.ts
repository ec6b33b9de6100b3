/** Lists that a person edits. */

/** The list with one entry at another place. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const next = [...items];
  const [item] = next.splice(from, 1);
  if (item !== undefined) next.splice(Math.max(0, Math.min(to, next.length)), 0, item);
  return next;
}

/** The entries of a pasted list: one a line, without the marks that lists have elsewhere. */
export function linesOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(/^\s*(?:[-*•‣·]\s+|\d{1,3}[.)]\s+|\[[ xX]?\]\s+)*/, '').trim())
    .filter((line) => line !== '');
}
