/** All that one visit sent, in order: where the links of an error lead. */

import { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { others, TAG } from './links.js';
import { logLines, stackedBars } from './panels.js';
import { ALL_EVENTS, SESSION } from './queries.js';
import { lines, over } from './targets.js';
import { app, env, session } from './variables.js';

/** More than a person reads; a visit of ten minutes has some hundred. */
const SHOWN = 1000;

const EVENTS = `${ALL_EVENTS} ${SESSION}`;

/** What a reader looks for first, in one line; the rest opens with a click. Each type names its own. */
const IN_SHORT = [
  '| json page="page", name="data.name", message="data.message", value="data.value", unit="data.unit", route="data.route", url="data.url"',
  '| line_format `{{ printf "%-6s" .type }} {{ .name }} {{ .message }} {{ .value }}{{ .unit }} {{ .url }} ({{ or .route .page }})`',
].join(' ');

export const visit = () =>
  new DashboardBuilder('Beaconry: Session')
    .uid('beaconry-session')
    .tags([TAG])
    .description('What one visit did, in order. The links of the dashboard Errors lead here.')
    .time({ from: 'now-1h', to: 'now' })
    .readonly()
    .link(others())
    .withVariable(app())
    .withVariable(env())
    .withVariable(session())
    .withPanel(allEvents())
    .withPanel(whatHappenedInOrder());

const allEvents = () =>
  stackedBars({
    title: 'Events',
    description: 'By type, of the session that is chosen above.',
    width: 24,
    height: 6,
    targets: [over(`sum by (type) (count_over_time(${EVENTS} [$__auto]))`, '{{type}}')],
  });

const whatHappenedInOrder = () =>
  logLines({
    title: 'What happened, in order',
    description: `At most ${SHOWN} events. A line opens to all that the event carries.`,
    width: 24,
    height: 24,
    oldestFirst: true,
    targets: [lines(`${EVENTS} ${IN_SHORT}`, SHOWN)],
  });
