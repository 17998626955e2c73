"""What happens at the owner's door. Each thing that counts once is one guarded UPDATE."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from shop.kit.db import changed
from shop.kit.ids import fingerprint, random_token
from shop.owner.errors import (
    LinkUsed,
    NotAnAddress,
    TooManyAttempts,
    WrongCode,
    WrongSignIn,
    WrongStep,
)
from shop.owner.models import (
    AuditEntry,
    Owner,
    OwnerSession,
    RecoveryCode,
    SignInAttempt,
    SignInLink,
    Step,
)
from shop.owner.queries import check_link, owner_by_email, plain_address
from shop.owner.totp import (
    RECOVERY_CODES,
    matching_step,
    new_recovery_code,
    new_secret,
    plain_recovery_code,
)

LINK_LIVES = timedelta(hours=1)
SESSION_LIVES = timedelta(days=90)
SEEN_EVERY = timedelta(minutes=5)

ATTEMPTS_PER_SOURCE = 10
ATTEMPTS_OF_STRANGERS = 20  # from everywhere together, known devices aside
ATTEMPTS_WINDOW = timedelta(minutes=15)
ATTEMPTS_KEPT = timedelta(days=1)


def write_audit(db: Session, by: str, action: str, subject: str, now: datetime) -> None:
    """Note what was done to the shop; ``owner/deeds.py`` has the sentence for each *action*."""
    db.add(AuditEntry(at=now, by=by, action=action, subject=subject))


# --- one-time links -------------------------------------------------------------------------------


def invite_owner(
    db: Session, email: str, *, now: datetime, valid_for: timedelta = LINK_LIVES
) -> str:
    """Return the token of a new one-time link for the owner with *email*, who is made if there is
    none. Earlier links of theirs stop working.
    """
    address = plain_address(email)
    if "@" not in address.strip("@"):
        raise NotAnAddress(email)
    owner = owner_by_email(db, address)
    if owner is None:
        owner = Owner(email=address, created_at=now)
        db.add(owner)
        db.flush()  # the owner's id is needed for the link
    db.execute(
        update(SignInLink)
        .where(SignInLink.owner_id == owner.id, SignInLink.expires_at > now)
        .values(expires_at=now)
    )
    token = random_token()
    db.add(
        SignInLink(
            fingerprint=fingerprint(token),
            owner_id=owner.id,
            created_at=now,
            expires_at=now + valid_for,
        )
    )
    write_audit(db, "shop", "invited", address, now)
    return token


def use_link(db: Session, token: str, *, step: Step, user_agent: str, now: datetime) -> str:
    """Use a one-time link up and return the token of a new session at *step*; LinkProblem if it
    is unknown, expired or used: of two at once, one.
    """
    used = changed(
        db,
        update(SignInLink)
        .where(
            SignInLink.fingerprint == fingerprint(token),
            SignInLink.used_at.is_(None),
            SignInLink.expires_at > now,
        )
        .values(used_at=now),
    )
    if not used:
        check_link(db, token, now)  # says why
        raise LinkUsed
    owner = db.get_one(Owner, db.get_one(SignInLink, fingerprint(token)).owner_id)
    write_audit(db, owner.email, "signed-in-by-link", "", now)
    return start_session(db, owner.id, step=step, user_agent=user_agent, now=now)


# --- sessions -------------------------------------------------------------------------------------


def start_session(db: Session, owner_id: int, *, step: Step, user_agent: str, now: datetime) -> str:
    """Return the token of a new session; only its fingerprint is kept."""
    token = random_token()
    db.add(
        OwnerSession(
            fingerprint=fingerprint(token),
            owner_id=owner_id,
            step=step,
            created_at=now,
            seen_at=now,
            expires_at=now + SESSION_LIVES,
            user_agent=user_agent[:300],
        )
    )
    return token


def note_seen(db: Session, session_id: int, now: datetime) -> None:
    db.execute(
        update(OwnerSession)
        .where(OwnerSession.id == session_id, OwnerSession.seen_at <= now - SEEN_EVERY)
        .values(seen_at=now)
    )


def end_session(db: Session, owner: Owner, session_id: int, *, now: datetime) -> bool:
    """End one of the owner's sessions; False if it had ended already or is somebody else's."""
    ended = changed(
        db,
        update(OwnerSession)
        .where(
            OwnerSession.id == session_id,
            OwnerSession.owner_id == owner.id,
            OwnerSession.ended_at.is_(None),
        )
        .values(ended_at=now),
    )
    if ended:
        write_audit(db, owner.email, "signed-out", "", now)
    return bool(ended)


def end_other_sessions(db: Session, owner: Owner, keep: int, *, now: datetime) -> int:
    """End all of the owner's sessions but *keep*, and return how many that was."""
    ended = changed(
        db,
        update(OwnerSession)
        .where(
            OwnerSession.owner_id == owner.id,
            OwnerSession.id != keep,
            OwnerSession.ended_at.is_(None),
        )
        .values(ended_at=now),
    )
    if ended:
        write_audit(db, owner.email, "signed-out-elsewhere", "", now)
    return ended


