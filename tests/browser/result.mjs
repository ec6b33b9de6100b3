// What came of a task, and the way back to an earlier release: node result.mjs <pageUrl> [folder for pictures]

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { addressAndFolder, audit, demand, fits, loaded, run } from './browser.mjs';
import { readZip } from './zip.mjs';

/** How long a task may take. */
const TASK_MS = 90_000;
const PARTS = ['Files', 'Changes', 'Reviews', 'App', 'Releases', 'Costs'];
const DESKTOP_WIDTH = 1280;
const PHONE = { width: 390, height: 844 };

const { address, folder } = addressAndFolder('result.mjs <pageUrl>');
const sample = JSON.parse(await readFile(new URL('../../examples/todo.json', import.meta.url), 'utf8'));

/** Executes create-task as the page's own user. */
async function call(page, path, body) {
  const answer = await page.evaluate(
    async ({ path: xpath, body: sent }) => {
      const config = await (await fetch('/config.json')).json();
      const answered = await fetch(`${config.endpoint}/functions/create-task/executions`, {
        method: 'POST',
        credentials: 'include',
        headers: {
          'content-type': 'application/json',
          'x-appwrite-project': config.projectId,
          'x-fallback-cookies': localStorage.getItem('cookieFallback') ?? '',
        },
        body: JSON.stringify({
          path: xpath,
          method: 'POST',
          async: false,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(sent),
        }),
      });
      return answered.json();
    },
    { path, body },
  );
  demand([200, 201].includes(answer.responseStatusCode), `create-task answered ${JSON.stringify(answer)}`);
  return JSON.parse(answer.responseBody);
}

const part = (page, name) => page.getByRole('navigation', { name: 'Parts of the result' }).getByRole('link', { name });
const code = (page) => page.getByRole('region', { name: 'Content of js/store.js' });

async function showsFiles(page) {
  await page.getByRole('button', { name: 'index.html', exact: true }).click();
  await page.locator('pre .c-name').first().waitFor();
  await page.getByLabel('Find a file').fill('STORE js');
  await page.getByRole('button', { name: 'js/store.js' }).click();
  await code(page).locator('.c-keyword', { hasText: 'const' }).first().waitFor();
  const numbers = await code(page).locator('.line').evaluateAll((lines) => lines.map((line) => Number(line.dataset.n)));
  demand(numbers.length > 100 && numbers.every((number, index) => number === index + 1), 'the lines have other numbers');
  await page.getByRole('button', { name: 'Copy js/store.js' }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  demand(copied.includes('\n') && copied.split('\n').length === numbers.length + 1, 'what is copied is not the file');
  await page.getByLabel('Find a file').fill('');
}

async function showsChanges(page) {
  await part(page, 'Changes').click();
  await page.getByText('1 file changed').waitFor();
  const diff = page.getByRole('region', { name: 'Changes of js/store.js' });
  await diff.locator('ins').first().waitFor();
  demand((await diff.locator('ins').allInnerTexts()).join().includes('save();'), 'the line that was added is not shown');
  demand((await diff.locator('del').count()) === 0, 'a line is shown as removed');
  await page.getByLabel('From').selectOption('Nothing');
  await page.getByText(/^\d+ files added$/).waitFor();
}

async function showsFindings(page) {
  await part(page, 'Reviews').click();
  await page.getByRole('button', { name: 'Resolved 1' }).click();
  await page.getByRole('button', { name: /^js\/store\.js:\d+$/ }).click();
  const card = code(page).getByRole('complementary');
  await card.getByText('Found in review 1, resolved in review 2').waitFor();
  await card.getByText('Required:').waitFor();
  demand(await card.evaluate((own) => own === document.activeElement), 'the finding does not have the focus');
  const line = await code(page).locator('[data-aim]').innerText();
  demand(line.includes('remove'), `the finding stands beside another line: ${line}`);
  await page.getByLabel('As of').selectOption('Round 2');
  await code(page).locator('summary', { hasText: 'resolved in review 2' }).waitFor();
}

async function framesTheApp(page) {
  await part(page, 'App').click();
  const app = page.frameLocator('iframe');
  await app.getByRole('button', { name: 'Add', exact: true }).waitFor();
  await loaded(app);
  const width = () => app.locator('body').evaluate(() => innerWidth);
  demand((await width()) === DESKTOP_WIDTH, 'the window is not that of a desktop');
  await page.getByRole('button', { name: 'Phone', exact: true }).click();
  demand((await width()) === PHONE.width, 'the window is not that of a phone');
  await app.getByRole('textbox').first().fill('Buy 2 lemons');
  await app.getByRole('button', { name: 'Add', exact: true }).click();
  await app.getByRole('listitem').filter({ hasText: 'Buy 2 lemons' }).waitFor();
}

/** What a repository holds, by path; without what publishing adds for GitHub. */
async function cloned(line) {
  const home = await mkdtemp(join(tmpdir(), 'clone-'));
  const [, , url] = line.split(' ');
  await promisify(execFile)('git', ['clone', '--quiet', '--depth', '1', url, home], {
    env: { ...process.env, GIT_TERMINAL_PROMPT: '0' },
  });
  const names = await readdir(home, { recursive: true, withFileTypes: true });
  const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const own = paths.filter((path) => !/^\.(git|github)\//.test(path.slice(home.length + 1)));
  const files = await Promise.all(own.map(async (path) => [path.slice(home.length + 1), await readFile(path)]));
  await rm(home, { recursive: true });
  return new Map(files);
}

async function packs(page) {
  await page.getByRole('button', { name: 'Copy the line that clones it' }).click();
  const repository = await cloned(await page.evaluate(() => navigator.clipboard.readText()));
  await part(page, 'Files').click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download ZIP' }).click(),
  ]);
  demand(download.suggestedFilename() === `${sample.name}-round-2.zip`, `it is called ${download.suggestedFilename()}`);
  const archive = readZip(await readFile(await download.path()));
  const names = (files) => [...files.keys()].sort().join();
  const inside = new Map([...archive].map(([path, bytes]) => [path.replace(`${sample.name}/`, ''), bytes]));
  demand(names(inside) === names(repository), `the archive holds ${names(inside)}, the repository ${names(repository)}`);
  for (const [path, bytes] of repository) demand(bytes.equals(inside.get(path)), `${path} is another one in the archive`);
}

