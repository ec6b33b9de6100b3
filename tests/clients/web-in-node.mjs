// The web SDK in Node, which has no page: its store and, before Node 22, its WebSocket come from here.

import { WebSocket } from 'undici';
import * as sdk from 'appwrite';
import { Script } from './script.mjs';
import { ENDPOINT, PROJECT, prepareForUsers } from './setting-up.mjs';
import { steps } from './web-steps.mjs';

const kept = new Map();
globalThis.window = globalThis;
Object.defineProperty(globalThis, 'localStorage', {
  value: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, String(value)) },
});
globalThis.WebSocket ??= WebSocket;

await prepareForUsers(new Script());
console.log(await steps(sdk, { endpoint: ENDPOINT, project: PROJECT }));
