// Uses a to-do app at an address: node todo-app.mjs <siteUrl> [folder for pictures]

import { addressAndFolder, run } from './browser.mjs';
import { useTodoApp } from './todo-steps.mjs';

const { address, folder } = addressAndFolder('todo-app.mjs <siteUrl>');

await run(folder, async ({ context, step }) => {
  const page = await context.newPage();
  await page.goto(address);
  await useTodoApp(page, step);
});
