"""A document as a page for people: no scripts, nothing from elsewhere. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8882}
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:1rem 1.25rem 6rem}
h1{font-size:1.5rem;margin:.5rem 0}h2{margin:2.5rem 0 .5rem;font-size:1.2rem}h3{margin:1.2rem 0 .3rem;font-size:.95rem}
nav a{margin-right:.9rem;white-space:nowrap}nav b{margin-right:.9rem}
details{border:1px solid var(--line);border-radius:6px;margin:.4rem 0}
summary{padding:.45rem .7rem;cursor:pointer;display:flex;gap:.7rem;align-items:baseline;flex-wrap:wrap}
summary b{min-width:3.6rem;font-size:.8rem}summary code{font-weight:600;overflow-wrap:anywhere}
.in{padding:0 .8rem .8rem}.more{opacity:.75}
table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}
td,th{border-top:1px solid var(--line);padding:.25rem .6rem .25rem 0;text-align:left;vertical-align:top}
pre{background:var(--soft);padding:.6rem;border-radius:6px;overflow-x:auto}
"""
_QUOTED = re.compile(r"`+([^`]+)`+")
_METHODS = ("get", "post", "put", "patch", "delete")


def render_page(document: Mapping[str, Any], chosen: str | None, names: tuple[str, ...]) -> str:
    """The page of a document; ``names`` are those of all dialects, ``chosen`` is its own.

    Without a chosen one, ``document`` has all dialects' operations, and the page leads to theirs.
    """
    info = document["info"]
    query = f"?dialect={quote(chosen)}" if chosen else ""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>",
        f"<nav>{''.join(_tabs(chosen, names))}</nav>",
        f'<p>For programs: <a href="/openapi.json{query}">openapi.json{escape(query)}</a>. ',
        "Every call carries <code>Authorization: Bearer &lt;key&gt;</code>.</p>",
    ]
    shown = _overview if chosen is None else _operation
    for tag in document["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2>")
        parts += (shown(path, method, one) for path, method, one in _tagged(document, tag["name"]))
    if chosen is not None:
        parts += _shapes(document["components"]["schemas"])
    return "".join([*parts, "</body></html>"])


def _overview(path: str, method: str, one: Mapping[str, Any]) -> str:
    """A line that leads to the operation on its dialect's page."""
    dialect, _, operation = one["operationId"].partition(".")
    target = f"/docs?dialect={quote(dialect)}#{quote(operation)}"
    told = f'<span class="more">{_prose(one["summary"])}</span>'
    return f'<p><b>{method.upper()}</b> <a href="{target}"><code>{escape(path)}</code></a> {told}</p>'


def _shapes(schemas: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>Shapes</h2>"
    for name, schema in sorted(schemas.items()):
        yield f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        yield f'<div class="in">{_shape(schema)}</div></details>'


def _tabs(chosen: str | None, names: tuple[str, ...]) -> Iterator[str]:
    for name in (None, *names):
        label = "everything" if name is None else name
        target = "/docs" if name is None else f"/docs?dialect={quote(name)}"
        yield f"<b>{escape(label)}</b>" if name == chosen else f'<a href="{target}">{escape(label)}</a>'


def _tagged(document: Mapping[str, Any], tag: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods and tag in methods[method]["tags"]:
                yield path, method, methods[method]


def _operation(path: str, method: str, one: Mapping[str, Any]) -> str:
    parts = [
        f'<details id="{escape(one["operationId"])}"><summary><b>{method.upper()}</b><code>{escape(path)}</code>',
        f'<span class="more">{_prose(one["summary"])}</span></summary><div class="in">',
        *(f"<p>{_prose(paragraph)}</p>" for paragraph in one["description"].split("\n\n") if paragraph),
    ]
    if parameters := one.get("parameters"):
        rows = (
            (f"<code>{escape(p['name'])}</code>", p["in"], _kind(p["schema"]), _prose(p["description"]))
            for p in parameters
        )
        parts += ["<h3>Parameters</h3>", _table(rows)]
    if body := one.get("requestBody"):
        parts += ["<h3>Body</h3>", *_content(body["content"])]
    parts += ["<h3>Answers</h3>", _table(_answers(one["responses"]))]
    return "".join([*parts, "</div></details>"])


def _answers(responses: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for status, answer in responses.items():
        content = "<br>".join(
            f"{escape(media_type)}: {_kind(one['schema'])}" for media_type, one in answer.get("content", {}).items()
        )
        headers = "".join(
            f"<br><code>{escape(name)}</code>: {_prose(one['description'])}"
            for name, one in answer.get("headers", {}).items()
        )
        yield f"<b>{status}</b>", _prose(answer["description"]) + headers, content


def _content(content: Mapping[str, Any]) -> Iterator[str]:
    shown: list[Any] = []
    for media_type, one in content.items():
        yield f"<p><code>{escape(media_type)}</code>: {_kind(one['schema'])}</p>"
        if "example" in one and one["example"] not in shown:
            shown.append(one["example"])
            yield f"<pre>{escape(json.dumps(one['example'], indent=2))}</pre>"


def _shape(schema: Mapping[str, Any]) -> str:
    parts = [f"<p>{_prose(schema['description'])}</p>"] if "description" in schema else []
    properties = schema.get("properties")
    if not properties:
        return "".join([*parts, _kind(schema)])
    required = schema.get("required", [])
    rows = (
        (
            f"<code>{escape(name)}</code>",
            _kind(one) + ("" if name in required else ' <span class="more">may be left out</span>'),
            _prose(one.get("description", "")),
        )
        for name, one in properties.items()
    )
    return "".join([*parts, _table(rows)])


def _kind(schema: Mapping[str, Any]) -> str:
    """What a value is, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    if "enum" in schema:
        return " | ".join(f"<code>{escape(json.dumps(one))}</code>" for one in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(_kind(one) for one in schema[word])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_kind(schema['additionalProperties'])}"
    return escape(" or ".join(kind) if isinstance(kind, list) else kind) + _limits(schema)


def _limits(schema: Mapping[str, Any]) -> str:
    words = {
        "format": "{}",
        "pattern": "like {}",
        "minimum": "from {}",
        "maximum": "to {}",
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
    }
    told = [text.format(schema[word]) for word, text in words.items() if word in schema]
    return f' <span class="more">({escape(", ".join(told))})</span>' if told else ""


def _prose(text: str) -> str:
    return _QUOTED.sub(r"<code>\1</code>", escape(text))


def _table(rows: Iterator[tuple[str, ...]]) -> str:
    return "<table>" + "".join(f"<tr>{''.join(f'<td>{one}</td>' for one in row)}</tr>" for row in rows) + "</table>"
