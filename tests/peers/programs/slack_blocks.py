"""Slack's official Python SDK as a judge of blocks.

Each line is {"blocks": [...]}; the answer is {"problems": [...]}: what `slack_sdk.models.blocks` finds wrong with them, and what their
documentation says that the package does not check.
"""

import json
import sys

from slack_sdk.models.blocks import Block


def problems(blocks):
    found = []
    if not 1 <= len(blocks) <= 50:
        found.append(f"{len(blocks)} blocks")
    parsed = Block.parse_all(blocks)
    if len(parsed) != len(blocks) or any(block is None for block in parsed):
        found.append("a block of no known type")
        return found
    for block, given in zip(parsed, blocks):
        try:
            block.validate_json()
            # What the package understood must be all that was said.
            if json.loads(json.dumps(block.to_dict())).keys() != given.keys():
                found.append(f"{given['type']} holds more than is understood")
        except Exception as error:
            found.append(f"{given['type']}: {error}")
        for field in given.get("fields", []):
            if not 1 <= len(field["text"]) <= 2000:
                found.append("a field is too long or empty")
        for element in given.get("elements", []):
            text = element["text"]["text"] if isinstance(element["text"], dict) else element["text"]
            if not 1 <= len(text) <= 3000:
                found.append("an element is too long or empty")
    return found


print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    print(json.dumps({"problems": problems(json.loads(line)["blocks"])}), flush=True)
