// npm `node-appwrite`: a server with the project's key.

import { Account, Client, Functions, Permission, Proxy as Rules, Query, Role, Sites, Storage, TablesDB, Users } from 'node-appwrite';
import { InputFile } from 'node-appwrite/file';
import { Script, bytes, demand, refused, same } from './script.mjs';
import { COMMANDS, ENDPOINT, PROJECT, functionArchive, serverClient, siteArchive, visit } from './setting-up.mjs';

const script = new Script();
const client = serverClient();
const tables = script.counted(new TablesDB(client));
const [users, storage] = [script.counted(new Users(client)), script.counted(new Storage(client))];
const [functions, sites] = [script.counted(new Functions(client)), script.counted(new Sites(client))];
const rules = script.counted(new Rules(client));
const TABLE = { databaseId: 'shop', tableId: 'orders' };

async function schema() {
  const database = await tables.create({ databaseId: 'shop', name: 'Shop' });
  same('database', [database.$id, database.name, database.enabled], ['shop', 'Shop', true]);
  const table = await tables.createTable({ ...TABLE, name: 'Orders', rowSecurity: true });
  same('table', [table.$id, table.rowSecurity], ['orders', true]);
  const title = await tables.createVarcharColumn({ ...TABLE, key: 'title', size: 64, required: true });
  same('column', [title.key, title.type, title.status], ['title', 'varchar', 'processing']);
  await tables.createIntegerColumn({ ...TABLE, key: 'count', required: false, min: 0, max: 100, xdefault: 1 });
  await tables.createBooleanColumn({ ...TABLE, key: 'paid', required: false });
  await script.until('columns are available', async () => {
    const { columns } = await tables.listColumns(TABLE);
    return columns.length === 3 && columns.every((column) => column.status === 'available');
  });
  await tables.createIndex({ ...TABLE, key: 'byTitle', type: 'unique', columns: ['title'] });
  await script.until('the index is available', async () => {
    const index = await tables.getIndex({ ...TABLE, key: 'byTitle' });
    return index.status === 'available';
  });
}

async function rows() {
  const tea = await tables.createRow({ ...TABLE, rowId: 'tea', data: { title: 'Tea', count: 3 } });
  same('row', [tea.$id, tea.title, Number(tea.count), tea.paid], ['tea', 'Tea', 3, null]);
  const again = tables.createRow({ ...TABLE, rowId: 'tea', data: { title: 'Other' } });
  await refused('a second row of one id', again, 409, 'row_already_exists');
  const twin = tables.createRow({ ...TABLE, rowId: 'twin', data: { title: 'Tea' } });
  await refused('a second row of one title', twin, 409, 'row_already_exists');
  const long = tables.createRow({ ...TABLE, rowId: 'long', data: { title: 'x'.repeat(65) } });
  await refused('a title that is too long', long, 400, 'row_invalid_structure');
  const made = await tables.createRows({ ...TABLE, rows: [{ $id: 'jam', title: 'Jam' }, { $id: 'nut', title: 'Nut', count: 9 }] });
  same('rows', made.rows.map((row) => Number(row.count)), [1, 9]);
  const patched = await tables.updateRow({ ...TABLE, rowId: 'jam', data: { paid: true } });
  same('patched row', [patched.title, patched.paid], ['Jam', true]);
  const upserted = await tables.upsertRow({ ...TABLE, rowId: 'egg', data: { title: 'Egg', count: 12 } });
  same('upserted row', Number(upserted.count), 12);
  const more = await tables.incrementRowColumn({ ...TABLE, rowId: 'egg', column: 'count', value: 5, max: 20 });
  same('incremented row', Number(more.count), 17);
  const over = tables.incrementRowColumn({ ...TABLE, rowId: 'egg', column: 'count', value: 5, max: 20 });
  await refused('an increment past its bound', over, 400, 'column_limit_exceeded');
  const less = await tables.decrementRowColumn({ ...TABLE, rowId: 'egg', column: 'count', value: 7 });
  same('decremented row', Number(less.count), 10);
  same('one row', (await tables.getRow({ ...TABLE, rowId: 'nut' })).title, 'Nut');
  await refused('a row that is not there', tables.getRow({ ...TABLE, rowId: 'none' }), 404, 'row_not_found');
}

