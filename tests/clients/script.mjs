// What the scripts have in common: counting calls, waiting for conditions, asserting.
// It runs in Node and in a page, so it imports nothing.

/** Longest wait for a condition, in milliseconds; only a failing script takes so long. */
const PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 50;
/** What an issue of this project demands of every script. */
const CALLS_MIN = 30;

export class Script {
  calls = 0;

  /** The service, each call of whose methods counts. */
  counted(service) {
    return new Proxy(service, {
      get: (target, name) => {
        const member = target[name];
        if (typeof member !== 'function') return member;
        return (...args) => {
          this.calls += 1;
          return member.apply(target, args);
        };
      },
    });
  }

  /** Waits until `look` gives something; a call in it counts once, however often it looks. */
  async until(what, look) {
    const before = this.calls;
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = await look();
      this.calls = before + 1;
      if (found) return found;
      if (Date.now() > deadline) throw new Error(`did not come true: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  /** Waits until an upload was built; a failed build ends the script with its log. */
  built(what, get) {
    return this.until(what, async () => {
      const deployment = await get();
      if (deployment.status === 'failed') throw new Error(`${what}: ${deployment.buildLogs}`);
      return deployment.status === 'ready' && deployment;
    });
  }

  /** The line that the test reads. */
  summary() {
    demand(this.calls >= CALLS_MIN, `${this.calls} calls are fewer than ${CALLS_MIN}`);
    return `calls: ${this.calls}`;
  }
}

export function demand(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

/** Compares by JSON. */
export function same(what, given, wanted) {
  const [left, right] = [JSON.stringify(given), JSON.stringify(wanted)];
  demand(left === right, `${what}: ${left} is not ${right}`);
}

/** Expects a call to be refused with a status and an error type. */
export async function refused(what, promise, code, type) {
  const error = await promise.then(
    () => null,
    (error) => error,
  );
  demand(error !== null, `${what} was not refused`);
  same(what, [error.code, error.type], [code, type]);
}

/** `count` bytes that differ from place to place. */
export function bytes(count) {
  return Uint8Array.from({ length: count }, (_, place) => (place * 31 + (place >> 8)) % 251);
}
