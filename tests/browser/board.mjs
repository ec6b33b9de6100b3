// A project is watched and steered on its board: node board.mjs <pageUrl> [folder for pictures]

import { readFile } from 'node:fs/promises';
import { addressAndFolder, audit, demand, fits, run } from './browser.mjs';
import { Line, Own } from './line.mjs';

/** How long a project may take from one status to another. */
const TASK_MS = Number(process.env.TASK_TIMEOUT_MS ?? 120_000);
const PHONE = { width: 390, height: 844 };
const DESK = { width: 1440, height: 1000 };

const { address, folder } = addressAndFolder('board.mjs <pageUrl>');
const config = await (await fetch(new URL('config.json', address))).json();
const sample = JSON.parse(await readFile(new URL('../../examples/todo.json', import.meta.url), 'utf8'));

const button = (page, name) => page.getByRole('button', { name, exact: true });
const told = (page, text) => page.locator('.feed li').filter({ hasText: text });

async function reaches(page, ...statuses) {
  await page.locator(statuses.map((status) => `[data-status="${status}"]`).join(', ')).waitFor({ timeout: TASK_MS });
}

async function until(what, condition, ms = TASK_MS) {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    demand(Date.now() < deadline, `it did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The feed shows every line of the rows once, in their order. */
async function showsAllLines(page, own, id) {
  let [shown, rows] = [[], []];
  const isSame = async () => {
    rows = await own.lines(id);
    shown = await page.locator('.feed li').evaluateAll((lines) => lines.map((line) => line.dataset.id));
    return JSON.stringify(shown.filter((line) => rows.includes(line))) === JSON.stringify(rows);
  };
  await until('the feed is as its rows', isSame, 15_000).catch(() => {});
  demand(new Set(shown).size === shown.length, 'a line of the feed is doubled');
  const missing = rows.filter((line) => !shown.includes(line));
  demand(missing.length === 0, `the feed lacks ${missing.length} of ${rows.length} lines`);
  demand(await isSame(), 'the lines of the feed are not in the order of their rows');
}

/** Lets the page be hidden at will, and keeps the notifications that it shows. */
function watchNotices() {
  globalThis.notices = [];
  Object.defineProperty(document, 'hidden', { get: () => globalThis.isAway === true });
  globalThis.Notification = class {
    static permission = 'default';
    static requestPermission = async () => {
      globalThis.Notification.permission = 'granted';
      return 'granted';
    };
    constructor(title, options) {
      globalThis.notices.push({ title, ...options });
    }
    close() {}
  };
}

/** A person with a page over a line, and a way of their own to the rows. */
async function arrives(context, line) {
  const page = await context.newPage();
  await page.route('**/config.json', (route) => route.fulfill({ json: { ...config, endpoint: `${line.address}v1` } }));
  await page.goto(line.address);
  await page.locator('.chip[data-state="live"]').waitFor({ state: 'attached' });
  return { page, own: await Own.of(context, address) };
}

async function editsThePlan(page) {
  const editor = page.getByRole('form', { name: 'Plan' });
  await editor.locator('summary').first().press('Enter');
  const title = editor.getByLabel('Title').first();
  await title.fill('Files of mine');
  // A plan with unsaved changes can not be approved.
  await page.locator('button:disabled').filter({ hasText: 'Approve the plan' }).waitFor();
  await button(page, 'Undo the changes').click();
  demand((await title.inputValue()) !== 'Files of mine', 'undoing did not undo');
  await title.fill('Files of mine');
  await button(page, 'Save the changed plan').click();
  await page.getByText('Saved. The changed plan waits for your approval.').waitFor();
  await editor.locator('summary').filter({ hasText: 'Files of mine' }).waitFor();
  await page.getByRole('list', { name: /^Plan: / }).getByRole('button', { name: /^Files of mine/ }).waitFor();
}

/** Asks for another plan, and looks elsewhere until the browser says that it waits. */
async function asksForAnother(page, id) {
  await button(page, 'Notify me').click();
  await button(page, 'You are notified').waitFor();
  await page.evaluate(() => { globalThis.isAway = true; });
  await page.getByLabel('What should be different?').fill('Call the button Add.');
  await button(page, 'Ask for another plan').click();
  await told(page, 'You asked for another plan: Call the button Add.').waitFor();
  await page.waitForFunction(() => globalThis.notices.length > 0);
  const notices = await page.evaluate(() => globalThis.notices);
  const [{ title, tag }] = notices;
  demand(title.endsWith('the plan waits for you') && tag === `${id} awaiting_approval`, `the notice says ${title}`);
  await page.evaluate(() => { globalThis.isAway = false; });
  await until('it can be approved', () => button(page, 'Approve the plan').isEnabled());
  demand((await page.evaluate(() => globalThis.notices.length)) === 1, 'its owner is called more than once');
}

/** The command arrives, and its answer is lost. */
async function approvesWithoutAnAnswer(page) {
  await page.route('**/functions/create-task/executions', async (route) => {
    if (!route.request().postData()?.includes('approve')) return route.fallback();
    await route.fetch();
    await route.abort('connectionreset');
    await page.unroute('**/functions/create-task/executions');
  });
  await button(page, 'Approve the plan').click();
  await page.getByText('The answer was lost: looking whether it was taken.').waitFor();
  await page.getByText('Approved.', { exact: true }).waitFor();
  demand((await told(page, 'You approved it').count()) === 1, 'the plan was not approved once');
}

async function pauses(page) {
  await page.locator('.lane[data-state="coding"]').first().waitFor();
  await button(page, 'Pause').click();
  await page.getByText('Paused. Agents at work stop after their turn.').waitFor();
  await reaches(page, 'paused');
}

/** While the page is cut off, agents work on by a word that it does not know of, and pause again. */
async function missesALot(page, own, id, line, isBrowserTold) {
  line.cut();
  if (isBrowserTold) await page.context().setOffline(true);
  const before = (await own.lines(id)).length;
  await own.call(`/${id}/commands`, { command: 'resume' });
  await until('lines are written meanwhile', async () => (await own.lines(id)).length >= before + 4);
  const { status } = await own.task(id);
  if (!['completed', 'paused'].includes(status)) await own.call(`/${id}/commands`, { command: 'pause' }).catch(() => {});
  await page.locator('[data-connection="reconnecting"]').waitFor();
  demand(await page.getByText('Reconnecting…').first().isVisible(), 'nothing says that the connection is lost');
}

async function comesBack(page, own, id, line, isBrowserTold) {
  line.mend();
  const isBack = page.locator('[data-connection="reconnecting"]').waitFor({ state: 'detached' });
  if (isBrowserTold) await page.context().setOffline(false);
  else {
    // The page tries by itself as well, and may be quicker than the hand.
    const tried = button(page, 'Try now').click();
    tried.catch(() => {});
    await Promise.race([tried, isBack]);
  }
  await isBack;
  await showsAllLines(page, own, id);
}

/** To the end, with a reload at every stage that is seen. Returns how many were. */
async function isWatchedToTheEnd(page, own, id) {
  if ((await own.task(id)).status === 'paused') {
    await button(page, 'Go on').click();
    // A reload would take back a command that is not sent yet.
    await until('it goes on', async () => (await own.task(id)).status !== 'paused');
  }
  const seen = new Set();
  await until('it is completed', async () => {
    const status = await page.locator('[data-status]').getAttribute('data-status');
    if (!seen.has(status)) {
      seen.add(status);
      await page.reload();
      await page.locator('[data-status]').waitFor();
    }
    return seen.has('completed') && status === 'completed';
  });
  const lanes = await page.locator('.lane').evaluateAll((all) => all.map((lane) => lane.dataset.state));
  demand(lanes.length > 1 && lanes.every((state) => state === 'done'), `agents ended as ${lanes}`);
  await showsAllLines(page, own, id);
}

async function isFiltered(page) {
  const all = await page.locator('.feed li').count();
  await page.getByLabel('Stage', { exact: true }).selectOption('coding');
  const coding = await page.locator('.feed li').count();
  demand(coding > 0 && coding < all, `of ${all} lines ${coding} are of the stage`);
  await page.getByLabel('Level', { exact: true }).selectOption('error');
  await page.getByText('No line is like that.').waitFor();
  await page.getByLabel('Level', { exact: true }).selectOption('all');
  await page.getByLabel('Stage', { exact: true }).selectOption('');
  await page.locator('.feed-scroll').evaluate((box) => box.scrollTo(0, 0));
  await button(page, 'To the end').click();
  await button(page, 'To the end').waitFor({ state: 'detached' });
}

async function isForEveryone(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await audit(page, `the board (${name}, ${colorScheme})`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(PHONE);
  await fits(page, `the board (${name}) on a phone`);
  await page.setViewportSize(DESK);
}

async function cancels(page) {
  await button(page, 'Cancel').click();
  const dialog = page.getByRole('dialog', { name: 'Cancel this project?' });
  await dialog.waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  const isFocused = (it) => it === document.activeElement;
  await until('the focus is given back', () => button(page, 'Cancel').evaluate(isFocused));
  await button(page, 'Cancel').click();
  await dialog.getByRole('button', { name: 'Cancel the project' }).click();
  await reaches(page, 'cancelled');
}

async function raisesTheBudget(page) {
  await reaches(page, 'paused');
  await page.getByRole('region', { name: 'Commands' }).getByText('The budget of $0.50 is reached').waitFor();
  await page.getByLabel('Budget in US dollars').fill('3');
  await button(page, 'Raise the budget and go on').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Raise it' }).click();
  await page.getByText('The budget is raised.').waitFor();
  await page.getByRole('meter', { name: 'Budget' }).and(page.locator('[aria-valuemax="3"]')).waitFor();
}

const EXPECTED = [/ERR_/, /WebSocket/, /Failed to reconnect/, /status of 40[49]/];

const line = await Line.to(address);
await run(folder, async ({ context, person, step }) => {
  await context.addInitScript(watchNotices);
  const { page, own } = await arrives(context, line);
  await page.setViewportSize(DESK);
  const open = async (options) => {
    const { taskId } = await own.call('/', { ...sample, options });
    await page.goto(`${line.address}#/task/${taskId}`);
    await page.locator('[data-status]').waitFor();
    return taskId;
  };
  const id = await step(page, 'a project opens', () => open({ approval: 'plan' }));
  await step(page, 'the plan waits, also after a reload', async () => {
    await reaches(page, 'awaiting_approval');
    await page.reload();
    await reaches(page, 'awaiting_approval');
    demand((await page.title()).startsWith('(!) '), 'the title has no mark');
  });
  await step(page, 'the waiting plan is for everyone', () => isForEveryone(page, 'a plan waits'));
  await step(page, 'the plan is changed', () => editsThePlan(page));
  await step(page, 'another plan is asked for, and its owner is called', () => asksForAnother(page, id));
  await step(page, 'it is approved though the answer is lost', () => approvesWithoutAnAnswer(page));
  await step(page, 'it pauses', () => pauses(page));
  await step(page, 'the paused board comes back', async () => {
    await page.reload();
    await reaches(page, 'paused');
  });
  await step(page, 'the network goes', () => missesALot(page, own, id, line, true));
  await step(page, 'the network comes back', () => comesBack(page, own, id, line, true));
  await step(page, 'it is watched to the end', () => isWatchedToTheEnd(page, own, id));
  await step(page, 'the feed is filtered', () => isFiltered(page));
  await step(page, 'the finished board is for everyone', () => isForEveryone(page, 'completed'));

  const second = await open({ budgetUsd: 0.5 });
  await step(page, 'the budget is raised', () => raisesTheBudget(page));
  await step(page, 'it goes on to its end', () => isWatchedToTheEnd(page, own, second));

  const third = await open({ approval: 'plan' });
  await step(page, 'the server goes without a word', async () => {
    await reaches(page, 'awaiting_approval');
    line.cut();
    await page.locator('[data-connection="reconnecting"]').waitFor();
    await comesBack(page, own, third, line, false);
  });
  await step(page, 'it is cancelled', () => cancels(page));

  await step(page, 'another person sees nothing of it', async () => {
    const stranger = await arrives(await person(), line);
    await stranger.page.goto(`${line.address}#/task/${id}`);
    await stranger.page.getByText('There is no such project here').waitFor();
    demand((await stranger.own.lines(id)).length === 0, 'lines of the feed can be read by another person');
    await stranger.page.goto(`${line.address}#/projects`);
    demand((await stranger.page.getByText(sample.name).count()) === 0, 'another person sees the project');
  });
}, EXPECTED);
line.close();
