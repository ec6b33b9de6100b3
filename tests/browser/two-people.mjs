// Two people with accounts in one to-do app: node two-people.mjs <siteUrl> [folder for pictures]

import { addressAndFolder, demand, run } from './browser.mjs';

const PASSWORD = 'a long password';
const PEOPLE = [
  { email: 'ada@example.org', items: ['Call Ada’s <i>mother</i>', 'Buy a loom'] },
  { email: 'bob@example.org', items: ['Paint the boat'] },
];
const GUESTS = 'Nobody’s item';

const { address, folder } = addressAndFolder('two-people.mjs <siteUrl>');

const item = (page, text) => page.getByRole('listitem').filter({ hasText: text });
const saved = (page, count) => page.waitForFunction(
  async (wanted) => (await globalThis.rows()).length === wanted,
  count,
);

/** What Appwrite lists with the session of the person on this page, asked beside the app. */
async function listsDirectly() {
  globalThis.rows = async () => {
    const { endpoint, projectId, databaseId } = await (await fetch('app-config.json')).json();
    const key = Object.keys(localStorage).find((name) => name.endsWith('/session'));
    const { cookies } = JSON.parse(localStorage.getItem(key));
    const answer = await fetch(`${endpoint}/tablesdb/${databaseId}/tables/items/rows`, {
      credentials: 'include',
      headers: { 'X-Appwrite-Project': projectId, 'X-Fallback-Cookies': cookies },
    });
    return (await answer.json()).rows.map((row) => row.title);
  };
}

async function fillsIn(page, email, password) {
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
}

async function isIn(page) {
  await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
}

async function adds(page, text) {
  await page.getByLabel('New item').fill(text);
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await item(page, text).waitFor();
}

/** Whether the page shows exactly the items of `person`, and Appwrite lists no others. */
async function seesOnly(page, person) {
  for (const text of person.items) await item(page, text).waitFor();
  const count = await page.locator('#items > li').count();
  demand(count === person.items.length, `${person.email} sees ${count} items`);
  const rows = (await page.evaluate(() => globalThis.rows())).toSorted();
  demand(JSON.stringify(rows) === JSON.stringify(person.items.toSorted()), `the rows of ${person.email} are ${rows}`);
}

const EXPECTED = [/status of 401/, /status of 409/];

await run(folder, async ({ person, step }) => {
  const pages = [];
  for (const somebody of PEOPLE) {
    const context = await person();
    await context.addInitScript(listsDirectly);
    const page = await context.newPage();
    pages.push(page);
    const name = somebody.email.split('@')[0];
    await page.goto(address);
    await step(page, `${name} adds as a guest`, () => adds(page, GUESTS));
    await step(page, `${name} signs up`, async () => {
      await fillsIn(page, somebody.email, PASSWORD);
      await page.getByRole('button', { name: 'Create account' }).click();
      await isIn(page);
      await item(page, GUESTS).waitFor({ state: 'detached' });
    });
    await step(page, `${name} adds items`, async () => {
      for (const text of somebody.items) await adds(page, text);
      await saved(page, somebody.items.length);
    });
  }
  for (const [place, page] of pages.entries()) {
    const somebody = PEOPLE[place];
    const name = somebody.email.split('@')[0];
    await step(page, `${name} sees only their own`, () => seesOnly(page, somebody));
    await step(page, `${name} sees them after a reload`, async () => {
      await page.reload();
      await isIn(page);
      await seesOnly(page, somebody);
    });
    await step(page, `${name} signs out and sees the guest list`, async () => {
      await page.getByRole('button', { name: 'Sign out', exact: true }).click();
      await item(page, GUESTS).waitFor();
      demand((await page.locator('#items > li').count()) === 1, 'items are shown after signing out');
      await page.reload();
      await item(page, GUESTS).waitFor();
      demand((await page.locator('#items > li').count()) === 1, 'items are shown after signing out');
      const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }));
      demand(!somebody.items.some((text) => kept.includes(text)), 'items are left in the browser');
    });
    await step(page, `${name} is told of a wrong password`, async () => {
      await fillsIn(page, somebody.email, 'another password');
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByText('The e-mail address or the password is not right.').waitFor();
    });
    await step(page, `${name} can not sign up twice`, async () => {
      await page.getByRole('button', { name: 'Create account' }).click();
      await page.getByText('There is already an account with this e-mail address.').waitFor();
    });
    await step(page, `${name} signs in again`, async () => {
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Continue' }).click();
      await isIn(page);
      await seesOnly(page, somebody);
    });
  }
  const [page] = pages;
  const [{ items, email }] = PEOPLE;
  await step(page, 'changes without a connection are saved later', async () => {
    await page.context().setOffline(true);
    await item(page, items[1]).getByRole('checkbox').check();
    await item(page, items[0]).getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByText('Not saved yet:').waitFor();
    await page.context().setOffline(false);
    await saved(page, 1);
    await page.getByText('Not saved yet:').waitFor({ state: 'hidden' });
    await page.reload();
    await seesOnly(page, { email, items: [items[1]] });
    demand(await item(page, items[1]).getByRole('checkbox').isChecked(), 'the completed item is open after a reload');
  });
}, [...EXPECTED, /ERR_INTERNET_DISCONNECTED/]);
