"""The owner's view of the mails: what waits, what could not be sent and why, what has gone out."""

from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.kit.forms import whole_number
from shop.kit.routing import OWNER, Get, Post
from shop.kit.templating import page
from shop.mail.actions import send_again
from shop.mail.letters import text_of
from shop.mail.models import Message, Status
from shop.mail.queries import message_by_id, messages_in
from shop.owner.actions import write_audit

LARGEST_ID = 999_999_999
SENT_SHOWN = 50


def show_list(request: Request) -> Response:
    with request.state.reads.begin() as db:
        return page(
            request,
            "mail/list.html",
            parked=messages_in(db, Status.PARKED, newest_first=True),
            queued=messages_in(db, Status.QUEUED, newest_first=False),
            sent=messages_in(db, Status.SENT, newest_first=True, limit=SENT_SHOWN),
        )


def show(request: Request) -> Response:
    with request.state.reads.begin() as db:
        message = _message(request, db)
    text = text_of(message.rendered) if message.rendered is not None else ""
    return page(request, "mail/show.html", message=message, text=text)


def send(request: Request, form: FormData) -> Response:  # noqa: ARG001 - the button says it all
    """Send it once more, or try now what waits for a later try."""
    till = request.state.till
    with till.sessions.begin() as db:
        message = _message(request, db)
        found = send_again(db, message.id, now=till.now())
        if found:
            about = message.subject or message.kind
            write_audit(db, "owner", "mail-sent-again", about, now=till.now())
    note = "mail-on-its-way" if found else "mail-waits-already"
    return RedirectResponse(f"/admin/mail/{message.id}?note={note}", status_code=303)


def _message(request: Request, db: Session) -> Message:
    number = whole_number(request.path_params["id"], least=1, most=LARGEST_ID)
    message = message_by_id(db, number) if number is not None else None
    if message is None:
        raise HTTPException(404)
    return message


routes = [
    Get("/admin/mail", show_list, access=OWNER),
    Get("/admin/mail/{id}", show, access=OWNER),
    Post("/admin/mail/{id}/send", send, access=OWNER),
]
