// The console is a handful of static files with relative addresses: it works behind any prefix, without a network.
// BUSBAR_URL=http://127.0.0.1:8080 npm run dev works on it against a running plant.
import { defineConfig } from 'vite';

const plant = process.env.BUSBAR_URL ?? 'http://127.0.0.1:8080';
const routes = ['/v1', '/api', '/metrics', '/livez', '/readyz'];

export default defineConfig({
    base: './',
    esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
    build: {
        target: 'es2020',
        assetsInlineLimit: 0, // a strict Content-Security-Policy knows no data: addresses
        modulePreload: { polyfill: false },
        reportCompressedSize: true,
    },
    server: { proxy: Object.fromEntries(routes.map(route => [route, plant])) },
});
