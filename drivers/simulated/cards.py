"""What a machine knows of cards by itself, in memory: told which are on the block list, it remembers which it saw."""

from dataclasses import dataclass, field

from kiosk.model import Credential, Standing


@dataclass(slots=True)
class SimulatedCards:
    """kiosk.ports.Cards. told: the store has given a block list."""

    told: bool = True
    listed: set[Credential] = field(default_factory=set)
    seen: set[Credential] = field(default_factory=set)

    def standing(self, card: Credential, *, proven: bool) -> Standing:
        if not self.told:
            return Standing.UNTOLD
        if card in self.listed:
            return Standing.LISTED
        return Standing.SEEN if proven or card in self.seen else Standing.STRANGER

    def saw(self, card: Credential) -> None:
        self.seen.add(card)

    def forget(self, card: Credential) -> None:
        self.seen.discard(card)
