"""Personal data and secrets of a recording, found and replaced.

Decides the order of the work, which takes two passes: look at every batch, settle, then replace in every
batch. So a name that is found under a key in one place goes from texts in any other. Opens no file.
"""

from fuzzharness.privacy.disguise import Disguise, secret_from

__all__ = ["Disguise", "secret_from"]
