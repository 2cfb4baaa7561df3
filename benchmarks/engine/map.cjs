// Maps the events of a file with the original engine and prints how many it did in a second.
// node map.cjs EVENTS CONFIG SECONDS; @walkeros/core is looked up in NODE_PATH.
const { readFileSync } = require('fs');
const { getByPath, getMappingValue, processEventMapping } = require('@walkeros/core');

const [events, config] = process.argv.slice(2, 4).map((file) => JSON.parse(readFileSync(file)));
const seconds = Number(process.argv[4]);
const logger = { error() {}, warn() {}, info() {}, debug() {} };
const collector = { consent: undefined, status: { failed: 0 }, logger };

// The engine's conditions are functions; the only kind of the configuration's is "greater than".
for (const actions of Object.values(config.mapping))
  for (const rule of Object.values(actions).flat())
    if (rule.condition) {
      const { key, value } = rule.condition;
      rule.condition = (event) => Number(getByPath(event, key)) > Number(value);
    }

async function map(event) {
  const { data, mapping } = await processEventMapping({ ...event }, config, collector);
  const userId = await getMappingValue(event, config.settings.userId, { collector });
  const anonymousId = await getMappingValue(event, config.settings.anonymousId, { collector });
  return { userId, anonymousId, event: mapping?.name ?? event.name, properties: data };
}

async function main() {
  const first = [];
  for (const event of events) first.push(await map(event)); // warms up, and shows that it agrees
  let mapped = 0;
  const began = process.cpuUsage();
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    for (const event of events) await map(event);
    mapped += events.length;
  }
  const { user, system } = process.cpuUsage(began);
  console.log(JSON.stringify({ mapped, cpu_us: (user + system) / mapped, first: first.slice(0, 50) }));
}

main();
