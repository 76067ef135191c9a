// Counts the results of http-cache-tests by kind; fails when fewer required tests pass than have to.
import fs from 'node:fs'

const [suite, file] = process.argv.slice(2)
const suites = (await import(`${suite}/tests/index.mjs`)).default
const surrogate = (await import(`${suite}/tests/surrogate-control.mjs`)).default
const results = JSON.parse(fs.readFileSync(file))
const tests = [...suites, surrogate].flatMap(part => part.tests).filter(test => !test.browser_only)

const kinds = ['required', 'optimal', 'check']
const of = kind => tests.filter(test => (test.kind ?? 'required') === kind)
const passes = test => results[test.id] === true
for (const kind of kinds) console.log(`${kind}: ${of(kind).filter(passes).length} of ${of(kind).length}`)

console.log('\nrequired, and not passed:')
for (const test of of('required').filter(test => !passes(test))) {
  const missing = (test.depends_on ?? []).filter(id => results[id] !== true)
  const why = missing.length > 0 ? `rests on ${missing.join(', ')}, which is optional` : (results[test.id] ?? ['not run']).at(-1)
  console.log(`- ${test.id}: ${why}`)
}
process.exit(of('required').filter(passes).length >= 150 ? 0 : 1)
