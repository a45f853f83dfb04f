"""The messages of SIP2 2.00 as data: which fixed fields with which widths, which variable fields.

    MM ffff… XXvalue| XXvalue| … [AYn AZhhhh] CR
       ^ fixed, by width    ^ variable, in any order

Source: SIP2 2.00; the widths are those of three independent implementations (tests/vectors/sip2-fields.json).
Not responsible for: bytes (codec.py), what a field means to the store (central/sip2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# name:width of the fixed fields | variable fields; ! must be there, though it may be empty
_MESSAGES = """
01 card_retained:1 transaction_date:18 | AO! AL! AA! AC!
09 no_block:1 transaction_date:18 return_date:18 | AP! AO! AB! AC! CH BI
10 ok:1 resensitize:1 magnetic_media:1 alert:1 transaction_date:18 | AO! AB! AQ! AJ CL AA CK CH AF AG
11 sc_renewal_policy:1 no_block:1 transaction_date:18 nb_due_date:18 | AO! AA! AB! AC! CH AD BO BI
12 ok:1 renewal_ok:1 magnetic_media:1 desensitize:1 transaction_date:18 | AO! AA! AB! AJ! AH! BT CI BH BV CK CH BK AF AG
15 hold_mode:1 transaction_date:18 | AO! AA! BW BS BY AD AB AJ AC BO
16 ok:1 available:1 transaction_date:18 | BW BR BS AO! AA! AB AJ AF AG
17 transaction_date:18 | AO! AB! AC
18 circulation_status:2 security_marker:2 fee_type:2 transaction_date:18 | CF AH CJ CM AB! AJ! BG BH BV CK AQ AP \
CH AF AG
19 transaction_date:18 | AO! AB! AC CH!
20 item_properties_ok:1 transaction_date:18 | AB! AJ CH AF AG
23 language:3 transaction_date:18 | AO! AA! AC! AD!
24 patron_status:14 language:3 transaction_date:18 | AO! AA! AE! BL CQ BH BV AF AG
25 transaction_date:18 | AO! AA! AC AD
26 patron_status:14 language:3 transaction_date:18 | AO! AA! AE! BL CQ AF AG
29 third_party_allowed:1 no_block:1 transaction_date:18 nb_due_date:18 | AO! AA! AD AB AJ AC CH BO
30 ok:1 renewal_ok:1 magnetic_media:1 desensitize:1 transaction_date:18 | AO! AA! AB! AJ! AH! BT CI BH BV CK CH BK AF AG
35 transaction_date:18 | AO! AA! AC AD
36 end_session:1 transaction_date:18 | AO! AA! AF AG
37 transaction_date:18 fee_type:2 payment_type:2 currency_type:3 | BV! AO! AA! AC AD CG BK
38 payment_accepted:1 transaction_date:18 | AO! AA! BK AF AG
63 language:3 transaction_date:18 summary:10 | AO! AA! AC AD BP BQ
64 patron_status:14 language:3 transaction_date:18 hold_items_count:4 overdue_items_count:4 charged_items_count:4 \
fine_items_count:4 recall_items_count:4 unavailable_holds_count:4 | AO! AA! AE! BZ CA CB BL CQ BH BV CC AS AT AU AV BU \
CD BD BE BF AF AG
65 transaction_date:18 | AO! AA! AD AC BO
66 ok:1 renewed_count:4 unrenewed_count:4 transaction_date:18 | AO! BM BN AF AG
93 uid_algorithm:1 pwd_algorithm:1 | CN! CO! CP
94 ok:1 |
96 |
97 |
98 online_status:1 checkin_ok:1 checkout_ok:1 acs_renewal_policy:1 status_update_ok:1 offline_ok:1 timeout_period:3 \
retries_allowed:3 date_time_sync:18 protocol_version:4 | AO! AM BX! AN AF AG
99 status_code:1 max_print_width:3 protocol_version:4 |
"""

# May stand more than once, wherever they may stand.
REPEATED = frozenset({"AF", "AG", "AS", "AT", "AU", "AV", "BU", "CD", "BM", "BN"})


@dataclass(frozen=True, slots=True)
class Shape:
    """One message. fixed: name and width in characters, in order. fields: what the standard knows, in its order."""

    fixed: tuple[tuple[str, int], ...]
    fields: tuple[str, ...]
    required: frozenset[str]

    @property
    def width(self) -> int:
        return sum(width for _, width in self.fixed)


def _shape(line: str) -> tuple[str, Shape]:
    left, _, right = line.partition("|")
    code, *fixed = left.split()
    widths = tuple((name, int(width)) for name, _, width in (part.partition(":") for part in fixed))
    fields = right.split()
    required = frozenset(field[:2] for field in fields if field.endswith("!"))
    return code, Shape(widths, tuple(field[:2] for field in fields), required)


SHAPES: Mapping[str, Shape] = MappingProxyType(dict(_shape(line) for line in _MESSAGES.strip().splitlines()))
