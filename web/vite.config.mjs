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

/** `orchestrator dev` names the platform: the page finds it behind its own origin. */
const platform = process.env.ORCHESTRATOR_PLATFORM;

function settingsOfDev() {
  return {
    name: 'settings-of-dev',
    configureServer(server) {
      if (!platform) return;
      server.middlewares.use('/config.json', async (request, response) => {
        try {
          const settings = await (await fetch(`${platform}/config.json`)).json();
          response.setHeader('content-type', 'application/json');
          response.end(JSON.stringify({ ...settings, endpoint: `http://${request.headers.host}/v1` }));
        } catch (error) {
          response.statusCode = 502;
          response.end(String(error));
        }
      });
    },
  };
}

const jsx = { runtime: 'automatic', importSource: 'preact' };

export default defineConfig({
  server: platform ? { proxy: { '/v1': { target: platform, ws: true } } } : {},
  oxc: { jsx },
  // The look for dependencies transforms files by settings of its own.
  optimizeDeps: { rolldownOptions: { transform: { jsx } } },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  plugins: [settingsOfSite(), settingsOfDev()],
});
