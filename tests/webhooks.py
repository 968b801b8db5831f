#!/usr/bin/env python3
"""A receiver that verifies messages with the published library of Standard Webhooks. It prints its port, and then each
message or what is wrong with it, as a JSON object in a line."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(sys.argv[1])


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            message = webhook.verify(body, dict(self.headers))
            told = {"id": self.headers["webhook-id"], "type": message["type"]}
        except WebhookVerificationError as error:
            told = {"mistake": str(error)}
        self.send_response(400 if "mistake" in told else 204)
        self.send_header("content-length", "0")
        self.end_headers()
        # One write: messages come at the same time.
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
