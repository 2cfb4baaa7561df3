"""Soak: one client for a long time against a failing server; what does it gather, what gets lost?

stream     the events: who says what, in which sizes, and which ones are poisoned
producing  tasks that await their calls, and threads, through one client
server     a failing collector in a process of its own, and the books of what arrived
sampling   memory, descriptors, tasks, threads and objects, once a second
rules      what must hold, judged by the samples and the counts; pure
running    one soak from the first call to the findings
"""
