"""The rules a store begins with. Every figure is invented, in the order of size that Danish libraries publish.

Not responsible for: branches, patrons and items (seed.py), applying a rule (circulation/).
"""

from sqlalchemy import Connection, insert

from sync.central.schema import cursor, fee_steps, library, loan_profiles, material_groups, patron_groups

AGENCY = "DK-766100"
MUNICIPALITY = "661"
LOAN_DAYS = 30
CHILD, ADULT, STAFF = "Barn", "Voksen", "Personale"
STANDARD, FILM, DISC, GAME = "standard", "film", "musik", "spil"


def plant(connection: Connection) -> None:
    """Into a database without rules."""
    connection.execute(insert(cursor).values(last=0))
    connection.execute(insert(library).values(_LIBRARY))
    connection.execute(insert(patron_groups), _PATRON_GROUPS)
    connection.execute(insert(material_groups), _MATERIAL_GROUPS)
    connection.execute(insert(loan_profiles), _LOAN_PROFILES)
    connection.execute(insert(fee_steps), _FEE_STEPS)


_LIBRARY = {
    "library_id": 1,
    "agency": AGENCY,
    "name": "Holstebro Bibliotek",
    "municipality": MUNICIPALITY,
    "child_below": 14,
    "debt_limit": 200_00,
    "renew_from_days": 7,
    "pickup_days": 7,
    "transit_days": 14,
    "remind_days": 2,
}

_PATRON_GROUPS = [
    {"group_id": name, "max_loans": loans, "max_holds": holds, "pays_fees": pays, "gets_reminders": True}
    for name, loans, holds, pays in ((CHILD, 50, 20, True), (ADULT, 100, 50, True), (STAFF, 200, 50, False))
]

_MATERIAL_GROUPS = [
    {"group_id": name, "description": says, "holdable": True}
    for name, says in (
        (STANDARD, "30 dages lån"),
        (FILM, "7 dages lån, film"),
        (DISC, "14 dages lån, musik og lyd"),
        (GAME, "14 dages lån, spil"),
    )
]

_LOAN_PROFILES = [
    {"material_group": material, "patron_group": patron, "loan_days": days, "renewals": renewals}
    for material, patron, days, renewals in (
        (STANDARD, "", LOAN_DAYS, 3),
        (STANDARD, STAFF, 90, 5),
        (FILM, "", 7, 1),
        (DISC, "", 14, 2),
        (GAME, "", 14, 1),
    )
]

_FEE_STEPS = [
    {"child": child, "from_day": day, "amount": amount}
    for child, steps in (
        (False, ((1, 20_00), (8, 60_00), (15, 120_00), (31, 230_00))),
        (True, ((1, 10_00), (8, 30_00), (15, 55_00), (31, 120_00))),
    )
    for day, amount in steps
]
