"""The `standardwebhooks` package of PyPI: checks what we send, and signs what we are sent."""

import json
import sys
from datetime import datetime, timezone

from standardwebhooks import Webhook


def answer(question):
    webhook = Webhook(question["secret"])
    if question["do"] == "verify":
        webhook.verify(question["body"], question["headers"])
        return {"verified": True}
    at = datetime.fromtimestamp(question["timestamp"], tz=timezone.utc)
    return {"signature": webhook.sign(question["id"], at, question["body"])}


def main():
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as error:  # Whatever it refuses with, it refuses.
            said = {"verified": False, "error": type(error).__name__}
        print(json.dumps(said), flush=True)


main()
