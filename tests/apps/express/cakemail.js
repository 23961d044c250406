'use strict';

// What both handlers share. They differ only in the bytes that they hash, which is
// the whole point of having two.

const crypto = require('node:crypto');

// False for strings of different length, where timingSafeEqual alone would throw and
// turn a wrong signature into a 500. The length of a digest is no secret.
function equal(given, expected) {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && crypto.timingSafeEqual(a, b);
}

// Knows the three ways in which Cakemail's documents put the digest in a header.
function isSigned(payload, headers, secret) {
  const digest = crypto.createHmac('sha256', secret).update(payload).digest();
  const hex = digest.toString('hex');
  const base64 = digest.toString('base64');

  const cakemail = headers['x-cakemail-signature'];
  if (cakemail !== undefined) {
    return equal(cakemail, hex) || equal(cakemail, base64);
  }
  const api = headers['x-signature'];
  return api !== undefined && equal(api, base64);
}

function handle({ event, data }) {
  switch (event) {
    case 'email.opened':
    case 'Email.Opened':
      console.log(`Email opened: ${data.email}`);
      break;

    case 'email.clicked':
    case 'Email.Clicked':
      console.log(`Link clicked: ${data.email}`);
      break;

    case 'email.bounced':
    case 'Email.Bounced':
      console.log(`Email bounced: ${data.email}`);
      break;

    default:
      console.log(`Not handled: ${event}`);
  }
}

function secretFromEnv() {
  const secret = process.env.WEBHOOK_SECRET;
  if (!secret) {
    console.error('WEBHOOK_SECRET is not set: give this app the secret that signs its deliveries');
    process.exit(1);
  }
  return secret;
}

function start(app) {
  const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', (error) => {
    if (error) {
      console.error(`cannot listen: ${error.message}`);
      process.exit(1);
    }
    console.log(`listening on ${server.address().port}`);
  });
}

module.exports = { handle, isSigned, secretFromEnv, start };
