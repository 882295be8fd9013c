"""What the translation into the tests' world changes about each shipped SOP, and nothing else."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from pydantic import BaseModel

from readme.markdown import ROOT
from servicesop.api.durations import parse_duration
from servicesop.api.sop import Spec
from standins.pace import Json, as_written, divided, translated

BASES = sorted((ROOT / "manifests/sops").glob("*/base/servicesop.yaml"))
ORIGINS = {
    "https://kas-fleet-manager:8000": "https://127.0.0.1:1",
    "https://managed-services-api:8000": "https://127.0.0.1:2",
    "https://observatorium-mst.api.stage.openshift.com": "http://127.0.0.1:3",
    "https://sso.redhat.com": "http://127.0.0.1:4",
}
TIMES = 30
RANGE = re.compile(r"\[((?:\d+[hms])+)\]")


@pytest.fixture(scope="module", params=BASES, ids=lambda path: path.parts[-3])
def spec(request: pytest.FixtureRequest) -> Json:
    return as_written(Spec.model_validate(yaml.safe_load(request.param.read_text())["spec"]))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, f"{path}.{key}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from leaves(each, f"{path}[{number}]")
    else:
        yield path, str(value)


def spans(model: object) -> Iterator[tuple[str, timedelta]]:
    """Give all spans of time in a model, and the names of their fields."""
    if isinstance(model, tuple):
        for each in model:
            yield from spans(each)
    elif isinstance(model, BaseModel):
        for name in type(model).model_fields:
            value = getattr(model, name)
            if isinstance(value, timedelta):
                yield name, value
            yield from spans(value)


def test_every_span_of_time_is_divided_but_timeouts(spec: Json) -> None:
    fast = translated(spec, TIMES, ORIGINS)

    before = list(spans(Spec.model_validate(spec)))
    after = list(spans(Spec.model_validate(fast)))
    assert {"every", "blind_for", "timeout"} <= {name for name, _ in before}
    assert after == [
        (name, span if name == "timeout" else divided(span, TIMES)) for name, span in before
    ]


def test_nothing_but_times_ranges_and_origins_is_touched(spec: Json) -> None:
    before = dict(leaves(spec))
    after = dict(leaves(translated(spec, TIMES, ORIGINS)))

    for path in before.keys() | after.keys():
        old, new = before.get(path, ""), after.get(path, "")
        if old == new:
            continue
        if path.endswith(".expr"):
            assert RANGE.sub("", old) == RANGE.sub("", new)
            assert [parse_duration(each) for each in RANGE.findall(new)] == [
                divided(parse_duration(each), TIMES) for each in RANGE.findall(old)
            ]
        elif ".http." in path:
            where = path.rpartition(".http.")[2]
            assert where in ("url", "oauth2.tokenUrl") or where.startswith("service.")
        else:
            assert parse_duration(new) == divided(parse_duration(old), TIMES)


def test_what_is_asked_is_a_stand_in(spec: Json) -> None:
    fast = translated(spec, TIMES, ORIGINS)

    opened = [one["http"] for one in fast["checks"] if "http" in one]
    urls = [one["url"] for one in opened] + [
        one["oauth2"]["tokenUrl"] for one in opened if "oauth2" in one
    ]
    paths = [urlsplit(url).path for url in urls]
    assert all(url.startswith(tuple(ORIGINS.values())) for url in urls)
    assert all(path in str(spec["checks"]) for path in paths)
    assert not any("service" in one for one in opened)
    if urls:
        with pytest.raises(KeyError):
            translated(spec, TIMES, {})


@pytest.mark.parametrize(
    ("seconds", "times", "expected"), [(0, 30, 0), (10, 30, 1), (90, 30, 3), (91, 30, 4)]
)
def test_a_span_is_rounded_up(seconds: int, times: int, expected: int) -> None:
    assert divided(timedelta(seconds=seconds), times) == timedelta(seconds=expected)
