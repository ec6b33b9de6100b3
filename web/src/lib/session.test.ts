import { Client } from 'appwrite';
import { beforeEach, expect, test, vi } from 'vitest';
import { Session } from './session';

const ADA = { $id: 'ada', email: 'ada@example.org', $createdAt: '', labels: ['orchestrator'] };
const GUEST = { ...ADA, $id: 'guest', email: '' };

/** What was asked, as `METHOD /path` and a star where a session came along. */
let asked: string[];
let kept: Map<string, string>;

/** A platform that answers each request with the next of these. */
function platform(...answers: [status: number, body: object][]) {
  vi.stubGlobal('fetch', async (address: string, options: RequestInit & { headers: Record<string, string> }) => {
    const comesAlong = options.credentials === 'include' && options.headers['X-Fallback-Cookies'] !== undefined;
    asked.push(`${options.method} ${new URL(address).pathname.replace('/v1', '')}${comesAlong ? ' *' : ''}`);
    const [status, body] = answers.shift() ?? [500, {}];
    return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
  });
  return new Session(new Client().setEndpoint('https://x.test/v1').setProject('p'));
}

beforeEach(() => {
  asked = [];
  kept = new Map();
  const localStorage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  };
  vi.stubGlobal('localStorage', localStorage);
  vi.stubGlobal('window', { localStorage });
});

test('a new browser gets an anonymous user with two requests', async () => {
  const beginning = await platform([201, {}], [200, GUEST]).begin();
  expect(beginning).toMatchObject({ kind: 'person', person: { id: 'guest', email: '' } });
  expect(asked).toEqual(['POST /account/sessions/anonymous', 'GET /account']);
});

test('a known browser asks once', async () => {
  kept.set('cookieFallback', '{}');
  await platform([200, ADA]).begin();
  expect(asked).toEqual(['GET /account *']);
});

test('the end of an account’s session is told, that of a guest is not', async () => {
  kept.set('orchestrator.person', JSON.stringify({ id: 'ada', email: 'ada@example.org' }));
  expect(await platform([401, {}]).begin()).toEqual({ kind: 'ended', email: 'ada@example.org' });
  kept.set('orchestrator.person', JSON.stringify({ id: 'guest', email: '' }));
  expect(await platform([401, {}], [201, {}], [200, GUEST]).begin()).toMatchObject({ kind: 'person' });
});

test('an unreachable platform does not cost anybody the session', async () => {
  kept.set('cookieFallback', '{"a":"b"}');
  await expect(platform([503, { message: 'down' }]).begin()).rejects.toThrow('down');
  expect(kept.get('cookieFallback')).toBe('{"a":"b"}');
});

test('a guest stays until the password is known to be right', async () => {
  kept.set('cookieFallback', '{"a":"b"}');
  const refused = platform([401, { type: 'user_session_already_exists' }], [401, { type: 'user_invalid_credentials' }]);
  await expect(refused.signIn('ada@example.org', 'wrong')).rejects.toMatchObject({ type: 'user_invalid_credentials' });
  expect(asked).toEqual(['POST /account/sessions/email *', 'POST /account/sessions/email']);
  expect(kept.get('cookieFallback')).toBe('{"a":"b"}');

  asked = [];
  const taken = platform(
    [401, { type: 'user_session_already_exists' }],
    [201, { $id: 'probe' }],
    [200, {}],
    [201, {}],
    [200, {}],
    [200, ADA],
  );
  expect((await taken.signIn('ada@example.org', 'right')).id).toBe('ada');
  expect(asked).toEqual([
    'POST /account/sessions/email *',
    'POST /account/sessions/email',
    'DELETE /account/sessions/current *',
    'POST /account/sessions/email *',
    'DELETE /account/sessions/probe *',
    'GET /account *',
  ]);
});
