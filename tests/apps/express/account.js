'use strict';

// A handler that knows no secret beforehand: it asks Cakemail's API for the key of each
// webhook of its account, and checks a delivery with those of its event.

const express = require('express');
const { handle, isSigned, start } = require('./cakemail');

const base = process.env.CAKEMAIL_API_BASE;
const headers = { authorization: `Bearer ${process.env.CAKEMAIL_ACCESS_TOKEN}` };

async function ask(path) {
  const answer = await fetch(base + path, { headers });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

const known = new Map();

async function keysOf(event) {
  if (!known.has(event)) {
    const { data } = await ask('/webhooks?per_page=100');
    const whole = data.filter((webhook) => webhook.event === event).map(({ id }) => ask(`/webhooks/${id}`));
    known.set(event, (await Promise.all(whole)).map(({ signature }) => signature.key));
  }
  return known.get(event);
}

const app = express();

app.post('/webhooks/cakemail', express.raw({ type: () => true, limit: '25mb' }), async (req, res) => {
  const payload = req.body ?? Buffer.alloc(0);
  const event = JSON.parse(payload.toString('utf8'));
  const keys = await keysOf(event.event);
  if (!keys.some((key) => isSigned(payload, req.headers, key))) {
    return res.status(401).send('Invalid signature');
  }
  handle(event);
  return res.status(200).send('OK');
});

start(app);
