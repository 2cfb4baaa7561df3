"""Plays: what a client's process does and measures of itself, one module for each kind of run.

They run in the peers' environments too, which have msgspec and no asyncsdk.
"""
