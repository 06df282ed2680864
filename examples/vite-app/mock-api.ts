import type { Connect, Plugin } from 'vite';

const SHELF = ['Tea', 'Coffee', 'Cocoa'].map((name, id) => ({ id, name, cents: 250 + id * 100 }));

/** The shop's server, as far as an example needs one: it has a shelf, and its bank is down. */
function answer(middlewares: Connect.Server): void {
  middlewares.use('/api/shelf', (_, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(SHELF));
  });
  middlewares.use('/api/pay', (_, response) => {
    response.statusCode = 503;
    response.end('the bank is down');
  });
}

export const mockApi = (): Plugin => ({
  name: 'mock-api',
  configureServer: ({ middlewares }) => answer(middlewares),
  configurePreviewServer: ({ middlewares }) => answer(middlewares),
});
