// Pictures of a view as it looks to everybody: in light and dark, wide and on a phone.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { audit, demand, fits } from './browser.mjs';

const SCHEMES = ['light', 'dark'];
const SIZES = { wide: { width: 1280, height: 1100 }, phone: { width: 390, height: 844 } };
/** A picture with fewer bytes shows an empty page. */
const BYTES_MIN = 8_000;

/** Takes four pictures of what `page` shows, and looks whether everybody can use it. */
export async function pictures(page, folder, view) {
  const before = page.viewportSize();
  for (const [name, size] of Object.entries(SIZES)) {
    await page.setViewportSize(size);
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      // Where an earlier step has scrolled to is no part of the view.
      await page.evaluate(() => scrollTo(0, 0));
      const path = join(folder, `${view}-${colorScheme}-${name}.png`);
      await page.screenshot({ path, fullPage: name === 'phone' });
      const { size: bytes } = await stat(path);
      demand(bytes >= BYTES_MIN, `the picture ${path} is empty`);
      await audit(page, `${view} in ${colorScheme}`);
    }
    await fits(page, `${view}, ${name}`);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  await page.setViewportSize(before);
}
