"""An SMTP server (aiosmtpd) that fails as it is told to.

usage: smtp.py CONFIGURATION, which is JSON:
  spool       a folder; each mail that was taken becomes a file in it, before it is acknowledged
  tls         "implicit", "starttls" or "none", with cert and key, which are paths of PEM files
  login       {"user": ..., "password": ...}, or absent where nobody has to log in
  hide_auth   offers no AUTH, though it wants one
  inject      writes these texts behind the answer to STARTTLS, in clear, as somebody on the way could
  taken       the answer to a mail that was taken

It first says {"port": ...}. Then, a line each:
  {"fault": {"at": STEP, "do": ANSWER, "to": ADDRESS, "times": N}}  answers {"ok": true}. STEP is connect, ehlo, mail, rset, rcpt,
      data or content; ANSWER is the text of a reply, "reset", "silence", or at `content` "take_and_reset" and "take_and_silence".
  {"seen": true}  answers with what came in: connections, commands by name, logins.
"""

import asyncio
import base64
import json
import logging
import os
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from mail_parse import understood

logging.disable(logging.CRITICAL)
# It does not see that a connection is encrypted from its first byte on.
warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")

SETTINGS = json.loads(sys.argv[1])
FAULTS = []
SEEN = {"connections": 0, "commands": {}, "logins": []}
TAKEN = 0


def fault(step, to=None):
    """The fault that is due at this step, if one is."""
    for entry in FAULTS:
        wanted = entry.get("to")
        if entry["at"] != step or (wanted and wanted != to) or entry.get("times", 1) == 0:
            continue
        if "times" in entry:
            entry["times"] -= 1
        return entry["do"]
    return None


async def carry_out(server, what):
    """A reply, or no reply at all."""
    if what == "reset":
        server.transport.abort()
        return "421 gone"
    if what == "silence":
        await asyncio.sleep(3600)
    return what


def is_secret(session):
    """Whether nobody on the way can read it."""
    return session.ssl is not None or SETTINGS["tls"] == "implicit"


def take(envelope, session):
    """Keeps the mail where the test finds it, whole or not at all."""
    global TAKEN
    TAKEN += 1
    raw = envelope.original_content
    mail = {
        "envelope": {"from": envelope.mail_from, "to": envelope.rcpt_tos},
        "raw": base64.b64encode(raw).decode(),
        "understood": understood(raw),
        "tls": is_secret(session),
    }
    path = os.path.join(SETTINGS["spool"], f"{TAKEN:06}.json")
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(mail, file)
    os.rename(path + ".part", path)


class Handler:
    """What the server does with what it is sent."""

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        what = fault("ehlo")
        if what:
            return [await carry_out(server, what)]
        if SETTINGS.get("hide_auth"):
            responses = [line for line in responses if "AUTH" not in line]
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        what = fault("mail")
        if what:
            return await carry_out(server, what)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RSET(self, server, session, envelope):
        what = fault("rset")
        return await carry_out(server, what) if what else "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        what = fault("rcpt", address)
        if what:
            return await carry_out(server, what)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        what = fault("content", envelope.rcpt_tos[0])
        if what in ("take_and_reset", "take_and_silence"):
            take(envelope, session)
            what = what.removeprefix("take_and_")
        if what:
            return await carry_out(server, what)
        take(envelope, session)
        return SETTINGS.get("taken", "250 OK")


class Server(SMTP):
    """aiosmtpd, watched and disturbed."""

    def connection_made(self, transport):
        if self.transport is None:
            SEEN["connections"] += 1
            if fault("connect") == "reset":
                transport.abort()
                return
        super().connection_made(transport)

    async def _call_handler_hook(self, command, *arguments):
        SEEN["commands"][command] = SEEN["commands"].get(command, 0) + 1
        return await super()._call_handler_hook(command, *arguments)

    async def push(self, status):
        text = status.decode() if isinstance(status, bytes) else status
        if text.startswith("220 Ready to start TLS") and SETTINGS.get("inject"):
            text = "\r\n".join([text, *SETTINGS["inject"]])
        await super().push(text)

    async def smtp_DATA(self, arg):
        what = fault("data")
        if what:
            await self.push(await carry_out(self, what))
            return
        await super().smtp_DATA(arg)


def authenticator(server, session, envelope, mechanism, data):
    wanted = SETTINGS.get("login")
    right = (
        wanted is not None
        and isinstance(data, LoginPassword)
        and data.login == wanted["user"].encode()
        and data.password == wanted["password"].encode()
    )
    SEEN["logins"].append({"mechanism": mechanism, "right": right, "tls": is_secret(session)})
    return AuthResult(success=right, handled=False)


async def main():
    context = None
    if SETTINGS["tls"] != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(SETTINGS["cert"], SETTINGS["key"])

    def server():
        return Server(
            Handler(),
            hostname="relay.test",
            tls_context=context if SETTINGS["tls"] == "starttls" else None,
            require_starttls=SETTINGS["tls"] == "starttls",
            auth_required=SETTINGS.get("login") is not None,
            auth_require_tls=SETTINGS["tls"] == "starttls",
            authenticator=authenticator,
        )

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        server, "127.0.0.1", 0, ssl=context if SETTINGS["tls"] == "implicit" else None
    )
    print(json.dumps({"port": listening.sockets[0].getsockname()[1]}), flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        asked = json.loads(line)
        if "fault" in asked:
            FAULTS.append(asked["fault"])
            answer = {"ok": True}
        else:
            answer = SEEN
        print(json.dumps(answer), flush=True)


asyncio.run(main())
