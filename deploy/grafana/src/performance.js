/** How fast it is for the users: vitals by page and device, requests, slow resources. */

import { DashboardBuilder, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { others, TAG } from './links.js';
import { curves, ranking, table } from './panels.js';
import { events, metric, quantile, RELEASE, vital } from './queries.js';
import { now, over } from './targets.js';
import { app, env, page, release } from './variables.js';
import { VITALS } from './vitals.js';

const PAGE = '| json page="page" | page=~`$page`';

/** A browser tells few models; of the others the system says most. */
const DEVICE = '| json device="device", os="os" | label_format device="{{ or .device .os }}"';

/** A column for each vital, coloured by its limits. */
const VITAL_COLUMNS = VITALS.map(({ name, limits, unit }, at) => ({
  from: `Value #${'ABCDE'[at]}`,
  title: name,
  unit,
  limits,
  width: 100,
}));

/** The 75th percentile of each vital, by a label. @param {string} by */
const vitalsBy = (by) => VITALS.map(({ name }) => now(quantile(0.75, `${vital(name)} ${PAGE} ${DEVICE}`, by, '$__range')));

const REQUEST = `${metric('response_time')} ${PAGE} | json url="data.url", status="data.status"`;
const RESOURCE = `${metric('slow_resource')} ${PAGE} | json url="data.url", initiator="data.initiator"`;

export const performance = () => {
  const dashboard = new DashboardBuilder('Beaconry: Performance')
    .uid('beaconry-performance')
    .tags([TAG])
    .description('Web vitals by page and device, response times of requests, slow resources, long frames.')
    .time({ from: 'now-24h', to: 'now' })
    .refresh('5m')
    .readonly()
    .link(others())
    .withVariable(app())
    .withVariable(env())
    .withVariable(release())
    .withVariable(page());

  dashboard.withPanel(vitalsByPage()).withPanel(vitalsByDevice());
  VITALS.slice(0, 3).forEach(({ name, says, limits, unit }) =>
    dashboard.withPanel(
      curves({
        title: `${name} over time`,
        description: `The 75th percentile: ${says}. Good up to ${limits[0]}, poor from ${limits[1]} on.`,
        width: 8,
        height: 7,
        unit,
        targets: [over(quantile(0.75, `${vital(name)} ${PAGE}`, 'release', '$__auto'), '{{release}}')],
      }),
    ),
  );

  return dashboard
    .withRow(new RowBuilder('Requests'))
    .withPanel(responseTime())
    .withPanel(requestsByAddress())
    .withRow(new RowBuilder('What slows pages down'))
    .withPanel(slowResources())
    .withPanel(longAnimationFrames())
    .withPanel(pageViews());
};

const vitalsByPage = () =>
  table({
    title: 'Vitals by page',
    description:
      'The 75th percentile: three of four visits are faster. Green is good, red is poor (web.dev). A vital that grew during a visit was reported more than once and counts as often.',
    width: 14,
    height: 9,
    targets: [...vitalsBy('page'), now(`sum by (page) (count_over_time(${events('vital')} ${RELEASE} ${PAGE} [$__range]))`)],
    columns: [{ from: 'page', title: 'Page' }, ...VITAL_COLUMNS, { from: 'Value #F', title: 'Reports', width: 90 }],
    sortBy: 'Reports',
  });

const vitalsByDevice = () =>
  table({
    title: 'Vitals by device',
    description: 'The model where the browser tells it, else the system.',
    width: 10,
    height: 9,
    targets: vitalsBy('device'),
    columns: [{ from: 'device', title: 'Device' }, ...VITAL_COLUMNS],
    sortBy: 'LCP',
  });

const responseTime = () =>
  curves({
    title: 'Response time',
    description: 'Of requests by fetch and XMLHttpRequest, until the last byte.',
    width: 10,
    height: 9,
    unit: 'ms',
    targets: [
      over(quantile(0.5, REQUEST, 'name', '$__auto'), 'median'),
      over(quantile(0.75, REQUEST, 'name', '$__auto'), '75th percentile'),
      over(quantile(0.95, REQUEST, 'name', '$__auto'), '95th percentile'),
    ],
  });

const requestsByAddress = () =>
  table({
    title: 'Requests by address',
    description: 'Failed are those with a status of 400 and above; a status of another origin is hidden unless it allows it.',
    width: 14,
    height: 9,
    targets: [
      now(`topk(50, sum by (url) (count_over_time(${REQUEST} [$__range])))`),
      now(quantile(0.75, REQUEST, 'url', '$__range')),
      now(quantile(0.95, REQUEST, 'url', '$__range')),
      now(`sum by (url) (count_over_time(${REQUEST} | status>=400 [$__range]))`),
    ],
    columns: [
      { from: 'url', title: 'Address' },
      { from: 'Value #A', title: 'Requests', width: 90 },
      { from: 'Value #B', title: '75 %', unit: 'ms', width: 90 },
      { from: 'Value #C', title: '95 %', unit: 'ms', width: 90 },
      { from: 'Value #D', title: 'Failed', width: 90 },
    ],
    sortBy: 'Requests',
  });

const slowResources = () =>
  table({
    title: 'Slow resources',
    description: 'Scripts, styles, images and fonts that took longer than the app’s limit, a second by default.',
    width: 12,
    height: 9,
    targets: [
      now(`topk(50, sum by (url, initiator) (count_over_time(${RESOURCE} [$__range])))`),
      now(quantile(0.75, RESOURCE, 'url, initiator', '$__range')),
    ],
    columns: [
      { from: 'url', title: 'Address' },
      { from: 'initiator', title: 'Asked for by', width: 110 },
      { from: 'Value #A', title: 'Times slow', width: 100 },
      { from: 'Value #B', title: '75 %', unit: 'ms', width: 90 },
    ],
    sortBy: 'Times slow',
  });

const longAnimationFrames = () =>
  table({
    title: 'Long animation frames',
    description: 'Frames of over 50 ms, by the script that took longest in them (Chromium alone tells).',
    width: 12,
    height: 9,
    targets: [
      now(
        `topk(50, sum by (script, page) (count_over_time(${metric('long_animation_frame')} ${PAGE} | json script="data.script.url" [$__range])))`,
      ),
      now(quantile(0.75, `${metric('long_animation_frame')} ${PAGE} | json script="data.script.url"`, 'script, page', '$__range')),
    ],
    columns: [
      { from: 'script', title: 'Script' },
      { from: 'page', title: 'Page', width: 160 },
      { from: 'Value #A', title: 'Frames', width: 90 },
      { from: 'Value #B', title: '75 %', unit: 'ms', width: 90 },
    ],
    sortBy: 'Frames',
  });

const pageViews = () =>
  ranking({
    title: 'Page views',
    description: 'Loads of a page and changes of the route within one.',
    width: 24,
    height: 8,
    colour: 'blue',
    label: 'route',
    heading: 'Route',
    counted: 'Views',
    targets: [
      now(
        `topk(20, sum by (route) (count_over_time(${events('event')} ${RELEASE} | json name="data.name", route="data.route" | name=~"page_view|route_change" [$__range])))`,
      ),
    ],
  });
