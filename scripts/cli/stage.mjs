// A copy of the project in the form that is pushed: executables instead of sources, the page built.

import { spawnSync } from 'node:child_process';
import { cp, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the runtime must find, though it compiles nothing. */
const PLACEHOLDER = '// The executable beside this file was built before.\n';
/** Newer images are told what to start; older ones start it anyway. */
const SERVER_COMMAND = { OPEN_RUNTIMES_SERVER_COMMAND: 'src/function/rust_runtime' };

/** Writes the copy into `folder`/project and returns its configuration. Adds to the settings what the image needs. */
export async function stage(folder, binaries, settings) {
  const project = join(folder, 'project');
  const config = JSON.parse(await readFile('appwrite.json', 'utf8'));
  config.projectId = settings.projectId;
  for (const fn of config.functions) {
    fn.path = `functions/${fn.$id}`;
    await stageFunction(join(project, fn.path), join(binaries, fn.$id));
    settings.functions[fn.$id] = { ...settings.functions[fn.$id], ...SERVER_COMMAND };
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
  await writeFile(join(folder, 'main.rs'), PLACEHOLDER);
}
