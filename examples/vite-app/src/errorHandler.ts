// What nobody catches, and callbacks whose caller would swallow what they throw.
import { install, wrap } from 'beaconry/error-handler';
import { telemetry } from './telemetry';

/** Errors of the visitor's extensions are not ours to mend. */
const EXTENSION = /\b(chrome|moz|safari-web)-extension:/;

export function startErrorHandler(): void {
  install(telemetry, { ignore: ({ stack, file }) => EXTENSION.test(`${stack} ${file}`) });
}

/** Tracks what the callback throws, and throws it on. */
export const guard = wrap;
