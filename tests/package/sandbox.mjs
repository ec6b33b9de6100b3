// Processes in roots of their own, by bubblewrap.

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Longest wait for a process to listen, and for an answer. */
const SOON_MS = 30_000;
/** The last characters of what a process printed, for a message. */
const SHOWN_CHARS = 2_000;

/** A folder that has nothing but `/etc/resolv.conf`, which names a server on loopback. */
export async function emptyRoot() {
  const root = await mkdtemp(join(tmpdir(), 'root-'));
  await mkdir(join(root, 'etc'));
  await writeFile(join(root, 'etc', 'resolv.conf'), 'nameserver 127.0.0.1\n');
  return root;
}

/** Starts a command with these arguments of bubblewrap in front, and this environment alone. */
export function start(wrapping, command, variables) {
  const set = Object.entries(variables).flatMap(([name, value]) => ['--setenv', name, value]);
  const all = ['--die-with-parent', '--clearenv', ...set, ...wrapping, '--', ...command];
  return new Running(spawn('bwrap', all, { stdio: ['pipe', 'pipe', 'pipe'] }), command[0]);
}

export class Running {
  #name;

  constructor(child, name) {
    this.#name = name;
    this.child = child;
    this.output = '';
    this.ended = new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
    child.stderr.on('data', (part) => (this.output += part));
    this.lines = createInterface({ input: child.stdout });
    this.lines.on('line', (line) => (this.output += `${line}\n`));
  }

  /** Waits for a line, or for the end of the process. Returns what the pattern found. */
  async line(pattern) {
    const found = new Promise((resolve) => {
      this.lines.on('line', (line) => {
        const match = pattern.exec(line);
        if (match) resolve(match);
      });
    });
    const ended = this.ended.then((code) => this.#fail(`ended with ${code}`));
    return within(Promise.race([found, ended]), () => this.#fail(`did not print ${pattern}`));
  }

  /** Waits for the end, at most `limitMs`. Returns the exit code. */
  code(limitMs = SOON_MS) {
    return within(this.ended, () => this.#fail('does not end'), limitMs);
  }

  /** Ends it, with whatever it has started in a namespace of its own. */
  async stop() {
    this.child.kill('SIGKILL');
    await this.code();
  }

  #fail(what) {
    throw new Error(`${this.#name} ${what}; it printed:\n${this.output.slice(-SHOWN_CHARS)}`);
  }
}

async function within(promise, late, limitMs = SOON_MS) {
  let timer;
  const tooLate = new Promise((resolve) => {
    timer = setTimeout(resolve, limitMs, Symbol.for('late'));
  });
  const result = await Promise.race([promise, tooLate]);
  clearTimeout(timer);
  return result === Symbol.for('late') ? late() : result;
}

/** A request to a function. */
export async function ask(port, method, headers = {}) {
  const url = `http://127.0.0.1:${port}/`;
  const response = await fetch(url, { method, headers, signal: AbortSignal.timeout(SOON_MS) });
  return { status: response.status, body: await response.text() };
}
