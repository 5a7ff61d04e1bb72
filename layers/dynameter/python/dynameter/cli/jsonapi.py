"""The admin API's documents (JSON:API): resources sent, and read as flat records with their ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dynameter.client.api import ApiClient

MEDIA_TYPE = "application/vnd.api+json"
PAGE_SIZE = 1_000


def send(client: ApiClient, method: str, path: str, type_: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Send a resource's attributes; answers the resource as it is then. An ``id`` among them is the resource's."""
    values = dict(attributes)
    resource: dict[str, Any] = {"type": type_}
    if "id" in values:
        resource["id"] = values.pop("id")
    answer = client.request(
        method,
        path,
        body={"data": {**resource, "attributes": values}},
        media_type=MEDIA_TYPE,
        repeatable=method != "POST",
    )
    return flat(_data(answer.body))


def fetch(client: ApiClient, path: str) -> dict[str, Any]:
    """The resource at the path."""
    return flat(_data(client.request("GET", path).body))


def fetch_all(client: ApiClient, path: str) -> list[dict[str, Any]]:
    """Every resource of a collection, over all its pages."""
    found: list[dict[str, Any]] = []
    query = [("page[size]", str(PAGE_SIZE))]
    seen = set()
    while tuple(query) not in seen:
        seen.add(tuple(query))
        body = client.request("GET", path, query=query).body
        found += [flat(one) for one in _data(body) or ()]
        links = body.get("links") if isinstance(body, dict) else None
        following = links.get("next") if isinstance(links, dict) else None
        if isinstance(following, str) and following:
            query = parse_qsl(urlsplit(following).query)
    return found


def flat(resource: Any) -> dict[str, Any]:
    """The resource's id and attributes side by side."""
    if not isinstance(resource, dict):
        return {}
    named = {"id": resource["id"]} if "id" in resource else {}
    attributes = resource.get("attributes")
    return {**named, **(attributes if isinstance(attributes, dict) else {})}


def _data(body: Any) -> Any:
    return body.get("data") if isinstance(body, dict) else None
