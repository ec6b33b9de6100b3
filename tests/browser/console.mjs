// The console, from its link to every section: node console.mjs <consoleLink> [folder for pictures]
// The platform must have carried out a task.

import { addressAndFolder, demand, run } from './browser.mjs';

const { address, folder } = addressAndFolder('console.mjs <consoleLink>');
const link = new URL(address);
const key = new URLSearchParams(link.hash.slice(1)).get('key');
const SECTIONS = ['Databases', 'Executions', 'Functions', 'Sites', 'Events', 'Realtime', 'Faults', 'Counters'];
/** Least contrast of text by WCAG 2.2 AA. */
const CONTRAST_MIN = 4.5;

async function open(page, section) {
  await page.getByRole('navigation').getByRole('link', { name: section, exact: true }).click();
  await page.getByRole('navigation').locator('[aria-current="page"]').filter({ hasText: section }).waitFor();
}

const heading = (page, name) => page.getByRole('heading', { name, exact: true });

async function refusesAWrongKey(page) {
  await page.getByLabel('Key of the project').fill('wrong');
  await page.getByRole('button', { name: 'Open' }).press('Enter');
  await page.getByText('This is not the key.').waitFor();
  await page.getByLabel('Key of the project').fill(key);
  await page.keyboard.press('Enter');
  await heading(page, 'Databases').waitFor();
}

async function opensByItsLink(page) {
  await page.getByRole('button', { name: 'Forget the key' }).click();
  await page.getByLabel('Key of the project').waitFor();
  await page.goto(address);
  await heading(page, 'Databases').waitFor();
  demand(!page.url().includes(key), 'the key stays in the address');
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }) + document.cookie);
  demand(!kept.includes(key), 'the key outlives the tab');
  await page.reload();
  await heading(page, 'Databases').waitFor();
}

async function showsARow(page) {
  await page.getByRole('link', { name: 'orchestrator', exact: true }).first().click();
  await page.locator('a[href$="/journal"]').click();
  await page.getByText(/^1 to 25 of \d+$/).waitFor();
  const first = await page.locator('summary').first().innerText();
  await page.getByRole('button', { name: 'Later' }).click();
  await page.getByText(/^26 to \d+ of \d+$/).waitFor();
  demand((await page.locator('summary').first().innerText()) !== first, 'the second page shows the first');
  await page.locator('summary').first().click();
  await page.locator('details[open] pre').filter({ hasText: '"$tableId": "journal"' }).waitFor();
}

async function showsAnExecution(page) {
  await open(page, 'Executions');
  await page.locator('summary').filter({ hasText: 'plan' }).first().click();
  await page.locator('details[open] pre').filter({ hasText: '"trigger": "event"' }).waitFor();
}

async function showsALog(page) {
  await open(page, 'Sites');
  await page.getByRole('row').filter({ hasText: '.localhost' }).getByRole('link').first().click();
  await page.locator('summary').filter({ hasText: 'ready' }).first().click();
  await page.locator('details[open]').getByText('Build log').waitFor();
}

async function tellsOfAnEvent(page) {
  await open(page, 'Events');
  await page.getByText('Listening.').waitFor();
  const session = await fetch(new URL('/v1/account/sessions/anonymous', link), {
    method: 'POST', headers: { 'x-appwrite-project': 'orchestrator', 'content-type': 'application/json' }, body: '{}',
  });
  demand(session.status === 201, 'no session was made');
  const { userId } = await session.json();
  await page.locator('summary').filter({ hasText: userId }).first().click();
  await page.locator('details[open] pre').filter({ hasText: userId }).first().waitFor();
}

async function showsAConnection(page) {
  await page.evaluate(() => new Promise((opened) => {
    const socket = new WebSocket(`ws://${location.host}/v1/realtime?project=orchestrator&channels[]=documents`);
    socket.onmessage = opened;
    window.kept = socket;
  }));
  await open(page, 'Realtime');
  await page.getByRole('cell', { name: 'documents' }).waitFor();
}

