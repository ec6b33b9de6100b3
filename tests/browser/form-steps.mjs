// The form of a new project: its rules, its list, and the draft that is kept.

import { demand } from './browser.mjs';

const texts = (page) => page.locator('.requirements li .text').allInnerTexts();

async function listIs(page, expected) {
  await page.waitForFunction(
    (wanted) => [...document.querySelectorAll('.requirements li .text')].map((it) => it.textContent).join('|') === wanted,
    expected.join('|'),
  ).catch(async () => demand(false, `the list is ${(await texts(page)).join('|')}, not ${expected.join('|')}`));
}

async function pastes(page, text) {
  await page.getByLabel('Requirement', { exact: true }).evaluate((box, pasted) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text', pasted);
    box.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  }, text);
}

export async function keepsRulesAndDraft(page, step) {
  const name = page.getByLabel('Name', { exact: true });
  await step(page, 'rules stand beside their fields', async () => {
    await page.getByRole('button', { name: 'Create project' }).click();
    await page.getByText('Name must not be empty.').waitFor();
    await page.getByText('Description must not be empty.').waitFor();
    demand(await name.evaluate((box) => box === document.activeElement), 'the first invalid field does not have the focus');
    await name.fill('n'.repeat(81));
    await page.getByText('81 of 80').waitFor();
    await page.getByText('Name has 81 characters, the limit is 80.').waitFor();
    await page.locator('summary').filter({ hasText: 'Options' }).click();
    await page.getByLabel('Budget').fill('a lot');
    await page.getByLabel('Existing repository').fill('nowhere');
    await page.getByText('Budget must be a number above 0, at most 10000.').waitFor();
    await page.getByText('Existing repository must be an existing repository, as owner/name.').waitFor();
  });
  await step(page, 'an example fills the form', async () => {
    await page.getByRole('group', { name: 'Examples' }).getByRole('button', { name: 'Todo' }).click();
    demand((await name.inputValue()) === 'test-app', 'the example has another name');
    await listIs(page, ['User authentication', 'CRUD operations', 'Responsive design']);
    demand((await page.locator('.brief [aria-invalid="true"]').count()) === 0, 'the example breaks a rule');
  });
  await step(page, 'requirements are pasted, moved by keyboard, edited and removed', async () => {
    await pastes(page, '- Works offline\n\n2. Speaks German');
    await listIs(page, ['User authentication', 'CRUD operations', 'Responsive design', 'Works offline', 'Speaks German']);
    await page.getByRole('button', { name: 'Move up Speaks German' }).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    await listIs(page, ['User authentication', 'CRUD operations', 'Speaks German', 'Responsive design', 'Works offline']);
    await page.keyboard.press('Alt+ArrowDown');
    await listIs(page, ['User authentication', 'CRUD operations', 'Responsive design', 'Speaks German', 'Works offline']);
    await page.getByRole('status').filter({ hasText: 'Moved to 4 of 5' }).waitFor({ state: 'attached' });
    await page.getByRole('button', { name: 'Edit Speaks German' }).press('Enter');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('Speaks French');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Edit Speaks French' }).press('Enter');
    await page.keyboard.type('nothing of this');
    await page.keyboard.press('Escape');
    demand(await page.getByRole('button', { name: 'Edit Speaks French' }).evaluate((it) => it === document.activeElement), 'the focus is lost');
    await page.getByRole('button', { name: 'Edit Speaks French' }).press('Enter');
    const box = page.getByLabel('Requirement', { exact: true });
    await box.click();
    await page.evaluate(() => new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown))));
    demand(await box.evaluate((it) => it === document.activeElement), 'who leaves an edited requirement loses the focus');
    await page.getByRole('button', { name: 'Remove CRUD operations' }).press('Enter');
    await listIs(page, ['User authentication', 'Responsive design', 'Speaks French', 'Works offline']);
  });
  await step(page, 'a requirement is dragged', async () => {
    await page.locator('.requirements li').nth(3).dragTo(page.locator('.requirements li').nth(0));
    await listIs(page, ['Works offline', 'User authentication', 'Responsive design', 'Speaks French']);
  });
  await step(page, 'the draft is back after a reload', async () => {
    await name.fill('Kept');
    await page.getByLabel('Requirement', { exact: true }).fill('half of a');
    await page.reload();
    await page.getByText(/Your draft of .* is back\./).waitFor();
    demand((await name.inputValue()) === 'Kept', 'the name is lost');
    demand((await page.getByLabel('Requirement', { exact: true }).inputValue()) === 'half of a', 'the half requirement is lost');
    await listIs(page, ['Works offline', 'User authentication', 'Responsive design', 'Speaks French']);
  });
  await step(page, 'a send that fails loses nothing', async () => {
    await page.getByRole('button', { name: 'Go on with it' }).click();
    await page.context().setOffline(true);
    await page.getByText('This browser is offline. What you see').waitFor();
    await page.getByRole('button', { name: 'Create project' }).click();
    await page.getByText('Your text is kept').waitFor();
    await page.context().setOffline(false);
    await page.getByText('This browser is offline. What you see').waitFor({ state: 'detached' });
    await page.reload();
    await page.getByText(/Your draft of .* is back\./).waitFor();
    await listIs(page, ['Works offline', 'User authentication', 'Responsive design', 'Speaks French', 'half of a']);
    await page.getByRole('button', { name: 'Start afresh' }).click();
    demand((await name.inputValue()) === '', 'the draft is still there');
  });
}

/** Creates a project without a pointer, and arrives at its board. */
export async function createsByKeyboard(page, project) {
  const tabTo = async (what, matches) => {
    for (let count = 0; count < 40; count += 1) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(matches)) return;
    }
    demand(false, `${what} can not be reached by keyboard`);
  };
  await page.reload();
  await page.getByRole('button', { name: 'Create project' }).waitFor();
  await page.keyboard.press('Tab');
  demand(await page.evaluate(() => document.activeElement?.textContent?.trim() === 'Skip to the content'), 'there is no skip link');
  await page.keyboard.press('Enter');
  await tabTo('the name', () => document.activeElement?.id === 'name');
  await page.keyboard.type(project);
  await tabTo('the description', () => document.activeElement?.id === 'description');
  await page.keyboard.type('A list of shells');
  await tabTo('the type', () => document.activeElement?.name === 'type');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowLeft');
  await tabTo('the requirement', () => document.activeElement?.id === 'requirement');
  await page.keyboard.type('Shells have names');
  await page.keyboard.press('Enter');
  await tabTo('the button', () => document.activeElement?.textContent === 'Create project');
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/task\//);
  await page.locator('[data-status]').waitFor();
  demand((await page.evaluate(() => localStorage.getItem('orchestrator.draft'))) === null, 'the draft outlives what was sent');
}
