"""A receiver of webhooks on a free port. The official Standard Webhooks library verifies each message
with every secret in the file named first; the second argument is the status that is answered."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook

SECRETS, STATUS = sys.argv[1], int(sys.argv[2])


def verifies(secret, body, headers):
    try:
        Webhook(secret).verify(body, headers)
        return True
    except Exception:
        return False


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = dict(self.headers.items())
        with open(SECRETS) as file:
            secrets = json.load(file)
        told = {
            "id": self.headers["webhook-id"],
            "verified": [verifies(secret, body, headers) for secret in secrets],
            "tampered": [verifies(secret, body + b" ", headers) for secret in secrets],
            "body": json.loads(body),
        }
        self.send_response(STATUS)
        self.end_headers()
        print(json.dumps(told), flush=True)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
