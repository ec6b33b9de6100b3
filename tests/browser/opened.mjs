// A link that `orchestrator run --open` opens: node opened.mjs <link> [folder for pictures]

import { addressAndFolder, demand, run } from './browser.mjs';

/** How long the task may take to its end. */
const TASK_MS = Number(process.env.TASK_TIMEOUT_MS ?? 180_000);

const { address, folder } = addressAndFolder('opened.mjs <link>');
const secret = /[0-9a-f]{64}/.exec(address)[0];

await run(
  folder,
  async ({ context, person, step }) => {
    const page = await context.newPage();
    await step(page, 'opened', async () => {
      await page.goto(address);
      await page.locator('[data-status]').waitFor();
      const kept = await page.evaluate(() => location.href + JSON.stringify(history.state));
      demand(!kept.includes(secret), 'the secret stays in the address');
    });
    await step(page, 'completed', async () => {
      await page.locator('[data-status="completed"]').waitFor({ timeout: TASK_MS });
    });
    await step(page, 'reloaded', async () => {
      await page.reload();
      await page.locator('[data-status="completed"]').waitFor();
    });
    const other = await (await person()).newPage();
    await step(other, 'used', async () => {
      await other.goto(address);
      await other.getByRole('alert').first().waitFor();
      demand((await other.locator('[data-status]').count()) === 0, 'a used link shows the task');
    });
  },
  [/401/, /404/],
);
