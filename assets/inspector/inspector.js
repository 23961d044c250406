/*
 * The page of cmhook's inspector: the deliveries of a running listener, live.
 *
 * It talks to the listener that served it and to nothing else. What senders and apps wrote
 * reaches the document through `textContent` only, by way of `shown`, which makes visible
 * what would otherwise hide or reorder text.
 */

/* ── Shapes ──────────────────────────────────────────────────────────────────────────── */

/**
 * What the list knows of a delivery.
 * @typedef {object} Row
 * @property {number} id
 * @property {string} received_at
 * @property {number} at            `received_at` in milliseconds, worked out once
 * @property {string|null} event
 * @property {{status: string, scheme: ?string, secret: ?string, reason: ?string}} verdict
 * @property {string} method
 * @property {string} path
 * @property {string|null} query
 * @property {number} size
 * @property {number|null} original
 * @property {string|null} [queued_at]  when it came in at the relay, where it waited there
 * @property {number} [repeats]     how often the relay handed it on again
 * @property {boolean} marked
 * @property {number} replays
 * @property {number} attempts
 * @property {boolean} [pending]    being forwarded right now
 * @property {number|null} status   of the newest attempt, like `error` and `took_ms`
 * @property {string|null} error
 * @property {number|null} took_ms
 */

/**
 * A value of a JSON text, as a range of it: nothing is lost of how it was written.
 * @typedef {object} JsonNode
 * @property {'object'|'array'|'string'|'number'|'literal'} kind
 * @property {number} start
 * @property {number} end
 * @property {Member[]} [items]
 *
 * @typedef {{key: string|null, node: JsonNode}} Member   `key` is null in an array
 */

/**
 * A body with what is needed to show it.
 * @typedef {object} Body
 * @property {string|null} text     null for one that is not text
 * @property {Uint8Array|null} bytes
 * @property {number} size
 * @property {string} type          its content type, in lower case
 * @property {boolean} omitted      too large to come with the delivery
 * @property {string} url           where its exact bytes are
 * @property {string} file          a name for a download
 * @property {string} [note]
 */

/* ── Numbers that were chosen ────────────────────────────────────────────────────────── */

const ROW_HEIGHT = 32;
const OVERSCAN = 8;
const PAGE = 1000;
const TYPING_PAUSE = 80;
const PING_EVERY = 5000;
const BACKOFF = [500, 1000, 2000, 4000, 5000];
/** Larger bodies are fetched when they are asked for. */
const BODY_LIMIT = 1 << 20;
/** A browser takes a moment to put so much into a text box. */
const LARGE = 100 << 10;
/** What is shown at first of a long text, in characters, and of bytes in hex. */
const TEXT_LIMIT = 120_000;
const HEX_LIMIT = 16 << 10;
const TREE_STEP = 800;
/** A search in a tree, and one in a text, counts so far and no further. */
const MOST_FOUND = 2000;
const MOST_MARKED = 5000;
/** Text is laid out in blocks of about so many characters, and only those in sight. */
const BLOCK = 12_000;
const STRING_LIMIT = 600;
const CHART_MINUTES = 15;
const CHART_BUCKETS = 60;
const NARROW = matchMedia('(max-width: 760px)');
/** While new ones pour in, the detail follows no faster than this. */
const FOLLOW_PAUSE = 400;
/** So many rows in one message are a crowd, which is drawn less often. */
const CROWD = 20;
const CROWD_PAUSE = 80;
const HISTORY = 20;

const TABS = [
  ['payload', 'Payload'], ['headers', 'Headers'], ['response', 'Response'],
  ['attempts', 'Attempts'], ['signature', 'Signature'], ['raw', 'Raw'],
];

/** Failures as the list has room for them; the words are those of the terminal's screen. */
const SHORT_FAILURE = {
  refused: 'down', timeout: 'slow', reset: 'cut', closed: 'cut', tls: 'tls', dns: 'dns',
  unreachable: 'lost', protocol: 'bad', loop: 'loop', busy: 'busy',
};

/** What went wrong, for a title; the attempt's own message follows it. */
const LONG_FAILURE = {
  refused: 'Your app is not running', timeout: 'Your app did not answer in time',
  reset: 'The connection was cut', closed: 'The connection was closed without an answer',
  tls: 'TLS failed', dns: 'The name of the target was not found',
  unreachable: 'There is no route to the target', protocol: 'The answer is not HTTP',
  loop: 'The target is cmhook itself', busy: 'The target was busy',
};

const REASONS = {
  200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No Content', 301: 'Moved Permanently',
  302: 'Found', 303: 'See Other', 304: 'Not Modified', 307: 'Temporary Redirect',
  308: 'Permanent Redirect', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden',
  404: 'Not Found', 405: 'Method Not Allowed', 408: 'Request Timeout', 409: 'Conflict',
  410: 'Gone', 411: 'Length Required', 413: 'Content Too Large', 414: 'URI Too Long',
  415: 'Unsupported Media Type', 419: 'Page Expired', 422: 'Unprocessable Content',
  429: 'Too Many Requests', 500: 'Internal Server Error', 501: 'Not Implemented',
  502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout',
};

/* ── Building the document ───────────────────────────────────────────────────────────── */

const SVG = 'http://www.w3.org/2000/svg';
const AS_PROPERTY = new Set(['value', 'checked', 'disabled', 'hidden', 'open', 'tabIndex', 'readOnly']);

function apply(el, props) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) el.addEventListener(name.slice(2), value);
    else if (name === 'data') Object.assign(el.dataset, value);
    else if (AS_PROPERTY.has(name)) el[name] = value;
    else el.setAttribute(name, value === true ? '' : String(value));
  }
}

/** An element; children are nodes, texts, arrays of them, or nothing. */
function h(tag, props, ...children) {
  const el = document.createElement(tag);
  apply(el, props);
  el.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return el;
}

/** The same for SVG. */
function s(tag, attributes, ...children) {
  const el = document.createElementNS(SVG, tag);
  apply(el, attributes);
  el.append(...children.flat(Infinity).filter(Boolean));
  return el;
}

const $ = (id) => document.getElementById(id);

function fill(el, ...children) {
  el.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return el;
}

/** Strokes on a grid of 16. */
const ICONS = {
  check: 'M3 8.5l3.3 3.3L13 4.8', cross: 'M4 4l8 8M12 4l-8 8', dot: 'M8 7.9v.2',
  question: 'M5.6 6.1a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.2.9-1.2 1.7M8 12.6v.1',
  copy: 'M5.5 5.5v-2.5h7.5v7.5h-2.5M3 5.5h7.5v7.5h-7.5z',
  pencil: 'M3 13l.7-3 7.3-7.3 2.3 2.3-7.3 7.3zM9.5 4.2l2.3 2.3',
  replay: 'M3.2 8a4.8 4.8 0 1 0 1.5-3.5M4.7 2v2.7h2.7',
  pause: 'M5.5 3.5v9M10.5 3.5v9', play: 'M5 3.2v9.6l7.5-4.8z',
  star: 'M8 2.3l1.75 3.7 4 .5-2.95 2.8.75 4-3.55-1.95-3.55 1.95.75-4-2.95-2.8 4-.5z',
  down: 'M8 3v10M3.8 8.8l4.2 4.2 4.2-4.2', left: 'M9.8 3.5l-4.5 4.5 4.5 4.5',
  right: 'M6.2 3.5l4.5 4.5-4.5 4.5', fold: 'M3.5 6l4.5 4.5 4.5-4.5',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.2 3.2',
  plus: 'M8 3v10M3 8h10', trash: 'M3 4.5h10M6.5 4.5v-1.5h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5',
  compare: 'M5 3v10M5 3l-2 2M5 3l2 2M11 13v-10M11 13l-2-2M11 13l2-2',
  download: 'M8 2.5v7.5M4.8 7l3.2 3.2 3.2-3.2M3 13.3h10',
  warning: 'M8 2.5l6 10.8h-12zM8 6.5v3M8 11.4v.1', key: 'M9 7a3 3 0 1 1-2 -2.8M8.4 8.2l-0 0M8.3 7.8l4.7 4.7M11.5 11l1.5-1.5',
  send: 'M2.5 7.5l11-4.8-4.3 10.8-2-4.3z', bolt: 'M9 2l-5 7.2h3.5l-.7 4.8 5.2-7.2h-3.6z',
  filter: 'M2.5 3.5h11l-4.2 5v4.3l-2.6-1.3v-3z', target: 'M8 13a5 5 0 1 0 0-10 5 5 0 0 0 0 10zM8 9a1 1 0 1 0 0-2 1 1 0 0 0 0 2z',
  clock: 'M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 5v3l2 1.6',
  help: 'M5.6 6.1a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.2.9-1.2 1.7M8 12.6v.1',
  arrow: 'M2.5 8h10.5M9.3 4.3l3.7 3.7-3.7 3.7', unfold: 'M4.5 6l3.5-3.5 3.5 3.5M4.5 10l3.5 3.5 3.5-3.5',
  foldall: 'M4.5 2.5l3.5 3.5 3.5-3.5M4.5 13.5l3.5-3.5 3.5 3.5', path: 'M3 4h4M5 4v8.5h4M5 8h4M11 8h2M11 12.5h2',
};

const drawn = new Map();

function icon(name, extra) {
  if (!drawn.has(name)) {
    drawn.set(name, s('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true', focusable: 'false' }, s('path', { d: ICONS[name] })));
  }
  const copied = drawn.get(name).cloneNode(true);
  if (extra) copied.setAttribute('class', `icon ${extra}`);
  return copied;
}

/** A button; `live` ones need a running listener. */
function button(label, props, name) {
  const { live, class: extra, icononly, ...rest } = props ?? {};
  return h('button', {
    type: 'button', class: `button${extra ? ` ${extra}` : ''}${icononly ? ' icon-only' : ''}`,
    data: live ? { live: '' } : {}, 'aria-label': icononly ? label : undefined, title: icononly ? label : undefined, ...rest,
  }, name ? icon(name) : null, icononly ? null : h('span', { class: 'label' }, label));
}

/* ── Strangers' text ─────────────────────────────────────────────────────────────────── */

// The same characters as `delivery::is_unsafe_on_terminal` knows.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;
const SIGNS = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escapeOf(c) {
  const code = c.codePointAt(0);
  if (SIGNS[c]) return SIGNS[c];
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/**
 * A text as nodes, with what cannot be seen written as `\u202e`.
 * @param {string} text
 * @param {boolean} [lines] whether line ends and tabs do what they do
 */
function shown(text, lines = false) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(UNSAFE)) {
    const c = match[0];
    if (lines && (c === '\n' || c === '\t' || (c === '\r' && text[match.index + 1] === '\n'))) continue;
    if (match.index > from) nodes.push(text.slice(from, match.index));
    nodes.push(h('span', { class: 'escape', title: `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}` }, escapeOf(c)));
    from = match.index + c.length;
  }
  nodes.push(text.slice(from));
  return nodes;
}

/** The same as plain text, for labels and titles. */
const plain = (text) => text.replace(UNSAFE, escapeOf);

/** A captured value inside our own text. */
const value = (text, extra) => h('bdi', { class: extra ?? 'captured' }, shown(String(text)));

/** Our own sentences have names in backticks. */
function sentence(text) {
  return String(text).split(/`([^`]*)`/).map((part, at) => (at % 2 ? h('code', null, shown(part)) : shown(part)));
}

/** A sentence with a capital and a period. */
function whole(text) {
  const trimmed = String(text).trim();
  if (!trimmed) return '';
  const first = trimmed[0].toUpperCase() + trimmed.slice(1);
  // A period behind code would be copied with it.
  return /[.!?:)}\]'";]$/.test(first) && !/\w \([^)]*\)$/.test(first) ? first : `${first}.`;
}

/* ── Numbers and times as people read them ───────────────────────────────────────────── */

const two = (n) => String(n).padStart(2, '0');

function clock(at) {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function fullTime(at) {
  const date = new Date(at);
  const zone = -date.getTimezoneOffset();
  const sign = zone < 0 ? '-' : '+';
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(at)}.${String(date.getMilliseconds()).padStart(3, '0')} ${sign}${two(Math.floor(Math.abs(zone) / 60))}:${two(Math.abs(zone) % 60)}`;
}

