"""Delivery: one lane per destination, from the door to the settled event.

lane      owns the door, the tasks and the pace
writing   the write loop: form batches, hand them to the store
sending   the send loop: take, send, judge, decide, settle
custody   which events of which chunks a batch holds, and settling them
packing   compression, in the loop or beside it
keeping   the one task in which all others nest, and how a run ends
parcels   what one request carries, as ranges of leased batches
"""
