"""For tests of programs that embed meshaid: parts of a node that need no disk and no network.

Each is put through the same acceptance suite as the part that it stands for.
"""

from meshaid.testing.memory import MemoryLedger as MemoryLedger
