// What frames the work, from the first visit to an account: node shell.mjs <webUrl> [folder for pictures]
// The platform's key stands in PLATFORM_KEY.

import { randomBytes } from 'node:crypto';
import { comesAndGoes, waitsForTheLabel } from './account-steps.mjs';
import { addressAndFolder, run } from './browser.mjs';
import { createsByKeyboard, keepsRulesAndDraft } from './form-steps.mjs';
import { changesColours, isForEveryone, loadsLittle } from './frame-steps.mjs';
import { findsProjects, seeds } from './history-steps.mjs';

const { address, folder } = addressAndFolder('shell.mjs <webUrl>');
/** The only project of this name, and the only one that is real. */
const PROJECT = 'Shell';
/** What a browser says of a refused password, an ended session and a missing network. */
const EXPECTED = [/status of 40[01]/, /ERR_INTERNET_DISCONNECTED/, /WebSocket/];

const heading = (name) => (page) => page.getByRole('heading', { name }).first().waitFor();

await run(
  folder,
  async ({ context, person, step }) => {
    const page = await context.newPage();
    await step(page, 'the first visit loads little', async () => {
      const { requests, bytes } = await loadsLittle(page, address);
      console.log(`   ${requests} requests, ${bytes} bytes of assets`);
    });
    await waitsForTheLabel(page, step, address);
    await step(page, 'colours are chosen', () => changesColours(page));
    await keepsRulesAndDraft(page, step);
    await step(page, 'the keyboard alone leads from the form to the board', () => createsByKeyboard(page, PROJECT));
    const board = new URL(page.url()).hash;
    await seeds(page, address, process.env.PLATFORM_KEY);
    await findsProjects(page, step);
    await isForEveryone(page, step, address, [
      ['the form', '#/', (at) => at.locator('summary').filter({ hasText: 'Options' }).click()],
      ['the list', '#/projects', (at) => at.locator('li.task').first().waitFor()],
      ['the account', '#/account', heading('You are here as a guest')],
      ['the board', board, (at) => at.locator('[data-status]').waitFor()],
    ]);
    const email = `ada.${randomBytes(4).toString('hex')}@example.org`;
    await comesAndGoes({ page, person, step, project: PROJECT, email, home: address });
  },
  EXPECTED,
);
