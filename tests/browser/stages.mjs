// A project whose page is loaded anew at every stage: node stages.mjs <pageUrl> <folder for pictures>
// Who runs it holds each stage until the folder has the file `seen-STAGE`.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addressAndFolder, demand, run } from './browser.mjs';
import { Own } from './line.mjs';

const STAGES = ['planning', 'coding', 'reviewing', 'publishing', 'deploying'];
/** How long a project may take from one stage to the next. */
const STAGE_MS = 60_000;

const { address, folder } = addressAndFolder('stages.mjs <pageUrl>');
const sample = JSON.parse(await readFile(new URL('../../examples/todo.json', import.meta.url), 'utf8'));

await run(folder, async ({ context, step }) => {
  const page = await context.newPage();
  await page.goto(address);
  await page.locator('.chip[data-state="live"]').waitFor({ state: 'attached' });
  const own = await Own.of(context, address);
  const { taskId } = await own.call('/', sample);
  await page.goto(`${address}#/task/${taskId}`);
  const reaches = (status) => page.locator(`[data-status="${status}"]`).waitFor({ timeout: STAGE_MS });
  const lines = () => page.locator('.feed li').evaluateAll((all) => all.map((line) => line.dataset.id));
  let before = [];
  for (const stage of [...STAGES, 'completed']) {
    await step(page, `${stage} comes back after a reload`, async () => {
      await reaches(stage);
      await page.reload();
      await reaches(stage);
      const rows = await own.lines(taskId);
      // Nothing is told before the plan is made.
      if (rows.length > 0) await page.locator(`.feed li[data-id="${rows.at(-1)}"]`).waitFor();
      const shown = await lines();
      demand(new Set(shown).size === shown.length, 'a line of the feed is doubled');
      demand(before.every((line) => shown.includes(line)), 'a line of the feed is lost');
      before = shown;
      await writeFile(join(folder, `seen-${stage}`), '');
    });
  }
});
