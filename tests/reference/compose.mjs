// Composes one subgraph into the supergraph that the reference serves:
//   node compose.mjs SUBGRAPH.graphql SUPERGRAPH.graphql
// What composition refuses is printed, an error a line, and the exit status is 1.

import { readFileSync, writeFileSync } from 'node:fs';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';

const [subgraph, supergraph] = process.argv.slice(2);
const typeDefs = parse(readFileSync(subgraph, 'utf8'));
const { errors, supergraphSdl } = composeServices([{ name: 'connectors', url: 'http://unused', typeDefs }]);
if (errors) {
  for (const error of errors) console.log(`${error.extensions?.code}: ${error.message.replaceAll('\n', ' ')}`);
  process.exitCode = 1;
} else {
  writeFileSync(supergraph, supergraphSdl);
}
