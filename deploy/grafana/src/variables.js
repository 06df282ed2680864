/** What a dashboard is asked for at its top. */

import { QueryVariableBuilder, TextBoxVariableBuilder, VariableRefresh, VariableSort } from '@grafana/grafana-foundation-sdk/dashboard';

import { LOKI } from './targets.js';

/**
 * A label of Loki's.
 * @param {string} name
 * @param {string} label
 * @param {string} all what stands for all of them
 * @param {string} [stream] of which streams
 */
const labelValues = (name, label, all, stream = '') =>
  new QueryVariableBuilder(name)
    .label(label)
    .datasource(LOKI)
    .query({ refId: name, type: 1, label: name, stream }) // 1: the values of a label
    .multi(true)
    .includeAll(true)
    .allValue(all)
    .current({ text: 'All', value: '$__all' })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);

/** @param {string} name @param {string} label @param {string} description */
const pattern = (name, label, description) =>
  new TextBoxVariableBuilder(name).label(label).description(description).defaultValue('.*').current({ text: '.*', value: '.*' });

export const app = () => labelValues('app', 'App', '.+');

/** `.*` has those that name none too. */
export const env = () => labelValues('env', 'Environment', '.*', '{app=~"$app"}');

export const release = () => pattern('release', 'Release', 'A regular expression; .* is all of them');
export const page = () => pattern('page', 'Page', 'A regular expression, such as /cart.*');
export const session = () => pattern('session', 'Session', 'The id of a visit; .* is all of them');

/** Set by the links of the table of groups. */
export const group = () => pattern('group', 'Group', 'Set by a click on a group of errors; .* is all of them');
