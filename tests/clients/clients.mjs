// Starts Ficus, subscribes with clients that exist, makes their clocks tick by webhooks, and checks what each is told.
// Usage: node clients.mjs FICUS_BIN PORT
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient as createSse } from 'graphql-sse';
import { createClient as createWs } from 'graphql-ws';
import { pipe, subscribe as listen } from 'wonka';
import WebSocket from 'ws';

const [binary, port] = process.argv.slice(2);
if (!port) {
  console.error('usage: node clients.mjs FICUS_BIN PORT');
  process.exit(2);
}
const here = fileURLToPath(new URL('.', import.meta.url));
const url = `http://127.0.0.1:${port}`;
const endpoint = `${url}/graphql`;
const socket = `ws://127.0.0.1:${port}/graphql`;
const query = 'subscription Ticks($clock: ID!) { ticked(clock: $clock) { clock number } }';

const start = async () => {
  const files = ['--schema', `${here}schema`, '--connectors', `${here}connectors`, '--config', `${here}ficus.yaml`];
  const server = spawn(binary, ['serve', ...files, '--listen', `127.0.0.1:${port}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  for (let tries = 0; tries < 100; tries += 1) {
    if (server.exitCode !== null) throw new Error('ficus ended before it was ready');
    const ready = await fetch(`${url}/health/ready`).then((reply) => reply.ok, () => false);
    if (ready) return server;
    await pause(100);
  }
  throw new Error('ficus was never ready');
};

const tick = async (clock, number) => {
  const reply = await fetch(`${url}/webhooks/clocks/ticks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ clock, number }),
  });
  if (!reply.ok) throw new Error(`a webhook was answered ${reply.status}`);
};

/** What a subscription was told, and a way to wait for more. */
class Heard {
  numbers = [];
  ended = false;
  #told = () => {};

  next(result) {
    const errors = result.errors ?? (result.error ? [result.error] : []);
    if (errors.length) return this.error(errors[0]);
    this.numbers.push(result.data.ticked.number);
    this.#told();
  }

  error(error) {
    this.failed = error;
    this.#told();
  }

  complete() {
    this.ended = true;
    this.#told();
  }

  async until(condition, what) {
    const deadline = Date.now() + 20_000;
    while (!condition()) {
      if (this.failed) throw this.failed;
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}; heard ${this.numbers}`);
      await Promise.race([new Promise((told) => (this.#told = told)), pause(100)]);
    }
  }
}

/**
 * Ticks until the first is heard, since nothing tells when a subscription has begun; then three more, which must come in order.
 */
const hearsItsClock = async (clock, heard) => {
  let number = 0;
  const deadline = Date.now() + 20_000;
  while (heard.numbers.length === 0) {
    if (heard.failed) throw heard.failed;
    if (Date.now() > deadline) throw new Error('nothing was heard');
    await tick(clock, (number += 1));
    await pause(50);
  }
  await heard.until(() => heard.numbers.at(-1) === number, 'the first ticks');
  for (const more of [1, 2, 3]) await tick(clock, number + more);
  await heard.until(() => heard.numbers.at(-1) === number + 3, 'three more ticks');
  const first = heard.numbers[0];
  const expected = Array.from({ length: number + 3 - first + 1 }, (_, index) => first + index);
  if (String(heard.numbers) !== String(expected)) throw new Error(`heard ${heard.numbers}, not ${expected}`);
};

const withWs = (options = {}) => createWs({ url: socket, webSocketImpl: WebSocket, ...options });
const withSse = (singleConnection) => createSse({ url: endpoint, singleConnection, retryAttempts: 0 });

const subscribeWith = (client) => (clock, heard) => client.subscribe({ query, variables: { clock } }, heard);

const apollo = (link) => (clock, heard) => {
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const subscription = client.subscribe({ query: gql(query), variables: { clock } }).subscribe(heard);
  return () => {
    subscription.unsubscribe();
    client.stop();
  };
};

const urql = (options) => (clock, heard) => {
  const client = new Client({ url: endpoint, preferGetMethod: false, ...options });
  const { unsubscribe } = pipe(client.subscription(query, { clock }), listen((result) => heard.next(result)));
  return unsubscribe;
};

const forUrql = (client) => ({
  exchanges: [
    subscriptionExchange({
      forwardSubscription: (request) => ({
        subscribe: (sink) => ({ unsubscribe: client.subscribe({ ...request, query: request.query ?? '' }, sink) }),
      }),
    }),
    fetchExchange,
  ],
});

const checks = {
  'graphql-ws': subscribeWith(withWs()),
  'graphql-sse, distinct connections': subscribeWith(withSse(false)),
  'graphql-sse, single connection': subscribeWith(withSse(true)),
  'Apollo Client, WebSocket': apollo(new GraphQLWsLink(withWs())),
  'Apollo Client, multipart': apollo(new HttpLink({ uri: endpoint })),
  'urql, WebSocket': urql(forUrql(withWs())),
  'urql, fetch': urql({ exchanges: [fetchExchange], fetchSubscriptions: true }),
};

let failed = 0;
const check = async (name, run) => {
  try {
    await run();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${error.stack ?? error}`);
  }
};

let server = await start();
for (const [name, begin] of Object.entries(checks)) {
  await check(name, async () => {
    const heard = new Heard();
    const clock = name.replaceAll(/[^a-z]/gi, '');
    const end = begin(clock, heard);
    await hearsItsClock(clock, heard);
    end();
  });
}

await check('graphql-ws, a query', async () => {
  const client = withWs();
  const results = [];
  for await (const result of client.iterate({ query: '{ hello }' })) results.push(result);
  await client.dispose();
  if (JSON.stringify(results) !== '[{"data":{"hello":"world"}}]') throw new Error(JSON.stringify(results));
});

await check('graphql-ws, an operation that does not fit the schema', async () => {
  const client = withWs();
  const told = await new Promise((resolve, reject) => {
    client.subscribe({ query: 'subscription { nothing }' }, { next: reject, error: resolve, complete: () => reject(new Error('complete')) });
  });
  await client.dispose();
  if (told[0]?.extensions?.code !== 'GRAPHQL_VALIDATION_FAILED') throw new Error(JSON.stringify(told));
});

await check('graphql-sse, an operation that does not fit the schema', async () => {
  for (const single of [false, true]) {
    const client = withSse(single);
    const told = await new Promise((resolve, reject) => {
      client.subscribe({ query: 'subscription { nothing }' }, { next: resolve, error: reject, complete: () => {} });
    });
    client.dispose();
    if (told.errors?.[0]?.extensions?.code !== 'GRAPHQL_VALIDATION_FAILED') throw new Error(JSON.stringify(told));
  }
});

await check('graphql-ws comes back after SIGTERM', async () => {
  const heard = new Heard();
  const end = subscribeWith(withWs({ retryAttempts: 10, retryWait: () => pause(300) }))('again', heard);
  await hearsItsClock('again', heard);
  server.kill('SIGTERM');
  const [status] = await once(server, 'exit');
  if (status !== 0) throw new Error(`ficus ended with ${status}`);
  server = await start();
  heard.numbers = [];
  await hearsItsClock('again', heard);
  end();
});

server.kill('SIGTERM');
await once(server, 'exit');
process.exit(failed ? 1 : 0);
