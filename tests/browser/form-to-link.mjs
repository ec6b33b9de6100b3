// From the form to the running app: node form-to-link.mjs <pageUrl> [folder for pictures]

import { readFile } from 'node:fs/promises';
import { addressAndFolder, demand, run } from './browser.mjs';
import { pictures } from './pictures.mjs';
import { useTodoApp } from './todo-steps.mjs';

/** How long a task may take from the form to the app. */
const TASK_MS = Number(process.env.TASK_TIMEOUT_MS ?? 180_000);

const { address, folder } = addressAndFolder('form-to-link.mjs <pageUrl>');
const TYPES = { web: 'Website', mobile: 'Mobile app', api: 'API', fullstack: 'Full stack' };
const sample = JSON.parse(await readFile(new URL('../../examples/todo.json', import.meta.url), 'utf8'));

async function refusesAnEmptyForm(page) {
  await page.getByRole('button', { name: 'Create project' }).click();
  await page.getByText('Name must not be empty.').waitFor();
  await page.getByText('Description must not be empty.').waitFor();
  const focused = await page.getByLabel('Name', { exact: true }).evaluate((input) => input === document.activeElement);
  demand(focused, 'the first invalid field does not have the focus');
}

async function fillsIn(page) {
  await page.getByLabel('Name', { exact: true }).fill(sample.name);
  await page.getByLabel('Description', { exact: true }).fill(sample.description);
  await page.getByRole('radio', { name: TYPES[sample.type] }).check();
  const requirement = page.getByLabel('Requirement', { exact: true });
  await requirement.fill('Not this one');
  await page.getByRole('button', { name: 'Add requirement' }).click();
  await page.getByRole('button', { name: 'Remove Not this one' }).click();
  for (const text of sample.requirements) {
    await requirement.fill(text);
    await requirement.press('Enter');
    await page.getByRole('button', { name: `Remove ${text}` }).waitFor();
  }
  demand((await page.getByText('Not this one').count()) === 0, 'a removed requirement is still shown');
  await page.locator('summary').filter({ hasText: 'Options' }).click();
  await page.getByLabel('Show me the plan before anybody starts').check();
}

async function isApproved(page) {
  const waits = page.locator('[data-status="awaiting_approval"]');
  await waits.waitFor({ timeout: TASK_MS });
  await page.getByLabel('What should be different?').fill('Call the button Add.');
  await page.getByRole('button', { name: 'Ask for another plan' }).click();
  await page.getByText('You asked for another plan: Call the button Add.').waitFor();
  await waits.waitFor({ timeout: TASK_MS });
  await page.getByRole('button', { name: 'Approve the plan' }).click();
  await page.getByText('You approved it').waitFor();
}

async function completes(page) {
  const bar = page.locator('[data-status]');
  await page.locator('[data-status="completed"], [data-status="failed"]').waitFor({ timeout: TASK_MS });
  const status = await bar.getAttribute('data-status');
  if (status !== 'completed') {
    const why = await page.getByRole('alert').allInnerTexts();
    demand(false, `the task ended as ${status}: ${why.join(' ')}`);
  }
  await page.getByRole('link', { name: 'Open the app' }).waitFor();
  const repository = await page.getByRole('link', { name: 'Repository' }).getAttribute('href');
  demand(/^https?:/.test(repository ?? ''), 'there is no link to the repository');
  demand((await page.getByRole('log').getByRole('listitem').count()) > 0, 'the feed is empty');
}

async function showsAFile(page) {
  await page.getByRole('link', { name: 'Result', exact: true }).click();
  const file = page.getByRole('button', { name: 'index.html' }).first();
  await file.click();
  await page.locator('pre').filter({ hasText: '<' }).first().waitFor();
  await pictures(page, folder, 'result');
  await page.getByRole('link', { name: 'Board', exact: true }).click();
}

await run(folder, async ({ context, step }) => {
  const page = await context.newPage();
  await page.goto(address);
  await step(page, 'form opens', () => page.getByRole('button', { name: 'Create project' }).waitFor());
  await step(page, 'form refuses nothing', () => refusesAnEmptyForm(page));
  await step(page, 'form is filled in', () => fillsIn(page));
  await step(page, 'the form in pictures', () => pictures(page, folder, 'new'));
  await step(page, 'task is created', async () => {
    await page.getByRole('button', { name: 'Create project' }).click();
    await page.waitForURL(/#\/task\//);
    await page.locator('[data-status]').waitFor();
  });
  await step(page, 'the plan waits and is approved', () => isApproved(page));
  await step(page, 'the board in pictures', () => pictures(page, folder, 'board'));
  await step(page, 'task completes', () => completes(page));
  await step(page, 'a file is shown', () => showsAFile(page));
  await step(page, 'a reload returns to the task', async () => {
    await page.reload();
    await completes(page);
  });
  const app = await step(page, 'link opens the app', async () => {
    const [opened] = await Promise.all([
      context.waitForEvent('page'),
      page.getByRole('link', { name: 'Open the app' }).click(),
    ]);
    await opened.waitForLoadState();
    return opened;
  });
  await useTodoApp(app, step);
  await step(page, 'list returns to the task', async () => {
    await page.goto(address);
    await page.getByRole('link', { name: sample.name }).first().click();
    await completes(page);
  });
  await step(page, 'list, figures and account in pictures', async () => {
    await page.getByRole('link', { name: 'Projects', exact: true }).click();
    await page.getByRole('link', { name: sample.name }).first().waitFor();
    await pictures(page, folder, 'projects');
    await page.getByRole('link', { name: 'Figures', exact: true }).click();
    const agents = page.getByRole('row', { name: /^Coding, each agent/ });
    await agents.waitFor();
    const cells = await agents.getByRole('cell').allInnerTexts();
    demand(Number(cells[0]) > 0, `figures of agents are ${cells}`);
    demand(cells.slice(1, 5).every((text) => /^[\d.]+ (ms|s|min)$/.test(text)), `times of agents are ${cells}`);
    await pictures(page, folder, 'figures');
    await page.getByRole('link', { name: 'Account', exact: true }).click();
    await page.getByRole('heading', { level: 1 }).waitFor();
    await pictures(page, folder, 'account');
  });
});
