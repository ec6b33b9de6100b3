import { expect, test } from 'vitest';
import { commandsFor } from './controls';

test('every status offers what its function takes', () => {
  expect(commandsFor('awaiting_approval')).toEqual(['approve', 'cancel']);
  expect(commandsFor('coding')).toEqual(['pause', 'cancel']);
  expect(commandsFor('publishing')).toEqual(['pause']);
  expect(commandsFor('paused')).toEqual(['resume', 'cancel']);
  expect(commandsFor('paused', true)).toEqual(['cancel']);
  expect(commandsFor('failed')).toEqual(['retry']);
  for (const status of ['completed', 'cancelled', '']) expect(commandsFor(status)).toEqual([]);
});
