// Has Cakemail's official SDK do everything with webhooks that it can, at the API whose base is
// the first argument. The second is the folder with its package.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { register } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

register("./resolve.mjs", import.meta.url);
const [baseURL, modules] = process.argv.slice(2);
const sdk = await import(
  pathToFileURL(join(modules, "@cakemail-org/cakemail-sdk/dist/index.js")).href
);

const account = { email: "sandbox@cmhook.test", password: "sandbox" };
const client = new sdk.CakemailClient({ ...account, baseURL });

// An app that keeps what it is sent.
const received = [];
let wake = () => {};
const app = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    received.push({ headers: request.headers, body: Buffer.concat(chunks) });
    response.end("OK");
    wake();
  });
});
await new Promise((resolve) => app.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${app.address().port}/hook`;

async function delivered() {
  while (received.length === 0) await new Promise((resolve) => (wake = resolve));
  return received.shift();
}

async function fire(event) {
  const body = JSON.stringify({ event });
  const fired = await fetch(`${baseURL}/sandbox/events`, { method: "POST", body });
  assert.equal(fired.status, 200);
}

// The clients written by hand.
{
  const { webhooks } = client;
  assert.deepEqual((await webhooks.list()).data, []);
  const made = await webhooks.create({ event: "Email.Opened", url, rate_limit: 10 });
  assert.equal(made.data.status, "active");
  const { signature, data } = await webhooks.get(made.id);
  assert.equal(signature.hash_function, "sha256");
  assert.deepEqual(data, made.data);
  const updated = await webhooks.update(made.id, { rate_limit: 20, rate_limit_period: "minute" });
  assert.equal(updated.data.rate_limit, 20);
  assert.equal(updated.data.rate_limit_period, "minute");

  await fire("Email.Opened");
  const { headers, body } = await delivered();
  const payload = webhooks.parsePayload(body, headers["x-signature"], signature.key);
  assert.equal(payload.event, "Email.Opened");
  assert.equal(typeof payload.account_id, "number");
  assert.equal(typeof payload.created_on, "number");
  assert.equal(typeof payload.data, "object");
  assert.throws(() => webhooks.parsePayload(body, headers["x-signature"], "other"));

  const archived = await webhooks.archive(made.id);
  assert.equal(archived.data.status, "archived");
  assert.notEqual(archived.data.archived_at, null);
  assert.deepEqual((await webhooks.list({ with_count: true })).pagination.count, 0);
  const all = await webhooks.list({ with_archived: true, per_page: 5, page: 1 });
  assert.deepEqual(all.data, [archived.data]);
  const unarchived = await webhooks.unarchive(made.id);
  assert.equal(unarchived.data.archived_at, null);
  const failed = (status) => (error) => error.statusCode === status;
  await assert.rejects(webhooks.create({ event: "Email.Nonsense", url }), failed(422));
  await assert.rejects(webhooks.get("none"), failed(404));
}

// The generated ones.
{
  const webhooks = client.webhookService;
  const requestBody = { event: "Email.Clicked", url };
  const made = await webhooks.createWebhook({ requestBody, accountId: 42 });
  const of = { webhookId: made.id, accountId: 42 };
  assert.equal((await webhooks.getWebhook(of)).data.event, "Email.Clicked");
  const patch = { requestBody: { rate_limit: 3 }, ...of };
  assert.equal((await webhooks.patchWebhook(patch)).patched, true);
  assert.equal((await webhooks.archiveWebhook(of)).archived, true);
  assert.equal((await webhooks.unarchiveWebhook(of)).archived, false);
  const list = await webhooks.listWebhooks({ accountId: 42, withCount: true });
  assert.deepEqual(list.pagination, { page: 1, per_page: 50, count: 1 });
  await assert.rejects(webhooks.getWebhook({ webhookId: made.id }), { status: 404 });
}

// Who it is that asks.
{
  const stranger = new sdk.CakemailClient({ ...account, password: "wrong", baseURL });
  await assert.rejects(stranger.authenticate(), sdk.CakemailAuthError);
  const accessToken = "ck_pat_5a4db0c05a4db0c05a4db0c05a4db0c05a4db0c0";
  const holder = new sdk.CakemailClient({ accessToken, baseURL });
  assert.equal((await holder.webhooks.list()).data.length, 1);
}

app.close();
console.log("fine");