function took(ms) {
  if (ms === null || ms === undefined) return '';
  if (ms < 1) return '<1 ms';
  return ms < 10_000 ? `${Math.floor(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB'];
  let at = -1;
  let rest = bytes;
  do { rest /= 1000; at += 1; } while (rest >= 999.95 && at < units.length - 1);
  return `${rest.toFixed(1)} ${units[at]}`;
}

const NUMBERS = new Intl.NumberFormat('en');
const grouped = (n) => NUMBERS.format(n);
/** A count that stops at its limit says that there may be more. */
const upTo = (n, most) => `${grouped(n)}${n >= most ? '+' : ''}`;
/** How long something lasted, as on the screen: `3 s`, `2 min 5 s`, `1 h 20 min`. */
function spanOf(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes) return rest ? `${minutes} min ${rest} s` : `${minutes} min`;
  return `${rest} s`;
}

const waitedText = (row) => (row.queued_at ? `waited ${spanOf(row.at - Date.parse(row.queued_at))} at the relay` : '');
const repeatsText = (row) => (row.repeats ? `handed on again ${row.repeats === 1 ? 'once' : `${row.repeats} times`}` : '');

const counted = (n, one, many) => `${grouped(n)} ${n === 1 ? one : many ?? `${one}s`}`;

const hasFailed = (row) => row.error !== null || row.status >= 400;
const needsALook = (row) => hasFailed(row) || row.verdict.status === 'invalid';

/** good, moved, warn or bad: how a status is coloured. */
function toneOf(status, error) {
  if (error) return 'bad';
  if (status === null || status === undefined) return 'none';
  if (status >= 500) return 'bad';
  if (status >= 400) return 'warn';
  return status >= 300 ? 'moved' : 'good';
}

const VERDICTS = {
  valid: ['check', 'good', 'signed'], invalid: ['cross', 'bad', 'invalid signature'],
  unsigned: ['dot', 'none', 'unsigned'], unchecked: ['question', 'warn', 'signed, no secret known to check it'],
};

function verdictText(verdict) {
  if (verdict.status === 'valid') return `signed (${verdict.scheme}, secret \`${verdict.secret}\`)`;
  return VERDICTS[verdict.status]?.[2] ?? verdict.status;
}

function nameOf(row) {
  return row.event ?? `${row.method} ${row.path}`;
}

function percentile(sorted, share) {
  if (!sorted.length) return null;
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

/* ── State ───────────────────────────────────────────────────────────────────────────── */

const state = {
  token: null,
  /** connecting, online, offline or missing */
  link: 'connecting',
  status: null,
  /** @type {Map<number, Row>} */
  rows: new Map(),
  /** All known ids, ascending; `idsStale` says that it has to be sorted anew. */
  ids: [],
  loaded: false,
  failed: 0,
  invalid: 0,
  /** `used` is the one that `match` is of. */
  filter: { text: '', sent: '', used: '', match: null, error: null, kept: [] },
  view: [],
  viewStale: true,
  follow: true,
  /** The newest id that was in sight, or there when the list stopped following. */
  seen: 0,
  /** The newest id that was ever told of, kept or not. */
  newest: 0,
  route: { name: 'list' },
  /** What the detail shows while nothing was chosen. */
  auto: null,
  tab: 'payload',
  attempt: null,
  lastMarked: null,
  refused: [],
  warnings: [],
  /** How bodies are looked at, by the place where they are. */
  modes: {},
};

/** Ids of deliveries that are being sent again. */
const busy = new Set();

/* ── Drawing, once a frame ───────────────────────────────────────────────────────────── */

const stale = new Set();
let frame = 0;

function redraw(...parts) {
  for (const part of parts) stale.add(part);
  if (!frame) frame = requestAnimationFrame(draw);
}

let soonTimer = 0;

/** While deliveries pour in nobody reads each of them, and drawing would be all that is done. */
function redrawSoon(pause, ...parts) {
  if (!pause) { redraw(...parts); return; }
  for (const part of parts) stale.add(part);
  soonTimer ||= setTimeout(() => { soonTimer = 0; redraw(); }, pause);
}

function draw() {
  frame = 0;
  const parts = new Set(stale);
  stale.clear();
  if (parts.has('top')) drawTop();
  if (parts.has('banners')) drawBanners();
  if (parts.has('list')) drawList();
  if (parts.has('detail')) drawDetail();
  if (parts.has('chart')) chartSoon();
  if (parts.has('panes')) drawPanes();
}

let titleTimer = 0;

/** The title is seen in the background, too, where no frames are drawn. */
function titleSoon() {
  titleTimer ||= setTimeout(() => {
    titleTimer = 0;
    const title = state.failed ? `(${state.failed} failed) cmhook` : 'cmhook';
    if (document.title !== title) document.title = title;
  }, 300);
}

/** Says something to those who listen to the page. */
function say(text) {
  $('live').textContent = text;
}

/* ── Asking the listener ─────────────────────────────────────────────────────────────── */

const API = '/api/v1';

class ApiError extends Error {
  constructor(status, told) {
    super(told.message || `cmhook answered ${status}`);
    this.status = status;
    this.code = told.code ?? '';
    this.hint = told.hint ?? '';
    this.column = told.column ?? null;
  }
}

const UNREACHABLE = { code: 'offline', message: 'cmhook is not running or cannot be reached' };

async function ask(method, path, body, more) {
  const headers = { ...more };
  if (method !== 'GET' && state.token) headers['X-Cmhook-Token'] = state.token;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response;
  try {
    response = await fetch(API + path, {
      method, headers, cache: 'no-store', body: body === undefined ? undefined : JSON.stringify(body),
      // The system takes connections for a cmhook that hangs, so only time tells.
      signal: path === '/session' ? AbortSignal.timeout(PING_EVERY) : undefined,
    });
  } catch {
    if (state.link === 'online') socketLost();
    throw new ApiError(0, UNREACHABLE);
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  if (response.status === 401 && path !== '/session') checkSession();
  throw new ApiError(response.status, told);
}

/** Numbers that JavaScript would round stay as they were written, as an `Exact`. */
class Exact {
  constructor(text) { this.text = text; }
}

async function askJson(method, path, body, more) {
  const text = await (await ask(method, path, body, more)).text();
  return text ? JSON.parse(text) : null;
}

/** Reads with every value of `old` and `new` as it was written. */
async function askDiff(path) {
  const text = await (await ask('GET', path)).text();
  const diff = JSON.parse(text);
  const exact = (node, name) => node?.items?.find((item) => item.key === name)?.node;
  const root = parseJson(text);
  for (const [side, part] of [['request', 'payload'], ['response', 'body']]) {
    const list = exact(exact(exact(root, side), part), 'changes')?.items ?? [];
    list.forEach(({ node }, at) => {
      for (const name of ['old', 'new']) {
        const found = exact(node, name);
        const change = diff[side][part].changes[at];
        const given = name === 'old' ? change.kind !== 'added' : change.kind !== 'removed';
        change[name] = found && given ? new Exact(text.slice(found.start, found.end)) : null;
      }
    });
  }
  return diff;
}

/** The first bytes of a resource, and whether there are more. */
async function askBytes(path, limit = Infinity) {
  const response = await ask('GET', path);
  const reader = response.body.getReader();
  const parts = [];
  let length = 0;
  while (length <= limit) {
    const { done, value: part } = await reader.read();
    if (done) break;
    parts.push(part);
    length += part.length;
  }
  const more = length > limit;
  if (more) reader.cancel().catch(() => {});
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  return { bytes: more ? bytes.subarray(0, limit) : bytes, more };
}

/* ── The session ─────────────────────────────────────────────────────────────────────── */

/** Takes the secret out of the address, so that it is in no history, bookmark or copied link. */
function takeSecret() {
  const hash = location.hash.slice(1);
  const query = hash.startsWith('/') ? hash.split('?')[1] ?? '' : hash;
  const fields = new URLSearchParams(query);
  const secret = fields.get('token') ?? fields.get('code');
  if (secret === null) return null;
  // The link of a new run does not say where the page was.
  const route = hash.startsWith('/') && hash.split('?')[0] !== '/' ? `#${hash.split('?')[0]}` : addressOf(state.route);
  const filter = fields.get('filter') ?? state.filter.text.trim();
  history.replaceState(null, '', filter ? `${route}?filter=${encodeURIComponent(filter)}` : route);
  return secret;
}

async function openSession(secret) {
  if (secret) {
    try {
      return await askJson('POST', '/session', undefined, { Authorization: `Bearer ${secret}` });
    } catch (error) {
      if (error.status === 0) throw error;
      // A link that was used up may still be followed where a session stands.
    }
  }
  return askJson('GET', '/session');
}

let unusedSecret = null;

/** Opens the session and the socket; says whether there is anything more to try. */
async function connect() {
  unusedSecret = takeSecret() ?? unusedSecret;
  if (state.link === 'missing') setLink('connecting');
  try {
    const { token } = await openSession(unusedSecret);
    unusedSecret = null;
    state.token = token;
    openSocket();
  } catch (error) {
    if (error.status === 401 || error.status === 403) {
      unusedSecret = null;
      sessionMissing();
    } else retrySoon();
  }
}

let checking = false;

/** Something was answered 401: either the session is over, or it was a new one's first breath. */
async function checkSession() {
  if (checking || state.link === 'missing') return;
  checking = true;
  try {
    state.token = (await askJson('GET', '/session')).token;
  } catch (error) {
    if (error.status === 401 || error.status === 403) sessionMissing();
  } finally {
    checking = false;
  }
}

function sessionMissing() {
  state.token = null;
  dropSocket();
  setLink('missing');
  const box = $('missing');
  if (!box.childElementCount) {
    box.append(
      h('img', { src: '/icon.svg', alt: '', width: 44, height: 44 }),
      h('h1', { id: 'missing-title' }, 'This page has no session'),
      h('p', null, 'Open the link that cmhook printed when it started, or press ', h('kbd', null, 'w'), ' on its screen.'),
      h('p', { class: 'dim' }, 'Each run of cmhook has a link of its own, and what it receives is shown to nobody without it.'),
      button('Try again', { onclick: connect }, 'replay'),
    );
  }
}

/* ── The live socket ─────────────────────────────────────────────────────────────────── */

let socket = null;
let resume = null;
let tries = 0;
let retryTimer = 0;
let retryAt = 0;
let pingTimer = 0;
let deadTimer = 0;
let pings = 0;

function setLink(link) {
  if (state.link === link) return;
  const before = state.link;
  state.link = link;
  $('missing').hidden = link !== 'missing';
  $('app').hidden = link === 'missing';
  if (link === 'online' && before === 'offline') say('Connected to cmhook again.');
  if (link === 'offline') say('cmhook is not running or cannot be reached.');
  applyLive();
  redraw('top', 'banners', 'list');
}

/** Takes actions away while nobody is there to do them. */
function applyLive(root = document) {
  const off = state.link !== 'online';
  for (const el of root.querySelectorAll('[data-live]')) el.disabled = off || el.dataset.busy === 'true' || el.dataset.off === 'true';
}

function openSocket() {
  dropSocket();
  const query = resume ? `?resume=${encodeURIComponent(resume)}` : '';
  const mine = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${API}/live${query}`);
  socket = mine;
  deadTimer = setTimeout(socketLost, PING_EVERY);
  mine.onopen = () => {
    if (socket !== mine) return;
    pingTimer = setInterval(ping, PING_EVERY);
    state.filter.sent = '';
    if (state.filter.text.trim()) sendFilter();
  };
  mine.onmessage = (message) => {
    if (socket !== mine) return;
    clearTimeout(deadTimer);
    deadTimer = 0;
    tries = 0;
    receive(JSON.parse(message.data));
  };
  mine.onclose = (event) => {
    if (socket !== mine) return;
    if (event.code === 4001) checkSession();
    socketLost();
  };
}

function dropSocket() {
  clearInterval(pingTimer);
  clearTimeout(deadTimer);
  clearTimeout(retryTimer);
  retryTimer = 0;
  deadTimer = 0;
  const old = socket;
  socket = null;
  old?.close();
}

function socketLost() {
  dropSocket();
  retrySoon();
}

function ping() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  pings += 1;
  socket.send(JSON.stringify({ ping: pings }));
  deadTimer ||= setTimeout(socketLost, PING_EVERY);
}

function retrySoon() {
  if (state.link === 'missing' || retryTimer) return;
  const pause = BACKOFF[Math.min(tries, BACKOFF.length - 1)] * (0.8 + Math.random() * 0.4);
  tries += 1;
  retryAt = Date.now() + pause;
  retryTimer = setTimeout(retryNow, pause);
  // A blink of the line is not worth a banner.
  if (tries > 1 || state.link !== 'online') setLink('offline');
  else setLink('connecting');
  countDown();
}

function retryNow() {
  clearTimeout(retryTimer);
  retryTimer = 0;
  connect();
}

let countTimer = 0;

function countDown() {
  clearTimeout(countTimer);
  redraw('banners');
  if (state.link === 'offline') countTimer = setTimeout(countDown, 1000);
}

function receive(message) {
  if (message.resume) resume = message.resume;
  switch (message.type) {
    case 'snapshot': takeSnapshot(message); break;
    case 'resumed': takeResumed(message); break;
    case 'changes': takeChanges(message); break;
    case 'filtered': takeFiltered(message); break;
    case 'matches': takeMatches(message); break;
    case 'bye': socketLost(); return;
    default: break;
  }
  if (message.type !== 'pong') setLink('online');
}

/* ── Deliveries ──────────────────────────────────────────────────────────────────────── */

/** Ids that changed while an older page was on its way, and are newer than what it holds. */
let touched = null;

function tally(row, by) {
  if (hasFailed(row)) state.failed += by;
  if (row.verdict.status === 'invalid') state.invalid += by;
}

function putRow(row) {
  row.at = Date.parse(row.received_at);
  const before = state.rows.get(row.id);
  if (before) tally(before, -1);
  else {
    const last = state.ids.at(-1);
    if (last !== undefined && last > row.id) state.idsStale = true;
    state.ids.push(row.id);
  }
  tally(row, 1);
  state.rows.set(row.id, row);
  if (row.id > state.newest) state.newest = row.id;
  touched?.add(row.id);
  state.viewStale = true;
}

function dropRows(ids) {
  const gone = new Set();
  for (const id of ids) {
    touched?.add(id);
    const row = state.rows.get(id);
    if (!row) continue;
    tally(row, -1);
    state.rows.delete(id);
    gone.add(id);
    details.delete(id);
  }
  if (!gone.size) return;
  state.ids = state.ids.filter((id) => !gone.has(id));
  state.viewStale = true;
  const shownId = shownDelivery();
  if (gone.has(shownId)) redraw('detail');
}

function takeSnapshot(message) {
  const anotherRun = state.status && state.status.pid !== message.status.pid;
  // Ids may begin anew.
  if (anotherRun) state.newest = 0;
  const oldest = message.deliveries[0]?.id ?? Infinity;
  const fresh = new Set(message.deliveries.map((row) => row.id));
  // Older ones stay readable until their pages have come again.
  const keep = message.more && !anotherRun;
  dropRows(state.ids.filter((id) => !fresh.has(id) && !(keep && id < oldest)));
  if (anotherRun || !state.loaded) details.clear();
  for (const row of message.deliveries) putRow(row);
  if (anotherRun || !state.loaded) state.seen = state.newest;
  state.refused = message.refused.toReversed();
  takeStatus(message.status);
  state.loaded = true;
  forgetDetail();
  redraw('top', 'banners', 'list', 'detail', 'chart');
  titleSoon();
  loading += 1;
  olderThan = null;
  if (message.more) loadOlder(oldest);
}

/** What was missed comes next; what had not been fetched is still missing. */
function takeResumed(message) {
  takeStatus(message.status);
  redraw('top', 'banners', 'list', 'detail');
  if (olderThan !== null) loadOlder(olderThan);
}

function takeChanges(message) {
  for (const row of message.deliveries) putRow(row);
  if (message.gone.length) dropRows(message.gone);
  if (message.refused.length) state.refused = [...message.refused.toReversed(), ...state.refused].slice(0, 200);
  if (message.warnings?.length) {
    state.warnings = [...message.warnings, ...state.warnings].slice(0, 50);
    for (const warning of message.warnings) toast(whole(warning.message), 'warn', whole(warning.hint));
  }
  if (message.status) takeStatus(message.status);
  const id = shownDelivery();
  if (id !== null && message.deliveries.some((row) => row.id === id)) forgetDetail(id);
  const crowd = message.deliveries.length > CROWD;
  redrawSoon(crowd ? CROWD_PAUSE : 0, 'top', 'list');
  if (message.deliveries.length || message.gone.length) redrawSoon(crowd ? CROWD_PAUSE : 0, 'chart', 'detail');
  if (message.status || message.warnings?.length || message.refused?.length) redraw('banners');
  titleSoon();
}

function takeStatus(status) {
  const secrets = state.status?.secrets.length;
  state.status = status;
  if (secrets !== undefined && secrets !== status.secrets.length) redraw('detail');
}

let loading = 0;
/** The cursor of the page that was not fetched yet. */
let olderThan = null;

/** Fetches what is older, page by page, without hurry. */
async function loadOlder(before) {
  loading += 1;
  const mine = loading;
  let cursor = before;
  olderThan = before;
  while (cursor !== null && Number.isFinite(cursor) && mine === loading) {
    const asked = new Set();
    touched = asked;
    let page;
    try {
      page = await askJson('GET', `/deliveries?before=${cursor}&limit=${PAGE}`);
    } catch {
      break;
    } finally {
      if (touched === asked) touched = null;
    }
    if (mine !== loading) return;
    takePage(page, cursor, asked);
    cursor = page.before;
    olderThan = cursor;
    await new Promise((done) => { setTimeout(done, 20); });
  }
}

function takePage(page, before, asked) {
  const here = new Set(page.deliveries.map((row) => row.id));
  const lowest = page.before === null ? 0 : page.deliveries[0]?.id ?? 0;
  dropRows(state.ids.filter((id) => id < before && id >= lowest && !here.has(id) && !asked.has(id)));
  for (const row of page.deliveries) if (!asked.has(row.id)) putRow(row);
  redraw('list', 'top', 'chart');
  titleSoon();
}

/** The ids that the filter lets through, oldest first. */
function view() {
  if (!state.viewStale) return state.view;
  if (state.idsStale) {
    state.ids.sort((a, b) => a - b);
    state.idsStale = false;
  }
  const { match } = state.filter;
  state.view = match ? state.ids.filter((id) => match.has(id)) : state.ids;
  state.viewStale = false;
  return state.view;
}

/** Where an id stands in a sorted list, or would stand. */
function placeOf(ids, id) {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle] < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* ── The filter ──────────────────────────────────────────────────────────────────────── */

let filterTimer = 0;

function filterTyped() {
  clearTimeout(filterTimer);
  state.filter.text = filterBox.value;
  markQuick();
  filterTimer = setTimeout(sendFilter, TYPING_PAUSE);
}

function sendFilter() {
  clearTimeout(filterTimer);
  writeAddress();
  const text = state.filter.text.trim();
  if (text === '') {
    if (state.filter.sent && socket?.readyState === WebSocket.OPEN) socket.send('{"filter":null}');
    state.filter.sent = '';
    state.filter.error = null;
    setMatch(null);
  } else if (text !== state.filter.sent && socket?.readyState === WebSocket.OPEN) {
    state.filter.sent = text;
    socket.send(JSON.stringify({ filter: text }));
  }
  redraw('list');
}

function setMatch(match) {
  state.filter.match = match;
  state.viewStale = true;
  list.center = shownDelivery() !== null;
  redraw('list', 'detail');
}

function takeFiltered(message) {
  if (message.filter !== state.filter.sent) return;
  state.filter.error = message.error ?? null;
  if (message.error) {
    redraw('list');
    return;
  }
  state.filter.used = message.filter;
  setMatch(new Set(message.ids));
  say(`${counted(message.ids.length, 'delivery', 'deliveries')} found.`);
}

function takeMatches(message) {
  const { match, sent } = state.filter;
  if (message.filter !== sent || !match) return;
  for (const id of message.yes) match.add(id);
  for (const id of message.no) match.delete(id);
  state.viewStale = true;
  redraw('list', 'detail');
}

function setFilter(text) {
  filterBox.value = text;
  state.filter.text = text;
  markQuick();
  sendFilter();
  rememberFilter();
}

function rememberFilter() {
  const text = state.filter.text.trim();
  if (!text || state.filter.error) return;
  state.filter.kept = [text, ...state.filter.kept.filter((one) => one !== text)].slice(0, HISTORY);
  try { sessionStorage.setItem('filters', JSON.stringify(state.filter.kept)); } catch { /* It is a convenience. */ }
}

/**
 * Puts what was probably meant in place of the mistake. A suggestion is a whole term
 * (`is:failed`), a key (`status:`) or a value; only that much is replaced.
 */
function corrected(text, column, suggestion) {
  const chars = [...text];
  const ends = (c) => c === undefined || /[\s()]/.test(c);
  let start = Math.min(column - 1, chars.length);
  while (start > 0 && !ends(chars[start - 1])) start -= 1;
  if (chars[start] === '-') start += 1;
  let end = Math.max(start, column - 1);
  while (end < chars.length && !ends(chars[end])) end += 1;
  const word = chars.slice(start, end).join('');
  const colon = word.indexOf(':');
  let instead = suggestion;
  if (suggestion.endsWith(':') && colon >= 0) instead = suggestion + word.slice(colon + 1);
  else if (colon >= 0 && word.includes('|') && suggestion.startsWith(word.slice(0, colon + 1))) {
    const values = word.slice(colon + 1).split('|');
    let from = colon + 1 + start;
    const at = values.findIndex((one) => { from += [...one].length + 1; return column - 1 < from; });
    values[at < 0 ? 0 : at] = suggestion.slice(colon + 1);
    instead = word.slice(0, colon + 1) + values.join('|');
  } else if (colon >= 0 && !suggestion.includes(':') && !suggestion.startsWith('"')) instead = word.slice(0, colon + 1) + suggestion;
  return chars.slice(0, start).join('') + instead + chars.slice(end).join('');
}

/* ── Routes ──────────────────────────────────────────────────────────────────────────── */

function readRoute() {
  const [path] = location.hash.slice(1).split('?');
  const [, name, first, second] = path.split('/');
  if (name === 'deliveries' && /^\d+$/.test(first ?? '')) {
    return { name: 'delivery', id: Number(first), tab: TABS.some(([tab]) => tab === second) ? second : null };
  }
  if (name === 'compare' && /^\d+(@\d+)?$/.test(first ?? '') && /^\d+(@\d+)?$/.test(second ?? '')) {
    return { name: 'compare', a: first, b: second };
  }
  return { name: 'list' };
}

function addressOf(route) {
  if (route.name === 'delivery') return `#/deliveries/${route.id}${route.tab && route.tab !== 'payload' ? `/${route.tab}` : ''}`;
  return route.name === 'compare' ? `#/compare/${route.a}/${route.b}` : '#/';
}

/** The address with the filter, so that a reload and a link keep that too. */
function addressNow(route) {
  const text = state.filter.text.trim();
  return text ? `${addressOf(route)}?filter=${encodeURIComponent(text)}` : addressOf(route);
}

function writeAddress() {
  const address = addressNow(state.route);
  if (location.hash !== address && (location.hash || address !== '#/')) history.replaceState(history.state, '', address);
}

function go(route, replace = false) {
  const address = addressNow(route);
  // What is replaced has no more of this page before it than it had.
  if (address !== location.hash && replace) history.replaceState(history.state, '', address);
  else if (address !== location.hash) history.pushState({ inside: true }, '', address);
  enter(route);
}

function enter(route) {
  const before = shownDelivery();
  if (route.name === 'list') state.auto = before;
  state.route = route;
  if (route.name === 'delivery') {
    if (route.tab) state.tab = route.tab;
    else if (before !== route.id) state.tab = 'payload';
    if (before !== route.id) state.attempt = null;
  }
  redraw('panes', 'list', 'detail');
}

/** The delivery in the detail: the chosen one, else the newest while nothing was chosen. */
function shownDelivery() {
  const { route } = state;
  if (route.name === 'delivery') return route.id;
  if (route.name === 'compare') return Number.parseInt(route.b, 10);
  return NARROW.matches ? null : state.auto;
}

function select(id, { keyboard = false, open = false } = {}) {
  const inside = state.route.name === 'delivery';
  const tab = inside || state.auto !== null ? state.tab : null;
  if (NARROW.matches && !open && !inside) return;
  stopFollowing();
  go({ name: 'delivery', id, tab }, keyboard && inside);
  reveal(id);
}

function back() {
  if (state.route.name === 'list') return;
  if (history.state?.inside && NARROW.matches) history.back();
  else go({ name: 'list' });
}

let autoTimer = 0;
let autoAt = 0;

/** While the list follows and nothing is chosen, the detail shows the newest. */
function followDetail() {
  if (state.route.name !== 'list' || NARROW.matches) return;
  const newest = view().at(-1) ?? null;
  const wanted = state.follow || state.auto === null || !state.rows.has(state.auto) ? newest : state.auto;
  if (wanted === state.auto) return;
  const wait = autoAt + FOLLOW_PAUSE - Date.now();
  if (wait > 0 && state.auto !== null) {
    autoTimer ||= setTimeout(() => { autoTimer = 0; redraw('list', 'detail'); }, wait);
    return;
  }
  autoAt = Date.now();
  state.auto = wanted;
  state.attempt = null;
  redraw('detail');
}

/* ── The header ──────────────────────────────────────────────────────────────────────── */

const top = {};

function buildTop() {
  top.url = h('bdi', { class: 'captured mono url' });
  top.targetText = h('bdi', { class: 'captured mono url' });
  top.reach = h('span', { class: 'reach' });
  top.tunnel = h('span', { class: 'reach', hidden: true, data: { testid: 'tunnel' } });
  top.registered = h('span', { class: 'reach good', hidden: true, data: { testid: 'registered' } });
  top.kept = countOf('count-kept', 'kept');
  top.failed = countOf('count-failed', 'failed');
  top.invalid = countOf('count-invalid', 'invalid');
  top.secrets = h('span', { class: 'label' });
  top.secretButton = h('button', { type: 'button', class: 'button quiet', data: { live: '', testid: 'add-secret' }, onclick: secretDialog }, icon('key'), top.secrets);
  top.pause = h('button', {
    type: 'button', class: 'switch', role: 'switch', 'aria-checked': 'true', 'aria-label': 'Forwarding', title: 'Pause forwarding, or go on (p)',
    data: { live: '', testid: 'pause' }, onclick: togglePause,
  }, h('span', { class: 'knob', 'aria-hidden': 'true' }), top.pauseText = h('span', { class: 'label' }));
  top.notices = button('Notices', { class: 'quiet notices', hidden: true, onclick: noticesDrawer, data: { testid: 'notices' } }, 'warning');
  top.linkText = h('span', null);
  top.link = h('span', { class: 'connection', data: { testid: 'connection', state: 'connecting' } }, h('span', { class: 'lamp', 'aria-hidden': 'true' }), top.linkText);
  fill($('top'),
    h('h1', { class: 'brand' }, h('img', { src: '/icon.svg', alt: '', width: 22, height: 22 }), h('span', null, 'cmhook'), h('span', { class: 'hidden-text' }, ' web inspector')),
    h('div', { class: 'way' },
      h('div', { class: 'end' }, h('span', { class: 'hidden-text' }, 'Deliveries arrive at '), top.url, top.tunnel, top.registered,
        button('Copy the URL where deliveries arrive', { icononly: true, class: 'quiet small', title: 'Copy the URL where deliveries arrive (u)', data: { testid: 'copy-url' }, onclick: copyUrl }, 'copy')),
      icon('arrow', 'to'),
      h('div', { class: 'end' }, h('span', { class: 'hidden-text' }, 'and go to '), top.targetText, top.reach,
        button('Change the target', { icononly: true, class: 'quiet small', live: true, onclick: targetDialog, data: { live: '', testid: 'target-edit' } }, 'pencil')),
      top.pause),
    h('div', { class: 'counts' }, top.kept, top.failed, top.invalid),
    h('div', { class: 'tools' }, top.notices, top.secretButton,
      button('Trigger', { live: true, title: 'Send a sample event (t)', data: { live: '', testid: 'trigger' }, onclick: triggerDialog }, 'bolt'),
      button('Keys and help', { icononly: true, class: 'quiet help-button', onclick: helpDialog }, 'help'), top.link));
}

function countOf(testid, word) {
  return h('span', { class: `count ${word}` }, h('b', { data: { testid } }, '0'), ' ', word);
}

function setCount(el, n, title) {
  const number = el.firstChild;
  const text = grouped(n);
  if (number.textContent !== text) number.textContent = text;
  el.classList.toggle('some', n > 0);
  if (el.title !== title) el.title = title;
}

/** Where deliveries arrive from elsewhere: while the tunnel is broken, too. */
const publicUrl = () => state.status?.public_url ?? state.status?.tunnel?.public_url ?? null;

const arrival = () => publicUrl() ?? state.status?.url ?? '';

function copyUrl() {
  if (arrival()) copy(arrival(), publicUrl() ? 'The public URL' : 'The URL');
}

const TUNNEL = {
  online: ['good', 'online', 'Deliveries arrive through the relay'],
  connecting: ['none', 'connecting', 'The first connection to the relay is being made'],
  reconnecting: ['bad', 'lost', 'The connection to the relay is broken'],
  refused: ['bad', 'refused', 'The relay said no'],
};

function drawTunnel(tunnel) {
  top.tunnel.hidden = !tunnel;
  if (!tunnel) return;
  const [tone, word, title] = TUNNEL[tunnel.state] ?? ['none', tunnel.state, ''];
  const time = tunnel.round_trip_ms;
  top.tunnel.className = `reach ${tone}`;
  setText(top.tunnel, typeof time !== 'number' ? word : time < 1 ? '<1 ms' : `${Math.floor(time)} ms`);
  top.tunnel.title = `${title}, ${plain(tunnel.relay)}, since ${clock(Date.parse(tunnel.since))}${tunnel.waiting ? `; ${grouped(tunnel.waiting)} had waited` : ''}`;
}

function drawRegistered(registered) {
  top.registered.hidden = !registered.length;
  setText(top.registered, registered.length === 1 ? '1 event registered' : `${registered.length} events registered`);
  top.registered.title = ['Registered, and archived when cmhook stops:', ...registered.map(({ event, id }) => `${plain(event)} (${plain(id)})`)].join('\n');
}

const REACH = {
  reachable: ['good', 'reachable', 'It takes connections'],
  unreachable: ['bad', 'down', 'It takes no connections'],
  unknown: ['none', '', 'Nobody has tried yet whether it takes connections'],
};

function drawTop() {
  const { status } = state;
  const words = { online: 'live', offline: 'offline', connecting: 'connecting' };
  top.link.dataset.state = state.link;
  setText(top.linkText, words[state.link] ?? state.link);
  applyLive($('top'));
  if (!status) return;
  setText(top.url, plain(arrival()));
  top.url.title = publicUrl() ? `Deliveries arrive here, and at ${plain(status.url)} on this machine` : 'Deliveries arrive here';
  drawTunnel(status.tunnel);
  drawRegistered(status.registered);
  const more = status.targets.length > 1 ? ` +${status.targets.length - 1}` : '';
  const target = status.target ?? (status.targets[0] ? { url: status.targets[0], state: 'unknown', since: null } : null);
  setText(top.targetText, target ? plain(target.url) + more : 'no target');
  top.targetText.title = target ? status.targets.map(plain).join('\n') : 'Deliveries are kept and answered 200';
  top.targetText.classList.toggle('nowhere', !target);
  const [tone, word, title] = target ? REACH[target.state] ?? REACH.unknown : ['none', '', ''];
  top.reach.className = `reach ${tone}`;
  top.reach.hidden = !target;
  setText(top.reach, word);
  top.reach.title = title + (target?.since ? ` since ${clock(Date.parse(target.since))}` : '');
  top.pause.setAttribute('aria-checked', String(!status.paused));
  setText(top.pauseText, status.paused ? 'Paused' : 'Forwarding');
  const count = status.secrets.length;
  setText(top.secrets, count ? counted(count, 'secret') : 'Add secret');
  top.secretButton.title = count ? `Known: ${status.secrets.map(plain).join(', ')}. Add one more (s)` : 'Add the secret that signatures are checked with (s)';
  top.secretButton.setAttribute('aria-label', count ? `${counted(count, 'secret')} known, add a secret` : 'Add secret');
  setCount(top.kept, status.kept, `${counted(status.counts.received, 'delivery', 'deliveries')} since cmhook started`);
  setCount(top.failed, state.failed, 'Kept deliveries whose newest attempt failed, or was answered with 400 or more');
  setCount(top.invalid, state.invalid, 'Kept deliveries with an invalid signature');
  const notices = standing().length + Math.max(state.refused.length, status.counts.refused);
  top.notices.hidden = !notices;
  setText(top.notices.querySelector('.label'), counted(notices, 'notice'));
  top.notices.setAttribute('aria-label', counted(notices, 'notice'));
  drawQuick();
}

function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

/** Warnings that hold now, and those that were told while the page was open. */
function standing() {
  const now = state.status?.warnings ?? [];
  return [...now, ...state.warnings.filter((one) => !now.some((other) => other.code === one.code && other.message === one.message))];
}

/* ── Banners ─────────────────────────────────────────────────────────────────────────── */

let bannerKey = '';
let tunnelTimer = 0;

/** Why nothing comes through the tunnel, what to do, and when it is tried next. */
function tunnelBanner(tunnel, left) {
  if (!tunnel || tunnel.state === 'online') return null;
  if (tunnel.state === 'connecting') {
    return banner('tunnel-banner', 'info', `Connecting to the relay ${plain(tunnel.relay)}.`);
  }
  const what = tunnel.state === 'refused' ? 'The relay said no: ' : tunnel.public_url ? 'The tunnel to the relay is lost: ' : 'There is no tunnel to the relay yet: ';
  const next = left !== null ? (left > 0 ? `Next try in ${spanOf(left * 1000)}.` : 'Trying again.') : tunnel.state === 'reconnecting' ? 'Trying again.' : '';
  return banner('tunnel-banner', tunnel.state === 'refused' ? 'bad' : 'warn',
    [what, sentence(whole(tunnel.reason ?? '')), ' ', sentence(whole(tunnel.hint ?? '')), ' ', h('span', { 'aria-hidden': 'true' }, next)]);
}

/** Whole seconds to the tunnel's next try; they are counted down while they are shown. */
function tunnelLeft(tunnel) {
  clearTimeout(tunnelTimer);
  const at = tunnel?.next_at ? Date.parse(tunnel.next_at) - Date.now() : null;
  if (at === null || state.link !== 'online') return null;
  if (at > 0) tunnelTimer = setTimeout(() => redraw('banners'), at % 1000 || 1000);
  return Math.max(0, Math.ceil(at / 1000));
}

function drawBanners() {
  const { status, link } = state;
  const left = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  const tunnel = status?.tunnel && { ...status.tunnel, round_trip_ms: null };
  const next = tunnelLeft(tunnel);
  const key = JSON.stringify([link, link === 'offline' && left, status?.paused, status?.targets.length, status?.target, status?.warnings, tunnel, next]);
  if (bannerKey === key) return;
  bannerKey = key;
  const banners = [];
  if (link === 'offline') {
    banners.push(banner('offline', 'bad', ['cmhook is not running or cannot be reached. ', h('span', { 'aria-hidden': 'true' }, left ? `Trying again in ${left} s.` : 'Trying again.')],
      button('Retry', { class: 'small', onclick: retryNow }, 'replay')));
  }
  if (status?.paused) {
    banners.push(banner('paused', 'warn', 'Forwarding is paused: deliveries are kept and answered 503.',
      button('Resume', { class: 'small', live: true, onclick: togglePause }, 'play')));
  }
  if (link === 'online') banners.push(tunnelBanner(tunnel, next));
  if (status?.target?.state === 'unreachable' && link === 'online') {
    const { target } = status;
    banners.push(banner('target-down', 'warn', ['Your app cannot be reached', target.since ? ` since ${clock(Date.parse(target.since))}` : '', '. ', sentence(whole(target.reason ?? '')), ' ', sentence(whole(target.hint ?? ''))],
      button('Change the target', { class: 'small', live: true, onclick: targetDialog }, 'target')));
  }
  if (status && !status.targets.length) {
    banners.push(banner('no-target', 'info', 'Deliveries are kept and answered 200.', button('Set a target', { class: 'small', live: true, onclick: targetDialog }, 'target')));
  }
  for (const warning of (status?.warnings ?? []).slice(0, 2)) {
    banners.push(banner('warning', 'warn', [sentence(whole(warning.message)), ' ', sentence(whole(warning.hint ?? ''))]));
  }
  const box = $('banners');
  const focused = box.contains(document.activeElement) ? document.activeElement.textContent : null;
  fill(box, banners.filter(Boolean));
  applyLive(box);
  if (focused) [...box.querySelectorAll('button')].find((one) => one.textContent === focused)?.focus();
}

function banner(testid, tone, text, ...actions) {
  return h('div', { class: `banner ${tone}`, data: { testid } }, icon(tone === 'info' ? 'target' : 'warning'), h('p', null, text), actions);
}

/* ── The chart ───────────────────────────────────────────────────────────────────────── */

const chart = { width: 0 };
let chartTimer = 0;
let chartAt = 0;

function buildChart() {
  chart.told = h('p', { class: 'told' });
  chart.svg = s('svg', { class: 'plot', role: 'img', onpointermove: chartHover, onpointerleave: chartLeave, onclick: chartPick });
  chart.tip = h('div', { class: 'chart-tip', hidden: true });
  chart.fold = h('button', { type: 'button', class: 'button quiet small chart-fold', 'aria-expanded': 'true', 'aria-controls': 'plot', onclick: foldChart }, icon('fold'), h('span', { class: 'label' }, 'Chart'));
  chart.plot = h('div', { class: 'plot-box', id: 'plot' }, chart.svg, chart.tip);
  fill($('chart'), h('div', { class: 'chart-head' }, h('h2', null, 'Last 15 minutes'), chart.told,
    h('p', { class: 'legend-line', 'aria-hidden': 'true' }, ['fine', 'failed', 'p50', 'to p95'].map((name) => h('span', { class: name.replace('to ', '') }, name))), chart.fold), chart.plot);
  if (NARROW.matches) foldChart();
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width && width !== chart.width) { chart.width = width; chartSoon(); }
  }).observe(chart.plot);
  setInterval(() => redraw('chart'), 60_000);
}

