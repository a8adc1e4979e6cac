"""For tests of programs that embed meshaid: parts of a node that need no disk and no network.

Each is put through the same acceptance suite as the part that it stands for. `World` goes further:
a whole community of laptops with real stores, and faults.
"""

from meshaid.testing.memory import MemoryLedger as MemoryLedger
from meshaid.testing.wire import Faults as Faults
from meshaid.testing.wire import Wire as Wire
from meshaid.testing.world import Laptop as Laptop
from meshaid.testing.world import World as World
