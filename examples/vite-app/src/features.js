/**
 * The app's flags. Telemetry goes through its phases by building with another one: DISABLED (nothing is loaded, and what an earlier
 * version has left in the storage is deleted), ROLLOUT (a part of the visitors), ENABLED; and back the same way.
 */

/** @typedef {'DISABLED' | 'ROLLOUT' | 'ENABLED'} Phase */

/** Percent of the visitors, where the environment says nothing. */
const ROLLOUT = 10;

/**
 * @param {Record<string, unknown>} env
 * @returns {{ TELEMETRY: Phase, ROLLOUT: number }}
 */
export function readFeatures(env) {
  const phase = env.VITE_TELEMETRY_FLAG;
  const percent = Number(env.VITE_TELEMETRY_ROLLOUT || ROLLOUT);
  return {
    TELEMETRY: phase === 'ROLLOUT' || phase === 'ENABLED' ? phase : 'DISABLED',
    ROLLOUT: percent >= 0 && percent <= 100 ? percent : ROLLOUT,
  };
}

export const FEATURES = readFeatures(import.meta.env);
