// npm `appwrite`, the web SDK: a person with a session. The same steps in Node and in a page.

import { Script, bytes, demand, refused, same } from './script.mjs';

const TABLE = { databaseId: 'shop', tableId: 'orders' };
const EVENT = 'databases.shop.tables.orders.rows';

/** Runs everything against the project that `setting-up.mjs` has prepared; returns the last line. */
export async function steps(sdk, { endpoint, project }) {
  const script = new Script();
  const client = new sdk.Client().setEndpoint(endpoint).setProject(project);
  const world = { sdk, script, client };
  for (const service of ['Account', 'TablesDB', 'Functions', 'Storage']) {
    world[service] = script.counted(new sdk[service](client));
  }
  const user = await accounts(world);
  await rows(world, user);
  await queries(world);
  await transactions(world);
  await realtime(world, user);
  await executions(world);
  await files(world, user);
  await end(world);
  return script.summary();
}

async function accounts({ sdk, Account }) {
  await refused('an account without a session', Account.get(), 401, 'general_unauthorized_scope');
  const email = 'ada@example.test';
  const made = await Account.create({ userId: sdk.ID.unique(), email, password: 'difference-engine', name: 'Ada' });
  same('account', [made.email, made.name], [email, 'Ada']);
  const wrong = Account.createEmailPasswordSession({ email, password: 'analytical-engine' });
  await refused('a wrong password', wrong, 401, 'user_invalid_credentials');
  const session = await Account.createEmailPasswordSession({ email, password: 'difference-engine' });
  same('session', [session.userId, session.provider], [made.$id, 'email']);
  same('own account', (await Account.get()).$id, made.$id);
  same('name', (await Account.updateName({ name: 'Ada L.' })).name, 'Ada L.');
  await Account.updatePrefs({ prefs: { theme: 'dark' } });
  same('preferences', await Account.getPrefs(), { theme: 'dark' });
  same('sessions', (await Account.listSessions()).total, 1);
  demand((await Account.createJWT()).jwt.split('.').length === 3, 'the JWT has not three parts');
  return made.$id;
}

async function rows({ sdk, TablesDB }, user) {
  const permissions = [sdk.Permission.read(sdk.Role.user(user)), sdk.Permission.update(sdk.Role.user(user)), sdk.Permission.delete(sdk.Role.user(user))];
  for (const [rowId, title, count] of [['tea', 'Tea', 3], ['jam', 'Jam', 1], ['nut', 'Nut', 9]]) {
    const row = await TablesDB.createRow({ ...TABLE, rowId, data: { title, count }, permissions });
    same('row', [row.$id, row.title, row.count], [rowId, title, count]);
  }
  const again = TablesDB.createRow({ ...TABLE, rowId: 'tea', data: { title: 'Other' } });
  await refused('a second row of one id', again, 409, 'row_already_exists');
  const foreign = [sdk.Permission.read(sdk.Role.user('somebody-else'))];
  const forbidden = TablesDB.createRow({ ...TABLE, rowId: 'gift', data: { title: 'Gift' }, permissions: foreign });
  await refused('a permission that one lacks', forbidden, 401, 'user_unauthorized');
  const patched = await TablesDB.updateRow({ ...TABLE, rowId: 'jam', data: { count: 2 } });
  same('patched row', [patched.title, patched.count], ['Jam', 2]);
  const more = await TablesDB.incrementRowColumn({ ...TABLE, rowId: 'jam', column: 'count', value: 3 });
  same('incremented row', more.count, 5);
  const over = TablesDB.updateRow({ ...TABLE, rowId: 'jam', data: { count: 101 } });
  await refused('a number out of bounds', over, 400, 'row_invalid_structure');
}

async function queries({ sdk, TablesDB }) {
  const list = async (...queries) => (await TablesDB.listRows({ ...TABLE, queries })).rows.map((row) => row.$id);
  same('ascending', await list(sdk.Query.orderAsc('count')), ['tea', 'jam', 'nut']);
  same('between', await list(sdk.Query.between('count', 4, 9), sdk.Query.orderDesc('count')), ['nut', 'jam']);
  same('contains', await list(sdk.Query.contains('title', 'u')), ['nut']);
  same('not', await list(sdk.Query.notEqual('title', 'Tea'), sdk.Query.limit(1), sdk.Query.offset(1)), ['nut']);
  same('one row', (await TablesDB.getRow({ ...TABLE, rowId: 'nut' })).count, 9);
}

async function transactions({ TablesDB }) {
  const { $id: transactionId } = await TablesDB.createTransaction();
  await TablesDB.updateRow({ ...TABLE, rowId: 'tea', data: { count: 50 }, transactionId });
  const operations = [{ action: 'increment', ...TABLE, rowId: 'nut', data: { column: 'count', value: 1 } }];
  same('staged', (await TablesDB.createOperations({ transactionId, operations })).operations, 2);
  same('before', (await TablesDB.getRow({ ...TABLE, rowId: 'tea' })).count, 3);
  same('commit', (await TablesDB.updateTransaction({ transactionId, commit: true })).status, 'committed');
  same('after', (await TablesDB.getRow({ ...TABLE, rowId: 'tea' })).count, 50);
  same('after', (await TablesDB.getRow({ ...TABLE, rowId: 'nut' })).count, 10);
}

