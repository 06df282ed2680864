/** Ways from one dashboard to another. */

import { DashboardLinkBuilder, DashboardLinkType } from '@grafana/grafana-foundation-sdk/dashboard';

/** What all dashboards are tagged with. */
export const TAG = 'beaconry';

/** What is chosen at the top goes along. */
const CHOSEN = '${app:queryparam}&${env:queryparam}&${release:queryparam}';

/** To the other dashboards, on top of each. */
export const others = () =>
  new DashboardLinkBuilder('Beaconry').type(DashboardLinkType.Dashboards).tags([TAG]).asDropdown(false).includeVars(true).keepTime(true);

/** To one group of errors. */
export const toGroup = {
  title: 'The errors of this group',
  url: `/d/beaconry-errors?\${__url_time_range}&${CHOSEN}&var-group=\${__data.fields.group}`,
};

/** To all that the visit sent, from five minutes before to five minutes after. `from` and `to` come from {@link AROUND}. */
export const toEventsAround = {
  title: 'The events around it',
  url: `/d/beaconry-session?from=\${__data.fields.from}&to=\${__data.fields.to}&\${app:queryparam}&\${env:queryparam}&var-session=\${__data.fields.session}`,
};

/** Five minutes around an event, as labels, in ms. */
export const AROUND = '| json ts="ts" | label_format from="{{ sub .ts 300000 }}", to="{{ add .ts 300000 }}"';
