import type { Api } from '../lib/api';
import type { FileVersion } from '../lib/task';

/** Contents of versions of files: each is fetched once. */
export class Contents {
  readonly #api: Api;
  readonly #known = new Map<string, Promise<string>>();

  constructor(api: Api) {
    this.#api = api;
  }

  /** Where the contents come from, for what is told when they do not come. */
  get endpoint(): string {
    return this.#api.endpoint;
  }

  /** The texts of versions, in their order; of a missing version the empty text. */
  texts(versions: readonly (FileVersion | undefined)[]): Promise<string[]> {
    const wanted = versions.filter((version) => version !== undefined);
    const missing = wanted.filter((version) => !this.#known.has(keyOf(version)));
    if (missing.length > 0) this.#fetch(missing);
    return Promise.all(versions.map((version) => (version ? this.#known.get(keyOf(version)) : undefined) ?? ''));
  }

  #fetch(versions: readonly FileVersion[]) {
    const fetched = this.#api.fileContents(versions.map(({ id }) => id));
    for (const version of versions) {
      const text = fetched.then((contents) => {
        const content = contents.get(version.id);
        if (content === undefined) throw new Error(`${version.path} is not there any more. Reload the page.`);
        return content;
      });
      // What did not come is asked for again.
      text.catch(() => this.#known.delete(keyOf(version)));
      this.#known.set(keyOf(version), text);
    }
  }
}

/** Equal contents are one; a row that is written again is another. */
const keyOf = ({ id, hash, updatedAt }: FileVersion): string => hash || `${id} ${updatedAt}`;
