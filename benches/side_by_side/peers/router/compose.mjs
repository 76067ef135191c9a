// Composes the sources and the connectors of `graph/schema` into the supergraph.graphql that the router serves; run.sh runs it.
import { readFileSync, writeFileSync } from 'node:fs';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { connected } from '../graph.mjs';

const here = (name) => new URL(name, import.meta.url);
const typeDefs = parse(readFileSync(here('sources.graphql'), 'utf8') + connected);
const { errors, supergraphSdl } = composeServices([{ name: 'connectors', url: 'http://unused', typeDefs }]);
if (errors) {
  for (const error of errors) console.error(error.message);
  process.exitCode = 1;
} else {
  writeFileSync(here('supergraph.graphql'), supergraphSdl);
}
