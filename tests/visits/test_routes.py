"""A route's template, found again from a path and what a router left of it."""

from uuid import UUID

import pytest

from asyncsdk.visits.routes import template_of

ID = UUID("0123abcd-0123-4567-89ab-0123456789ab")


@pytest.mark.parametrize(
    ("path", "parameters", "tail", "template"),
    [
        ("/items", {}, "/items", "/items"),
        ("/items/42", {"item": 42}, "/items/{item}", "/items/{item}"),
        ("/items/042", {"item": 42}, "/items/{item:int}", "/items/{item}"),
        ("/api/v1/items/1", {"item": "1"}, "/items/{item}", "/api/v1/items/{item}"),
        ("/1/items/1", {"shop": "1", "item": "1"}, "/items/{item}", "/{shop}/items/{item}"),
        ("/files/a/b/c", {"path": "a/b/c"}, "/files/{path}", "/files/{path}"),
        ("/in/files/a/b", {"path": "a/b"}, "/files/{path:path}", "/in/files/{path}"),
        ("/items/42", {"item": 42}, None, "/items/{item}"),
        ("/files/a/b", {"path": "a/b"}, None, "/files/{path}"),
        ("/static/style.css", {}, "/static/{path}", "/static/style.css"),
        ("/shops/shops/i/1", {"shop": "shops", "x": "1"}, "/i/{x}", "/shops/{shop}/i/{x}"),
        ("/a/a/a", {"one": "a", "two": "a"}, None, "/a/{one}/{two}"),
        ("/n/007/i/7", {"n": 7, "item": "7"}, "/i/{item}", "/n/{n}/i/{item}"),
        ("/f/1.50/x", {"f": 1.5}, "/x", "/f/{f}/x"),
        ("/a/true/x", {"f": True}, "/x", "/a/true/x"),
        (f"/u/{str(ID).upper()}/x", {"id": ID, "odd": object()}, "/x", "/u/{id}/x"),
        ("/", {}, "/", "/"),
        ("/in/", {}, "/", "/in/"),
    ],
)
def test_mounts_and_prefixes_are_part_of_the_template(
    path: str, parameters: dict[str, object], tail: str | None, template: str
) -> None:
    """Routers leave the innermost route only, and what the outer ones filled in."""
    assert template_of(path, parameters, tail) == template
