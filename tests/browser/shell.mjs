// What frames the work, from the first visit to an account: node shell.mjs <webUrl> [folder for pictures]
// The platform's key stands in PLATFORM_KEY.

import { randomBytes } from 'node:crypto';
import { comesAndGoes } from './account-steps.mjs';
import { addressAndFolder, run } from './browser.mjs';
import { findsProjects, seeds } from './history-steps.mjs';

const { address, folder } = addressAndFolder('shell.mjs <webUrl>');
/** The real one, and the only one of this name. */
const PROJECT = 'Shell';

async function creates(page) {
  await page.getByLabel('Name', { exact: true }).fill(PROJECT);
  await page.getByLabel('Description', { exact: true }).fill('A list of shells');
  await page.getByRole('button', { name: 'Create project' }).click();
  await page.waitForURL(/#\/task\//);
  await page.locator('[data-status]').waitFor();
}

await run(
  folder,
  async ({ context, person, step }) => {
    const page = await context.newPage();
    await page.goto(address);
    await step(page, 'a guest creates a project', () => creates(page));
    await seeds(page, address, process.env.PLATFORM_KEY);
    await findsProjects(page, step);
    const email = `ada.${randomBytes(4).toString('hex')}@example.org`;
    await comesAndGoes({ page, person, step, project: PROJECT, email, home: address });
  },
  [/status of 40[01]/],
);
