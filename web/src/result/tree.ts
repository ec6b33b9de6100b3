/** Paths as folders, and the search in them. Pure. */

import { compare } from '../lib/snapshot';
import type { FileVersion } from '../lib/task';

export interface Folder {
  /** From the root, without a slash at the end; empty for the root. */
  path: string;
  name: string;
  folders: readonly Folder[];
  files: readonly FileVersion[];
}

interface Growing extends Folder {
  folders: Growing[];
  files: FileVersion[];
}

/** The folders of `files`, each with its folders first, by name. */
export function folderOf(files: Iterable<FileVersion>): Folder {
  const root: Growing = { path: '', name: '', folders: [], files: [] };
  const known = new Map([['', root]]);
  const folder = (path: string): Growing => {
    const there = known.get(path);
    if (there) return there;
    const made: Growing = { path, name: nameOf(path), folders: [], files: [] };
    known.set(path, made);
    folder(parentOf(path)).folders.push(made);
    return made;
  };
  for (const file of files) folder(parentOf(file.path)).files.push(file);
  for (const { folders, files: own } of known.values()) {
    folders.sort((one, other) => compare(one.name, other.name));
    own.sort((one, other) => compare(one.path, other.path));
  }
  return root;
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** The files whose path holds every word of `search`, in whatever case. */
export function found(files: Iterable<FileVersion>, search: string): FileVersion[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return [...files].filter(({ path }) => words.every((word) => path.toLowerCase().includes(word)));
}
