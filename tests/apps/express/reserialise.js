'use strict';

// The manual's mistake, kept on purpose: the body is parsed and written again before it
// is hashed. That only works while the sender happens to write JSON exactly as
// JSON.stringify does; an escaped slash, a space or a final newline breaks it.

const express = require('express');
const { handle, isSigned, secretFromEnv, start } = require('./cakemail');

const secret = secretFromEnv();
const app = express();

app.post('/webhooks/cakemail', express.json({ limit: '25mb' }), (req, res) => {
  const payload = JSON.stringify(req.body ?? null);

  if (!isSigned(payload, req.headers, secret)) {
    return res.status(401).send('Invalid signature');
  }

  handle(req.body);
  return res.status(200).send('OK');
});

start(app);
