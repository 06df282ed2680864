import { describe, expect, it } from 'vitest';
import { readFeatures } from '../src/features.js';

describe('the flag', () => {
  it('is DISABLED unless the environment names another phase', () => {
    for (const phase of [undefined, '', 'DISABLED', 'enabled', 'ON']) {
      expect(readFeatures({ VITE_TELEMETRY_FLAG: phase }).TELEMETRY).toBe('DISABLED');
    }
  });

  it('knows the phases', () => {
    for (const phase of ['ROLLOUT', 'ENABLED']) expect(readFeatures({ VITE_TELEMETRY_FLAG: phase }).TELEMETRY).toBe(phase);
  });

  it('takes a percentage, and no other number', () => {
    expect(readFeatures({ VITE_TELEMETRY_ROLLOUT: '25' }).ROLLOUT).toBe(25);
    expect(readFeatures({ VITE_TELEMETRY_ROLLOUT: '0' }).ROLLOUT).toBe(0);
    for (const wrong of [undefined, '', '-1', '101', 'all']) expect(readFeatures({ VITE_TELEMETRY_ROLLOUT: wrong }).ROLLOUT).toBe(10);
  });
});
