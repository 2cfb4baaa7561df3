"""Django: a middleware for both kinds of views that tells events of their requests.

    # settings.py
    MIDDLEWARE = ["asyncsdk.integrations.django.AnalyticsMiddleware", ...]
    ASYNCSDK_CLIENT = "shop.telemetry.analytics"  # where the client is, or the client itself
    ASYNCSDK_RULES = ContextRules(anonymous_id_cookie="visitor")  # may be left out

    # asgi.py
    application = with_lifespan(get_asgi_application(), analytics)

Django's ASGI application knows no lifespan: `with_lifespan` gives it one, which starts the client and
delivers what waits when the server ends. Without it the middleware starts the client with the first
request, but what waits at the end is lost: after a SIGTERM uvicorn ends the process while its loop
still runs, so nothing can be delivered any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from asyncsdk.client import AsyncAnalytics
from asyncsdk.errors import AnalyticsError, ConfigurationError
from asyncsdk.hosting.lending import Lending, accepts, tell_page
from asyncsdk.hosting.lifespans import with_lifespan
from asyncsdk.visits import ContextRules, TrustedProxies
from asyncsdk.visits.patterns import template_of_pattern
from asyncsdk.visits.reading import Facts, Reader, is_page

try:
    from asgiref.sync import iscoroutinefunction, markcoroutinefunction
    from django.conf import settings
    from django.utils.module_loading import import_string
except ImportError:
    raise ImportError(
        'asyncsdk: asyncsdk.integrations.django needs the "django" package: '
        'pip install "asyncsdk[django]"'
    ) from None

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    GetResponse: TypeAlias = Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]

__all__ = ["AnalyticsMiddleware", "ContextRules", "TrustedProxies", "with_lifespan"]


class AnalyticsMiddleware:
    """Tell each event of a request what the request tells of itself, in views of both kinds.

    What a call or an inner `bind` says itself wins.

    Raises:
        ConfigurationError: The settings have no client, or something else in its place.
    """

    sync_capable: bool = True
    async_capable: bool = True

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response: Any = get_response
        self._client = _client_in(getattr(settings, "ASYNCSDK_CLIENT", None))
        self._rules: ContextRules = getattr(settings, "ASYNCSDK_RULES", ContextRules())
        self._reader = Reader(self._rules)
        self._is_async = bool(iscoroutinefunction(get_response))
        self._is_started = False
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Serve one request."""
        return self._serve_async(request) if self._is_async else self._serve(request)

    def _serve(self, request: HttpRequest) -> HttpResponse:
        lending = self._lending(request)
        if lending is None:
            return self._get_response(request)
        with self._client.bind_from(lending):
            return self._seen(request, self._get_response(request), lending)

    async def _serve_async(self, request: HttpRequest) -> HttpResponse:
        if not self._is_started:
            # Views in threads have no loop to start it on.
            self._is_started = True
            with suppress(AnalyticsError):
                await self._client.start()
        lending = self._lending(request)
        if lending is None:
            return await self._get_response(request)
        with self._client.bind_from(lending):
            return self._seen(request, await self._get_response(request), lending)

    def _lending(self, request: HttpRequest) -> Lending | None:
        if not accepts(self._rules, str(request.method), request.path):
            return None
        return Lending(self._reader, _Request(self._reader, request))

    def _seen(self, request: HttpRequest, response: HttpResponse, lending: Lending) -> HttpResponse:
        if self._rules.page_events and is_page(
            request.method, response.status_code, response.headers.get("Content-Type", "")
        ):
            tell_page(self._client, lending)
        # A stream is made when this is over. A file is none: servers send it by themselves.
        if response.streaming and getattr(response, "file_to_stream", None) is None:
            self._bind_stream(response, lending)
        return response

    def _bind_stream(self, response: Any, lending: Lending) -> None:
        content = response.streaming_content
        steps = self._steps_async if response.is_async else self._steps
        response.streaming_content = steps(content, lending)

    def _steps(self, content: Iterator[bytes], lending: Lending) -> Iterator[bytes]:
        while True:
            with self._client.bind_from(lending):
                part = next(content, None)
            if part is None:
                return
            yield part

    async def _steps_async(
        self, content: AsyncIterator[bytes], lending: Lending
    ) -> AsyncIterator[bytes]:
        while True:
            with self._client.bind_from(lending):
                part = await anext(content, None)
            if part is None:
                return
            yield part


class _Request:
    """What Django tells of a request; the route is known once a view was found."""

    __slots__ = ("_reader", "_request")

    def __init__(self, reader: Reader, request: HttpRequest) -> None:
        self._reader = reader
        self._request = request

    def facts(self) -> Facts:
        """Read the request; a header that came twice is one with commas."""
        request = self._request
        return Facts(
            request.path,
            request.META.get("QUERY_STRING", ""),
            {
                name: text
                for name in self._reader.headers
                if (text := request.META.get(f"HTTP_{name.upper().replace('-', '_')}"))
            },
            request.method,
            request.META.get("REMOTE_ADDR") or None,
        )

    def route(self) -> str | None:
        """Return the route, with ``{name}`` for what is filled in."""
        match = self._request.resolver_match
        return None if match is None else "/" + template_of_pattern(match.route)


def _client_in(found: object) -> AsyncAnalytics:
    client = import_string(found) if isinstance(found, str) else found
    if not isinstance(client, AsyncAnalytics):
        raise ConfigurationError(
            "asyncsdk: ASYNCSDK_CLIENT in the settings must be an AsyncAnalytics, or say where one "
            'is: "shop.telemetry.analytics"'
        )
    return client