async function queries() {
  const list = async (...queries) => {
    const { rows, total } = await tables.listRows({ ...TABLE, queries });
    return [rows.map((row) => row.$id), Number(total)];
  };
  same('all', (await list())[1], 4);
  same('equal', await list(Query.equal('title', ['Tea', 'Egg']), Query.orderAsc('title')), [['egg', 'tea'], 2]);
  same('range and order', await list(Query.greaterThan('count', 2), Query.orderDesc('count')), [['egg', 'nut', 'tea'], 3]);
  same('either', await list(Query.or([Query.isNotNull('paid'), Query.startsWith('title', 'N')]), Query.orderAsc('title')), [['jam', 'nut'], 2]);
  same('page', await list(Query.orderAsc('title'), Query.limit(2), Query.cursorAfter('jam')), [['nut', 'tea'], 4]);
  const { rows } = await tables.listRows({ ...TABLE, queries: [Query.select(['title']), Query.equal('$id', 'nut')] });
  same('selection', [rows[0].title, 'count' in rows[0]], ['Nut', false]);
  const wrong = tables.listRows({ ...TABLE, queries: [Query.equal('nothing', 1)] });
  await refused('a query of no column', wrong, 400, 'general_query_invalid');
  const updated = await tables.updateRows({ ...TABLE, data: { paid: false }, queries: [Query.lessThan('count', 5)] });
  same('updated rows', Number(updated.total), 2);
  const deleted = await tables.deleteRows({ ...TABLE, queries: [Query.equal('$id', 'nut')] });
  same('deleted rows', Number(deleted.total), 1);
}

async function transactions() {
  const open = await tables.createTransaction({ ttl: 120 });
  same('transaction', [open.status, Number(open.operations)], ['pending', 0]);
  const transactionId = open.$id;
  const staged = await tables.createOperations({
    transactionId,
    operations: [
      { action: 'create', ...TABLE, rowId: 'rye', data: { title: 'Rye' } },
      { action: 'update', ...TABLE, rowId: 'tea', data: { count: 4 } },
    ],
  });
  same('staged operations', Number(staged.operations), 2);
  await tables.deleteRow({ ...TABLE, rowId: 'jam', transactionId });
  await refused('a staged row', tables.getRow({ ...TABLE, rowId: 'rye' }), 404, 'row_not_found');
  same('a staged row inside', (await tables.getRow({ ...TABLE, rowId: 'rye', transactionId })).title, 'Rye');
  same('commit', (await tables.updateTransaction({ transactionId, commit: true })).status, 'committed');
  same('a committed row', Number((await tables.getRow({ ...TABLE, rowId: 'tea' })).count), 4);
  await refused('a deleted row', tables.getRow({ ...TABLE, rowId: 'jam' }), 404, 'row_not_found');
  const { $id } = await tables.createTransaction();
  await tables.createRow({ ...TABLE, rowId: 'oat', data: { title: 'Oat' }, transactionId: $id });
  await tables.updateTransaction({ transactionId: $id, rollback: true });
  await refused('a row rolled back', tables.getRow({ ...TABLE, rowId: 'oat' }), 404, 'row_not_found');
}

async function accounts() {
  const user = await users.create({ userId: 'ada', email: 'ada@example.test', password: 'difference-engine', name: 'Ada' });
  same('user', [user.$id, user.email, user.status], ['ada', 'ada@example.test', true]);
  same('labels', (await users.updateLabels({ userId: 'ada', labels: ['staff'] })).labels, ['staff']);
  same('users', Number((await users.list({ queries: [Query.equal('email', 'ada@example.test')] })).total), 1);
  const { secret } = await users.createSession({ userId: 'ada' });
  const own = new Client().setEndpoint(ENDPOINT).setProject(PROJECT).setSession(secret);
  const account = script.counted(new Account(own));
  same('account', (await account.get()).name, 'Ada');
  same('preferences', (await account.updatePrefs({ prefs: { tea: true } })).prefs, { tea: true });
  const { jwt } = await account.createJWT();
  const byJwt = script.counted(new Account(new Client().setEndpoint(ENDPOINT).setProject(PROJECT).setJWT(jwt)));
  same('account by JWT', (await byJwt.get()).$id, 'ada');
  const ownTables = script.counted(new TablesDB(own));
  await refused('a row of others', ownTables.getRow({ ...TABLE, rowId: 'tea' }), 404, 'row_not_found');
  const permissions = [Permission.read(Role.user('ada'))];
  await tables.updateRow({ ...TABLE, rowId: 'tea', permissions });
  same('a row that was shared', (await ownTables.getRow({ ...TABLE, rowId: 'tea' })).$permissions, permissions);
}

