"""Benchmarks: what a call costs, beside the systems' own Python SDKs and beside the floor.

workload   the events that everybody sends
sink       the server that everybody sends to, and counts what came
clients    one module per client, each run in a process of its own
rounds     who takes part, in which order, and one run of one of them
machine    what a figure depends on: processor, Python, versions
report     medians, ratios, the table and the JSON

environments  each peer in an environment of its own
soak       two million events with faults through one client: what gathers, what gets lost
peers      what becomes of events with five clients when things do not go as planned
"""
