import { defineConfig } from 'vite';

// Names without hashes: the binary embeds a fixed list, and revalidates by entity tag.
const named = { entryFileNames: 'playground/[name].js', assetFileNames: 'playground/[name][extname]' };

export default defineConfig({
  // The page stands at `/`, or wherever a proxy puts it; its files beside it under `playground/`.
  base: './',
  server: { proxy: { '/graphql': 'http://127.0.0.1:4000' } },
  build: {
    assetsDir: 'playground',
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: false,
    chunkSizeWarningLimit: 6000,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      output: { ...named, codeSplitting: false },
      // "use client" and its like mean nothing in a page without a server.
      onLog: (level, log, next) => log.code === 'MODULE_LEVEL_DIRECTIVE' || next(level, log),
    },
  },
  worker: { format: 'iife', rolldownOptions: { output: named } },
});
