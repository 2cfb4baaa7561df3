"""Rules: what is read of a request, and how much of it at the most."""

from __future__ import annotations

from collections.abc import Callable, Collection

from msgspec import Struct

from asyncsdk.errors import ConfigurationError
from asyncsdk.visits.addresses import TrustedProxies

#: The parameters of campaigns that are read of a query string.
UTM: frozenset[str] = frozenset(
    f"utm_{part}" for part in ("source", "medium", "campaign", "term", "content", "id")
)
#: The ids of clicks on advertisements that are read of a query string.
CLICK_IDS: frozenset[str] = frozenset(
    {
        "dclid", "epik", "fbclid", "gbraid", "gclid", "igshid", "irclickid", "li_fat_id",
        "msclkid", "rdt_cid", "sccid", "ttclid", "twclid", "wbraid", "yclid",
    }
)  # fmt: skip


class ContextRules(Struct, frozen=True, kw_only=True):
    """What the events of a request are told of it.

    By default: method, route, path, referrer, user agent, language, campaign and request id. Of a query
    string nothing is kept but what is listed here. No address, no cookie and no id unless asked for.

    Attributes:
        accept: Says by method and path whether a request's events are told anything; None is yes.
        page_events: Whether each web page that is answered with 2xx is a `page` event, of whoever is
            bound; without an id there is none.
        base_url: The site's own address, such as ``https://shop.example.com``: makes `page.url`. The
            `Host` header is not asked, since whoever asks can write anything there.
        client_ip: Proxies to see through for the address of who asks; None leaves it out.
        utm: Parameters of a query string that say where a visit comes from.
        click_ids: Parameters that are ids of clicks.
        request_id_headers: Where a request's id is looked for, in order.
        anonymous_id_cookie: The cookie that names the visitor.
        user_id_header: A header that names the user. Anybody can write one: only for services whose
            callers are known.
        anonymous_id_header: The same for the visitor; the cookie is asked first.
        session_id_header: The same for the session.
        max_length: Characters of a text; longer ones are cut, longer ids left out.

    Raises:
        ConfigurationError: One of them cannot work.
    """

    accept: Callable[[str, str], bool] | None = None
    page_events: bool = False
    base_url: str | None = None
    client_ip: TrustedProxies | None = None
    utm: Collection[str] = UTM
    click_ids: Collection[str] = CLICK_IDS
    request_id_headers: tuple[str, ...] = ("x-request-id", "x-correlation-id")
    anonymous_id_cookie: str | None = None
    user_id_header: str | None = None
    anonymous_id_header: str | None = None
    session_id_header: str | None = None
    max_length: int = 500

    def __post_init__(self) -> None:
        if self.max_length < 1:
            raise ConfigurationError(f"max_length: {self.max_length} is less than 1")
        for name in ("utm", "click_ids", "request_id_headers"):
            if isinstance(getattr(self, name), str):
                raise ConfigurationError(f"{name}: give several texts, such as a tuple of them")
        if self.client_ip is not None and not isinstance(self.client_ip, TrustedProxies):
            raise ConfigurationError("client_ip: give TrustedProxies(…), with the proxies in it")
        if self.base_url is not None and not self.base_url.startswith(("http://", "https://")):
            raise ConfigurationError(f"base_url: {self.base_url!r} is no absolute http(s) URL")

    @property
    def headers(self) -> frozenset[str]:
        """The names of the headers that are read, in lower case."""
        wanted = {"accept-language", "referer", "user-agent", *self.request_id_headers}
        wanted |= {self.user_id_header or "", self.anonymous_id_header or ""}
        wanted |= {self.session_id_header or ""}
        if self.client_ip is not None:
            wanted.add("x-forwarded-for")
        if self.anonymous_id_cookie is not None:
            wanted.add("cookie")
        return frozenset(name.lower() for name in wanted if name)
