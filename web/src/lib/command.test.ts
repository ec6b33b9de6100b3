import { expect, test } from 'vitest';
import { type Answer, carryOut, type Command, commandsFor } from './command';
import { PARSE, type Progress } from './task';

test('every status offers what its function takes', () => {
  expect(commandsFor('awaiting_approval')).toEqual(['approve', 'cancel']);
  expect(commandsFor('coding')).toEqual(['pause', 'cancel']);
  expect(commandsFor('publishing')).toEqual(['pause']);
  expect(commandsFor('paused')).toEqual(['resume', 'cancel']);
  expect(commandsFor('paused', true)).toEqual(['cancel']);
  expect(commandsFor('failed')).toEqual(['retry']);
  for (const status of ['completed', 'cancelled', '']) expect(commandsFor(status)).toEqual([]);
});

const line = (number: number, command: string): Progress =>
  PARSE.progress({ $id: `t.c${number}`, $sequence: number, data: JSON.stringify({ command }) });
const PAUSE: Command = { command: 'pause' };
const NOT_NOW: Answer = { kind: 'refused', message: '`pause` does not fit: the task is `paused`.' };

/** Gives the answers in turn; a string is an error. `arrives` says at which attempts the command arrives. */
function service(answers: readonly (Answer | 'offline' | number)[], arrives: readonly number[]) {
  const rows = [line(1, 'pause'), line(2, 'resume')];
  const log: string[] = [];
  let attempt = 0;
  const messenger = {
    send: async (command: Command): Promise<Answer> => {
      log.push('send');
      const answer = answers[attempt];
      if (arrives.includes(attempt)) rows.push(line(rows.length + 1, command.command));
      attempt += 1;
      if (typeof answer === 'number') throw Object.assign(new Error('refused'), { code: answer });
      if (answer === undefined || answer === 'offline') throw new TypeError('Failed to fetch');
      return answer;
    },
    taken: async () => {
      log.push('look');
      return rows;
    },
    pause: async () => {},
    onLost: () => log.push('lost'),
  };
  return { log, run: () => carryOut(PAUSE, [line(1, 'pause'), line(2, 'resume')], messenger) };
}

test('an answer is told as it came', async () => {
  const { log, run } = service([{ kind: 'taken' }], [0]);
  expect(await run()).toEqual({ kind: 'taken' });
  expect(log).toEqual(['send']);
  expect(await service([NOT_NOW], []).run()).toEqual(NOT_NOW);
});

test('a command whose answer was lost is not sent twice', async () => {
  const { log, run } = service(['offline'], [0]);
  expect(await run()).toEqual({ kind: 'taken' });
  expect(log).toEqual(['send', 'lost', 'look']);
});

test('a command that never arrived is sent again', async () => {
  const { log, run } = service(['offline', { kind: 'unclear' }, { kind: 'taken' }], [2]);
  expect(await run()).toEqual({ kind: 'taken' });
  expect(log).toEqual(['send', 'lost', 'look', 'send', 'lost', 'look', 'send']);
});

test('a refusal because the first attempt was taken meanwhile is no refusal', async () => {
  const { run } = service(['offline', NOT_NOW], [1]);
  expect(await run()).toEqual({ kind: 'taken' });
});

test('a line of an earlier command of the same word does not count', async () => {
  const { run } = service(['offline', NOT_NOW], []);
  expect(await run()).toEqual(NOT_NOW);
});

test('it gives up in the end, and at once where it is of no use', async () => {
  const { log, run } = service([], []);
  expect(await run()).toEqual({ kind: 'lost' });
  expect(log.filter((entry) => entry === 'send')).toHaveLength(8);
  await expect(service([401], []).run()).rejects.toThrow('refused');
});
