// The official CLI, with a home of its own, so that it neither reads nor changes a person's settings.

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('node_modules/appwrite-cli/index.js', import.meta.url));
/** What it prints is shown where it fails, at most so many last characters. */
const SHOWN_CHARS = 4_000;
// It ends well whatever became of its uploads; then it says so.
const FAILURE = /✗|Failed to deploy|No \w+ were pushed/u;

export class Cli {
  #folder;

  /** Its settings go where it keeps them itself, readable for nobody else, and not on a command line. */
  constructor(folder, { endpoint, key }) {
    this.#folder = folder;
    const home = join(folder, 'home', '.appwrite');
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const kept = { push: { endpoint, key }, current: 'push' };
    writeFileSync(join(home, 'prefs.json'), JSON.stringify(kept), { mode: 0o600 });
  }

  /** Pushes all of one kind. */
  async push(kind) {
    const child = spawn(process.execPath, [PROGRAM, 'push', kind, '--all', '--force'], {
      cwd: join(this.#folder, 'project'),
      env: { PATH: process.env.PATH, HOME: join(this.#folder, 'home'), NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part));
    const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
    if (code !== 0 || FAILURE.test(output)) {
      throw new Error(`the CLI could not push the ${kind}:\n${output.slice(-SHOWN_CHARS)}`);
    }
  }
}
