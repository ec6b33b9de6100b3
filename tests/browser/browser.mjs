// A browser that tells of every error on its pages, and steps that leave a picture each.

import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** How long one thing on a page may take to appear. */
const APPEARS_MS = 15_000;
const VIEWPORT = { width: 1280, height: 900 };

/** A failure that is told in one sentence, without a stack. */
export class Unmet extends Error {}

export function demand(condition, sentence) {
  if (!condition) throw new Unmet(sentence);
}

/** Waits until what is on a page, or on one in a frame, has loaded: before that nobody hears what is clicked. */
export async function loaded(page) {
  await page.locator('html').evaluate(
    () => document.readyState === 'complete' || new Promise((done) => addEventListener('load', done, { once: true })),
  );
}

/**
 * Runs `test({ context, person, step })` in a fresh browser. `person()` makes another context,
 * which shares nothing with the first. `step(page, name, act)` runs `act`, then takes a picture
 * of the page, also where `act` failed. Ends the process with 1 and a sentence if a step fails or
 * a page reports an error that is not `expected` (patterns), and with 0 otherwise.
 */
export async function run(folder, test, expected = []) {
  const problems = [];
  let browser;
  try {
    await mkdir(folder, { recursive: true });
    browser = await chromium.launch({ executablePath: EXECUTABLE, headless: true, args: ARGS });
    const person = async () => {
      const context = await browser.newContext({ viewport: VIEWPORT });
      context.setDefaultTimeout(APPEARS_MS);
      context.on('console', (message) => {
        if (message.type() !== 'error' || expected.some((pattern) => pattern.test(message.text()))) return;
        problems.push(`console error at ${message.location().url}: ${message.text()}`);
      });
      context.on('weberror', (error) => problems.push(`page error: ${error.error().message}`));
      return context;
    };
    await test({ context: await person(), person, step: stepper(folder) });
  } catch (error) {
    problems.unshift(error instanceof Unmet ? error.message : `${error.step ?? 'start'}: ${error.message}`);
  } finally {
    await browser?.close();
  }
  for (const problem of problems) console.error(`failed: ${problem}`);
  if (problems.length === 0) console.log(`passed; pictures are in ${folder}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

/** Demands that axe finds nothing serious on a page. Frames hold pages of others and are left out. */
export async function audit(page, name) {
  const isLoaded = await page.evaluate(() => 'axe' in globalThis);
  if (!isLoaded) await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core'), 'utf8'));
  const violations = await page.evaluate(async () => {
    const found = await globalThis.axe.run({ exclude: [['iframe']] }, { resultTypes: ['violations'] });
    return found.violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`);
  });
  demand(violations.length === 0, `${name} is not for everyone: ${violations.join(' | ')}`);
}

/** Demands that a page is not wider than its window. */
export async function fits(page, name) {
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  demand(beyond <= 0, `${name} is ${beyond} pixels wider than the window`);
}

function stepper(folder) {
  let count = 0;
  return async (page, name, act) => {
    count += 1;
    const file = `${String(count).padStart(2, '0')}-${name.replace(/\W+/g, '-').toLowerCase()}.png`;
    const picture = () => page.screenshot({ path: join(folder, file), fullPage: true });
    try {
      const result = await act();
      await picture();
      console.log(`ok: ${name}`);
      return result;
    } catch (error) {
      await picture().catch(() => {});
      error.step = name;
      throw error;
    }
  };
}

/** The arguments of a script: an address, and a folder for pictures. */
export function addressAndFolder(usage) {
  const [address, folder = join(tmpdir(), 'orchestrator-pictures')] = process.argv.slice(2);
  if (!URL.canParse(address ?? '')) {
    console.error(`usage: node ${usage} [folder for pictures]`);
    process.exit(2);
  }
  return { address, folder };
}
