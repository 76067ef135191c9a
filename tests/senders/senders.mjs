// Starts Ficus, signs deliveries with npm's standardwebhooks, stripe and @octokit/webhooks-methods, and checks what is taken, what
// is refused, and what a thousand copies of one delivery come to. Usage: node senders.mjs FICUS_BIN PORT ADMIN_PORT
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { sign as signGithub } from '@octokit/webhooks-methods';
import { Webhook } from 'standardwebhooks';
import Stripe from 'stripe';

const [binary, port, adminPort] = process.argv.slice(2);
if (!adminPort) {
  console.error('usage: node senders.mjs FICUS_BIN PORT ADMIN_PORT');
  process.exit(2);
}
const standardSecret = () => `whsec_${randomBytes(24).toString('base64')}`;
const secrets = {
  STANDARD_SECRET: standardSecret(),
  STANDARD_OLD_SECRET: standardSecret(),
  STRIPE_SECRET: `whsec_${randomBytes(24).toString('hex')}`,
  GITHUB_SECRET: randomBytes(20).toString('hex'),
};
const retired = standardSecret();
const url = `http://127.0.0.1:${port}`;
const admin = `http://127.0.0.1:${adminPort}`;
const now = () => Math.floor(Date.now() / 1000);
const body = JSON.stringify({ type: 'order.updated', data: { id: 7, note: 'ü 🌿' } });
const stripe = new Stripe('sk_test_none');

/** @returns the headers that the library makes */
const sign = {
  standard(payload, { secret = secrets.STANDARD_SECRET, id = `msg_${randomBytes(8).toString('hex')}`, at = now() } = {}) {
    const signature = new Webhook(secret).sign(id, new Date(at * 1000), payload);
    return { 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': signature };
  },
  stripe(payload, { secret = secrets.STRIPE_SECRET, at = now() } = {}) {
    const header = stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp: at });
    return { 'stripe-signature': header };
  },
  async github(payload, { secret = secrets.GITHUB_SECRET, id = randomBytes(8).toString('hex') } = {}) {
    const signature = await signGithub(secret, payload);
    return { 'x-hub-signature-256': signature, 'x-github-delivery': id, 'x-github-event': 'push' };
  },
};

async function deliver(webhook, payload, headers) {
  const response = await fetch(`${url}/webhooks/shop/${webhook}`, {
    method: 'POST',
    body: payload,
    headers: { 'content-type': 'application/json', ...headers },
  });
  await response.text();
  return response.status;
}

/** What Ficus has counted: deliveries of a webhook by outcome. */
async function counted(webhook) {
  const query = '{ sources { webhooks { name accepted duplicates events } } }';
  const response = await fetch(`${admin}/admin/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { data } = await response.json();
  return data.sources.flatMap((source) => source.webhooks).find((found) => found.name === webhook);
}

let failures = 0;
function expect(what, found, expected) {
  const ok = JSON.stringify(found) === JSON.stringify(expected);
  failures += ok ? 0 : 1;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}: ${JSON.stringify(found)}${ok ? '' : `, expected ${JSON.stringify(expected)}`}`);
}

/** The header with its last signature changed by `change`. */
function altered(headers, name, change) {
  return { ...headers, [name]: change(headers[name]) };
}
// No letter for its other case: that would be the same in hex.
const flipped = (text) => text.slice(0, -3) + (text.at(-3) === '0' ? '1' : '0') + text.slice(-2);
const truncated = (text) => text.slice(0, -4);

