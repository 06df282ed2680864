/** Whether every event arrived, or why not: the collector's own numbers, and what its clients told. */

import { DashboardBuilder, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { others, TAG } from './links.js';
import { bars, curves, number, stackedBars } from './panels.js';
import { ALL_EVENTS, dropped, events, REASONS, RELEASE } from './queries.js';
import { metricNow, metricOver, now, over } from './targets.js';
import { app, env, release } from './variables.js';

/** What became of the events that clients have numbered, in all streams that the collectors still know. @param {string} fate */
const fate = (fate) => `sum(beaconry_events{fate="${fate}"})`;

/** From the event to its receipt, in ms. */
const DELAY = '| json ts="ts", received="received" | label_format value="{{ sub .received .ts }}" | unwrap value | __error__=""';

/** @param {number} quantile */
const delay = (quantile) => `quantile_over_time(${quantile}, ${ALL_EVENTS} ${RELEASE} ${DELAY} [$__auto]) by (app)`;

export const delivery = () =>
  new DashboardBuilder('Beaconry: Delivery')
    .uid('beaconry-delivery')
    .tags([TAG])
    .description('Stored, duplicate, missing, dropped by reason. The upper part needs a Prometheus that scrapes the collector, and is of all its apps.')
    .time({ from: 'now-24h', to: 'now' })
    .refresh('1m')
    .readonly()
    .link(others())
    .withVariable(app())
    .withVariable(env())
    .withVariable(release())
    .withRow(new RowBuilder('The books: every event that was numbered has one of these fates (last five weeks, from Prometheus)'))
    .withPanel(
      number({
        title: 'Stored',
        description: 'In the journal.',
        width: 6,
        height: 4,
        targets: [metricNow(fate('stored'))],
      }),
    )
    .withPanel(
      number({
        title: 'Outstanding',
        description: 'Numbered and not here yet: the client holds them, or may still have them.',
        width: 6,
        height: 4,
        targets: [metricNow(fate('outstanding'))],
      }),
    )
    .withPanel(
      number({
        title: 'Dropped',
        description: 'Given up by the client, and told with a reason.',
        width: 6,
        height: 4,
        limits: [1],
        targets: [metricNow(fate('dropped'))],
      }),
    )
    .withPanel(
      number({
        title: 'Missing',
        description: 'Numbered, in a stream that has ended, neither stored nor told as dropped. It should be zero.',
        width: 6,
        height: 4,
        limits: [1],
        targets: [metricNow(fate('missing'))],
      }),
    )
    .withPanel(
      bars({
        title: 'Dropped, by reason',
        description: 'As the collector’s books have it: what arrived after all is not among them.',
        width: 12,
        height: 8,
        colour: 'orange',
        targets: [metricNow('sum by (reason) (beaconry_events{fate="dropped"}) > 0', '{{reason}}')],
      }),
    )
    .withPanel(
      curves({
        title: 'Outstanding and missing over time',
        description: 'Outstanding rises while clients are offline and falls when they come back; missing should never rise.',
        width: 12,
        height: 8,
        targets: [metricOver(fate('outstanding'), 'outstanding'), metricOver(fate('missing'), 'missing'), metricOver(fate('dropped'), 'dropped')],
      }),
    )
    .withRow(new RowBuilder('What the collector was sent (from Prometheus)'))
    .withPanel(
      curves({
        title: 'Events stored and duplicate',
        description: 'A second. Duplicates are events that were sent again although they had arrived, because the answer did not: they are stored once.',
        width: 8,
        height: 8,
        unit: 'eps',
        targets: [
          metricOver('sum(rate(beaconry_events_stored_total[$__rate_interval]))', 'stored'),
          metricOver('sum(rate(beaconry_events_duplicate_total[$__rate_interval]))', 'duplicate'),
        ],
      }),
    )
    .withPanel(
      curves({
        title: 'Requests refused',
        description: 'By reason: a wrong key or origin, too large, too many, switched off (DESIGN.md has the answers). The clients keep what they hold.',
        width: 8,
        height: 8,
        unit: 'reqps',
        targets: [metricOver('sum by (reason) (rate(beaconry_requests_refused_total[$__rate_interval]))', '{{reason}}')],
      }),
    )
    .withPanel(
      curves({
        title: 'Batches rejected',
        description: 'Malformed: their clients drop them as rejected.',
        width: 8,
        height: 8,
        targets: [metricOver('sum by (reason) (rate(beaconry_batches_rejected_total[$__rate_interval]))', '{{reason}}')],
      }),
    )
    .withRow(new RowBuilder('What has reached Loki'))
    .withPanel(
      stackedBars({
        title: 'Stored, by type',
        description: 'By when it happened, so late events fill in behind.',
        width: 8,
        height: 8,
        targets: [over(`sum by (type) (count_over_time(${ALL_EVENTS} ${RELEASE} [$__auto]))`, '{{type}}')],
      }),
    )
    .withPanel(
      curves({
        title: 'From the event to the collector',
        description: 'How long an event was on its way. The longest are those of clients that were offline.',
        width: 8,
        height: 8,
        unit: 'ms',
        targets: [over(delay(0.5), 'median'), over(delay(0.95), '95th percentile'), over(delay(0.99), '99th percentile')],
      }),
    )
    .withPanel(
      bars({
        title: 'Told as dropped, by reason',
        description: 'From the books that are in Loki, of the releases that are chosen.',
        width: 8,
        height: 8,
        colour: 'orange',
        targets: Object.entries(REASONS).map(([reason, says]) => now(dropped(reason), `${reason}: ${says}`)),
      }),
    )
    .withPanel(
      bars({
        title: 'Streams that told of drops, by browser',
        description: 'A browser that stands out blocks storage or kills pages.',
        width: 24,
        height: 7,
        colour: 'orange',
        targets: [
          now(
            `topk(10, count by (browser) (sum by (browser, stream) (count_over_time(${events('delivery')} |~ \`"dropped":{"\` ${RELEASE} | json browser="browser", id="id" | label_format stream="{{ trunc 22 .id }}" [$__range]))))`,
            '{{browser}}',
          ),
        ],
      }),
    );
