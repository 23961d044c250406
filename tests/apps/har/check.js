// Checks the HAR on standard input against the schema of HAR 1.2, and says what is wrong.
const validate = require("har-validator/lib/promise");

const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", () => {
  validate.har(JSON.parse(Buffer.concat(chunks))).then(
    () => console.log("valid"),
    (error) => {
      console.error(error.errors || error);
      process.exit(1);
    },
  );
});
