"""Hosting: what web frameworks, and what tools that watch, have in common, without any of them.

lending    what a request tells is lent to the calls inside it, read when the first one asks
asgi       the middleware for every ASGI application
lifespans  a client that lives as long as an application does
totalling  counters of clients become counters of a process, which never go back
"""