function foldChart() {
  const open = chart.plot.hidden;
  chart.plot.hidden = !open;
  chart.fold.setAttribute('aria-expanded', String(open));
}

/** It costs a pass over the rows, so twice a second is enough. */
function chartSoon() {
  if (chartTimer) return;
  chartTimer = setTimeout(() => {
    chartTimer = 0;
    chartAt = Date.now();
    drawChart();
  }, Math.max(0, chartAt + 500 - Date.now()));
}

/** Counts and durations of each bucket, the oldest first. */
function bucketsOf(now) {
  const span = (CHART_MINUTES * 60_000) / CHART_BUCKETS;
  const end = Math.ceil(now / span) * span;
  const start = end - CHART_MINUTES * 60_000;
  const buckets = Array.from({ length: CHART_BUCKETS }, (_, at) => ({ from: start + at * span, to: start + (at + 1) * span, good: 0, bad: 0, took: [] }));
  view();
  for (let at = state.ids.length - 1; at >= 0; at -= 1) {
    const row = state.rows.get(state.ids[at]);
    // Ids grow with time, but for a hair.
    if (row.at < start - 60_000) break;
    const bucket = buckets[Math.floor((row.at - start) / span)];
    if (!bucket) continue;
    if (hasFailed(row)) bucket.bad += 1;
    else bucket.good += 1;
    if (row.took_ms !== null) bucket.took.push(row.took_ms);
  }
  for (const bucket of buckets) {
    bucket.took.sort((a, b) => a - b);
    bucket.p50 = percentile(bucket.took, 0.5);
    bucket.p95 = percentile(bucket.took, 0.95);
  }
  return buckets;
}

const PLOT = { bars: 38, gap: 8, line: 18 };

function drawChart() {
  const buckets = bucketsOf(Date.now());
  chart.buckets = buckets;
  const total = buckets.reduce((sum, one) => sum + one.good + one.bad, 0);
  const bad = buckets.reduce((sum, one) => sum + one.bad, 0);
  const all = buckets.flatMap((one) => one.took).sort((a, b) => a - b);
  const told = total
    ? `${counted(total, 'delivery', 'deliveries')}, ${grouped(bad)} failed${all.length ? `, p50 ${took(percentile(all, 0.5))}, p95 ${took(percentile(all, 0.95))}` : ''}`
    : 'No deliveries';
  setText(chart.told, told);
  chart.svg.setAttribute('aria-label', `Deliveries of the last 15 minutes: ${told}.`);
  if (!chart.width || chart.plot.hidden) return;
  const height = PLOT.bars + PLOT.gap + PLOT.line;
  chart.svg.setAttribute('viewBox', `0 0 ${chart.width} ${height}`);
  const step = chart.width / CHART_BUCKETS;
  const most = Math.max(4, ...buckets.map((one) => one.good + one.bad));
  const slowest = Math.max(1, ...buckets.map((one) => one.p95 ?? 0));
  const high = (ms) => PLOT.bars + PLOT.gap + PLOT.line - 1 - (Math.log1p(ms) / Math.log1p(slowest)) * (PLOT.line - 3);
  const marks = buckets.flatMap((one, at) => bucketMarks(one, at * step, step, most, high));
  chart.svg.replaceChildren(
    s('line', { class: 'base', x1: 0, x2: chart.width, y1: PLOT.bars + 0.5, y2: PLOT.bars + 0.5 }), ...marks,
    s('rect', { class: 'hover', x: 0, y: 0, width: step, height, visibility: 'hidden' }));
}

function bucketMarks(one, x, step, most, high) {
  const marks = [];
  const wide = Math.max(1, step - Math.min(3, step / 4));
  const tall = (n) => (n ? Math.max(2, (n / most) * (PLOT.bars - 2)) : 0);
  const bad = tall(one.bad);
  const good = tall(one.good);
  if (good) marks.push(s('rect', { class: 'ok', x, y: PLOT.bars - good - bad, width: wide, height: good, rx: 1 }));
  if (bad) marks.push(s('rect', { class: 'failed', x, y: PLOT.bars - bad, width: wide, height: bad, rx: 1 }));
  if (one.p50 !== null) {
    marks.push(s('rect', { class: 'spread', x, y: high(one.p95), width: wide, height: Math.max(1, high(one.p50) - high(one.p95)) }));
    marks.push(s('rect', { class: 'median', x, y: high(one.p50) - 1, width: wide, height: 2 }));
  }
  return marks;
}

function bucketAt(event) {
  const box = chart.svg.getBoundingClientRect();
  const at = Math.floor(((event.clientX - box.left) / box.width) * CHART_BUCKETS);
  return [at, chart.buckets?.[at], box];
}

function chartHover(event) {
  const [at, one, box] = bucketAt(event);
  const hover = chart.svg.querySelector('.hover');
  if (!one || !hover) return;
  const step = box.width / CHART_BUCKETS;
  hover.setAttribute('x', at * step);
  hover.setAttribute('visibility', 'visible');
  const times = one.took.length ? `p50 ${took(one.p50)}, p95 ${took(one.p95)}` : 'no attempts';
  fill(chart.tip, h('b', null, `${clock(one.from)}–${clock(one.to)}`), h('span', null, `${one.good} fine, ${one.bad} failed`), h('span', null, times));
  chart.tip.hidden = false;
  const left = Math.min(Math.max(0, at * step - 70), box.width - 170);
  chart.tip.style.transform = `translateX(${left}px)`;
}

function chartLeave() {
  chart.tip.hidden = true;
  chart.svg.querySelector('.hover')?.setAttribute('visibility', 'hidden');
}

/** A click on a bar asks for what came in then. */
function chartPick(event) {
  const [, one] = bucketAt(event);
  if (!one || !(one.good + one.bad)) return;
  setFilter(`after:${new Date(one.from).toISOString()} before:${new Date(one.to).toISOString()}`);
}

/* ── The list ────────────────────────────────────────────────────────────────────────── */

const list = { pool: new Map(), lastTop: 0, viewport: 0, height: 0, anchor: null, awaited: null };
let filterBox;

const QUICK = [['All', ''], ['Failed', 'is:failed'], ['Invalid', 'sig:invalid']];
const EXAMPLES = ['event:email.*', 'is:failed -is:replayed', 'status:5xx', 'sig:invalid|unsigned', 'took:>200ms', 'after:10m'];

function buildList() {
  filterBox = h('input', {
    type: 'text', class: 'filter', placeholder: 'Filter: event:email.* status:5xx', 'aria-label': 'Filter', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false',
    'aria-describedby': 'filter-error', list: 'filters', data: { testid: 'filter' }, oninput: filterTyped, onkeydown: filterKey, onchange: rememberFilter, onfocus: offerFilters,
  });
  list.offers = h('datalist', { id: 'filters' });
  list.clear = button('Clear the filter', { icononly: true, class: 'quiet small clear', hidden: true, onclick: () => { setFilter(''); filterBox.focus(); } }, 'cross');
  list.error = h('div', { class: 'filter-error', id: 'filter-error', data: { testid: 'filter-error' }, role: 'alert', hidden: true });
  list.quick = QUICK.map(([label, text]) => {
    const number = h('span', { class: 'number' });
    const el = h('button', { type: 'button', class: 'chip', 'aria-pressed': 'false', data: { testid: `quick-${label.toLowerCase()}` }, onclick: () => setFilter(text) }, h('span', null, label), number);
    return { el, number, text };
  });
  list.follow = h('button', { type: 'button', class: 'chip follow', 'aria-pressed': 'true', title: 'Follow the newest, or stay (f)', data: { testid: 'follow' }, onclick: toggleFollow }, icon('down'), h('span', null, 'Follow'));
  list.box = h('div', {
    id: 'list', class: 'list', role: 'listbox', tabIndex: 0, 'aria-label': 'Deliveries, the newest last', data: { testid: 'list' },
    onscroll: listScrolled, onclick: listClicked, onkeydown: listKey,
  });
  list.space = h('div', { class: 'space', role: 'presentation' });
  list.box.append(list.space);
  list.state = h('div', { class: 'list-state', hidden: true });
  list.below = h('button', { type: 'button', class: 'new-below', hidden: true, data: { testid: 'new-below' }, onclick: () => followNow() });
  fill($('list-pane'),
    h('div', { class: 'list-head' },
      h('div', { class: 'filter-box' }, icon('search'), filterBox, list.clear, list.offers), list.error,
      h('div', { class: 'quick', role: 'group', 'aria-label': 'Quick filters' }, list.quick.map((one) => one.el), list.found = h('span', { class: 'found' }), list.follow)),
    h('div', { class: 'columns', 'aria-hidden': 'true' }, ['#', 'Time', '', 'Event', '', 'App', 'Took'].map((text) => h('span', null, text))),
    h('div', { class: 'list-body' }, list.box, list.state, list.below));
  new ResizeObserver(([entry]) => { list.viewport = Math.round(entry.contentRect.height); redraw('list'); }).observe(list.box);
}

function offerFilters() {
  fill(list.offers, state.filter.kept.map((text) => h('option', { value: text })));
}

function filterKey(event) {
  if (event.key === 'Escape') {
    event.preventDefault();
    if (filterBox.value) setFilter('');
    else list.box.focus();
  } else if (event.key === 'Enter') {
    event.preventDefault();
    rememberFilter();
    list.box.focus();
  }
}

function markQuick() {
  const text = state.filter.text.trim();
  for (const one of list.quick) one.el.setAttribute('aria-pressed', String(one.text === text));
  list.clear.hidden = !filterBox.value;
}

function drawQuick() {
  const numbers = [state.rows.size, state.failed, state.invalid];
  list.quick.forEach((one, at) => {
    setText(one.number, grouped(numbers[at]));
    one.el.classList.toggle('bad', at > 0 && numbers[at] > 0);
  });
  markQuick();
}

function drawFilterError() {
  const { error, text } = state.filter;
  list.error.hidden = !error;
  filterBox.setAttribute('aria-invalid', String(Boolean(error)));
  const key = error ? JSON.stringify([error, text]) : '';
  if (list.errorKey === key) return;
  list.errorKey = key;
  if (!error) { fill(list.error); return; }
  const written = state.filter.sent;
  const chars = [...written];
  const at = Math.min(error.column - 1, chars.length);
  let end = at;
  while (end < chars.length && !/[\s()]/.test(chars[end])) end += 1;
  const marked = chars.slice(at, Math.max(end, at + 1)).join('') || ' ';
  fill(list.error,
    h('code', { class: 'where', 'aria-hidden': 'true' }, shown(chars.slice(0, at).join('')), h('u', null, shown(marked)), shown(chars.slice(Math.max(end, at + 1)).join(''))),
    h('p', null, h('span', { class: 'dim' }, `Column ${error.column}: `), sentence(whole(error.message))),
    error.suggestion ? h('button', {
      type: 'button', class: 'chip', data: { testid: 'filter-suggestion' },
      onclick: () => { setFilter(corrected(written, error.column, error.suggestion)); filterBox.focus(); },
    }, 'Use ', h('code', null, shown(error.suggestion))) : null);
}

/** A row's element; it is filled anew for another delivery. */
function makeRow() {
  const cell = (name) => h('span', { class: name });
  const cells = { id: cell('id'), time: cell('time'), verdict: cell('verdict'), event: h('bdi', { class: 'event captured' }), notes: cell('notes'), status: cell('status'), took: cell('took') };
  // Readers get a sentence in place of the cells.
  const told = h('span', { class: 'hidden-text' });
  const el = h('div', { class: 'row', role: 'option', data: { testid: 'row' } }, Object.values(cells), told);
  for (const one of Object.values(cells)) one.setAttribute('aria-hidden', 'true');
  return { el, cells, told, key: '' };
}

/** Forwarded for the first time, and not answered yet. */
const isAwaited = (row) => Boolean(row.pending) && row.attempts === 0;
const isReplaying = (row) => Boolean(row.pending) && row.attempts > 0;

function statusWord(row) {
  if (isAwaited(row)) return '…';
  if (row.error) return SHORT_FAILURE[row.error] ?? row.error;
  return row.status === null ? '–' : String(row.status);
}

function rowLabel(row) {
  const outcome = row.error ? `no answer: ${row.error}` : isAwaited(row) ? 'waiting for your app' : row.status === null ? 'not forwarded' : `answered ${row.status}`;
  const more = [waitedText(row), repeatsText(row), isReplaying(row) ? 'replaying' : '', row.replays ? `replayed ${row.replays === 1 ? 'once' : `${row.replays} times`}` : '', row.original ? `edited copy of ${row.original}` : '', row.marked ? 'marked' : ''].filter(Boolean);
  return [`#${row.id} ${plain(nameOf(row))}`, plain(verdictText(row.verdict)), outcome, took(row.took_ms), clock(row.at), ...more].filter(Boolean).join(', ');
}

function fillRow(item, row) {
  const key = `${row.id}|${row.verdict.status}|${row.status}|${row.error}|${row.took_ms}|${row.attempts}|${row.replays}|${row.marked}|${row.event}|${Boolean(row.pending)}|${row.queued_at}|${row.repeats}`;
  if (item.key === key) return;
  item.key = key;
  const { el, cells } = item;
  el.id = `row-${row.id}`;
  el.dataset.id = row.id;
  item.told.textContent = rowLabel(row);
  el.classList.toggle('look', needsALook(row));
  cells.id.textContent = row.id;
  cells.time.textContent = clock(row.at);
  cells.time.title = fullTime(row.at);
  const [sign, tone] = VERDICTS[row.verdict.status] ?? VERDICTS.unchecked;
  cells.verdict.className = `verdict ${tone}`;
  cells.verdict.title = plain(verdictText(row.verdict)) + (row.verdict.reason ? `: ${plain(row.verdict.reason)}` : '');
  if (item.sign !== sign) { item.sign = sign; fill(cells.verdict, icon(sign)); }
  fill(cells.event, shown(nameOf(row)));
  cells.event.classList.toggle('no-event', row.event === null);
  cells.event.title = row.event === null ? 'The payload names no event' : '';
  fill(cells.notes, row.queued_at ? h('span', { class: 'waited', title: `${whole(waitedText(row))} It came in there at ${fullTime(Date.parse(row.queued_at))}` }, icon('clock')) : null,
    row.repeats ? h('span', { title: `The relay ${repeatsText(row).replace('handed', 'handed it')}; it is kept once` }, `⇉${row.repeats}`) : null,
    row.original ? h('span', { title: `Edited copy of #${row.original}` }, icon('pencil')) : null,
    row.replays ? h('span', { title: `Replayed ${row.replays === 1 ? 'once' : `${row.replays} times`}` }, `↻${row.replays}`) : null,
    row.marked ? h('span', { class: 'star', title: 'Marked' }, icon('star')) : null,
    isReplaying(row) ? h('span', { class: 'under-way' }, 'replaying…') : null);
  cells.status.className = `status ${toneOf(row.status, row.error)}`;
  cells.status.textContent = statusWord(row);
  cells.status.title = isAwaited(row) ? 'waiting for your app' : row.error ? `${LONG_FAILURE[row.error] ?? row.error}` : row.status === null ? 'Not forwarded' : `${row.status} ${REASONS[row.status] ?? ''}`;
  cells.took.textContent = took(row.took_ms);
}

const NARROW_ROW = () => (NARROW.matches ? 44 : ROW_HEIGHT);
let rowHeight = ROW_HEIGHT;

/** Remembers what is at the top of the window, so that it stays there when rows come and go. */
function keepAnchor() {
  if (state.follow || !list.shownIds?.length) { list.anchor = null; return; }
  const first = Math.min(list.shownIds.length - 1, Math.floor(list.lastTop / rowHeight));
  list.anchor = { id: list.shownIds[first], offset: list.lastTop - first * rowHeight };
}

/**
 * Where the list is to be scrolled to. It is done after the rows are in place, since asking
 * the document in between would lay it out twice.
 */
function scrollListTo(y) {
  list.lastTop = Math.max(0, Math.min(y, list.height - list.viewport));
  list.scrollPending = true;
}

function drawList() {
  drawFilterError();
  drawQuick();
  followDetail();
  const before = list.shownIds;
  const ids = view();
  rowHeight = NARROW_ROW();
  if (before !== ids) keepAnchor();
  list.shownIds = ids;
  const height = ids.length * rowHeight;
  if (list.height !== height) { list.height = height; list.space.style.height = `${height}px`; list.scrollPending = true; }
  $('list-pane').classList.toggle('scrolls', height > list.viewport);
  list.lastTop = Math.max(0, Math.min(list.lastTop, height - list.viewport));
  const selected = shownDelivery();
  const place = list.center && selected !== null ? placeOf(ids, selected) : -1;
  // One that has not been fetched yet is waited for.
  if (place >= 0 && (ids[place] === selected || olderThan === null) && state.loaded) list.center = false;
  if (state.follow) scrollListTo(height);
  // One that was just sent may reach the list after its answer.
  else if (list.awaited !== null && ids[placeOf(ids, list.awaited)] === list.awaited) scrollIntoList(placeOf(ids, list.awaited) * rowHeight);
  // After another filter, what is selected is what the eye looks for.
  else if (ids[place] === selected && place >= 0) scrollListTo(place * rowHeight - Math.floor((list.viewport - rowHeight) / 2));
  else if (list.anchor && before !== ids) scrollListTo(placeOf(ids, list.anchor.id) * rowHeight + list.anchor.offset);
  if (list.awaited !== selected || state.rows.has(list.awaited)) list.awaited = null;
  drawRows(ids);
  if (list.scrollPending) {
    list.scrollPending = false;
    if (list.placedTop !== list.lastTop || list.placedHeight !== height) list.box.scrollTop = list.lastTop;
    list.placedTop = list.lastTop;
    list.placedHeight = height;
  }
  drawBelow(ids);
  drawListState(ids);
}

