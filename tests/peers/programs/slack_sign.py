"""Slack's official Python SDK as the signer of requests, and as a judge of signatures.

Each line is {"sign": {"secret", "timestamp", "body"}}, answered by {"signature"}, or
{"verify": {"secret", "now", "timestamp", "signature", "body"}}, answered by {"verdict"}: `accept`, `refuse`, or `error` where the SDK raises.
"""

import json
import sys

from slack_sdk.signature import Clock, SignatureVerifier


class At(Clock):
    def __init__(self, seconds):
        self.seconds = seconds

    def now(self):
        return self.seconds


def sign(secret, timestamp, body):
    signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
    return {"signature": signature}


def verify(secret, now, timestamp, signature, body):
    headers = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}
    try:
        valid = SignatureVerifier(secret, At(now)).is_valid_request(body, headers)
    except ValueError:
        return {"verdict": "error"}
    return {"verdict": "accept" if valid else "refuse"}


print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    ((act, arguments),) = json.loads(line).items()
    print(json.dumps({"sign": sign, "verify": verify}[act](**arguments)), flush=True)
