import { useEffect, useRef, useState } from 'preact/hooks';
import type { Api } from '../lib/api';
import { carryOut, type Command, type Word } from '../lib/command';
import type { LiveTask } from '../lib/live';
import type { Snapshot } from '../lib/snapshot';
import { troubleOf } from '../lib/trouble';

/** How long it stays on the page that a command was taken. */
const TAKEN_MS = 8_000;

export interface Deed {
  word: Word;
  phase: 'sending' | 'looking' | 'taken' | 'refused';
  /** Why it was refused. */
  message: string;
}

export interface Commander {
  /** The command under way, or what became of the last one. */
  deed: Deed | undefined;
  busy: boolean;
  /** Returns whether it was taken. */
  send: (command: Command) => Promise<boolean>;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Hands commands on, one at a time, and looks at the rows before it says that one was taken. */
export function useCommand(api: Api, live: { current: LiveTask | undefined }, { task, progress }: Snapshot): Commander {
  const [deed, setDeed] = useState<Deed>();
  const known = useRef(progress);
  known.current = progress;
  useEffect(() => {
    if (deed?.phase !== 'taken') return;
    const timer = setTimeout(() => setDeed(undefined), TAKEN_MS);
    return () => clearTimeout(timer);
  }, [deed]);
  const busy = deed?.phase === 'sending' || deed?.phase === 'looking';
  const send = async (command: Command): Promise<boolean> => {
    if (!task || busy) return false;
    const word = command.command;
    const show = (phase: Deed['phase'], message = '') => setDeed({ word, phase, message });
    show('sending');
    try {
      const newest = known.current.at(-1)?.updatedAt;
      const result = await carryOut(command, known.current, {
        send: (it) => api.command(task.id, it),
        taken: () => api.rows('progress', task.id, newest),
        pause,
        onLost: () => show('looking'),
      });
      await live.current?.refetch();
      if (result.kind === 'taken') show('taken');
      else show('refused', result.kind === 'refused' ? result.message : LOST);
      return result.kind === 'taken';
    } catch (error) {
      show('refused', troubleOf(error, api.endpoint).message);
      return false;
    }
  };
  return { deed, busy, send };
}

const LOST =
  'No answer came, and nothing shows that it was taken. Look at the feed when the connection is back, then try again: nothing is done twice.';
