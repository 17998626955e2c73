"""The owner's settings, texts, and the way to a shop that takes real money."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shop.catalogue.errors import NotAPhoto, PhotoTooLarge
from shop.catalogue.photos import MOST_BYTES, store_picture
from shop.checks import ask_stripe, checks
from shop.kit.clock import local_day
from shop.kit.i18n import gettext as _
from shop.kit.i18n import speaking
from shop.kit.routing import OWNER, Get, Post
from shop.kit.templating import page
from shop.mail.errors import MailError
from shop.mail.senders import make_sender
from shop.mail.trial import send_trial
from shop.orders.queries import any_order
from shop.owner.actions import write_audit
from shop.preferences.actions import set_preferences, write_page, write_starting_texts
from shop.preferences.forms import (
    BlogSettings,
    OrderSettings,
    SectionForm,
    SellerSettings,
    TaxSettings,
    TextForm,
    language_name,
    shop_settings,
    swedish_number_is_odd,
    swedish_vat_number_is_odd,
)
from shop.preferences.queries import page_texts
from shop.preferences.texts import (
    PLACEHOLDERS,
    SLUGS,
    facts,
    is_starting_text,
    notes_before_opening,
    starting_texts,
)
from shop.preferences.values import Preferences
from shop.shipping.table import text_in_full
from shop.tax.actions import set_vat_rate
from shop.tax.queries import vat_rate_bp

PICTURES = {"portrait": "portrait_hash", "workshop": "workshop_hash"}
TEXT_LIMIT = 400 * 1024  # a long page, every letter of it percent-encoded
PICTURES_LIMIT = len(PICTURES) * MOST_BYTES + 1024 * 1024


# --- settings -------------------------------------------------------------------------------------


def show_settings(request: Request) -> Response:
    wishes: Preferences = request.state.preferences.current
    return page(
        request,
        "preferences/settings.html",
        doubts=doubts(wishes),
        languages=", ".join(language_name(code) for code in wishes.languages),
    )


def show_section(request: Request) -> Response:
    with request.state.reads.begin() as db:
        form = _section_form(request, db, None)
    return _section_page(request, form)


def save_section(request: Request, form: FormData) -> Response:
    state, section = request.state, request.path_params["section"]
    with state.reads.begin() as db:
        filled_in = _section_form(request, db, form)
    if not filled_in.validate():
        return _section_page(request, filled_in, status=422)
    till = state.till
    with till.sessions.begin() as db:
        set_preferences(db, **filled_in.values())
        write_starting_texts(db)  # a new language comes with its texts
        if isinstance(filled_in, TaxSettings) and filled_in.rate_bp is not None:
            country = state.preferences.current.country
            set_vat_rate(db, country, filled_in.rate_bp, local_day(till.now()))
        write_audit(db, "owner", "settings-changed", section, now=till.now())
    state.preferences.refresh()
    stay = section in doubts(state.preferences.current)
    back = f"/admin/settings/{section}" if stay else "/admin/settings"
    return RedirectResponse(f"{back}?note=saved", status_code=303)


def doubts(wishes: Preferences) -> dict[str, str]:
    """Return what looks odd in a section that is saved all the same: section, sentence."""
    found = {}
    if wishes.country == "SE":
        if wishes.org_number and swedish_number_is_odd(wishes.org_number):
            found["seller"] = _(
                "The registration number’s check digit does not match. Check it again."
            )
        if wishes.vat_number and swedish_vat_number_is_odd(wishes.vat_number, wishes.org_number):
            found["tax"] = _(
                "A Swedish VAT number is SE, then the registration number, then 01. Check it again."
            )
    return found


def _section_form(request: Request, db: Session, form: FormData | None) -> SectionForm:
    now: Preferences = request.state.preferences.current
    today = local_day(request.state.till.now())
    forms: dict[str, Callable[[], SectionForm]] = {
        "shop": lambda: shop_settings(form, now, currency_fixed=any_order(db)),
        "seller": lambda: SellerSettings(form, now),
        "tax": lambda: TaxSettings(form, now, rate_bp=vat_rate_bp(db, now.country, today)),
        "orders": lambda: OrderSettings(form, now),
        "blog": lambda: BlogSettings(form, now),
    }
    if (section := request.path_params["section"]) not in forms:
        raise HTTPException(404)
    return forms[section]()


def _section_page(request: Request, form: SectionForm, status: int = 200) -> Response:
    section = request.path_params["section"]
    return page(
        request,
        f"preferences/settings_{section}.html",
        status=status,
        form=form,
        doubt="" if form.errors else doubts(request.state.preferences.current).get(section, ""),
    )


# --- pictures of the maker ------------------------------------------------------------------------


def show_pictures(request: Request) -> Response:
    return page(request, "preferences/settings_pictures.html", problems={})


def save_pictures(request: Request, form: FormData) -> Response:
    """Keep what was chosen and drop what was ticked; a wrong file changes nothing."""
    state, changes, problems = request.state, dict[str, str](), dict[str, str]()
    for name, preference in PICTURES.items():
        upload = form.get(name)
        if isinstance(upload, UploadFile) and upload.filename:
            try:
                changes[preference] = store_picture(state.media, upload.file.read())
            except (NotAPhoto, PhotoTooLarge) as error:
                problems[name] = _why_not(error)
        elif form.get(f"remove_{name}"):
            changes[preference] = ""
    if problems:
        return page(request, "preferences/settings_pictures.html", status=422, problems=problems)
    till = state.till
    with till.sessions.begin() as db:
        set_preferences(db, **changes)
        write_audit(db, "owner", "settings-changed", "pictures", now=till.now())
    state.preferences.refresh()
    return RedirectResponse("/admin/settings/pictures?note=saved", status_code=303)


def _why_not(error: NotAPhoto | PhotoTooLarge) -> str:
    if isinstance(error, PhotoTooLarge):
        return _("That picture is too large. Choose one below 40 MB and 64 megapixels.")
    return _("That file cannot be shown. Choose a photo in JPEG, PNG, WebP, AVIF or HEIC.")


# --- texts ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShownText:
    """A text as the list of texts shows it."""

    slug: str
    locale: str
    title: str
    unread: bool  # it stands as it came with the program, or is not written at all


def show_texts(request: Request) -> Response:
    wishes: Preferences = request.state.preferences.current
    with request.state.reads.begin() as db:
        written = page_texts(db)
    texts = []
    for slug in SLUGS:
        for locale in wishes.languages:
            text = written.get((slug, locale))
            unread = text is None or is_starting_text(slug, locale, text.title, text.body)
            texts.append(ShownText(slug, locale, text.title if text else "", unread))
    return page(
        request,
        "preferences/texts.html",
        texts=texts,
        notes=notes_before_opening(request.state.locale),
    )


def show_text(request: Request) -> Response:
    with request.state.reads.begin() as db:
        slug, locale = _which_text(request)
        text = page_texts(db).get((slug, locale)) or starting_texts().get((slug, locale))
        form = TextForm(obj=text)
        return _text_page(request, db, form)


def save_text(request: Request, form: FormData) -> Response:
    slug, locale = _which_text(request)
    filled_in, till = TextForm(form), request.state.till
    if not filled_in.validate():
        with request.state.reads.begin() as db:
            return _text_page(request, db, filled_in, status=422)
    title, body = filled_in.title.data or "", filled_in.body.data or ""
    with till.sessions.begin() as db:
        write_page(db, slug, locale, title=title, body=body)
        write_audit(db, "owner", "text-changed", f"{slug} {locale}", now=till.now())
    return RedirectResponse(f"/admin/texts/{slug}/{locale}?note=saved", status_code=303)


def _which_text(request: Request) -> tuple[str, str]:
    slug, locale = request.path_params["slug"], request.path_params["locale"]
    if slug not in SLUGS or locale not in request.state.preferences.current.languages:
        raise HTTPException(404)
    return slug, locale


def _text_page(request: Request, db: Session, form: TextForm, status: int = 200) -> Response:
    """Show the form, and below it the text as buyers read it, in the text's own language."""
    state, (slug, locale) = request.state, _which_text(request)
    title, body = form.title.data or "", form.body.data or ""
    wishes, base_url = state.preferences.current, state.config.base_url
    today = local_day(state.till.now())
    with speaking(locale):
        values = facts(wishes, base_url)
    return page(
        request,
        "preferences/text.html",
        status=status,
        slug=slug,
        text_locale=locale,
        language=language_name(locale),
        form=form,
        unread=is_starting_text(slug, locale, title, body),
        shown=text_in_full(db, body, locale, wishes, base_url=base_url, today=today),
        placeholders={name: values.get(name, "") for name in PLACEHOLDERS},
        public_page=state.preferences.urls.link(_public_path(slug), locale),
    )


