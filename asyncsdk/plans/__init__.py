"""Plans: which events there are and what is in them, as a tracking plan says it.

`python -m asyncsdk codegen plan.json -o events.py` writes typed events; `Check` looks at run time
whether what is said keeps to them.

reading    the plan's JSON, in the forms of RudderStack, Segment and JSON Schema, becomes events
naming     the plan's names become Python's
shapes     JSON Schema becomes annotations and classes
writing    all of it becomes a module's text
checking   a hook that drops, keeps aside or marks what breaks the plan

The first four are pure and run nothing of what they read.
"""

from asyncsdk.plans.checking import Check, Violation

__all__ = ["Check", "Violation"]
