"""Visits: what a web request tells about the situation of the events that happen in it.

rules      what to read, and how much of it at the most
reading    a request's facts become a context and ids
addresses  who is asking, seen through proxies
words      headers, cookies and query strings, read with distrust
routes     from a path and what a router made of it to the route's template

All of it is pure: strings in, values out. Whatever a stranger sends makes it slower by a bounded
amount and raises nothing.
"""

from asyncsdk.visits.addresses import TrustedProxies
from asyncsdk.visits.rules import CLICK_IDS, UTM, ContextRules

__all__ = ["CLICK_IDS", "UTM", "ContextRules", "TrustedProxies"]
