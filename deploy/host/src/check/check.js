import { Failure } from '../failure.js';
import { explainAnswer, explainError } from './explain.js';
import { privateUrls } from './private.js';
import { ask, send } from './request.js';
import { makeProbe } from './stream.js';

/** @typedef {import('../say.js').Say} Say */
/** @typedef {import('./request.js').Answer} Answer */

/** Events are stamped by the server's clock: off by more, they lie beside the app's other logs, and Loki refuses the future. */
const MAX_SKEW_MS = 60_000;
/** No page has such an origin (RFC 2606), and no key has such a name. */
const FOREIGN_ORIGIN = 'https://foreign.invalid';
const WRONG_KEY = 'no-such-key';

/**
 * @typedef {object} Target
 * @property {URL} url
 * @property {string} key
 * @property {string | undefined} origin of the app's pages
 * @property {number} timeout
 */

/**
 * `telemetry:check`: sends one event, sees that it is stored, and that nothing else is open. Goes through all of it, then
 * fails with what was found.
 * @param {import('../settings.js').Settings} settings
 * @param {Say} say
 */
export async function check(settings, say) {
  /** @type {Target} */
  const target = { url: settings.url(), key: settings.key(), origin: settings.origins()[0], timeout: settings.timeout() };
  const probe = makeProbe(Date.now());
  say(`checking ${target.url}`);
  // Without this nothing else tells anything.
  const answer = await stores(target, probe);
  say(`ok    an event of this check is stored: ${probe.id}.0`);
  /** @type {[string, () => Promise<unknown>][]} */
  const steps = [
    ['the server\'s clock is right', async () => clock(answer)],
    ['it remembers what is stored', () => remembers(target, probe)],
    ['an unknown key is refused', () => refusesKey(target)],
    ['the app\'s pages may send and read the answer', () => admitsOrigin(target)],
    ['pages of other origins may not send', () => refusesOrigin(target)],
    ['journals and settings cannot be downloaded', () => keepsPrivate(settings, target, probe.id)],
  ];
  /** @type {Failure[]} */
  const found = [];
  for (const [what, step] of steps) {
    try {
      const skipped = await step();
      say(typeof skipped === 'string' ? `skip  ${what}: ${skipped}` : `ok    ${what}`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      say(`FAIL  ${what}: ${error.message}\n      ${error.next}`);
      found.push(error);
    }
  }
  const [first] = found;
  if (first) throw found.length === 1 ? first : new Failure(`${found.length} things are wrong, see above`, 'begin with the first', first.exit);
  say('all is well: set the flag to ROLLOUT');
}

/**
 * @param {Target} target
 * @param {{ id: string, now: number }} probe
 * @param {string} body
 * @param {{ key?: string, origin?: string | undefined }} [other]
 */
async function post(target, probe, body, { key = target.key, origin = target.origin } = {}) {
  try {
    return await send(target.url, { key, origin, stream: probe.id, now: probe.now, body, timeout: target.timeout });
  } catch (error) {
    throw explainError(target.url, error);
  }
}

/** @param {Answer} answer */
function isStored({ status, json }) {
  return status === 200 && JSON.stringify(json?.stored) === '[[0,1]]';
}

/**
 * @param {Target} target
 * @param {import('./stream.js').Probe} probe
 */
async function stores(target, probe) {
  const answer = await post(target, probe, probe.event);
  if (isStored(answer)) return answer;
  if (answer.status === 200 && answer.json?.stale) throw clockFailure(Date.now() - probe.now);
  const reason = answer.json?.rejected?.[0]?.reason;
  if (reason) throw new Failure(`the event was rejected: ${reason}`, 'compare the versions of beaconry here and there');
  throw explainAnswer(target.url, answer);
}

/**
 * @param {Target} target
 * @param {import('./stream.js').Probe} probe
 */
async function remembers(target, probe) {
  const answer = await post(target, probe, probe.closed);
  if (isStored(answer)) return;
  if (answer.status !== 200 || !answer.json) throw explainAnswer(target.url, answer);
  const next = 'do requests reach several servers? put a balancer in front that hashes on the parameter `stream`';
  throw new Failure(`it forgot the event: it now says ${JSON.stringify(answer.json)}`, next);
}

/** @param {Answer} answer */
function clock({ headers }) {
  const date = Date.parse(headers.date ?? '');
  if (Number.isNaN(date)) return 'the answer has no Date';
  const skew = date - Date.now();
  if (Math.abs(skew) > MAX_SKEW_MS) throw clockFailure(skew);
  return undefined;
}

/** @param {number} skew in ms, of the server's clock against this machine's */
function clockFailure(skew) {
  const how = `${Math.round(Math.abs(skew) / 1_000)} s ${skew > 0 ? 'ahead of' : 'behind'} this machine's`;
  return new Failure(`the server's clock is ${how}`, 'set both by NTP: events get the server\'s time');
}

/** @param {Target} target */
async function refusesKey(target) {
  const probe = makeProbe(Date.now());
  const { status } = await post(target, probe, probe.open, { key: WRONG_KEY });
  if (status === 401) return;
  throw new Failure(`a key that nobody has is answered by ${status}, not 401`, 'does VITE_TELEMETRY_URL lead to the collector itself? some cache may answer');
}

/** @param {Target} target */
async function admitsOrigin(target) {
  const probe = makeProbe(Date.now());
  const answer = await post(target, probe, probe.open);
  if (answer.status !== 200) throw explainAnswer(target.url, answer);
  const allowed = answer.headers['access-control-allow-origin'];
  const credentials = answer.headers['access-control-allow-credentials'];
  // Beacons carry credentials: a star does not let the page read the answer.
  if (allowed === target.origin && credentials === 'true') return;
  if (target.origin === target.url.origin) return;
  const next = 'some web server or proxy takes the CORS headers off, or sets its own: remove that rule';
  throw new Failure(`the answer allows ${allowed ?? 'no origin'}, with credentials: ${credentials}`, next);
}

/** @param {Target} target */
async function refusesOrigin(target) {
  const probe = makeProbe(Date.now());
  const { status } = await post(target, probe, probe.open, { origin: FOREIGN_ORIGIN });
  if (status === 403) return;
  throw new Failure(`a page of ${FOREIGN_ORIGIN} is answered by ${status}, not 403`, 'name your pages\' origins in config.php, or by the collector\'s --origin');
}

/**
 * @param {import('../settings.js').Settings} settings
 * @param {Target} target
 * @param {string} stream
 */
async function keepsPrivate(settings, target, stream) {
  const urls = privateUrls(settings, target.url, new Date());
  if (urls.length === 0) return 'only the PHP drop-in lies among files';
  for (const url of urls) {
    /** @type {Answer} */
    let answer;
    try {
      answer = await ask(url, { method: 'GET' }, target.timeout);
    } catch (error) {
      throw explainError(url, error);
    }
    const { text } = answer;
    // Whatever else comes, such as an app's catch-all page or an empty answer, tells nothing.
    if (![stream, '<?php', 'SQLite format 3'].some((secret) => text.includes(secret))) continue;
    const next = 'move the log folder out of the document root (config.php, TELEMETRY_LOGS), or forbid it in the web server\'s configuration; then run the check again';
    throw new Failure(`anyone can read ${url}`, next);
  }
  return undefined;
}
