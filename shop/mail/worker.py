"""Sending what waits: claimed, written once, handed over with nothing open, ticked off.

A mail is claimed by one guarded UPDATE that gives it a lease, so two workers never send the same,
and a worker that dies leaves it to the next when the lease is over. Between the server's "taken"
and our tick lies the only moment in which a crash makes a second copy, under the same Message-ID.

Times are the wall clock's, which can be set. A lease or a wait that reaches further ahead than we
ever give one was given by a clock that has been set back since, and counts as over.
"""

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import Session, aliased

from shop.kit.clock import Clock
from shop.kit.db import Sessions, changed
from shop.kit.i18n import speaking
from shop.mail.errors import (
    CannotBeWritten,
    MailError,
    NoSender,
    PutOff,
    ServerUnreachable,
    Unclear,
)
from shop.mail.letterhead import Letterhead, Stationery, Writer
from shop.mail.letters import (
    Heading,
    Letter,
    checked_address,
    compose,
    read_head,
    sender_of,
    whole_message_id,
)
from shop.mail.models import Message, Status, Trouble
from shop.mail.queries import message_id_of
from shop.mail.senders import Sender
from shop.preferences.queries import preferences

log = logging.getLogger("shop.mail")

LEASE = timedelta(minutes=5)
MOST_TRIES = 20  # with the waits between them, three days in all
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
ENOUGH_TRIES = 4  # after these the wait is the longest for a server that is away
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=5)
WAITS_FOR_THE_SERVER = Message.trouble.in_((Trouble.UNREACHABLE, Trouble.NO_SENDER))
LONGEST_ERROR = 500
CLOCKS_DIFFER = timedelta(minutes=10)  # by this much two machines' clocks may, and no more
AWAY = (OperationalError, InterfaceError, NoConnectionFree)  # the database, and not the mail


@dataclass
class PostOffice:
    """What it takes to send mail, handed as one thing."""

    sessions: Sessions
    reads: Sessions
    sender: Sender
    writers: Mapping[str, Writer]  # by the kind of mail
    stationery: Stationery
    now: Clock
    chance: Callable[[], float] = random.random  # 0 to 1: spreads the tries a little
    stopping: Callable[[], bool] = lambda: False  # whether we were asked to come to an end
    # taken by the server, but the tick could not be written: never to be sent again from here
    taken: set[int] = field(default_factory=set)


@dataclass
class Outcome:
    sent: int = 0
    failed: int = 0


def send_due(office: PostOffice, limit: int = 100) -> Outcome:
    """Send what is due, the oldest first, *limit* at most. A mail that cannot be sent never keeps
    the next one back; a mail server that does not serve us ends the round.
    """
    outcome = Outcome()
    for message_id in tuple(office.taken):
        _tick_off(office, message_id)
        outcome.sent += 1
    for _ in range(limit):
        if office.stopping():  # a mail begun now might be cut off
            break
        message = _claim(office)
        if message is None:
            break
        try:
            _send(office, message)
            outcome.sent += 1
        except (ServerUnreachable, NoSender) as error:
            _pause(office, message, error)
            outcome.failed += 1
            break
        except PutOff as error:
            _put_off(office, message, error)
            outcome.failed += 1
        except MailError as error:
            _park(office, message, error)
            outcome.failed += 1
    return outcome


# --- one mail -------------------------------------------------------------------------------------


