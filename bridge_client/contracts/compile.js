// Standard-JSON in, {version, output} out. The command of npm's solc reads its input in a way that
// fails where a pipe is not filled yet.
const solc = require("solc");

const pieces = [];
process.stdin.on("data", (piece) => pieces.push(piece));
process.stdin.on("end", () => {
  const output = JSON.parse(solc.compile(Buffer.concat(pieces).toString()));
  process.stdout.write(JSON.stringify({ version: solc.version(), output }));
});