async function files() {
  const bucket = await storage.createBucket({ bucketId: 'files', name: 'Files', maximumFileSize: 10_000_000 });
  same('bucket', [bucket.$id, Number(bucket.maximumFileSize)], ['files', 10_000_000]);
  const note = InputFile.fromPlainText('a note', 'note.txt');
  const small = await storage.createFile({ bucketId: 'files', fileId: 'note', file: note });
  same('file', [small.name, Number(small.sizeOriginal)], ['note.txt', 6]);
  const content = bytes(6_000_000);
  const big = InputFile.fromBuffer(content, 'big.bin');
  const whole = await storage.createFile({ bucketId: 'files', fileId: 'big', file: big });
  same('file in chunks', [Number(whole.sizeOriginal), Number(whole.chunksUploaded)], [6_000_000, 2]);
  const got = new Uint8Array(await storage.getFileDownload({ bucketId: 'files', fileId: 'big' }));
  demand(Buffer.compare(Buffer.from(got), Buffer.from(content)) === 0, 'the download differs from the upload');
  same('files', Number((await storage.listFiles({ bucketId: 'files' })).total), 2);
  await storage.deleteFile({ bucketId: 'files', fileId: 'note' });
  await refused('a deleted file', storage.getFile({ bucketId: 'files', fileId: 'note' }), 404, 'storage_file_not_found');
}

async function executions() {
  const made = await functions.create({ functionId: 'echo', name: 'Echo', runtime: 'rust-1.83', timeout: 20, scopes: ['rows.read'] });
  same('function', [made.$id, made.runtime, made.deploymentId], ['echo', 'rust-1.83', '']);
  const variable = await functions.createVariable({ functionId: 'echo', variableId: 'unique()', key: 'COLOUR', value: 'red', secret: true });
  same('variable', [variable.key, variable.value, variable.secret], ['COLOUR', '', true]);
  const upload = { functionId: 'echo', code: functionArchive(), activate: true, entrypoint: 'main.rs', commands: COMMANDS };
  const { $id } = await functions.createDeployment(upload);
  const deployment = await script.built('function', () => functions.getDeployment({ functionId: 'echo', deploymentId: $id }));
  demand(Number(deployment.buildSize) > 0, 'the build has no size');
  const call = { functionId: 'echo', body: 'hello', method: 'PUT', xpath: '/a?b=c', headers: { 'x-own': 'yes' } };
  const execution = await functions.createExecution(call);
  same('execution', [execution.status, Number(execution.responseStatusCode)], ['completed', 200]);
  const echo = JSON.parse(execution.responseBody);
  same('request', [echo.method, echo.path, echo.body, echo.headers['x-own'], echo.env.COLOUR], ['PUT', '/a?b=c', 'hello', 'yes', 'red']);
  const later = await functions.createExecution({ functionId: 'echo', xpath: '/status-418', async: true });
  same('asynchronous execution', [later.status, later.responseBody], ['waiting', '']);
  const ended = await script.until('it ended', async () => {
    const it = await functions.getExecution({ functionId: 'echo', executionId: later.$id });
    return ['completed', 'failed'].includes(it.status) && it;
  });
  same('its end', [Number(ended.responseStatusCode), ended.errors.trim()], [418, 'it went wrong']);
  same('executions', Number((await functions.listExecutions({ functionId: 'echo' })).total), 2);
}

async function site() {
  const made = await sites.create({ siteId: 'page', name: 'Page', framework: 'other', buildRuntime: 'static-1', adapter: 'static', outputDirectory: './' });
  same('site', [made.$id, made.framework], ['page', 'other']);
  const { $id } = await sites.createDeployment({ siteId: 'page', code: siteArchive(), activate: true });
  await script.built('site', () => sites.getDeployment({ siteId: 'page', deploymentId: $id }));
  const rule = await rules.createSiteRule({ domain: 'page.localhost', siteId: 'page' });
  same('rule', [rule.domain, rule.deploymentResourceId, rule.status], ['page.localhost', 'page', 'verified']);
  same('rules', Number((await rules.listRules({ queries: [Query.equal('trigger', 'manual')] })).total), 1);
  await script.until('the deployment is active', async () => (await sites.get({ siteId: 'page' })).deploymentId === $id);
  const page = await visit('page.localhost');
  same('page', [page.status, page.text.trim()], [200, '<h1>it is served</h1>']);
  await sites.delete({ siteId: 'page' });
  same('a page that is gone', (await visit('page.localhost')).status, 404);
}

for (const part of [schema, rows, queries, transactions, accounts, files, executions, site]) await part();
console.log(script.summary());
