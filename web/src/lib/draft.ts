/** What stands in the form, kept in this browser until it was sent. */

import { BLANK, type Draft, PROJECT_TYPES, type Requirement } from './brief';

export const DRAFT_KEY = 'orchestrator.draft';

export interface Kept {
  draft: Draft;
  /** What stands in the box for another requirement. */
  pending: string;
  /** When it was changed last. */
  at: string;
  /** The request it was sent with: a repeat makes nothing twice, also after a reload. */
  sent?: { text: string; requestId: string } | undefined;
}

export const isBlank = ({ draft, pending }: Pick<Kept, 'draft' | 'pending'>): boolean =>
  pending === '' && JSON.stringify(draft) === JSON.stringify(BLANK);

/** The draft of the last time; undefined where there is none, or none that can be read. */
export function readDraft(): Kept | undefined {
  try {
    return parse(JSON.parse(localStorage.getItem(DRAFT_KEY) ?? '') as Record<string, unknown>);
  } catch {
    return undefined;
  }
}

/** Keeps it. A browser whose store is full or closed keeps the page alone. */
export function keepDraft(kept: Kept) {
  try {
    if (isBlank(kept)) localStorage.removeItem(DRAFT_KEY);
    else localStorage.setItem(DRAFT_KEY, JSON.stringify(kept));
  } catch {
    // Nothing is lost as long as the page is open.
  }
}

export function dropDraft() {
  localStorage.removeItem(DRAFT_KEY);
}

/** Reads what an older version of the page may have written: unknown fields go, missing ones are blank. */
export function parse(value: Record<string, unknown>): Kept | undefined {
  const draft = draftOf(value.draft);
  const kept: Kept = { draft, pending: text(value.pending), at: text(value.at) };
  const { text: sentText, requestId } = object(value.sent);
  if (typeof sentText === 'string' && typeof requestId === 'string') kept.sent = { text: sentText, requestId };
  return isBlank(kept) ? undefined : kept;
}

/** A draft of JSON: an example, or what was kept. */
export function draftOf(value: unknown): Draft {
  const data = object(value);
  const entries = Object.entries(BLANK).map(([key, blank]) => [key, typeof data[key] === typeof blank ? data[key] : blank]);
  const draft = Object.fromEntries(entries) as Draft;
  const type = PROJECT_TYPES.find((known) => known === data.type) ?? BLANK.type;
  return { ...draft, type, requirements: requirementsOf(data.requirements) };
}

function requirementsOf(value: unknown): Requirement[] {
  const items = Array.isArray(value) ? value : [];
  const texts = items.map((item) => (typeof item === 'string' ? item : text(object(item).text)));
  return texts.filter((item) => item !== '').map((item, id) => ({ id, text: item }));
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const object = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
