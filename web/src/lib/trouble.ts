/** What went wrong, in words for the person in front of the page. */

import { AppwriteException } from 'appwrite';

export type TroubleKind = 'unreachable' | 'missing' | 'signed-out' | 'refused';

export interface Trouble {
  kind: TroubleKind;
  message: string;
}

export function troubleOf(error: unknown, endpoint: string): Trouble {
  if (error instanceof AppwriteException && error.code > 0) {
    if (error.code === 404) return { kind: 'missing', message: error.message };
    if (error.code === 401 && error.type !== 'user_unauthorized') {
      return { kind: 'signed-out', message: 'The session on this browser has ended. Reload the page to start a new one.' };
    }
    if (error.code === 429) return { kind: 'refused', message: 'Too many requests. Wait a minute, then try again.' };
    return { kind: 'refused', message: error.message };
  }
  const nothing = error instanceof TypeError || error instanceof AppwriteException;
  if (!nothing && error instanceof Error) return { kind: 'refused', message: error.message };
  const advice = navigator.onLine ? 'Check that it is running, then try again.' : 'This browser is offline.';
  return { kind: 'unreachable', message: `Nothing answers at ${endpoint}. ${advice}` };
}
