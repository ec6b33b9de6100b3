// A line to a platform that can be cut, and one person's own way to its rows beside the page.

import { createServer, connect } from 'node:net';

/** Stands between a browser and an address. */
export class Line {
  #sockets = new Set();
  #server;
  #isCut = false;

  /** Opens a line to the host of `address`. */
  static async to(address) {
    const { hostname, port } = new URL(address);
    const line = new Line();
    line.#server = createServer((near) => {
      if (line.#isCut) return near.destroy();
      const far = connect(Number(port), hostname);
      for (const [one, other] of [[near, far], [far, near]]) {
        line.#sockets.add(one);
        one.on('error', () => {});
        one.on('close', () => {
          line.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    await new Promise((resolve) => line.#server.listen(0, '127.0.0.1', resolve));
    line.address = `http://127.0.0.1:${line.#server.address().port}/`;
    return line;
  }

  /** Everything that is open breaks, WebSockets too, and nothing can be opened. */
  cut() {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend() {
    this.#isCut = false;
  }

  close() {
    this.cut();
    this.#server.close();
  }
}

/** Appwrite as the person of a browser context sees it, over a line of its own. */
export class Own {
  #endpoint;
  #headers;

  /** `context` has been on the page, and has a session. */
  static async of(context, platform) {
    const { endpoint, projectId } = await (await fetch(new URL('config.json', platform))).json();
    const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
    const [page] = context.pages();
    const fallback = await page.evaluate(() => localStorage.getItem('cookieFallback') ?? '');
    const own = new Own();
    own.#endpoint = endpoint;
    own.#headers = { 'x-appwrite-project': projectId, cookie, 'x-fallback-cookies': fallback, 'content-type': 'application/json' };
    return own;
  }

  async #ask(path, options = {}) {
    const answer = await fetch(`${this.#endpoint}${path}`, { ...options, headers: this.#headers });
    const body = await answer.json();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${body.message}`);
    return body;
  }

  /** Has create-task answer a call. */
  async call(path, body) {
    const { responseStatusCode, responseBody } = await this.#ask('/functions/create-task/executions', {
      method: 'POST',
      body: JSON.stringify({ path, method: 'POST', async: false, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    if (responseStatusCode >= 300) throw new Error(`${path}: ${responseStatusCode} ${responseBody}`);
    return JSON.parse(responseBody);
  }

  async task(id) {
    return this.#ask(`/tablesdb/orchestrator/tables/tasks/rows/${id}`);
  }

  /** The ids of the lines of a task's feed, in their order. */
  async lines(id) {
    const queries = [
      { method: 'equal', attribute: 'taskId', values: [id] },
      { method: 'limit', values: [1_000] },
    ];
    const search = queries.map((query) => `queries[]=${encodeURIComponent(JSON.stringify(query))}`).join('&');
    const { rows } = await this.#ask(`/tablesdb/orchestrator/tables/progress/rows?${search}`);
    return rows.sort((one, other) => Number(one.$sequence) - Number(other.$sequence)).map(({ $id }) => $id);
  }
}