# --- signing in with a password -------------------------------------------------------------------


def take_attempt(db: Session, source: str, *, known_device: bool, now: datetime) -> None:
    """Count one more try from *source* before it is looked at; TooManyAttempts if there were too
    many already. A device that the owner has signed in from has a count of its own, so that no
    stranger can lock the owner out.
    """
    since = now - ATTEMPTS_WINDOW
    recent = select(func.count(), func.min(SignInAttempt.at)).where(SignInAttempt.at > since)
    limits = [(recent.where(SignInAttempt.source == source), ATTEMPTS_PER_SOURCE)]
    if not known_device:
        strangers = recent.where(SignInAttempt.known_device.is_(False))
        limits.append((strangers, ATTEMPTS_OF_STRANGERS))
    for query, limit in limits:
        count, first = db.execute(query).one()
        if count >= limit:
            raise TooManyAttempts(first + ATTEMPTS_WINDOW)
    db.execute(delete(SignInAttempt).where(SignInAttempt.at < now - ATTEMPTS_KEPT))
    db.add(SignInAttempt(source=source, known_device=known_device, at=now))


def forgive_attempts(db: Session, source: str) -> None:
    db.execute(delete(SignInAttempt).where(SignInAttempt.source == source))


@dataclass(frozen=True)
class Proof:
    """What shows that it is the owner, the password having been compared already."""

    password_hash: str  # the one it was compared with
    new_hash: str | None  # when that one is due for renewal
    code: str
    recovery_code: str


def sign_in(
    db: Session, owner_id: int, proof: Proof, *, code_needed: bool, user_agent: str, now: datetime
) -> str:
    """Return the token of a new, full session; WrongSignIn if the code is wrong or was used.
    *code_needed* refuses an owner who has not set up an authenticator app.
    """
    owner = db.get_one(Owner, owner_id)
    if owner.password_hash != proof.password_hash:  # changed since it was compared
        raise WrongSignIn
    if owner.totp_secret is None:
        if code_needed:
            raise WrongSignIn
    elif proof.recovery_code:
        use_recovery_code(db, owner, proof.recovery_code, now=now)
    elif not _use_code(db, owner.id, owner.totp_secret, proof.code, now):
        raise WrongSignIn
    if proof.new_hash is not None:
        owner.password_hash = proof.new_hash
    write_audit(db, owner.email, "signed-in", "", now)
    return start_session(db, owner.id, step=Step.FULL, user_agent=user_agent, now=now)


def use_recovery_code(db: Session, owner: Owner, typed: str, *, now: datetime) -> None:
    """Use up one recovery code; WrongSignIn if it is none, or was used."""
    used = changed(
        db,
        update(RecoveryCode)
        .where(
            RecoveryCode.owner_id == owner.id,
            RecoveryCode.fingerprint == fingerprint(plain_recovery_code(typed)),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now),
    )
    if not used:
        raise WrongSignIn
    write_audit(db, owner.email, "recovery-code-used", "", now)


def _use_code(db: Session, owner_id: int, secret: str, code: str, now: datetime) -> bool:
    """Use up the code's time step: each counts once, and none before it counts any more."""
    step = matching_step(secret, code, now)
    if step is None:
        return False
    used = changed(
        db,
        update(Owner)
        .where(
            Owner.id == owner_id,
            (Owner.totp_last_step.is_(None)) | (Owner.totp_last_step < step),
        )
        .values(totp_last_step=step),
    )
    return bool(used)


