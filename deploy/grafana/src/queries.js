/**
 * The pieces of which the dashboards' LogQL is made.
 *
 * A line is a whole event of the journal, under the labels `app env type level`. What else is asked for is taken out of its JSON by
 * name: faster than `| json` alone, which takes everything. What a person may type stands in backticks, where a backslash is one.
 */

/**
 * Events of a type, of the apps and environments that are chosen. A client that names no environment has no such label.
 * @param {'log' | 'error' | 'metric' | 'event' | 'vital' | 'delivery'} type
 */
export const events = (type) => `{app=~"$app", env=~"$env", type="${type}"}`;

/** All that apps have sent; a line of type `delivery` is the collector's own. */
export const ALL_EVENTS = '{app=~"$app", env=~"$env", type!="delivery"}';

/** The releases that match; an app that names none matches `.*`, and is shown as `none`. */
export const RELEASE = '| json release="release" | release=~`$release` | label_format release=`{{ or .release "none" }}`';

/** The visit that is chosen. */
export const SESSION = '| json session="session" | session=~`$session`';

/** Whom it happened to: the user, or the visit where the app names no user. */
export const WHO = '| json user="user", session="session" | label_format who="{{ or .user .session }}"';

/** How many times: the error handler folds repeats into one event and says how many they are. */
const TIMES = '| json times="data.count" | label_format times="{{ or .times 1 }}" | unwrap times | __error__=""';

/** What a value is taken from. A value that is no number is none. */
const VALUE = '| json value="data.value" | unwrap value | __error__=""';

/**
 * Groups errors: the same name, the same message but for its numbers and ids, and the same file in the first line of the stack that has
 * one, but for the hash that bundlers put into its name. So a group outlives a release. `group` is the three as one word that needs
 * no quotes in a link.
 */
export const GROUPED = [
  '| json name="data.name", message="data.message"',
  '| label_format message=`{{ regexReplaceAll "[0-9a-fA-F-]{8,}|[0-9]+" .message "#" | trunc 160 }}`',
  String.raw`| regexp ${'`'}"stack":"(?:[^"\\]|\\.)*?/(?P<file>[^/\s"\\:()@?]+?)(?:[-.][\w-]{8})?(?P<ending>\.\w+)(?:\?[^\s":]*)?:\d+${'`'}`,
  '| label_format file=`{{ .file }}{{ .ending }}`',
  '| label_format group=`{{ printf "%s %s %s" .name .message .file | b64enc | replace "+" "-" | replace "/" "_" | replace "=" "" }}`',
].join(' ');

/** The group that is chosen. */
export const IN_GROUP = '| group=~`$group`';

/** What distinguishes one group of errors from another. */
export const GROUP_LABELS = 'group, name, message, file';

/**
 * Errors that match, counted over a window.
 * @param {string} by labels to keep
 * @param {'$__range' | '$__auto'} window
 * @param {string} [pipeline]
 */
export const errorCount = (by, window, pipeline = RELEASE) =>
  `sum by (${by}) (sum_over_time(${events('error')} ${pipeline} ${TIMES} [${window}]))`;

/**
 * The value that 75 of 100 do not exceed, as web vitals are judged by.
 * @param {number} quantile
 * @param {string} selected
 * @param {string} by
 * @param {'$__range' | '$__auto'} window
 */
export const quantile = (quantile, selected, by, window) => `quantile_over_time(${quantile}, ${selected} ${VALUE} [${window}]) by (${by})`;

/** @param {string} name of a vital */
export const vital = (name) => `${events('vital')} | json name="data.name" | name="${name}" ${RELEASE}`;

/** @param {string} name of a metric */
export const metric = (name) => `${events('metric')} | json name="data.name" | name="${name}" ${RELEASE}`;

/** Why clients drop events, as the protocol names it, and what that means to who reads a dashboard. */
const REASONS = {
  full: 'memory or storage was full',
  age: 'not delivered in time',
  too_large: 'larger than the limit',
  invalid: 'could not be written as JSON',
  rejected: 'the collector found it malformed',
  stale: 'the collector no longer knew its time',
  off: 'telemetry was switched off',
  storage: 'the storage lost it',
  trap: 'lost with the WebAssembly',
  poison: 'sending failed again and again',
};

/**
 * Events that clients say they dropped for a reason. Each line of the books has all drops of its stream so far, as ranges
 * `[[first,end],…]`: of a stream the largest sum counts.
 * @param {string} reason
 */
const droppedFor = (reason) =>
  `sum(max by (stream) (max_over_time(${events('delivery')} |= \`"${reason}":[[\` ${RELEASE}` +
  ` | json id="id", ranges="data.dropped.${reason}"` +
  ' | label_format stream="{{ trunc 22 .id }}", n=`{{ $n := 0 }}{{ range fromJson .ranges }}{{ $n = add $n (sub (index . 1) (index . 0)) }}{{ end }}{{ $n }}`' +
  ' | unwrap n | __error__="" [$__range])))';

/** All that clients say they dropped, a row for each reason. */
export const DROPPED = Object.entries(REASONS)
  .map(([reason, says]) => `label_replace(${droppedFor(reason)}, "reason", "${reason}: ${says}", "", "")`)
  .join(' or ');
