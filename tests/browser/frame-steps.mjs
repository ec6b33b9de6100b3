// What every view owes to everyone: no barrier, no sideways scrolling, little to load.

import { audit, demand, fits } from './browser.mjs';

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1440, height: 900 };
/**
 * Requests of the first visit: the page, its script, its styles, the manifest and the icon, the
 * settings, the session and the user, the projects.
 */
const COLD_MAX = 9;
/** Bytes that the first visit brings from the page's own origin, as they travel. */
const COLD_BYTES_MAX = 120_000;

/** Looks at each of `places` in light and dark, at a desk and on a phone. */
export async function isForEveryone(page, step, home, places) {
  for (const [name, place, ready] of places) {
    await step(page, `${name} is for everyone`, async () => {
      await page.goto(`${home}${place}`);
      await ready(page);
      for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await audit(page, `${name} in ${colorScheme}`);
      }
      await page.setViewportSize(PHONE);
      await fits(page, `${name} on a phone`);
      await audit(page, `${name} on a phone`);
      await page.setViewportSize(DESK);
      await page.emulateMedia({ colorScheme: null, reducedMotion: null });
    });
  }
}

/** Counts what a browser loads that was never here, and what it loads again. */
export async function loadsLittle(page, home) {
  const asked = [];
  page.on('request', (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await page.goto(home);
  await page.getByText('No projects yet').waitFor();
  const requests = asked.length;
  demand(requests <= COLD_MAX, `the first visit has ${requests} requests: ${asked.join(', ')}`);
  const travelled = () => performance.getEntriesByType('resource').map(({ name, transferSize }) => ({ name, transferSize }));
  const cold = await page.evaluate(travelled);
  const bytes = cold.filter(({ name }) => name.includes('/assets/')).reduce((sum, { transferSize }) => sum + transferSize, 0);
  demand(bytes > 0 && bytes < COLD_BYTES_MAX, `the first visit loads ${bytes} bytes of assets`);
  await page.goto('about:blank');
  await page.goto(home);
  await page.getByText('No projects yet').waitFor();
  const warm = (await page.evaluate(travelled)).filter(({ name, transferSize }) => name.includes('/assets/') && transferSize > 0);
  demand(warm.length === 0, `loaded again: ${warm.map(({ name }) => name).join(', ')}`);
  return { requests, bytes };
}

/** Colours are a person's choice, which a reload keeps. */
export async function changesColours(page) {
  const scheme = () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  await page.getByRole('button', { name: /^Colours: as the system/ }).click();
  await page.getByRole('button', { name: /^Colours: light/ }).click();
  demand((await scheme()) === 'dark', `the colours are ${await scheme()}`);
  await page.reload();
  await page.getByRole('button', { name: /^Colours: dark/ }).waitFor();
  demand((await scheme()) === 'dark', `after a reload the colours are ${await scheme()}`);
  await page.getByRole('button', { name: /^Colours: dark/ }).click();
}
