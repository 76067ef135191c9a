// Writes the first corpus: cuts the cases of `tests/`, and the demo's own files, into inputs of the four targets.
//   node fuzz/seeds.mjs FOLDER

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const folder = process.argv[2];
if (!folder) throw new Error('usage: node fuzz/seeds.mjs FOLDER');

const sections = (...texts) => texts.join('\n====\n');

const files = (name, extension) =>
  readdirSync(join(root, name), { recursive: true })
    .filter((path) => path.endsWith(extension))
    .sort()
    .map((path) => readFileSync(join(root, name, path), 'utf8'));

/** A case of tests/mapping: `key: value` lines, and what belongs to them. */
function mapping(text) {
  const found = {};
  let last;
  for (const line of text.split('\n').slice(1)) {
    const cut = line.indexOf(':');
    if (line.startsWith(' ')) found[last] += `\n${line}`;
    else if (cut > 0) found[(last = line.slice(0, cut))] = line.slice(cut + 1).trim();
  }
  const variables = Object.entries(found)
    .filter(([key]) => key.startsWith('$'))
    .map(([key, value]) => `"${key.slice(1)}": ${value}`);
  return sections(found.mapping ?? '', found.data ?? '', `{${variables.join(', ')}}`);
}

/** The files of the graphs in a Markdown case: of tests/check one a heading, else one a file. */
function graphs(text) {
  return text.split('\n## ').map((part) => {
    const graph = { schema: '', yaml: '', gateway: '', body: '{}' };
    for (const [, info, block] of part.matchAll(/^```(.+)\n([^]*?)^```$/gm)) {
      if (info === 'graphql' || info.startsWith('graphql schema')) graph.schema += block;
      else if (info === 'yaml ficus.yaml') graph.gateway += block;
      else if (info.startsWith('yaml')) graph.yaml += block;
      else if (info === 'http upstream') graph.body = block.match(/^[[{][^]*/m)?.[0].split(/^[A-Z]+ /m)[0] ?? graph.body;
    }
    return graph;
  });
}

const ARGS =
  '{"id":"7","ids":["a/b","..","%2e"],"name":"ä &=?#\\r\\n","q":null,"n":1.5,"input":{"a":[1,{"b":true}]}}';

/** A request for each URL of a schema, with whatever else its directives say. */
function requests({ schema }) {
  const all = (key) =>
    [...schema.matchAll(new RegExp(`${key}:\\s*("""([^]*?)"""|"([^"\\n]*)")`, 'g'))].map((m) => m[2] ?? m[3]);
  const at = (texts, index) => (texts.length ? texts[index % texts.length] : '');
  const others = ['path', 'queryParams', 'value', 'body'].map(all);
  const bases = ['http://h.example/api?k=1', 'form {$config.base}/x', 'https://{$config.host}'];
  return all('(?:GET|POST|PUT|PATCH|DELETE)').map((url, index) => {
    const base = url.startsWith('http') ? '' : bases[index % bases.length];
    return sections(base, url, ...others.map((texts) => at(texts, index)), ARGS);
  });
}

const demo = {
  schema: files('schema', '.graphql').join('\n'),
  yaml: files('connectors', '.yaml')[0],
  gateway: '',
  body: '[]',
};
const cases = ['tests/check', 'tests/spec', 'tests/plan'].flatMap((name) => files(name, '.md')).flatMap(graphs);
const loaded = [demo, ...cases].filter(({ schema }) => schema);
const seeds = {
  mapping: files('tests/mapping', '.txt').flatMap((text) => text.split(/^== /m).slice(1).map(mapping)),
  template: loaded.flatMap(requests),
  connectors: [
    ...files('connectors', '.yaml').map((yaml) => sections(yaml, '', '')),
    ...cases.map(({ yaml, gateway }) => sections(yaml, gateway, 'KEY=1\nTOKEN=2')),
  ],
  schema: loaded.map(({ schema, yaml, body }) => sections(schema, yaml, body)),
};
for (const [target, texts] of Object.entries(seeds)) {
  mkdirSync(join(folder, target), { recursive: true });
  const different = [...new Set(texts)];
  different.forEach((text, index) => writeFileSync(join(folder, target, `seed-${index}`), text));
  console.log(`${target}: ${different.length} seeds`);
}
