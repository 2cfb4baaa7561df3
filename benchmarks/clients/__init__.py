"""Clients: each module is a program that sends one workload and prints one line of figures.

task       what a client is asked and what it answers
ours       this SDK
threaded   what the two peers have in common: a queue and a thread
rudder     rudder-sdk-python
segment    segment-analytics-python
floor      the cheapest Python that delivers the same bytes
line       ready bodies on a raw socket: what the sink can take
"""
