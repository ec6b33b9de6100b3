// The list of many projects: found by name, status and type, page after page.

import { demand } from './browser.mjs';

const STATUSES = ['completed', 'failed', 'cancelled', 'coding', 'awaiting_approval'];
const TYPES = ['web', 'mobile', 'api', 'fullstack'];
/** How many projects there are beside the one that is real. */
const SEEDED = 60;

/** Rows of projects that nobody works on, made with the platform's key. */
export async function seeds(page, home, key) {
  const { endpoint, projectId } = await (await fetch(`${home}config.json`)).json();
  const userId = await page.evaluate(() => JSON.parse(localStorage.getItem('orchestrator.person')).id);
  for (let number = 1; number <= SEEDED; number += 1) {
    await putTask({ endpoint, projectId, key }, userId, number);
  }
}

async function putTask({ endpoint, projectId, key }, userId, number) {
  const status = STATUSES[number % STATUSES.length];
  const totals = JSON.stringify({ spent: { costMicroUsd: number * 10_000 } });
  const answer = await fetch(`${endpoint}/tablesdb/orchestrator/tables/tasks/rows`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-appwrite-project': projectId, 'x-appwrite-key': key },
    body: JSON.stringify({
      rowId: `seed${number}.${userId}`.slice(0, 36),
      data: {
        owner: userId,
        name: `Seeded project ${number}`,
        type: TYPES[number % TYPES.length],
        status,
        rev: 1,
        generation: 1,
        round: 1,
        stage: 1,
        totals,
        siteUrl: status === 'completed' ? 'http://seed.localhost' : null,
      },
      permissions: [`read("user:${userId}")`],
    }),
  });
  demand(answer.status === 201, `a seed was refused: ${await answer.text()}`);
}

/** Looks for projects in every way. */
export async function findsProjects(page, step) {
  const rows = page.getByRole('main').locator('li.task');
  const told = (text) => page.getByRole('status').filter({ hasText: text }).waitFor();
  const is = (count) => page.waitForFunction((wanted) => document.querySelectorAll('main li.task a.name').length === wanted, count);

  await step(page, 'many projects come page after page', async () => {
    await page.getByRole('link', { name: 'Projects', exact: true }).click();
    await told('61 projects, 25 shown');
    await page.getByRole('button', { name: 'Show more' }).click();
    await is(50);
    await page.getByRole('button', { name: 'Show more' }).press('Enter');
    await is(61);
    demand((await page.getByRole('button', { name: 'Show more' }).count()) === 0, 'there is more after the end');
  });
  await step(page, 'a project is found by part of its name', async () => {
    await page.getByLabel('Search by name').fill('PROJECT 17');
    await told('1 project found');
    await rows.filter({ hasText: 'Seeded project 17' }).waitFor();
  });
  await step(page, 'nothing found says so', async () => {
    await page.getByLabel('Search by name').fill('no such name');
    await page.getByRole('heading', { name: 'No project matches' }).waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await told('61 projects, 25 shown');
  });
  await step(page, 'status and type are chosen, and kept over a reload', async () => {
    await page.getByRole('button', { name: 'Waits for you' }).click();
    await told('12 projects found');
    await page.getByLabel('Type').selectOption('api');
    await told('3 projects found');
    await page.getByLabel('Order').selectOption('name');
    await page.waitForURL(/sort=name/);
    await page.reload();
    await told('3 projects found');
    const names = await rows.locator('a.name').allInnerTexts();
    demand(names.join() === names.toSorted().join(), `the order is ${names.join()}`);
    await page.getByRole('link', { name: 'Projects', exact: true }).click();
    await told('61 projects, 25 shown');
  });
}