function drawRows(ids) {
  const { viewport, lastTop } = list;
  const first = Math.max(0, Math.floor(lastTop / rowHeight) - OVERSCAN);
  const last = Math.min(ids.length, Math.ceil((lastTop + viewport) / rowHeight) + OVERSCAN);
  const wanted = new Map();
  for (let at = first; at < last; at += 1) wanted.set(ids[at], at);
  const spare = [];
  for (const [id, item] of list.pool) if (!wanted.has(id)) { list.pool.delete(id); spare.push(item); }
  const selected = shownDelivery();
  for (const [id, at] of wanted) {
    let item = list.pool.get(id);
    if (!item) {
      item = spare.pop() ?? makeRow();
      if (!item.el.isConnected) list.space.append(item.el);
      list.pool.set(id, item);
    }
    fillRow(item, state.rows.get(id));
    placeRow(item, at, ids.length, id === selected);
  }
  for (const item of spare) item.el.remove();
  const active = selected !== null && wanted.has(selected) ? `row-${selected}` : null;
  const lowest = ids[Math.min(ids.length, Math.floor((lastTop + viewport) / rowHeight)) - 1];
  if (lowest > state.seen) state.seen = lowest;
  if (active) list.box.setAttribute('aria-activedescendant', active);
  else list.box.removeAttribute('aria-activedescendant');
}

function placeRow(item, at, count, selected) {
  const { el } = item;
  if (item.at !== at || item.height !== rowHeight) {
    item.at = at;
    item.height = rowHeight;
    el.style.transform = `translateY(${at * rowHeight}px)`;
    el.setAttribute('aria-posinset', at + 1);
  }
  if (item.count !== count) { item.count = count; el.setAttribute('aria-setsize', count); }
  if (item.selected !== selected) { item.selected = selected; el.setAttribute('aria-selected', String(selected)); }
}

function drawBelow(ids) {
  list.follow.setAttribute('aria-pressed', String(state.follow));
  const fresh = state.follow ? 0 : ids.length - placeOf(ids, state.seen + 1);
  list.below.hidden = fresh <= 0;
  if (fresh > 0) setText(list.below, `${grouped(fresh)} new ↓`);
  const { match, error, used } = state.filter;
  const count = match ? `${grouped(ids.length)} of ${grouped(state.ids.length)}` : '';
  // A wrong filter changes nothing in the list.
  const still = match ? `, still showing: ${used}` : 'Still showing all';
  setText(list.found, error ? count + plain(still) : count);
  list.found.title = list.found.textContent;
}

function drawListState(ids) {
  const kind = ids.length ? '' : !state.loaded ? 'loading' : state.rows.size ? 'nothing' : 'empty';
  list.box.setAttribute('aria-busy', String(kind === 'loading'));
  const key = kind && `${kind}|${arrival()}|${state.status?.registered.length}|${state.status?.targets.length}`;
  if (list.stateKey === key) return;
  list.stateKey = key;
  list.state.hidden = !kind;
  list.state.className = `list-state ${kind}`;
  if (kind === 'loading') fill(list.state, Array.from({ length: 9 }, () => h('div', { class: 'bone' })));
  else if (kind === 'nothing') fill(list.state, nothingFound());
  else if (kind === 'empty') fill(list.state, emptyList());
  else fill(list.state);
  applyLive(list.state);
}

function chips(texts) {
  return h('p', { class: 'chips' }, texts.map((text) => h('button', { type: 'button', class: 'chip', onclick: () => setFilter(text) }, h('code', null, text))));
}

function nothingFound() {
  return [h('p', { class: 'lead' }, 'No delivery passes the filter.'), button('Clear the filter', { onclick: () => setFilter('') }, 'cross'),
    h('p', { class: 'dim' }, 'Others to try:'), chips(EXAMPLES)];
}

function emptyList() {
  const registered = state.status?.registered ?? [];
  const url = registered.length ? registered[0].url : arrival();
  const curl = `curl -d '{"event":"email.opened"}' -H 'Content-Type: application/json' ${url}`;
  return h('div', { data: { testid: 'empty' } },
    h('p', { class: 'lead' }, 'No deliveries yet'),
    h('p', null, pointing(registered.length)),
    copyLine(url, 'The URL'),
    h('p', null, 'or send a sample:'),
    button('Send a sample', { class: 'primary', live: true, onclick: triggerDialog }, 'bolt'),
    h('p', null, 'From a shell:'), copyLine(curl, 'The command'));
}

function pointing(registered) {
  if (!registered) return 'Point your webhook at';
  return registered === 1 ? '1 webhook points here' : `${registered} webhooks point here`;
}

function copyLine(text, what) {
  return h('div', { class: 'copy-line' }, h('code', null, shown(text)), button('Copy', { icononly: true, class: 'quiet small', onclick: () => copy(text, what) }, 'copy'));
}

function listScrolled() {
  const y = list.box.scrollTop;
  if (Math.abs(y - list.lastTop) >= 1 && !list.scrollPending) {
    list.lastTop = y;
    list.placedTop = y;
    const atEnd = y + list.viewport >= list.height - 2;
    if (atEnd !== state.follow) {
      if (atEnd) state.follow = true;
      else stopFollowing();
    }
  }
  redraw('list');
}

function stopFollowing() {
  if (!state.follow) return;
  state.follow = false;
  state.seen = Math.max(state.seen, state.newest);
  redraw('list');
}

/** Follows again; what was chosen stays chosen. */
function followNow() {
  state.follow = true;
  list.box.focus({ preventScroll: true });
  redraw('list');
}

function toggleFollow() {
  if (state.follow) stopFollowing();
  else followNow();
}

/** To the newest, and on with it. */
function toNewest() {
  state.follow = true;
  autoAt = 0;
  state.auto = view().at(-1) ?? null;
  if (NARROW.matches) { if (state.route.name === 'delivery' && state.auto !== null) go({ name: 'delivery', id: state.auto, tab: state.tab }, true); } else {
    const newest = state.auto;
    go({ name: 'list' });
    state.auto = newest;
  }
  redraw('list', 'detail');
}

function reveal(id) {
  const ids = view();
  const at = placeOf(ids, id);
  if (ids[at] !== id) return;
  scrollIntoList(at * rowHeight);
  redraw('list');
}

/** Scrolls no further than it takes. */
function scrollIntoList(y) {
  if (y < list.lastTop) scrollListTo(y);
  else if (y + rowHeight > list.lastTop + list.viewport) scrollListTo(y + rowHeight - list.viewport);
}

function listClicked(event) {
  const row = event.target.closest('.row');
  if (row) select(Number(row.dataset.id), { open: true });
}

/** Moves the selection by rows; in the list's own order. */
function move(by) {
  const ids = view();
  if (!ids.length) return;
  const id = shownDelivery();
  const at = id === null ? ids.length : placeOf(ids, id);
  const here = ids[at] === id;
  const to = by > 0 && !here ? at + by - 1 : at + by;
  const next = ids[Math.max(0, Math.min(ids.length - 1, to))];
  if (next !== id) select(next, { keyboard: true, open: NARROW.matches && state.route.name === 'delivery' });
}

function moveToFailed(direction) {
  const ids = view();
  const id = shownDelivery();
  let at = id === null ? (direction > 0 ? -1 : ids.length) : placeOf(ids, id);
  if (direction > 0 && id !== null && ids[at] !== id) at -= 1;
  for (at += direction; at >= 0 && at < ids.length; at += direction) {
    if (needsALook(state.rows.get(ids[at]))) { select(ids[at], { keyboard: true, open: true }); return; }
  }
  say(direction > 0 ? 'No later one failed.' : 'No earlier one failed.');
}

function listKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const page = Math.max(1, Math.floor(list.viewport / rowHeight) - 1);
  const moves = { ArrowDown: () => move(1), ArrowUp: () => move(-1), PageDown: () => move(page), PageUp: () => move(-page), Home: () => select(view()[0], { keyboard: true }), End: toNewest, Enter: enterDetail, ArrowRight: enterDetail };
  const act = moves[event.key];
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  if (view().length) act();
}

function enterDetail() {
  const id = shownDelivery() ?? view().at(-1);
  if (id === undefined || id === null) return;
  if (state.route.name !== 'delivery') select(id, { open: true });
  requestAnimationFrame(() => requestAnimationFrame(() => detail.panel.focus({ preventScroll: true })));
}

/** On a narrow window one pane is seen at a time. */
function drawPanes() {
  document.body.classList.toggle('in-detail', state.route.name !== 'list');
}

/* ── Whole deliveries ────────────────────────────────────────────────────────────────── */

/**
 * What was fetched, by id: the delivery, whether it is out of date, and the answers that
 * are fetched for single tabs.
 * @type {Map<number, {data: ?object, error: ?ApiError, stale: boolean, asking: boolean, revision: number, extra: Map<string, any>}>}
 */
const details = new Map();
const DETAILS = 40;

function entryOf(id) {
  let entry = details.get(id);
  if (!entry) {
    entry = { data: null, error: null, stale: true, asking: false, revision: 0, extra: new Map(), trees: new Map() };
    details.set(id, entry);
    if (details.size > DETAILS) details.delete(details.keys().next().value);
  }
  return entry;
}

/** Its row changed, or we may have missed that. */
function forgetDetail(id) {
  for (const [one, entry] of details) {
    if (id === undefined || one === id) {
      entry.stale = true;
      for (const name of [...entry.extra.keys()]) if (name === 'signature' || name.startsWith('diff')) entry.extra.delete(name);
    }
  }
  redraw('detail');
}

let fetchTimer = 0;
let fetchAt = 0;

/** Holding `j` down must not ask for each one that is passed. */
function needDetail(id) {
  const entry = entryOf(id);
  if (!entry.stale || entry.asking) return entry;
  clearTimeout(fetchTimer);
  const wait = Date.now() - fetchAt < 150 ? 90 : 0;
  fetchAt = Date.now();
  fetchTimer = setTimeout(() => fetchDetail(id), wait);
  return entry;
}

async function fetchDetail(id) {
  const entry = entryOf(id);
  entry.asking = true;
  entry.stale = false;
  try {
    entry.data = await askJson('GET', `/deliveries/${id}?bodies=${BODY_LIMIT}`);
    entry.error = null;
    entry.revision += 1;
  } catch (error) {
    if (error.status === 0) entry.stale = true;
    if (error.status === 404) entry.data = null;
    entry.error = error;
  } finally {
    entry.asking = false;
  }
  redraw('detail');
}

/** Something that a tab needs besides; drawn again once it is there. */
function extra(entry, name, get) {
  const known = entry.extra.get(name);
  if (known) return known;
  const slot = { value: null, error: null, done: false };
  entry.extra.set(name, slot);
  get().then((got) => { slot.value = got; }, (error) => {
    slot.error = error;
    if (error.status === 0) entry.extra.delete(name);
  }).finally(() => { slot.done = true; entry.revision += 1; redraw('detail'); });
  return slot;
}

const signatureOf = (id, entry) => extra(entry, 'signature', () => askJson('GET', `/deliveries/${id}/signature`));

/* ── The detail ──────────────────────────────────────────────────────────────────────── */

const detail = { key: '', shown: null };

function buildDetail() {
  detail.back = button('Deliveries', { class: 'quiet back', onclick: back }, 'left');
  detail.title = h('h2', { class: 'title', tabIndex: -1 });
  detail.sub = h('p', { class: 'sub' });
  detail.actions = buildActions();
  detail.banners = h('div', { class: 'why-box' });
  detail.tabs = h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Parts of the delivery', onkeydown: tabKey }, TABS.map(([name, label], at) => h('button', {
    type: 'button', role: 'tab', id: `tab-${name}`, class: 'tab', 'aria-controls': 'panel', data: { testid: `tab-${name}`, tab: name }, title: `${label} (${at + 1})`,
    onclick: () => chooseTab(name),
  }, label)));
  detail.panel = h('div', { class: 'panel', id: 'panel', role: 'tabpanel', tabIndex: 0, data: { testid: 'panel' } });
  detail.nobody = h('div', { class: 'nobody' });
  detail.compare = h('div', { class: 'compare-view', data: { testid: 'compare-view' }, hidden: true });
  detail.body = h('div', { class: 'detail' }, h('div', { class: 'detail-head' }, detail.back, detail.title, detail.sub, detail.actions), detail.banners, detail.tabs, detail.panel);
  const pane = fill($('detail-pane'), detail.body, detail.compare, detail.nobody);
  // Whoever works in the detail wants it to stay.
  pane.addEventListener('pointerdown', pin);
  pane.addEventListener('keydown', (event) => { if (event.key !== 'Tab' && event.key !== 'Shift') pin(); });
}

/** What is worked with stays, so nothing is followed from then on. */
function pin() {
  if (state.route.name !== 'list' || state.auto === null || detail.body.hidden) return;
  stopFollowing();
  go({ name: 'delivery', id: state.auto, tab: state.tab });
}

function buildActions() {
  const act = (testid, label, run, name, props) => button(label, { live: true, onclick: run, ...props, data: { live: '', testid } }, name);
  detail.replay = act('replay', 'Replay', () => replay(shownDelivery()), 'replay', { class: 'primary', title: 'Send the same bytes once more (r)' });
  detail.mark = act('mark', 'Mark', () => toggleMark(shownDelivery()), 'star', { title: 'Mark it, or take its mark away (m)', 'aria-pressed': 'false' });
  detail.copy = button('Copy', { 'aria-haspopup': 'menu', 'aria-expanded': 'false', title: 'Copy … (c)', onclick: copyMenu, data: { testid: 'copy' } }, 'copy');
  detail.export = button('Export', { 'aria-haspopup': 'menu', 'aria-expanded': 'false', title: 'Export as … (x)', onclick: exportMenu, data: { live: '', testid: 'export' } }, 'download');
  detail.compareButton = act('compare', 'Compare', compareMenu, 'compare', { 'aria-haspopup': 'menu', 'aria-expanded': 'false', title: 'Compare with another (=)' });
  detail.edit = act('edit', 'Edit & send', () => editDialog(shownDelivery()), 'pencil', { title: 'Edit it and send it as a new delivery (e)' });
  return h('div', { class: 'actions', role: 'toolbar', 'aria-label': 'Actions' }, detail.replay, detail.edit,
    detail.compareButton, detail.mark, detail.copy, detail.export,
    act('delete', 'Delete', () => deleteDialog(shownDelivery()), 'trash', { class: 'quiet danger', icononly: true }));
}

function chooseTab(name) {
  state.tab = name;
  const { route } = state;
  if (route.name === 'delivery') go({ name: 'delivery', id: route.id, tab: name }, true);
  redraw('detail');
}

function tabKey(event) {
  const at = TABS.findIndex(([name]) => name === state.tab);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  chooseTab(TABS[(to + TABS.length) % TABS.length][0]);
  $(`tab-${state.tab}`).focus();
}

function drawDetail() {
  const id = shownDelivery();
  const comparing = state.route.name === 'compare';
  detail.compare.hidden = !comparing;
  if (comparing) {
    detail.body.hidden = true;
    detail.nobody.hidden = true;
    drawCompare();
    return;
  }
  detail.compareKey = '';
  const row = id === null ? null : state.rows.get(id);
  const entry = id === null ? null : needDetail(id);
  const gone = entry?.error?.status === 404 && !row;
  detail.body.hidden = id === null || gone || (!row && !entry.data);
  detail.nobody.hidden = !detail.body.hidden;
  if (detail.body.hidden) { drawNobody(id, gone, entry); return; }
  if (detail.shown !== id) {
    detail.shown = id;
    detail.panel.scrollTop = 0;
    $('detail-pane').scrollTop = 0;
    detail.headKey = detail.whyKey = detail.panelKey = '';
  }
  drawHead(id, row ?? rowOf(entry.data));
  drawTabs(entry);
  drawWhy(id, row ?? rowOf(entry.data), entry);
  drawPanel(id, entry);
  applyLive(detail.body);
  detail.replay.disabled ||= busy.has(id);
}

/** A row's fields out of a whole delivery, for one that the list has not got yet. */
function rowOf(data) {
  const { request } = data;
  return { ...data, at: Date.parse(data.received_at), method: request.method, path: request.path, query: request.query, size: request.size, attempts: data.attempts.length };
}

function drawNobody(id, gone, entry) {
  const failed = entry?.error && !gone;
  const ahead = gone && state.loaded && id > Math.max(state.newest, state.status.counts.received);
  const key = `${id}|${gone}|${ahead && state.newest}|${failed}|${state.loaded}|${state.rows.size > 0}`;
  if (detail.nobodyKey === key) return;
  detail.nobodyKey = key;
  const home = button('Deliveries', { class: 'back', onclick: back }, 'left');
  if (ahead) {
    fill(detail.nobody, home, h('p', { class: 'lead', data: { testid: 'gone' } }, `There is no delivery #${id} yet.`),
      state.newest ? h('p', { class: 'dim' }, `The newest is #${state.newest}.`) : null, button('To the newest', { onclick: toNewest }, 'down'));
  } else if (gone) {
    fill(detail.nobody, home, h('p', { class: 'lead', data: { testid: 'gone' } }, `#${id} is no longer kept`),
      h('p', { class: 'dim' }, 'It was deleted, or left the store to make room for newer ones.'), button('To the newest', { onclick: toNewest }, 'down'));
  } else if (failed) fill(detail.nobody, home, h('p', { class: 'lead' }, `#${id} cannot be shown`), h('p', { class: 'dim' }, whole(entry.error.message)));
  else if (id !== null) fill(detail.nobody, home, h('div', { class: 'bone wide' }), h('div', { class: 'bone' }), h('div', { class: 'bone' }));
  else if (state.loaded && !state.rows.size) fill(detail.nobody, welcome());
  else fill(detail.nobody, state.loaded ? h('p', { class: 'dim' }, 'Select a delivery to see it here.') : null);
}

function welcome() {
  return h('div', { class: 'welcome' }, h('p', { class: 'lead' }, 'What comes in is shown here'),
    h('ul', null,
      h('li', null, h('b', null, 'Payload, headers and response'), ' of every delivery, byte for byte'),
      h('li', null, h('b', null, 'The signature'), ', and why it fails or your app refuses it'),
      h('li', null, h('b', null, 'Replay'), ' with ', h('kbd', null, 'r'), ', edit and send with ', h('kbd', null, 'e'), ', all keys with ', h('kbd', null, '?'))));
}

function statusChip(status, error) {
  const text = error ? error : status === null ? 'not forwarded' : `${status} ${REASONS[status] ?? ''}`.trim();
  return h('span', { class: `status-chip ${toneOf(status, error)}` }, plain(text));
}

function drawHead(id, row) {
  const key = JSON.stringify([id, row, busy.has(id)]);
  if (detail.headKey === key) return;
  detail.headKey = key;
  const [sign, tone] = VERDICTS[row.verdict.status] ?? VERDICTS.unchecked;
  fill(detail.title, h('span', { class: 'number' }, `#${id}`), ' ', row.event === null ? h('span', { class: 'dim' }, 'no event') : value(row.event), ' ',
    isAwaited(row) ? h('span', { class: 'status-chip none' }, 'waiting for your app…') : statusChip(row.status, row.error), isReplaying(row) ? h('span', { class: 'under-way' }, 'replaying…') : null);
  const verdict = h('button', { type: 'button', class: `verdict-line ${tone}`, title: plain(row.verdict.reason ?? 'What is said of the signature'), onclick: () => chooseTab('signature') },
    icon(sign), h('span', null, sentence(verdictText(row.verdict))));
  const notes = [
    row.queued_at ? h('span', { title: `It came in there at ${fullTime(Date.parse(row.queued_at))}`, data: { testid: 'waited' } }, `${waitedText(row)} since ${fullTime(Date.parse(row.queued_at)).slice(0, 19)}`) : null,
    repeatsText(row) || null,
    row.original ? h('a', { href: `#/deliveries/${row.original}` }, `edited copy of #${row.original}`) : null,
    row.replays ? `replayed ${row.replays === 1 ? 'once' : `${row.replays} times`}` : null,
    row.took_ms !== null ? took(row.took_ms) : null, size(row.size),
  ].filter(Boolean);
  fill(detail.sub, verdict, h('span', { class: 'mono' }, value(`${row.method} ${row.path}${row.query === null ? '' : `?${row.query}`}`)),
    notes.map((note) => h('span', null, note)), h('time', { datetime: row.received_at, title: `From ${plain(row.peer)}` }, fullTime(row.at).slice(0, 19)));
  detail.mark.setAttribute('aria-pressed', String(row.marked));
  setText(detail.mark.querySelector('.label'), row.marked ? 'Marked' : 'Mark');
  detail.replay.dataset.busy = String(busy.has(id));
  setText(detail.replay.querySelector('.label'), busy.has(id) ? 'Replaying …' : 'Replay');
  detail.replay.classList.toggle('busy', busy.has(id));
}

function drawTabs(entry) {
  for (const tab of detail.tabs.children) {
    const on = tab.dataset.tab === state.tab;
    tab.setAttribute('aria-selected', String(on));
    tab.tabIndex = on ? 0 : -1;
    if (tab.dataset.tab === 'attempts') {
      const count = entry.data?.attempts.length ?? 0;
      setText(tab, count > 1 ? `Attempts ${count}` : 'Attempts');
    }
  }
  detail.panel.setAttribute('aria-labelledby', `tab-${state.tab}`);
}

/* ── Why it failed ───────────────────────────────────────────────────────────────────── */

