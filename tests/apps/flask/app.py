"""A Flask handler after the manual's example, which checks the signature over the raw
bytes. cmhook's tests forward to it."""

import base64
import hashlib
import hmac
import json
import os
import sys

from flask import Flask, request
from werkzeug.serving import make_server

# A pipe is buffered and, in a bare locale, ASCII by default. The tests wait for lines,
# and addresses are not always ASCII.
sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)

app = Flask(__name__)


def is_signed(payload, headers, secret):
    """Knows the three ways in which Cakemail's documents put the digest in a header."""
    digest = hmac.new(secret.encode(), payload, hashlib.sha256).digest()
    in_base64 = base64.b64encode(digest)

    def equal(given, expected):
        # Bytes, since compare_digest raises on text that is not ASCII.
        return hmac.compare_digest(given.encode(), expected)

    cakemail = headers.get("X-Cakemail-Signature")
    if cakemail is not None:
        return equal(cakemail, digest.hex().encode()) or equal(cakemail, in_base64)
    api = headers.get("X-Signature")
    return api is not None and equal(api, in_base64)


@app.route("/webhooks/cakemail", methods=["POST"])
def cakemail_webhook():
    payload = request.get_data()

    if not is_signed(payload, request.headers, app.config["WEBHOOK_SECRET"]):
        return "Invalid signature", 401

    body = json.loads(payload)
    event = body.get("event")

    if event in ("email.opened", "Email.Opened"):
        print(f"Email opened: {body['data']['email']}")
    elif event in ("email.clicked", "Email.Clicked"):
        print(f"Link clicked: {body['data']['email']}")
    elif event in ("email.bounced", "Email.Bounced"):
        print(f"Email bounced: {body['data']['email']}")
    else:
        print(f"Not handled: {event}")

    return "OK", 200


if __name__ == "__main__":
    app.config["WEBHOOK_SECRET"] = os.environ.get("WEBHOOK_SECRET", "")
    if not app.config["WEBHOOK_SECRET"]:
        sys.exit("WEBHOOK_SECRET is not set: give this app the secret that signs its deliveries")
    # app.run() would do, but does not tell which port it got when asked for any.
    server = make_server("127.0.0.1", int(os.environ.get("PORT", "5000")), app, threaded=True)
    print(f"listening on {server.server_port}")
    server.serve_forever()
