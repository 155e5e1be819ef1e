"""Content of files becomes records, or every mistake is named with its place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from gates.schema import Count, Keys, Mistake, MistakesError, Positive, Recorded, read, read_json


class Small(str):
    __slots__ = ()

    @classmethod
    def of(cls, value: object) -> Small:
        if value not in ("a", "b"):
            raise ValueError(f"{value!r} is not small")
        return cls(value)


class Inner(Keys, frozen=True, kw_only=True):
    low: float | None = None
    high: Positive | None = None

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise ValueError("give low or high")


class One(Keys, frozen=True, kw_only=True, tag_field="kind", tag="one"):
    inner: Inner | None = None


class Two(Keys, frozen=True, kw_only=True, tag_field="kind", tag="two"):
    word: Small


class File(Keys, frozen=True, kw_only=True):
    count: Count = 1
    sign: Literal["plus", "minus"] = "plus"
    even: Annotated[int, Meta(multiple_of=2, description="an even number")] = 0
    parts: tuple[One | Two, ...] = ()
    named: dict[str, Inner] = {}  # noqa: RUF012 - every record has its own


class Told(Recorded, frozen=True, kw_only=True):
    step: int


def mistakes(data: Any) -> list[tuple[str, str]]:
    with pytest.raises(MistakesError) as caught:
        read(data, File)
    return [(".".join(map(str, m.place)), m.text) for m in caught.value.mistakes]


def test_numbers_that_yaml_takes_for_text_are_numbers() -> None:
    found = read({"count": 2.0, "named": {"x": {"low": "1e-4"}}}, File)
    assert (found.count, found.named["x"].low) == (2, 1e-4)


def test_every_mistake_is_named_with_its_place() -> None:
    inner = {"high": -1, "hihg": 2, "low": "x"}
    parts = [{"kind": "one", "inner": inner}, {"kind": "two"}, {"kind": "three"}, {}]
    data = {"count": 0, "sing": "plus", "sign": "pluss", "even": 3, "parts": parts}
    assert mistakes({**data, "named": {3: {}, "y": {"low": float("inf")}}}) == [
        ("count", "must be an integer of at least 1, got 0"),
        ("sign", "'pluss' is not allowed, did you mean 'plus'?; allowed are plus, minus"),
        ("even", "must be an even number, got 3"),
        ("parts.0.inner.low", "must be a number or null, got 'x'"),
        ("parts.0.inner.high", "must be a number above 0.0, got -1"),
        ("parts.0.inner.hihg", "unknown key, did you mean 'high'?"),
        ("parts.1.word", "is missing"),
        ("parts.2", "unknown kind 'three'; there are one, two"),
        ("parts.3", "kind is missing; there are one, two"),
        ("named.3", "must be text, got 3"),
        ("named.3", "give low or high"),
        ("named.y.low", "must be a finite number, got inf"),
        ("sing", "unknown key, did you mean 'sign'?"),
    ]


@pytest.mark.parametrize("number", [float("nan"), "nan", float("-inf"), "Infinity"])
def test_a_number_that_is_not_finite_is_a_mistake(number: object) -> None:
    ((place, text),) = mistakes({"named": {"x": {"low": number}}})
    assert place == "named.x.low"
    assert text.startswith("must be a finite number")


def test_a_text_that_means_null_is_no_level() -> None:
    ((place, text),) = mistakes({"named": {"x": {"low": 1.0, "high": "null"}}})
    assert place == "named.x.high"
    assert "without quotes, got 'null'" in text


@pytest.mark.parametrize("data", [None, 3, "text", [{}], {1: 2}, {"parts": {}}, {"parts": [None]}])
def test_content_of_another_shape_is_a_mistake(data: Any) -> None:
    assert mistakes(data)


@pytest.mark.parametrize("kind", [3, ["one"], {"one": 1}, None])
def test_a_kind_that_is_no_text_is_unknown(kind: Any) -> None:
    ((place, text),) = mistakes({"parts": [{"kind": kind}]})
    assert place == "parts.0"
    assert text.startswith("unknown kind")


def test_a_later_trainer_may_record_more() -> None:
    assert read_json(b'{"step": 3, "more": [1]}', Told).step == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"step": 1.5}',
        b'{"step": 1e999}',
        b'{"step": NaN}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_broken_record_is_one_error(content: bytes) -> None:
    with pytest.raises(MistakesError) as caught:
        read_json(content, Told)
    assert all(isinstance(mistake, Mistake) and mistake.text for mistake in caught.value.mistakes)
