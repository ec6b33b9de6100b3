// What frames the work, from the first visit to an account: node shell.mjs <webUrl> [folder for pictures]

import { randomBytes } from 'node:crypto';
import { comesAndGoes } from './account-steps.mjs';
import { addressAndFolder, run } from './browser.mjs';

const { address, folder } = addressAndFolder('shell.mjs <webUrl>');
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
    const email = `ada.${randomBytes(4).toString('hex')}@example.org`;
    await comesAndGoes({ page, person, step, project: PROJECT, email, home: address });
  },
  [/status of 40[01]/],
);
