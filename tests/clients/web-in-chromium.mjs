// The web SDK in a page of headless Chromium, from another origin than the platform's.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { chromium } from '../browser/node_modules/playwright-core/index.mjs';
import { ARGS, EXECUTABLE } from '../browser/browser.mjs';
import { Script } from './script.mjs';
import { ENDPOINT, PROJECT, prepareForUsers } from './setting-up.mjs';

const PAGE = '<!doctype html><meta charset="utf-8"><title>Web SDK</title><script src="/sdk.js"></script>';
const sdk = join(dirname(createRequire(import.meta.url).resolve('appwrite')), '../iife/sdk.js');
const here = (name) => new URL(name, import.meta.url);
const FILES = {
  '/': async () => ['text/html', PAGE],
  '/sdk.js': async () => ['text/javascript', await readFile(sdk)],
  '/web-steps.mjs': async () => ['text/javascript', await readFile(here('web-steps.mjs'))],
  '/script.mjs': async () => ['text/javascript', await readFile(here('script.mjs'))],
};

await prepareForUsers(new Script());
const server = createServer(async (request, response) => {
  const file = FILES[request.url];
  if (!file) return response.writeHead(404).end();
  const [type, body] = await file();
  return response.writeHead(200, { 'content-type': type }).end(body);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const browser = await chromium.launch({ executablePath: EXECUTABLE, headless: true, args: ARGS });
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const last = await page.evaluate(
    async (settings) => (await import('/web-steps.mjs')).steps(globalThis.Appwrite, settings),
    { endpoint: ENDPOINT, project: PROJECT },
  );
  console.log(last);
} finally {
  await browser.close();
  server.close();
}
