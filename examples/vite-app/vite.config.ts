import { loadEnv, type ConfigEnv } from 'vite';
import { defineConfig } from 'vitest/config';
import { mockApi } from './mock-api.ts';

/** Without these a deployed app could not send anything. */
const NEEDED = ['VITE_TELEMETRY_URL', 'VITE_TELEMETRY_TOKEN', 'VITE_APP', 'VITE_RELEASE'];

export default defineConfig(({ mode }: ConfigEnv) => {
  if (mode === 'deploy') check(loadEnv(mode, process.cwd()));
  return {
    plugins: [mockApi()],
    // A deployed app does not name its maps; they are kept to read the journal's stacks with.
    build: { sourcemap: mode === 'deploy' ? ('hidden' as const) : true, target: 'es2022' },
    test: { include: ['test/**/*.test.ts'] },
  };
});

function check(env: Record<string, string>): void {
  if (!env.VITE_TELEMETRY_FLAG) throw new Error('VITE_TELEMETRY_FLAG is missing: DISABLED, ROLLOUT or ENABLED (see .env.example)');
  const missing = env.VITE_TELEMETRY_FLAG === 'DISABLED' ? [] : NEEDED.filter((name) => !env[name]);
  if (missing.length) throw new Error(`telemetry is on, but ${missing.join(', ')} missing (see .env.example)`);
}
