"""A shop on Django under ASGI, in one file; views of both kinds."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path

from asyncsdk import AsyncAnalytics, RudderStack
from asyncsdk.integrations.django import with_lifespan

analytics = AsyncAnalytics(
    RudderStack("planted-key", os.environ.get("COLLECTOR", "http://127.0.0.1:9"), name="there")
)


async def awaited(_request: HttpRequest, number: int) -> HttpResponse:
    """Be called on the loop."""
    return say("Awaited", number)


def plain(_request: HttpRequest, number: int, shop: str = "") -> HttpResponse:
    """Be called in a thread, in one of several shops."""
    del shop
    return say("Plain", number)


async def page(_request: HttpRequest, number: str) -> HttpResponse:
    """Answer with a page, which is what an answer of Django's is by default."""
    return HttpResponse(f"<p>{number}</p>".encode())


def say(name: str, number: int) -> HttpResponse:
    """Track, and answer with the event's id."""
    told = analytics.track(name, user_id="u", properties={"n": number})
    return HttpResponse(told.message_id.encode(), content_type="text/plain")


async def awaited_stream(_request: HttpRequest, number: int) -> StreamingHttpResponse:
    """Track while the answer is on its way, for whoever the request is of."""

    async def parts() -> AsyncIterator[bytes]:
        for part in (b"a", b"b"):
            analytics.track("Streamed", properties={"n": number})
            yield part

    return StreamingHttpResponse(parts())


def plain_stream(_request: HttpRequest, number: int) -> StreamingHttpResponse:
    """Do the same in a thread."""

    def parts() -> Iterator[bytes]:
        for part in (b"a", b"b"):
            analytics.track("Streamed", properties={"n": number})
            yield part

    return StreamingHttpResponse(parts())


def file(_request: HttpRequest) -> FileResponse:
    """Send this file."""
    return FileResponse(Path(__file__).open("rb"))


views = [
    path("stream/awaited/<int:number>", awaited_stream),
    path("stream/plain/<int:number>", plain_stream),
    path("file", file),
    path("awaited/<int:number>", awaited),
    path("plain/<int:number>", plain),
    re_path(r"^page/(?P<number>\d+)$", page),
]
urlpatterns = [*views, path("inner/<shop>/", include(views))]


def configure() -> None:
    """Set Django up, once in a process."""
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF=__name__,
            MIDDLEWARE=["asyncsdk.integrations.django.AnalyticsMiddleware"],
            ASYNCSDK_CLIENT=f"{__name__}.analytics",
            LOGGING_CONFIG=None,
        )
        django.setup()


def shop() -> Any:
    """Return the shop of a process of its own."""
    configure()
    return with_lifespan(get_asgi_application(), analytics)