async function realtime({ sdk, client, script, TablesDB }, user) {
  const socket = script.counted(new sdk.Realtime(client));
  const [all, some] = [[], []];
  // `subscribe` resolves before the server has taken the subscription: `tea` tells when it has.
  let [hears, hearsHigh] = [false, false];
  const every = await socket.subscribe('databases.shop.tables.orders.rows', (event) => {
    if (event.payload.$id === 'tea') hears = true;
    else all.push(event);
  });
  const filter = [sdk.Query.greaterThan('count', 60)];
  const high = await socket.subscribe(
    'databases.shop.tables.orders.rows',
    (event) => {
      if (event.payload.$id === 'tea') hearsHigh = true;
      else some.push(event);
    },
    filter,
  );
  let count = 60;
  await script.until('the subscriptions hold', async () => {
    count = count === 99 ? 61 : count + 1;
    await TablesDB.updateRow({ ...TABLE, rowId: 'tea', data: { count } });
    return hears && hearsHigh;
  });
  const permissions = [sdk.Permission.read(sdk.Role.user(user)), sdk.Permission.update(sdk.Role.user(user))];
  await TablesDB.createRow({ ...TABLE, rowId: 'low', data: { title: 'Low', count: 1 }, permissions });
  await TablesDB.createRow({ ...TABLE, rowId: 'high', data: { title: 'High', count: 61 }, permissions });
  await TablesDB.updateRow({ ...TABLE, rowId: 'low', data: { count: 2 } });
  await script.until('three events', () => all.length >= 3);
  const seen = all.map((event) => [event.payload.$id, event.payload.count]);
  same('events', seen, [['low', 1], ['high', 61], ['low', 2]]);
  demand(all[0].events.includes(`${EVENT}.low.create`), `not among ${all[0].events}`);
  demand(all[2].events.includes(`${EVENT}.low.update`), `not among ${all[2].events}`);
  same('events of the query', some.map((event) => event.payload.$id), ['high']);
  await every.unsubscribe();
  await TablesDB.updateRow({ ...TABLE, rowId: 'high', data: { count: 62 } });
  await script.until('the event of the other subscription', () => some.length === 2);
  same('events after unsubscribing', all.length, 3);
  await high.close();
  await socket.disconnect();
}

async function executions({ script, Functions }) {
  const call = { functionId: 'echo', body: 'hello', method: 'POST', xpath: '/a?b=c', headers: { 'x-own': 'yes' } };
  const execution = await Functions.createExecution(call);
  same('execution', [execution.status, execution.responseStatusCode], ['completed', 200]);
  const echo = JSON.parse(execution.responseBody);
  same('request', [echo.method, echo.path, echo.body, echo.headers['x-own']], ['POST', '/a?b=c', 'hello', 'yes']);
  const { $id: executionId } = await Functions.createExecution({ functionId: 'echo', async: true });
  const ended = await script.until('it ended', async () => {
    const it = await Functions.getExecution({ functionId: 'echo', executionId });
    return it.status === 'completed' && it;
  });
  same('its end', ended.responseStatusCode, 200);
  const list = await Functions.listExecutions({ functionId: 'echo' });
  demand(list.total >= 1, 'no execution is listed');
  await refused('a function that is not there', Functions.createExecution({ functionId: 'none' }), 404, 'function_not_found');
}

async function files({ sdk, script, Storage }, user) {
  const permissions = [sdk.Permission.read(sdk.Role.any()), sdk.Permission.delete(sdk.Role.user(user))];
  const note = new File(['a note'], 'note.txt', { type: 'text/plain' });
  const small = await Storage.createFile({ bucketId: 'files', fileId: 'note', file: note, permissions });
  same('file', [small.name, small.sizeOriginal, small.mimeType], ['note.txt', 6, 'text/plain']);
  const content = bytes(6_000_000);
  const progress = [];
  const file = new File([content], 'big.bin');
  const onProgress = (step) => progress.push(step.chunksUploaded);
  const whole = await Storage.createFile({ bucketId: 'files', fileId: 'big', file, permissions, onProgress });
  same('file in chunks', [whole.sizeOriginal, whole.chunksUploaded, progress.length], [6_000_000, 2, 2]);
  const got = new Uint8Array(await (await fetch(Storage.getFileDownload({ bucketId: 'files', fileId: 'big' }))).arrayBuffer());
  demand(got.length === content.length && got.every((byte, place) => byte === content[place]), 'the download differs from the upload');
  const view = await fetch(Storage.getFileView({ bucketId: 'files', fileId: 'note' }));
  same('view', [view.headers.get('content-type').split(';')[0], await view.text()], ['text/plain', 'a note']);
  const { files } = await Storage.listFiles({ bucketId: 'files', queries: [sdk.Query.equal('name', 'note.txt')] });
  same('files', files.map((file) => file.$id), ['note']);
  await Storage.deleteFile({ bucketId: 'files', fileId: 'note' });
  await refused('a deleted file', Storage.getFile({ bucketId: 'files', fileId: 'note' }), 404, 'storage_file_not_found');
}

async function end({ Account, TablesDB }) {
  await TablesDB.deleteRow({ ...TABLE, rowId: 'nut' });
  await refused('a deleted row', TablesDB.getRow({ ...TABLE, rowId: 'nut' }), 404, 'row_not_found');
  await Account.deleteSession({ sessionId: 'current' });
  await refused('an account after its session', Account.get(), 401, 'general_unauthorized_scope');
  const session = await Account.createAnonymousSession();
  same('anonymous session', session.provider, 'anonymous');
  same('rows of a stranger', (await TablesDB.listRows(TABLE)).total, 0);
}
