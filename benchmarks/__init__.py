"""Benchmarks: what an event costs, beside the SDKs that one would use instead, and the floor.

workload      the events that everybody sends
wires         how to find the events of each system in a body
sink          the server that everybody sends to, and counts what came
environments  the peers' own virtual environments
lineup        who takes part
clients       one module per client, each run in a process of its own
plays         what such a process does, and measures of itself
running       one run of one of them
scenarios     what is asked of all, in rounds: measure, table, goals
figures       medians, ratios, columns
goals         what was promised, beside what was measured
machine       what a figure depends on: processor, Python, versions
report        everything together, as values and as text
kept          the last full run, and what has changed since
chart         the picture in the README

soak          two million events with faults through one client: what gathers, what gets lost
peers         what becomes of events with five clients when things do not go as planned
"""
