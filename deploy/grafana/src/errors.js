/** Which errors there are, since when, whom they meet, and what happened around them. */

import { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { AROUND, others, TAG, toEventsAround, toGroup } from './links.js';
import { number, ranking, stackedBars, table, tableOfLines } from './panels.js';
import { errorCount, events, GROUP_LABELS, GROUPED, IN_GROUP, RELEASE, WHO } from './queries.js';
import { lines, now, over } from './targets.js';
import { app, env, group, release } from './variables.js';

/** The newest errors that are shown one by one. */
const SHOWN = 200;

const CHOSEN = `${RELEASE} ${GROUPED} ${IN_GROUP}`;
const ERRORS = `${events('error')} ${CHOSEN}`;

/** When an event happened, in ms: the time of the line itself. */
const TIME = '| json ts="ts" | unwrap ts | __error__=""';

export const errors = () =>
  new DashboardBuilder('Beaconry: Errors')
    .uid('beaconry-errors')
    .tags([TAG])
    .description(
      'Errors in groups: how often, since when, for whom. A click on a group shows its errors, a click on an error the events around it.',
    )
    .time({ from: 'now-24h', to: 'now' })
    .refresh('1m')
    .readonly()
    .link(others())
    .withVariable(app())
    .withVariable(env())
    .withVariable(release())
    .withVariable(group())
    .withPanel(allErrors())
    .withPanel(groups())
    .withPanel(usersAffected())
    .withPanel(errorsOverTime())
    .withPanel(byRelease())
    .withPanel(byBrowser())
    .withPanel(byPage())
    .withPanel(groupsOfErrors())
    .withPanel(errorsTheNewestFirst());

const allErrors = () =>
  number({
    title: 'Errors',
    description: 'With the repeats that the error handler folded into one event.',
    width: 4,
    height: 4,
    limits: [1],
    targets: [now(errorCount('type', '$__range', CHOSEN))],
  });

const groups = () =>
  number({
    title: 'Groups',
    description: 'Errors of the same name, message and file are one group.',
    width: 4,
    height: 4,
    targets: [now(`count(sum by (group) (count_over_time(${ERRORS} [$__range])))`)],
  });

const usersAffected = () =>
  number({
    title: 'Users affected',
    description: 'Users, or visits where the app names no user.',
    width: 4,
    height: 4,
    limits: [1],
    targets: [now(`count(sum by (who) (count_over_time(${ERRORS} ${WHO} [$__range])))`)],
  });

const errorsOverTime = () =>
  stackedBars({
    title: 'Errors over time',
    description: 'By name.',
    width: 12,
    height: 8,
    targets: [over(errorCount('name', '$__auto', CHOSEN), '{{name}}')],
  });

const byRelease = () =>
  ranking({
    title: 'By release',
    description: 'Of the errors that are chosen above.',
    width: 6,
    height: 8,
    colour: 'red',
    label: 'release',
    heading: 'Release',
    counted: 'Errors',
    targets: [now(`topk(10, ${errorCount('release', '$__range', CHOSEN)})`)],
  });

const byBrowser = () =>
  ranking({
    title: 'By browser',
    description: 'As the collector read it from the User-Agent.',
    width: 6,
    height: 8,
    colour: 'red',
    label: 'browser',
    heading: 'Browser',
    counted: 'Errors',
    targets: [now(`topk(10, ${errorCount('browser', '$__range', `${CHOSEN} | json browser="browser"`)})`)],
  });

const byPage = () =>
  ranking({
    title: 'By page',
    description: 'Where it happened.',
    width: 12,
    height: 8,
    colour: 'red',
    label: 'page',
    heading: 'Page',
    counted: 'Errors',
    targets: [now(`topk(10, ${errorCount('page', '$__range', `${CHOSEN} | json page="page"`)})`)],
  });

const groupsOfErrors = () =>
  table({
    title: 'Groups of errors',
    description: 'First and last seen are within the time that is shown. A click on the message chooses the group.',
    width: 24,
    height: 10,
    targets: [
      now(errorCount(GROUP_LABELS, '$__range', CHOSEN)),
      now(`min by (${GROUP_LABELS}) (min_over_time(${ERRORS} ${TIME} [$__range]))`),
      now(`max by (${GROUP_LABELS}) (max_over_time(${ERRORS} ${TIME} [$__range]))`),
      now(`count by (${GROUP_LABELS}) (sum by (${GROUP_LABELS}, who) (count_over_time(${ERRORS} ${WHO} [$__range])))`),
    ],
    columns: [
      { from: 'name', title: 'Error', width: 180, link: toGroup },
      { from: 'message', title: 'Message', link: toGroup },
      { from: 'file', title: 'File', width: 160 },
      { from: 'Value #A', title: 'Times', width: 90 },
      { from: 'Value #D', title: 'Users', width: 90 },
      { from: 'Value #B', title: 'First seen', unit: 'dateTimeFromNow', width: 140 },
      { from: 'Value #C', title: 'Last seen', unit: 'dateTimeFromNow', width: 140 },
      { from: 'group', title: 'group', hidden: true },
    ],
    sortBy: 'Times',
  });

const errorsTheNewestFirst = () =>
  tableOfLines({
    title: 'Errors, the newest first',
    description: `The last ${SHOWN} that are chosen above. A click on the message shows what the visit did five minutes before and after.`,
    width: 24,
    height: 12,
    targets: [
      lines(
        `${ERRORS} | json page="page", browser="browser", user="user", session="session", handled="data.handled", said="data.message" ${AROUND}`,
        SHOWN,
      ),
    ],
    columns: [
      { from: 'Time', title: 'Time', width: 180 },
      { from: 'timestamp', title: 'Time', width: 180 },
      { from: 'name', title: 'Error', width: 160, link: toEventsAround },
      { from: 'said', title: 'Message', link: toEventsAround },
      { from: 'page', title: 'Page', width: 160 },
      { from: 'release', title: 'Release', width: 100 },
      { from: 'browser', title: 'Browser', width: 120 },
      { from: 'user', title: 'User', width: 120 },
      { from: 'handled', title: 'Handled', width: 90 },
      { from: 'session', title: 'session', hidden: true },
      { from: 'from', title: 'from', hidden: true },
      { from: 'to', title: 'to', hidden: true },
    ],
  });
