"""One rendering for our messages and the libraries', and a registry of metrics per service."""

import io
import json
import logging

import pytest
import structlog

from da_node import __version__
from da_node.service import METRICS_CONTENT_TYPE, Metrics, configure_logging, logger


@pytest.fixture(autouse=True)
def _logging_as_before():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_ours_and_the_libraries_messages_are_json_objects_where_nobody_watches():
    stream = io.StringIO()
    configure_logging("info", stream=stream)
    logger("node").info("stored", blob_id="0xab")
    logging.getLogger("aiohttp").warning("odd %s", "thing")
    logger("node").debug("left out")
    ours, theirs = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (ours["event"], ours["blob_id"], ours["level"]) == ("stored", "0xab", "info")
    assert (theirs["event"], theirs["level"]) == ("odd thing", "warning")
    assert (ours["logger"], theirs["logger"]) == ("node", "aiohttp")


def test_lines_are_for_people_on_a_terminal():
    stream = Terminal()
    configure_logging("info", stream=stream)
    logger("node").info("stored")
    assert "stored" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_what_other_machines_say_steers_no_terminal_and_makes_no_line():
    stream = Terminal()
    configure_logging("info", stream=stream)
    hostile = "a\x1b[2Jb\x9b31mc\nd"
    logger("node").info(hostile, reason=hostile, several=[hostile])
    logging.getLogger("aiohttp").warning("odd %s", hostile)
    assert len(stream.getvalue().splitlines()) == 2
    try:
        raise ValueError(hostile)
    except ValueError:
        logger("node").exception("broken")
    assert "\x1b[2J" not in stream.getvalue()
    assert "\x9b" not in stream.getvalue()
    assert "Traceback (most recent call last):\n" in stream.getvalue()


def test_the_form_can_be_chosen_and_the_last_call_stands():
    first, second = Terminal(), Terminal()
    configure_logging("info", stream=first)
    configure_logging("error", json=True, stream=second)
    logger("node").warning("left out")
    try:
        raise ValueError("why")
    except ValueError:
        logger("node").exception("broken")
    assert first.getvalue() == ""
    line = json.loads(second.getvalue())
    assert line["exception"][0]["exc_type"] == "ValueError"


@pytest.mark.parametrize("json_lines", [True, False])
def test_a_traceback_tells_no_local_variable(json_lines):
    stream = Terminal()
    configure_logging("info", json=json_lines, stream=stream)
    # Made at run time, so that no line of this source that a traceback quotes contains it.
    secret = "".join(reversed("terces a"))
    try:
        raise ValueError("why")
    except ValueError:
        logger("node").exception("broken")
    assert "ValueError" in stream.getvalue()
    assert secret not in stream.getvalue()


def test_two_services_in_one_process_count_apart():
    first, second = Metrics(), Metrics()
    count = first.counter("blobs", "Blobs stored.", ["outcome"])
    second.counter("blobs", "Blobs stored.", ["outcome"])
    count.labels("created").inc(3)
    assert b'holdfast_blobs_total{outcome="created"} 3.0' in first.render()
    assert b'outcome="created"' not in second.render()


def test_what_is_rendered_is_prometheus_text_with_version_and_process():
    metrics = Metrics()
    metrics.histogram("request_seconds", "Time.").observe(0.2)
    metrics.gauge("bytes", "Bytes.").set(7)
    text = metrics.render().decode()
    assert f'holdfast_build_info{{version="{__version__}"}} 1.0' in text
    assert 'holdfast_request_seconds_bucket{le="0.3"} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert METRICS_CONTENT_TYPE.startswith("text/plain")
