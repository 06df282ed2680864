// OpenTelemetry's logs SDK as its documentation sets it up, with a queue long enough to lose nothing.
import { SeverityNumber } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';

/** @param {{ sink: string, events: number }} run */
export async function start({ sink, events }) {
  const exporter = new OTLPLogExporter({ url: sink });
  const provider = new LoggerProvider({
    processors: [new BatchLogRecordProcessor({ exporter, maxQueueSize: events + 1 })],
  });
  const logger = provider.getLogger('bench');
  return {
    track: (/** @type {Record<string, unknown>} */ attributes) =>
      logger.emit({ severityNumber: SeverityNumber.INFO, body: 'checkout', attributes }),
    flush: () => provider.forceFlush(),
  };
}
