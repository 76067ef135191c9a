// The graph that all contenders serve: the files of `graph/schema`, for those who can make use of them.
import { readFileSync, readdirSync } from 'node:fs';
import { parse, visit } from 'graphql';

const folder = new URL('../graph/schema/', import.meta.url);
const files = readdirSync(folder).sort().map((name) => readFileSync(new URL(name, folder), 'utf8'));

// As it is written, with what `@connect` says of each field.
export const connected = files.join('\n');

// The types alone, as a document.
export const types = visit(parse(connected), { Directive: () => null });
