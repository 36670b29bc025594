"""Picks AES-256-GCM cases from NIST's CAVP files and writes them as `cases.json`, each checked against OpenSSL.

Source: NIST CAVP, GCM Test Vectors (gcmtestvectors.zip), `gcmEncryptExtIV256.rsp` and `gcmDecrypt256.rsp`, CAVS 14.0, generated on
2012-08-31, as the PyPI package `cryptography-vectors` carries them under `ciphers/AES/GCM`. Only cases with a 96-bit nonce and a 128-bit
tag, which is what this project uses; the first case of each length, and of the decryptions the first that passes and the first that fails.

    pip install cryptography cryptography-vectors
    python make.py <folder of the .rsp files> > cases.json
"""

import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LENGTHS = [(0, 0), (0, 128), (128, 0), (128, 128), (104, 160), (256, 0), (256, 128), (256, 384), (408, 720)]


def cases(path):
    section, case = {}, None
    for line in [*path.read_text().splitlines(), ""]:
        line = line.strip()
        if line.startswith("["):
            name, value = line.strip("[]").split(" = ")
            section[name] = int(value)
        elif line == "FAIL":
            case["fails"] = True
        elif " = " in line or line.endswith(" ="):
            name, _, value = line.partition(" =")
            if name == "Count":
                case = {"count": int(value), "lengths": dict(section)}
            else:
                case[name.lower()] = value.strip()
        elif not line and case:
            yield case
            case = None


def check(case):
    part = {name: bytes.fromhex(case.get(name, "")) for name in ("key", "iv", "pt", "aad", "ct", "tag")}
    sealed = part["ct"] + part["tag"]
    cipher = AESGCM(part["key"])
    if case.get("fails"):
        try:
            cipher.decrypt(part["iv"], sealed, part["aad"])
        except InvalidTag:
            return
        raise SystemExit(f"a case that must fail opens: {case}")
    assert cipher.decrypt(part["iv"], sealed, part["aad"]) == part["pt"], case
    assert cipher.encrypt(part["iv"], part["pt"], part["aad"]) == sealed, case


def main():
    folder = Path(sys.argv[1])
    chosen = []
    for name, wanted in (("gcmEncryptExtIV256.rsp", [False]), ("gcmDecrypt256.rsp", [False, True])):
        seen = set()
        for case in cases(folder / name):
            size = case["lengths"]
            place = (size["PTlen"], size["AADlen"])
            kind = (place, case.get("fails", False))
            fits = size["IVlen"] == 96 and size["Taglen"] == 128 and place in LENGTHS and kind[1] in wanted
            if not fits or kind in seen:
                continue
            seen.add(kind)
            check(case)
            one = {"file": name, "ptlen": place[0], "aadlen": place[1], "count": case["count"]}
            one |= {part: case[part] for part in ("key", "iv", "aad", "ct", "tag")}
            chosen.append(one | {"pt": None if kind[1] else case["pt"]})
    lines = ",\n".join(json.dumps(case) for case in chosen)
    print(f"[\n{lines}\n]")


main()
