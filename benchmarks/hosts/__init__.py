"""Hosts: a web application under load, with a client and without, in uvicorn with two workers.

shop     the application: two of it, alike but for the client
serving  it runs in processes of its own, which say at their end what CPU they took
load     the visitors: so many requests a second, whatever the answers take
"""
