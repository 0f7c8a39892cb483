"""The part of PromQL that the dashboards use, run on two scrapes. Strict: what it does not know is
an error, and so are metrics that are not scraped and labels that a metric has not.

    expression  = sum of products of primaries, with parentheses
    primary     = number | time() | aggregation | function | selector
    aggregation = sum, max or min, `by (labels)` or without labels, of an expression
    function    = rate(selector[span]), increase(selector[span]), histogram_quantile(number, vector)
    selector    = name{label="text", …} with = and !=

The two scrapes are the ends of every span, so `increase` is exact, where Prometheus extrapolates to
the span's length; everything else is as Prometheus has it. A vector is a dict from its series'
labels to their values.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
SPANS = ("$__rate_interval", "$__range", "1m", "5m", "10m", "1h")


class Refused(Exception):
    """The query is not of this part of PromQL, or asks for what there is not."""


@dataclass
class Scrape:
    """What a scrape of all targets brought, with what Prometheus adds to it."""

    at_s: float
    series: dict[str, Vector] = field(default_factory=dict)
    """By the name that is queried."""
    kinds: dict[str, str] = field(default_factory=dict)
    labels: dict[str, set[str]] = field(default_factory=dict)
    """That a metric has, whether or not it has a series yet."""

    def add(self, job: str, instance: str, text: str, known: Mapping[str, Iterable[str]]) -> None:
        """One target's answer; `known` gives the labels of its families, by their names."""
        for family in text_string_to_metric_families(text):
            own = {"job", "instance"}
            if family.name in known:
                own.update(known[family.name])
            else:  # the library's own, about the process
                own.update(*(sample.labels for sample in family.samples))
            for name, kind in _queried(family.name, family.type):
                self.kinds[name] = kind
                self.labels.setdefault(name, set()).update(own)
                if kind == "bucket":
                    self.labels[name].add("le")
                self.series.setdefault(name, {})
            for sample in family.samples:
                if sample.name not in self.kinds:
                    continue  # when a series was created
                labels = {**sample.labels, "job": job, "instance": instance}
                assert set(labels) <= self.labels[sample.name], sample
                key = frozenset(labels.items())
                assert key not in self.series[sample.name], f"{sample.name} twice"
                self.series[sample.name][key] = sample.value


def _queried(family: str, kind: str) -> list[tuple[str, str]]:
    if kind == "counter":
        return [(f"{family}_total", "counter")]
    if kind == "histogram":
        return [
            (f"{family}_bucket", "bucket"),
            (f"{family}_sum", "counter"),
            (f"{family}_count", "counter"),
        ]
    assert kind == "gauge", (family, kind)
    return [(family, "gauge")]


_TOKEN = re.compile(
    r'\s*(?:(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)|(?P<name>[a-zA-Z_]\w*)|(?P<text>"[^"\\]*")'
    r"|(?P<span>\[[^\]]*\])|(?P<sign>!=|[-+*/(){},=]))"
)
_AGGREGATIONS: dict[str, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max, "min": min}
_PRODUCTS = {"*": operator.mul, "/": lambda a, b: a / b if b else math.nan if not a else math.inf}
_SUMS = {"+": operator.add, "-": operator.sub}