/** The beginning of a text body, on one line. */
function beginning(text, most = 240) {
  const line = text.replace(/<(script|style)[\s\S]*?<\/\1>/gi, ' ').replace(/^\s*<[\s\S]*$/, (html) => html.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').trim();
  const chars = [...line];
  return chars.length > most ? `${chars.slice(0, most).join('')}…` : line;
}

function drawWhy(id, row, entry) {
  const attempt = entry.data?.attempts.at(-1);
  // Which answers tell of the signature is known to cmhook, not here.
  const refused = attempt && (attempt.status === 400 || attempt.status === 401 || attempt.status === 403 || attempt.status >= 500);
  const failed = attempt ? attempt.outcome === 'failed' || attempt.status >= 400 : false;
  const wrong = row.verdict.status === 'invalid';
  const told = (refused || wrong) && entry.data ? signatureOf(id, entry) : null;
  const key = JSON.stringify([id, failed, attempt?.n, attempt?.status, wrong, told?.done, told?.value?.title, told?.value?.app?.statement, busy.has(id)]);
  if (detail.whyKey === key) return;
  if (!entry.data && detail.whyKey) return;
  detail.whyKey = key;
  const focused = detail.banners.contains(document.activeElement);
  fill(detail.banners, failed ? whyBanner(id, attempt, refused ? told : null) : null,
    wrong && !(failed && refused && told?.value?.app) ? signatureBanner(row, told?.value) : null);
  applyLive(detail.banners);
  if (focused) (detail.banners.querySelector('button:not(:disabled)') ?? detail.panel).focus({ preventScroll: true });
}

function whyBanner(id, attempt, told) {
  const again = button(busy.has(id) ? 'Replaying …' : 'Replay', { class: `small${busy.has(id) ? ' busy' : ''}`, live: true, onclick: () => replay(id), data: { live: '', testid: 'why-replay', busy: String(busy.has(id)) } }, 'replay');
  const app = told?.value?.app;
  const lines = [];
  let title;
  const more = [];
  if (attempt.outcome === 'failed') {
    title = LONG_FAILURE[attempt.error.code] ?? 'There was no answer';
    lines.push(h('p', null, sentence(whole(attempt.error.message)), ' ', attempt.error.hint ? sentence(whole(attempt.error.hint)) : null));
  } else {
    title = `Your app answered ${attempt.status} ${REASONS[attempt.status] ?? ''}`.trim();
    if (app) {
      lines.push(h('p', null, sentence(whole(app.statement))));
      lines.push(app.findings.length === 1 ? finding(app.findings[0]) : findings(app.findings));
      more.push(button('See the signature', { class: 'small quiet', onclick: () => chooseTab('signature') }));
    } else {
      const body = attempt.response?.body_encoding === 'utf8' ? beginning(attempt.response.body) : '';
      lines.push(body ? h('p', { class: 'said' }, value(body)) : h('p', null, 'It said nothing more.'));
      more.push(button('See the response', { class: 'small quiet', onclick: () => chooseTab('response') }));
    }
  }
  return h('div', { class: 'why bad', data: { testid: 'banner-why' } }, icon('warning'), h('div', { class: 'why-text', tabIndex: 0, role: 'group', 'aria-label': 'Why it failed' }, h('p', { class: 'why-title' }, title), lines), h('div', { class: 'why-actions' }, again, more));
}

function signatureBanner(row, told) {
  const finding = told?.findings?.[0];
  return h('div', { class: 'why warn', data: { testid: 'banner-signature' } }, icon('cross'), h('div', { class: 'why-text', tabIndex: 0, role: 'group', 'aria-label': 'Why it failed' },
    h('p', { class: 'why-title' }, 'The signature is wrong'), h('p', null, sentence(whole(finding?.message ?? row.verdict.reason ?? ''))),
    finding?.fix ? h('p', { class: 'fix' }, h('b', null, 'Fix: '), sentence(whole(finding.fix))) : null),
  h('div', { class: 'why-actions' }, button('See the signature', { class: 'small quiet', onclick: () => chooseTab('signature') })));
}

/* ── Panels ──────────────────────────────────────────────────────────────────────────── */

const PANELS = { payload: payloadPanel, headers: headersPanel, response: responsePanel, attempts: attemptsPanel, signature: signaturePanel, raw: rawPanel };
/** Tabs whose content cannot change once the delivery is kept. */
const FIXED = new Set(['payload', 'headers', 'raw']);

function drawPanel(id, entry) {
  const { tab } = state;
  if (!entry.data) {
    const key = `${id}|waiting|${entry.error?.message ?? ''}`;
    if (detail.panelKey === key) return;
    detail.panelKey = key;
    fill(detail.panel, entry.error ? h('p', { class: 'dim pad' }, whole(entry.error.message)) : [h('div', { class: 'bone wide' }), h('div', { class: 'bone' }), h('div', { class: 'bone' })]);
    return;
  }
  const fetched = [...entry.extra].filter(([name, slot]) => slot.done && name.endsWith(tab)).length;
  const key = FIXED.has(tab) ? `${id}|${tab}|${fetched}` : `${id}|${tab}|${entry.revision}|${state.attempt}|${state.status?.secrets.length}|${Boolean(state.rows.get(id)?.pending)}`;
  if (detail.panelKey === key) return;
  const scroll = detail.panelKey.startsWith(`${id}|${tab}|`) ? detail.panel.scrollTop : 0;
  const focused = detail.panel.contains(document.activeElement) && document.activeElement.dataset.keep;
  detail.panelKey = key;
  fill(detail.panel, PANELS[tab](id, entry));
  detail.panel.scrollTop = scroll;
  if (focused) detail.panel.querySelector(`[data-keep="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function waiting() {
  return [h('div', { class: 'bone wide' }), h('div', { class: 'bone' }), h('div', { class: 'bone' })];
}

const headerOf = (headers, name) => headers.find(([one]) => one.toLowerCase() === name)?.[1] ?? '';

function bodyOf(part, headers, url, file) {
  const text = part.body_encoding === 'utf8' ? part.body : null;
  return {
    text, bytes: part.body_encoding === 'base64' ? fromBase64(part.body) : null, size: part.size,
    type: headerOf(headers, 'content-type').toLowerCase(), omitted: part.body_encoding === 'omitted', url, file,
  };
}

function payloadPanel(id, entry) {
  const { request } = entry.data;
  return bodyView('payload', entry, bodyOf(request, request.headers, `/deliveries/${id}/body`, `delivery-${id}`));
}

function headersPanel(id, entry) {
  const { request } = entry.data;
  return [
    h('div', { class: 'panel-bar' }, h('span', { class: 'dim' }, counted(request.headers.length, 'header')),
      h('span', { class: 'space' }), button('Copy all', { class: 'small', onclick: () => copy(headerLines(request.headers), 'The headers') }, 'copy')),
    headerTable(request.headers, 'Headers of the request'),
    h('h3', null, 'Query'), request.query === null ? h('p', { class: 'dim' }, 'It has none.') : fieldTable(formFields(request.query), 'Query'),
  ];
}

const headerLines = (headers) => headers.map(([name, text]) => `${name}: ${text}`).join('\n');

function headerTable(headers, label) {
  if (!headers.length) return h('p', { class: 'dim' }, 'There are no headers.');
  return h('table', { class: 'pairs', 'aria-label': label }, h('tbody', null, headers.map(([name, text]) => h('tr', null,
    h('th', { scope: 'row' }, value(name)), h('td', null, value(text)),
    h('td', { class: 'act' }, button(`Copy ${plain(name)}`, { icononly: true, class: 'quiet tiny', onclick: () => copy(text, `The header ${plain(name)}`) }, 'copy'))))));
}

function formFields(text) {
  const decode = (part) => { try { return decodeURIComponent(part.replace(/\+/g, ' ')); } catch { return part; } };
  return text.split('&').filter(Boolean).map((pair) => {
    const at = pair.indexOf('=');
    return at < 0 ? [decode(pair), ''] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
  });
}

const fieldTable = (fields, label) => (fields.length ? headerTable(fields, label) : h('p', { class: 'dim' }, 'It is empty.'));

function chosenAttempt(entry) {
  const { attempts } = entry.data;
  return attempts.find((one) => one.n === state.attempt) ?? attempts.at(-1);
}

function attemptPicker(entry) {
  const { attempts } = entry.data;
  if (attempts.length < 2) return null;
  const now = chosenAttempt(entry);
  return h('select', {
    class: 'select', 'aria-label': 'Attempt', data: { testid: 'attempt', keep: 'attempt' },
    onchange: (event) => { state.attempt = Number(event.target.value); redraw('detail'); },
  }, attempts.map((one) => h('option', { value: one.n, selected: one === now }, `Attempt ${one.n} · ${one.status ?? one.error?.code}${one === attempts.at(-1) ? ' · newest' : ''}`)));
}

const noAttempts = (id) => h('p', { class: 'lead-quiet' }, state.rows.get(id)?.pending ? 'Waiting for your app…' : 'No attempts: no app has answered it.');

function responsePanel(id, entry) {
  const attempt = chosenAttempt(entry);
  if (!attempt) return noAttempts(id);
  const bar = h('div', { class: 'panel-bar' }, attemptPicker(entry), statusChip(attempt.status, attempt.error?.code ?? null),
    h('span', { class: 'dim' }, took(attempt.took_ms), attempt.response?.first_byte_ms !== undefined && attempt.response ? `, first byte after ${took(attempt.response.first_byte_ms)}` : ''),
    h('span', { class: 'dim mono' }, value(attempt.target)));
  if (!attempt.response) return [bar, h('div', { class: 'failure' }, h('p', null, sentence(whole(attempt.error.message))), attempt.error.hint ? h('p', { class: 'dim' }, sentence(whole(attempt.error.hint))) : null)];
  const { response } = attempt;
  const body = bodyOf(response, response.headers, `/deliveries/${id}/attempts/${attempt.n}/body`, `delivery-${id}-response-${attempt.n}`);
  if (response.truncated) body.note = `Only the beginning was kept: the whole body has ${size(response.size)}.`;
  return [bar, h('h3', null, 'Body'), h('div', { class: 'body-box' }, bodyView(`response-${attempt.n}`, entry, body)),
    h('div', { class: 'panel-bar' }, h('h3', null, 'Headers'), h('span', { class: 'space' }), button('Copy all', { class: 'small quiet', onclick: () => copy(headerLines(response.headers), 'The headers') }, 'copy')),
    headerTable(response.headers, 'Headers of the response')];
}

function attemptsPanel(id, entry) {
  const { attempts } = entry.data;
  if (!attempts.length) return noAttempts(id);
  const slowest = Math.max(1, ...attempts.map((one) => one.took_ms));
  const now = chosenAttempt(entry);
  return h('ol', { class: 'timeline' }, attempts.map((one, at) => attemptItem(id, entry, one, attempts[at - 1], slowest, one === now)));
}

function attemptItem(id, entry, one, before, slowest, chosen) {
  const bar = h('span', { class: 'bar', 'aria-hidden': 'true' }, h('span', { class: toneOf(one.status, one.error?.code) }));
  bar.firstChild.style.width = `${Math.max(1, (one.took_ms / slowest) * 100)}%`;
  return h('li', { class: chosen ? 'chosen' : '', data: { testid: 'attempt-item', n: one.n } },
    h('div', { class: 'attempt-line' },
      h('button', { type: 'button', class: 'attempt-pick', 'aria-pressed': String(chosen), data: { keep: `attempt-${one.n}` }, title: 'Show its response', onclick: () => { state.attempt = one.n; chooseTab('response'); } }, `${one.n}`),
      statusChip(one.status, one.error?.code ?? null), h('span', { class: 'cause' }, one.cause === 'live' ? 'as it came' : one.cause),
      h('time', { class: 'dim mono', datetime: one.started_at, title: fullTime(Date.parse(one.started_at)) }, clock(Date.parse(one.started_at))), bar, h('span', { class: 'mono' }, took(one.took_ms))),
    h('p', { class: 'dim mono target-line' }, value(one.target)),
    one.error ? h('p', null, sentence(whole(one.error.message)), ' ', h('span', { class: 'dim' }, sentence(whole(one.error.hint)))) : null,
    before ? attemptChange(id, entry, before, one) : null);
}

function attemptChange(id, entry, before, one) {
  const slot = extra(entry, `diff-${before.n}-${one.n}`, () => askDiff(`/diff?a=${id}@${before.n}&b=${id}@${one.n}`));
  if (slot.error) return h('p', { class: 'dim' }, whole(slot.error.message));
  if (!slot.value) return h('p', { class: 'dim' }, 'Comparing …');
  const { response } = slot.value;
  const words = [];
  if (response.outcome) words.push(`${response.outcome.old} → ${response.outcome.new}`);
  if (response.headers.length) words.push(counted(response.headers.length, 'header'));
  if (response.body.kind !== 'same') words.push('body');
  if (!words.length) return h('p', { class: 'dim' }, `The same answer as attempt ${before.n}.`);
  return h('details', { class: 'change' }, h('summary', { data: { keep: `change-${one.n}` } }, `Changed since attempt ${before.n}: ${words.join(', ')}`), responseChanges(response));
}

/* ── The signature ───────────────────────────────────────────────────────────────────── */

function signaturePanel(id, entry) {
  const slot = signatureOf(id, entry);
  if (slot.error) return h('p', { class: 'dim pad' }, whole(slot.error.message));
  if (!slot.value) return waiting();
  const told = slot.value;
  const sign = { good: 'check', warn: 'warning', bad: 'cross' }[told.tone] ?? 'question';
  return [
    h('p', { class: `verdict-title ${told.tone}` }, icon(sign), h('span', null, sentence(told.title))),
    told.before ? h('p', { class: 'dim' }, sentence(whole(told.before))) : null,
    told.signatures.map((one) => signatureTable(one, told.bytes)),
    told.reason ? h('p', null, sentence(whole(told.reason))) : null,
    told.app ? h('section', { class: 'box' }, h('h3', null, 'Why your app refused it'), h('p', null, sentence(whole(told.app.statement))), findings(told.app.findings)) : null,
    told.findings.length ? h('section', { class: 'box' }, h('h3', null, 'What to do'), findings(told.findings)) : null,
    told.wants_secret ? h('p', null, button('Add a secret', { live: true, class: 'primary', onclick: secretDialog }, 'key')) : null,
  ];
}

function findings(list) {
  return h('ol', { class: 'findings' }, list.map((one) => h('li', { data: { code: one.code } }, finding(one))));
}

function finding(one) {
  return [h('p', null, sentence(whole(one.message))), one.fix ? h('p', { class: 'fix' }, h('b', null, 'Fix: '), sentence(whole(one.fix))) : null];
}

/** The two digests below each other, so that the first difference stands in one column. */
function signatureTable(one, bytes) {
  const same = one.computed.some((made) => made.same);
  // The received one is held against the computed one that it is closest to.
  const furthest = Math.max(0, ...one.computed.map((made) => made.differs_at ?? 0));
  const digest = (text, at, right) => h('code', { class: 'digest' }, at && !right
    ? [shown(text.slice(0, at)), h('mark', null, shown(text.slice(at) || ' '))]
    : h('span', { class: right ? 'same' : '' }, shown(text)));
  const said = (made) => {
    if (made.same) return 'the same, with secret ';
    return made.differs_at ? `differs from character ${made.differs_at + 1} on, with secret ` : 'has nothing in common, with secret ';
  };
  return h('table', { class: 'pairs signature' }, h('tbody', null,
    h('tr', null, h('th', { scope: 'row' }, 'Header'), h('td', null, value(one.header), one.scheme ? h('span', { class: 'dim' }, ` (${one.scheme})`) : null)),
    h('tr', null, h('th', { scope: 'row' }, 'Received'), h('td', null, digest(one.received, furthest, same))),
    one.computed.map((made) => h('tr', null, h('th', { scope: 'row' }, 'Computed'), h('td', null, digest(made.value, made.differs_at ?? 0, made.same),
      h('p', { class: made.same ? 'good-text' : 'dim' }, said(made), value(made.secret))))),
    one.more ? h('tr', null, h('th', { scope: 'row' }), h('td', { class: 'dim' }, `and ${counted(one.more, 'more secret')} that make something else`)) : null,
    one.gone ? h('tr', null, h('th', { scope: 'row' }), h('td', { class: 'dim' }, 'It was verified with secret ', value(one.gone), ', which is not known any more.')) : null,
    h('tr', null, h('th', { scope: 'row' }, 'Over'), h('td', null, `the ${counted(bytes, 'raw byte')} of the body`))));
}

/* ── The raw request ─────────────────────────────────────────────────────────────────── */

function rawPanel(id, entry) {
  const slot = extra(entry, 'raw', () => askBytes(`/deliveries/${id}/raw`, BODY_LIMIT));
  if (slot.error) return h('p', { class: 'dim pad' }, whole(slot.error.message));
  if (!slot.value) return waiting();
  const { bytes, more } = slot.value;
  const body = { text: decodeText(bytes, more), bytes, size: bytes.length, type: 'message/http', omitted: false, url: `/deliveries/${id}/raw`, file: `delivery-${id}.http`, raw: true };
  if (more) body.note = `Only the first ${size(bytes.length)} are shown. The download has them all.`;
  return bodyView('raw', entry, body);
}

/* ── Bytes and text ──────────────────────────────────────────────────────────────────── */

function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** Text, if the bytes are UTF-8; one that was cut may end within a character. */
function decodeText(bytes, cut = false) {
  for (let less = 0; less <= (cut ? 3 : 0); less += 1) {
    try { return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, bytes.length - less)); } catch { /* Try with less of it. */ }
  }
  return null;
}

function bytesOf(body) {
  body.bytes ??= new TextEncoder().encode(body.text ?? '');
  return body.bytes;
}

function hexText(bytes, from, to) {
  const lines = [];
  for (let at = from; at < to; at += 16) {
    const row = bytes.subarray(at, Math.min(at + 16, to));
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0'));
    const ascii = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.slice(0, 8).join(' ').padEnd(23)}  ${hex.slice(8).join(' ').padEnd(23)}  ${ascii}`);
  }
  return lines.join('\n');
}

/* ── JSON as it was written ──────────────────────────────────────────────────────────── */

class JsonMistake extends Error {
  constructor(message, at) {
    super(message);
    this.at = at;
  }
}

const JSON_SPACE = /[\t\n\r ]*/y;
const JSON_NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const JSON_STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const JSON_WORD = /true|false|null/y;

