// Writes what the executables and the web page are made of, as SPDX 2.3 JSON: see scripts/audit.
// Standard input: `cargo metadata`. Arguments: the lock file of Rust, that of the page, the time.

import { readFile } from 'node:fs/promises';
import { json } from 'node:stream/consumers';

const [cargoLock, npmLock, created] = process.argv.slice(2);
const metadata = await json(process.stdin);

/** SHA-256 of each crate's archive, by name and version, as the lock file has it. */
function checksums(lock) {
  const found = new Map();
  for (const entry of lock.split('[[package]]')) {
    const field = (name) => entry.match(new RegExp(`^${name} = "(.*)"$`, 'm'))?.[1];
    if (field('checksum')) found.set(`${field('name')} ${field('version')}`, field('checksum'));
  }
  return found;
}

/** The packages that a kind of dependency leads to from `roots`: none that only tests or builds need. */
function reached(roots, nodes) {
  const seen = new Set();
  const open = [...roots];
  while (open.length > 0) {
    const id = open.pop();
    if (seen.has(id)) continue;
    seen.add(id);
    const shipped = nodes.get(id).deps.filter(({ dep_kinds }) => dep_kinds.some(({ kind }) => kind === null));
    open.push(...shipped.map(({ pkg }) => pkg));
  }
  return seen;
}

const id = (kind, name, version) => `SPDXRef-${kind}-${name}-${version}`.replace(/[^A-Za-z0-9.-]+/g, '-');

const purl = (kind, name, version) => ({
  referenceCategory: 'PACKAGE-MANAGER',
  referenceType: 'purl',
  referenceLocator: `pkg:${kind}/${name.replace('@', '%40')}@${version}`,
});

const describe = (kind, name, version, { license, checksum, published }) => ({
  SPDXID: id(kind, name, version),
  name,
  versionInfo: version,
  downloadLocation: 'NOASSERTION',
  filesAnalyzed: false,
  licenseConcluded: 'NOASSERTION',
  licenseDeclared: license?.replace(/\s*\/\s*/g, ' OR ') ?? 'NOASSERTION',
  copyrightText: 'NOASSERTION',
  ...(checksum && { checksums: [checksum] }),
  ...(published && { externalRefs: [purl(kind, name, version)] }),
});

const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
const packages = new Map(metadata.packages.map((one) => [one.id, one]));
const shipped = (one) => metadata.workspace_members.includes(one.id) && /\/(functions\/[^/]+|cli)\/Cargo\.toml$/.test(one.manifest_path);
const roots = metadata.packages.filter(shipped);
const sums = checksums(await readFile(cargoLock, 'utf8'));
const crate = (key) => {
  const { name, version, license, source } = packages.get(key);
  const value = sums.get(`${name} ${version}`);
  return describe('cargo', name, version, {
    license,
    published: source !== null,
    checksum: value && { algorithm: 'SHA256', checksumValue: value },
  });
};
const keys = [...reached(roots.map((one) => one.id), nodes)].sort();

const page = JSON.parse(await readFile(npmLock, 'utf8'));
const modules = Object.entries(page.packages)
  .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
  .map(([path, { version, license, integrity }]) => {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const sha512 = integrity?.startsWith('sha512-') && Buffer.from(integrity.slice(7), 'base64').toString('hex');
    return describe('npm', name, version, {
      license,
      published: true,
      checksum: sha512 && { algorithm: 'SHA512', checksumValue: sha512 },
    });
  });

const relation = (from, relationshipType, to) => ({ spdxElementId: from, relationshipType, relatedSpdxElement: to });
const key = (one) => id('cargo', packages.get(one).name, packages.get(one).version);
const depends = keys.flatMap((from) =>
  nodes.get(from).deps
    .filter(({ pkg, dep_kinds }) => keys.includes(pkg) && dep_kinds.some(({ kind }) => kind === null))
    .map(({ pkg }) => relation(key(from), 'DEPENDS_ON', key(pkg))),
);
const program = roots.find(({ name }) => name === 'cli');
const version = program.version;
process.stdout.write(`${JSON.stringify({
  spdxVersion: 'SPDX-2.3',
  dataLicense: 'CC0-1.0',
  SPDXID: 'SPDXRef-DOCUMENT',
  name: `orchestrator-${version}`,
  documentNamespace: `https://spdx.org/spdxdocs/orchestrator-${version}-${created}`,
  creationInfo: { created, creators: ['Tool: scripts/sbom.mjs'] },
  documentDescribes: roots.map((one) => key(one.id)),
  packages: [...keys.map(crate), ...modules],
  relationships: [
    ...roots.map((one) => relation('SPDXRef-DOCUMENT', 'DESCRIBES', key(one.id))),
    ...depends,
    // The program has the page in it.
    ...modules.map(({ SPDXID }) => relation(key(program.id), 'CONTAINS', SPDXID)),
  ],
}, null, 2)}\n`);
