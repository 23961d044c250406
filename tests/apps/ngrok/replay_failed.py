"""Replays every request that ngrok's agent has seen fail, by its API at the given address."""

import json
import os
import sys
import urllib.request

api = sys.argv[1]


def ask(path, body=None):
    request = urllib.request.Request(api + path)
    # The one line that ngrok does not want.
    request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
        return json.loads(text) if text else None


print(ask("/tunnels")["tunnels"][0]["public_url"])
for one in ask("/requests/http?limit=50")["requests"]:
    if one["response"] and one["response"]["status_code"] >= 400:
        ask("/requests/http", {"id": one["id"]})
        again = ask("/requests/http/" + one["id"])
        print("replayed %s: %s" % (one["id"], again["response"]["status"]))
