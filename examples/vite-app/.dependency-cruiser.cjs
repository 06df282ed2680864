// The layers: domain (cart, router, api) knows nothing of telemetry; the three watchers know the client, not each other; only main
// knows all. The package is entered by its public modules.
const WATCHERS = '^src/(logger|errorHandler|performance)\\.ts$';

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: '\\.d\\.ts$' }, to: {} },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'domain-knows-no-telemetry',
      severity: 'error',
      from: { path: '^src/(cart|router|api|view)\\.ts$' },
      to: { path: 'beaconry|^src/(telemetry|logger|errorHandler|performance)' },
    },
    { name: 'watchers-are-apart', severity: 'error', from: { path: WATCHERS }, to: { path: WATCHERS } },
    { name: 'features-know-nothing', severity: 'error', from: { path: '^src/features\\.js$' }, to: { path: '.' } },
    { name: 'package-by-its-watcher', severity: 'error', from: { pathNot: WATCHERS + '|^src/telemetry\\.ts$' }, to: { path: 'beaconry' } },
  ],
  options: { doNotFollow: { path: 'node_modules' }, tsPreCompilationDeps: true, tsConfig: { fileName: 'tsconfig.json' } },
};
