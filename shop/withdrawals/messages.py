"""The mails about a withdrawal: to the buyer the receipt that the law asks for, and word of it to
the owner.
"""

from sqlalchemy.orm import Session

from shop.kit.clock import local_day
from shop.mail.letterhead import Letterhead
from shop.mail.letters import Mail
from shop.orders.models import Order
from shop.withdrawals.models import Withdrawal
from shop.withdrawals.queries import TIME_TO_PAY_BACK, withdrawal_by_id


def receipt(db: Session, withdrawal_id: int, locale: str, letterhead: Letterhead) -> Mail:
    """Confirm to the buyer what was declared, and when. It says the same whether an order fits."""
    withdrawal = _withdrawal(db, withdrawal_id)
    return letterhead.write("withdrawal_receipt", locale, withdrawal=withdrawal)


def notice(db: Session, withdrawal_id: int, locale: str, letterhead: Letterhead) -> Mail:
    """Write to the owner who withdraws from what. An answer reaches the buyer."""
    withdrawal = _withdrawal(db, withdrawal_id)
    order = db.get(Order, withdrawal.order_id) if withdrawal.order_id is not None else None
    return letterhead.write(
        "withdrawal_notice",
        locale,
        reply_to=withdrawal.email,
        withdrawal=withdrawal,
        order=order,
        pay_back_by=local_day(withdrawal.at) + TIME_TO_PAY_BACK,
        admin_url=f"{letterhead.urls.base}/admin/withdrawals",
    )


def _withdrawal(db: Session, withdrawal_id: int) -> Withdrawal:
    withdrawal = withdrawal_by_id(db, withdrawal_id)
    if withdrawal is None:
        raise LookupError(f"there is no withdrawal with the id {withdrawal_id}")
    return withdrawal
