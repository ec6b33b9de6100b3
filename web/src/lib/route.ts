/** The page's place, kept in the address so that a reload returns to it. */

import { useEffect, useState } from 'preact/hooks';

/** The two sides of a task: what goes on, and what came of it. */
export type Side = 'board' | 'result';

export type Route =
  | { view: 'new' }
  | { view: 'projects' }
  | { view: 'account' }
  | { view: 'figures' }
  | { view: 'task'; taskId: string; side: Side; part?: string };

/** The place that an address names; a new project where it names none. */
export function routeOf(hash: string): Route {
  if (/^#\/projects(\?|$)/.test(hash)) return { view: 'projects' };
  if (hash === '#/account') return { view: 'account' };
  if (hash === '#/figures') return { view: 'figures' };
  const [, taskId, side, part] = /^#\/task\/([a-z0-9][a-z0-9._-]{0,35})(\/result(?:\/([a-z]+))?)?$/.exec(hash) ?? [];
  if (taskId) return { view: 'task', taskId, side: side ? 'result' : 'board', ...(part && { part }) };
  return { view: 'new' };
}

/** `part`: one of a side that has several. */
export const taskHref = (taskId: string, side: Side = 'board', part?: string): string =>
  [`#/task/${taskId}`, ...(side === 'board' ? [] : [side]), ...(part ? [part] : [])].join('/');

/** A link that signs in as the owner of a task, once. */
export interface Entry {
  userId: string;
  secret: string;
  taskId: string;
}

/** What a link to enter names; undefined for every other address. */
export function entryOf(hash: string): Entry | undefined {
  const [, userId, secret, taskId] = /^#\/enter\/([\w.-]{1,36})\/([0-9a-f]{64})\/([a-z0-9][a-z0-9._-]{0,35})$/.exec(hash) ?? [];
  return userId && secret && taskId ? { userId, secret, taskId } : undefined;
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const read = () => setRoute(routeOf(location.hash));
    window.addEventListener('hashchange', read);
    return () => window.removeEventListener('hashchange', read);
  }, []);
  return route;
}
