/**
 * Tells the owner when a project needs them or is over, also on a page that nobody looks at: by the
 * browser's notifications, if they were asked for, and by a mark in the title.
 */

import type { Feed } from './live';
import { taskHref } from './route';
import { newerTask } from './snapshot';
import { parseTask, type Task } from './task';

const WANTED_KEY = 'orchestrator.notices';

export interface Notice {
  title: string;
  body: string;
}

/** What the owner is told of a task as it stands; nothing while it goes on or waits by their own will. */
export function noticeOf({ name, status, totals, failure }: Task): Notice | undefined {
  if (status === 'awaiting_approval') {
    return totals?.previewUrl
      ? { title: `${name}: look at the site`, body: 'It is built and waits for your word.' }
      : { title: `${name}: the plan waits for you`, body: 'Approve it, change it, or ask for another.' };
  }
  if (status === 'paused' && totals?.exhausted) {
    return { title: `${name}: the budget is reached`, body: 'Raise it, and the work goes on.' };
  }
  if (status === 'failed') return { title: `${name} has failed`, body: failure?.message ?? 'The page says why.' };
  if (status === 'completed') return { title: `${name} is completed`, body: 'The app and its repository are ready.' };
  return undefined;
}

/** Whether a task does not go on without its owner. */
const needsOwner = (task: Task): boolean => noticeOf(task) !== undefined && task.status !== 'completed';

const STATUS_WORDS: Record<string, string> = { awaiting_approval: 'waits for you' };

/** The page's title for a task. */
export function titleOf(task: Task): string {
  const text = `${task.name}: ${STATUS_WORDS[task.status] ?? task.status}`;
  return needsOwner(task) ? `(!) ${text}` : text;
}

/**
 * Which news are worth a notice. The first that is heard of a task is where it stands, and no news,
 * unless it is a message; what was told once is not told again, nor is what was true before it: the
 * page shows a task a moment after its message came.
 */
export class Teller {
  readonly #known = new Map<string, Task>();

  /** The notice for what is now known of a task, if it is news. */
  hear(task: Task, isMessage: boolean): Notice | undefined {
    const before = this.#known.get(task.id);
    if (newerTask(before, task) === before) return undefined;
    this.#known.set(task.id, task);
    if (before ? occasionOf(before) === occasionOf(task) : !isMessage) return undefined;
    return noticeOf(task);
  }
}

/** A retry or a raised budget leads to another turn of the same status. */
const occasionOf = ({ status, generation, totals }: Task) =>
  `${status} ${generation} ${totals?.exhausted?.limitMicroUsd ?? ''}`;

/** `off`: not asked for; `blocked`: the browser says no; `missing`: the browser has none. */
export type NoticeState = 'on' | 'off' | 'blocked' | 'missing';

export function noticeState(): NoticeState {
  if (!('Notification' in window)) return 'missing';
  if (Notification.permission === 'denied') return 'blocked';
  return Notification.permission === 'granted' && localStorage.getItem(WANTED_KEY) === 'yes' ? 'on' : 'off';
}

/** Switches notices on, with the browser's permission, or off. Returns how it is then. */
export async function wantNotices(wanted: boolean): Promise<NoticeState> {
  if (!wanted) localStorage.removeItem(WANTED_KEY);
  else if (noticeState() !== 'missing' && (await Notification.requestPermission()) === 'granted') {
    localStorage.setItem(WANTED_KEY, 'yes');
  }
  return noticeState();
}

/** What this page has told of. */
const teller = new Teller();

/** A task was fetched, or a message of it came: tells the owner while the page is not looked at. */
export function heardOf(task: Task, isMessage = false) {
  const notice = teller.hear(task, isMessage);
  if (notice && document.hidden && noticeState() === 'on') show(task, notice);
}

/** Follows all tasks of the user. Returns how to stop. */
export function tellOwner(feed: Feed): () => void {
  return feed.onMessage((table, row) => {
    if (table === 'tasks') heardOf(parseTask(row), true);
  });
}

function show({ id, status }: Task, { title, body }: Notice) {
  try {
    // Several tabs show the same notice once.
    const shown = new Notification(title, { body, tag: `${id} ${status}`, icon: '/icon.svg' });
    shown.onclick = () => {
      window.focus();
      location.hash = taskHref(id);
      shown.close();
    };
  } catch {
    // Some phones let only a service worker show one: the title still says it.
  }
}
