"""Checks answers and frames on standard input against the OpenAPI document that is named.

The input is JSON: {"answers": [{"method", "path", "status", "type", "body"}],
"frames": [{"schema", "body"}]}. Fields that the document does not name are mistakes here,
though it lets clients expect more.
"""

import json
import sys

from jsonschema import Draft202012Validator, FormatChecker

document = json.load(open(sys.argv[1], encoding="utf-8"))


def close(value):
    """Forbids what is not named, wherever something is."""
    if isinstance(value, dict):
        if value.get("type") == "object" and "properties" in value:
            value.setdefault("additionalProperties", False)
        for inner in value.values():
            close(inner)
    elif isinstance(value, list):
        for inner in value:
            close(inner)


close(document["components"])


def resolved(value):
    while "$ref" in value:
        at = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        value = at
    return value


def mistakes(schema, body):
    whole = {**schema, "components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    for error in validator.iter_errors(body):
        yield "/".join(map(str, error.absolute_path)) + ": " + error.message[:300]


def of_answer(answer):
    operation = document["paths"][answer["path"]][answer["method"].lower()]
    described = operation["responses"].get(str(answer["status"]))
    if described is None:
        yield "no such status is described"
        return
    content = resolved(described).get("content")
    if content is None:
        if answer["type"] is not None:
            yield "no content is described"
        return
    if answer["type"] not in content:
        yield "the type is " + str(answer["type"])
        return
    if answer["type"] == "application/json":
        yield from mistakes(content[answer["type"]]["schema"], answer["body"])


given = json.load(sys.stdin)
found = 0
for answer in given["answers"]:
    for mistake in of_answer(answer):
        print(answer["method"], answer["path"], answer["status"], mistake)
        found += 1
for frame in given["frames"]:
    for mistake in mistakes({"$ref": "#/components/schemas/" + frame["schema"]}, frame["body"]):
        print(frame["schema"], mistake)
        found += 1
print(len(given["answers"]), "answers and", len(given["frames"]), "frames")
sys.exit(1 if found else 0)
