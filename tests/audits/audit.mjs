// Runs every audit of graphql-http against a server and prints each result as a row of a Markdown table.
// Usage: node audit.mjs URL conformance|hardened
// Exit status 1 when an audit fails that should pass, or passes although it is listed as a miss.
import { serverAudits } from 'graphql-http';

/** Audits that the hardened profile misses on purpose, and why. */
const HARDENED_MISSES = {
  '5A70': 'a bare GET is refused (`csrf`)',
  D6D5: 'a bare GET is refused (`csrf`), and the audit introspects (`introspection`)',
  '6A70': 'a bare GET is refused (`csrf`), and the audit introspects (`introspection`)',
  '2EA1': 'the audit introspects (`introspection`)',
  '28B9': 'the audit introspects (`introspection`)',
};

const [url, profile] = process.argv.slice(2);
if (!url || !['conformance', 'hardened'].includes(profile)) {
  console.error('usage: node audit.mjs URL conformance|hardened');
  process.exit(2);
}
const misses = profile === 'hardened' ? HARDENED_MISSES : {};
const audits = serverAudits({ url });
let passed = 0;
let surprises = 0;
console.log(`| audit | what | ${profile} |\n|---|---|---|`);
for (const { id, name, fn } of audits) {
  const { status, reason } = await fn();
  const ok = status === 'ok';
  const expected = !(id in misses);
  passed += ok ? 1 : 0;
  surprises += ok === expected ? 0 : 1;
  const verdict = ok ? 'passes' : `misses: ${misses[id] ?? reason}`;
  console.log(`| ${id} | ${name} | ${verdict}${ok === expected ? '' : ' (UNEXPECTED)'} |`);
}
console.log(`\n${profile}: ${passed} of ${audits.length} pass`);
process.exit(surprises === 0 ? 0 : 1);