async function standard() {
  const deliverSigned = (options) => deliver('standard', body, sign.standard(body, options));
  expect('standardwebhooks is taken', await deliverSigned(), 200);
  expect('... with the secret that is being replaced', await deliverSigned({ secret: secrets.STANDARD_OLD_SECRET }), 200);
  expect('... at the edge of the tolerance', await deliverSigned({ at: now() - 295 }), 200);
  expect('... not with a secret that was taken out', await deliverSigned({ secret: retired }), 401);
  expect('... not too old', await deliverSigned({ at: now() - 302 }), 401);
  expect('... not of the future', await deliverSigned({ at: now() + 305 }), 401);
  const headers = sign.standard(body);
  expect('... not changed', await deliver('standard', body.replace('7', '8'), headers), 401);
  expect('... not written anew', await deliver('standard', JSON.stringify(JSON.parse(body), null, 1), headers), 401);
  for (const change of [flipped, truncated]) {
    const sent = altered(headers, 'webhook-signature', change);
    expect(`... not ${change.name}`, await deliver('standard', body, sent), 401);
  }
}

async function stripeEvents() {
  const event = JSON.stringify({ id: 'evt_1', object: 'event', type: 'invoice.paid' }, null, 2);
  const headers = sign.stripe(event);
  expect('stripe is taken', await deliver('stripe', event, headers), 200);
  expect('... not changed', await deliver('stripe', event.replace('paid', 'void'), headers), 401);
  expect('... not too old', await deliver('stripe', event, sign.stripe(event, { at: now() - 302 })), 401);
  expect('... not of another secret', await deliver('stripe', event, sign.stripe(event, { secret: 'whsec_other' })), 401);
  expect('... not flipped', await deliver('stripe', event, altered(headers, 'stripe-signature', flipped)), 401);
  expect('... not truncated', await deliver('stripe', event, altered(headers, 'stripe-signature', truncated)), 401);
}

async function githubEvents() {
  const event = JSON.stringify({ ref: 'refs/heads/main' });
  const headers = await sign.github(event);
  expect('octokit is taken', await deliver('github', event, headers), 200);
  expect('... not changed', await deliver('github', event.replace('main', 'next'), headers), 401);
  expect('... not of another secret', await deliver('github', event, await sign.github(event, { secret: 'other' })), 401);
  expect('... not flipped', await deliver('github', event, altered(headers, 'x-hub-signature-256', flipped)), 401);
  expect('... not truncated', await deliver('github', event, altered(headers, 'x-hub-signature-256', truncated)), 401);
}

/** A thousand copies at once are one event; under other delivery ids too, where the signature does not cover the id. */
async function replays() {
  const copies = async (webhook, headers, payload) => {
    const before = await counted(webhook);
    const statuses = await Promise.all(Array.from({ length: 1000 }, (_, n) => deliver(webhook, payload, headers(n))));
    const after = await counted(webhook);
    expect(`1,000 copies to ${webhook} are answered`, statuses.every((status) => status === 200), true);
    const grown = { events: after.events - before.events, duplicates: after.duplicates - before.duplicates };
    expect('... and are one event', grown, { events: 1, duplicates: 999 });
  };
  const once = sign.standard(body);
  await copies('standard', () => once, body);
  const push = JSON.stringify({ ref: 'refs/heads/copied' });
  const signed = await sign.github(push);
  await copies('github', (n) => ({ ...signed, 'x-github-delivery': `copy-${n}` }), push);
}

const ficus = spawn(
  binary,
  ['serve', '--schema', 'schema', '--connectors', 'connectors', '--config', 'ficus.yaml', '--listen', `127.0.0.1:${port}`],
  { cwd: import.meta.dirname, env: { ...process.env, ...secrets, ADMIN_PORT: adminPort }, stdio: ['ignore', 'inherit', 'inherit'] },
);
try {
  for (let tries = 0; ; tries += 1) {
    const ready = await fetch(`${url}/health/ready`).then((response) => response.ok, () => false);
    if (ready) break;
    if (tries > 100 || ficus.exitCode !== null) throw new Error('Ficus did not start');
    await pause(100);
  }
  await standard();
  await stripeEvents();
  await githubEvents();
  await replays();
} finally {
  ficus.kill();
}
console.log(failures === 0 ? 'all as it should be' : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
