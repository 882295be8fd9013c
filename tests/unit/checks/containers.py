"""Containers, ConfigMaps and Secrets as the API server gives them, and what is made of them."""

import base64
from typing import Any

from servicesop.api.checks.config import DataKind
from servicesop.checks.config_arguments import argument
from servicesop.checks.config_environment import Environment
from servicesop.checks.config_objects import DataRef, Known
from servicesop.checks.config_text import Absent, Outcome, Text, Unseen

Json = dict[str, Any]


def config_map(**data: str) -> Json:
    return {"metadata": {"name": "settings"}, "data": data}


def secret(**data: str) -> Json:
    coded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"metadata": {"name": "login"}, "data": coded}


def from_key(kind: str, name: str, key: str, *, optional: bool = False) -> Json:
    """Give a `valueFrom`; kind is configMap or secret."""
    return {f"{kind}KeyRef": {"name": name, "key": key, "optional": optional}}


def known(objects: dict[str, Json | None]) -> Known:
    """Give objects that have been read, by `ConfigMap name` and `Secret name`."""
    read = Known()
    for ref, found in objects.items():
        kind, _, name = ref.partition(" ")
        read.put(DataRef(DataKind(kind), name), found)
    return read


def environment(
    env: list[Json],
    objects: dict[str, Json | None] | None = None,
    *,
    sources: list[Json] | None = None,
    service_links: bool = True,
    comparing: bool = False,
) -> Environment:
    container = {"name": "service", "env": env, "envFrom": sources or []}
    return Environment(
        container, known(objects or {}), service_links=service_links, comparing=comparing
    )


def literals(**values: str) -> list[Json]:
    return [{"name": name, "value": value} for name, value in values.items()]


def flag(name: str, *line: str, env: list[Json] | None = None, **more: Any) -> Outcome:
    return argument(name, line, environment(env or [], **more).look)


def said(found: Outcome | None) -> str | None:
    """Give a value, or in angle brackets what is there instead."""
    match found:
        case Text(bare=True):
            return "<bare>"
        case Text(known, unseen, secret):
            marks = f"{'<secret>' if secret else ''}{'<unseen>' if unseen else ''}"
            return known.decode() + marks
        case Absent():
            return "<absent>"
        case Unseen():
            return "<may be>"
        case None:
            return None
