// What a person does first in a to-do app: add, complete, delete, and come back to it.

import { demand, loaded } from './browser.mjs';

const KEPT = 'Buy 2 lemons';
const GONE = 'Water the <b>plants</b>';

/** Uses the to-do app that is open on `page`. */
export async function useTodoApp(page, step) {
  const add = page.getByRole('button', { name: 'Add', exact: true });
  const form = page.locator('form').filter({ has: add });
  const box = form.getByRole('textbox').first();
  const item = (text) => page.getByRole('listitem').filter({ hasText: text });
  const ticked = (text) => item(text).getByRole('checkbox');

  await step(page, 'app opens', async () => {
    await add.waitFor();
    await loaded(page);
    const name = await box.evaluate((input) => input.labels?.[0]?.textContent ?? input.getAttribute('aria-label') ?? '');
    demand(name.trim() !== '', 'the text box of the app has no label');
  });
  for (const text of [KEPT, GONE]) {
    await step(page, `app adds ${text === KEPT ? 'one' : 'another'}`, async () => {
      await box.fill(text);
      await add.click();
      await item(text).waitFor();
      demand((await item(text).locator('b').count()) === 0, 'the app shows the text of an item as HTML');
    });
  }
  await step(page, 'app completes one', async () => {
    await ticked(KEPT).check();
    demand(!(await ticked(GONE).isChecked()), 'completing one item completed another');
  });
  await step(page, 'app keeps both over a reload', async () => {
    await page.reload();
    await item(GONE).waitFor();
    demand(await ticked(KEPT).isChecked(), 'the completed item is not completed after a reload');
    demand(!(await ticked(GONE).isChecked()), 'the open item is completed after a reload');
  });
  await step(page, 'app deletes one', async () => {
    await item(GONE).getByRole('button', { name: 'Delete', exact: true }).click();
    await item(GONE).waitFor({ state: 'detached' });
    demand((await item(KEPT).count()) === 1, 'deleting one item deleted another');
  });
  await step(page, 'app keeps the rest over a reload', async () => {
    await page.reload();
    await item(KEPT).waitFor();
    demand((await item(GONE).count()) === 0, 'the deleted item is back after a reload');
  });
}