function matchAt(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

function scalarAt(text, at) {
  const c = text[at];
  const [kind, pattern] = c === '"' ? ['string', JSON_STRING] : c === '-' || (c >= '0' && c <= '9') ? ['number', JSON_NUMBER] : ['literal', JSON_WORD];
  const end = matchAt(pattern, text, at);
  if (end >= 0) return { kind, start: at, end };
  if (c === undefined) throw new JsonMistake('it ends too early', at);
  if (kind === 'string') throw stringMistake(text, at);
  if (c === "'") throw new JsonMistake('texts stand in double quotes', at);
  throw new JsonMistake(`a value cannot begin with ${JSON.stringify(plain(c))}`, at);
}

function stringMistake(text, start) {
  for (let at = start + 1; at < text.length; at += 1) {
    const c = text[at];
    if (c === '\\') {
      if (!/["\\/bfnrtu]/.test(text[at + 1] ?? '')) return new JsonMistake('there is no such escape', at);
      if (text[at + 1] === 'u' && !/^[0-9a-fA-F]{4}/.test(text.slice(at + 2, at + 6))) return new JsonMistake('`\\u` takes four hexadecimal digits', at);
      at += 1;
    } else if (c === '"') break;
    else if (c < ' ') return new JsonMistake('line ends and control characters are escaped in a text', at);
  }
  return new JsonMistake('the text is not closed', start);
}

/**
 * Reads JSON into ranges of its text. It keeps a stack of its own, since a payload may
 * nest deeper than calls can.
 * @returns {JsonNode}
 */
function parseJson(text) {
  const space = (from) => matchAt(JSON_SPACE, text, from);
  const stack = [];
  let at = space(text.charCodeAt(0) === 0xfeff ? 1 : 0);
  for (;;) {
    let node;
    const c = text[at];
    if (c === '{' || c === '[') {
      node = { kind: c === '{' ? 'object' : 'array', start: at, end: -1, items: [] };
      at = space(at + 1);
      if (text[at] !== (c === '{' ? '}' : ']')) {
        stack.push({ node, key: null });
        if (c === '{') at = keyAt(text, at, stack.at(-1), space);
        continue;
      }
      at += 1;
      node.end = at;
    } else {
      node = scalarAt(text, at);
      at = node.end;
    }
    // Closes as many as end here.
    for (;;) {
      at = space(at);
      const parent = stack.at(-1);
      if (!parent) {
        if (at < text.length) throw new JsonMistake('something follows the value', at);
        return node;
      }
      parent.node.items.push({ key: parent.key, node });
      const isObject = parent.node.kind === 'object';
      if (text[at] === ',') {
        at = space(at + 1);
        if (isObject) at = keyAt(text, at, parent, space);
        break;
      }
      if (text[at] !== (isObject ? '}' : ']')) {
        throw new JsonMistake(text[at] === undefined ? 'it ends too early' : `a comma or ${isObject ? '}' : ']'} is missing`, at);
      }
      at += 1;
      parent.node.end = at;
      node = parent.node;
      stack.pop();
    }
  }
}

function keyAt(text, at, parent, space) {
  if (text[at] === '}') throw new JsonMistake('there is a comma too many', at);
  if (text[at] !== '"') throw new JsonMistake('a name in double quotes is missing', at);
  const key = scalarAt(text, at);
  parent.key = JSON.parse(text.slice(key.start, key.end));
  const colon = space(key.end);
  if (text[colon] !== ':') throw new JsonMistake('a colon is missing', colon);
  return space(colon + 1);
}

function lineAndColumn(text, at) {
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: [...before.at(-1)].length + 1 };
}

function mistakeText(text, mistake) {
  const { line, column } = lineAndColumn(text, mistake.at);
  return `Line ${line}, column ${column}: ${mistake.message}.`;
}

/** A step of a path as the filter language writes it. */
function pathTo(parent, item, at) {
  if (item.key === null) return `${parent}[${at}]`;
  if (/^[\p{L}\p{N}_-]+$/u.test(item.key)) return parent ? `${parent}.${item.key}` : item.key;
  return `${parent}[${JSON.stringify(item.key)}]`;
}

/** The path as a filter takes it: one at the top has a dot before it. */
const filterPath = (path) => (/[.[]/.test(path) ? path : `.${path}`);

/** The pieces of a pretty-printed text, each with its class. */
function prettyPieces(text, root, limit) {
  const pieces = [];
  let length = 0;
  const put = (kind, piece) => { pieces.push([kind, piece]); length += piece.length; };
  const stack = [{ node: root, at: 0, depth: 0 }];
  const begin = (node) => put('mark', node.kind === 'object' ? '{' : '[');
  if (!root.items) put(root.kind, text.slice(root.start, root.end));
  else begin(root);
  while (root.items && stack.length && length < limit) {
    const top = stack.at(-1);
    const { node } = top;
    if (top.at >= node.items.length) {
      put('mark', `${node.items.length ? `\n${'  '.repeat(top.depth)}` : ''}${node.kind === 'object' ? '}' : ']'}`);
      stack.pop();
      continue;
    }
    const item = node.items[top.at];
    put('mark', `${top.at ? ',' : ''}\n${'  '.repeat(top.depth + 1)}`);
    if (item.key !== null) { put('key', JSON.stringify(item.key)); put('mark', ': '); }
    top.at += 1;
    if (item.node.items) {
      begin(item.node);
      stack.push({ node: item.node, at: 0, depth: top.depth + 1 });
    } else put(item.node.kind, text.slice(item.node.start, item.node.end));
  }
  return { pieces, more: length >= limit && stack.length > 0 };
}

/* ── Looking at a body ───────────────────────────────────────────────────────────────── */

const MODE_NAMES = { tree: 'Tree', pretty: 'Pretty', table: 'Table', text: 'As it came', hex: 'Hex' };

/** The shape of a body, and the ways in which it can be looked at. */
function modesOf(body) {
  if (body.text === null) return { modes: ['hex'] };
  if (body.raw) return { modes: ['text', 'hex'] };
  const start = body.text.trimStart()[0];
  const isJson = /[/+]json\b/.test(body.type);
  if (isJson || start === '{' || start === '[') {
    try {
      return { modes: ['tree', 'pretty', 'text', 'hex'], json: parseJson(body.text) };
    } catch (mistake) {
      if (isJson) return { modes: ['text', 'hex'], note: `This is not valid JSON. ${mistakeText(body.text, mistake)}` };
    }
  }
  if (body.type.includes('x-www-form-urlencoded')) return { modes: ['table', 'text', 'hex'] };
  return { modes: ['text', 'hex'] };
}

/**
 * A body with its tools. `name` says where it is, so that the next one there is looked at
 * in the same way.
 * @param {string} name
 * @param {Body} body
 */
function bodyView(name, entry, body) {
  if (body.omitted) return omittedView(name, entry, body);
  if (!body.size) return h('p', { class: 'lead-quiet' }, 'The body is empty.');
  const place = name.replace(/-\d+$/, '');
  const known = modesOf(body);
  const box = h('div', { class: 'body-view' });
  const content = h('div', { class: 'body-content' });
  const view = { body, known, content, entry, place: name, tree: null, limits: { text: TEXT_LIMIT, hex: HEX_LIMIT }, search: '' };
  const wanted = state.modes[place];
  view.mode = known.modes.includes(wanted) ? wanted : known.modes[0];
  view.choose = (mode) => {
    view.mode = mode;
    state.modes[place] = mode;
    drawBody(view);
  };
  view.buttons = known.modes.map((mode) => h('button', { type: 'button', class: 'segment', data: { mode, testid: `mode-${mode}` }, onclick: () => view.choose(mode) }, MODE_NAMES[mode]));
  view.searchBox = h('input', { type: 'text', class: 'search', placeholder: 'Search', 'aria-label': `Search within the ${place}`, autocomplete: 'off', spellcheck: 'false', data: { testid: 'search' }, oninput: () => searchTyped(view), onkeydown: (event) => searchKey(event, view) });
  view.hits = h('span', { class: 'hits', 'aria-live': 'polite' });
  view.foldAll = button('Fold all', { icononly: true, class: 'quiet small', onclick: () => view.tree?.foldAll(true) }, 'foldall');
  view.unfoldAll = button('Unfold all', { icononly: true, class: 'quiet small', onclick: () => view.tree?.foldAll(false) }, 'unfold');
  fill(box, h('div', { class: 'panel-bar' },
    known.modes.length > 1 ? h('div', { class: 'segments', role: 'group', 'aria-label': 'Look at it as' }, view.buttons) : h('span', { class: 'dim' }, 'Not text'),
    h('span', { class: 'dim nowrap' }, size(body.size)), h('span', { class: 'space' }), h('span', { class: 'search-box' }, icon('search'), view.searchBox, view.hits), view.foldAll, view.unfoldAll,
    button('Copy it', { icononly: true, class: 'quiet small', onclick: () => copy(body.text ?? toBase64(body.bytes), body.text === null ? 'The body as base64' : 'The body') }, 'copy'),
    h('a', { class: 'button quiet small icon-only', href: API + body.url, download: body.file, title: 'Download the exact bytes', 'aria-label': 'Download the exact bytes', data: { testid: 'download' } }, icon('download'))),
  known.note || body.note ? h('p', { class: 'note' }, known.note ?? body.note) : null, content);
  box.view = view;
  drawBody(view);
  return box;
}

function drawBody(view) {
  for (const one of view.buttons) one.setAttribute('aria-pressed', String(one.dataset.mode === view.mode));
  const isTree = view.mode === 'tree';
  view.foldAll.hidden = view.unfoldAll.hidden = !isTree;
  view.searchBox.parentElement.hidden = view.mode === 'hex';
  view.hits.textContent = '';
  if (isTree) {
    view.tree ??= makeTree(view);
    fill(view.content, view.tree.box);
    view.tree.search(view.search);
  } else if (view.mode === 'hex') fill(view.content, hexView(view));
  else if (view.mode === 'table') fill(view.content, fieldTable(formFields(view.body.text), 'Fields of the form'));
  else fill(view.content, textView(view));
}

function showAll(view, what, shownSize, wholeSize) {
  return h('p', { class: 'more' }, h('span', { class: 'dim' }, `The first ${shownSize} of ${wholeSize}.`), ' ',
    button('Show all', { class: 'small', data: { testid: 'show-all' }, onclick: () => { view.limits[what] = Infinity; drawBody(view); } }));
}

function hexView(view) {
  const bytes = bytesOf(view.body);
  const to = Math.min(bytes.length, view.limits.hex);
  const blocks = [];
  // In blocks, so that only those in sight are laid out.
  for (let at = 0; at < to; at += 4096) blocks.push(h('pre', { class: 'hex block' }, hexText(bytes, at, Math.min(at + 4096, to))));
  return [h('div', { class: 'scroll-x', tabIndex: 0, role: 'region', 'aria-label': 'Bytes in hex' }, blocks), to < bytes.length ? showAll(view, 'hex', size(to), size(bytes.length)) : null];
}

/** Text, with what is searched for marked. */
function textView(view) {
  const { body, known, limits } = view;
  const limit = limits.text;
  let pieces;
  let more;
  if (view.mode === 'pretty') ({ pieces, more } = prettyPieces(body.text, known.json, limit));
  else {
    more = body.text.length > limit;
    pieces = [['plain', more ? body.text.slice(0, limit) : body.text]];
  }
  const counter = { hits: 0 };
  const blocks = [];
  let block = null;
  let length = 0;
  const begin = () => { block = h('pre', { class: 'text block' }); blocks.push(block); length = 0; };
  begin();
  for (let [kind, piece] of view.mode === 'pretty' ? pieces : chunksOf(pieces)) {
    // A block ends where a line does, which is then its own line end.
    if (length > BLOCK && (kind === 'mark' || kind === 'plain') && piece.includes('\n')) {
      const end = piece.indexOf('\n');
      block.append(...shown(piece.slice(0, end), true));
      piece = piece.slice(end + 1);
      begin();
    } else if (length > BLOCK * 4) begin();
    length += piece.length;
    const nodes = markHits(piece, view.search, counter);
    if (kind === 'plain' || kind === 'mark') block.append(...nodes);
    else block.append(h('span', { class: `json-${kind}` }, nodes));
  }
  if (view.search) view.hits.textContent = counter.hits ? upTo(counter.hits, MOST_MARKED) : 'none';
  return [h('div', { class: 'text-box' }, blocks), more ? showAll(view, 'text', `${grouped(limit)} characters`, size(body.size)) : null];
}

/** A long text in lines, as far as it has any. */
function chunksOf([[kind, text]]) {
  const chunks = [];
  for (let from = 0; from < text.length;) {
    let to = text.lastIndexOf('\n', from + BLOCK);
    if (to <= from || text.length - from <= BLOCK) to = Math.min(text.length, from + BLOCK * 2);
    chunks.push([kind, text.slice(from, to)]);
    from = to;
  }
  return chunks;
}

function markHits(text, search, counter, lines = true) {
  if (!search) return shown(text, lines);
  const nodes = [];
  const low = text.toLowerCase();
  const wanted = search.toLowerCase();
  let from = 0;
  // Lower case may be longer in rare scripts; then positions would not fit.
  const safe = low.length === text.length;
  for (let at = safe ? low.indexOf(wanted) : -1; at >= 0 && counter.hits < MOST_MARKED; at = low.indexOf(wanted, from)) {
    nodes.push(...shown(text.slice(from, at), lines), h('mark', null, shown(text.slice(at, at + wanted.length), lines)));
    counter.hits += 1;
    from = at + wanted.length;
  }
  nodes.push(...shown(text.slice(from), lines));
  return nodes;
}

function searchTyped(view) {
  view.search = view.searchBox.value;
  if (view.mode === 'tree') view.tree.search(view.search);
  else { fill(view.content, textView(view)); view.at = -1; nextHit(view, 1, false); }
}

function searchKey(event, view) {
  if (event.key === 'Escape') {
    event.preventDefault();
    event.stopPropagation();
    if (view.searchBox.value) { view.searchBox.value = ''; searchTyped(view); } else detail.panel.focus();
  } else if (event.key === 'Enter') {
    event.preventDefault();
    if (view.mode === 'tree') view.tree.next(event.shiftKey ? -1 : 1);
    else nextHit(view, event.shiftKey ? -1 : 1);
  }
}

function nextHit(view, by, scroll = true) {
  const marks = [...view.content.querySelectorAll('mark')];
  if (!marks.length) return;
  view.at = ((view.at ?? -1) + by + marks.length) % marks.length;
  marks.forEach((mark, at) => mark.classList.toggle('now', at === view.at));
  view.hits.textContent = `${grouped(view.at + 1)} of ${upTo(marks.length, MOST_MARKED)}`;
  if (scroll || view.at === 0) marks[view.at].scrollIntoView({ block: 'nearest' });
}

/** One that was too large to come along: its beginning, and the rest when it is asked for. */
function omittedView(name, entry, body) {
  const slot = entry.extra.get(`whole-${name}`) ?? extra(entry, `head-${name}`, () => askBytes(body.url, 64 << 10));
  const isWhole = entry.extra.has(`whole-${name}`);
  if (slot.error) return h('p', { class: 'dim pad' }, whole(slot.error.message));
  if (!slot.value) return waiting();
  const { bytes } = slot.value;
  const text = decodeText(bytes, !isWhole);
  const part = { ...body, omitted: false, text, bytes, raw: !isWhole };
  if (isWhole) return bodyView(name, entry, { ...part, size: bytes.length });
  return [h('div', { class: 'note with-act' }, h('span', null, `The body has ${size(body.size)}. This is its beginning.`),
    button('Show all', { class: 'small', data: { testid: 'show-all' }, onclick: () => { extra(entry, `whole-${name}`, () => askBytes(body.url)); detail.panelKey = ''; redraw('detail'); } })),
  bodyView(name, entry, part)];
}

function toBase64(bytes) {
  let binary = '';
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
}

/* ── The tree ────────────────────────────────────────────────────────────────────────── */

/**
 * A payload as a tree that folds. Only unfolded values have elements, and of these a part
 * at a time.
 */
function makeTree(view) {
  const { body, known, entry } = view;
  const { text } = body;
  const stateKey = `tree-${view.place}`;
  const kept = entry.trees?.get(stateKey) ?? { open: new Map(), from: 0, limit: TREE_STEP, cursor: 0, long: new Set() };
  entry.trees?.set(stateKey, kept);
  const small = text.length < 20_000;
  const tree = { el: h('div', { class: 'tree', role: 'tree', 'aria-label': 'Payload', onkeydown: treeKey, onclick: treeClick, onfocusin: treeFocus }), lines: [], kept, search: treeSearch, next: nextFound, foldAll, wanted: '', found: [], current: -1 };
  tree.more = h('p', { class: 'more', hidden: true });
  tree.before = h('p', { class: 'more', hidden: true });
  tree.box = h('div', null, tree.before, tree.el, tree.more);
  const isOpen = (line) => kept.open.get(line.path) ?? (line.depth < (small ? 6 : 2));

  function flatten() {
    const lines = [];
    const stack = [{ item: { key: null, node: known.json }, path: '', depth: 0, at: 0, of: 1 }];
    while (stack.length) {
      const line = stack.pop();
      lines.push(line);
      const { items } = line.item.node;
      if (!items?.length || !isOpen(line)) continue;
      for (let at = items.length - 1; at >= 0; at -= 1) {
        stack.push({ item: items[at], path: pathTo(line.path, items[at], at), depth: line.depth + 1, at, of: items.length, parent: line, twice: isTwice(items, at) });
      }
    }
    return lines;
  }

  function isTwice(items, at) {
    const { key } = items[at];
    return key !== null && items.length < 400 && items.some((one, other) => other !== at && one.key === key);
  }

  function drawTree(focus) {
    tree.lines = flatten();
    kept.cursor = Math.min(kept.cursor, tree.lines.length - 1);
    const many = tree.lines.length;
    if (kept.cursor < kept.from || kept.cursor >= kept.limit || kept.from >= many) {
      kept.from = kept.cursor < TREE_STEP ? 0 : kept.cursor - TREE_STEP / 4;
      kept.limit = kept.from + TREE_STEP;
    }
    fill(tree.el, tree.lines.slice(kept.from, kept.limit).map((line, at) => lineElement(line, kept.from + at)));
    tree.before.hidden = kept.from === 0;
    tree.more.hidden = many <= kept.limit;
    if (kept.from) {
      fill(tree.before, button('Show earlier', { class: 'small', onclick: () => { kept.from = Math.max(0, kept.from - TREE_STEP); drawTree(); } }), ' ',
        h('span', { class: 'dim' }, `${grouped(kept.from)} lines are above.`));
    }
    if (many > kept.limit) {
      fill(tree.more, button('Show more', { class: 'small', data: { testid: 'show-more' }, onclick: () => { kept.limit += TREE_STEP; drawTree(); } }), ' ',
        h('span', { class: 'dim' }, `${grouped(many - kept.limit)} more lines.`));
    }
    if (focus) focusLine();
  }

  const elementAt = (at) => tree.el.children[at - kept.from];

  function focusLine() {
    const el = elementAt(kept.cursor);
    el?.focus({ preventScroll: true });
    el?.scrollIntoView({ block: 'nearest' });
  }

  function lineElement(line, at) {
    const { item, depth, path } = line;
    const folds = Boolean(item.node.items?.length);
    const open = folds && isOpen(line);
    const el = h('div', {
      class: `tree-line${tree.found[tree.current] === path ? ' now' : ''}`, role: 'treeitem', 'aria-level': depth + 1, 'aria-setsize': line.of, 'aria-posinset': line.at + 1,
      'aria-expanded': folds ? String(open) : undefined, 'aria-selected': String(at === kept.cursor), tabIndex: at === kept.cursor ? 0 : -1, data: { testid: 'tree-node', path, at },
    }, folds ? icon('fold', `twist${open ? '' : ' shut'}`) : h('span', { class: 'twist' }), keyElement(line), valueElement(line, open), lineTools(path));
    el.style.setProperty('--depth', depth);
    return el;
  }

  function keyElement(line) {
    const { key } = line.item;
    if (line.depth === 0) return null;
    return [h('bdi', { class: key === null ? 'json-index' : 'json-key' }, key === null ? String(line.at) : markHits(key || '""', tree.wanted, { hits: 0 }, false)),
      line.twice ? h('span', { class: 'twice', title: 'This name stands here more than once' }, 'twice') : null, h('span', { class: 'colon' }, ': ')];
  }

  function valueElement(line, open) {
    const { node } = line.item;
    if (node.items) {
      const [left, right] = node.kind === 'object' ? '{}' : '[]';
      const count = counted(node.items.length, node.kind === 'object' ? 'field' : 'item');
      return h('span', { class: 'json-fold' }, node.items.length ? (open ? left : `${left}…${right}`) : left + right, node.items.length ? h('span', { class: 'dim' }, ` ${count}`) : null);
    }
    const written = text.slice(node.start, node.end);
    let told = node.kind === 'string' ? readable(written) : written;
    const cut = told.length > STRING_LIMIT && !kept.long.has(line.path);
    if (cut) told = told.slice(0, STRING_LIMIT);
    return [h('bdi', { class: `json-${node.kind}` }, markHits(told, tree.wanted, { hits: 0 }, false)),
      cut ? h('button', { type: 'button', class: 'link', tabIndex: -1, data: { act: 'long' } }, `… ${size(written.length)} in all`) : null];
  }

  function lineTools(path) {
    const tool = (act, title, name) => h('button', { type: 'button', class: 'button quiet tiny icon-only', tabIndex: -1, title, 'aria-label': title, data: { act } }, icon(name));
    return h('span', { class: 'line-tools' }, tool('value', 'Copy the value', 'copy'), path ? tool('path', 'Copy the path', 'path') : null, path ? tool('filter', 'Filter by this', 'filter') : null);
  }

  function toggle(at, open) {
    const line = tree.lines[at];
    if (!line?.item.node.items?.length) return;
    kept.open.set(line.path, open ?? !isOpen(line));
    kept.cursor = at;
    drawTree(true);
  }

  function treeClick(event) {
    const el = event.target.closest('.tree-line');
    if (!el) return;
    const at = Number(el.dataset.at);
    const act = event.target.closest('button')?.dataset.act;
    if (act) { lineAct(act, tree.lines[at]); return; }
    if (!String(getSelection()).length) toggle(at);
  }

  function lineAct(act, line) {
    if (act === 'long') { kept.long.add(line.path); drawTree(); return; }
    if (act === 'path') copy(line.path, 'The path');
    if (act === 'value') copy(valueOf(line), 'The value');
    if (act === 'filter') setFilter(`${filterPath(line.path)}:${filterValue(line.item.node)}`);
  }

  /** A text without its quotes, anything else as it stands there. */
  function valueOf(line) {
    const written = text.slice(line.item.node.start, line.item.node.end);
    return line.item.node.kind === 'string' ? JSON.parse(written) : written;
  }

  function filterValue(node) {
    const written = text.slice(node.start, node.end);
    if (node.items) return '*';
    if (node.kind !== 'string') return written;
    const read = JSON.parse(written);
    return /^[\p{L}\p{N}@._+-]+$/u.test(read) && !read.includes('..') ? read : `"${read.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t')}"`;
  }

  function treeFocus(event) {
    const el = event.target.closest('.tree-line');
    if (!el || Number(el.dataset.at) === kept.cursor) return;
    setCursor(Number(el.dataset.at), false);
  }

  function setCursor(at, focus = true) {
    const old = elementAt(kept.cursor);
    if (old) { old.tabIndex = -1; old.setAttribute('aria-selected', 'false'); }
    kept.cursor = Math.max(0, Math.min(tree.lines.length - 1, at));
    if (kept.cursor < kept.from || kept.cursor >= kept.limit) { drawTree(focus); return; }
    const el = elementAt(kept.cursor);
    el.tabIndex = 0;
    el.setAttribute('aria-selected', 'true');
    if (focus) focusLine();
  }

  function treeKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const line = tree.lines[kept.cursor];
    const folds = Boolean(line?.item.node.items?.length);
    const acts = {
      ArrowDown: () => setCursor(kept.cursor + 1), ArrowUp: () => setCursor(kept.cursor - 1), Home: () => setCursor(0), End: () => setCursor(tree.lines.length - 1),
      ArrowRight: () => { if (folds && !isOpen(line)) toggle(kept.cursor, true); else if (folds) setCursor(kept.cursor + 1); },
      ArrowLeft: () => { if (folds && isOpen(line)) toggle(kept.cursor, false); else if (line.parent) setCursor(tree.lines.indexOf(line.parent)); },
      Enter: () => toggle(kept.cursor), ' ': () => toggle(kept.cursor), '*': () => foldAll(false), '+': () => foldAll(false), '-': () => foldAll(true),
    };
    const act = acts[event.key];
    if (!act || event.target.closest('button')) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  function foldAll(shut) {
    kept.open.clear();
    const stack = [{ node: known.json, path: '', depth: 0 }];
    while (stack.length) {
      const { node, path, depth } = stack.pop();
      if (!node.items?.length) continue;
      kept.open.set(path, depth === 0 || !shut);
      node.items.forEach((item, at) => { if (item.node.items) stack.push({ node: item.node, path: pathTo(path, item, at), depth: depth + 1 }); });
    }
    kept.cursor = 0;
    drawTree(tree.el.contains(document.activeElement));
  }

  function treeSearch(search) {
    tree.wanted = search;
    tree.found = search ? findIn(search.toLowerCase()) : [];
    tree.current = tree.found.length ? 0 : -1;
    if (search) view.hits.textContent = tree.found.length ? `1 of ${upTo(tree.found.length, MOST_FOUND)}` : 'none';
    else view.hits.textContent = '';
    unfoldFound();
  }

  function findIn(wanted) {
    const found = [];
    const stack = [{ item: { key: null, node: known.json }, path: '' }];
    while (stack.length && found.length < MOST_FOUND) {
      const { item, path } = stack.pop();
      const { node } = item;
      const here = node.items ? '' : node.kind === 'string' ? readable(text.slice(node.start, node.end)) : text.slice(node.start, node.end);
      if (here.toLowerCase().includes(wanted) || item.key?.toLowerCase().includes(wanted)) found.push(path);
      for (let at = (node.items?.length ?? 0) - 1; at >= 0; at -= 1) stack.push({ item: node.items[at], path: pathTo(path, node.items[at], at) });
    }
    return found;
  }

  function unfoldFound() {
    const path = tree.found[tree.current];
    if (path === undefined) { drawTree(); return; }
    // Opens what is around it, from the outside in.
    let node = known.json;
    let here = '';
    kept.open.set('', true);
    for (;;) {
      const at = (node.items ?? []).findIndex((item, index) => { const one = pathTo(here, item, index); return one === path || (item.node.items && path.startsWith(one) && /[.[]/.test(path[one.length])); });
      if (at < 0) break;
      here = pathTo(here, node.items[at], at);
      if (here === path) break;
      kept.open.set(here, true);
      node = node.items[at].node;
    }
    drawTree();
    const index = tree.lines.findIndex((line) => line.path === path);
    if (index >= 0) {
      setCursor(index, false);
      elementAt(index)?.scrollIntoView({ block: 'nearest' });
    }
  }

  function nextFound(by) {
    if (!tree.found.length) return;
    tree.current = (tree.current + by + tree.found.length) % tree.found.length;
    view.hits.textContent = `${grouped(tree.current + 1)} of ${upTo(tree.found.length, MOST_FOUND)}`;
    unfoldFound();
  }

  tree.cursorLine = () => { const line = tree.lines[kept.cursor]; return line ? { path: line.path, text: valueOf(line) } : null; };
  drawTree();
  return tree;
}

/** A JSON text with its escapes read, but for those that would hide. */
function readable(written) {
  return `"${JSON.parse(written)}"`;
}

/** The tree in the panel, if there is one in sight. */
const treeInSight = () => {
  const view = detail.panel.querySelector('.body-view')?.view;
  return view?.mode === 'tree' ? view.tree : null;
};

/* ── Copying ─────────────────────────────────────────────────────────────────────────── */

async function writeClipboard(text) {
  if (navigator.clipboard?.writeText) {
    try { await navigator.clipboard.writeText(text); return; } catch { /* The older way may still do. */ }
  }
  const box = h('textarea', { class: 'hidden-text', readOnly: true, value: text, 'aria-hidden': 'true' });
  (document.querySelector('dialog[open]') ?? document.body).append(box);
  const focused = document.activeElement;
  box.select();
  const done = document.execCommand('copy');
  box.remove();
  focused?.focus?.({ preventScroll: true });
  if (!done) throw new Error('the browser did not allow it');
}

/** Copies a text, or what is being fetched. The original goes out, not what is shown. */
async function copy(text, what) {
  try {
    await writeClipboard(await text);
    toast(`${what} is on the clipboard.`, 'good');
  } catch (error) {
    toast(`${what} could not be copied.`, 'bad', whole(error.message));
  }
}

async function payloadText(id) {
  const data = entryOf(id).data ?? await askJson('GET', `/deliveries/${id}`);
  if (data.request.body_encoding !== 'omitted') return data.request.body;
  const { bytes } = await askBytes(`/deliveries/${id}/body`);
  return decodeText(bytes) ?? toBase64(bytes);
}

async function copyParts(id, what) {
  const data = entryOf(id).data ?? await askJson('GET', `/deliveries/${id}`);
  if (what === 'headers') return headerLines(data.request.headers);
  const attempt = chosenAttempt({ data });
  if (!attempt?.response) throw new Error('there is no response');
  return attempt.response.body_encoding === 'omitted'
    ? (await ask('GET', `/deliveries/${id}/attempts/${attempt.n}/body`)).text() : attempt.response.body;
}

function copyMenu() {
  const id = shownDelivery();
  if (id === null) return;
  const cursor = treeInSight()?.cursorLine();
  openMenu(detail.copy, [
    { label: 'As curl', testid: 'copy-curl', run: () => copy(ask('GET', `/deliveries/${id}/export?as=curl`).then((got) => got.text()), 'The curl command') },
    { label: 'Payload', run: () => copy(payloadText(id), 'The payload') },
    { label: 'Headers', run: () => copy(copyParts(id, 'headers'), 'The headers') },
    { label: 'Response', run: () => copy(copyParts(id, 'response'), 'The response') },
    { label: 'Id', hint: `#${id}`, run: () => copy(String(id), 'The id') },
    { label: 'Link to it', run: () => copy(`${location.origin}/${addressOf({ name: 'delivery', id, tab: state.tab })}`, 'The link') },
    ...(cursor?.path ? [null, { label: 'Value at the cursor', run: () => copy(cursor.text, 'The value') }, { label: 'Path of the cursor', hint: cursor.path, run: () => copy(cursor.path, 'The path') }] : []),
  ]);
}

const EXPORTS = [
  ['curl', 'curl command', 'sh'], ['har', 'HAR', 'har'], ['fixture', 'Fixture for CI', 'json'], ['json', 'JSON', 'json'], ['raw', 'Exact bytes of the body', 'bin'], ['http', '.http file', 'http'],
];

function exportMenu() {
  const id = shownDelivery();
  if (id === null) return;
  openMenu(detail.export, [
    ...EXPORTS.map(([as, label, ending]) => ({ label, testid: `export-${as}`, run: () => download(`/deliveries/${id}/export?as=${as}`, `delivery-${id}.${ending}`) })),
    null,
    ...EXPORTS.filter(([as]) => as === 'har' || as === 'json').map(([as, label, ending]) => ({
      label: `All in the list as ${label}`, testid: `export-all-${as}`, run: () => download(`/export?as=${as}&filter=${encodeURIComponent(state.filter.match ? state.filter.used : '')}`, `deliveries.${ending}`),
    })),
  ]);
}

/** What may take a while is said to be under way at once, before the browser is busy with it. */
async function preparing(control, run) {
  const label = control.querySelector('.label');
  const before = label.textContent;
  control.setAttribute('aria-busy', 'true');
  label.textContent = 'Preparing …';
  await new Promise((done) => { setTimeout(done, 30); });
  try {
    return await run();
  } finally {
    control.removeAttribute('aria-busy');
    label.textContent = before;
  }
}

/** The answer's own name wins; ours is for when it has none. */
async function download(path, name) {
  if (detail.export.ariaBusy) return;
  await preparing(detail.export, () => fetchFile(path, name));
}

async function fetchFile(path, name) {
  try {
    const response = await ask('GET', path);
    const given = /filename="?([^";]+)"?/.exec(response.headers.get('content-disposition') ?? '')?.[1];
    const url = URL.createObjectURL(await response.blob());
    h('a', { href: url, download: given ?? name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    toast('It could not be exported.', 'bad', whole(error.message));
  }
}

/* ── Menus ───────────────────────────────────────────────────────────────────────────── */

let menu = null;

/** A menu below its button; `null` among the items is a line between groups. */
function openMenu(anchor, items) {
  closeMenu();
  const el = h('div', { class: 'menu', role: 'menu', popover: 'auto', 'aria-label': anchor.textContent.trim() });
  for (const item of items) {
    if (!item) { el.append(h('div', { class: 'menu-line', role: 'separator' })); continue; }
    el.append(h('button', {
      type: 'button', role: 'menuitem', class: 'menu-item', tabIndex: -1, data: item.testid ? { testid: item.testid } : {},
      onclick: () => { closeMenu(); item.run(); },
    }, h('span', null, item.label), item.hint ? h('bdi', { class: 'dim' }, shown(item.hint)) : null));
  }
  el.addEventListener('keydown', menuKey);
  el.addEventListener('toggle', (event) => {
    if (event.newState === 'closed') { anchor.setAttribute('aria-expanded', 'false'); el.remove(); if (menu?.el === el) menu = null; }
  });
  (anchor.closest('dialog') ?? $('main')).append(el);
  el.showPopover();
  const box = anchor.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left, innerWidth - el.offsetWidth - 8));
  const below = box.bottom + 4 + el.offsetHeight <= innerHeight;
  el.style.left = `${left}px`;
  el.style.top = `${below ? box.bottom + 4 : Math.max(8, box.top - el.offsetHeight - 4)}px`;
  anchor.setAttribute('aria-expanded', 'true');
  menu = { el, anchor };
  el.querySelector('.menu-item')?.focus();
}

function closeMenu() {
  if (!menu) return;
  const { el, anchor } = menu;
  const inside = el.contains(document.activeElement);
  menu = null;
  if (el.matches(':popover-open')) el.hidePopover();
  if (inside) anchor.focus({ preventScroll: true });
}

function menuKey(event) {
  const items = [...event.currentTarget.querySelectorAll('.menu-item')];
  const at = items.indexOf(document.activeElement);
  event.stopPropagation();
  if (event.key === 'Escape' || event.key === 'Tab') { event.preventDefault(); closeMenu(); return; }
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, j: at + 1, k: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    items[(to + items.length) % items.length].focus();
  } else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const wanted = event.key.toLowerCase();
    const after = [...items.slice(at + 1), ...items.slice(0, at + 1)];
    after.find((item) => item.textContent.toLowerCase().startsWith(wanted))?.focus();
  }
}

