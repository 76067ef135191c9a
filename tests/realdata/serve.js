// Serves jsonplaceholder's data with json-server on a free loopback port, prints the port, and ends when its standard
// input does: whoever started it takes it along, whatever becomes of them.
const jsonServer = require("json-server");

const data = structuredClone(require("jsonplaceholder/data.json"));
// The test does not ask for photos, and there are 5,000.
delete data.photos;

const app = jsonServer.create();
app.use(jsonServer.router(data));
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
