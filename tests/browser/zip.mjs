// Reads ZIP archives as their specification (PKWARE APPNOTE 6.3) has it: stored and deflated entries.

import { inflateRawSync } from 'node:zlib';

const DIRECTORY_END = 0x06054b50;
const DEFLATED = 8;

/** The contents by path. */
export function readZip(bytes) {
  const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06'));
  if (end < 0 || bytes.readUInt32LE(end) !== DIRECTORY_END) throw new Error('this is no archive');
  const files = new Map();
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset));
    const path = bytes.toString('utf8', at + 46, at + 46 + name);
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const packed = bytes.subarray(start, start + bytes.readUInt32LE(at + 20));
    files.set(path, bytes.readUInt16LE(at + 10) === DEFLATED ? inflateRawSync(packed) : packed);
    at += 46 + name + extra + comment;
  }
  return files;
}
