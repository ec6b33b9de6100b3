// Calls `main.js` of a folder as the server of Node's image does, twice, and prints what came back.

import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const main = createRequire(import.meta.url)(join(process.argv[2], 'main.js'));

/** Process ids of what this process has started. */
const children = () => readdirSync('/proc').filter((name) => /^\d+$/u.test(name)).filter((pid) => {
  try {
    // State and parent follow the name, which is in brackets.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ')[1]) === process.pid;
  } catch {
    return false;
  }
}).join(' ');

async function call(method, body) {
  const [logs, errors] = [[], []];
  const req = { method, path: '/', queryString: '', headers: { host: 'function.test', 'content-length': '99' }, bodyBinary: Buffer.from(body) };
  const res = { binary: (bytes, status, headers) => ({ bytes, status, headers }) };
  const { bytes, status, headers } = await main({ req, res, log: (line) => logs.push(line), error: (line) => errors.push(line) });
  return { status, headers, body: JSON.parse(bytes), logs, errors, pid: children() };
}

const seen = [await call('GET', ''), await call('POST', '{"rowId":"p1"}')];
console.log(JSON.stringify(seen));
process.exit(0);
