// Writes the two graphs that Tailcall serves, of resolvers.graphql and all types that are not in it; run.sh runs it. In apart.graphql
// requests share nothing; sharing.graphql is as Tailcall publishes itself: what is equal and in flight is asked once, but for mutations.
import { readFileSync, writeFileSync } from 'node:fs';
import { parse, print } from 'graphql';
import { types } from '../graph.mjs';

const here = (name) => new URL(name, import.meta.url);
const resolved = parse(readFileSync(here('resolvers.graphql'), 'utf8')).definitions;
const name = (definition) => definition.name?.value;
const names = new Set(resolved.map(name));
const others = types.definitions.filter((definition) => !names.has(name(definition)));

const sharing = (definition) => {
  const text = print(definition);
  return name(definition) === 'Mutation' ? text : text.replaceAll('dedupe: false', 'dedupe: true');
};
const write = (file, text) => writeFileSync(here(file), [...resolved, ...others].map(text).join('\n\n'));
write('apart.graphql', print);
write('sharing.graphql', sharing);
