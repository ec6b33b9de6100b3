// Runs the executable beside this file, for images of Node that do not start it by themselves.
// Newer ones do, by the variable OPEN_RUNTIMES_SERVER_COMMAND, and then this file is not read.
// In an image of Rust it is not read either.

const { spawn } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const { mkdtempSync } = require('node:fs');
const { readFile, rm } = require('node:fs/promises');
const { request } = require('node:http');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { createInterface } = require('node:readline');

/** Longest wait for the executable to listen. */
const START_MS = 10_000;
/** What it prints then; the port follows. */
const LISTENING = /^Listening on http:\/\/127\.0\.0\.1:(\d+)$/u;
/** Headers of one connection. */
const OWN_HEADERS = ['connection', 'content-length', 'keep-alive', 'transfer-encoding', 'upgrade', 'expect'];
/** Headers between a server and its runtime. */
const CONTROL = 'x-open-runtimes-';

const logs = mkdtempSync(join(tmpdir(), 'logs-'));
let running;

/** Starts the executable, once for all requests and again where it has ended. Returns its port. */
function port() {
  running ??= start().catch((failure) => {
    running = undefined;
    throw failure;
  });
  return running;
}

function start() {
  // It ends with its standard input, so none outlives this process.
  const own = { HOST: '127.0.0.1', PORT: '0', OPEN_RUNTIMES_LOGS_DIR: logs, OPEN_RUNTIMES_ENV: '', ORCHESTRATOR_EXIT_WITH_STDIN: '1' };
  const child = spawn(join(__dirname, 'rust_runtime'), { env: { ...process.env, ...own }, stdio: ['pipe', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`rust_runtime did not listen within ${START_MS} ms`));
    }, START_MS);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      running = undefined;
      reject(new Error(`rust_runtime ended: ${signal ?? code}`));
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = LISTENING.exec(line);
      if (!found) return;
      clearTimeout(timer);
      resolve(Number(found[1]));
    });
  });
}

/** Asks the executable what this process was asked. */
async function ask(req, id) {
  const headers = Object.entries(req.headers).filter(([name]) => !OWN_HEADERS.includes(name) && !name.startsWith(CONTROL));
  const control = { 'log-id': id, secret: process.env.OPEN_RUNTIMES_SECRET, timeout: process.env.FUNCTION_TIMEOUT_SECONDS };
  for (const [name, value] of Object.entries(control)) if (value) headers.push([CONTROL + name, value]);
  const options = { host: '127.0.0.1', port: await port(), method: req.method, headers: Object.fromEntries(headers) };
  options.path = req.queryString ? `${req.path}?${req.queryString}` : req.path;
  const body = req.bodyBinary;
  return new Promise((resolve, reject) => {
    const asked = request(options, async (response) => {
      const parts = [];
      try {
        for await (const part of response) parts.push(part);
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) });
      } catch (failure) {
        reject(failure);
      }
    });
    asked.on('error', reject);
    asked.end(body && body.length > 0 ? Buffer.from(body) : undefined);
  });
}

/** Hands over what the executable has logged for one execution. */
async function hand(file, write) {
  const text = await readFile(file, 'utf8').catch(() => '');
  if (text !== '') write(text.trimEnd());
  await rm(file, { force: true });
}

module.exports = async ({ req, res, log, error }) => {
  const id = randomBytes(10).toString('hex');
  try {
    const answer = await ask(req, id);
    const kept = Object.entries(answer.headers).filter(([name]) => !OWN_HEADERS.includes(name) && !name.startsWith(CONTROL));
    return res.binary(answer.body, answer.status, Object.fromEntries(kept));
  } finally {
    await hand(join(logs, `${id}_logs.log`), log);
    await hand(join(logs, `${id}_errors.log`), error);
  }
};
