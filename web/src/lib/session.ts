/**
 * Who is here. Nobody has to sign in: a browser without a session gets an anonymous user, who can
 * become an account later and keeps everything then.
 */

import { Account, AppwriteException, Client, type Models } from 'appwrite';
import type { Feed } from './live';

/** The label without which `create-task` can not be executed; `appwrite.json` has the same. */
export const OWNER_LABEL = 'orchestrator';
/** Who was here last: tells other tabs of a change, and which account's session has ended. */
const PERSON_KEY = 'orchestrator.person';
/** The SDK's own store of sessions, where the browser keeps no cookies of the endpoint. */
const FALLBACK_KEY = 'cookieFallback';

export interface Person {
  id: string;
  /** Empty for an anonymous user. */
  email: string;
  createdAt: string;
  labels: readonly string[];
}

export const isGuest = (person: Person): boolean => person.email === '';
export const mayCreate = (person: Person): boolean => person.labels.includes(OWNER_LABEL);

/** How a page begins: as a person, or with the news that the session of an account has ended. */
export type Beginning = { kind: 'person'; person: Person } | { kind: 'ended'; email: string };

export class Session {
  readonly #client: Client;
  readonly #account: Account;
  /** Somebody signs in or out here: what is heard of sessions meanwhile is no news. */
  #isChanging = false;

  constructor(client: Client) {
    this.#client = client;
    this.#account = new Account(client);
  }

  /** Takes up this browser's session, or makes an anonymous one. */
  async begin(): Promise<Beginning> {
    const last = lastPerson();
    if (last || localStorage.getItem(FALLBACK_KEY) !== null) {
      const person = await this.current();
      if (person) return { kind: 'person', person };
      localStorage.removeItem(FALLBACK_KEY);
      if (last?.email) return { kind: 'ended', email: last.email };
    }
    return { kind: 'person', person: await this.beginAnew() };
  }

  /** Makes an anonymous user and signs in as that one. */
  async beginAnew(): Promise<Person> {
    try {
      await this.#account.createAnonymousSession();
    } catch (error) {
      if (!isOfType(error, 'user_session_already_exists')) throw error;
    }
    return this.#kept(await this.#account.get());
  }

  /** Signs in with what a one-time link holds, instead of whoever is here. A link that was used changes nothing. */
  async enter(userId: string, secret: string): Promise<void> {
    const own = localStorage.getItem(FALLBACK_KEY);
    const person = lastPerson() || own !== null ? await this.current() : undefined;
    if (person?.id === userId) return;
    // Whoever is here stays until the link is known to be good.
    const account = person ? this.#stranger() : this.#account;
    try {
      await account.createSession({ userId, secret });
    } catch (error) {
      if (error instanceof AppwriteException && error.code === 401) return;
      throw error;
    }
    if (!person) return;
    const entered = localStorage.getItem(FALLBACK_KEY);
    keepFallback(own);
    await this.#account.deleteSession({ sessionId: 'current' });
    keepFallback(entered);
  }

  /** The person whose session this is; undefined where it has ended. */
  async current(): Promise<Person | undefined> {
    try {
      return this.#kept(await this.#account.get());
    } catch (error) {
      if (error instanceof AppwriteException && error.code === 401) return undefined;
      throw error;
    }
  }

  /** Makes an account of the anonymous user who is here: same id, same projects, same session. */
  async signUp(email: string, password: string): Promise<Person> {
    return this.#kept(await this.#account.updateEmail({ email, password }));
  }

  /** Signs in. Whoever is here stays until the password is known to be right. */
  async signIn(email: string, password: string): Promise<Person> {
    return this.#changing(() => this.#signIn(email, password));
  }

  async #signIn(email: string, password: string): Promise<Person> {
    try {
      await this.#account.createEmailPasswordSession({ email, password });
    } catch (error) {
      if (!isOfType(error, 'user_session_already_exists')) throw error;
      const probe = await this.#probe(email, password);
      await this.#account.deleteSession({ sessionId: 'current' });
      await this.#account.createEmailPasswordSession({ email, password });
      await this.#account.deleteSession({ sessionId: probe }).catch(() => undefined);
    }
    return this.#kept(await this.#account.get());
  }

  async signOut(): Promise<void> {
    await this.#changing(async () => {
      try {
        await this.#account.deleteSession({ sessionId: 'current' });
      } catch (error) {
        if (!(error instanceof AppwriteException && error.code === 401)) throw error;
      }
    });
    localStorage.removeItem(FALLBACK_KEY);
    localStorage.removeItem(PERSON_KEY);
  }

  /**
   * Calls back when this browser's session is no longer that of `person`: it ended elsewhere, or
   * another tab signed in or out. Returns how to stop.
   */
  onChange(feed: Feed, person: Person, changed: () => void): () => void {
    let isStopped = false;
    const look = () => {
      this.current().then(
        (now) => {
          if (!isStopped && !this.#isChanging && now?.id !== person.id) changed();
        },
        // Whoever can not be asked now is asked at the next occasion.
        () => undefined,
      );
    };
    const seen = () => {
      if (!document.hidden) look();
    };
    const stored = ({ key }: StorageEvent) => {
      if (key === PERSON_KEY && lastPerson()?.id !== person.id) look();
    };
    const stop = feed.onSessionEnd(look);
    document.addEventListener('visibilitychange', seen);
    window.addEventListener('storage', stored);
    return () => {
      isStopped = true;
      stop();
      document.removeEventListener('visibilitychange', seen);
      window.removeEventListener('storage', stored);
    };
  }

  async #changing<T>(change: () => Promise<T>): Promise<T> {
    this.#isChanging = true;
    try {
      return await change();
    } finally {
      this.#isChanging = false;
    }
  }

  /** Signs in beside the session that is here, which proves the password. Returns the new session's id. */
  async #probe(email: string, password: string): Promise<string> {
    const own = localStorage.getItem(FALLBACK_KEY);
    const { $id } = await this.#stranger().createEmailPasswordSession({ email, password });
    keepFallback(own);
    return $id;
  }

  #stranger(): Account {
    const { endpoint, project } = this.#client.config;
    return new Account(new Stranger().setEndpoint(endpoint).setProject(project));
  }

  #kept(user: Models.User): Person {
    const person: Person = { id: user.$id, email: user.email, createdAt: user.$createdAt, labels: user.labels };
    const text = JSON.stringify({ id: person.id, email: person.email });
    if (localStorage.getItem(PERSON_KEY) !== text) localStorage.setItem(PERSON_KEY, text);
    return person;
  }
}

/** A client that sends nothing of who is here. */
class Stranger extends Client {
  override prepareRequest(...request: Parameters<Client['prepareRequest']>) {
    const { uri, options } = super.prepareRequest(...request);
    const { 'X-Fallback-Cookies': _, ...headers } = options.headers as Record<string, string>;
    return { uri, options: { ...options, headers, credentials: 'omit' as const } };
  }
}

function keepFallback(session: string | null) {
  if (session === null) localStorage.removeItem(FALLBACK_KEY);
  else localStorage.setItem(FALLBACK_KEY, session);
}

function lastPerson(): { id: string; email: string } | undefined {
  try {
    const { id, email } = JSON.parse(localStorage.getItem(PERSON_KEY) ?? '') as Record<string, unknown>;
    return typeof id === 'string' && typeof email === 'string' ? { id, email } : undefined;
  } catch {
    return undefined;
  }
}

const isOfType = (error: unknown, type: string): boolean => error instanceof AppwriteException && error.type === type;
