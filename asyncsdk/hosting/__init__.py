"""Hosting: what web frameworks have in common, without any of them.

lending    what a request tells is lent to the calls inside it, read when the first one asks
asgi       the middleware for every ASGI application
lifespans  a client that lives as long as an application does
"""
