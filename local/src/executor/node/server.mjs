// The Open Runtimes v5 protocol around one function in JavaScript. It runs inside the function's
// sandbox: what it is told by its settings file may be known to the function too.

import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const BODY_BYTES_MAX = 20 * 1024 * 1024;
const MESSAGE_CHARS_MAX = 8000;
const BINARY_TYPES = ['application/', 'audio/', 'font/', 'image/', 'video/'];

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
Object.assign(process.env, settings.variables);

/** What one execution writes; it ends with its answer, the function's own work may go on. */
class Log {
  constructor(isEnabled) {
    const seconds = Math.floor(Date.now() / 1000).toString(16);
    this.id = isEnabled ? seconds + randomBytes(6).toString('hex') : '';
    this.lines = { logs: [], errors: [] };
    this.isOpen = isEnabled;
    this.hasNative = false;
  }

  write(kind, message) {
    if (!this.isOpen) return;
    let text;
    if (message instanceof Error) text = message.stack ?? String(message);
    else if (message instanceof Object) text = JSON.stringify(message);
    else text = String(message);
    if (text.length > MESSAGE_CHARS_MAX) {
      text = `${text.slice(0, MESSAGE_CHARS_MAX)}... Log truncated due to size limit (${MESSAGE_CHARS_MAX} characters)`;
    }
    this.lines[kind].push(`${text}\n`);
  }

  native(parts) {
    if (!this.hasNative) {
      this.hasNative = true;
      this.write('logs', 'Native logs detected. Use context.log() or context.error() for better experience.');
    }
    const texts = parts.map((part) => (typeof part === 'object' ? JSON.stringify(part) : String(part)));
    this.write('logs', texts.join(' '));
  }

  async end() {
    this.isOpen = false;
    for (const [kind, lines] of Object.entries(this.lines)) {
      const file = path.join(settings.logs, `${this.id}_${kind}.log`);
      if (lines.length > 0) await writeFile(file, lines.join(''));
    }
  }
}

// The console's lines belong to the execution that wrote them, of those that run at once.
const current = new AsyncLocalStorage();
const print = console.log.bind(console);
for (const name of ['log', 'info', 'debug', 'warn', 'error']) {
  const own = console[name].bind(console);
  console[name] = (...parts) => {
    const log = current.getStore();
    if (log) log.native(parts);
    else own(...parts);
  };
}

async function read(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_BYTES_MAX) throw new Error('Request body size exceeds 20MB limit.');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function contextOf(request, bodyBinary, log) {
  const headers = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (!name.startsWith('x-open-runtimes-')) headers[name] = value;
  }
  const enforced = JSON.parse(process.env.OPEN_RUNTIMES_HEADERS || '{}');
  for (const [name, value] of Object.entries(enforced)) headers[name.toLowerCase()] = `${value ?? ''}`;

  const scheme = request.headers['x-forwarded-proto'] ?? 'http';
  const portDefault = scheme === 'https' ? 443 : 80;
  const [host, portText] = (request.headers.host ?? '').split(':');
  const port = portText ? Number(portText) : portDefault;
  const at = request.url.indexOf('?');
  const pathname = at < 0 ? request.url : request.url.slice(0, at);
  const queryString = at < 0 ? '' : request.url.slice(at + 1);
  const query = {};
  for (const part of queryString.split('&')) {
    const [key, ...rest] = part.split('=');
    if (key) query[key] = rest.join('=');
  }
  const contentType = (request.headers['content-type'] ?? 'text/plain').toLowerCase();

  const req = {
    get bodyBinary() {
      return bodyBinary;
    },
    get bodyText() {
      return bodyBinary.toString();
    },
    get bodyRaw() {
      return this.bodyText;
    },
    get bodyJson() {
      return JSON.parse(this.bodyText);
    },
    get body() {
      if (contentType.startsWith('application/json')) return bodyBinary.length > 0 ? this.bodyJson : {};
      return BINARY_TYPES.some((type) => contentType.startsWith(type)) ? bodyBinary : this.bodyText;
    },
    headers,
    method: request.method,
    scheme,
    host,
    port,
    path: pathname,
    query,
    queryString,
    url: `${scheme}://${host}${port === portDefault ? '' : `:${port}`}${pathname}${queryString && `?${queryString}`}`,
  };
  const res = {
    binary: (body, statusCode = 200, headers = {}) => ({ body, statusCode, headers }),
    text: (body, statusCode = 200, headers = {}) => res.binary(Buffer.from(`${body}`), statusCode, headers),
    send: (body, statusCode = 200, headers = {}) => res.text(body, statusCode, headers),
    json: (value, statusCode = 200, headers = {}) =>
      res.text(JSON.stringify(value), statusCode, { ...headers, 'content-type': 'application/json' }),
    empty: () => res.text('', 204),
    redirect: (url, statusCode = 301, headers = {}) => res.text('', statusCode, { ...headers, location: url }),
  };
  const write = (kind) => (message) => log.write(kind, message);
  return { req, res, log: write('logs'), error: write('errors') };
}

