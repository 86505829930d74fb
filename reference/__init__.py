"""The model: the text, run over immutable values. Slow, sans I/O, obviously correct.

>>> from redlark.reference import Model, Observed
>>> model = Model.load("redis-8.2")
>>> worlds = model.connect(model.start(), 1)
>>> bool(model.allows(worlds, 1, (b"SET", b"k", b"v"), (0, 1), Observed(b"+OK\\r\\n")))
True
"""

from redlark.reference.model import Allowed, Model, Observed
from redlark.reference.owing import Worlds
from redlark.reference.world import World

__all__ = ["Allowed", "Model", "Observed", "World", "Worlds"]
