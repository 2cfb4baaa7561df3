"""Privacy: what of an event may leave, decided before it is encoded.

    before_send=[sample(0.1), remove("context.ip"), redact("**", matching=EMAIL)]

Each function returns a hook for `before_send`: pure, and a value that can be compared and shown.

redacting  values at paths are removed, masked or hashed (`paths` says which are meant)
hashing    a salted hash in place of a value: who is the same stays the same
sampling   a part of the users, always the same one
"""

from asyncsdk.privacy.hashing import Hashed
from asyncsdk.privacy.redacting import EMAIL, MASK, Redaction, redact, remove
from asyncsdk.privacy.sampling import Sampling, sample

__all__ = ["EMAIL", "MASK", "Hashed", "Redaction", "Sampling", "redact", "remove", "sample"]
