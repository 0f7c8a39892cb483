"""The page in a real browser: what it draws, what it survives, and for whom it can be read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from aiohttp import web
from chromium import Page, found, page_of, running_chromium
from committee_shapes import custody
from link_simulation import World, run, start
from live_specimens import (
    BEGAN_AT,
    Stage,
    honest,
    line,
    on_stage,
    one_silent,
    overview,
    subject,
    withholding,
)

from da_node.service.http.answers import json_answer
from da_node.service.http.routes import JSON, Route
from sampler.live.picture import SessionPicture


@pytest.fixture(scope="module")
def devtools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_chromium(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest_asyncio.fixture
async def page(devtools: str) -> AsyncIterator[Page]:
    async with page_of(devtools) as page:
        yield page
        assert page.complaints == []
        asked = [
            url for url in page.requests if not url.startswith(("http://127.0.0.1:", "about:"))
        ]
        assert asked == []


def play(stage: Stage, number: int, world: World, *, until_s: float = 1e9) -> SessionPicture | None:
    """A session, to its end or as far as it came by then, when it stays on the board."""
    session = start(custody(), number)
    sampling = stage.board.sampling(subject(number))
    shown = sampling.__enter__()

    class Enough(Exception):
        pass

    def watch(now_s: float) -> None:
        shown.watch(session)
        stage.now = BEGAN_AT + now_s
        if now_s >= until_s:
            raise Enough

    try:
        run(session, world, watch)
    except Enough:
        stage.under_way.append(sampling)  # or it would break off with its last reference
        return None
    stage.board.ended(shown, session, stage.now)
    sampling.__exit__(None, None, None)
    finding = shown.picture.stage if shown.picture else ""
    reason = "too little is served" if finding != "available" else "every item is held"
    error = shown.picture.error if shown.picture and finding == "available" else 1e-9
    stage.board.said([line(number, finding, error=error, reason=reason)])
    stage.overview = overview(members=stage.board.members)
    return shown.picture


CELLS = "[...document.querySelectorAll('#matrix .cell')]"


async def states(page: Page) -> dict[str, list[int]]:
    """Columns by how they are drawn."""
    drawn: list[str] = await page.evaluate(f"{CELLS}.map((one) => one.dataset.state)")
    assert len(drawn) == 128
    return {state: [i for i, one in enumerate(drawn) if one == state] for state in set(drawn)}


def expected(picture: SessionPicture) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {"none": []}
    known = {column: rest for column, *rest in picture.columns}
    for column in range(128):
        asked, held, lost = known.get(column, (0, 0, 0))
        state = "none" if not asked else "lost" if lost else "held" if held == asked else "asked"
        found.setdefault(state, []).append(column)
    return {state: columns for state, columns in found.items() if columns}


async def test_the_page_draws_what_the_session_is(page: Page) -> None:
    stage = Stage()
    async with on_stage(stage) as url:
        await page.size(1280, 800)
        await page.prefer("light")
        await page.open(url)
        await page.until("document.querySelector('#connection').innerText === 'live'")
        picture = play(stage, 3, honest())
        assert picture is not None
        await page.until("document.querySelector('#stage').innerText === 'available'")
        assert await states(page) == expected(picture)
        figures = await page.text("#figures")
        assert "bound reached\n1 in 1 million" in figures
        assert "20 of 20" in figures
        assert (await page.text("#members")).count("answers") == 4
        label = await page.evaluate("document.querySelector('#curve').getAttribute('aria-label')")
        assert "1 in 1 million is wanted" in label


async def test_columns_fill_up_and_a_silent_members_are_marked(page: Page) -> None:
    stage = Stage()
    async with on_stage(stage) as url:
        await page.size(1280, 800)
        await page.prefer("light")
        for number in (3, 4, 5):
            play(stage, number, one_silent(number))
        stage.board.said([line(6, "inconclusive", reason="nobody answers anything")])
        play(stage, 7, withholding(7))
        play(stage, 9, one_silent(9), until_s=1.51)
        await page.open(url)
        await page.until("document.querySelector('#stage').innerText === 'asking'")
        await page.until("document.querySelectorAll('#matrix [data-state=lost]').length > 0")
        drawn = await states(page)
        (under_way,) = [one for one in _pictures(stage) if not one.is_over]
        assert drawn == expected(under_way)
        assert {"held", "lost", "none"} <= drawn.keys()
        assert "silent" in await page.text("#members")
        await page.until("document.querySelectorAll('#verdict-list button').length === 5")
        listed = await page.evaluate(
            "[...document.querySelectorAll('#verdict-list .what')].map((one) => one.innerText)"
        )
        assert listed == ["withheld", "inconclusive", "available", "available", "available"]
        assert "denies" in await page.text("#seen")
        await page.keep("1280-light")
        await page.prefer("dark")
        await page.keep("1280-dark", whole=True)


def _pictures(stage: Stage) -> list[SessionPicture]:
    update = stage.board.update(None, stage.now, is_whole=True)
    assert update is not None
    return update.sessions


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_can_be_read_on_a_phone(page: Page, scheme: str) -> None:
    stage = Stage()
    async with on_stage(stage) as url:
        await page.size(390, 844, is_mobile=True)
        await page.prefer(scheme)
        play(stage, 3, one_silent(3))
        play(stage, 7, withholding(7))
        await page.open(url)
        await page.until("document.querySelectorAll('#verdict-list button').length === 2")
        await page.keep(f"phone-{scheme}", whole=True)
        # Nothing sticks out at the side, and what is to be tapped is large enough for a finger.
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
        heights = await page.evaluate(
            "[...document.querySelectorAll('.list button')].map((one) => one.offsetHeight)"
        )
        assert min(heights) >= 44


async def test_a_stream_that_breaks_is_taken_up_where_it_was(page: Page) -> None:
    stage = Stage()
    async with on_stage(stage) as url:
        await page.open(url)
        stage.board.said([line(1)])
        await page.until("document.querySelectorAll('#verdict-list button').length === 1")
    port = int(url.rpartition(":")[2])
    await page.until("document.querySelector('#connection').dataset.state === 'bad'")
    # What happens meanwhile, in the same process: the reader's place is still good.
    stage.board.said([line(2), line(3)])
    again = Stage()
    again.board = again.live.board = stage.board  # type: ignore[misc]
    async with on_stage(again, port=port):
        await page.until("document.querySelectorAll('#verdict-list button').length === 3")
        await page.until("document.querySelector('#connection').innerText === 'live'")
    complaints, page.complaints = page.complaints, []
    assert all("ERR_CONN" in one or "ERR_INCOMPLETE" in one for one in complaints)


EVIDENCE = {
    "blob_id": line(1).blob_id,
    "finding": "withheld",
    "reason": "members 1, 2 signed and do not serve, while they answer other questions",
    "error": 1e-9,
    "unit": "points",
    "rule": "certified",
    "wanted_error": "1/1000000",
    "keyset_hash": "0x" + "07" * 32,
    "began_at": BEGAN_AT,
    "asked": 20,
    "held": 12,
    "failed": 8,
    "members": [
        {
            "name": f"member-{index}",
            "url": "http://127.0.0.1:1",
            "signed": True,
            "asked": 9,
            "held": 9 if index else 0,
            "outcomes": {"held": 9} if index else {"unknown": 9},
            "controls": {"held": 16},
            "is_silent": False,
            "denies": not index,
            "weight": None,
        }
        for index in range(4)
    ],
    "attempts": [
        {
            "source": index % 4,
            "item": 64 * index if index % 5 else None,
            "asked_ms": 3 * index,
            "ended_ms": 3 * index + 40,
            "outcome": "held" if index % 4 else "unknown",
            "round": None,
            "detail": "" if index % 4 else "<img src=x onerror=alert(1)>",
        }
        for index in range(30)
    ],
}


def evidence_routes() -> list[Route]:
    async def verdict(request: web.Request) -> web.Response:
        signed = {"signer": "0x" + "a1" * 20, "signature": "0x" + "5e" * 65}
        return json_answer({"cursor": 1, "evidence_digest": "0x" + "dd" * 32, **signed})

    async def evidence(request: web.Request) -> web.Response:
        return json_answer(EVIDENCE)

    def route(path: str, handler: object) -> Route:
        return Route(
            method="GET",
            path=path,
            handler=handler,  # type: ignore[arg-type]
            summary="For tests.",
            answers={200: JSON},
        )

    return [
        route("/v1/verdicts/{id}", verdict),
        route("/v1/verdicts/{id}/evidence", evidence),
    ]


async def test_evidence_opens_by_key_shows_every_question_and_runs_nothing(page: Page) -> None:
    stage = Stage()
    async with on_stage(stage, evidence_routes()) as url:
        await page.size(1280, 800)
        await page.prefer("light")
        stage.board.said([line(1, "withheld", error=1e-9)])
        await page.open(url)
        await page.until("document.querySelectorAll('#verdict-list button').length === 1")
        await page.evaluate("document.querySelector('#verdict-list button').focus()")
        await page.press("Enter", 13)
        await page.until("document.querySelectorAll('#evidence tbody tr').length === 34")
        text = await page.text("#evidence")
        assert "denies what it signed for" in text
        assert "1 in 1 billion" in text
        # A member's own words are words.
        assert "<img src=x onerror=alert(1)>" in text
        assert await page.evaluate("document.querySelectorAll('#evidence img').length") == 0
        await page.keep("evidence")
        await page.press("Escape", 27)
        await page.until("!document.querySelector('#evidence').open")
        focused = await page.evaluate("document.activeElement.dataset.cursor")
        assert focused == "1"  # where the reader was


async def test_evidence_that_cannot_be_had_is_said_so(page: Page) -> None:
    stage = Stage()
    async with on_stage(stage) as url:
        stage.board.said([line(1)])
        await page.open(url)
        await page.until("document.querySelectorAll('#verdict-list button').length === 1")
        await page.evaluate("document.querySelector('#verdict-list button').click()")
        await page.until("document.querySelector('#evidence [role=alert]')")
        assert "cannot be had" in await page.text("#evidence")
    complaints, page.complaints = page.complaints, []
    assert all("404" in one or "ERR_" in one for one in complaints)


async def test_names_of_others_stay_names(page: Page) -> None:
    stage = Stage()
    bad = "<script>document.title='run'</script><b onclick=x>"
    async with on_stage(stage) as url:
        stage.board.said([line(1, label=bad, reason=bad)])
        await page.open(url)
        await page.until("document.querySelectorAll('#verdict-list button').length === 1")
        assert bad in await page.text("#verdict-list")
        assert await page.evaluate("document.title") == "Holdfast sampler"
        assert await page.evaluate("document.querySelectorAll('#verdict-list b').length") == 0


async def test_the_page_runs_nothing_that_is_written_into_it(page: Page) -> None:
    async with on_stage(Stage()) as url:
        await page.open(url)
        await page.until("document.querySelector('#connection').innerText === 'live'")
        await page.evaluate(
            "{ const one = document.createElement('script'); one.textContent = 'window.ran = 1';"
            " document.body.append(one); }"
        )
        assert await page.evaluate("window.ran") is None
        complaints, page.complaints = page.complaints, []
        assert any("Content Security Policy" in one for one in complaints)


async def test_everything_has_a_name_for_those_who_do_not_see_it(page: Page) -> None:
    stage = Stage()
    async with on_stage(stage) as url:
        play(stage, 3, one_silent(3))
        play(stage, 9, one_silent(9), until_s=1.51)
        await page.open(url)
        await page.until("document.querySelectorAll('#verdict-list button').length === 1")
        tree = (await page.call("Accessibility.getFullAXTree"))["nodes"]
    nodes = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node.get("ignored")
    ]
    for role in ("button", "checkbox", "link", "image", "heading", "region"):
        named = [name for one, name in nodes if one == role]
        assert named, role
        assert all(named), (role, named)
    assert next(name for role, name in nodes if role == "heading") == "Holdfast sampler"
    assert any(role == "image" and "columns" in name for role, name in nodes)
    assert {"banner", "main", "status"} <= {role for role, _ in nodes}


@pytest.mark.parametrize(
    ("given", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_no_browser_is_a_skip_and_where_changes_are_decided_a_failure(
    given: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", given)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(outcome, match="no Chromium"):
        found()


CONTRAST = """(() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const found = parts(getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const one of document.querySelectorAll('body *')) {
    const own = [...one.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !one.getClientRects().length) continue;
    const style = getComputedStyle(one);
    const ink = one instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(parts(ink)), light(ground(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${one.tagName} ${one.className} ${one.textContent} ${ratio}`);
  }
  return poor;
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_stands_out_from_its_ground(page: Page, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    stage = Stage()
    async with on_stage(stage, evidence_routes()) as url:
        await page.size(1280, 800)
        await page.prefer(scheme)
        for number, world in enumerate((honest(), one_silent(), withholding()), start=3):
            play(stage, number, world)
        play(stage, 9, one_silent(9), until_s=1.51)
        await page.open(url)
        await page.until("document.querySelectorAll('#verdict-list button').length === 3")
        assert await page.evaluate(CONTRAST) == []