/* ── Toasts ──────────────────────────────────────────────────────────────────────────── */

/** A message for a while; what it returns takes it away. */
function toast(text, tone = 'info', more = '', action = null) {
  const box = $('toasts');
  const el = h('div', { class: `toast ${tone}`, data: { testid: 'toast' } }, icon({ good: 'check', bad: 'warning', warn: 'warning', busy: 'send' }[tone] ?? 'dot'),
    h('p', null, sentence(text), more ? h('span', { class: 'dim' }, ' ', sentence(more)) : null), action,
    button('Dismiss', { icononly: true, class: 'quiet tiny', onclick: () => leave() }, 'cross'));
  let timer = 0;
  const leave = () => { clearTimeout(timer); el.remove(); };
  // What is under way stays until it is done.
  const wait = () => { if (tone === 'busy') return; clearTimeout(timer); timer = setTimeout(leave, tone === 'bad' ? 10_000 : tone === 'warn' ? 7000 : 5000); };
  el.addEventListener('pointerenter', () => clearTimeout(timer));
  el.addEventListener('pointerleave', wait);
  el.addEventListener('focusin', () => clearTimeout(timer));
  box.append(el);
  while (box.childElementCount > 3) box.firstChild.remove();
  wait();
  return leave;
}

/* ── What can be done ────────────────────────────────────────────────────────────────── */

const offline = () => state.link !== 'online';

/** Runs a change, and says why when it cannot be done. */
async function attemptTo(what, run) {
  if (offline()) { toast(`${what} needs a running cmhook.`, 'bad'); return undefined; }
  try {
    return await run();
  } catch (error) {
    toast(whole(error.message), 'bad', whole(error.hint ?? ''));
    return undefined;
  }
}

function attemptToast(text, attempt) {
  if (attempt.outcome === 'failed') toast(`${text}: ${attempt.error.code} after ${took(attempt.took_ms)}.`, 'bad', whole(attempt.error.message));
  else toast(`${text}: ${attempt.status} ${REASONS[attempt.status] ?? ''} in ${took(attempt.took_ms)}.`.replace('  ', ' '), attempt.status >= 400 ? 'warn' : 'good');
}

async function replay(id) {
  if (id === null || busy.has(id)) return;
  pin();
  busy.add(id);
  redraw('detail');
  const attempt = await attemptTo('Replaying', () => askJson('POST', `/deliveries/${id}/replay`, { to: null }));
  busy.delete(id);
  if (attempt) {
    if (shownDelivery() === id) state.attempt = attempt.n;
    forgetDetail(id);
    attemptToast(`#${id} replayed`, attempt);
  }
  redraw('detail');
}

/** All that the list shows, one after the other. */
function replayAllDialog() {
  const ids = [...view()];
  if (!ids.length) return;
  const many = counted(ids.length, 'delivery', 'deliveries');
  confirmDialog({
    title: `Replay ${many}?`, text: `${state.filter.match ? 'All that pass the filter' : 'All in the list'} are sent again, one after the other, the oldest first.`, act: `Replay ${grouped(ids.length)}`,
    run: async () => {
      let fine = 0;
      let done = 0;
      for (const id of ids) {
        if (offline()) break;
        try {
          const attempt = await askJson('POST', `/deliveries/${id}/replay`, { to: null });
          if (attempt.outcome === 'answered' && attempt.status < 400) fine += 1;
          done += 1;
        } catch (error) {
          if (error.status !== 404) { toast(whole(error.message), 'bad', whole(error.hint)); break; }
        }
      }
      toast(`${counted(done, 'delivery', 'deliveries')} replayed, ${grouped(done - fine)} failed.`, fine === done ? 'good' : 'warn');
    },
  });
}

async function toggleMark(id) {
  const row = id === null ? null : state.rows.get(id);
  if (!row) return;
  const marked = !row.marked;
  const done = await attemptTo('Marking', async () => { await ask(marked ? 'PUT' : 'DELETE', `/deliveries/${id}/mark`); return true; });
  if (!done) return;
  if (marked) state.lastMarked = id;
  say(marked ? `#${id} is marked.` : `#${id} is not marked any more.`);
}

async function togglePause() {
  const paused = !state.status?.paused;
  const status = await attemptTo(paused ? 'Pausing' : 'Going on', () => askJson('PUT', '/pause', { paused }));
  if (!status) return;
  takeStatus(status);
  redraw('top', 'banners');
  say(paused ? 'Forwarding is paused.' : 'Forwarding goes on.');
}

/** A new delivery of our own: it becomes the chosen one. */
function show(id) {
  stopFollowing();
  list.awaited = id;
  go({ name: 'delivery', id, tab: null });
}

/* ── Dialogs ─────────────────────────────────────────────────────────────────────────── */

let titles = 0;

/** A modal dialog. It closes itself with Esc, and the focus goes back to where it was. */
function openDialog({ title, className = '', testid, content, onclose }) {
  closeMenu();
  const before = document.activeElement;
  titles += 1;
  const el = h('dialog', { class: `dialog ${className}`, 'aria-labelledby': `dialog-${titles}`, data: testid ? { testid } : {} });
  const close = () => el.close();
  el.append(h('div', { class: 'dialog-head' }, h('h2', { id: `dialog-${titles}` }, title), button('Close', { icononly: true, class: 'quiet', onclick: close }, 'cross')), h('div', { class: 'dialog-body' }, content));
  el.addEventListener('close', () => {
    el.remove();
    onclose?.();
    const home = before?.isConnected && before !== document.body && !before.disabled ? before : list.box;
    home.focus({ preventScroll: true });
  });
  el.addEventListener('pointerdown', (event) => { if (event.target === el) close(); });
  el.addEventListener('keydown', (event) => event.stopPropagation());
  document.body.append(el);
  el.showModal();
  applyLive(el);
  return { el, close };
}

/** A form in a dialog: it waits while it is sent, and shows in place why it could not be. */
function formDialog({ title, className, testid, fields, act, primary = true, send, errorId, focus, beside, props }) {
  const error = h('p', { class: 'form-error', role: 'alert', hidden: true, data: { testid: errorId ?? 'form-error' } });
  const submit = h('button', { type: 'submit', class: `button ${primary ? 'primary' : 'danger-fill'}`, data: { live: '', testid: props?.testid ?? 'submit' } }, h('span', { class: 'label' }, act));
  const cancel = button('Cancel', { onclick: () => dialog.close(), data: { testid: 'cancel' } });
  const tell = (...parts) => { fill(error, parts); error.hidden = !parts.length; };
  const form = h('form', {
    onsubmit: async (event) => {
      event.preventDefault();
      if (submit.dataset.busy === 'true') return;
      submit.dataset.busy = 'true';
      submit.classList.add('busy');
      applyLive(form);
      tell();
      try {
        await send({ close: dialog.close, tell });
      } catch (problem) {
        tell(sentence(whole(problem.message)), ' ', problem.hint ? sentence(whole(problem.hint)) : '');
      }
      submit.dataset.busy = 'false';
      submit.classList.remove('busy');
      applyLive(form);
    },
    onkeydown: (event) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit(); },
  }, fields, error, h('div', { class: 'dialog-acts' }, beside ?? null, h('span', { class: 'space' }), cancel, submit));
  const dialog = openDialog({ title, className, testid, content: form });
  (focus ?? form.querySelector('input, textarea, select'))?.focus();
  return { ...dialog, form, tell, submit, cancel };
}

function field(label, control, hint) {
  titles += 1;
  control.id ||= `field-${titles}`;
  const told = hint ? h('p', { class: 'hint', id: `hint-${titles}` }, hint) : null;
  if (told) control.setAttribute('aria-describedby', told.id);
  return h('div', { class: 'field' }, h('label', { for: control.id }, label), control, told);
}

function confirmDialog({ title, text, act, danger = false, run }) {
  const dialog = formDialog({
    title, className: 'small', testid: 'confirm-dialog', act, primary: !danger, props: { testid: 'confirm' },
    fields: h('p', null, text),
    send: async ({ close }) => { close(); await run(); },
  });
  // What cannot be undone takes more than a key too many.
  (danger ? dialog.cancel : dialog.submit).focus();
}

function deleteDialog(id) {
  if (offline() || id === null || !state.rows.has(id)) return;
  confirmDialog({
    title: `Delete #${id}?`, text: 'It goes out of the store with all its attempts. This cannot be undone.', act: 'Delete', danger: true,
    run: async () => {
      const ids = view();
      const at = placeOf(ids, id);
      const next = ids[at + 1] ?? ids[at - 1];
      const done = await attemptTo('Deleting', async () => { await ask('DELETE', `/deliveries/${id}`); return true; });
      if (!done) return;
      toast(`#${id} is deleted.`, 'good');
      if (state.route.name !== 'delivery' || state.route.id !== id) return;
      if (next !== undefined && !NARROW.matches) go({ name: 'delivery', id: next, tab: state.tab }, true);
      else go({ name: 'list' }, true);
    },
  });
}

function clearDialog() {
  const many = state.rows.size;
  if (!many) return;
  confirmDialog({
    title: `Delete all ${counted(many, 'delivery', 'deliveries')}?`, text: 'Everything that is kept goes out of the store, not only what the filter shows. This cannot be undone.', act: 'Delete all', danger: true,
    run: async () => {
      const done = await attemptTo('Deleting', async () => { await ask('DELETE', '/deliveries'); return true; });
      if (!done) return;
      toast('All deliveries are deleted.', 'good');
      go({ name: 'list' }, true);
    },
  });
}

function targetDialog() {
  if (offline()) return;
  const input = h('input', { type: 'text', class: 'mono', value: (state.status?.targets ?? []).join(' '), placeholder: 'localhost:3000', spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off', data: { testid: 'target-input' } });
  formDialog({
    title: 'Target', className: 'small', testid: 'target-dialog', act: 'Set',
    fields: field('Where deliveries go', input, 'A port, host:port or a URL. Of several, separated by spaces, the first one’s answer counts. With none, deliveries are kept and answered 200.'),
    send: async ({ close }) => {
      const targets = input.value.split(/[\s,]+/).filter(Boolean);
      takeStatus(await askJson('PUT', '/target', { targets }));
      redraw('top', 'banners', 'list');
      close();
      toast(targets.length ? `Deliveries go to \`${state.status.targets.join('`, `')}\` now.` : 'Deliveries are only kept now.', 'good');
    },
  });
  input.select();
}

function secretDialog() {
  if (offline()) return;
  const secret = h('input', { type: 'password', required: true, autocomplete: 'off', spellcheck: 'false', data: { testid: 'secret-input' } });
  const label = h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false' });
  const event = h('input', { type: 'text', class: 'mono', autocomplete: 'off', spellcheck: 'false', placeholder: 'email.*' });
  const known = state.status?.secrets ?? [];
  formDialog({
    title: 'Add a secret', className: 'small', testid: 'secret-dialog', act: 'Add and verify',
    fields: [
      known.length ? h('p', { class: 'dim' }, `Known: `, known.map((one, at) => [at ? ', ' : '', value(one)])) : null,
      field('The webhook’s secret', secret, 'It is known until cmhook stops. Everything kept that did not verify is verified again.'),
      field('Label (optional)', label, 'What it is called in verdicts.'), field('Event (optional)', event, 'Only for these events.'),
    ],
    send: async ({ close }) => {
      const told = await askJson('POST', '/secrets', { secret: secret.value, label: label.value.trim() || null, event: event.value.trim() || null });
      close();
      forgetDetail();
      toast(`The secret \`${told.label}\` is known now.`, 'good', told.valid ? `It verifies ${counted(told.valid, 'delivery', 'deliveries')}.` : 'It verifies nothing of what is kept.');
    },
  });
}

function noticesDrawer() {
  const warnings = standing();
  openDialog({
    title: 'Notices', className: 'drawer', testid: 'notices-drawer', content: [
      h('h3', null, 'Warnings'), warnings.length ? h('ul', { class: 'notices-list' }, warnings.map((one) => h('li', null, h('p', null, sentence(whole(one.message))), one.hint ? h('p', { class: 'dim' }, sentence(whole(one.hint))) : null))) : h('p', { class: 'dim' }, 'There are none.'),
      h('h3', null, 'Refused requests'), h('p', { class: 'dim' }, `${counted(state.status?.counts.refused ?? 0, 'request')} since cmhook started did not become a delivery.`),
      h('ul', { class: 'notices-list' }, state.refused.map((one) => h('li', null,
        h('p', null, one.status ? statusChip(one.status, null) : null, ' ', sentence(whole(one.reason))),
        h('p', { class: 'dim' }, `${clock(Date.parse(one.at))} from `, value(one.peer), one.request ? [' · ', value(one.request)] : null)))),
    ],
  });
}

/** A searchable list in a dialog: the input keeps the focus, arrows move the choice. */
function pickDialog({ title, testid, placeholder, load, match, item, pick }) {
  const options = h('div', { class: 'options', role: 'listbox', id: 'options', 'aria-label': title, tabIndex: -1 });
  const error = h('p', { class: 'form-error', role: 'alert', hidden: true });
  let all = [];
  let some = [];
  let at = 0;
  let isLoaded = false;
  // Enter was pressed by somebody who types faster than the list comes.
  let isWanted = false;
  const input = h('input', {
    type: 'text', role: 'combobox', 'aria-expanded': 'true', 'aria-controls': 'options', 'aria-autocomplete': 'list', 'aria-label': title, placeholder, autocomplete: 'off', spellcheck: 'false', data: { testid: `${testid}-search` },
    oninput: () => { at = 0; isWanted = false; drawOptions(); }, onkeydown: optionKey,
  });
  const dialog = openDialog({ title, className: 'pick', testid: `${testid}-dialog`, content: [input, error, options] });
  input.focus();
  load().then((got) => {
    all = got;
    isLoaded = true;
    drawOptions();
    if (isWanted && some[at] && dialog.el.open) choose(some[at]);
  }, (problem) => { fill(error, whole(problem.message)); error.hidden = false; });

  function drawOptions() {
    const wanted = input.value.trim().toLowerCase();
    some = all.filter((one) => match(one).toLowerCase().includes(wanted));
    at = Math.max(0, Math.min(at, some.length - 1));
    fill(options, some.map((one, index) => h('div', { class: 'option', role: 'option', id: `option-${index}`, 'aria-selected': String(index === at), data: { testid: `${testid}-option`, name: match(one) }, onclick: () => choose(one), onpointermove: () => { if (at !== index) { at = index; markOption(); } } }, item(one))),
      some.length ? null : h('p', { class: 'dim pad' }, isLoaded ? 'Nothing fits.' : 'Loading …'));
    markOption();
  }

  function markOption() {
    [...options.children].forEach((el, index) => { if (el.matches('.option')) el.setAttribute('aria-selected', String(index === at)); });
    if (some.length) input.setAttribute('aria-activedescendant', `option-${at}`);
    else input.removeAttribute('aria-activedescendant');
  }

  function optionKey(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      at = (at + by + some.length) % Math.max(1, some.length);
      markOption();
      options.children[at]?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (some[at]) choose(some[at]);
      else isWanted = !isLoaded;
    }
  }

  async function choose(one) {
    if (dialog.el.dataset.busy) return;
    dialog.el.dataset.busy = 'true';
    error.hidden = true;
    try {
      await pick(one, dialog.close);
    } catch (problem) {
      fill(error, sentence(whole(problem.message)), ' ', problem.hint ? sentence(whole(problem.hint)) : '');
      error.hidden = false;
    }
    delete dialog.el.dataset.busy;
  }
}

function triggerDialog() {
  if (offline()) return;
  pickDialog({
    title: 'Send a sample event', testid: 'trigger', placeholder: 'Search events', load: async () => (await askJson('GET', '/events')).events,
    match: (one) => one.name, item: (one) => [h('code', null, one.name), h('span', { class: 'dim' }, one.about)],
    pick: (one, close) => { close(); trigger(one.name); },
  });
}

/** An app may take its time, which is no reason to keep anybody from the page. */
async function trigger(event) {
  const done = toast(`Sending \`${event}\` …`, 'busy');
  const place = addressOf(state.route);
  const told = await attemptTo('Triggering', () => askJson('POST', '/trigger', { event }));
  done();
  if (!told) return;
  // Who went on to another one stays there.
  if (told.delivery !== null && addressOf(state.route) === place) show(told.delivery);
  if (told.error) toast(whole(told.error.message), 'bad', whole(told.error.hint ?? ''));
  else toast(`\`${event}\` sent: ${told.status ?? 'kept'} in ${took(told.took_ms)}.`, told.status >= 400 ? 'warn' : 'good');
}

/* ── Editing ─────────────────────────────────────────────────────────────────────────── */

const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'HEAD', 'OPTIONS'];
const KEEP_HEADERS = '';
const BY_ORIGINAL = 'original';

