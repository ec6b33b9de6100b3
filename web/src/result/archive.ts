/** The files of a task as an archive. Loaded when somebody downloads one. */

import { type Zippable, strToU8, zipSync } from 'fflate';

/** So that the same files always make the same bytes: the first day that a ZIP archive knows. */
const MODIFIED = new Date(1980, 0, 1);

/** An archive with one folder. `files`: path and text; a path that leads out of the folder is left out. */
export function zipOf(folder: string, files: readonly (readonly [string, string])[]): Uint8Array<ArrayBuffer> {
  const entries: Zippable = {};
  for (const [path, text] of files) {
    const isInside = !path.startsWith('/') && path.split('/').every((name) => name !== '..' && name !== '');
    if (isInside) entries[`${folder}/${path}`] = strToU8(text);
  }
  return zipSync(entries, { level: 6, mtime: MODIFIED });
}
