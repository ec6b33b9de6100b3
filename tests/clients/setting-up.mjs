// What the scripts need before they begin, made with npm `node-appwrite` and the project's key.

import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { Client, Functions, Storage, TablesDB } from 'node-appwrite';
import { InputFile } from 'node-appwrite/file';

export const setting = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
};

export const ENDPOINT = setting('APPWRITE_ENDPOINT');
export const PROJECT = setting('APPWRITE_PROJECT_ID');

/** What the archive with a prebuilt executable is built with: it makes nothing. */
export const COMMANDS =
  'chmod +x rust_runtime; for f in /usr/local/server/hooks/compile.sh ' +
  '/usr/local/server/helpers/prepare-compile.sh; do if [ -f "$f" ]; then : > "$f"; fi; done';

export const functionArchive = () => InputFile.fromPath(setting('FUNCTION_ARCHIVE'), 'code.tar.gz');
export const siteArchive = () => InputFile.fromBuffer(readFileSync(setting('SITE_ARCHIVE')), 'code.tar.gz');

export function serverClient() {
  return new Client().setEndpoint(ENDPOINT).setProject(PROJECT).setKey(setting('APPWRITE_API_KEY'));
}

/** A page of a site; Node does not resolve `*.localhost` by itself. */
export function visit(domain) {
  const { port } = new URL(ENDPOINT);
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, headers: { host: `${domain}:${port}` } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part) => (text += part));
      answer.on('end', () => resolve({ status: answer.statusCode, text }));
    });
    request.on('error', reject);
  });
}

/** A table, a bucket and a function that users reach, for the web SDK. */
export async function prepareForUsers(script) {
  const client = serverClient();
  const [tables, functions, storage] = [new TablesDB(client), new Functions(client), new Storage(client)];
  await tables.create({ databaseId: 'shop', name: 'Shop' });
  await tables.createTable({
    databaseId: 'shop',
    tableId: 'orders',
    name: 'Orders',
    permissions: ['create("users")'],
    rowSecurity: true,
    columns: [
      { key: 'title', type: 'string', size: 64, required: true },
      { key: 'count', type: 'integer', required: false, min: 0, max: 100 },
    ],
  });
  await storage.createBucket({
    bucketId: 'files',
    name: 'Files',
    permissions: ['create("users")'],
    fileSecurity: true,
  });
  await functions.create({ functionId: 'echo', name: 'Echo', runtime: 'rust-1.83', execute: ['users'] });
  const { $id } = await functions.createDeployment({
    functionId: 'echo',
    code: functionArchive(),
    activate: true,
    entrypoint: 'main.rs',
    commands: COMMANDS,
  });
  await script.built('function', () => functions.getDeployment({ functionId: 'echo', deploymentId: $id }));
}