function parseHeaderLines(text) {
  return text.split('\n').map((line) => line.replace(/\r$/, '')).filter((line) => line.trim()).map((line, at) => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`line ${at + 1} of the headers has no name and colon`);
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
}

async function wholeRequest(id) {
  const known = entryOf(id).data;
  if (known && known.request.body_encoding !== 'omitted') return known;
  return askJson('GET', `/deliveries/${id}`);
}

async function editDialog(id) {
  if (id === null || offline() || detail.edit.ariaBusy) return;
  if ((state.rows.get(id)?.size ?? 0) < LARGE) await openEdit(id);
  else await preparing(detail.edit, () => openEdit(id));
}

async function openEdit(id) {
  const data = await attemptTo('Editing', () => wholeRequest(id));
  if (!data || document.querySelector('dialog[open]')) return;
  const { request } = data;
  const binary = request.body_encoding === 'base64';
  const isJson = !binary && (headerOf(request.headers, 'content-type').includes('json') || /^\s*[{[]/.test(request.body));
  const method = h('select', { class: 'select' }, [...new Set([request.method, ...METHODS])].map((one) => h('option', { value: one, selected: one === request.method }, one)));
  const path = h('input', { type: 'text', class: 'mono', value: request.path + (request.query === null ? '' : `?${request.query}`), required: true, spellcheck: 'false', autocomplete: 'off', data: { testid: 'edit-path' } });
  const headers = h('textarea', { class: 'mono', rows: 6, spellcheck: 'false', autocomplete: 'off', wrap: 'off', value: headerLines(request.headers), data: { testid: 'edit-headers' } });
  const body = h('textarea', { class: 'mono body', rows: 14, spellcheck: 'false', autocomplete: 'off', value: request.body, data: { testid: 'edit-body' } });
  const mistake = h('p', { class: 'mistake', role: 'status', data: { testid: 'edit-mistake' } });
  // A text box can only hide them.
  const unseen = binary ? [] : [...new Set(request.body.replace(/[\t\r\n]/g, '').match(UNSAFE) ?? [])];
  const unseenNote = unseen.length ? [`It has characters that cannot be seen here: `, unseen.slice(0, 8).map((c) => [h('code', null, shown(c)), ' '])] : null;
  const sign = h('select', { class: 'select', data: { testid: 'edit-sign' } }, signOptions(data));
  const to = h('input', { type: 'text', class: 'mono', placeholder: state.status?.targets[0] ?? 'localhost:3000', spellcheck: 'false', autocomplete: 'off', data: { testid: 'edit-to' } });
  const dialog = formDialog({
    title: `Edit #${id} and send it`, className: 'wide', testid: 'edit-dialog', act: 'Send', errorId: 'edit-error', focus: body, props: { testid: 'edit-send' },
    fields: [
      h('div', { class: 'field-row' }, field('Method', method), field('Path and query', path)),
      field('Headers', headers),
      h('div', { class: 'body-field' }, field(binary ? 'Body, as base64' : 'Body', body, binary ? 'Its bytes are not text, so they are edited as base64.' : unseenNote),
        isJson ? h('div', { class: 'under' }, mistake, button('Format', { class: 'small', onclick: () => { formatBody(body); check(); } })) : mistake),
      h('div', { class: 'field-row' }, field('Signature', sign), field('Target (optional)', to)),
    ],
    send: async ({ close }) => {
      if (!/^\/\S*$/.test(path.value.trim())) throw new Error('the path begins with `/` and has no spaces');
      const draft = {
        request: { method: method.value, path: path.value.trim(), headers: parseHeaderLines(headers.value), body: bodyOut(body.value, request.body, binary), body_encoding: request.body_encoding },
        original: id, sign: signOut(sign.value), to: to.value.trim() || null,
      };
      const sent = await askJson('POST', '/send', draft);
      close();
      const made = sent.delivery?.id ?? sent.delivery;
      show(made);
      attemptToast(`#${made} sent`, sent.attempt);
    },
  });
  const check = () => {
    const problem = binary ? base64Problem(body.value) : isJson ? jsonProblem(body.value) : '';
    setText(mistake, problem);
    body.classList.toggle('wrong', Boolean(problem));
    setText(dialog.submit.querySelector('.label'), problem && !binary ? 'Send anyway' : 'Send');
  };
  body.addEventListener('input', check);
  check();
  body.setSelectionRange(0, 0);
  body.scrollTop = 0;
}

/** A textarea makes `\n` of `\r\n`; what had it gets it back. */
function bodyOut(edited, original, binary) {
  if (binary) return edited.replace(/\s+/g, '');
  const normal = original.replace(/\r\n?/g, '\n');
  if (edited === normal) return original;
  return /\r\n/.test(original) && !/[^\r]\n/.test(original) ? edited.replace(/\n/g, '\r\n') : edited;
}

function jsonProblem(text) {
  if (!text.trim()) return 'The body is empty.';
  try { parseJson(text); return ''; } catch (mistake) { return mistakeText(text, mistake); }
}

function base64Problem(text) {
  try { atob(text.replace(/\s+/g, '')); return ''; } catch { return 'This is not base64.'; }
}

function formatBody(body) {
  try {
    const root = parseJson(body.value);
    body.value = prettyPieces(body.value, root, Infinity).pieces.map(([, piece]) => piece).join('');
  } catch { /* The mistake stands below the body already. */ }
}

function signOptions(data) {
  const secrets = state.status?.secrets ?? [];
  const anew = data.verdict.status !== 'unsigned' && secrets.length > 0;
  return [
    h('option', { value: BY_ORIGINAL, selected: anew, disabled: !secrets.length }, secrets.length ? 'Sign anew, as the original was' : 'Sign anew (no secret is known)'),
    secrets.map((label) => h('option', { value: `secret:${label}` }, `Sign anew with ${plain(label)}`)),
    h('option', { value: KEEP_HEADERS, selected: !anew }, 'Leave the headers as they are'),
  ];
}

function signOut(chosen) {
  if (chosen === KEEP_HEADERS) return null;
  return { secret: chosen === BY_ORIGINAL ? null : chosen.slice('secret:'.length), scheme: null };
}

/* ── Comparing ───────────────────────────────────────────────────────────────────────── */

function compareWith(a, b) {
  // So that there is a delivery to come back to.
  pin();
  go({ name: 'compare', a: String(a), b: String(b) });
  requestAnimationFrame(() => requestAnimationFrame(() => detail.compare.querySelector('h2')?.focus()));
}

/** The marked one that `=` means: the one marked last, else the nearest. */
function markedOther(id) {
  const last = state.lastMarked;
  if (last !== null && last !== id && state.rows.get(last)?.marked) return last;
  return [...state.ids].filter((one) => one !== id && state.rows.get(one).marked).sort((a, b) => Math.abs(a - id) - Math.abs(b - id))[0] ?? null;
}

function compareMarked() {
  const id = shownDelivery();
  if (id === null || state.route.name === 'compare') return;
  const other = markedOther(id);
  if (other !== null) compareWith(other, id);
  else if (!detail.body.hidden) compareMenu();
}

function compareMenu() {
  const id = shownDelivery();
  const row = id === null ? null : state.rows.get(id);
  if (!row) return;
  const place = placeOf(state.ids, id);
  const before = state.ids.slice(0, place).reverse();
  const same = before.find((one) => state.rows.get(one).event === row.event);
  const fine = before.find((one) => state.rows.get(one).event === row.event && !needsALook(state.rows.get(one)));
  const marked = markedOther(id);
  const items = [];
  if (marked !== null) items.push({ label: 'With the marked one', hint: `#${marked}`, run: () => compareWith(marked, id) });
  if (row.original) items.push({ label: 'With its original', hint: `#${row.original}`, run: () => compareWith(row.original, id) });
  if (same !== undefined) items.push({ label: 'With the previous of the same event', hint: `#${same}`, run: () => compareWith(same, id) });
  if (fine !== undefined && fine !== same) items.push({ label: 'With the last one that did not fail', hint: `#${fine}`, run: () => compareWith(fine, id) });
  items.push({ label: 'With #…', run: () => compareDialog(id) });
  openMenu(detail.compareButton, items);
}

function compareDialog(id) {
  const input = h('input', { type: 'text', inputmode: 'numeric', pattern: '#?[0-9]+', required: true, placeholder: '41', autocomplete: 'off' });
  formDialog({
    title: `Compare #${id} with`, className: 'small', act: 'Compare', fields: field('Id of the other delivery', input),
    send: async ({ close }) => {
      const other = Number(input.value.replace('#', ''));
      if (!state.rows.has(other)) throw new Error(`#${other} is not kept`);
      close();
      compareWith(other, id);
    },
  });
}

const nameOfRef = (ref) => `#${ref.replace('@', ' attempt ')}`;

function leaveCompare() {
  if (history.state?.inside) history.back();
  else go({ name: 'delivery', id: shownDelivery(), tab: null }, true);
}

function drawCompare() {
  const { a, b } = state.route;
  const key = `${a}|${b}`;
  if (detail.compareKey === key) return;
  detail.compareKey = key;
  const side = (ref) => h('a', { href: `#/deliveries/${Number.parseInt(ref, 10)}` }, nameOfRef(ref));
  const head = h('div', { class: 'detail-head' }, button('Back', { class: 'quiet', onclick: leaveCompare }, 'left'),
    h('h2', { class: 'title', tabIndex: -1 }, side(a), h('span', { class: 'dim' }, ' compared with '), side(b)),
    button('Swap', { class: 'small', onclick: () => go({ name: 'compare', a: b, b: a }, true) }, 'compare'));
  const box = h('div', { class: 'panel', tabIndex: 0, role: 'region', 'aria-label': 'What differs' }, waiting());
  fill(detail.compare, head, box);
  askDiff(`/diff?a=${a}&b=${b}`).then((diff) => {
    if (detail.compareKey !== key) return;
    fill(box, h('p', { class: 'legend' }, h('span', { class: 'old' }, `− ${nameOfRef(a)}`), h('span', { class: 'new' }, `+ ${nameOfRef(b)}`)), diff.same ? h('p', { class: 'lead-quiet' }, 'Nothing differs.') : [requestChanges(diff.request), h('h3', null, 'Response'), responseChanges(diff.response)]);
  }, (error) => {
    detail.compareKey = error.status === 0 ? '' : key;
    fill(box, h('p', { class: 'lead-quiet' }, sentence(whole(error.message))));
  });
}

const pairRow = (name, pair) => h('tr', null, h('th', { scope: 'row' }, name), h('td', { class: 'old' }, pair.old === null ? nothing() : value(pair.old)), h('td', { class: 'new' }, pair.new === null ? nothing() : value(pair.new)));
const nothing = () => h('span', { class: 'dim' }, 'none');

function changeTable(label, rows) {
  return h('div', { class: 'scroll-x', tabIndex: 0, role: 'region', 'aria-label': label }, h('table', { class: 'changes' }, h('thead', null, h('tr', null, h('th', { scope: 'col' }, label), h('th', { scope: 'col' }, '− Old'), h('th', { scope: 'col' }, '+ New'))), h('tbody', null, rows)));
}

function headerChanges(headers, label = 'Header') {
  if (!headers.length) return null;
  const joined = (values) => (values.length ? values.join(', ') : null);
  return changeTable(label, headers.map((one) => pairRow(value(one.name), { old: joined(one.old), new: joined(one.new) })));
}

function requestChanges(request) {
  const pairs = [['Method', request.method], ['Path', request.path]].filter(([, pair]) => pair);
  return [h('h3', null, 'Payload'), bodyChanges(request.payload),
    h('h3', null, 'Request'), pairs.length ? changeTable('Line', pairs.map(([name, pair]) => pairRow(name, pair))) : null, headerChanges(request.headers),
    !pairs.length && !request.headers.length ? h('p', { class: 'dim' }, 'Method, path and headers are the same.') : null];
}

function responseChanges(response) {
  if (!response.outcome && !response.headers.length && response.body.kind === 'same') return h('p', { class: 'dim' }, 'It is the same.');
  return [response.outcome ? changeTable('Answer', [pairRow('Status', response.outcome)]) : null, headerChanges(response.headers, 'Response header'),
    response.body.kind === 'same' ? h('p', { class: 'dim' }, 'The bodies are the same.') : bodyChanges(response.body)];
}

const CHANGE_SIGNS = { added: '+', removed: '−', changed: '~' };

function bodyChanges(body) {
  switch (body.kind) {
    case 'same': return h('p', { class: 'dim' }, 'It is the same.');
    case 'spelling': return h('p', null, `The values are the same, but written otherwise from byte ${body.first_byte} on.`);
    case 'bytes': return h('p', null, `The bytes differ from byte ${body.first_byte} on.`);
    case 'text': return unifiedDiff(body.text ?? '');
    default: break;
  }
  const text = (one) => (one === null ? nothing() : value(one.text));
  return [changeTable('Path', body.changes.slice(0, 500).map((change) => h('tr', { class: change.kind, data: { path: change.path } },
    h('th', { scope: 'row' }, h('span', { class: 'sign', title: change.kind }, CHANGE_SIGNS[change.kind]), ' ', change.path ? value(change.path) : h('span', { class: 'dim' }, 'the payload itself')),
    h('td', { class: 'old' }, text(change.old)), h('td', { class: 'new' }, text(change.new))))),
  body.truncated || body.changes.length > 500 ? h('p', { class: 'dim' }, 'There are more changes than are shown.') : null];
}

function unifiedDiff(text) {
  const kinds = { '+': 'plus', '-': 'minus', '@': 'hunk' };
  return h('div', { class: 'scroll-x', tabIndex: 0, role: 'region', 'aria-label': 'Difference of the texts' }, h('pre', { class: 'text diff' }, text.split('\n').slice(0, 4000).map((line, at) => h('span', { class: `diff-line ${at < 2 && /^(---|\+\+\+)/.test(line) ? 'hunk' : kinds[line[0]] ?? ''}` }, shown(line), '\n'))));
}

/* ── Keys ────────────────────────────────────────────────────────────────────────────── */

const chosen = () => shownDelivery();
const KEYS = [
  ['Moving', [
    [['j', 'ArrowDown'], 'j ↓', 'The next delivery', () => move(1)],
    [['k', 'ArrowUp'], 'k ↑', 'The previous delivery', () => move(-1)],
    [['g'], 'g', 'To the first', () => { const [first] = view(); if (first !== undefined) select(first, { keyboard: true, open: true }); }],
    [['G'], 'G', 'To the newest, and follow', toNewest],
    [['n'], 'n', 'To the next that failed', () => moveToFailed(1)],
    [['N'], 'N', 'To the previous that failed', () => moveToFailed(-1)],
    [['f'], 'f', 'Follow the newest, or stay', toggleFollow],
  ]],
  ['Looking', [
    [['Enter', 'l'], 'Enter l', 'The detail of the selected delivery', enterDetail],
    [['Escape', 'h'], 'Esc h', 'Back: to the list, out of the filter', () => leaveDetail()],
    ...TABS.map(([name, label], at) => [[String(at + 1)], String(at + 1), label, () => chooseTab(name)]),
    [['o'], 'o', 'Payload as a tree, as text, in hex', () => nextMode()],
    [['-'], '-', 'Fold all of the payload', () => treeInSight()?.foldAll(true)],
    [['+'], '+', 'Unfold all of the payload', () => treeInSight()?.foldAll(false)],
    [['/'], '/', 'Filter the list', toFilter],
  ]],
  ['The selected delivery', [
    [['r'], 'r', 'Replay it: the same bytes once more', () => replay(chosen())],
    [['e'], 'e', 'Edit it and send it as a new delivery', () => editDialog(chosen())],
    [['m'], 'm', 'Mark it, or take its mark away', () => toggleMark(chosen())],
    [['='], '=', 'Compare it with the marked one', compareMarked],
    [['c', 'y'], 'c y', 'Copy: curl, payload, headers, response, id, link', () => { if (!detail.body.hidden) copyMenu(); }],
    [['x'], 'x', 'Export it', () => { if (!detail.body.hidden && !offline()) exportMenu(); }],
    [['D', 'Delete'], 'D Del', 'Delete it', () => deleteDialog(chosen())],
  ]],
  ['The listener', [
    [['R'], 'R', 'Replay all that the filter shows', () => { if (!offline()) replayAllDialog(); }],
    [['t'], 't', 'Trigger a sample event', triggerDialog],
    [['T'], 'T', 'Change the target', targetDialog],
    [['s'], 's', 'Add a secret and verify all again', secretDialog],
    [['u'], 'u', 'Copy the public URL, or the local one', copyUrl],
    [['p'], 'p', 'Pause forwarding, or go on', togglePause],
    [['Z'], 'Z', 'Delete all deliveries', () => { if (!offline()) clearDialog(); }],
  ]],
  ['The page', [
    [['?'], '?', 'All keys', () => helpDialog()],
    [['!'], '!', 'All warnings and refused requests', noticesDrawer],
  ]],
];

/** What is typed next is the filter: it waits for a frame only where the list has to be shown first. */
function toFilter() {
  const focus = () => { filterBox.focus(); filterBox.select(); };
  if (!NARROW.matches || state.route.name === 'list') { focus(); return; }
  go({ name: 'list' });
  requestAnimationFrame(focus);
}

function leaveDetail() {
  const focused = document.activeElement;
  if (state.route.name === 'compare') { leaveCompare(); return; }
  if (NARROW.matches) { back(); return; }
  if ($('detail-pane').contains(focused) || !$('list-pane').contains(focused)) list.box.focus({ preventScroll: true });
  else if (state.filter.text) setFilter('');
}

function nextMode() {
  const shownBody = detail.panel.querySelector('.body-view')?.view;
  if (!shownBody) return;
  const { modes } = shownBody.known;
  shownBody.choose(modes[(modes.indexOf(shownBody.mode) + 1) % modes.length]);
}

const BY_KEY = new Map(KEYS.flatMap(([, keys]) => keys.flatMap(([names, , , run]) => names.map((name) => [name, run]))));

function isField(el) {
  return el instanceof HTMLElement && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName));
}

function pageKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (state.link === 'missing' || document.querySelector('dialog[open]') || menu) return;
  if (isField(event.target)) return;
  const onControl = event.target.closest?.('button, a, summary, [role=treeitem]');
  if (onControl && /^(Enter| |Arrow)/.test(event.key)) return;
  // In the panel these scroll.
  if (/^Arrow/.test(event.key) && detail.panel.contains(event.target)) return;
  const run = BY_KEY.get(event.key);
  if (!run) return;
  event.preventDefault();
  run();
}

function helpDialog() {
  const search = h('input', { type: 'text', placeholder: 'Search keys', 'aria-label': 'Search keys', autocomplete: 'off', spellcheck: 'false' });
  const groups = KEYS.map(([title, keys]) => h('section', { class: 'key-group' }, h('h3', null, title), h('dl', null, keys.map(([, names, text]) => h('div', { class: 'key-line', data: { text: `${names} ${text}`.toLowerCase() } }, h('dt', null, names.split(' ').map((name) => h('kbd', null, name))), h('dd', null, text))))));
  const none = h('p', { class: 'dim', hidden: true }, 'No key does that.');
  search.addEventListener('input', () => {
    const wanted = search.value.trim().toLowerCase();
    let any = false;
    for (const group of groups) {
      let some = false;
      for (const line of group.querySelectorAll('.key-line')) { line.hidden = !line.dataset.text.includes(wanted); some ||= !line.hidden; }
      group.hidden = !some;
      any ||= some;
    }
    none.hidden = any;
  });
  openDialog({ title: 'Keys', className: 'help', testid: 'help', content: [search, none, h('div', { class: 'key-groups', tabIndex: 0, role: 'region', 'aria-label': 'All keys' }, groups),
    h('p', { class: 'dim' }, 'In the payload’s tree the arrows move and fold. ', state.status ? `cmhook ${state.status.version}.` : '')] });
  search.focus();
}

function buildFoot() {
  const hint = (key, text, run) => h('button', { type: 'button', class: 'hint-key', tabIndex: -1, onclick: run }, h('kbd', null, key), ` ${text}`);
  fill($('foot'), [['j k', 'move', () => move(1)], ['Enter', 'open', enterDetail], ['r', 'replay', () => replay(chosen())], ['e', 'edit', () => editDialog(chosen())], ['n', 'next failed', () => moveToFailed(1)],
    ['/', 'filter', () => filterBox.focus()], ['t', 'trigger', triggerDialog], ['c', 'copy', () => { if (!detail.body.hidden) copyMenu(); }], ['f', 'follow', toggleFollow], ['?', 'all keys', helpDialog]].map(([key, text, run]) => hint(key, text, run)));
}

/* ── Start ───────────────────────────────────────────────────────────────────────────── */

function addressChanged() {
  if (/(?:^#|\?|&)(?:token|code)=/.test(location.hash)) {
    unusedSecret = takeSecret();
    dropSocket();
    connect();
  }
  enterByAddress();
}

/** From a link, or back: the list shows where it stands. */
function enterByAddress() {
  const route = readRoute();
  const filter = new URLSearchParams(location.hash.split('?')[1] ?? '').get('filter');
  // Links within the page say nothing of the filter, which stays.
  if (filter !== null && filter.trim() !== state.filter.text.trim()) setFilter(filter);
  const same = route.name === 'delivery' && state.route.name === 'delivery' && state.route.id === route.id;
  enter(route);
  // An address that leads nowhere becomes that of the list.
  writeAddress();
  if (route.name !== 'delivery' || same) return;
  stopFollowing();
  list.center = true;
}

function start() {
  try { state.filter.kept = JSON.parse(sessionStorage.getItem('filters') ?? '[]'); } catch { /* It starts anew. */ }
  unusedSecret = takeSecret();
  buildTop();
  buildChart();
  buildList();
  buildDetail();
  buildFoot();
  $('app').hidden = false;
  enterByAddress();
  addEventListener('hashchange', addressChanged);
  // It comes before the other, and there may be a secret in the address.
  addEventListener('popstate', addressChanged);
  addEventListener('keydown', pageKey);
  addEventListener('online', () => { if (state.link === 'offline') retryNow(); });
  addEventListener('focus', () => { if (state.link === 'missing') connect(); });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return;
    if (state.link === 'offline') retryNow();
    else ping();
  });
  NARROW.addEventListener('change', () => redraw('panes', 'list', 'detail', 'chart'));
  document.querySelector('.skip').addEventListener('click', (event) => { event.preventDefault(); list.box.focus(); });
  redraw('top', 'banners', 'list', 'detail', 'panes');
  connect();
}

start();
