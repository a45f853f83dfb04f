"""May this patron enter this branch now? Pure; the one place where the answer is made."""

from dataclasses import dataclass

from kiosk.model import AdmissionFacts, Block, Denial, Mode


@dataclass(frozen=True, slots=True)
class Granted:
    pass


GRANTED = Granted()


@dataclass(frozen=True, slots=True)
class AccessRules:
    """What one site has decided.

    minimum_age: whole years. needs_permission: only patrons with the branch's tag.
    ignored_blocks: reasons that do not keep a patron out here (a site may let debtors in to pay or return).
    """

    minimum_age: int = 15
    needs_permission: bool = False
    ignored_blocks: frozenset[Block] = frozenset()


def decide(facts: AdmissionFacts, rules: AccessRules, mode: Mode) -> Granted | Denial:
    """facts: of a patron whose PIN was right. The strictest reason comes first."""
    if mode is not Mode.UNSTAFFED:
        return Denial.STAFFED if mode is Mode.STAFFED else Denial.CLOSED
    if facts.blocks - rules.ignored_blocks:
        return Denial.BLOCKED
    if facts.age < rules.minimum_age:
        return Denial.UNDERAGE
    if rules.needs_permission and not facts.permitted:
        return Denial.NO_PERMISSION
    return GRANTED
