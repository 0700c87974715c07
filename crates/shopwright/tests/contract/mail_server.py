"""A mail server (aiosmtpd) on a free port; prints each mail it takes."""

import email
import email.policy
import json
import socket
import threading

from aiosmtpd.controller import Controller


class Printer:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        told = {
            "envelope_from": envelope.mail_from,
            "envelope_to": envelope.rcpt_tos,
            "headers": {name.lower(): value for name, value in message.items()},
            "text": message.get_content(),
        }
        print(json.dumps(told), flush=True)
        return "250 taken"


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
Controller(Printer(), hostname="127.0.0.1", port=port).start()
print(json.dumps({"port": port}), flush=True)
threading.Event().wait()
