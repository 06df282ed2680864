/** How the apps are doing, at one look. */

import { DashboardBuilder, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { others, TAG, toGroup } from './links.js';
import { number, ranking, stackedBars, table } from './panels.js';
import { ALL_EVENTS, DROPPED, errorCount, events, GROUP_LABELS, GROUPED, quantile, RELEASE, vital, WHO } from './queries.js';
import { now, over } from './targets.js';
import { app, env, release } from './variables.js';
import { VITALS } from './vitals.js';

export const overview = () => {
  const dashboard = new DashboardBuilder('Beaconry: Overview')
    .uid('beaconry-overview')
    .tags([TAG])
    .description('Events, errors, users affected, web vitals, and what was lost.')
    .time({ from: 'now-24h', to: 'now' })
    .refresh('1m')
    .readonly()
    .link(others())
    .withVariable(app())
    .withVariable(env())
    .withVariable(release());

  dashboard.withPanel(allEvents()).withPanel(visits()).withPanel(allErrors()).withPanel(usersAffected());

  dashboard.withPanel(eventsByType()).withPanel(errorsByRelease());

  dashboard.withRow(new RowBuilder('Web vitals, 75th percentile'));
  VITALS.forEach(({ name, says, limits, unit, decimals }, at) =>
    dashboard.withPanel(
      number({
        title: name,
        description: `Three of four visits are faster: ${says}. Good up to ${limits[0]}, poor from ${limits[1]} on (web.dev).`,
        width: at < 4 ? 5 : 4,
        height: 4,
        unit,
        decimals,
        limits,
        empty: 'none',
        targets: [now(quantile(0.75, vital(name), 'name', '$__range'))],
      }),
    ),
  );

  return dashboard.withRow(new RowBuilder('What needs a look')).withPanel(mostFrequentErrors()).withPanel(whatWasLostAndWhy());
};

const allEvents = () =>
  number({
    title: 'Events',
    description: 'All that was stored: logs, errors, metrics, events and vitals.',
    width: 6,
    height: 4,
    targets: [now(`sum(count_over_time(${ALL_EVENTS} ${RELEASE} [$__range]))`)],
  });

const visits = () =>
  number({
    title: 'Visits',
    description: 'Sessions that viewed a page.',
    width: 6,
    height: 4,
    targets: [
      now(
        `count(sum by (session) (count_over_time(${events('event')} |= \`page_view\` ${RELEASE} | json name="data.name", session="session" | name="page_view" [$__range])))`,
      ),
    ],
  });

const allErrors = () =>
  number({
    title: 'Errors',
    description: 'Repeats that the error handler folded into one event count as often as they happened.',
    width: 6,
    height: 4,
    limits: [1],
    targets: [now(errorCount('type', '$__range'))],
  });

const usersAffected = () =>
  number({
    title: 'Users affected',
    description: 'Users, or visits where the app names no user, that met an error.',
    width: 6,
    height: 4,
    limits: [1],
    targets: [now(`count(sum by (who) (count_over_time(${events('error')} ${RELEASE} ${WHO} [$__range])))`)],
  });

const eventsByType = () =>
  stackedBars({
    title: 'Events by type',
    description: 'What was stored, by when it happened.',
    width: 12,
    height: 8,
    targets: [over(`sum by (type) (count_over_time(${ALL_EVENTS} ${RELEASE} [$__auto]))`, '{{type}}')],
  });

const errorsByRelease = () =>
  stackedBars({
    title: 'Errors by release',
    description: 'A release that brings errors shows as a colour that was not there before.',
    width: 12,
    height: 8,
    targets: [over(errorCount('release', '$__auto'), '{{release}}')],
  });

const mostFrequentErrors = () =>
  table({
    title: 'Most frequent errors',
    description: 'By name, message without numbers, and file. A click leads to all errors of the group.',
    width: 14,
    height: 9,
    targets: [now(`topk(10, ${errorCount(GROUP_LABELS, '$__range', `${RELEASE} ${GROUPED}`)})`)],
    columns: [
      { from: 'name', title: 'Error', width: 140, link: toGroup },
      { from: 'message', title: 'Message', link: toGroup },
      { from: 'file', title: 'File', width: 140 },
      { from: 'Value #A', title: 'Times', width: 90 },
      { from: 'group', title: 'group', hidden: true },
    ],
    sortBy: 'Times',
  });

const whatWasLostAndWhy = () =>
  ranking({
    title: 'What was lost, and why',
    description:
      'Events that clients dropped and told of, by reason: all drops of each stream that was heard of in this time. What was dropped and arrived all the same is counted here too; the dashboard Delivery has the exact books of the collector.',
    width: 10,
    height: 9,
    colour: 'orange',
    label: 'reason',
    heading: 'Reason',
    counted: 'Events',
    targets: [now(DROPPED)],
  });
