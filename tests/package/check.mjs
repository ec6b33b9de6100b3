// Runs what scripts/package made where nothing is but what it brings: see scripts/package --help.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as openRuntimes from './open_runtimes.mjs';
import { names, service } from './outside.mjs';
import { ask, emptyRoot, start } from './sandbox.mjs';

/** Longest that the program may take for a whole task. */
const RUN_MS = 180_000;
/** The settings without which some function is not well. */
const SETTINGS = {
  APPWRITE_ENDPOINT: 'https://appwrite.test/v1',
  APPWRITE_PROJECT_ID: 'check',
  GROK_API_KEY: 'key-for-grok',
  ANTHROPIC_API_KEY: 'key-for-claude',
  GITHUB_TOKEN: 'token-for-github',
  SITE_DOMAIN: 'sites.test',
};
const LISTEN = { HOST: '127.0.0.1', PORT: '0' };

const text = { type: 'string', default: '' };
const flag = { type: 'boolean', default: false };
const { values, positionals } = parseArgs({
  options: { folder: text, version: text, program: text, 'open-runtimes': text, inside: flag },
  allowPositionals: true,
});
const { folder, version, program } = values;
const archive = (name) => join(folder, `${name}.tar.gz`);
const say = (line) => console.error(`    ok: ${line}`);

/** A network of its own, where port 53 is free and nothing outside can be reached. */
function isolated() {
  const own = fileURLToPath(import.meta.url);
  const user = process.getuid() === 0 ? [] : ['--unshare-user', '--uid', '0', '--gid', '0'];
  const wrapping = ['--die-with-parent', ...user, '--unshare-net', '--cap-add', 'ALL', '--dev-bind', '/', '/'];
  const { status } = spawnSync('bwrap', [...wrapping, process.execPath, own, '--inside', ...process.argv.slice(2)], { stdio: 'inherit' });
  return status ?? 1;
}

/** An empty root with an unpacked archive in it. */
async function unpacked(name) {
  const root = await emptyRoot();
  execFileSync('tar', ['-xzf', archive(name), '-C', root]);
  return root;
}

async function serving(root, variables, use) {
  const running = start(['--bind', root, '/', '--chdir', '/'], ['/rust_runtime'], { ...LISTEN, ...variables });
  const [, port] = await running.line(/^Listening on http:\/\/127\.0\.0\.1:(\d+)$/u);
  await use(Number(port));
  await running.stop();
}

async function answersInAnEmptyRoot(name) {
  const root = await unpacked(name);
  await serving(root, SETTINGS, async (port) => {
    const health = await ask(port, 'GET');
    const report = JSON.parse(health.body);
    assert.deepEqual([health.status, report.ok, report.function, report.version, report.missing], [200, true, name, version, []]);
  });
  await serving(root, {}, async (port) => {
    const health = await ask(port, 'GET');
    assert.equal(health.status, 500);
    assert.ok(JSON.parse(health.body).missing.includes('APPWRITE_ENDPOINT'), health.body);
  });
  say(`${name} answers in an empty root, with its name and version`);
}

/** Names are resolved, and certificates judged by roots that are compiled in. */
async function reachesOutside(name, dns, tls) {
  const root = await unpacked(name);
  const settings = { ...SETTINGS, APPWRITE_ENDPOINT: `https://appwrite.test:${tls.port}/v1` };
  await serving(root, settings, async (port) => {
    const body = await ask(port, 'POST', { 'x-appwrite-key': 'key-of-the-execution' });
    assert.equal(body.status, 503, body.body);
    assert.match(body.body, /certificate/iu);
  });
  assert.ok(dns.asked.has('appwrite.test'), [...dns.asked].join(' '));
  assert.ok(tls.called.has('appwrite.test'), [...tls.called].join(' '));
  say(`${name} resolves names and refuses a certificate that no root of its own has signed`);
}

async function programIsWhole(dns, tls) {
  const root = await unpacked(program);
  const bare = ['--bind', root, '/', '--chdir', `/${program}`];
  const told = start(bare, ['./orchestrator', '--version'], {});
  assert.equal(await told.code(), 0, told.output);
  assert.equal(told.output.trim(), `orchestrator ${version}`);
  const key = { GROK_API_KEY: 'key-for-grok', GROK_BASE_URL: `https://models.test:${tls.port}/v1` };
  const tried = start(bare, ['./orchestrator', 'try', 'grok', 'hello'], key);
  assert.equal(await tried.code(), 1, tried.output);
  assert.ok(dns.asked.has('models.test') && tls.called.has('models.test'), tried.output);
  say('the program starts in an empty root and resolves names');
}

/** With git, and without Rust, Node, npm, a browser and the sources. */
async function programCarriesOutABrief() {
  const root = await unpacked(program);
  const system = ['/usr', '/bin', '/lib', '/lib64'].flatMap((path) => ['--ro-bind', path, path]);
  const hidden = await mkdtemp(join(tmpdir(), 'hidden-'));
  await writeFile(join(hidden, 'none'), '');
  const absent = ['node', 'npm', 'npx', 'cargo', 'rustc', 'chromium', 'python3'].map((name) => `/usr/bin/${name}`);
  const gone = absent.filter(isFile).flatMap((path) => ['--ro-bind', join(hidden, 'none'), path]);
  const wrapping = ['--bind', root, '/', ...system, ...gone, '--tmpfs', '/usr/local', '--tmpfs', '/tmp', '--proc', '/proc', '--dev', '/dev', '--chdir', `/${program}`];
  const running = start(wrapping, ['./orchestrator', '--json', 'run', 'examples/todo.json'], { PATH: '/usr/bin:/bin', HOME: '/tmp' });
  const code = await running.code(RUN_MS);
  assert.equal(code, 0, running.output.slice(-4_000));
  say('the program carries out a brief with git alone beside it');
}

const isFile = (path) => spawnSync('test', ['-f', path]).status === 0;

async function packingAgainGivesTheSame() {
  const again = await mkdtemp(join(tmpdir(), 'again-'));
  const executables = await mkdtemp(join(tmpdir(), 'executables-'));
  for (const name of positionals) {
    await copyFile(join(folder, 'functions', name, 'rust_runtime'), join(executables, name));
    execFileSync('scripts/package', ['--from', executables, '--out', again, '--function', name], { stdio: 'ignore' });
    const [first, second] = await Promise.all([readFile(archive(name)), readFile(join(again, `${name}.tar.gz`))]);
    assert.ok(first.equals(second), `${name}.tar.gz differs when packed again`);
  }
  await rm(executables, { recursive: true });
  await rm(again, { recursive: true });
  say('packing again gives the same bytes');
}

async function inside() {
  for (const name of positionals) await answersInAnEmptyRoot(name);
  const certificates = await mkdtemp(join(tmpdir(), 'certificates-'));
  const [dns, tls] = [await names(), await service(certificates)];
  // A function that asks Appwrite before anything else.
  if (positionals.includes('sweep')) await reachesOutside('sweep', dns, tls);
  if (program) {
    await programIsWhole(dns, tls);
    await programCarriesOutABrief();
  }
  dns.stop();
  tls.stop();
  if (values['open-runtimes']) {
    const name = positionals[0];
    await openRuntimes.check(resolve(values['open-runtimes']), archive(name), name, version);
    say('the scripts of Open Runtimes build and start the archive in the images of Rust and Node');
  }
  await packingAgainGivesTheSame();
}

if (values.inside) await inside();
else {
  console.error('==> checking');
  process.exitCode = isolated();
}
