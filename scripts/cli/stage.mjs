// A copy of the project in the form that is pushed: executables instead of sources, the page built.

import { spawnSync } from 'node:child_process';
import { cp, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the runtimes must find beside the executable. */
const BESIDE = ['main.rs', 'main.js'];
const BESIDE_FOLDER = fileURLToPath(new URL('function/', import.meta.url));
/** Newer images are told what to start. Older ones of Rust start it anyway, those of Node by main.js. */
const SERVER_COMMAND = 'src/function/rust_runtime';
const RUNTIME = /^(rust|node)-[\d.]+$/u;

/**
 * Writes the copy into `folder`/project and returns its configuration. Adds to the settings what the image needs.
 * The functions come from `packages`, the folder that scripts/package leaves, or are made from plain `executables`.
 */
export async function stage(folder, { packages, executables, runtime }, settings) {
  const project = join(folder, 'project');
  const config = JSON.parse(await readFile('appwrite.json', 'utf8'));
  config.projectId = settings.projectId;
  for (const fn of config.functions) {
    fn.path = `functions/${fn.$id}`;
    const target = join(project, fn.path);
    if (packages) await cp(join(packages, fn.$id), target, { recursive: true });
    else await stageFunction(target, join(executables, fn.$id));
    if (runtime) changeRuntime(fn, runtime);
    const image = { OPEN_RUNTIMES_SERVER_COMMAND: SERVER_COMMAND, FUNCTION_TIMEOUT_SECONDS: null };
    if (fn.entrypoint === 'main.js') image.FUNCTION_TIMEOUT_SECONDS = String(fn.timeout);
    settings.functions[fn.$id] = { ...settings.functions[fn.$id], ...image };
  }
  for (const site of config.sites) {
    const built = join(site.path, site.outputDirectory);
    site.path = `sites/${site.$id}`;
    await cp(built, join(project, site.path), { recursive: true });
    const { endpoint, projectId } = settings;
    await writeFile(join(project, site.path, 'config.json'), JSON.stringify({ endpoint, projectId }));
    // It is built already. The CLI asks a person for a command where there is none.
    Object.assign(site, { installCommand: '', buildCommand: 'true', outputDirectory: './' });
  }
  await writeFile(join(project, 'appwrite.json'), JSON.stringify(config, null, 2));
  return config;
}

async function stageFunction(folder, executable) {
  await mkdir(folder, { recursive: true });
  const target = join(folder, 'rust_runtime');
  // Symbols are a third of an executable. Without `strip` it is taken as it is.
  const stripped = spawnSync('strip', ['-o', target, executable], { stdio: 'ignore' });
  if (stripped.status !== 0) await copyFile(executable, target);
  for (const name of BESIDE) await copyFile(join(BESIDE_FOLDER, name), join(folder, name));
}

/** Images of Node compile nothing, so there is nothing to be emptied before they do. */
function changeRuntime(fn, runtime) {
  if (!RUNTIME.test(runtime)) throw new Error(`the functions run in runtimes of Rust and Node, such as rust-1.83 and node-22, not in ${runtime}`);
  fn.runtime = runtime;
  if (runtime.startsWith('node-')) Object.assign(fn, { entrypoint: 'main.js', commands: 'chmod +x rust_runtime' });
}