def _public_path(slug: str) -> str:
    return "/" if slug == "home" else f"/pages/{slug}"


# --- going live -----------------------------------------------------------------------------------


def show_going_live(request: Request) -> Response:
    return _going_live_page(request)


def send_test_mail(request: Request, form: FormData) -> Response:  # noqa: ARG001 - one button
    """Send the owner a mail now, and say in the mail server's words why if that fails."""
    state = request.state
    config, recipient = state.config, state.owner.email
    try:
        send_trial(
            make_sender(config.smtp_url, config.mail_folder, config.base_url),
            recipient,
            state.preferences.current,
            base_url=config.base_url,
            locale=state.locale,
            now=state.till.now(),
        )
    except (MailError, ValueError) as error:
        return _going_live_page(request, mail_problem=str(error), status=502)
    return RedirectResponse("/admin/going-live?note=test-mail-sent", status_code=303)


def _going_live_page(request: Request, *, mail_problem: str = "", status: int = 200) -> Response:
    state = request.state
    stripe = ask_stripe(state.till.gateway)  # before any transaction: it waits for the network
    with state.reads.begin() as db:
        lines = checks(
            state.config,
            state.preferences.current,
            db,
            stripe,
            today=local_day(state.till.now()),
        )
    return page(
        request,
        "preferences/going_live.html",
        status=status,
        lines=lines,
        mail_problem=mail_problem,
        recipient=state.owner.email,
    )


routes = [
    Get("/admin/settings", show_settings, access=OWNER),
    Get("/admin/settings/pictures", show_pictures, access=OWNER),
    Post(
        "/admin/settings/pictures",
        save_pictures,
        access=OWNER,
        pool="files",
        body_limit=PICTURES_LIMIT,
    ),
    Get("/admin/settings/{section}", show_section, access=OWNER),
    Post("/admin/settings/{section}", save_section, access=OWNER),
    Get("/admin/texts", show_texts, access=OWNER),
    Get("/admin/texts/{slug}/{locale}", show_text, access=OWNER),
    Post("/admin/texts/{slug}/{locale}", save_text, access=OWNER, body_limit=TEXT_LIMIT),
    Get("/admin/going-live", show_going_live, access=OWNER, pool="stripe"),
    Post("/admin/going-live/test-mail", send_test_mail, access=OWNER, pool="stripe"),
]
