// From guest to account and back, on a page whose guest has one project.

import { demand } from './browser.mjs';

const PASSWORD = 'a long password';

const panel = (page, name) => page.getByRole('region', { name, exact: true });

async function fillsIn(form, email, password) {
  await form.getByLabel('E-mail').fill(email);
  await form.getByLabel('Password', { exact: true }).fill(password);
}

/** Makes an account of the guest, leaves it, and comes back to `project`. */
export async function comesAndGoes({ page, person, step, project, email, home }) {
  const own = () => page.getByRole('link', { name: project, exact: true }).first();
  const finds = async () => {
    await page.getByRole('link', { name: 'Projects', exact: true }).click();
    await page.getByLabel('Search by name').fill(project);
    await own().waitFor();
  };
  const account = () => page.getByRole('link', { name: /^Account/ }).click();

  await step(page, 'an account has rules', async () => {
    await account();
    const form = panel(page, 'Create an account');
    await fillsIn(form, 'ada', 'short');
    await form.getByRole('button', { name: 'Create account' }).click();
    await form.getByText('Write an e-mail address').waitFor();
    await form.getByText('Use at least 8 characters.').waitFor();
  });
  await step(page, 'the guest becomes an account and keeps the project', async () => {
    const form = panel(page, 'Create an account');
    await form.getByText('Keeps all 61 projects of this browser.').waitFor();
    await fillsIn(form, email, PASSWORD);
    await form.getByLabel('Password', { exact: true }).press('Enter');
    await page.getByText('Your account is made').waitFor();
    await finds();
    await page.reload();
    await own().waitFor();
  });
  await step(page, 'after signing out nothing is shown', async () => {
    await account();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'You are here as a guest' }).waitFor();
    await page.getByRole('link', { name: 'Projects', exact: true }).click();
    await page.getByText('No projects yet').first().waitFor();
    demand((await own().count()) === 0, 'the project is still shown');
  });
  await step(page, 'a taken address is told', async () => {
    await account();
    const form = panel(page, 'Create an account');
    await fillsIn(form, email, PASSWORD);
    await form.getByRole('button', { name: 'Create account' }).click();
    await form.getByText('This address can not be used.').waitFor();
  });
  await step(page, 'a wrong password is told', async () => {
    const form = panel(page, 'Sign in');
    await fillsIn(form, email, 'another password');
    await form.getByRole('button', { name: 'Sign in' }).click();
    await form.getByText('The e-mail address or the password is not right.').waitFor();
  });
  await step(page, 'signing in brings the project back', async () => {
    const form = panel(page, 'Sign in');
    await form.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await form.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Your account' }).waitFor();
    await finds();
  });
  await step(page, 'a session that ends elsewhere is told at once', async () => {
    await endsElsewhere(await person(), page, home);
    await page.getByRole('heading', { name: 'Your session has ended' }).waitFor();
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await own().waitFor();
  });
}

/** A person without the label learns who must do what, and goes on once it is there. */
export async function waitsForTheLabel(page, step, home) {
  await step(page, 'a missing label is told', async () => {
    await page.route('**/v1/account', async (route) => {
      if (route.request().method() !== 'GET') return route.fallback();
      const response = await route.fetch();
      return route.fulfill({ response, json: { ...(await response.json()), labels: [] } });
    });
    await page.goto(home);
    await page.getByRole('heading', { name: 'You can not create projects yet' }).waitFor();
    demand((await page.getByRole('button', { name: 'Create project' }).count()) === 0, 'the form is still there');
    await page.getByRole('button', { name: 'Look again' }).click();
    await page.getByText('The label is not there yet.').waitFor();
    await page.unroute('**/v1/account');
    await page.getByRole('button', { name: 'Look again' }).click();
    await page.getByRole('button', { name: 'Create project' }).waitFor();
  });
}

/** Signs out in another browser that has the same session. */
async function endsElsewhere(context, page, home) {
  await context.addCookies(await page.context().cookies());
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }));
  await context.addInitScript((text) => {
    if (location.protocol === 'about:') return;
    for (const [key, value] of Object.entries(JSON.parse(text))) localStorage.setItem(key, value);
  }, kept);
  const other = await context.newPage();
  await other.goto(`${home}#/account`);
  await other.getByRole('button', { name: 'Sign out' }).click();
  await other.getByRole('heading', { name: 'You are here as a guest' }).waitFor();
  await context.close();
}
