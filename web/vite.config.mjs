import { defineConfig } from 'vite';

/**
 * On Appwrite a site's build knows its project from these two variables, so the page gets
 * its settings as a file. The embedded platform serves `/config.json` itself.
 */
function settingsOfSite() {
  const { APPWRITE_SITE_API_ENDPOINT: endpoint, APPWRITE_SITE_PROJECT_ID: projectId } = process.env;
  return {
    name: 'settings-of-site',
    generateBundle() {
      if (!endpoint || !projectId) return;
      const source = JSON.stringify({ endpoint, projectId });
      this.emitFile({ type: 'asset', fileName: 'config.json', source });
    },
  };
}

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  plugins: [settingsOfSite()],
});