# --- password, authenticator app, recovery codes --------------------------------------------------


def set_password(
    db: Session, owner: Owner, session_id: int, password_hash: str, *, now: datetime
) -> None:
    """Keep a new password; whoever is signed in elsewhere no longer is."""
    db.execute(update(Owner).where(Owner.id == owner.id).values(password_hash=password_hash))
    end_other_sessions(db, owner, session_id, now=now)
    write_audit(db, owner.email, "password-set", "", now)


def offer_totp(db: Session, session_id: int) -> None:
    """Make a secret for an authenticator app; it counts once a code of it has been typed."""
    db.execute(
        update(OwnerSession)
        .where(OwnerSession.id == session_id)
        .values(new_totp_secret=new_secret())
    )


def confirm_totp(
    db: Session, owner: Owner, session_id: int, code: str, *, now: datetime
) -> Sequence[str]:
    """Take the offered secret into use and return new recovery codes; WrongCode if *code* is not
    of it, WrongStep if nothing is on offer.
    """
    session = db.get_one(OwnerSession, session_id)
    secret = session.new_totp_secret
    if secret is None:
        raise WrongStep
    step = matching_step(secret, code, now)
    if step is None:
        raise WrongCode
    if not changed(
        db,
        update(OwnerSession)
        .where(OwnerSession.id == session_id, OwnerSession.new_totp_secret == secret)
        .values(new_totp_secret=None),
    ):
        raise WrongStep
    db.execute(
        update(Owner).where(Owner.id == owner.id).values(totp_secret=secret, totp_last_step=step)
    )
    write_audit(db, owner.email, "totp-set", "", now)
    return make_recovery_codes(db, owner, now=now)


def make_recovery_codes(db: Session, owner: Owner, *, now: datetime) -> Sequence[str]:
    """Return ten new recovery codes; the old ones stop working. Only fingerprints are kept."""
    db.execute(delete(RecoveryCode).where(RecoveryCode.owner_id == owner.id))
    codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]
    db.add_all(
        RecoveryCode(owner_id=owner.id, fingerprint=fingerprint(plain_recovery_code(code)))
        for code in codes
    )
    write_audit(db, owner.email, "recovery-codes-made", "", now)
    return codes


# --- the way in by a one-time link ----------------------------------------------------------------


def choose_password(
    db: Session, owner: Owner, session_id: int, password_hash: str, *, now: datetime
) -> None:
    """Take the first step of the way in, and offer a secret for the second."""
    _advance(db, session_id, Step.PASSWORD, Step.TOTP)
    set_password(db, owner, session_id, password_hash, now=now)
    offer_totp(db, session_id)


def choose_totp(
    db: Session, owner: Owner, session_id: int, code: str, *, now: datetime
) -> Sequence[str]:
    """Take the second step, and return the recovery codes that the third one shows."""
    _advance(db, session_id, Step.TOTP, Step.CODES)
    return confirm_totp(db, owner, session_id, code, now=now)


def codes_again(db: Session, owner: Owner, session_id: int, *, now: datetime) -> Sequence[str]:
    """Return new recovery codes, for who lost the page before keeping them."""
    _advance(db, session_id, Step.CODES, Step.CODES)
    return make_recovery_codes(db, owner, now=now)


def enter(db: Session, owner: Owner, session: OwnerSession, *, now: datetime) -> str:
    """Take the last step: return the token of a full session, in place of the one so far."""
    _advance(db, session.id, Step.CODES, Step.FULL)
    db.execute(update(OwnerSession).where(OwnerSession.id == session.id).values(ended_at=now))
    return start_session(db, owner.id, step=Step.FULL, user_agent=session.user_agent, now=now)


def _advance(db: Session, session_id: int, step: Step, following: Step) -> None:
    if not changed(
        db,
        update(OwnerSession)
        .where(
            OwnerSession.id == session_id,
            OwnerSession.step == step,
            OwnerSession.ended_at.is_(None),
        )
        .values(step=following),
    ):
        raise WrongStep
