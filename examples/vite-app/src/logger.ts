// The app's logger: the package's, with what this app wants of it.
import { install, logger, type Logger } from 'beaconry/logger';
import { telemetry } from './telemetry';

/** A logger for one part of the app, which its events name. */
export const loggerFor = (part: string): Logger => logger.child({ part });

export function startLogger(): void {
  install(telemetry, { level: import.meta.env.DEV ? 'debug' : 'info', send: 'warn' });
}