async function setsAndClearsFaults(page) {
  await open(page, 'Faults');
  const rules = page.getByLabel('What shall go wrong, one a line');
  await rules.fill('nonsense');
  await page.getByRole('button', { name: 'Set' }).click();
  await page.getByRole('alert').filter({ hasText: 'unknown fault `nonsense`' }).waitFor();
  await rules.fill('answer,status=503,path=/v1/health\nlose-answer,nth=99');
  await page.getByLabel('Seed').fill('7');
  await page.getByRole('button', { name: 'Set' }).click();
  await page.getByText('Set, with seed 7').waitFor();
  const struck = await fetch(new URL('/v1/health', link));
  demand(struck.status === 503, 'the fault did not strike');
  await page.getByRole('cell', { name: 'GET /v1/health' }).waitFor();
}

async function everySection(page, act) {
  for (const section of SECTIONS) {
    await open(page, section);
    await page.locator('main h2').first().waitFor();
    await page.waitForFunction(() => !document.querySelector('[aria-busy]'));
    await act(section);
  }
}

/** Texts whose contrast with what is behind them is too low. */
function pale(least) {
  const channel = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.disabled) continue;
    const [one, other] = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < least) found.push(`${element.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return found;
}

async function canBeRead(page, scheme) {
  await page.emulateMedia({ colorScheme: scheme });
  await everySection(page, async (section) => {
    const found = await page.evaluate(pale, CONTRAST_MIN);
    demand(found.length === 0, `${section} in ${scheme} is pale: ${found.join('; ')}`);
  });
}

async function fitsAPhone(page) {
  await page.setViewportSize({ width: 360, height: 720 });
  await everySection(page, async (section) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    demand(wide <= 0, `${section} is ${wide} pixels wider than a phone`);
  });
}

async function servesTheKeyboard(page) {
  await page.reload();
  await heading(page, 'Databases').waitFor();
  await page.keyboard.press('Tab');
  demand(await page.evaluate(() => document.activeElement.className === 'skip'), 'the skip link is not first');
  await page.keyboard.press('Enter');
  demand(await page.evaluate(() => document.activeElement.id === 'view'), 'the skip link leads nowhere');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('table').waitFor();
}

const expected = [/status of 401/, /status of 400/];
await run(folder, async ({ context, step }) => {
  const page = await context.newPage();
  await page.goto(new URL('/console', link).href);
  await step(page, 'a wrong key is refused', () => refusesAWrongKey(page));
  await step(page, 'the link opens', () => opensByItsLink(page));
  await step(page, 'a row is shown', () => showsARow(page));
  await step(page, 'an execution is shown', () => showsAnExecution(page));
  await step(page, 'functions are shown', async () => {
    await open(page, 'Functions');
    await page.getByRole('cell', { name: 'serving' }).first().waitFor();
  });
  await step(page, 'a build log is shown', () => showsALog(page));
  await step(page, 'an event is told', () => tellsOfAnEvent(page));
  await step(page, 'a connection is shown', () => showsAConnection(page));
  await step(page, 'faults are set', () => setsAndClearsFaults(page));
  await step(page, 'faults in dark', () => page.emulateMedia({ colorScheme: 'dark' }));
  await step(page, 'faults are cleared', async () => {
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByText('Nothing shall go wrong.').waitFor();
  });
  await step(page, 'counters are shown', async () => {
    await open(page, 'Counters');
    await page.getByRole('cell', { name: 'executions:plan:event' }).waitFor();
  });
  await step(page, 'dark can be read', () => canBeRead(page, 'dark'));
  await step(page, 'light can be read', () => canBeRead(page, 'light'));
  await step(page, 'a phone is wide enough', () => fitsAPhone(page));
  await step(page, 'executions on a phone', () => showsAnExecution(page));
  await step(page, 'the keyboard is enough', async () => {
    await open(page, 'Databases');
    await servesTheKeyboard(page);
  });
}, expected);