@dataclass
class Evaluation:
    """One query, on its way from the left to the right."""

    query: str
    before: Scrape
    after: Scrape
    selected: list[tuple[str, int]] = field(default_factory=list)
    """Names asked for, with how many series of that name were scraped."""
    _tokens: list[tuple[str, str]] = field(default_factory=list)

    def run(self) -> Vector | float:
        rest = self.query
        while rest.strip():
            found = _TOKEN.match(rest)
            if found is None:
                raise Refused(f"{rest!r} in {self.query!r}")
            assert found.lastgroup is not None
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            rest = rest[found.end() :]
        value = self._sum()
        if self._tokens:
            raise Refused(f"{self._tokens[0][1]!r} in {self.query!r}")
        return value

    # ------------------------------------------------------------ the grammar

    def _sum(self) -> Vector | float:
        return self._chain(_SUMS, self._product)

    def _product(self) -> Vector | float:
        return self._chain(_PRODUCTS, self._primary)

    def _chain(
        self,
        signs: Mapping[str, Callable[[float, float], float]],
        part: Callable[[], Vector | float],
    ) -> Vector | float:
        value = part()
        while self._tokens and self._tokens[0][1] in signs:
            value = _both(signs[self._take()], value, part())
        return value

    def _primary(self) -> Vector | float:
        if self._is("("):
            self._expect("(")
            value = self._sum()
            self._expect(")")
            return value
        kind, text = self._next()
        if kind == "number":
            return float(text)
        if kind != "name":
            raise Refused(f"{text!r} in {self.query!r}")
        if text in _AGGREGATIONS:
            return self._aggregation(text)
        if text in ("rate", "increase"):
            return self._rate(text)
        if text == "histogram_quantile":
            return self._quantile()
        if text == "time":
            self._expect("(", ")")
            return self.after.at_s
        if self._is("("):
            raise Refused(f"the function {text} in {self.query!r}")
        return self._selector(text, self.after, "gauge")

    def _aggregation(self, name: str) -> Vector:
        by: set[str] = set()
        if self._is("by"):
            self._expect("by", "(")
            while not self._is(")"):
                by.add(self._take())
                if not self._is(")"):
                    self._expect(",")
            self._expect(")")
        self._expect("(")
        value = self._sum()
        self._expect(")")
        if not isinstance(value, dict):
            raise Refused(f"{name} of a number in {self.query!r}")
        for asked, _ in self.selected[-1:]:
            if by - self.after.labels[asked]:
                raise Refused(f"{asked} has no labels {by - self.after.labels[asked]}")
        groups: dict[Labels, list[float]] = {}
        for labels, one in value.items():
            kept = frozenset((label, text) for label, text in labels if label in by)
            groups.setdefault(kept, []).append(one)
        return {labels: _AGGREGATIONS[name](ones) for labels, ones in groups.items()}

    def _rate(self, name: str) -> Vector:
        self._expect("(")
        metric = self._take("name")
        mark = len(self._tokens)
        tokens = list(self._tokens)
        now = self._selector(metric, self.after, "counter", "bucket", spans=True)
        self._tokens, rest = tokens, self._tokens
        then = self._selector(metric, self.before, "counter", "bucket", spans=True)
        assert self._tokens == rest
        assert len(rest) < mark
        del self.selected[-1]
        self._expect(")")
        seconds = self.after.at_s - self.before.at_s if name == "rate" else 1.0
        found = {}
        for labels, value in now.items():
            if labels in then:
                # A counter that fell was begun anew.
                grown = value - then[labels] if value >= then[labels] else value
                found[labels] = grown / seconds
        return found

    def _quantile(self) -> Vector:
        self._expect("(")
        share = float(self._take("number"))
        self._expect(",")
        value = self._sum()
        self._expect(")")
        if not isinstance(value, dict):
            raise Refused(f"a quantile of a number in {self.query!r}")
        groups: dict[Labels, list[tuple[float, float]]] = {}
        for labels, count in value.items():
            bounds = [float(text) for label, text in labels if label == "le"]
            if not bounds:
                raise Refused(f"a quantile of what has no buckets in {self.query!r}")
            rest = frozenset(one for one in labels if one[0] != "le")
            groups.setdefault(rest, []).append((bounds[0], count))
        return {labels: quantile(share, sorted(ones)) for labels, ones in groups.items()}

    def _selector(self, name: str, scrape: Scrape, *kinds: str, spans: bool = False) -> Vector:
        if name not in scrape.kinds:
            raise Refused(f"{name} is not scraped")
        if scrape.kinds[name] not in kinds:
            raise Refused(f"{name} is a {scrape.kinds[name]}, in {self.query!r}")
        wanted: list[tuple[str, str, str]] = []
        if self._is("{"):
            self._expect("{")
            while not self._is("}"):
                label, sign = self._take("name"), self._take("sign")
                text = self._take("text")[1:-1]
                if sign not in ("=", "!="):
                    raise Refused(f"{sign!r} in {self.query!r}")
                if label not in scrape.labels[name]:
                    raise Refused(f"{name} has no label {label}")
                wanted.append((label, sign, text))
                if not self._is("}"):
                    self._expect(",")
            self._expect("}")
        if spans and self._take("span")[1:-1] not in SPANS:
            raise Refused(f"a span that no dashboard has, in {self.query!r}")
        self.selected.append((name, len(scrape.series[name])))
        return {
            labels: value
            for labels, value in scrape.series[name].items()
            if all(
                (dict(labels).get(label) == text) is (sign == "=") for label, sign, text in wanted
            )
        }

    # ------------------------------------------------------------ tokens

    def _is(self, text: str) -> bool:
        return bool(self._tokens) and self._tokens[0][1] == text

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            raise Refused(f"{self.query!r} breaks off")
        return self._tokens.pop(0)

    def _take(self, kind: str = "") -> str:
        found, text = self._next()
        if kind and found != kind:
            raise Refused(f"{text!r}, where a {kind} should be, in {self.query!r}")
        return text

    def _expect(self, *texts: str) -> None:
        for text in texts:
            if self._take() != text:
                raise Refused(f"{text!r} is missing in {self.query!r}")


def quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    """As Prometheus has it: linear within a bucket; of the last one its lower bound."""
    if buckets[-1][0] != math.inf or len(buckets) < 2:
        raise Refused("buckets without an end")
    total = buckets[-1][1]
    if not total:
        return math.nan
    rank = share * total
    place = next(i for i, (_, count) in enumerate(buckets) if count >= rank)
    if place == len(buckets) - 1:
        return buckets[-2][0]
    lower, under = buckets[place - 1] if place else (0.0, 0.0)
    upper, count = buckets[place]
    return lower + (upper - lower) * (rank - under) / (count - under)


def _both(
    sign: Callable[[float, float], float], one: Vector | float, other: Vector | float
) -> Vector | float:
    """Vectors meet where they have the same labels."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {labels: sign(one[labels], other[labels]) for labels in one if labels in other}
    if isinstance(one, dict):
        assert isinstance(other, float)
        return {labels: sign(value, other) for labels, value in one.items()}
    if isinstance(other, dict):
        return {labels: sign(one, value) for labels, value in other.items()}
    return sign(one, other)
