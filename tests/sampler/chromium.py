"""Debian's Chromium, without a window, over its DevTools protocol. It talks to loopback only."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
PICTURES: Final = os.environ.get("HOLDFAST_PICTURES")
"""A directory for screenshots."""
WAIT_S: Final = 300.0
"""A bound on every wait, which no passing test comes near."""


def found() -> str:
    """The program. Skips where there is none, and fails there on the machine that decides."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium, though CI is set: .ci/run installs it")
        pytest.skip("no Chromium is installed: the page is not looked at")
    return program


@contextmanager
def running_chromium(directory: Path) -> Iterator[str]:
    """The address of its DevTools, as long as it runs."""
    process = subprocess.Popen(
        [found(), *FLAGS, f"--user-data-dir={directory}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    said = []
    draining: threading.Thread | None = None
    try:
        for line in process.stderr:
            said.append(line)
            if line.startswith("DevTools listening on "):
                break
        else:
            pytest.fail(f"Chromium ended: {''.join(said)[-2000:]}")
        # What it says from here on is read, or it would wait for room in the pipe, and not kept.
        draining = threading.Thread(target=process.stderr.read, daemon=True)
        draining.start()
        yield line.removeprefix("DevTools listening on ").strip()
    finally:
        # Its own group: its children hold the directory.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(WAIT_S)
        if draining is not None:
            draining.join(WAIT_S)
        process.stderr.close()


class JavaScriptError(AssertionError):
    """What was evaluated threw."""


@dataclass
class Page:
    """One tab of its own, with nothing kept from others."""

    socket: aiohttp.ClientWebSocketResponse
    session: str = ""
    complaints: list[str] = field(default_factory=list)
    """What the browser wrote into its console: errors, and what the policy forbade."""
    requests: list[str] = field(default_factory=list)
    """Addresses asked for."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _answers: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def call(
        self, method: str, *, wait_s: float = WAIT_S, **parameters: Any
    ) -> dict[str, Any]:
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        await self.socket.send_json(message)
        answer = await asyncio.wait_for(self._answers[number], wait_s)
        assert "error" not in answer, (method, answer)
        result: dict[str, Any] = answer["result"]
        return result

    async def listen(self) -> None:
        async for message in self.socket:
            event = message.json()
            if "id" in event:
                self._answers.pop(event["id"]).set_result(event)
                continue
            about = event.get("params", {})
            if event["method"] == "Network.requestWillBeSent":
                self.requests.append(about["request"]["url"])
            elif event["method"] == "Log.entryAdded":
                self.complaints.append(about["entry"]["text"] + " " + about["entry"].get("url", ""))
            elif event["method"] == "Runtime.exceptionThrown":
                self.complaints.append(str(about["exceptionDetails"]))
            elif event["method"] == "Runtime.consoleAPICalled" and about["type"] != "log":
                self.complaints.append(str(about["args"]))

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)

    async def evaluate(self, expression: str, wait_s: float = WAIT_S) -> Any:
        """Its value, waited for where it is a promise."""
        answer = await self.call(
            "Runtime.evaluate",
            wait_s=wait_s,
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in answer:
            raise JavaScriptError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def until(self, condition: str, wait_s: float = WAIT_S) -> None:
        """Until it holds; looked at with every frame that is drawn, in the page itself."""
        script = f"""new Promise((resolve) => {{
            const look = () => {{
              let holds = false;
              try {{ holds = Boolean({condition}); }} catch {{ /* not there yet */ }}
              if (holds) resolve(true); else setTimeout(look, 10);
            }};
            look();
        }})"""
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    try:
                        await self.evaluate(script, wait_s)
                    except (AssertionError, JavaScriptError) as error:
                        if "navigat" not in str(error) and "context" not in str(error):
                            raise
                        continue  # another page has taken its place
                    return
        except TimeoutError:
            text = await self.evaluate("document.body.innerText")
            pytest.fail(f"{condition} never held; the page says:\n{text}\n{self.complaints}")

    async def text(self, selector: str) -> str:
        found: str = await self.evaluate(f"document.querySelector({selector!r}).innerText")
        return found

    async def size(self, width: int, height: int, *, is_mobile: bool = False) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if is_mobile else 1,
            mobile=is_mobile,
        )

    async def prefer(self, scheme: str) -> None:
        """`light` or `dark`, without motion."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def press(self, key: str, code: int) -> None:
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **text,
            )

    async def screenshot(self, *, whole: bool = False) -> bytes:
        answer = await self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    async def keep(self, name: str, *, whole: bool = False) -> None:
        """A screenshot for a person to look at, where one wants any."""
        if PICTURES:
            (Path(PICTURES) / f"{name}.png").write_bytes(await self.screenshot(whole=whole))


@asynccontextmanager
async def page_of(devtools: str) -> AsyncIterator[Page]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(devtools, max_msg_size=64 << 20) as socket,
    ):
        page = Page(socket)
        listening = asyncio.create_task(page.listen())
        context = (await page.call("Target.createBrowserContext"))["browserContextId"]
        target = await page.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await page.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        page.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.call(f"{domain}.enable")
        try:
            yield page
        finally:
            page.session = ""
            await page.call("Target.disposeBrowserContext", browserContextId=context)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
