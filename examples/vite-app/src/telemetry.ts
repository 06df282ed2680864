// The one client of the app. Everything else gets it from here.
import { createTelemetry, type Flag } from 'beaconry';
import { FEATURES } from './features.js';

const { VITE_TELEMETRY_URL, VITE_TELEMETRY_TOKEN, VITE_APP, VITE_RELEASE, MODE } = import.meta.env;

const flag: Flag = FEATURES.TELEMETRY === 'ROLLOUT' ? { rollout: FEATURES.ROLLOUT } : FEATURES.TELEMETRY;

export const telemetry = createTelemetry({
  url: VITE_TELEMETRY_URL ?? '',
  key: VITE_TELEMETRY_TOKEN ?? '',
  app: VITE_APP,
  release: VITE_RELEASE,
  env: MODE,
  flag,
});
