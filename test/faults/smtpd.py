"""A mail server for mail_test.go, on Debian's python3-aiosmtpd.

    smtpd.py CERTIFICATE KEY USER PASSWORD [--plain]

It asks for STARTTLS and then for the password, and refuses the first try of every
tenth mail for now (451). It prints the port that it listens on, then a line of JSON
for each mail that it took, and one for each that it refused for now. --plain offers
no TLS. It ends with its standard input.
"""

import asyncio
import email
import email.policy
import json
import logging
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    def __init__(self):
        self.known = set()

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        key = (mail["Message-ID"], *envelope.rcpt_tos)
        book = {
            "id": mail["Message-ID"],
            "to": envelope.rcpt_tos,
            "subject": mail["Subject"],
            "references": mail["References"],
            "types": [part.get_content_type() for part in mail.walk()],
            "text": mail.get_body(("plain",)).get_content(),
            "user": session.auth_data.decode() if session.auth_data else "",
            "tls": session.ssl is not None,
        }
        fresh = key not in self.known
        self.known.add(key)
        if fresh and len(self.known) % 10 == 0:
            print(json.dumps({"later": True} | book), flush=True)
            return "451 4.7.1 greylisted, try again later"
        print(json.dumps(book), flush=True)
        return "250 2.0.0 taken"


def authenticator(user, password):
    def check(server, session, envelope, mechanism, auth_data):
        if (auth_data.login, auth_data.password) == (user.encode(), password.encode()):
            return AuthResult(success=True, auth_data=auth_data.login)
        return AuthResult(success=False, handled=False)

    return check


async def main(certificate, key, user, password, *options):
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    handler = Handler()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    secure = {"tls_context": tls, "require_starttls": True, "auth_required": True}
    if "--plain" in options:
        secure = {"auth_require_tls": False}

    def session():
        return SMTP(handler, hostname="localhost", authenticator=authenticator(user, password), **secure)

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
