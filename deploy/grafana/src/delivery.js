/** Whether every event arrived, or why not: the collector's own numbers, and what its clients told. */

import { DashboardBuilder, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { others, TAG } from './links.js';
import { curves, number, ranking, stackedBars } from './panels.js';
import { ALL_EVENTS, DROPPED, events, RELEASE } from './queries.js';
import { metricNow, metricOver, now, over } from './targets.js';
import { app, env, release } from './variables.js';

const APP = 'app=~"$app"';

/** A collector has no row of what there is none of: where one is scraped, that is zero. */
const ZERO = 'on() max(beaconry_index_streams) * 0';

/** What became of the events that clients have numbered, in all streams that the collector ever knew. @param {string} fates */
const known = (fates) => `sum(beaconry_known_events{${APP}, fate${fates}}) or ${ZERO}`;

const STORED = known('="stored"');
const OUTSTANDING = known('="outstanding"');
const LOST = known('="lost"');
/** Any other fate is the reason of a drop. */
const REASONS = '!~"stored|outstanding|lost"';
const ALL_DROPPED = known(REASONS);

/** From the event to its receipt, in ms. */
const DELAY = '| json ts="ts", received="received" | label_format value="{{ sub .received .ts }}" | unwrap value | __error__=""';

/** @param {number} quantile */
const delay = (quantile) => `quantile_over_time(${quantile}, ${ALL_EVENTS} ${RELEASE} ${DELAY} [$__auto]) by (app)`;

export const delivery = () =>
  new DashboardBuilder('Beaconry: Delivery')
    .uid('beaconry-delivery')
    .tags([TAG])
    .description('Stored, duplicate, missing, dropped by reason. The upper part needs a Prometheus that scrapes the collector.')
    .time({ from: 'now-24h', to: 'now' })
    .refresh('1m')
    .readonly()
    .link(others())
    .withVariable(app())
    .withVariable(env())
    .withVariable(release())
    .withRow(new RowBuilder('The books: every event that was numbered has one of these fates (since the index was made, from Prometheus)'))
    .withPanel(stored())
    .withPanel(outstanding())
    .withPanel(dropped())
    .withPanel(missing())
    .withPanel(droppedByReason())
    .withPanel(outstandingAndMissingOverTime())
    .withRow(new RowBuilder('What the collector was sent (from Prometheus)'))
    .withPanel(eventsStoredAndDuplicate())
    .withPanel(requestsRefused())
    .withPanel(batchesRejected())
    .withPanel(notYetForwarded())
    .withRow(new RowBuilder('What has reached Loki'))
    .withPanel(storedByType())
    .withPanel(fromTheEventToTheCollector())
    .withPanel(toldAsDroppedByReason())
    .withPanel(streamsThatToldOfDropsByBrowser());

const stored = () =>
  number({
    title: 'Stored',
    description: 'In the journal.',
    width: 6,
    height: 4,
    empty: 'no Prometheus',
    targets: [metricNow(STORED)],
  });

const outstanding = () =>
  number({
    title: 'Outstanding',
    description: 'Numbered and not here yet: the client holds them, or may still have them.',
    width: 6,
    height: 4,
    empty: 'no Prometheus',
    targets: [metricNow(OUTSTANDING)],
  });

const dropped = () =>
  number({
    title: 'Dropped',
    description: 'Given up by the client, and told with a reason.',
    width: 6,
    height: 4,
    limits: [1],
    empty: 'no Prometheus',
    targets: [metricNow(ALL_DROPPED)],
  });

const missing = () =>
  number({
    title: 'Missing',
    description: 'Numbered, in a stream that has ended, neither stored nor told as dropped: lost. It should be zero.',
    width: 6,
    height: 4,
    limits: [1],
    empty: 'no Prometheus',
    targets: [metricNow(LOST)],
  });

const droppedByReason = () =>
  ranking({
    title: 'Dropped, by reason',
    description: 'As the collector’s books have it: what arrived after all is not among them.',
    width: 12,
    height: 8,
    colour: 'orange',
    label: 'fate',
    heading: 'Reason',
    counted: 'Events',
    targets: [metricNow(`sum by (fate) (beaconry_known_events{${APP}, fate${REASONS}})`)],
  });

const outstandingAndMissingOverTime = () =>
  curves({
    title: 'Outstanding and missing over time',
    description: 'Outstanding rises while clients are offline and falls when they come back; missing should never rise.',
    width: 12,
    height: 8,
    targets: [metricOver(OUTSTANDING, 'outstanding'), metricOver(LOST, 'missing'), metricOver(ALL_DROPPED, 'dropped')],
  });

const eventsStoredAndDuplicate = () =>
  curves({
    title: 'Events stored and duplicate',
    description:
      'A second. Duplicates are events that were sent again although they had arrived, because the answer did not: they are stored once.',
    width: 8,
    height: 8,
    unit: 'eps',
    targets: [
      metricOver(`sum(rate(beaconry_events_stored_total{${APP}}[$__rate_interval]))`, 'stored'),
      metricOver(`sum(rate(beaconry_events_duplicate_total{${APP}}[$__rate_interval]))`, 'duplicate'),
    ],
  });

const requestsRefused = () =>
  curves({
    title: 'Requests refused',
    description: 'Of all apps, by reason: a wrong key or origin, too large, too many, switched off. The clients keep what they hold.',
    width: 8,
    height: 8,
    unit: 'reqps',
    targets: [metricOver('sum by (reason) (rate(beaconry_requests_refused_total[$__rate_interval]))', '{{reason}}')],
  });

const batchesRejected = () =>
  curves({
    title: 'Batches rejected',
    description: 'Malformed: their clients drop them as rejected.',
    width: 8,
    height: 8,
    targets: [metricOver(`sum by (reason) (rate(beaconry_batches_rejected_total{${APP}}[$__rate_interval]))`, '{{reason}}')],
  });

const notYetForwarded = () =>
  curves({
    title: 'Not yet forwarded',
    description: 'Bytes of the journal that a forwarder has still to read. It rises while its target is away.',
    width: 24,
    height: 6,
    unit: 'bytes',
    targets: [metricOver('max by (consumer) (beaconry_consumer_lag_bytes)', '{{consumer}}')],
  });

const storedByType = () =>
  stackedBars({
    title: 'Stored, by type',
    description: 'By when it happened, so late events fill in behind.',
    width: 8,
    height: 8,
    targets: [over(`sum by (type) (count_over_time(${ALL_EVENTS} ${RELEASE} [$__auto]))`, '{{type}}')],
  });

const fromTheEventToTheCollector = () =>
  curves({
    title: 'From the event to the collector',
    description: 'How long an event was on its way. The longest are those of clients that were offline.',
    width: 8,
    height: 8,
    unit: 'ms',
    targets: [over(delay(0.5), 'median'), over(delay(0.95), '95th percentile'), over(delay(0.99), '99th percentile')],
  });

const toldAsDroppedByReason = () =>
  ranking({
    title: 'Told as dropped, by reason',
    description: 'From the books that are in Loki, of the releases that are chosen: all drops of each stream that was heard of in this time.',
    width: 8,
    height: 8,
    colour: 'orange',
    label: 'reason',
    heading: 'Reason',
    counted: 'Events',
    targets: [now(DROPPED)],
  });

const streamsThatToldOfDropsByBrowser = () =>
  ranking({
    title: 'Streams that told of drops, by browser',
    description: 'A browser that stands out blocks storage or kills pages.',
    width: 24,
    height: 7,
    colour: 'orange',
    label: 'browser',
    heading: 'Browser',
    counted: 'Streams',
    targets: [
      now(
        `topk(10, count by (browser) (sum by (browser, stream) (count_over_time(${events('delivery')} |~ \`"dropped":{"\` ${RELEASE} | json browser="browser", id="id" | label_format stream="{{ trunc 22 .id }}" [$__range]))))`,
      ),
    ],
  });
