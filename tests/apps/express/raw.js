'use strict';

// The right way: the signature is checked over the bytes as they came, and only then
// are they parsed.

const express = require('express');
const { handle, isSigned, secretFromEnv, start } = require('./cakemail');

const secret = secretFromEnv();
const app = express();

app.post('/webhooks/cakemail', express.raw({ type: () => true, limit: '25mb' }), (req, res) => {
  // Without a body there is nothing to collect, and Express leaves `req.body` unset.
  const payload = req.body ?? Buffer.alloc(0);

  if (!isSigned(payload, req.headers, secret)) {
    return res.status(401).send('Invalid signature');
  }

  handle(JSON.parse(payload.toString('utf8')));
  return res.status(200).send('OK');
});

start(app);
