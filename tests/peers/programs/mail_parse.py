"""Reads mails with Python's `email`, and says what it understood.

By itself it answers each line {"raw": base64} with one line of JSON; `smtp.py` uses `understood` for what it was sent.
"""

import base64
import email.parser
import email.policy
import json
import sys


def understood(raw: bytes) -> dict:
    """Headers in their order with decoded values, the parts with decoded texts, and everything that is wrong."""
    message = email.parser.BytesParser(policy=email.policy.default).parsebytes(raw)
    parts = []
    defects = []
    for part in message.walk():
        defects += [type(defect).__name__ for defect in part.defects]
        if not part.is_multipart():
            parts.append(
                {
                    "type": part.get_content_type(),
                    "charset": part.get_content_charset(),
                    "encoding": part["Content-Transfer-Encoding"],
                    # CR LF is how mail writes the end of a line; a CR by itself stays.
                    "text": part.get_content().replace("\r\n", "\n"),
                }
            )
    for _, value in message.items():
        defects += [type(defect).__name__ for defect in getattr(value, "defects", ())]
    return {
        "headers": [[name, str(value)] for name, value in message.items()],
        "type": message.get_content_type(),
        "from": [[a.display_name, a.addr_spec] for a in getattr(message["From"], "addresses", ())],
        "to": [[a.display_name, a.addr_spec] for a in getattr(message["To"], "addresses", ())],
        "parts": parts,
        "defects": defects,
    }


if __name__ == "__main__":
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(understood(base64.b64decode(json.loads(line)["raw"]))), flush=True)
