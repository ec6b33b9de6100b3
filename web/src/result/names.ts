/** Names of what is downloaded. Pure. */

/** Characters of a name. */
const NAME_CHARS_MAX = 60;

/** A name for a folder or a file from what a person called the project. */
export function slug(name: string): string {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  const words = plain.replace(/[^a-z0-9]+/g, '-').slice(0, NAME_CHARS_MAX);
  return words.replace(/^-+|-+$/g, '') || 'project';
}
