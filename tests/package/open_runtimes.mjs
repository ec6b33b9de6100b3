// The build and the start of a deployment by the real scripts of Open Runtimes, at the paths of
// its images.

import { execFileSync } from 'node:child_process';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, start } from './sandbox.mjs';

const SECRET = 'secret-of-this-check';
const SERVER_COMMAND = 'src/function/rust_runtime';

/** Builds the archive as the image of Rust does, and starts what came out. */
export async function check(checkout, archive, name, version) {
  const config = JSON.parse(await readFile('appwrite.json', 'utf8'));
  const { commands, entrypoint } = config.functions.find(({ $id }) => $id === name);
  await run(checkout, 'rust', archive, { commands, entrypoint, name, version });
  // As scripts/push --runtime does it.
  await run(checkout, 'node', archive, { commands: 'chmod +x rust_runtime', entrypoint: 'main.js', name, version });
}

async function run(checkout, runtime, archive, { commands, entrypoint, name, version }) {
  const folder = await mkdtemp(join(tmpdir(), 'open-runtimes-'));
  for (const part of ['local/build', 'local/server/src/function', 'local/server/hooks', 'mnt/code', 'mnt/logs']) {
    await mkdir(join(folder, part), { recursive: true });
  }
  const server = join(folder, 'local', 'server');
  await cp(join(checkout, 'helpers'), join(server, 'helpers'), { recursive: true });
  const hooks = join(checkout, 'runtimes', runtime, 'versions', 'latest', 'hooks');
  if (existsSync(hooks)) await cp(hooks, join(server, 'hooks'), { recursive: true });
  execFileSync('tar', ['-xzf', archive, '-C', join(folder, 'mnt', 'code')]);
  const image = ['--unshare-pid', '--dev-bind', '/', '/', '--bind', join(folder, 'local'), '/usr/local', '--bind', join(folder, 'mnt'), '/mnt', '--chdir', '/usr/local/server'];
  const variables = { PATH: '/usr/bin:/bin', HOME: '/root', OPEN_RUNTIMES_ENTRYPOINT: entrypoint, OPEN_RUNTIMES_OUTPUT_DIRECTORY: '' };
  const build = start(image, ['bash', 'helpers/build.sh', commands], variables);
  assert.equal(await build.code(), 0, build.output);
  assert.match(build.output, /Build finished/u);
  const served = { ...variables, OPEN_RUNTIMES_SECRET: SECRET, OPEN_RUNTIMES_SERVER_COMMAND: SERVER_COMMAND };
  const running = start(image, ['bash', 'helpers/start.sh', 'bash helpers/server.sh'], served);
  await running.line(/HTTP server successfully started!/u);
  const refused = await ask(3000, 'GET', {});
  assert.equal(refused.status, 401, refused.body);
  const health = await ask(3000, 'GET', { 'x-open-runtimes-secret': SECRET, 'x-open-runtimes-timeout': '10' });
  const report = JSON.parse(health.body);
  assert.deepEqual([report.function, report.version], [name, version]);
  await running.stop();
}
