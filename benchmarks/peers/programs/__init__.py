"""Programs: what the children do; imported only in the environment of the client they drive.

task      what a program is asked and what it tells
acting    the acts: one function for each thing that can be asked
ours, rudder, segment, posthog_threads, posthog_async
          one client each, called as its documentation says
"""
