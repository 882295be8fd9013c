"""A shipped SOP in the tests' world, where time runs faster and every host is a stand-in's.

The translation is mechanical, and this is all of it:

- Every span of time in the spec is divided: every, for, recoverFor, olderThan, within, settle,
  cooldown, per, blindFor and so on, also where it is a default, which is written out for that. It
  is rounded up to whole seconds, so none but 0s gets shorter than the 1s that the CRD asks for.
  Only `timeout` stays: this machine's answers are no faster than others.
- Every range of PromQL ([5m]) is divided in the same way.
- The origin (scheme, host, port) of the URLs that `http` checks open becomes another one; a Service
  of the cluster, which has no network here, becomes a URL.

Nothing else is touched: no limit, row, pattern, query or right.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from servicesop.api.checks.http import Http, OAuth2
from servicesop.api.checks.prometheus import MetricQuery
from servicesop.api.durations import format_duration, parse_duration
from servicesop.api.sop import Spec

Json = dict[str, Any]

_RANGE = re.compile(r"\[((?:\d+[hms])+)\]")


def translated(spec: Json, times: int, origins: Mapping[str, str]) -> Json:
    """Give the spec with time running `times` as fast.

    `origins` says what takes the place of `https://host` or, for a Service, `https://name:port`;
    a host that it does not name is an error, for nothing may be asked outside.
    """
    fast = _translated(Spec.model_validate(spec), times, origins)
    assert isinstance(fast, Spec)
    return as_written(fast)


def as_written(spec: Spec) -> Json:
    """Give a spec as it is applied, with its defaults but for empty lists."""
    written: Json = _without_empty_lists(
        spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    )
    return written


def _without_empty_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_empty_lists(each) for key, each in value.items() if each != []}
    if isinstance(value, list):
        return [_without_empty_lists(each) for each in value]
    return value


def divided(span: timedelta, times: int) -> timedelta:
    return timedelta(seconds=ceil(span.total_seconds() / times))


def _translated(value: object, times: int, origins: Mapping[str, str]) -> object:
    if isinstance(value, timedelta):
        return divided(value, times)
    if isinstance(value, tuple):
        return tuple(_translated(each, times, origins) for each in value)
    if not isinstance(value, BaseModel):
        return value
    changed = {
        name: _translated(getattr(value, name), times, origins)
        for name in type(value).model_fields
        if name != "timeout"
    }
    if isinstance(value, MetricQuery):
        changed["expr"] = _RANGE.sub(lambda found: _range(found[1], times), value.expr)
    if isinstance(value, Http):
        changed |= {"url": _moved(_url(value), origins), "service": None}
    if isinstance(value, OAuth2):
        changed["token_url"] = _moved(value.token_url, origins)
    return value.model_copy(update=changed)


def _range(text: str, times: int) -> str:
    return f"[{format_duration(divided(parse_duration(text), times))}]"


def _url(http: Http) -> str:
    """Give the URL that a check opens, with a Service's plain name as its host."""
    if http.service is None:
        assert http.url is not None
        return http.url
    service = http.service
    return f"{service.scheme}://{service.name}:{service.port}{service.path}"


def _moved(url: str, origins: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return origins[origin] + url.removeprefix(origin)
