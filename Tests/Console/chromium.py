"""Drives a headless Chromium over its DevTools protocol, through a pipe.

Nothing but Python and Chromium is needed.
"""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE = float(os.environ.get("KASSA_PATIENCE", "1")) * 30

KEYS = {
    "Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, ""), "ArrowDown": (40, ""),
    "ArrowUp": (38, ""), " ": (32, " "),
}


def program():
    """Chromium's path; None where there is none."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


class Failure(Exception):
    """What was waited for did not come, or the page answered with an error."""


class Browser:
    """One Chromium with a profile of its own, gone with it."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="kassa-chromium-")
        theirs, self.send_end = os.pipe()
        self.receive_end, theirs_out = os.pipe()
        # Chromium reads commands on 3 and answers on 4: ours must be out of the way.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (theirs, theirs_out)]
        os.close(theirs)
        os.close(theirs_out)
        line = 'exec "$@" 3<&%d 4>&%d' % tuple(ends)
        command = [
            program(), "--headless=new", "--remote-debugging-pipe", "--no-first-run",
            "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--disable-background-networking", "--user-data-dir=" + self.profile,
        ]
        # Its sandbox is not for root; what is shown is our own page.
        if os.geteuid() == 0:
            command.append("--no-sandbox")
        self.process = subprocess.Popen(
            ["bash", "-c", line, "chromium"] + command, pass_fds=ends,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for end in ends:
            os.close(end)
        self.buffer = b""
        self.number = 0
        self.answers = {}
        self.pages = {}

    def close(self):
        """Ends it, patiently first."""
        try:
            self.call("Browser.close")
            self.process.wait(10)
        except (Failure, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, session=None, **params):
        """Sends a command and waits for its answer; what comes meanwhile goes to its page."""
        number = self.send(method, session, **params)
        end = time.monotonic() + PATIENCE
        while number not in self.answers:
            if not self.pump(end - time.monotonic()):
                raise Failure(f"{method} is not answered")
        answer = self.answers.pop(number)
        if answer and "error" in answer:
            raise Failure(f"{method}: {answer['error']}")
        return answer["result"]

    def send(self, method, session=None, **params):
        """Sends a command; its answer is kept for who waits for it."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.send_end, data):]
        return self.number

    def pump(self, seconds):
        """Takes what has come, waiting for it at most so long; False where nothing came."""
        if not select.select([self.receive_end], [], [], max(0, seconds))[0]:
            return False
        data = os.read(self.receive_end, 1 << 20)
        if not data:
            raise Failure("Chromium has ended")
        self.buffer += data
        *messages, self.buffer = self.buffer.split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.answers[message["id"]] = message
            elif message.get("sessionId") in self.pages:
                self.pages[message["sessionId"]].heard(message["method"], message["params"])
        return True

    def page(self, width=1280, height=800, theme="light"):
        """A new page, in a context of its own: nothing is kept from another."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, target["targetId"], session["sessionId"])
        self.pages[page.session] = page
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
            mobile=width < 500)
        page.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": theme}])
        return page


class Page:
    """A page, and what it did: its requests, and what its console complained of."""

    def __init__(self, browser, target, session):
        self.browser, self.target, self.session = browser, target, session
        self.requests = []
        self.complaints = []
        self.answer = None

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def heard(self, method, params):
        if method == "Network.requestWillBeSent":
            self.requests.append((params["timestamp"], params["request"]["url"]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"].get("exception", {}).get(
                "description", params["exceptionDetails"]["text"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])
        elif method == "Fetch.requestPaused":
            self.intercepted(params)

    def intercept(self, patterns, answer):
        """Has `answer(method, url, body)` answer what matches: `(status, value)`, or None."""
        self.answer = answer
        self.call("Fetch.enable", patterns=[{"urlPattern": pattern} for pattern in patterns])

    def intercepted(self, params):
        request = params["request"]
        found = self.answer(request["method"], request["url"], request.get("postData"))
        number = params["requestId"]
        if found is None:
            self.browser.send("Fetch.continueRequest", self.session, requestId=number)
            return
        status, value = found
        kind = "application/json" if status < 400 else "application/problem+json"
        self.browser.send(
            "Fetch.fulfillRequest", self.session, requestId=number, responseCode=status,
            responseHeaders=[{"name": "Content-Type", "value": kind}],
            body=base64.b64encode(json.dumps(value).encode()).decode())

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.querySelector('main h1')", "a view is shown")

    def close(self):
        self.browser.pages.pop(self.session)
        self.browser.call("Target.closeTarget", targetId=self.target)

    def run(self, script):
        """The value of an expression in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Failure(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, script, what):
        """Waits until an expression is true, and gives its value."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                # What is read of an element that is not there yet is not so yet.
                value = self.run(f"(() => {{ try {{ const found = {script}; return found instanceof"
                                 " Node || found; } catch (e) { if (e instanceof TypeError) return"
                                 " null; throw e; } })()")
            except Failure as failure:
                # A page that is just being left has no values.
                if "context" not in str(failure):
                    raise
                value = None
            if value:
                return value
            if time.monotonic() > end:
                text = self.run("document.body.innerText")[:3000]
                raise Failure(f"not within {PATIENCE:.0f} s: {what}. The page says:\n{text}\n"
                              f"Its console says: {self.complaints}")
            self.pause(0.05)

    def pause(self, seconds):
        """Lets the page go on; what it asks is answered meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.browser.pump(left)

    def wait_text(self, text, what=None):
        self.wait(
            f"document.body.innerText.includes({json.dumps(text)})", what or f"'{text}' shows")

    def click(self, selector):
        """Presses the pointer in the middle of the first element that the selector finds."""
        self.press(f"document.querySelector({json.dumps(selector)})", f"there is {selector}")

    def click_text(self, text, within="body"):
        """The first button or link with exactly this text."""
        self.press(
            f"[...document.querySelectorAll({json.dumps(f'{within} :is(a, button)')})]"
            f".find((e) => e.textContent.trim() === {json.dumps(text)})", f"there is '{text}'")

    def press(self, element, what):
        """Waits for an element, and presses the pointer in its middle.

        It is found and its place taken in one step: a view that is drawn again has other elements
        where the old ones were.
        """
        x, y = self.wait(
            f"((e) => {{ if (!e) return null; e.scrollIntoView({{ block: 'center' }});"
            " const r = e.getBoundingClientRect();"
            f" return [r.x + r.width / 2, r.y + r.height / 2]; }})({element})", what)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, key):
        """Presses a key: a character, or one of KEYS; `Shift+Tab` too."""
        modifiers = 8 if key.startswith("Shift+") else 0
        key = key.removeprefix("Shift+")
        code, text = KEYS.get(key, (ord(key[0].upper()), key))
        shared = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **shared)
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def type(self, text):
        self.call("Input.insertText", text=text)