def _claim(office: PostOffice) -> Message | None:
    """Return the oldest mail that is due, ours alone for the length of the lease."""
    now = office.now()
    other = aliased(Message)
    # A mail that is due will ask the server: then let the one ask that has waited longest for it.
    may_ask = and_(WAITS_FOR_THE_SERVER, exists().where(_is_due(now, other)))
    oldest = (
        select(Message.id)
        .where(_is_free(now), or_(_has_come(now), may_ask))
        .order_by(Message.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    claim = (
        update(Message)
        .where(Message.id == oldest, _is_free(now))
        .values(leased_until=now + LEASE, tries=Message.tries + 1)
        .returning(Message)
        .execution_options(synchronize_session=False)
    )
    with office.sessions.begin() as db:
        return db.scalar(claim)


def _is_due(now: datetime, message: type[Message] = Message) -> ColumnElement[bool]:
    return and_(_is_free(now, message), _has_come(now, message))


def _is_free(now: datetime, message: type[Message] = Message) -> ColumnElement[bool]:
    """Say that it is to be sent, and that no living worker has it in hand."""
    return and_(
        message.status == Status.QUEUED,
        or_(
            message.leased_until.is_(None),
            message.leased_until <= now,
            message.leased_until > now + LEASE + CLOCKS_DIFFER,
        ),
    )


def _has_come(now: datetime, message: type[Message] = Message) -> ColumnElement[bool]:
    """Say that its time has come, or was set by a clock that has been set back since."""
    return or_(
        message.due_at <= now,
        and_(message.trouble.is_(None), message.queued_at > now + CLOCKS_DIFFER),
        and_(message.trouble.is_not(None), message.due_at > now + 2 * LONGEST_WAIT),
    )


def _send(office: PostOffice, message: Message) -> None:
    if message.tries > MOST_TRIES:  # every try before this one ended in a crash
        raise Unclear(message.last_error or "the worker died each time it tried")
    raw = message.rendered or _write(office, message)
    letter = Letter(
        kind=message.kind,
        message_id=message.message_id,
        queued_at=message.queued_at,
        sender=sender_of(raw),
        recipient=checked_address(message.recipient),
        raw=raw,
    )
    try:
        office.sender.send(letter)
    except MailError:
        raise
    except Exception as error:
        log.exception("mail %s: the sender failed", message.id)
        raise Unclear(_in_one_line(error)) from error
    office.taken.add(message.id)
    _tick_off(office, message.id)


def _write(office: PostOffice, message: Message) -> bytes:
    """Write the mail, and keep it to the byte before it is sent for the first time."""
    try:
        with office.reads.begin() as db, speaking(message.locale):
            raw = _composed(db, office, message)
    except MailError:
        raise
    except AWAY as error:
        raise PutOff(_in_one_line(error)) from error
    except Exception as error:
        log.exception("mail %s (%s) cannot be written", message.id, message.kind)
        raise CannotBeWritten(_in_one_line(error)) from error
    subject = str(read_head(raw)["Subject"])
    if not _update(office, message, rendered=raw, subject=subject):
        raise PutOff("another worker has taken it over")
    return raw


def _composed(db: Session, office: PostOffice, message: Message) -> bytes:
    shop = preferences(db)
    writer = office.writers[message.kind]
    letterhead = Letterhead(office.stationery, shop)
    mail = writer(db, message.subject_id, message.locale, letterhead)
    base_url = office.stationery.base_url
    earlier = message_id_of(db, *mail.follows) if mail.follows is not None else None
    heading = Heading(
        recipient=message.recipient,
        locale=message.locale,
        message_id=whole_message_id(message.message_id, base_url),
        follows=whole_message_id(earlier, base_url) if earlier is not None else None,
        date=office.now(),
    )
    return compose(mail, heading, shop)


# --- what became of it ----------------------------------------------------------------------------


def _tick_off(office: PostOffice, message_id: int) -> None:
    """The server has taken it. If it did, it serves us again: what waited for that need not."""
    now = office.now()
    with office.sessions.begin() as db:
        db.execute(
            update(Message)
            .where(Message.id == message_id, Message.status == Status.QUEUED)
            .values(
                status=Status.SENT, sent_at=now, leased_until=None, trouble=None, last_error=None
            )
            .execution_options(synchronize_session=False)
        )
        db.execute(
            update(Message)
            .where(
                Message.status == Status.QUEUED,
                WAITS_FOR_THE_SERVER,
                Message.due_at > now,
            )
            .values(due_at=now)
            .execution_options(synchronize_session=False)
        )
    office.taken.discard(message_id)


def _put_off(office: PostOffice, message: Message, error: PutOff) -> None:
    """Try again later, a little longer each time; give up after three days. As long as the server
    takes nothing at all, that need not be the mail's fault: then it never waits longer than for a
    server that is away, and is not given up.
    """
    ours_alone = isinstance(error, Unclear) or _others_are_taken(office, message)
    if ours_alone and message.tries >= MOST_TRIES:
        _park(office, message, error)
        return
    longest = LONGEST_WAIT if ours_alone else LONGEST_PAUSE
    wait = min(FIRST_WAIT * 2 ** (message.tries - 1), longest)
    log.warning("mail %s (%s) waits: %s", message.id, message.kind, error.trouble)
    _update(
        office,
        message,
        leased_until=None,
        due_at=office.now() + wait * (1 + office.chance() / 10),
        tries=message.tries if ours_alone else min(message.tries, ENOUGH_TRIES),
        **_trouble(error),
    )


def _others_are_taken(office: PostOffice, message: Message) -> bool:
    """Say whether the server has taken any mail since this one was written down."""
    taken = select(exists().where(Message.sent_at >= message.queued_at))
    with office.reads.begin() as db:
        return bool(db.scalar(taken))


def _park(office: PostOffice, message: Message, error: MailError) -> None:
    """Leave it to the owner."""
    # What the server said names the recipient: it stands with the mail, and not in the log.
    log.error("mail %s (%s) is given up: %s", message.id, message.kind, error.trouble)
    _update(office, message, status=Status.PARKED, leased_until=None, **_trouble(error))


def _pause(office: PostOffice, message: Message, error: MailError) -> None:
    """Let everything that is due, or waits for the server, wait until the same moment: as long
    again as this mail has waited, a minute at least and five at most. It is no mail's fault, so
    none is ever given up for it.
    """
    now = office.now()
    waited = now - message.queued_at
    due_at = now + min(max(waited, SHORTEST_PAUSE), LONGEST_PAUSE)
    log.error("no mail can be sent until %s: %s", due_at, error)
    with office.sessions.begin() as db:
        db.execute(
            update(Message)
            .where(_is_free(now), or_(_has_come(now), WAITS_FOR_THE_SERVER))
            .values(due_at=due_at, **_trouble(error))
            .execution_options(synchronize_session=False)
        )
    _update(
        office,
        message,
        leased_until=None,
        due_at=due_at,
        tries=message.tries - 1,
        **_trouble(error),
    )


def _trouble(error: MailError) -> dict[str, str]:
    return {"trouble": error.trouble, "last_error": _in_one_line(error)}


def _in_one_line(error: Exception) -> str:
    said = " ".join(str(error).split())
    text = said if isinstance(error, MailError) else f"{type(error).__name__}: {said}"
    return text[:LONGEST_ERROR]


def _update(office: PostOffice, message: Message, **values: object) -> bool:
    """Change the mail as long as it is still ours; say whether it was."""
    with office.sessions.begin() as db:
        ours = changed(
            db,
            update(Message)
            .where(
                Message.id == message.id,
                Message.status == Status.QUEUED,
                Message.leased_until == message.leased_until,
            )
            .values(**values),
        )
    return ours == 1
