"""Scenarios: what is asked of all contenders, one module each.

Each has `measure`, which runs the contenders in rounds, a result that is plain values, and `table`,
which writes it for people. `benchmarks.goals` reads the results.
"""
