// Appwrite's REST API, as far as scripts/push needs it beside the CLI.

/** Longest wait for an answer: Appwrite itself waits 30 s for an execution. */
const TIMEOUT_MS = 40_000;
/** Entries of a page; lists are read whole. */
const PAGE = 100;
const NOT_FOUND = 404;

/** An answer that is an error. */
export class Refusal extends Error {
  constructor(what, status, message) {
    super(`${what}: ${status} ${message}`);
    this.status = status;
  }
}

export class Api {
  #settings;

  constructor(settings) {
    this.#settings = settings;
  }

  async call(method, path, body) {
    const { endpoint, projectId, key } = this.#settings;
    let response;
    try {
      response = await fetch(`${endpoint}${path}`, {
        method,
        headers: { 'content-type': 'application/json', 'x-appwrite-project': projectId, 'x-appwrite-key': key },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      throw new Error(`${endpoint} does not answer: ${error.cause?.message ?? error.message}`);
    }
    const text = await response.text();
    const answer = parse(text);
    if (!response.ok) throw new Refusal(`${method} ${path}`, response.status, answer?.message ?? 'not an answer of Appwrite');
    return answer;
  }

  /** What is at a path; `null` where nothing is. */
  async find(path) {
    try {
      return await this.call('GET', path);
    } catch (error) {
      if (error instanceof Refusal && error.status === NOT_FOUND) return null;
      throw error;
    }
  }

  /** A list, all pages. */
  async list(path, name, queries = []) {
    const all = [];
    for (;;) {
      const page = [...queries, { method: 'limit', values: [PAGE] }, { method: 'offset', values: [all.length] }];
      const query = page.map((one) => `queries[]=${encodeURIComponent(JSON.stringify(one))}`).join('&');
      const answer = await this.call('GET', `${path}?${query}`);
      all.push(...answer[name]);
      if (answer[name].length < PAGE) return all;
    }
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
