// The page as a site of its own, on another host than the platform: node site.mjs <siteUrl> [folder for pictures]

import { addressAndFolder, demand, run } from './browser.mjs';

const { address, folder } = addressAndFolder('site.mjs <siteUrl>');

await run(folder, async ({ context, step }) => {
  const page = await context.newPage();
  await step(page, 'the site opens for a guest', async () => {
    await page.goto(address);
    await page.getByRole('button', { name: 'Create project' }).waitFor();
    await page.getByText('No projects yet').waitFor();
    await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
  });
  await step(page, 'an address inside it leads to the page', async () => {
    await page.goto(new URL('/some/where#/account', address).href);
    await page.getByRole('heading', { name: 'You are here as a guest' }).waitFor();
  });
  await step(page, 'a reload keeps the guest, and a project is created', async () => {
    const guest = () => page.evaluate(() => JSON.parse(localStorage.getItem('orchestrator.person')).id);
    const before = await guest();
    await page.goto(address);
    await page.reload();
    await page.getByLabel('Name', { exact: true }).fill('From the site');
    demand((await guest()) === before, 'a reload makes another guest');
    await page.getByLabel('Description', { exact: true }).fill('A list');
    await page.getByRole('button', { name: 'Create project' }).click();
    await page.waitForURL(/#\/task\//);
    await page.locator('[data-status]').waitFor();
  });
});