async function callFunction(context) {
  const module = await import(pathToFileURL(path.join(settings.folder, settings.entrypoint)));
  let run = module.default;
  // What compilers make of `export default` in CommonJS.
  if (run && typeof run !== 'function') run = run.default;
  if (typeof run !== 'function') throw new Error('User function is not valid.');
  return await run(context);
}

/** Runs the function for at most its time; what it does afterwards is nobody's any more. */
async function execute(context, seconds, log) {
  const failed = () => context.res.text('', 500);
  let timer;
  const late = new Promise((resolve) => {
    if (seconds === null) return;
    timer = setTimeout(() => {
      context.error('Execution timed out.');
      resolve(failed());
    }, seconds * 1000);
  });
  const work = current.run(log, () => callFunction(context)).then(
    (output) => {
      if (output !== null && output !== undefined) return output;
      context.error('Return statement missing. return context.res.empty() if no response is expected.');
      return failed();
    },
    (problem) => {
      if (problem?.code === 'ERR_MODULE_NOT_FOUND') context.error('Could not load code file.');
      context.error(problem?.stack ?? problem);
      return failed();
    },
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function plain(response, status, text) {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
}

async function answer(request, response) {
  if (request.url === '/__opr/health') return plain(response, 200, 'OK');
  if (request.headers['x-open-runtimes-secret'] !== process.env.OPEN_RUNTIMES_SECRET) {
    return plain(response, 401, 'Unauthorized. Provide correct "x-open-runtimes-secret" header.');
  }
  const timeout = request.headers['x-open-runtimes-timeout'] || null;
  const seconds = timeout === null ? null : Number(timeout);
  if (seconds !== null && !(Number.isInteger(seconds) && seconds > 0)) {
    return plain(response, 500, 'Header "x-open-runtimes-timeout" must be an integer greater than 0.');
  }
  const log = new Log((request.headers['x-open-runtimes-logging'] || 'enabled') === 'enabled');
  let status = 500;
  let body = '';
  try {
    const context = contextOf(request, await read(request), log);
    const output = await execute(context, seconds, log);
    for (const [name, value] of Object.entries(output.headers ?? {})) {
      if (!name.toLowerCase().startsWith('x-open-runtimes-')) response.setHeader(name.toLowerCase(), value);
    }
    const kind = `${response.getHeader('content-type') ?? 'text/plain'}`.toLowerCase();
    const isWhole = kind.startsWith('multipart/') || kind.includes('charset=');
    response.setHeader('content-type', isWhole ? kind : `${kind}; charset=utf-8`);
    status = output.statusCode ?? 200;
    body = output.body ?? '';
    if (typeof body !== 'string' && !(body instanceof Uint8Array)) body = JSON.stringify(body);
    response.statusCode = status;
  } catch (problem) {
    log.write('errors', problem);
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    status = 500;
    body = '';
  }
  await log.end();
  response.setHeader('x-open-runtimes-log-id', log.id);
  response.writeHead(status).end(body);
}

/** The platform's port of loopback, which in the sandbox leads through a socket. */
function openPlatform({ port, socket }) {
  const relay = net.createServer((near) => {
    const far = net.connect(socket);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  return new Promise((resolve, reject) => {
    relay.on('error', reject).listen(port, '127.0.0.1', resolve);
  });
}

await openPlatform(settings.platform);
http
  .createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  })
  // The platform listens already, on the socket that is the standard input.
  .listen({ fd: 0 }, () => print('HTTP server successfully started!'));
