// Opens the demo's playground and its admin graph in headless Chromium: both load, ask nobody but the gateway for
// anything, show the documentation, and run operations. usage: node check.mjs GATEWAY-URL ADMIN-URL [SCREENSHOT]
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [gateway, admin, screenshot] = process.argv.slice(2);

const shop = `# Orders from one service, their customers from the monolith, products and reviews from two more.
query Shop {
  orders(limit: 2) {
    total
    items {
      id
      status
      customer {
        name
        loyaltyTier
      }
      lines {
        quantity
        product {
          name
          reviews(limit: 1) {
            stars
            title
          }
        }
      }
    }
  }
}
`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ],
});

/** A page whose every request and complaint is kept. */
async function open(url) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const seen = { requests: [], complaints: [], sockets: [] };
  context.on('request', request => seen.requests.push(request.url()));
  page.on('websocket', socket => seen.sockets.push(socket.url()));
  page.on('console', message => message.type() === 'error' && seen.complaints.push(message.text()));
  page.on('pageerror', error => seen.complaints.push(String(error)));
  await page.goto(url);
  await page.locator('.graphiql-query-editor .monaco-editor').waitFor();
  return { page, seen };
}

/** Runs what is in the editor, and gives the response's text once it contains `expected`. */
async function run(page, expected) {
  await page.getByRole('button', { name: /Execute query/ }).click();
  const response = page.locator('.graphiql-response .view-lines');
  await page.waitForFunction(
    text => document.querySelector('.graphiql-response .view-lines')?.textContent.replaceAll('\u00a0', ' ').includes(text),
    expected,
  );
  return (await response.textContent()).replaceAll('\u00a0', ' ');
}

/** Fails when anything but `origin` was asked for something, or when the page complained. */
function settle(what, origin, seen) {
  const elsewhere = [...seen.requests, ...seen.sockets].filter(
    url => !/^(data|blob):/.test(url) && new URL(url).host !== new URL(origin).host,
  );
  assert.deepEqual(elsewhere, [], `${what} asked elsewhere`);
  assert.deepEqual(seen.complaints, [], `${what} complained`);
  console.log(`${what}: ${seen.requests.length} requests, all to ${new URL(origin).host}; no complaint`);
}

try {
  const playground = await open(`${gateway}/?${new URLSearchParams({ query: shop })}`);
  await playground.page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await playground.page.locator('.graphiql-doc-explorer').getByRole('link', { name: 'Query', exact: true }).click();
  await playground.page.locator('.graphiql-doc-explorer').getByText('orders', { exact: true }).first().waitFor();
  const answer = await run(playground.page, '"reviews"');
  assert(!answer.includes('"errors"'), answer);
  if (screenshot) await playground.page.screenshot({ path: screenshot });
  settle('playground', gateway, playground.seen);

  const operations = await open(`${admin}/?${new URLSearchParams({ query: '{ operations(first: 5) { name calls plan } }' })}`);
  await run(operations.page, '"Shop"');
  settle('admin graph', admin, operations.seen);

  const figures = await open(`${admin}/?${new URLSearchParams({ query: 'subscription { figures { uptimeSeconds calls } }' })}`);
  await run(figures.page, '"uptimeSeconds"');
  assert.equal(figures.seen.sockets.length, 1, 'one socket carries the subscription');
  settle('admin subscription', admin, figures.seen);
} finally {
  await browser.close();
}
