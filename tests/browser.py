#!/usr/bin/env python3
"""Opens /docs of a running service in headless Chromium and creates a job there, as a person would.

    tests/browser.py 127.0.0.1:8000 screenshot.png

Fails if the page complains of anything, or asks any other place for anything. Needs Chromium and nothing else: it is
spoken to over two pipes, in the DevTools protocol.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

PATIENCE = 60


class Browser:
    """Chromium with one page."""

    def __init__(self, folder):
        to_read, self.sink = os.pipe()
        self.source, to_write = os.pipe()
        program = shutil.which("chromium") or sys.exit("there is no chromium")
        # As root, which CI is, Chromium has no sandbox; the page is our own. None of the rest is to call home.
        command = [program, "--headless=new", "--no-sandbox", "--remote-debugging-pipe", f"--user-data-dir={folder}",
                   "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                   "--disable-component-update", "--disable-sync", "--window-size=1280,1600", "about:blank"]

        def ends():
            # Out of the way first: the numbers may be taken by each other.
            read, write = os.dup(to_read), os.dup(to_write)
            os.dup2(read, 3)
            os.dup2(write, 4)

        self.process = subprocess.Popen(command, preexec_fn=ends, close_fds=False, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.count, self.read, self.session, self.events = 0, b"", None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Network", "Log"]:
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.sink, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.count:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def message(self):
        while b"\0" not in self.read:
            if not select.select([self.source], [], [], PATIENCE)[0]:
                sys.exit("Chromium says nothing")
            piece = os.read(self.source, 1 << 20)
            self.read += piece or sys.exit("Chromium has ended")
        message, self.read = self.read.split(b"\0", 1)
        return json.loads(message)

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def until(self, expression):
        """Waits until this holds in the page, and returns what it is."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if value := self.value(expression):
                return value
            time.sleep(0.1)
        sys.exit(f"the page never has {expression}\n{self.value('document.body.innerText')[:1000]}\n{self.complaints()}")

    def click(self, selector):
        self.until(f"document.querySelector({json.dumps(selector)}) !== null")
        self.value(f"document.querySelector({json.dumps(selector)}).click()")

    def complaints(self):
        """What went to the console, was thrown, or could not be loaded."""
        bad = []
        for event in self.events:
            method, told = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown" or method == "Network.loadingFailed":
                bad.append(told)
            elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
                bad.append(told["args"])
            elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                bad.append(told["entry"])
        return bad

    def asked(self):
        requests = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in requests]

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))


def main(address, picture):
    origin = f"http://{address}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(folder)
        try:
            visit(browser, origin)
            browser.picture(picture)
        finally:
            browser.process.kill()
            browser.process.wait()
    asked = browser.asked()
    foreign = [url for url in asked if not url.startswith((origin + "/", "data:", "about:"))]
    complaints = browser.complaints()
    print(f"{len(asked)} requests, {len(foreign)} of them to other places; {len(complaints)} complaints")
    if foreign or complaints:
        sys.exit(f"{foreign}\n{json.dumps(complaints, indent=1)}")


def visit(browser, origin):
    browser.call("Page.navigate", url=f"{origin}/docs")
    count = browser.until("document.querySelectorAll('.opblock').length")
    with urllib.request.urlopen(f"{origin}/openapi.json") as reply:
        document = json.load(reply)
    told = sum(len(operations) for operations in document["paths"].values())
    if count != told:
        sys.exit(f"the page shows {count} operations of {told}")

    block = "#operations-Jobs-create_job"
    browser.click(f"{block} .opblock-summary-control")
    browser.click(f"{block} .try-out__btn")
    # As it stands there: the document's own example.
    browser.until(f"document.querySelector('{block} textarea')?.value.includes('job_manifest')")
    browser.click(f"{block} .execute")
    status = browser.until(f"document.querySelector('{block} .live-responses-table tbody .response-col_status')?.innerText")
    if not status.startswith("201"):
        shown = browser.value(f"document.querySelector('{block} .live-responses-table').innerText")
        sys.exit(f"create-job is answered {shown}")
    browser.value(f"document.querySelector('{block} .live-responses-table').scrollIntoView()")
    example = document["paths"]["/api/eks-create-job"]["post"]["requestBody"]["content"]["application/json"]["example"]
    name, namespace = example["job_manifest"]["metadata"]["name"], example["namespace"]
    with urllib.request.urlopen(f"{origin}/api/eks-get-job-status?job_name={name}&namespace={namespace}") as reply:
        print(f"{count} operations shown; job {namespace}/{name} was created and is {json.load(reply)['state']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