/** Looks at every part in light and dark, and on a phone. */
async function isForEveryone(page, step) {
  const wide = page.viewportSize();
  for (const name of PARTS) {
    for (const colorScheme of ['light', 'dark']) {
      await step(page, `${name} in ${colorScheme}`, async () => {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await part(page, name).click();
        await page.locator('.result > :nth-child(2)').waitFor();
        if (name === 'Files' || name === 'Changes') await page.locator('.result pre').first().waitFor();
        await audit(page, `${name} in ${colorScheme}`);
      });
    }
    await step(page, `${name} on a phone`, async () => {
      await page.setViewportSize(PHONE);
      await fits(page, name);
      await page.setViewportSize(wide);
    });
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Which release a site says it is. Only the browser finds names below `localhost` everywhere. */
async function served(page, url) {
  const visitor = await page.context().newPage();
  await visitor.goto(url);
  const config = await visitor.evaluate(async () => (await fetch('/app-config.json')).json());
  await visitor.close();
  return config.release;
}

async function goesBack(page, task, url) {
  const first = await served(page, url);
  await call(page, `/${task}/commands`, { command: 'follow_up', description: 'Find things again.', requirements: ['Search'] });
  await page.locator('[data-status="awaiting_approval"]').waitFor({ timeout: TASK_MS });
  await call(page, `/${task}/commands`, { command: 'approve' });
  await part(page, 'Releases').click();
  const release = (number) => page.getByRole('listitem', { name: `Release ${number}`, exact: true });
  await release(2).getByText('served', { exact: true }).waitFor({ timeout: TASK_MS });
  await page.locator('[data-status="completed"]').waitFor({ timeout: TASK_MS });
  demand((await served(page, url)) !== first, 'the second release is not served');
  const back = release(1).getByRole('button', { name: 'Serve release 1' });
  await back.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Keep release 2' }).click();
  await page.waitForFunction((own) => own === document.activeElement, await back.elementHandle());
  await back.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Serve release 1' }).click();
  await page.getByText('Release 1 is served.').waitFor({ timeout: TASK_MS });
  await release(1).getByText('served', { exact: true }).waitFor();
  demand((await release(2).getByText('served', { exact: true }).count()) === 0, 'two releases are served');
  demand((await served(page, url)) === first, 'the first release is not served again');
}

await run(folder, async ({ context, step }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await context.newPage();
  const bytes = new Map();
  page.on('response', (response) => /\/assets\/.*\.js$/.test(response.url()) && bytes.set(response.url(), response));
  await page.goto(address);
  await page.getByText('Live', { exact: true }).waitFor();
  demand(![...bytes.keys()].some((url) => /parts|colours|diffs|archive/.test(url)), 'the result is loaded at once');
  const { taskId } = await call(page, '/', { ...sample, options: { requestId: 'result', approval: 'plan' } });
  await step(page, 'a result before there is one', async () => {
    await page.goto(`${address}#/task/${taskId}/result`);
    await page.locator('[data-status="awaiting_approval"]').waitFor({ timeout: TASK_MS });
    await part(page, 'Releases').click();
    await page.getByText('Nothing was released').waitFor();
  });
  await call(page, `/${taskId}/commands`, { command: 'approve' });
  await step(page, 'the task completes', () => page.locator('[data-status="completed"]').waitFor({ timeout: TASK_MS }));
  const url = await page.getByRole('link', { name: 'Open the app' }).getAttribute('href');
  await part(page, 'Files').click();
  await step(page, 'files have colours', () => showsFiles(page));
  await step(page, 'changes of a round', () => showsChanges(page));
  await step(page, 'a finding leads to its line', () => showsFindings(page));
  await step(page, 'the app in a frame', () => framesTheApp(page));
  await step(page, 'an archive', () => packs(page));
  await isForEveryone(page, step);
  await step(page, 'an earlier release', () => goesBack(page, taskId, url));
});
