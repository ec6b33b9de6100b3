/** What an owner may want of a task, and how it is handed on so that it is done once. */

import type { PlannedAssignment } from './plan';
import type { Progress } from './task';

/** The function `create-task` has the same words. */
export type Command =
  | { command: 'approve' | 'pause' | 'resume' | 'cancel' | 'retry' }
  | { command: 'revise'; comment: string }
  | { command: 'edit'; assignments: readonly PlannedAssignment[] }
  | { command: 'follow_up'; description: string; requirements: readonly string[] }
  | { command: 'rollback'; release: number }
  | { command: 'budget'; budgetUsd: number };

export type Word = Command['command'];
/** Commands that need no more than a button. */
export type Button = Exclude<Word, 'revise' | 'edit' | 'budget' | 'follow_up' | 'rollback'>;

/** Longest comment on a plan, in characters. */
export const COMMENT_CHARS_MAX = 4_000;
const AT_WORK = ['pending', 'planning', 'coding', 'reviewing', 'publishing', 'deploying'];

/** The buttons for a task of this status. */
export function commandsFor(status: string, isExhausted = false): Button[] {
  if (status === 'paused' && isExhausted) return ['cancel'];
  if (status === 'awaiting_approval') return ['approve', 'cancel'];
  if (status === 'paused') return ['resume', 'cancel'];
  if (status === 'failed') return ['retry'];
  // Once publishing has begun it can only be paused.
  if (status === 'publishing' || status === 'deploying') return ['pause'];
  return AT_WORK.includes(status) ? ['pause', 'cancel'] : [];
}

/** What `create-task` answered. */
export type Answer =
  | { kind: 'taken' }
  | { kind: 'refused'; message: string }
  /** It did not say whether the command was taken. */
  | { kind: 'unclear' };

/** How a command ended for the person who gave it. */
export type Result = { kind: 'taken' } | { kind: 'refused'; message: string } | { kind: 'lost' };

/** How a command is handed on. */
export interface Messenger {
  /** Throws where nothing answers. */
  send: (command: Command) => Promise<Answer>;
  /** The lines that tell of the commands taken so far, from the rows. Throws where nothing answers. */
  taken: () => Promise<readonly Progress[]>;
  pause: (ms: number) => Promise<void>;
  /** Called when an answer was lost and it is looked whether the command was taken. */
  onLost: () => void;
}

/** Pauses before it is looked, and asked, again. Together they are longer than an execution may take. */
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 8_000, 15_000, 15_000];

/**
 * Hands a command on. Where the answer is lost, the rows say whether it was taken, and only if it
 * was not it is sent again: what was taken once is refused or has its line.
 */
export async function carryOut(command: Command, known: readonly Progress[], by: Messenger): Promise<Result> {
  const before = new Set(known.map(({ id }) => id));
  const isTaken = async () => {
    const lines = await by.taken();
    return lines.some((line) => line.command === command.command && !before.has(line.id));
  };
  for (const [attempt, pause] of [0, ...PAUSES_MS].entries()) {
    try {
      if (attempt > 0) {
        by.onLost();
        await by.pause(pause);
        if (await isTaken()) return { kind: 'taken' };
      }
      const answer = await by.send(command);
      if (answer.kind === 'taken') return answer;
      if (answer.kind === 'refused') return attempt > 0 && (await isTaken()) ? { kind: 'taken' } : answer;
    } catch (error) {
      if (isFinal(error)) throw error;
    }
  }
  return { kind: 'lost' };
}

/** Whether the answer is an error that another attempt would bring again. */
function isFinal(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'number' && code >= 400 && code < 500 && code !== 408;
}
